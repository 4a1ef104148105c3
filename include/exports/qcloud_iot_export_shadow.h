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

/** Which document a shadow client works on. */
typedef enum _eShadowType_ {
    /** The device shadow: topics $shadow/operation/... */
    eSHADOW = 0,
    /** The data template: topics $template/operation/... */
    eTEMPLATE = 1,
} eShadowType;

/** How a request ended. */
typedef enum RequestAck {
    /** Not answered yet. */
    ACK_NONE = -3,
    /** No answer in time. */
    ACK_TIMEOUT = -2,
    /** The platform refused the request. */
    ACK_REJECTED = -1,
    /** The platform accepted the request. */
    ACK_ACCEPTED = 0,
} RequestAck;

/** Kind of a request. */
typedef enum Method {
    /** IOT_Shadow_Get. */
    GET = 0,
    /** IOT_Shadow_Update. */
    UPDATE = 1,
} Method;

/** Kind of the variable that DeviceProperty.data points to. */
typedef enum JsonDataType {
    /** int32_t. */
    JINT32 = 0,
    /** int16_t. */
    JINT16 = 1,
    /** int8_t. */
    JINT8 = 2,
    /** uint32_t. */
    JUINT32 = 3,
    /** uint16_t. */
    JUINT16 = 4,
    /** uint8_t. */
    JUINT8 = 5,
    /** float. */
    JFLOAT = 6,
    /** double. */
    JDOUBLE = 7,
    /** bool. */
    JBOOL = 8,
    /** char array, NUL-terminated. */
    JSTRING = 9,
    /** JSON text of an object, NUL-terminated. */
    JOBJECT = 10,
} JsonDataType;

/** Whether a data point has to be reported. */
typedef enum _eDataState_ {
    /** Unchanged since the last report. */
    eNOCHANGE = 0,
    /** Changed. */
    eCHANGED = 1,
} eDataState;

#if !defined(AUTH_MODE_CERT)
/** What IOT_Shadow_Construct takes; see DEFAULT_SHAWDOW_INIT_PARAMS. The members are those of MQTTInitParams. */
typedef struct ShadowInitParams {
    /** Region or server URL. */
    char *region;
    /** Product id. */
    char *product_id;
    /** Device name. */
    char *device_name;
    /** Device secret, base64. */
    char *device_secret;
    /** ms. */
    uint32_t command_timeout;
    /** ms. */
    uint32_t keep_alive_interval_ms;
    /** 0 or 1. */
    uint8_t clean_session;
    /** 0 or 1. */
    uint8_t auto_connect_enable;
    /** Takes the events of the connection; the first argument is the shadow handle. */
    MQTTEventHandler event_handle;
    /** Document to work on. */
    eShadowType shadow_type;
} ShadowInitParams;
#endif

#if defined(AUTH_MODE_CERT)
/** What IOT_Shadow_Construct takes; see DEFAULT_SHAWDOW_INIT_PARAMS. The members are those of MQTTInitParams. */
typedef struct ShadowInitParams {
    /** Region or server URL. */
    char *region;
    /** Product id. */
    char *product_id;
    /** Device name. */
    char *device_name;
    /** Path of the device certificate (PEM). */
    char cert_file[256];
    /** Path of the device's private key (PEM). */
    char key_file[256];
    /** ms. */
    uint32_t command_timeout;
    /** ms. */
    uint32_t keep_alive_interval_ms;
    /** 0 or 1. */
    uint8_t clean_session;
    /** 0 or 1. */
    uint8_t auto_connect_enable;
    /** Takes the events of the connection; the first argument is the shadow handle. */
    MQTTEventHandler event_handle;
    /** Document to work on. */
    eShadowType shadow_type;
} ShadowInitParams;
#endif

/** A property of the device, tied to a variable of the program. */
typedef struct _JSONNode {
    /** Name in the document, NUL-terminated. */
    char *key;
    /** The variable; its kind is given by `type`. */
    void *data;
    /** Kind of the variable. */
    JsonDataType type;
    /** For the program's own use. */
    bool delta_arrived;
} DeviceProperty;

/** A property and whether it has to be reported. */
typedef struct sDataPoint {
    /** The property. */
    DeviceProperty data_property;
    /** Whether it changed. */
    eDataState state;
} sDataPoint;

/** C type of an integer of a data template. */
typedef int32_t TYPE_DEF_TEMPLATE_INT;

/** C type of an enumeration of a data template. */
typedef int32_t TYPE_DEF_TEMPLATE_ENUM;

/** C type of a floating point number of a data template. */
typedef float TYPE_DEF_TEMPLATE_FLOAT;

