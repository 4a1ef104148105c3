/*
 * Gateway: a device that speaks for sub-devices over its own connection.
 *
 * The functions are in libraries built with GATEWAY_ENABLED. A sub-device is bound to the gateway once, by
 * IOT_Gateway_Subdev_Bind or by the console, and brought online for each connection; then the gateway publishes and
 * subscribes on its topics. All functions may be called from any thread. Those that ask the platform must not be called
 * from a callback: they would wait for an answer that only the interrupted call can receive, and fail at once.
 *
 * Two events of MQTTEventType belong to gateways: MQTT_EVENT_GATEWAY_SEARCH and MQTT_EVENT_GATEWAY_UNBIND_ALL. When the
 * console unbinds a sub-device it is no longer online; there is no event for that.
 */
#ifndef QCLOUD_IOT_EXPORT_H_
#include "qcloud_iot_export.h"
#endif

#ifndef QCLOUD_IOT_EXPORT_GATEWAY_H_
#define QCLOUD_IOT_EXPORT_GATEWAY_H_

#include "qcloud_iot_export_mqtt.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Which gateway and which sub-device a function works on; see DEFAULT_GATEWAY_PARAMS. Nothing is kept. */
typedef struct GatewayParam {
    /** Product id of the gateway. */
    char *product_id;
    /** Device name of the gateway. */
    char *device_name;
    /** Product id of the sub-device. */
    char *subdev_product_id;
    /** Device name of the sub-device. */
    char *subdev_device_name;
} GatewayParam;

/** Never called: events of a gateway go to init_param.event_handle. */
typedef void (*GatewayEventHandleFun)(void *client, void *context, void *msg);

/** What IOT_Gateway_Construct takes; see DEFAULT_GATEWAY_INIT_PARAMS. */
typedef struct GatewayInitParam {
    /** Connection of the gateway. Its event handler gets the events, with the MQTT client as first argument. */
    MQTTInitParams init_param;
    /** Not used. */
    void *event_context;
    /** Not used. */
    GatewayEventHandleFun event_handler;
} GatewayInitParam;

/** A sub-device bound to the gateway. */
typedef struct _SubdevBindInfo {
    /** Product id, NUL-terminated. */
    char product_id[11];
    /** Device name, NUL-terminated. */
    char device_name[49];
    /** Next of the list, NULL: the last. */
    struct _SubdevBindInfo *next;
} SubdevBindInfo;

/** All sub-devices bound to a gateway; released with IOT_Gateway_Subdev_DestoryBindList. */
typedef struct _SubdevBindList {
    /** First of the list, NULL: the list is empty. Each node is a HAL_Malloc block of its own. */
    SubdevBindInfo *bindlist_head;
    /** Count of the list. */
    int bind_num;
} SubdevBindList;

/** Brace initialiser of GatewayParam. */
#define DEFAULT_GATEWAY_PARAMS { NULL, NULL, NULL, NULL }

/** Brace initialiser of GatewayInitParam. */
#define DEFAULT_GATEWAY_INIT_PARAMS { DEFAULT_MQTTINIT_PARAMS, NULL, NULL }

/**
 * Creates a gateway client, connects it and subscribes to what the platform has to say to the gateway.
 *
 * Blocks as long as IOT_MQTT_Construct, then up to 20 s for the answer to the subscription; handlers may be called
 * meanwhile. All events of init_param.event_handle are delivered with the MQTT client as first argument, except the
 * answers to this subscription.
 *
 * @param init_param  parameters; nothing in it is needed after the return, and nothing is changed but
 *                    init_param.err_code when NULL is returned
 * @return handle to be released with IOT_Gateway_Destroy, or NULL
 *
 * `init_param` is NULL or valid, and its texts are NULL or NUL-terminated.
 */
void *IOT_Gateway_Construct(GatewayInitParam *init_param);

/**
 * Releases a gateway client, also inside its callbacks. The platform takes its sub-devices offline.
 *
 * Ends the loop thread and waits until other threads have left the client, as IOT_MQTT_Destroy does.
 *
 * @param client  gateway
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL
 *
 * `client` is NULL or a live gateway, which no later call uses.
 */
int IOT_Gateway_Destroy(void *client);

/**
 * Brings a sub-device online: from then on the gateway may publish and subscribe on its topics.
 *
 * It comes back by itself when the connection was lost and is back, before the subscriptions are renewed.
 *
 * Like all functions that ask the platform it serves the connection while it waits, so handlers may be called, and
 * works beside a loop thread. Of each kind of request one is under way; another thread waits for its turn, up to 20 s.
 *
 * @param client  gateway
 * @param param   gateway and sub-device, all four names; not kept
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL, empty or over-long names; QCLOUD_ERR_GATEWAY_SUBDEV_ONLINE if
 *         it is online, without asking; the platform's result code; QCLOUD_ERR_MALLOC, also when a message was dropped
 *         for want of memory that may have been the answer; QCLOUD_ERR_FAILURE without an answer in 20 s, at once
 *         without a connection, when the connection is lost meanwhile, and inside a callback of the client
 *
 * `client` is NULL or a live gateway, `param` NULL or valid, and its texts are NULL or NUL-terminated.
 */
