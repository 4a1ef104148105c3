/*
 * One client, many threads: the SDK's own thread receives, five threads publish and one thread subscribes and
 * unsubscribes all the time. Every message carries its thread and number, so the program can tell which came back.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lite-utils.h"
#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#define MAX_TOPIC_SIZE      128
#define PUBLISHERS          5
#define MESSAGES_PER_THREAD 10
#define MESSAGES            (PUBLISHERS * MESSAGES_PER_THREAD)
#define REQUIRED_PERCENT    99

#define PUBLISH_PAUSE_MS   100
#define RETRY_PAUSE_MS     500
#define MAX_RETRIES        60
#define SUBSCRIBE_PAUSE_MS 300
#define POLL_MS            100
#define LAST_MESSAGE_MS    10000

/* State of the program; everything below the lock belongs to it. The client keeps pointers into the device info. */
typedef struct {
    DeviceInfo device_info;
    char       data_topic[MAX_TOPIC_SIZE];
    char       control_topic[MAX_TOPIC_SIZE];
    void      *client;

    void *lock;
    bool  received[PUBLISHERS][MESSAGES_PER_THREAD];
    int   sent;
    int   errors;
    int   publishers_running;
    bool  subscriber_running;
} Program;

/* What a publishing thread gets. It has to stay where it is while the thread runs. */
typedef struct {
    int          number;
    ThreadParams params;
} Publisher;

static Program   sg_program;
static Publisher sg_publishers[PUBLISHERS];

static void _add_error(void)
{
    HAL_MutexLock(sg_program.lock);
    sg_program.errors++;
    HAL_MutexUnlock(sg_program.lock);
}

