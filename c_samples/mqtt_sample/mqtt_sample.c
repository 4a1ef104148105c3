/*
 * The first program to run: connects one device, asks the platform for the time, subscribes to the device's own data
 * topic and publishes to it. With -l it goes on publishing until it is stopped.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "utils_getopt.h"

#define MAX_TOPIC_SIZE 128

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
            Log_w("connection lost");
            break;
        case MQTT_EVENT_RECONNECT:
            Log_i("connection is back");
            break;
        case MQTT_EVENT_PUBLISH_RECVEIVED:
            Log_w("message on %.*s, which nobody here subscribed", (int)message->topic_len, message->ptopic);
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
            Log_w("event of unknown type %d", (int)msg->event_type);
            break;
    }
}

static void _on_message_callback(void *client, MQTTMessage *message, void *user_data)
{
    (void)client;
    (void)user_data;

    /* The payload ends at payload_len, not at a NUL. */
    Log_i("Receive Message With topicName:%.*s, payload:%.*s", (int)message->topic_len, message->ptopic,
          (int)message->payload_len, (const char *)STRING_PTR_PRINT_SANITY_CHECK(message->payload));
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

#ifdef LOG_UPLOAD
/* Sends the log to the platform too; what cannot be sent is kept by the port's storage functions. */
static int _start_log_upload(MQTTInitParams *init_params)
{
    LogUploadInitParams upload;

    memset(&upload, 0, sizeof(upload));
    upload.region      = init_params->region;
    upload.product_id  = init_params->product_id;
    upload.device_name = init_params->device_name;
#ifdef AUTH_MODE_CERT
    upload.sign_key = init_params->key_file;
#else
    upload.sign_key = init_params->device_secret;
#endif
    upload.read_func     = HAL_Log_Read;
    upload.save_func     = HAL_Log_Save;
    upload.del_func      = HAL_Log_Del;
    upload.get_size_func = HAL_Log_Get_Size;
    return IOT_Log_Init_Uploader(&upload);
}
#endif

static int _data_topic(void *client, char *topic, int size)
{
    DeviceInfo *device_info = IOT_MQTT_GetDeviceInfo(client);
    int         len;

    if (device_info == NULL) {
        Log_e("client has no device info");
        return QCLOUD_ERR_FAILURE;
    }
    len = HAL_Snprintf(topic, size, "%s/%s/data", device_info->product_id, device_info->device_name);
    if (len < 0 || len >= size) {
        Log_e("topic is too long");
        return QCLOUD_ERR_FAILURE;
    }
    return QCLOUD_RET_SUCCESS;
}

/* Subscribes to the data topic and waits for the server to grant it. */
static int _subscribe_and_wait(void *client, char *topic, QoS qos)
{
    SubscribeParams sub_params = DEFAULT_SUB_PARAMS;
    int             rounds_left = 10;
    int             rc;

    sub_params.qos                = qos;
    sub_params.on_message_handler = _on_message_callback;

    rc = IOT_MQTT_Subscribe(client, topic, &sub_params);
    if (rc < 0) {
        Log_e("MQTT subscribe failed: %d", rc);
        return rc;
    }
    while (!IOT_MQTT_IsSubReady(client, topic)) {
        if (rounds_left-- == 0) {
            Log_e("MQTT subscribe: no answer");
            return QCLOUD_ERR_FAILURE;
        }
        rc = IOT_MQTT_Yield(client, 1000);
        if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
            /* A lost connection comes back by itself and subscribes again. */
            HAL_SleepMs(1000);
        } else if (rc < 0) {
            Log_e("MQTT yield failed: %d", rc);
            return rc;
        }
    }
    return QCLOUD_RET_SUCCESS;
}

static int _publish_count(void *client, char *topic, QoS qos, unsigned count)
{
    PublishParams pub_params = DEFAULT_PUB_PARAMS;
    char          payload[64];
    int           len;

    len = HAL_Snprintf(payload, sizeof(payload), "{\"action\": \"publish_test\", \"count\": \"%u\"}", count);
    if (len < 0 || len >= (int)sizeof(payload)) {
        return QCLOUD_ERR_FAILURE;
    }
    pub_params.qos         = qos;
    pub_params.payload     = payload;
    pub_params.payload_len = (size_t)len;
    return IOT_MQTT_Publish(client, topic, &pub_params);
}

/* Publishes once, or until the connection is lost for good. */
static void _publish_and_yield(void *client, char *topic, bool loop)
{
    unsigned count = 0;
    int      rc;

    do {
        rc = _publish_count(client, topic, QOS1, count++);
        if (rc < 0) {
            Log_e("publish failed: %d", rc);
        }

        rc = IOT_MQTT_Yield(client, 500);
        if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
            HAL_SleepMs(1000);
            continue;
        }
        if (rc != QCLOUD_RET_SUCCESS && rc != QCLOUD_RET_MQTT_RECONNECTED) {
            Log_e("exit with error: %d", rc);
            break;
        }
        if (loop) {
            HAL_SleepMs(1000);
        }
    } while (loop);
}

static int _exchange_messages(void *client, bool loop)
{
    char topic[MAX_TOPIC_SIZE];
    int  rc;

    rc = _data_topic(client, topic, sizeof(topic));
    if (rc == QCLOUD_RET_SUCCESS) {
        rc = _subscribe_and_wait(client, topic, QOS0);
    }
    if (rc == QCLOUD_RET_SUCCESS) {
        _publish_and_yield(client, topic, loop);
    }
    return rc;
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
                           "  [-l] loop and publish until stopped\r\n",
                           argv[0]);
                return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    MQTTInitParams init_params = DEFAULT_MQTTINIT_PARAMS;
    void          *client;
    bool           loop = false;
    int            rc;
    int            destroyed;
#ifdef SYSTEM_COMM
    long time = 0;
#endif

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_parse_options(argc, argv, &loop) != 0) {
        return -1;
    }

    rc = _fill_init_params(&init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
#ifdef LOG_UPLOAD
    rc = _start_log_upload(&init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("log upload is off: %d", rc);
    }
#endif

    client = IOT_MQTT_Construct(&init_params);
    if (client == NULL) {
        Log_e("MQTT Construct failed!");
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("Cloud Device Construct Success");

#ifdef SYSTEM_COMM
    /* Without the time the program goes on: only the clock of the device depends on it. */
    rc = IOT_Get_SysTime(client, &time);
    if (rc == QCLOUD_RET_SUCCESS) {
        Log_i("system time is %ld", time);
    } else {
        Log_e("no system time: %d", rc);
    }
    rc = IOT_Sync_NTPTime(client);
    if (rc == QCLOUD_RET_SUCCESS) {
        Log_i("sync ntp time success!");
    } else {
        Log_e("no ntp time: %d", rc);
    }
#endif

    rc        = _exchange_messages(client, loop);
    destroyed = IOT_MQTT_Destroy(&client);
    if (IOT_Log_Upload(true) != QCLOUD_RET_SUCCESS) {
        Log_e("the last log lines could not be uploaded");
    }
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}
