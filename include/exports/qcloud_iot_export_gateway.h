/*
 * Gateway: a device that speaks for sub-devices over its own connection.
 *
 * The functions are in libraries built with GATEWAY_ENABLED. Those on sub-devices wait up to 20 s for the answer of the
 * platform, call IOT_MQTT_Yield meanwhile, and must not be called from a callback. They return 0, the platform's result
 * code if that is not 0, or QCLOUD_ERR_FAILURE without an answer; QCLOUD_ERR_INVAL for NULL or empty names.
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
 * Makes a gateway client, connects it and subscribes to the answers of the platform.
 *
 * @param init_param  parameters, not kept
 * @return handle, released with IOT_Gateway_Destroy; NULL on failure
 */
void *IOT_Gateway_Construct(GatewayInitParam *init_param);

/** Releases a gateway client; the platform takes its sub-devices offline. @return 0; QCLOUD_ERR_INVAL */
int IOT_Gateway_Destroy(void *client);

/** Brings a sub-device online. Also returns QCLOUD_ERR_GATEWAY_SUBDEV_ONLINE if it is online already. */
int IOT_Gateway_Subdev_Online(void *client, GatewayParam *param);

/**
 * Takes a sub-device offline. Also returns QCLOUD_ERR_GATEWAY_SESSION_NO_EXIST or QCLOUD_ERR_GATEWAY_SUBDEV_OFFLINE if
 * it is not online.
 */
int IOT_Gateway_Subdev_Offline(void *client, GatewayParam *param);

/** Binds a sub-device, whose own secret or certificate is in pBindSubDevInfo, to the gateway. */
int IOT_Gateway_Subdev_Bind(void *client, GatewayParam *param, DeviceInfo *pBindSubDevInfo);

/** Ends the binding of a sub-device. */
int IOT_Gateway_Subdev_Unbind(void *client, GatewayParam *param, DeviceInfo *pSubDevInfo);

/** As IOT_MQTT_Publish, also on topics of sub-devices that are online. */
int IOT_Gateway_Publish(void *client, char *topic_name, PublishParams *params);

/** As IOT_MQTT_Subscribe, also for topics of sub-devices that are online. */
int IOT_Gateway_Subscribe(void *client, char *topic_filter, SubscribeParams *params);

/** As IOT_MQTT_Unsubscribe. */
int IOT_Gateway_Unsubscribe(void *client, char *topic_filter);

/** As IOT_MQTT_IsSubReady: 1 or 0. */
int IOT_Gateway_IsSubReady(void *client, char *topic_filter);

/** As IOT_MQTT_Yield. */
int IOT_Gateway_Yield(void *client, uint32_t timeout_ms);

/** MQTT client of a gateway client, for services that need one; it is not to be destroyed. */
void *IOT_Gateway_Get_Mqtt_Client(void *handle);

/** Asks for the sub-devices bound to the gateway; the list is released with IOT_Gateway_Subdev_DestoryBindList. */
int IOT_Gateway_Subdev_GetBindList(void *client, GatewayParam *param, SubdevBindList *subdev_bindlist);

/** Releases the nodes of a list and makes it empty; NULL is ignored. */
void IOT_Gateway_Subdev_DestoryBindList(SubdevBindList *subdev_bindlist);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_GATEWAY_H_ */
