/*
 * Fetches the configuration that the platform keeps for the product, and reads two members of it: once, or with -l until
 * stopped, taking each new configuration as it is pushed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lite-utils.h"
#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "utils_getopt.h"

#define MAX_CONFIG_SIZE  2048
#define ANSWER_MS        5000
#define ROUND_MS         1000
#define REQUEST_SIZE     64

/* The client keeps pointers into this structure, so it has to live as long as the client. */
static DeviceInfo sg_device_info;

static void _mqtt_event_handler(void *client, void *context, MQTTEventMsg *msg)
{
    /* For the outcome of a request this is the packet id itself, not an address. */
    const unsigned     packet_id = (unsigned)(uintptr_t)msg->msg;
    const MQTTMessage *message   = (const MQTTMessage *)msg->msg;

    (void)client;
    (void)context;

    switch (msg->event_type) {
        case MQTT_EVENT_DISCONNECT:
            Log_i("connection lost");
            break;
        case MQTT_EVENT_RECONNECT:
            Log_i("connection is back");
            break;
        case MQTT_EVENT_PUBLISH_RECVEIVED:
            Log_i("message on %.*s, which nobody here subscribed: %.*s", (int)message->topic_len, message->ptopic,
                  (int)message->payload_len, (const char *)STRING_PTR_PRINT_SANITY_CHECK(message->payload));
            break;
        case MQTT_EVENT_SUBCRIBE_SUCCESS:
            Log_i("subscribe success, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_SUBCRIBE_TIMEOUT:
            Log_e("subscribe got no answer in time, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_SUBCRIBE_NACK:
            Log_e("subscribe refused, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_UNSUBCRIBE_SUCCESS:
            Log_i("unsubscribe success, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_UNSUBCRIBE_TIMEOUT:
            Log_e("unsubscribe got no answer in time, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_UNSUBCRIBE_NACK:
            Log_e("unsubscribe refused, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_PUBLISH_SUCCESS:
            Log_i("publish success, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_PUBLISH_TIMEOUT:
            Log_e("publish got no answer in time, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_PUBLISH_NACK:
            Log_e("publish refused, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_UNDEF:
        default:
            Log_e("event of unknown type %d", (int)msg->event_type);
            break;
    }
}

/* A configuration of this sample is {"interval":30,"unit":"C"}; either member may be missing. */
static void _use_config(char *config_json)
{
    static char key_of_interval[] = "interval";
    static char key_of_unit[]     = "unit";
    char       *interval          = LITE_json_value_of(key_of_interval, config_json);
    char       *unit              = LITE_json_value_of(key_of_unit, config_json);
    int32_t     seconds           = 0;

    if (interval != NULL && LITE_get_int32(&seconds, interval) == QCLOUD_RET_SUCCESS) {
        Log_i("interval is %d s", (int)seconds);
    }
    Log_i("unit is %s", STRING_PTR_PRINT_SANITY_CHECK(unit));
    HAL_Free(interval);
    HAL_Free(unit);
}

/* Runs inside Yield and inside IOT_Get_Config; config_json lies in the buffer given with the subscription. */
static void _on_config(void *client, int errcode, char *config_json, int config_json_len)
{
    (void)client;

    if (errcode != REMOTE_CONFIG_ERRCODE_SUCCESS) {
        Log_e("no configuration, the platform answered %d", errcode);
        return;
    }
    Log_i("configuration of %d bytes: %s", config_json_len, STRING_PTR_PRINT_SANITY_CHECK(config_json));
    _use_config(config_json);
}

#ifdef AUTH_MODE_CERT
/* Certificates lie in ./certs under the names of the device file. */
static int _path_of_cert(char *path, const char *file_name)
{
    char directory[FILE_PATH_MAX_LEN];
    int  len;

    if (getcwd(directory, sizeof(directory)) == NULL) {
        Log_e("getcwd failed");
        return QCLOUD_ERR_FAILURE;
    }
    len = HAL_Snprintf(path, FILE_PATH_MAX_LEN, "%s/certs/%s", directory, file_name);
    if (len < 0 || len >= FILE_PATH_MAX_LEN) {
        Log_e("path of %s is too long", file_name);
        return QCLOUD_ERR_FAILURE;
    }
    return QCLOUD_RET_SUCCESS;
}
#endif

static int _fill_init_params(MQTTInitParams *init_params)
{
    int rc = HAL_GetDevInfo(&sg_device_info);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("HAL_GetDevInfo failed: %d", rc);
        return rc;
    }

    init_params->region      = sg_device_info.region;
    init_params->product_id  = sg_device_info.product_id;
    init_params->device_name = sg_device_info.device_name;
#ifdef AUTH_MODE_CERT
    rc = _path_of_cert(init_params->cert_file, sg_device_info.dev_cert_file_name);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    rc = _path_of_cert(init_params->key_file, sg_device_info.dev_key_file_name);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
#else
    init_params->device_secret = sg_device_info.device_secret;
#endif

    init_params->command_timeout        = QCLOUD_IOT_MQTT_COMMAND_TIMEOUT;
    init_params->keep_alive_interval_ms = QCLOUD_IOT_MQTT_KEEP_ALIVE_INTERNAL;
    init_params->auto_connect_enable    = 1;
    init_params->event_handle.h_fp      = _mqtt_event_handler;
    return QCLOUD_RET_SUCCESS;
}

static int _fetch_config(void *client, ConfigSubscirbeUserData *subscription)
{
    char request[REQUEST_SIZE];
    int  rc = IOT_Subscribe_Config(client, subscription, ANSWER_MS);

    if (rc < 0) {
        Log_e("config subscribe failed: %d", rc);
        return rc;
    }
    rc = IOT_Get_Config(client, request, sizeof(request), ANSWER_MS);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("config request failed: %d", rc);
    }
    return rc;
}

/* Waits for pushed configurations until the connection is lost for good. */
static int _listen(void *client)
{
    int rc;

    for (;;) {
        rc = IOT_MQTT_Yield(client, ROUND_MS);
        if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
            HAL_SleepMs(ROUND_MS);
        } else if (rc != QCLOUD_RET_SUCCESS && rc != QCLOUD_RET_MQTT_RECONNECTED) {
            Log_e("exit with error: %d", rc);
            return rc;
        }
    }
}

static int _parse_options(int argc, char **argv, bool *loop)
{
    int option;
    int rc;

    while ((option = utils_getopt(argc, argv, "c:l")) != -1) {
        switch (option) {
            case 'c':
                rc = HAL_SetDevInfoFile(utils_optarg);
                if (rc != QCLOUD_RET_SUCCESS) {
                    HAL_Printf("device file %s cannot be used: %d\r\n", utils_optarg, rc);
                    return -1;
                }
                break;
            case 'l':
                *loop = true;
                break;
            default:
                HAL_Printf("usage: %s [options]\r\n"
                           "  [-c <config file for DeviceInfo>]\r\n"
                           "  [-l] wait for new configurations until stopped\r\n",
                           argv[0]);
                return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    MQTTInitParams          init_params = DEFAULT_MQTTINIT_PARAMS;
    ConfigSubscirbeUserData subscription;
    void                   *client;
    bool                    loop = false;
    int                     rc;
    int                     destroyed;

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_parse_options(argc, argv, &loop) != 0) {
        return -1;
    }
    rc = _fill_init_params(&init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }

    /* Handler and buffer are used until the client is destroyed. */
    subscription.on_config_proc  = _on_config;
    subscription.json_buffer_len = MAX_CONFIG_SIZE + REMOTE_CONFIG_JSON_BUFFER_MIN_LEN;
    subscription.json_buffer     = (char *)HAL_Malloc((uint32_t)subscription.json_buffer_len);
    if (subscription.json_buffer == NULL) {
        Log_e("no memory for the configuration");
        return QCLOUD_ERR_MALLOC;
    }

    client = IOT_MQTT_Construct(&init_params);
    if (client == NULL) {
        Log_e("MQTT Construct failed!");
        HAL_Free(subscription.json_buffer);
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("Cloud Device Construct Success");

    rc = _fetch_config(client, &subscription);
    if (rc == QCLOUD_RET_SUCCESS && loop) {
        rc = _listen(client);
    }

    destroyed = IOT_MQTT_Destroy(&client);
    HAL_Free(subscription.json_buffer);
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}
