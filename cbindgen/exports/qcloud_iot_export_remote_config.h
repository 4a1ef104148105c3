/*
 * Remote configuration: a JSON document that the platform keeps for a product.
 *
 * The functions are in libraries built with REMOTE_CONFIG_MQTT.
 */
#ifndef QCLOUD_IOT_EXPORT_REMOTE_CONFIG_H_
#define QCLOUD_IOT_EXPORT_REMOTE_CONFIG_H_

#ifdef __cplusplus
extern "C" {
#endif

@rust src/ffi/types/remote_config.rs src/ffi/remote_config.rs
#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_REMOTE_CONFIG_H_ */
