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

@rust src/ffi/types/remote_config.rs
/**
 * Subscribes to the configuration and waits for the answer of the server.
 *
 * @param client               MQTT client
 * @param config_sub_userdata  handler and buffer; must stay valid as long as the subscription
 * @param subscribe_timeout    ms
 * @return packet id; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_MQTT_REQUEST_TIMEOUT; QCLOUD_ERR_MQTT_SUB; the failures of
 *         IOT_MQTT_Subscribe
 */
int IOT_Subscribe_Config(void *client, ConfigSubscirbeUserData *config_sub_userdata, int subscribe_timeout);

/**
 * Asks for the configuration; the handler has been called with it when this returns 0.
 *
 * @param client         MQTT client
 * @param json_buffer    work space for the request
 * @param buffer_size    bytes of json_buffer, 15 at least
 * @param reply_timeout  ms
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without a subscription; QCLOUD_ERR_JSON_BUFFER_TRUNCATED;
 *         QCLOUD_ERR_MQTT_REQUEST_TIMEOUT; the failures of IOT_MQTT_Publish
 */
int IOT_Get_Config(void *client, char *json_buffer, int buffer_size, int reply_timeout);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_REMOTE_CONFIG_H_ */