int IOT_Gateway_Subdev_Online(void *client, GatewayParam *param);

/**
 * Takes a sub-device offline.
 *
 * @param client  gateway
 * @param param   gateway and sub-device, all four names; not kept
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_GATEWAY_SESSION_NO_EXIST if it is not online, without
 *         asking; the platform's result code, QCLOUD_ERR_MALLOC, or QCLOUD_ERR_FAILURE as IOT_Gateway_Subdev_Online: it
 *         stays online then
 *
 * As IOT_Gateway_Subdev_Online.
 */
int IOT_Gateway_Subdev_Offline(void *client, GatewayParam *param);

/**
 * Binds a sub-device to the gateway.
 *
 * @param client           gateway
 * @param param            product_id and device_name of the gateway; not kept
 * @param pBindSubDevInfo  sub-device: product_id, device_name, and device_secret, or dev_cert_file_name as a path that is
 *                         opened as it stands; not kept
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL, also without a secret or a name of a certificate; the platform's result
 *         code, 809 if it is bound to this gateway already; QCLOUD_ERR_MALLOC; QCLOUD_ERR_FAILURE as
 *         IOT_Gateway_Subdev_Online, and for a certificate that cannot be read
 *
 * `client` is NULL or a live gateway, `param` and `pBindSubDevInfo` are NULL or valid, and the texts of `param` are NULL
 * or NUL-terminated.
 */
int IOT_Gateway_Subdev_Bind(void *client, GatewayParam *param, DeviceInfo *pBindSubDevInfo);

/**
 * Ends the binding of a sub-device; if it was online it is so no more.
 *
 * @param client       gateway
 * @param param        product_id and device_name of the gateway; not kept
 * @param pSubDevInfo  product_id and device_name of the sub-device; not kept
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; the platform's result code, -1 if it is not bound to this gateway;
 *         QCLOUD_ERR_MALLOC; or QCLOUD_ERR_FAILURE as IOT_Gateway_Subdev_Online
 *
 * As IOT_Gateway_Subdev_Bind.
 */
int IOT_Gateway_Subdev_Unbind(void *client, GatewayParam *param, DeviceInfo *pSubDevInfo);

/**
 * As IOT_MQTT_Publish, also on topics of sub-devices that are online. It is the platform that checks whether they are.
 *
 * @return as IOT_MQTT_Publish
 *
 * As IOT_MQTT_Publish, with a gateway as `client`.
 */
int IOT_Gateway_Publish(void *client, char *topic_name, PublishParams *params);

/**
 * As IOT_MQTT_Subscribe, also for topics of sub-devices that are online. Handlers get the MQTT client.
 *
 * @return as IOT_MQTT_Subscribe
 *
 * As IOT_MQTT_Subscribe, with a gateway as `client`.
 */
int IOT_Gateway_Subscribe(void *client, char *topic_filter, SubscribeParams *params);

/**
 * As IOT_MQTT_Unsubscribe.
 *
 * @return as IOT_MQTT_Unsubscribe
 *
 * As IOT_MQTT_Unsubscribe, with a gateway as `client`.
 */
int IOT_Gateway_Unsubscribe(void *client, char *topic_filter);

/**
 * As IOT_MQTT_IsSubReady.
 *
 * @return 1 or 0; QCLOUD_ERR_INVAL for NULL as client
 *
 * As IOT_MQTT_IsSubReady, with a gateway as `client`.
 */
int IOT_Gateway_IsSubReady(void *client, char *topic_filter);

/**
 * As IOT_MQTT_Yield.
 *
 * @return as IOT_MQTT_Yield
 *
 * `client` is NULL or a live gateway.
 */
int IOT_Gateway_Yield(void *client, uint32_t timeout_ms);

/**
 * MQTT client of a gateway, for its loop thread and for services that need one.
 *
 * It ends with the gateway. If IOT_MQTT_Destroy ends it first, IOT_Gateway_Destroy is still to be called.
 *
 * @param handle  gateway
 * @return client; NULL for NULL
 *
 * `handle` is NULL or a live gateway.
 */
void *IOT_Gateway_Get_Mqtt_Client(void *handle);

/**
 * Asks for the sub-devices bound to the gateway.
 *
 * @param client           gateway
 * @param param            product_id and device_name of the gateway; not kept
 * @param subdev_bindlist  out, on success: the list, the platform's last sub-device first; to be released with
 *                         IOT_Gateway_Subdev_DestoryBindList, or each node with HAL_Free
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_MALLOC without memory; or QCLOUD_ERR_FAILURE as
 *         IOT_Gateway_Subdev_Online
 *
 * `client` is NULL or a live gateway, `param` NULL or valid with texts that are NULL or NUL-terminated,
 * `subdev_bindlist` NULL or writable.
 */
int IOT_Gateway_Subdev_GetBindList(void *client, GatewayParam *param, SubdevBindList *subdev_bindlist);

/**
 * Releases the nodes of a list and makes it empty. Nothing happens for NULL and for an empty list.
 *
 * `subdev_bindlist` is NULL or a list of IOT_Gateway_Subdev_GetBindList, or one that is empty.
 */
void IOT_Gateway_Subdev_DestoryBindList(SubdevBindList *subdev_bindlist);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_GATEWAY_H_ */
