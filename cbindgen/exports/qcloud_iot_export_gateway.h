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

@rust src/ffi/types/gateway.rs
/** Brace initialiser of GatewayParam. */
#define DEFAULT_GATEWAY_PARAMS { NULL, NULL, NULL, NULL }

/** Brace initialiser of GatewayInitParam. */
#define DEFAULT_GATEWAY_INIT_PARAMS { DEFAULT_MQTTINIT_PARAMS, NULL, NULL }

@rust src/ffi/gateway.rs
#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_GATEWAY_H_ */