/** C type of a truth value of a data template. */
typedef char TYPE_DEF_TEMPLATE_BOOL;

/** C type of the characters of a text of a data template. */
typedef char TYPE_DEF_TEMPLATE_STRING;

/** C type of a point in time of a data template, seconds. */
typedef uint32_t TYPE_DEF_TEMPLATE_TIME;

/** C type of an object of a data template. */
typedef void *TYPE_DEF_TEMPLATE_OBJECT;

/**
 * Takes the end of a request. Runs in the thread that yields.
 *
 * @param pClient        shadow handle
 * @param method         kind of the request
 * @param requestAck     how it ended
 * @param pJsonDocument  answer of the platform, NUL-terminated, empty on a time-out; valid during the call
 * @param userContext    as given with the request
 */
typedef void (*OnRequestCallback)(void *pClient, Method method, RequestAck requestAck, const char *pJsonDocument, void *userContext);

/**
 * Takes a change of a registered property that the platform asks for. Runs in the thread that yields.
 *
 * The new value is in the property's variable already, unless its kind is JSTRING or JOBJECT: take those from the text.
 *
 * @param pClient           shadow handle
 * @param pJsonValueBuffer  all changes as JSON text of an object, NUL-terminated; valid during the call
 * @param valueLength       bytes of pJsonValueBuffer
 * @param pProperty         the registered property
 */
typedef void (*OnPropRegCallback)(void *pClient, const char *pJsonValueBuffer, uint32_t valueLength, DeviceProperty *pProperty);

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
 * Blocks as IOT_MQTT_Construct does, and up to the command timeout and a second more for the subscription. If the platform
 * does not grant that, the handle is good all the same: each request tries again.
 *
 * @param pParams  parameters; nothing in it is needed after the return
 * @return handle, released with IOT_Shadow_Destroy; NULL on failure, whose cause IOT_MQTT_GetErrCode tells
 *
 * `pParams` is NULL or valid, and its texts are NULL or NUL-terminated.
 */
void *IOT_Shadow_Construct(ShadowInitParams *pParams);

/**
 * MQTT client of a shadow client, for services that need one. It ends with the shadow client and is not to be destroyed.
 *
 * `handle` is NULL or a live shadow client.
 */
void *IOT_Shadow_Get_Mqtt_Client(void *handle);

/**
 * As IOT_MQTT_Publish.
 *
 * `pClient` is NULL or a live shadow client; otherwise as IOT_MQTT_Publish.
 */
int IOT_Shadow_Publish(void *pClient, char *topicName, PublishParams *pParams);

/**
 * As IOT_MQTT_Subscribe; the handlers get the MQTT client.
 *
 * `pClient` is NULL or a live shadow client; otherwise as IOT_MQTT_Subscribe.
 */
int IOT_Shadow_Subscribe(void *pClient, char *topicFilter, SubscribeParams *pParams);

/**
 * As IOT_MQTT_Unsubscribe.
 *
 * `pClient` is NULL or a live shadow client; otherwise as IOT_MQTT_Unsubscribe.
 */
int IOT_Shadow_Unsubscribe(void *pClient, char *topicFilter);

/**
 * As IOT_MQTT_IsConnected; false for NULL.
 *
 * `pClient` is NULL or a live shadow client.
 */
bool IOT_Shadow_IsConnected(void *pClient);

/**
 * Unsubscribes, disconnects and releases a shadow client and its MQTT client.
 *
 * Requests without an answer end without their callbacks. Waits until other threads have left; may be called from
 * callbacks of the client.
 *
 * @param pClient  handle, not valid any more
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL
 *
 * `pClient` is NULL or a live shadow client, which no later call uses.
 */
int IOT_Shadow_Destroy(void *pClient);

/**
 * As IOT_MQTT_Yield; also ends requests whose time is over, which the thread of IOT_MQTT_StartLoop does as well.
 *
 * @param pClient     handle
 * @param timeout_ms  how long, more than 0
 * @return as IOT_MQTT_Yield
 *
 * `pClient` is NULL or a live shadow client.
 */
int IOT_Shadow_Yield(void *pClient, uint32_t timeout_ms);

/**
 * Sends a document made with IOT_Shadow_JSON_Construct*. At most 10 requests wait for their answers.
 *
 * Returns when it is written; callback runs in the thread that yields, once, also when no answer comes in time. Any
 * thread may call it, and callbacks too.
 *
 * @param pClient       handle
 * @param pJsonDoc      document with a member clientToken; the member type is inserted in place when it has been sent
 * @param sizeOfBuffer  bytes of pJsonDoc, at least 19 more than the document has characters
 * @param callback      takes the answer; may be NULL
 * @param userContext   handed to callback; must stay valid until then
 * @param timeout_ms    ms for the answer, more than 0
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_MQTT_NO_CONN; QCLOUD_ERR_MAX_APPENDING_REQUEST and
 *         QCLOUD_ERR_MALLOC, with nothing sent; the failures of IOT_MQTT_Publish and IOT_MQTT_Subscribe
 *
 * `pClient` is NULL or a live shadow client, `pJsonDoc` NULL or NUL-terminated text in a buffer of this size.
 */
