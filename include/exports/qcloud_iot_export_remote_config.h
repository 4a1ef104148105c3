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
 * Takes a configuration. Runs in the thread that yields.
 *
 * @param client                MQTT client
 * @param config_reply_errcode  REMOTE_CONFIG_ERRCODE_* or another code of the platform
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
