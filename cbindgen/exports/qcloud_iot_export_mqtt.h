/*
 * MQTT client: connects a device to the platform over TCP, TLS or WebSocket, publishes and receives messages.
 *
 * One client is one connection of one device; a program may have several. With MULTITHREAD_ENABLED all functions may be
 * called from any thread; without it, all functions of a client from one thread at a time. Construct and Destroy of a
 * client must not overlap its other calls, except that Destroy waits for calls that are in progress.
 */
#ifndef QCLOUD_IOT_EXPORT_H_
#include "qcloud_iot_export.h"
#endif

#ifndef QCLOUD_IOT_EXPORT_MQTT_H_
#define QCLOUD_IOT_EXPORT_MQTT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

@rust src/ffi/types/mqtt.rs
/** Brace initialiser of PublishParams: QOS0, not retained, no payload. */
#define DEFAULT_PUB_PARAMS { QOS0, 0, 0, 0, NULL, 0, NULL, 0 }

/** Brace initialiser of SubscribeParams: QOS0, no handlers. */
#define DEFAULT_SUB_PARAMS { QOS0, NULL, NULL, NULL }

/** Brace initialiser of MQTTInitParams: default region, no identity, 5 s command timeout, 240 s keep-alive. */
#if defined(AUTH_MODE_CERT)
#define DEFAULT_MQTTINIT_PARAMS                                                                           \
    { (char *)QCLOUD_IOT_DEFAULT_REGION, NULL, NULL, { 0 }, { 0 }, 5000, 240 * 1000, 1, 1, { NULL, NULL }, 0 }
#else
#define DEFAULT_MQTTINIT_PARAMS                                                                           \
    { (char *)QCLOUD_IOT_DEFAULT_REGION, NULL, NULL, NULL, 5000, 240 * 1000, 1, 1, { NULL, NULL }, 0 }
#endif

@rust src/ffi/mqtt.rs
#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_MQTT_H_ */
