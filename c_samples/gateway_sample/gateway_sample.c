/*
 * A gateway speaks for a sub-device: it binds one if asked to, lists what is bound to it, brings its sub-device online,
 * subscribes and publishes for it, and takes it offline. The gateway and its sub-device come from the device file.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "utils_getopt.h"

#define MAX_TOPIC_SIZE 128
#define SUBACK_ROUNDS  10
#define YIELD_MS       500
#define PAUSE_MS       1000

/* What the platform answers to a bind of a sub-device that is bound to this gateway already. */
#define ALREADY_BOUND 809

typedef struct {
    const char *bind_file;
    int         rounds;
} Options;

static GatewayDeviceInfo sg_devices;
static int               sg_received;

static void _event_handler(void *client, void *context, MQTTEventMsg *msg)
{
    const MQTTMessage *message   = (const MQTTMessage *)msg->msg;
    const unsigned     packet_id = (unsigned)(uintptr_t)msg->msg;

    (void)client;
    (void)context;

    switch (msg->event_type) {
        case MQTT_EVENT_DISCONNECT:
            Log_e("connection lost");
            break;
        case MQTT_EVENT_RECONNECT:
            /* The SDK brings sub-devices that were online back online by itself. */
            Log_i("connection is back");
            break;
        case MQTT_EVENT_GATEWAY_SEARCH:
            Log_i("platform asks to %s the search for sub-devices", *(const int32_t *)msg->msg ? "start" : "stop");
            break;
        case MQTT_EVENT_GATEWAY_UNBIND_ALL:
            Log_i("platform has unbound all sub-devices");
            break;
        case MQTT_EVENT_PUBLISH_RECVEIVED:
            Log_i("message on %.*s, which nobody here subscribed", (int)message->topic_len, message->ptopic);
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
            Log_d("event %d", (int)msg->event_type);
            break;
    }
}

static void _on_message_callback(void *client, MQTTMessage *message, void *user_data)
{
    (void)client;
    (void)user_data;

    sg_received++;
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

/* The certificate of a sub-device to bind is opened under the name it has in DeviceInfo, which has less room. */
static int _locate_sub_device_cert(DeviceInfo *sub_device)
{
    const size_t size = sizeof(sub_device->dev_cert_file_name);
    char         name[sizeof(sub_device->dev_cert_file_name)];
    int          len;

    memcpy(name, sub_device->dev_cert_file_name, size);
    len = HAL_Snprintf(sub_device->dev_cert_file_name, size, "certs/%s", name);
    if (len < 0 || len >= (int)size) {
        Log_e("path of %s is too long", name);
        return QCLOUD_ERR_FAILURE;
    }
    return QCLOUD_RET_SUCCESS;
}
#endif

static int _fill_init_params(MQTTInitParams *init_params, DeviceInfo *gateway)
{
    init_params->region      = gateway->region;
    init_params->product_id  = gateway->product_id;
    init_params->device_name = gateway->device_name;
#ifdef AUTH_MODE_CERT
    if (_path_of_cert(init_params->cert_file, gateway->dev_cert_file_name) != QCLOUD_RET_SUCCESS ||
        _path_of_cert(init_params->key_file, gateway->dev_key_file_name) != QCLOUD_RET_SUCCESS) {
        return QCLOUD_ERR_FAILURE;
    }
#else
    init_params->device_secret = gateway->device_secret;
#endif
    init_params->command_timeout        = QCLOUD_IOT_MQTT_COMMAND_TIMEOUT;
    init_params->keep_alive_interval_ms = QCLOUD_IOT_MQTT_KEEP_ALIVE_INTERNAL;
    init_params->auto_connect_enable    = 1;
    init_params->event_handle.h_fp      = _event_handler;
    return QCLOUD_RET_SUCCESS;
}

/* Receives for a while; a lost connection comes back by itself. */
static int _yield(void *gateway)
{
    int rc = IOT_Gateway_Yield(gateway, YIELD_MS);

    if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
        HAL_SleepMs(PAUSE_MS);
        return QCLOUD_RET_SUCCESS;
    }
    return rc == QCLOUD_RET_MQTT_RECONNECTED ? QCLOUD_RET_SUCCESS : rc;
}

