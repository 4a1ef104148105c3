/*
 * The device SDK: the one header a program includes. It brings the device identity and all headers of exports/.
 *
 * Returns: functions that return int give 0 or a positive number (a packet id, a count) for success and a negative
 * value of IoT_Return_Code for failure unless their description says otherwise.
 *
 * Callbacks run in the thread that calls a Yield function, or in the loop thread of IOT_MQTT_StartLoop, and may call
 * any function of the SDK on the same client. What they are given is valid during the call only.
 *
 * The features of config.h decide the layout of the structures: compile with the config.h the library was built with.
 */
#ifndef QCLOUD_IOT_EXPORT_H_
#define QCLOUD_IOT_EXPORT_H_

#include "config.h"
#include "platform.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Version of the interface: that of the SDK this one takes the place of. */
#define QCLOUD_IOT_DEVICE_SDK_VERSION "3.3.0"

/** Version of this implementation. */
#define IOT_SDK_IMPLEMENTATION_VERSION "@version@"

@rust src/hal/device_info.rs
#ifdef __cplusplus
}
#endif

#include "qcloud_iot_export_rrpc.h"
#include "qcloud_iot_export_broadcast.h"
#include "qcloud_iot_export_coap.h"
#include "qcloud_iot_export_dynreg.h"
#include "qcloud_iot_export_error.h"
#include "qcloud_iot_export_gateway.h"
#include "qcloud_iot_export_log.h"
#include "qcloud_iot_export_mqtt.h"
#include "qcloud_iot_export_ota.h"
#include "qcloud_iot_export_shadow.h"
#include "qcloud_iot_export_system.h"
#include "qcloud_iot_export_variables.h"
#include "qcloud_iot_export_remote_config.h"
#include "qcloud_iot_export_resource.h"

#endif /* QCLOUD_IOT_EXPORT_H_ */
