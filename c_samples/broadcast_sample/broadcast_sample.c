/*
 * Listens to broadcasts: what the platform sends to all devices of a product that are online. -l <rounds> sets for how
 * many seconds.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "utils_getopt.h"

#define DEFAULT_ROUNDS 60
#define ROUND_MS       1000

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

/* Runs inside Yield. The message is valid during the call, is any bytes at all, and ends at len. */
static void _on_broadcast(void *client, const char *msg, uint32_t len)
{
    (void)client;

    Log_i("broadcast message of %u bytes: %.*s", (unsigned)len, (int)len, STRING_PTR_PRINT_SANITY_CHECK(msg));
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

/* Serves the connection; callbacks run inside Yield. A lost connection comes back by itself. */
static int _listen(void *client, int rounds)
{
    int rc;

    while (rounds-- > 0) {
        rc = IOT_MQTT_Yield(client, ROUND_MS);
        if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
            HAL_SleepMs(ROUND_MS);
        } else if (rc != QCLOUD_RET_SUCCESS && rc != QCLOUD_RET_MQTT_RECONNECTED) {
            Log_e("exit with error: %d", rc);
            return rc;
        }
    }
    return QCLOUD_RET_SUCCESS;
}

static int _parse_options(int argc, char **argv, int *rounds)
{
    int   option;
    char *end;
    long  number;

    while ((option = utils_getopt(argc, argv, "c:l:")) != -1) {
        if (option == 'c') {
            const int rc = HAL_SetDevInfoFile(utils_optarg);
            if (rc != QCLOUD_RET_SUCCESS) {
                HAL_Printf("device file %s cannot be used: %d\r\n", utils_optarg, rc);
                return -1;
            }
            continue;
        }
        number = option == 'l' ? strtol(utils_optarg, &end, 10) : 0;
        if (number < 1 || number > 1000000 || *end != '\0') {
            HAL_Printf("usage: %s [options]\r\n"
                       "  [-c <config file for DeviceInfo>]\r\n"
                       "  [-l <rounds>] listen for so many seconds, 60 without it\r\n",
                       argv[0]);
            return -1;
        }
        *rounds = (int)number;
    }
    return 0;
}

int main(int argc, char **argv)
{
    MQTTInitParams init_params = DEFAULT_MQTTINIT_PARAMS;
    void          *client;
    int            rounds = DEFAULT_ROUNDS;
    int            rc;
    int            destroyed;

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_parse_options(argc, argv, &rounds) != 0) {
        return -1;
    }
    rc = _fill_init_params(&init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    client = IOT_MQTT_Construct(&init_params);
    if (client == NULL) {
        Log_e("MQTT Construct failed!");
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("Cloud Device Construct Success");

    rc = IOT_Broadcast_Subscribe(client, _on_broadcast);
    if (rc == QCLOUD_RET_SUCCESS) {
        Log_i("listening to broadcasts");
        rc = _listen(client, rounds);
    } else {
        Log_e("broadcast subscribe failed: %d", rc);
    }

    destroyed = IOT_MQTT_Destroy(&client);
    if (IOT_Log_Upload(true) != QCLOUD_RET_SUCCESS) {
        Log_e("the last log lines could not be uploaded");
    }
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}