/* Binds the sub-device of a file of its own, which holds its secret or names its certificate. */
static int _bind_sub_device(void *gateway, GatewayParam *param, const char *file_name)
{
    DeviceInfo sub_device;
    int        rc;

    memset(&sub_device, 0, sizeof(sub_device));
    rc = HAL_GetDevInfoFromFile(file_name, &sub_device);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("device file %s cannot be used: %d", file_name, rc);
        return rc;
    }
#ifdef AUTH_MODE_CERT
    rc = _locate_sub_device_cert(&sub_device);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
#endif

    rc = IOT_Gateway_Subdev_Bind(gateway, param, &sub_device);
    if (rc == ALREADY_BOUND) {
        Log_i("%s/%s is bound already, binding it anew", sub_device.product_id, sub_device.device_name);
        rc = IOT_Gateway_Subdev_Unbind(gateway, param, &sub_device);
        if (rc == QCLOUD_RET_SUCCESS) {
            rc = IOT_Gateway_Subdev_Bind(gateway, param, &sub_device);
        }
    }
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("bind of %s/%s failed: %d", sub_device.product_id, sub_device.device_name, rc);
        return rc;
    }
    Log_i("bound %s/%s", sub_device.product_id, sub_device.device_name);
    return QCLOUD_RET_SUCCESS;
}

static int _show_bind_list(void *gateway, GatewayParam *param)
{
    SubdevBindList  list;
    SubdevBindInfo *entry;
    int             rc;

    memset(&list, 0, sizeof(list));
    rc = IOT_Gateway_Subdev_GetBindList(gateway, param, &list);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("no list of sub-devices: %d", rc);
        return rc;
    }
    Log_i("%d sub-devices are bound", list.bind_num);
    for (entry = list.bindlist_head; entry != NULL; entry = entry->next) {
        Log_i("  %s/%s", entry->product_id, entry->device_name);
    }
    IOT_Gateway_Subdev_DestoryBindList(&list);
    return QCLOUD_RET_SUCCESS;
}

/* Subscribes for the sub-device and waits for the server to grant it. */
static int _subscribe_and_wait(void *gateway, char *topic)
{
    SubscribeParams sub_params  = DEFAULT_SUB_PARAMS;
    int             rounds_left = SUBACK_ROUNDS;
    int             rc;

    sub_params.qos                = QOS0;
    sub_params.on_message_handler = _on_message_callback;

    rc = IOT_Gateway_Subscribe(gateway, topic, &sub_params);
    if (rc < 0) {
        Log_e("subscribe of %s failed: %d", topic, rc);
        return rc;
    }
    while (!IOT_Gateway_IsSubReady(gateway, topic)) {
        if (rounds_left-- == 0) {
            Log_e("subscribe of %s: no answer", topic);
            return QCLOUD_ERR_FAILURE;
        }
        rc = _yield(gateway);
        if (rc != QCLOUD_RET_SUCCESS) {
            Log_e("subscribe of %s failed: %d", topic, rc);
            return rc;
        }
    }
    return QCLOUD_RET_SUCCESS;
}

static int _publish_count(void *gateway, char *topic, int count)
{
    PublishParams pub_params = DEFAULT_PUB_PARAMS;
    char          payload[64];
    int           len;

    len = HAL_Snprintf(payload, sizeof(payload), "{\"action\": \"gateway_test\", \"count\": \"%d\"}", count);
    if (len < 0 || len >= (int)sizeof(payload)) {
        return QCLOUD_ERR_FAILURE;
    }
    pub_params.qos         = QOS1;
    pub_params.payload     = payload;
    pub_params.payload_len = (size_t)len;
    return IOT_Gateway_Publish(gateway, topic, &pub_params);
}

static int _exchange_messages(void *gateway, const DeviceInfo *sub_device, int rounds)
{
    char topic[MAX_TOPIC_SIZE];
    int  round;
    int  len;
    int  rc;

    len = HAL_Snprintf(topic, sizeof(topic), "%s/%s/data", sub_device->product_id, sub_device->device_name);
    if (len < 0 || len >= (int)sizeof(topic)) {
        Log_e("topic is too long");
        return QCLOUD_ERR_FAILURE;
    }
    rc = _subscribe_and_wait(gateway, topic);
    for (round = 0; rc == QCLOUD_RET_SUCCESS && round < rounds; round++) {
        rc = _publish_count(gateway, topic, round);
        if (rc < 0) {
            /* Without a connection a message is lost; the next round may do better. */
            Log_e("publish failed: %d", rc);
        }
        rc = _yield(gateway);
    }
    Log_i("%d messages received for %s/%s", sg_received, sub_device->product_id, sub_device->device_name);
    return rc;
}