int IOT_Shadow_Update(void *pClient, char *pJsonDoc, size_t sizeOfBuffer, OnRequestCallback callback, void *userContext, uint32_t timeout_ms);

/**
 * As IOT_Shadow_Update, and serves the connection until the answer has come.
 *
 * @param pClient       handle
 * @param pJsonDoc      as of IOT_Shadow_Update
 * @param sizeOfBuffer  as of IOT_Shadow_Update
 * @param timeout_ms    ms for the answer, more than 0
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_SHADOW_UPDATE_TIMEOUT; QCLOUD_ERR_SHADOW_UPDATE_REJECTED; QCLOUD_ERR_FAILURE from
 *         a callback of the client; the failures of IOT_Shadow_Update, QCLOUD_ERR_MQTT_NO_CONN also when the connection
 *         is lost for good meanwhile, QCLOUD_ERR_MALLOC also when a message was dropped for want of memory that may
 *         have been the answer
 *
 * As IOT_Shadow_Update.
 */
int IOT_Shadow_Update_Sync(void *pClient, char *pJsonDoc, size_t sizeOfBuffer, uint32_t timeout_ms);

/**
 * Asks for the document. What is desired of registered properties is delivered before callback runs.
 *
 * @param pClient      handle
 * @param callback     takes the answer; must not be NULL
 * @param userContext  handed to callback; must stay valid until then
 * @param timeout_ms   ms for the answer, more than 0
 * @return as IOT_Shadow_Update
 *
 * `pClient` is NULL or a live shadow client.
 */
int IOT_Shadow_Get(void *pClient, OnRequestCallback callback, void *userContext, uint32_t timeout_ms);

/**
 * As IOT_Shadow_Get, and serves the connection until the answer has come and registered properties have their values.
 *
 * @param pClient     handle
 * @param timeout_ms  ms for the answer, more than 0
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_SHADOW_GET_TIMEOUT; QCLOUD_ERR_SHADOW_GET_REJECTED; otherwise as
 *         IOT_Shadow_Update_Sync
 *
 * `pClient` is NULL or a live shadow client.
 */
int IOT_Shadow_Get_Sync(void *pClient, uint32_t timeout_ms);

/**
 * Has what is desired of a property delivered: by the platform's pushes and by the answers to IOT_Shadow_Get.
 *
 * @param pClient    handle
 * @param pProperty  property with key and data; it is not copied and must stay valid until it is unregistered. A key with
 *                   dots names a member of nested objects
 * @param callback   takes the changes, in the thread that yields; all functions may be called in it
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_MQTT_NO_CONN; QCLOUD_ERR_SHADOW_PROPERTY_EXIST when this
 *         structure is registered already; QCLOUD_ERR_MALLOC
 *
 * `pClient` is NULL or a live shadow client, `pProperty` NULL or valid.
 */
int IOT_Shadow_Register_Property(void *pClient, DeviceProperty *pProperty, OnPropRegCallback callback);

/**
 * Ends IOT_Shadow_Register_Property. Does not wait for a callback that another thread is in.
 *
 * @param pClient    handle
 * @param pProperty  property, the structure that was registered
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_MQTT_NO_CONN; QCLOUD_ERR_SHADOW_NOT_PROPERTY_EXIST
 *
 * `pClient` is NULL or a live shadow client.
 */
int IOT_Shadow_UnRegister_Property(void *pClient, DeviceProperty *pProperty);

/**
 * As IOT_Shadow_JSON_ConstructReport, with the properties in an array.
 *
 * `pClient` is NULL or a live shadow client, `jsonBuffer` NULL or of this size, `pDeviceProperties` NULL or an array of
 * `count` pointers, each NULL or a valid property.
 */
int IOT_Shadow_JSON_ConstructReportArray(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, DeviceProperty **pDeviceProperties);

/**
 * Writes a document that drops all that is desired of the device. Results as of IOT_Shadow_JSON_ConstructReport.
 *
 * `handle` is NULL or a live shadow client, `jsonBuffer` NULL or of this size.
 */
int IOT_Shadow_JSON_ConstructDesireAllNull(void *handle, char *jsonBuffer, size_t sizeOfBuffer);

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
