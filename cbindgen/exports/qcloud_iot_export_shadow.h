/*
 * Device shadow: a JSON document that the platform keeps for a device, with what the device reports and what is wanted
 * of it.
 *
 * A shadow client has an MQTT client of its own. The functions are in libraries built with the device shadow. Functions
 * whose handle is NULL return QCLOUD_ERR_INVAL, false or NULL.
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

/**
 * Makes a shadow client, connects it and subscribes to the answers of the platform.
 *
 * @param pParams  parameters, not kept
 * @return handle, released with IOT_Shadow_Destroy; NULL on failure
 */
void *IOT_Shadow_Construct(ShadowInitParams *pParams);

/** MQTT client of a shadow client, for services that need one; it is not to be destroyed. */
void *IOT_Shadow_Get_Mqtt_Client(void *handle);

/** As IOT_MQTT_Publish. */
int IOT_Shadow_Publish(void *pClient, char *topicName, PublishParams *pParams);

/** As IOT_MQTT_Subscribe. */
int IOT_Shadow_Subscribe(void *pClient, char *topicFilter, SubscribeParams *pParams);

/** As IOT_MQTT_Unsubscribe. */
int IOT_Shadow_Unsubscribe(void *pClient, char *topicFilter);

/** As IOT_MQTT_IsConnected. */
bool IOT_Shadow_IsConnected(void *pClient);

/** Releases a shadow client; unanswered requests end without their callbacks. @return 0; QCLOUD_ERR_INVAL */
int IOT_Shadow_Destroy(void *pClient);

/** As IOT_MQTT_Yield; also ends requests whose time is over. */
int IOT_Shadow_Yield(void *pClient, uint32_t timeout_ms);

/**
 * Sends a document made with IOT_Shadow_JSON_Construct*; at most 10 requests wait for their answers.
 *
 * @param pClient       handle
 * @param pJsonDoc      document; the member type is inserted in place
 * @param sizeOfBuffer  bytes of pJsonDoc, 18 more than the document needs
 * @param callback      takes the answer; may be NULL
 * @param userContext   handed to callback
 * @param timeout_ms    ms for the answer, more than 0
 * @return 0; QCLOUD_ERR_INVAL; QCLOUD_ERR_MQTT_NO_CONN; QCLOUD_ERR_MAX_APPENDING_REQUEST; the failures of
 *         IOT_MQTT_Publish
 */
int IOT_Shadow_Update(void *pClient, char *pJsonDoc, size_t sizeOfBuffer, OnRequestCallback callback,
                      void *userContext, uint32_t timeout_ms);

/**
 * As IOT_Shadow_Update, and waits for the answer. Not to be called from a callback.
 *
 * @return 0; QCLOUD_ERR_SHADOW_UPDATE_TIMEOUT; QCLOUD_ERR_SHADOW_UPDATE_REJECTED; the failures of IOT_Shadow_Update
 */
int IOT_Shadow_Update_Sync(void *pClient, char *pJsonDoc, size_t sizeOfBuffer, uint32_t timeout_ms);

/** Asks for the document; callback takes it and must not be NULL. Otherwise as IOT_Shadow_Update. */
int IOT_Shadow_Get(void *pClient, OnRequestCallback callback, void *userContext, uint32_t timeout_ms);

/**
 * Asks for the document and waits until registered properties have their values. Not to be called from a callback.
 *
 * @return 0; QCLOUD_ERR_SHADOW_GET_TIMEOUT; QCLOUD_ERR_SHADOW_GET_REJECTED; the failures of IOT_Shadow_Get
 */
int IOT_Shadow_Get_Sync(void *pClient, uint32_t timeout_ms);

/**
 * Has the changes of a property delivered.
 *
 * @param pClient    handle
 * @param pProperty  property; must stay valid until it is unregistered
 * @param callback   takes the changes
 * @return 0; QCLOUD_ERR_INVAL; QCLOUD_ERR_MQTT_NO_CONN; QCLOUD_ERR_SHADOW_PROPERTY_EXIST
 */
int IOT_Shadow_Register_Property(void *pClient, DeviceProperty *pProperty, OnPropRegCallback callback);

/** Ends IOT_Shadow_Register_Property. @return 0; QCLOUD_ERR_INVAL; QCLOUD_ERR_SHADOW_NOT_PROPERTY_EXIST */
int IOT_Shadow_UnRegister_Property(void *pClient, DeviceProperty *pProperty);

/**
 * Writes a document that reports count properties.
 *
 * @param pClient       handle
 * @param jsonBuffer    takes the document, NUL-terminated
 * @param sizeOfBuffer  bytes of jsonBuffer
 * @param count         count of the further arguments, which are DeviceProperty *
 * @return 0; QCLOUD_ERR_INVAL; QCLOUD_ERR_JSON_BUFFER_TRUNCATED; QCLOUD_ERR_JSON_BUFFER_TOO_SMALL
 */
int IOT_Shadow_JSON_ConstructReport(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...);

/** As IOT_Shadow_JSON_ConstructReport, with the properties in an array. */
int IOT_Shadow_JSON_ConstructReportArray(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count,
                                         DeviceProperty *pDeviceProperties[]);

/** As IOT_Shadow_JSON_ConstructReport; what was reported before is dropped. */
int IOT_Shadow_JSON_Construct_OverwriteReport(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...);

/** As IOT_Shadow_JSON_ConstructReport; all that is wanted of the device is dropped. */
int IOT_Shadow_JSON_ConstructReportAndDesireAllNull(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count,
                                                    ...);

/** Writes a document that drops all that is wanted of the device. Results as of IOT_Shadow_JSON_ConstructReport. */
int IOT_Shadow_JSON_ConstructDesireAllNull(void *handle, char *jsonBuffer, size_t sizeOfBuffer);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_SHADOW_H_ */
