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

/** config_reply_errcode: the document is valid. */
#define REMOTE_CONFIG_ERRCODE_SUCCESS 0

/** config_reply_errcode: remote configuration is switched off for the product. */
#define REMOTE_CONFIG_ERRCODE_DISABLE 1001

/** Bytes that ConfigSubscirbeUserData.json_buffer needs on top of the longest document. */
#define REMOTE_CONFIG_JSON_BUFFER_MIN_LEN 60

/**
 * Takes a configuration. Runs in the thread that serves the connection (IOT_MQTT_Yield, the loop thread, or a function that
 * waits for an answer), with no lock held: it may call any function of the client but IOT_Get_Config. A nested
 * IOT_MQTT_Yield may bring another configuration into the same buffer.
 *
 * @param client                MQTT client
 * @param config_reply_errcode  REMOTE_CONFIG_ERRCODE_SUCCESS for what was pushed; for an answer the code of the platform:
 *                              REMOTE_CONFIG_ERRCODE_*, 1002 no configuration, 1003 configuration that is no JSON
 * @param config_json           document, NUL-terminated, empty if there is none; lies in json_buffer
 * @param config_json_len       bytes of config_json
 */
typedef void (*OnConfigProcHandler)(void *client, int config_reply_errcode, char *config_json, int config_json_len);

/** What IOT_Subscribe_Config takes; must stay valid, with its buffer, as long as the subscription. */
typedef struct ConfigSubscirbeUserData {
    /** Takes the configurations. */
    OnConfigProcHandler on_config_proc;
    /** Bytes of json_buffer: REMOTE_CONFIG_JSON_BUFFER_MIN_LEN plus the longest document. */
    int json_buffer_len;
    /** Work space for received documents. */
    char *json_buffer;
} ConfigSubscirbeUserData;

/**
 * Has configurations delivered: those that the platform pushes, and the answers to IOT_Get_Config.
 *
 * Subscribes to the topic of the configuration and waits for the answer, serving the connection meanwhile, so handlers
 * may be called. Each call asks anew, and replaces handler and buffer. The subscription ends with IOT_MQTT_Unsubscribe of
 * $config/operation/result/ProductId/DeviceName and with the client; a lost connection renews it.
 *
 * @param client               MQTT client
 * @param config_sub_userdata  handler and buffer; used as long as the subscription lasts, not copied. After an error it is
 *                             not used any more
 * @param subscribe_timeout    how long the answer is waited for, ms
 * @return packet id, 0 or more; QCLOUD_ERR_INVAL for NULL, also in config_sub_userdata;
 *         QCLOUD_ERR_MQTT_REQUEST_TIMEOUT; QCLOUD_ERR_MQTT_SUB when the platform refused; QCLOUD_ERR_MQTT_NO_CONN; the
 *         other failures of IOT_MQTT_Subscribe
 *
 * `client` is NULL or a live client, `config_sub_userdata` NULL or valid as long as the subscription, and so is its buffer.
 */
int IOT_Subscribe_Config(void *client, ConfigSubscirbeUserData *config_sub_userdata, int subscribe_timeout);

/**
 * Asks for the configuration and waits for the answer, serving the connection meanwhile; the handler of
 * IOT_Subscribe_Config has been called with the answer when this returns 0.
 *
 * Other handlers, and this one with pushed configurations, may be called before. Not to be called from the handler of
 * IOT_Subscribe_Config itself, whose buffer is in use.
 *
 * @param client         MQTT client
 * @param json_buffer    work space, takes the request
 * @param buffer_size    bytes of json_buffer, 15 at least
 * @param reply_timeout  how long the answer is waited for, ms
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without a subscription, and inside the handler
 *         of IOT_Subscribe_Config; QCLOUD_ERR_JSON_BUFFER_TRUNCATED when json_buffer is too small for the request, or the
 *         buffer of the subscription for the answer; QCLOUD_ERR_JSON when the answer has no result;
 *         QCLOUD_ERR_MQTT_REQUEST_TIMEOUT; QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT or QCLOUD_ERR_MQTT_NO_CONN when the
 *         connection was lost before the answer; QCLOUD_ERR_MALLOC, also when a message was dropped for want of memory
 *         that may have been the answer; the other failures of IOT_MQTT_Publish
 *
 * `client` is NULL or a live client, `json_buffer` NULL or of `buffer_size` bytes.
 */
int IOT_Get_Config(void *client, char *json_buffer, int buffer_size, int reply_timeout);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_REMOTE_CONFIG_H_ */
