/*
 * A door that tells the platform when somebody comes home or leaves. It publishes one event and waits until the platform
 * has taken it; a rule of the platform passes it on to the device named with -t, see aircond_shadow_sample.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "utils_getopt.h"

#define MAX_TOPIC_SIZE   128
#define MAX_PAYLOAD_SIZE (MAX_SIZE_OF_DEVICE_NAME + 64)
#define ROUND_MS         500
#define MAX_ROUNDS       20

/* The client keeps pointers into this structure, so it has to live as long as the client. */
static DeviceInfo sg_device_info;

static const char *sg_target = NULL;
static const char *sg_action = "come_home";

/* What became of the one message that is published. */
static int  sg_packet_id  = 0;
static int  sg_outcome    = QCLOUD_ERR_FAILURE;
static bool sg_is_decided = false;

static void _note_outcome(unsigned packet_id, int outcome)
{
    if ((int)packet_id == sg_packet_id) {
        sg_outcome    = outcome;
        sg_is_decided = true;
    }
}

static void _mqtt_event_handler(void *client, void *context, MQTTEventMsg *msg)
{
    /* For the outcome of a request this is the packet id itself, not an address. */
    const unsigned packet_id = (unsigned)(uintptr_t)msg->msg;

    (void)client;
    (void)context;

    switch (msg->event_type) {
        case MQTT_EVENT_DISCONNECT:
            Log_i("connection lost");
            break;
        case MQTT_EVENT_RECONNECT:
            Log_i("connection is back");
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
        case MQTT_EVENT_PUBLISH_SUCCESS:
            Log_i("publish success, packet-id=%u", packet_id);
            _note_outcome(packet_id, QCLOUD_RET_SUCCESS);
            break;
        case MQTT_EVENT_PUBLISH_TIMEOUT:
            Log_e("publish got no answer in time, packet-id=%u", packet_id);
            _note_outcome(packet_id, QCLOUD_ERR_FAILURE);
            break;
        case MQTT_EVENT_PUBLISH_NACK:
            Log_e("publish refused, packet-id=%u", packet_id);
            _note_outcome(packet_id, QCLOUD_ERR_FAILURE);
            break;
        case MQTT_EVENT_UNDEF:
        default:
            Log_i("event %d", (int)msg->event_type);
            break;
    }
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

static int _publish_event(void *client)
{
    PublishParams pub_params = DEFAULT_PUB_PARAMS;
    char          topic[MAX_TOPIC_SIZE];
    char          payload[MAX_PAYLOAD_SIZE];
    int           len;

    len = HAL_Snprintf(topic, sizeof(topic), "%s/%s/event", sg_device_info.product_id, sg_device_info.device_name);
    if (len < 0 || len >= (int)sizeof(topic)) {
        Log_e("topic is too long");
        return QCLOUD_ERR_FAILURE;
    }
    len = HAL_Snprintf(payload, sizeof(payload), "{\"action\": \"%s\", \"targetDevice\": \"%s\"}", sg_action, sg_target);
    if (len < 0 || len >= (int)sizeof(payload)) {
        Log_e("message is too long");
        return QCLOUD_ERR_FAILURE;
    }
    pub_params.qos         = QOS1;
    pub_params.payload     = payload;
    pub_params.payload_len = (size_t)len;
    return IOT_MQTT_Publish(client, topic, &pub_params);
}

/* The outcome comes as an event. */
static int _wait_for_outcome(void *client)
{
    int rounds_left = MAX_ROUNDS;
    int rc          = QCLOUD_RET_SUCCESS;

    while (!sg_is_decided && rounds_left-- > 0) {
        rc = IOT_MQTT_Yield(client, ROUND_MS);
        if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT || !IOT_MQTT_IsConnected(client)) {
            HAL_SleepMs(ROUND_MS);
        } else if (rc != QCLOUD_RET_SUCCESS && rc != QCLOUD_RET_MQTT_RECONNECTED) {
            Log_e("exit with error: %d", rc);
            return rc;
        }
    }
    if (!sg_is_decided) {
        Log_e("the platform has not taken the event");
    }
    return sg_outcome;
}

static void _print_usage(const char *program)
{
    HAL_Printf("usage: %s [options]\r\n"
               "  [-c <config file for DeviceInfo>]\r\n"
               "  -t <name of the device to tell>\r\n"
               "  [-a <come_home or leave_home>] come_home without it\r\n",
               program);
}

static int _parse_options(int argc, char **argv)
{
    int option;
    int rc;

    while ((option = utils_getopt(argc, argv, "c:t:a:")) != -1) {
        switch (option) {
            case 'c':
                rc = HAL_SetDevInfoFile(utils_optarg);
                if (rc != QCLOUD_RET_SUCCESS) {
                    HAL_Printf("device file %s cannot be used: %d\r\n", utils_optarg, rc);
                    return -1;
                }
                break;
            case 't':
                sg_target = utils_optarg;
                break;
            case 'a':
                sg_action = utils_optarg;
                break;
            default:
                _print_usage(argv[0]);
                return -1;
        }
    }
    if (sg_target == NULL || strlen(sg_target) == 0 || strlen(sg_target) > MAX_SIZE_OF_DEVICE_NAME ||
        (strcmp(sg_action, "come_home") != 0 && strcmp(sg_action, "leave_home") != 0)) {
        _print_usage(argv[0]);
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    MQTTInitParams init_params = DEFAULT_MQTTINIT_PARAMS;
    void          *client;
    int            rc;
    int            destroyed;

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_parse_options(argc, argv) != 0) {
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

    /* Nothing is served before Yield, so no outcome comes before the packet id is known. */
    rc = _publish_event(client);
    if (rc < 0) {
        Log_e("event not published: %d", rc);
    } else {
        sg_packet_id = rc;
        Log_i("told %s: %s", STRING_PTR_PRINT_SANITY_CHECK(sg_target), sg_action);
        rc = _wait_for_outcome(client);
    }

    destroyed = IOT_MQTT_Destroy(&client);
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}
