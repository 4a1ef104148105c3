/*
 * Three devices in one process: each has its own device file, its own client and its own thread, which does everything
 * with that client. -l <rounds> sets how often each device publishes.
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
#define DEVICES        3
#define START_PAUSE_MS 300
#define YIELD_MS       200
#define ANSWER_MS      5000
#define POLL_MS        100

#ifdef AUTH_MODE_CERT
#define DEVICE_FILE "./cert_device_info%d.json"
#else
#define DEVICE_FILE "./psk_device_info%d.json"
#endif

/* One device. Its thread owns it; main looks at `done` and `rc` alone, under the lock. */
typedef struct {
    int        number;
    DeviceInfo device_info;
    char       topic[MAX_TOPIC_SIZE];
    int        received;
    int        acknowledged;
    int        refused;

    bool done;
    int  rc;
} Device;

static Device sg_devices[DEVICES];
static void  *sg_lock;
static int    sg_rounds = 1;

static void _mqtt_event_handler(void *client, void *context, MQTTEventMsg *msg)
{
    Device        *device    = (Device *)context;
    const unsigned packet_id = (unsigned)(uintptr_t)msg->msg;

    (void)client;

    switch (msg->event_type) {
        case MQTT_EVENT_DISCONNECT:
            Log_w("device %d: connection lost", device->number);
            break;
        case MQTT_EVENT_RECONNECT:
            Log_i("device %d: connection is back", device->number);
            break;
        case MQTT_EVENT_PUBLISH_SUCCESS:
            device->acknowledged++;
            break;
        case MQTT_EVENT_SUBCRIBE_TIMEOUT:
        case MQTT_EVENT_SUBCRIBE_NACK:
        case MQTT_EVENT_PUBLISH_TIMEOUT:
        case MQTT_EVENT_PUBLISH_NACK:
            device->refused++;
            Log_e("device %d: event %d, packet-id=%u", device->number, (int)msg->event_type, packet_id);
            break;
        default:
            Log_d("device %d: event %d, packet-id=%u", device->number, (int)msg->event_type, packet_id);
            break;
    }
}

static void _on_message_callback(void *client, MQTTMessage *message, void *user_data)
{
    Device     *device      = (Device *)user_data;
    DeviceInfo *device_info = IOT_MQTT_GetDeviceInfo(client);

    device->received++;
    Log_i("device %d (%s) received on %.*s: %.*s", device->number,
          device_info != NULL ? device_info->device_name : "unknown", (int)message->topic_len, message->ptopic,
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

static int _fill_init_params(Device *device, MQTTInitParams *init_params)
{
    DeviceInfo *device_info = &device->device_info;
    char        file_name[64];
    int         len;
    int         rc;

    len = HAL_Snprintf(file_name, sizeof(file_name), DEVICE_FILE, device->number);
    if (len < 0 || len >= (int)sizeof(file_name)) {
        return QCLOUD_ERR_FAILURE;
    }
    rc = HAL_GetDevInfoFromFile(file_name, device_info);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("device file %s cannot be used: %d", file_name, rc);
        return rc;
    }
    init_params->region      = device_info->region;
    init_params->product_id  = device_info->product_id;
    init_params->device_name = device_info->device_name;
#ifdef AUTH_MODE_CERT
    if (_path_of_cert(init_params->cert_file, device_info->dev_cert_file_name) != QCLOUD_RET_SUCCESS ||
        _path_of_cert(init_params->key_file, device_info->dev_key_file_name) != QCLOUD_RET_SUCCESS) {
        return QCLOUD_ERR_FAILURE;
    }
#else
    init_params->device_secret = device_info->device_secret;
#endif
    init_params->command_timeout        = QCLOUD_IOT_MQTT_COMMAND_TIMEOUT;
    init_params->keep_alive_interval_ms = QCLOUD_IOT_MQTT_KEEP_ALIVE_INTERNAL;
    init_params->auto_connect_enable    = 1;
    init_params->event_handle.h_fp      = _mqtt_event_handler;
    init_params->event_handle.context   = device;

    len = HAL_Snprintf(device->topic, sizeof(device->topic), "%s/%s/data", device_info->product_id,
                       device_info->device_name);
    return len > 0 && len < (int)sizeof(device->topic) ? QCLOUD_RET_SUCCESS : QCLOUD_ERR_FAILURE;
}

/* While a lost connection comes back, waiting is all there is to do. */
static int _yield(void *client)
{
    int rc = IOT_MQTT_Yield(client, YIELD_MS);
    if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
        HAL_SleepMs(YIELD_MS);
        return QCLOUD_RET_SUCCESS;
    }
    return rc == QCLOUD_RET_MQTT_RECONNECTED ? QCLOUD_RET_SUCCESS : rc;
}

static int _publish(Device *device, void *client, int round)
{
    PublishParams pub_params = DEFAULT_PUB_PARAMS;
    char          payload[96];
    int           len;

    len = HAL_Snprintf(payload, sizeof(payload),
                       "{\"action\": \"publish_test\", \"device\": \"%d\", \"count\": \"%d\"}", device->number, round);
    if (len < 0 || len >= (int)sizeof(payload)) {
        return QCLOUD_ERR_FAILURE;
    }
    pub_params.qos         = QOS1;
    pub_params.payload     = payload;
    pub_params.payload_len = (size_t)len;
    return IOT_MQTT_Publish(client, device->topic, &pub_params);
}