/* One sub-device: online, messages, offline. */
static int _serve_sub_device(void *gateway, GatewayParam *param, const DeviceInfo *sub_device, int rounds)
{
    int offline;
    int rc = IOT_Gateway_Subdev_Online(gateway, param);

    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("%s/%s does not come online: %d", sub_device->product_id, sub_device->device_name, rc);
        return rc;
    }
    Log_i("%s/%s is online", sub_device->product_id, sub_device->device_name);

    rc      = _exchange_messages(gateway, sub_device, rounds);
    offline = IOT_Gateway_Subdev_Offline(gateway, param);
    if (offline != QCLOUD_RET_SUCCESS) {
        Log_e("%s/%s does not go offline: %d", sub_device->product_id, sub_device->device_name, offline);
    } else {
        Log_i("%s/%s is offline", sub_device->product_id, sub_device->device_name);
    }
    return rc != QCLOUD_RET_SUCCESS ? rc : offline;
}

static int _run_gateway(void *gateway, const Options *options)
{
    GatewayParam param      = DEFAULT_GATEWAY_PARAMS;
    DeviceInfo  *sub_device = sg_devices.sub_dev_info;
    int          rc         = QCLOUD_RET_SUCCESS;

    param.product_id         = sg_devices.gw_info.product_id;
    param.device_name        = sg_devices.gw_info.device_name;
    param.subdev_product_id  = sub_device->product_id;
    param.subdev_device_name = sub_device->device_name;

    if (options->bind_file != NULL) {
        rc = _bind_sub_device(gateway, &param, options->bind_file);
    }
    if (rc == QCLOUD_RET_SUCCESS) {
        rc = _show_bind_list(gateway, &param);
    }
    if (rc == QCLOUD_RET_SUCCESS) {
        rc = _serve_sub_device(gateway, &param, sub_device, options->rounds);
    }
    return rc;
}

static int _usage(const char *program)
{
    HAL_Printf("usage: %s [options]\r\n"
               "  [-c <config file for DeviceInfo>] gateway, with its sub-device under subDev\r\n"
               "  [-b <config file for DeviceInfo>] sub-device to bind first\r\n"
               "  [-l <rounds>] messages to publish, at least 1\r\n",
               program);
    return -1;
}

static int _parse_options(int argc, char **argv, Options *options)
{
    int   option;
    char *end;
    long  rounds;
    int   rc;

    while ((option = utils_getopt(argc, argv, "c:b:l:")) != -1) {
        switch (option) {
            case 'c':
                rc = HAL_SetDevInfoFile(utils_optarg);
                if (rc != QCLOUD_RET_SUCCESS) {
                    HAL_Printf("device file %s cannot be used: %d\r\n", utils_optarg, rc);
                    return -1;
                }
                break;
            case 'b':
                options->bind_file = utils_optarg;
                break;
            case 'l':
                rounds = strtol(utils_optarg, &end, 10);
                if (rounds < 1 || rounds > 1000000 || *end != '\0') {
                    return _usage(argv[0]);
                }
                options->rounds = (int)rounds;
                break;
            default:
                return _usage(argv[0]);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    GatewayInitParam init_params = DEFAULT_GATEWAY_INIT_PARAMS;
    Options          options     = {NULL, 1};
    void            *gateway;
    int              rc;
    int              destroyed;

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_parse_options(argc, argv, &options) != 0) {
        return -1;
    }

    rc = HAL_GetGwDevInfo(&sg_devices);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("HAL_GetGwDevInfo failed: %d", rc);
        return rc;
    }
    rc = _fill_init_params(&init_params.init_param, &sg_devices.gw_info);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }

    gateway = IOT_Gateway_Construct(&init_params);
    if (gateway == NULL) {
        Log_e("Gateway Construct failed: %d", init_params.init_param.err_code);
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("Gateway Construct Success");

    rc        = _run_gateway(gateway, &options);
    destroyed = IOT_Gateway_Destroy(gateway);
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}
