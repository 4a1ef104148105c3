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
#define IOT_SDK_IMPLEMENTATION_VERSION "0.1.0"

/** Longest product id, terminator not counted. */
#define MAX_SIZE_OF_PRODUCT_ID 10

/** Longest device name, terminator not counted. */
#define MAX_SIZE_OF_DEVICE_NAME 48

/** Longest client id, terminator not counted. */
#define MAX_SIZE_OF_CLIENT_ID 80

/** Longest device secret (base64 text), terminator not counted. */
#define MAX_SIZE_OF_DEVICE_SECRET 64

/** Longest certificate file name, terminator not counted. */
#define MAX_SIZE_OF_DEVICE_CERT_FILE_NAME 128

/** Longest private key file name, terminator not counted. */
#define MAX_SIZE_OF_DEVICE_SECRET_FILE_NAME 128

/** Longest product secret, terminator not counted. */
#define MAX_SIZE_OF_PRODUCT_SECRET 32

/** Size of the region array, terminator included. */
#define MAX_SIZE_OF_REGION 64

#if (!defined(AUTH_MODE_CERT) && !defined(DEV_DYN_REG_ENABLED))
/** Identity of a device: NUL-terminated texts in fixed arrays. */
typedef struct DeviceInfo {
    /** Product id. */
    char product_id[11];
    /** Device name. */
    char device_name[49];
    /** Product id followed by device name; filled by the SDK. */
    char client_id[81];
    /** Device secret, base64. */
    char device_secret[65];
    /** Region of the platform or URL of a server, as in MQTTInitParams; empty: the default region. */
    char region[64];
} DeviceInfo;
#endif

#if (!defined(AUTH_MODE_CERT) && defined(DEV_DYN_REG_ENABLED))
/** Identity of a device: NUL-terminated texts in fixed arrays. */
typedef struct DeviceInfo {
    /** Product id. */
    char product_id[11];
    /** Device name. */
    char device_name[49];
    /** Product id followed by device name; filled by the SDK. */
    char client_id[81];
    /** Device secret, base64. */
    char device_secret[65];
    /** Product secret, for dynamic registration. */
    char product_secret[33];
    /** Region of the platform or URL of a server, as in MQTTInitParams; empty: the default region. */
    char region[64];
} DeviceInfo;
#endif

#if (defined(AUTH_MODE_CERT) && !defined(DEV_DYN_REG_ENABLED))
/** Identity of a device: NUL-terminated texts in fixed arrays. */
typedef struct DeviceInfo {
    /** Product id. */
    char product_id[11];
    /** Device name. */
    char device_name[49];
    /** Product id followed by device name; filled by the SDK. */
    char client_id[81];
    /** Name of the certificate file (PEM). */
    char dev_cert_file_name[129];
    /** Name of the private key file (PEM). */
    char dev_key_file_name[129];
    /** Region of the platform or URL of a server, as in MQTTInitParams; empty: the default region. */
    char region[64];
} DeviceInfo;
#endif

#if (defined(AUTH_MODE_CERT) && defined(DEV_DYN_REG_ENABLED))
/** Identity of a device: NUL-terminated texts in fixed arrays. */
typedef struct DeviceInfo {
    /** Product id. */
    char product_id[11];
    /** Device name. */
    char device_name[49];
    /** Product id followed by device name; filled by the SDK. */
    char client_id[81];
    /** Name of the certificate file (PEM). */
    char dev_cert_file_name[129];
    /** Name of the private key file (PEM). */
    char dev_key_file_name[129];
    /** Product secret, for dynamic registration. */
    char product_secret[33];
    /** Region of the platform or URL of a server, as in MQTTInitParams; empty: the default region. */
    char region[64];
} DeviceInfo;
#endif

#if defined(GATEWAY_ENABLED)
/** Identity of a gateway and of the sub-devices it speaks for. */
typedef struct GatewayDeviceInfo {
    /** The gateway itself. */
    DeviceInfo gw_info;
    /** `sub_dev_num` sub-devices in one `HAL_Malloc` block that the caller frees. */
    DeviceInfo *sub_dev_info;
    /** Count of `sub_dev_info`. */
    unsigned int sub_dev_num;
} GatewayDeviceInfo;
#endif

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