/* Every round has to be acknowledged and to come back, for the device listens to its own topic. */
static int _wait_for_answers(Device *device, void *client)
{
    const uint32_t start = HAL_GetTimeMs();
    int            rc    = QCLOUD_RET_SUCCESS;

    while (rc == QCLOUD_RET_SUCCESS && (device->acknowledged < sg_rounds || device->received < sg_rounds)) {
        if (HAL_GetTimeMs() - start > ANSWER_MS) {
            Log_e("device %d: %d of %d acknowledged, %d received", device->number, device->acknowledged, sg_rounds,
                  device->received);
            return QCLOUD_ERR_FAILURE;
        }
        rc = _yield(client);
    }
    return rc;
}

static int _exchange_messages(Device *device, void *client)
{
    SubscribeParams sub_params = DEFAULT_SUB_PARAMS;
    int             round;
    int             rc;
#ifdef SYSTEM_COMM
    long time = 0;

    rc = IOT_Get_SysTime(client, &time);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("device %d: no system time: %d", device->number, rc);
        return rc;
    }
    Log_i("device %d: system time is %ld", device->number, time);
#endif

    sub_params.qos                = QOS1;
    sub_params.on_message_handler = _on_message_callback;
    sub_params.user_data          = device;
    rc = IOT_MQTT_Subscribe(client, device->topic, &sub_params);
    if (rc < 0) {
        Log_e("device %d: MQTT subscribe failed: %d", device->number, rc);
        return rc;
    }
    for (round = 0; round < sg_rounds; round++) {
        rc = _publish(device, client, round);
        if (rc < 0) {
            Log_e("device %d: MQTT publish failed: %d", device->number, rc);
            return rc;
        }
        rc = _yield(client);
        if (rc != QCLOUD_RET_SUCCESS) {
            Log_e("device %d: MQTT yield failed: %d", device->number, rc);
            return rc;
        }
    }
    rc = _wait_for_answers(device, client);
    return rc == QCLOUD_RET_SUCCESS && device->refused > 0 ? QCLOUD_ERR_FAILURE : rc;
}

static int _run_device(Device *device)
{
    MQTTInitParams init_params = DEFAULT_MQTTINIT_PARAMS;
    void          *client;
    int            rc;
    int            destroyed;

    rc = _fill_init_params(device, &init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    client = IOT_MQTT_Construct(&init_params);
    if (client == NULL) {
        Log_e("device %d: MQTT Construct failed!", device->number);
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("device %d: Cloud Device Construct Success", device->number);

    rc        = _exchange_messages(device, client);
    destroyed = IOT_MQTT_Destroy(&client);
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}

static void _device_thread(void *arg)
{
    Device *device = (Device *)arg;
    int     rc     = _run_device(device);

    HAL_MutexLock(sg_lock);
    device->rc   = rc;
    device->done = true;
    HAL_MutexUnlock(sg_lock);
}

/* One structure serves all starts: HAL_ThreadCreate copies it, ports that do so late are given time. */
static void _start_device(Device *device)
{
    static char         thread_name[] = "device";
    static ThreadParams params;
    int                 rc;

    params.thread_name = thread_name;
    params.thread_func = _device_thread;
    params.user_arg    = device;
    params.priority    = 1;
    params.stack_size  = 8192;

    rc = HAL_ThreadCreate(&params);
    if (rc != 0) {
        Log_e("device %d: thread cannot be started: %d", device->number, rc);
        device->rc   = QCLOUD_ERR_FAILURE;
        device->done = true;
    }
    HAL_SleepMs(START_PAUSE_MS);
}

static bool _is_done(Device *device)
{
    bool done;

    HAL_MutexLock(sg_lock);
    done = device->done;
    HAL_MutexUnlock(sg_lock);
    return done;
}

static int _parse_options(int argc, char **argv)
{
    int   option;
    char *end;
    long  rounds;

    while ((option = utils_getopt(argc, argv, "l:")) != -1) {
        rounds = option == 'l' ? strtol(utils_optarg, &end, 10) : 0;
        if (rounds < 1 || rounds > 1000000 || *end != '\0') {
            HAL_Printf("usage: %s [options]\r\n"
                       "  [-l <rounds>] messages that each device publishes, at least 1\r\n",
                       argv[0]);
            return -1;
        }
        sg_rounds = (int)rounds;
    }
    return 0;
}

int main(int argc, char **argv)
{
    uint32_t start;
    int      rc = QCLOUD_RET_SUCCESS;
    int      i;

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_parse_options(argc, argv) != 0) {
        return -1;
    }
    sg_lock = HAL_MutexCreate();
    if (sg_lock == NULL) {
        Log_e("HAL_MutexCreate failed");
        return QCLOUD_ERR_FAILURE;
    }

    start = HAL_GetTimeMs();
    for (i = 0; i < DEVICES; i++) {
        sg_devices[i].number = i + 1;
        _start_device(&sg_devices[i]);
    }
    for (i = 0; i < DEVICES; i++) {
        while (!_is_done(&sg_devices[i])) {
            HAL_SleepMs(POLL_MS);
        }
        Log_i("device %d ended with %d", sg_devices[i].number, sg_devices[i].rc);
        rc = rc != QCLOUD_RET_SUCCESS ? rc : sg_devices[i].rc;
    }
    HAL_MutexDestroy(sg_lock);
    Log_i("%d devices, %d rounds, %u ms: %s", DEVICES, sg_rounds, (unsigned)(HAL_GetTimeMs() - start),
          rc == QCLOUD_RET_SUCCESS ? "SUCCESS" : "FAIL");
    return rc;
}
