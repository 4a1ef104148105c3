/*
 * Device shadow: a JSON document that the platform keeps for a device, with what the device reports and what is wanted
 * of it.
 *
 * A shadow client has an MQTT client of its own. Callbacks run in the thread that calls IOT_Shadow_Yield (or in the loop
 * thread of the MQTT client) and may call every function but the two that wait for an answer. The functions are in
 * libraries built with FEATURE_MQTT_DEVICE_SHADOW. Functions whose handle is NULL return QCLOUD_ERR_INVAL, false or NULL.
 */
#ifndef QCLOUD_IOT_EXPORT_H_
#include "qcloud_iot_export.h"
#endif

#ifndef QCLOUD_IOT_EXPORT_SHADOW_H_
#define QCLOUD_IOT_EXPORT_SHADOW_H_

#include "qcloud_iot_export_mqtt.h"

#ifdef __cplusplus
extern "C" {
#endif

@rust src/ffi/types/shadow.rs
/** Names of data templates for the kinds of variables. */
#define TYPE_TEMPLATE_INT JINT32
#define TYPE_TEMPLATEENUM JINT32
#define TYPE_TEMPLATE_FLOAT JFLOAT
#define TYPE_TEMPLATE_BOOL JINT8
#define TYPE_TEMPLATE_STRING JSTRING
#define TYPE_TEMPLATE_TIME JUINT32
#define TYPE_TEMPLATE_JOBJECT JOBJECT

/** Brace initialiser of ShadowInitParams, with the values of DEFAULT_MQTTINIT_PARAMS. */
#if defined(AUTH_MODE_CERT)
#define DEFAULT_SHAWDOW_INIT_PARAMS                                                                       \
    { (char *)QCLOUD_IOT_DEFAULT_REGION, NULL, NULL, { 0 }, { 0 }, 5000, 240 * 1000, 1, 1, { NULL, NULL }, eSHADOW }
#else
#define DEFAULT_SHAWDOW_INIT_PARAMS                                                                       \
    { (char *)QCLOUD_IOT_DEFAULT_REGION, NULL, NULL, NULL, 5000, 240 * 1000, 1, 1, { NULL, NULL }, eSHADOW }
#endif

@rust src/ffi/shadow.rs src/ffi/shadow/documents.rs
/**
 * Writes a document that reports count properties. A property without data is reported as null, which deletes it.
 *
 * @param pClient       handle
 * @param jsonBuffer    takes the document, NUL-terminated
 * @param sizeOfBuffer  bytes of jsonBuffer
 * @param count         count of the further arguments, which are DeviceProperty *
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_JSON_BUFFER_TRUNCATED; QCLOUD_ERR_JSON_BUFFER_TOO_SMALL;
 *         QCLOUD_ERR_MALLOC, with jsonBuffer as it was
 */
int IOT_Shadow_JSON_ConstructReport(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...);

/** As IOT_Shadow_JSON_ConstructReport; what was reported before is dropped. */
int IOT_Shadow_JSON_Construct_OverwriteReport(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...);

/** As IOT_Shadow_JSON_ConstructReport; all that is desired of the device is dropped. */
int IOT_Shadow_JSON_ConstructReportAndDesireAllNull(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count,
                                                    ...);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_SHADOW_H_ */