static void _mqtt_event_handler(void *client, void *context, MQTTEventMsg *msg)
{
    const unsigned packet_id = (unsigned)(uintptr_t)msg->msg;

    (void)client;
    (void)context;

    switch (msg->event_type) {
        case MQTT_EVENT_DISCONNECT:
            Log_w("connection lost");
            break;
        case MQTT_EVENT_RECONNECT:
            Log_i("connection is back");
            break;
        case MQTT_EVENT_SUBCRIBE_TIMEOUT:
        case MQTT_EVENT_SUBCRIBE_NACK:
            Log_e("subscribe failed, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_UNSUBCRIBE_TIMEOUT:
        case MQTT_EVENT_UNSUBCRIBE_NACK:
            Log_e("unsubscribe failed, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_PUBLISH_TIMEOUT:
        case MQTT_EVENT_PUBLISH_NACK:
            Log_e("publish failed, packet-id=%u", packet_id);
            break;
        default:
            Log_d("event %d, packet-id=%u", (int)msg->event_type, packet_id);
            break;
    }
}

/* Reads a small number from a JSON member; -1 if it is not there. */
static int _number_of(char *key, char *json)
{
    char *text = LITE_json_value_of(key, json);
    char *end  = NULL;
    long  number;

    if (text == NULL) {
        return -1;
    }
    number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < 0 || number > MESSAGES) {
        number = -1;
    }
    HAL_Free(text);
    return (int)number;
}

/* Runs in the SDK's thread. */
static void _on_message_callback(void *client, MQTTMessage *message, void *user_data)
{
    char json[128];
    char thread_key[] = "thread";
    char count_key[]  = "count";
    int  thread;
    int  count;

    (void)client;
    (void)user_data;

    if (message->payload_len >= sizeof(json)) {
        Log_e("message of %u bytes is not ours", (unsigned)message->payload_len);
        _add_error();
        return;
    }
    /* The payload ends at payload_len, not at a NUL. */
    memcpy(json, message->payload, message->payload_len);
    json[message->payload_len] = '\0';

    thread = _number_of(thread_key, json);
    count  = _number_of(count_key, json);
    if (thread < 0 || thread >= PUBLISHERS || count < 0 || count >= MESSAGES_PER_THREAD) {
        Log_e("message is not ours: %s", json);
        _add_error();
        return;
    }
    /* QoS 1 may deliver twice; marking instead of counting takes care of that. */
    HAL_MutexLock(sg_program.lock);
    sg_program.received[thread][count] = true;
    HAL_MutexUnlock(sg_program.lock);
}

/* A lost connection and a slow one pass; anything else is an error. */
static bool _is_worth_a_retry(int rc)
{
    return rc == QCLOUD_ERR_MQTT_NO_CONN || rc == QCLOUD_ERR_MQTT_REQUEST_TIMEOUT;
}

static int _publish(int thread, int count)
{
    PublishParams pub_params = DEFAULT_PUB_PARAMS;
    char          payload[96];
    int           retries = 0;
    int           len;
    int           rc;

    len = HAL_Snprintf(payload, sizeof(payload),
                       "{\"action\": \"publish_test\", \"thread\": \"%d\", \"count\": \"%d\"}", thread, count);
    if (len < 0 || len >= (int)sizeof(payload)) {
        return QCLOUD_ERR_FAILURE;
    }
    pub_params.qos         = QOS1;
    pub_params.payload     = payload;
    pub_params.payload_len = (size_t)len;

    rc = IOT_MQTT_Publish(sg_program.client, sg_program.data_topic, &pub_params);
    while (_is_worth_a_retry(rc) && retries++ < MAX_RETRIES) {
        HAL_SleepMs(RETRY_PAUSE_MS);
        rc = IOT_MQTT_Publish(sg_program.client, sg_program.data_topic, &pub_params);
    }
    return rc;
}

static void _publish_thread(void *arg)
{
    const Publisher *publisher = (const Publisher *)arg;
    int              count;
    int              rc;

    for (count = 0; count < MESSAGES_PER_THREAD; count++) {
        rc = _publish(publisher->number, count);
        if (rc < 0) {
            Log_e("thread %d: publish failed: %d", publisher->number, rc);
            _add_error();
        } else {
            HAL_MutexLock(sg_program.lock);
            sg_program.sent++;
            HAL_MutexUnlock(sg_program.lock);
        }
        HAL_SleepMs(PUBLISH_PAUSE_MS);
    }
    HAL_MutexLock(sg_program.lock);
    sg_program.publishers_running--;
    HAL_MutexUnlock(sg_program.lock);
}

static int _publishers_running(void)
{
    int running;

    HAL_MutexLock(sg_program.lock);
    running = sg_program.publishers_running;
    HAL_MutexUnlock(sg_program.lock);
    return running;
}

/* Subscribes to a second topic and leaves it again, as long as there are publishers. */
static void _subscribe_thread(void *arg)
{
    SubscribeParams sub_params = DEFAULT_SUB_PARAMS;
    int             rc;

    (void)arg;
    sub_params.qos                = QOS1;
    sub_params.on_message_handler = _on_message_callback;

    while (_publishers_running() > 0) {
        rc = IOT_MQTT_Subscribe(sg_program.client, sg_program.control_topic, &sub_params);
        HAL_SleepMs(SUBSCRIBE_PAUSE_MS);
        if (rc >= 0) {
            rc = IOT_MQTT_Unsubscribe(sg_program.client, sg_program.control_topic);
        }
        if (rc < 0 && !_is_worth_a_retry(rc)) {
            Log_e("subscribe or unsubscribe failed: %d", rc);
            _add_error();
        }
        HAL_SleepMs(SUBSCRIBE_PAUSE_MS);
    }
    HAL_MutexLock(sg_program.lock);
    sg_program.subscriber_running = false;
    HAL_MutexUnlock(sg_program.lock);
}

static int _received(void)
{
    int received = 0;
    int thread;
    int count;

    HAL_MutexLock(sg_program.lock);
    for (thread = 0; thread < PUBLISHERS; thread++) {
        for (count = 0; count < MESSAGES_PER_THREAD; count++) {
            received += sg_program.received[thread][count] ? 1 : 0;
        }
    }
    HAL_MutexUnlock(sg_program.lock);
    return received;
}

static bool _all_threads_ended(void)
{
    bool ended;

    HAL_MutexLock(sg_program.lock);
    ended = sg_program.publishers_running == 0 && !sg_program.subscriber_running;
    HAL_MutexUnlock(sg_program.lock);
    return ended;
}

static int _start_thread(ThreadParams *params, char *name, ThreadRunFunc body, void *arg)
{
    int rc;

    params->thread_name = name;
    params->thread_func = body;
    params->user_arg    = arg;
    params->priority    = 1;
    params->stack_size  = 8192;

    rc = HAL_ThreadCreate(params);
    if (rc != 0) {
        Log_e("thread %s cannot be started: %d", name, rc);
        _add_error();
    }
    return rc;
}

/* Waits for threads that did start, even if another did not: they use the client. */
static void _run_threads(void)
{
    static ThreadParams subscriber;
    static char         publisher_name[]  = "publisher";
    static char         subscriber_name[] = "subscriber";
    int                 i;

    /* The counters are set first, for the subscriber looks at them at once. */
    sg_program.publishers_running = PUBLISHERS;
    sg_program.subscriber_running = true;

    for (i = 0; i < PUBLISHERS; i++) {
        sg_publishers[i].number = i;
        if (_start_thread(&sg_publishers[i].params, publisher_name, _publish_thread, &sg_publishers[i]) != 0) {
            HAL_MutexLock(sg_program.lock);
            sg_program.publishers_running--;
            HAL_MutexUnlock(sg_program.lock);
        }
    }
    if (_start_thread(&subscriber, subscriber_name, _subscribe_thread, NULL) != 0) {
        HAL_MutexLock(sg_program.lock);
        sg_program.subscriber_running = false;
        HAL_MutexUnlock(sg_program.lock);
    }
    while (!_all_threads_ended()) {
        HAL_SleepMs(POLL_MS);
    }
}

/* The last messages may still be on their way when the publishers are done. */
static int _wait_for_messages(void)
{
    int waited_ms = 0;

    while (_received() < MESSAGES && waited_ms < LAST_MESSAGE_MS) {
        HAL_SleepMs(POLL_MS);
        waited_ms += POLL_MS;
    }
    return _received();
}

static int _verdict(void)
{
    int  exit_code = 0;
    bool running   = IOT_MQTT_GetLoopStatus(sg_program.client, &exit_code);
    int  received  = _wait_for_messages();

    if (!running) {
        Log_e("receiving thread has ended: %d", exit_code);
        _add_error();
    }
    Log_i("%d of %d messages sent, %d received, %d errors", sg_program.sent, MESSAGES, received, sg_program.errors);
    if (sg_program.errors > 0 || received * 100 < MESSAGES * REQUIRED_PERCENT) {
        Log_e("MQTT multi-thread test: FAIL");
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("MQTT multi-thread test: SUCCESS");
    return QCLOUD_RET_SUCCESS;
}

static int _topic(char *topic, const char *name)
{
    int len = HAL_Snprintf(topic, MAX_TOPIC_SIZE, "%s/%s/%s", sg_program.device_info.product_id,
                           sg_program.device_info.device_name, name);
    return len > 0 && len < MAX_TOPIC_SIZE ? QCLOUD_RET_SUCCESS : QCLOUD_ERR_FAILURE;
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
    DeviceInfo *device_info = &sg_program.device_info;
    int         rc          = HAL_GetDevInfo(device_info);

    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("HAL_GetDevInfo failed: %d", rc);
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

    if (_topic(sg_program.data_topic, "data") != QCLOUD_RET_SUCCESS ||
        _topic(sg_program.control_topic, "control") != QCLOUD_RET_SUCCESS) {
        Log_e("topic is too long");
        return QCLOUD_ERR_FAILURE;
    }
    return QCLOUD_RET_SUCCESS;
}

/* With the SDK's thread running nobody has to call IOT_MQTT_Yield. */
static int _run_with_loop(void)
{
    SubscribeParams sub_params = DEFAULT_SUB_PARAMS;
    int             rc;

    sub_params.qos                = QOS1;
    sub_params.on_message_handler = _on_message_callback;
    rc = IOT_MQTT_Subscribe(sg_program.client, sg_program.data_topic, &sub_params);
    if (rc < 0) {
        Log_e("MQTT subscribe failed: %d", rc);
        return rc;
    }
    rc = IOT_MQTT_StartLoop(sg_program.client);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("MQTT start loop failed: %d", rc);
        return rc;
    }
    _run_threads();
    rc = _verdict();
    IOT_MQTT_StopLoop(sg_program.client);
    return rc;
}

int main(void)
{
    MQTTInitParams init_params = DEFAULT_MQTTINIT_PARAMS;
    int            rc;
    int            destroyed;

    IOT_Log_Set_Level(eLOG_DEBUG);
    rc = _fill_init_params(&init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    sg_program.lock = HAL_MutexCreate();
    if (sg_program.lock == NULL) {
        Log_e("HAL_MutexCreate failed");
        return QCLOUD_ERR_FAILURE;
    }
    sg_program.client = IOT_MQTT_Construct(&init_params);
    if (sg_program.client == NULL) {
        Log_e("MQTT Construct failed!");
        HAL_MutexDestroy(sg_program.lock);
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("Cloud Device Construct Success");

    rc        = _run_with_loop();
    destroyed = IOT_MQTT_Destroy(&sg_program.client);
    HAL_MutexDestroy(sg_program.lock);
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}
