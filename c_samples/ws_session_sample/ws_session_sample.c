/*
 * The shortest whole session: connect, subscribe, ask for the time, receive it, unsubscribe, disconnect. The request
 * goes out at once, before the server has answered the subscription. The transport is that of the build or of a URL in
 * the device file's region; the session is the same on each.
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

#define MAX_TOPIC_SIZE  128
#define KEEP_ALIVE_MS   60000
#define STEP_TIMEOUT_MS 5000
#define YIELD_MS        100

/* What has happened so far; handlers run inside IOT_MQTT_Yield, so no lock is needed. */
typedef struct {
    DeviceInfo device_info;
    char       request_topic[MAX_TOPIC_SIZE];
    char       reply_topic[MAX_TOPIC_SIZE];

    int      subscribe_id;
    int      unsubscribe_id;
    uint32_t asked_at_ms;

    bool subscribed;
    bool replied;
    bool left_topic;
    bool unsubscribed;
    bool failed;
} Session;

static Session sg_session;

/* Client events 3 and 6 tell the outcome of subscribe and unsubscribe by packet id. */
static void _mqtt_event_handler(void *client, void *context, MQTTEventMsg *msg)
{
    Session  *session   = (Session *)context;
    const int packet_id = (int)(uintptr_t)msg->msg;

    (void)client;

    switch (msg->event_type) {
        case MQTT_EVENT_SUBCRIBE_SUCCESS:
            Log_i("subscribe success, packet-id=%d", packet_id);
            session->subscribed = packet_id == session->subscribe_id;
            break;
        case MQTT_EVENT_UNSUBCRIBE_SUCCESS:
            Log_i("unsubscribe success, packet-id=%d", packet_id);
            session->unsubscribed = packet_id == session->unsubscribe_id;
            break;
        case MQTT_EVENT_SUBCRIBE_TIMEOUT:
        case MQTT_EVENT_SUBCRIBE_NACK:
        case MQTT_EVENT_UNSUBCRIBE_TIMEOUT:
        case MQTT_EVENT_UNSUBCRIBE_NACK:
        case MQTT_EVENT_DISCONNECT:
            Log_e("event %d, packet-id=%d", (int)msg->event_type, packet_id);
            session->failed = true;
            break;
        default:
            Log_d("event %d", (int)msg->event_type);
            break;
    }
}

/* Topic event 14 says that the topic is no longer ours and the user data may go. */
static void _on_sub_event(void *client, MQTTEventType event_type, void *user_data)
{
    Session *session = (Session *)user_data;

    (void)client;
    Log_d("topic event %d", (int)event_type);
    if (event_type == MQTT_EVENT_UNSUBSCRIBE) {
        session->left_topic = true;
    }
}

/* Milliseconds of a JSON member; negative if it is missing or not a number. */
static long long _milliseconds_of(char *key, char *json)
{
    char     *text = LITE_json_value_of(key, json);
    char     *end  = NULL;
    long long value;

    if (text == NULL) {
        return -1;
    }
    value = strtoll(text, &end, 10);
    if (end == text || *end != '\0') {
        value = -1;
    }
    HAL_Free(text);
    return value;
}

static void _on_message_callback(void *client, MQTTMessage *message, void *user_data)
{
    Session  *session   = (Session *)user_data;
    char      json[256] = "";
    char      in_key[]  = "ntptime1";
    char      out_key[] = "ntptime2";
    long long in_ms;
    long long out_ms;

    (void)client;
    Log_i("Receive Message With topicName:%.*s, payload:%.*s", (int)message->topic_len, message->ptopic,
          (int)message->payload_len, (const char *)STRING_PTR_PRINT_SANITY_CHECK(message->payload));
    if (message->payload_len < sizeof(json)) {
        memcpy(json, message->payload, message->payload_len);
    }
    in_ms  = _milliseconds_of(in_key, json);
    out_ms = _milliseconds_of(out_key, json);
    if (in_ms < 0 || out_ms < 0) {
        Log_e("reply without times");
        session->failed = true;
        return;
    }
    /* Half of the way there and back is added to the server's time. */
    Log_i("current time: %lld ms", (in_ms + out_ms + (long long)(HAL_GetTimeMs() - session->asked_at_ms)) / 2);
    session->replied = true;
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

static int _topic(char *topic, const char *prefix, const DeviceInfo *device_info)
{
    int len = HAL_Snprintf(topic, MAX_TOPIC_SIZE, "%s/%s/%s", prefix, device_info->product_id,
                           device_info->device_name);
    return len > 0 && len < MAX_TOPIC_SIZE ? QCLOUD_RET_SUCCESS : QCLOUD_ERR_FAILURE;
}

static int _fill_init_params(Session *session, MQTTInitParams *init_params)
{
    DeviceInfo *device_info = &session->device_info;
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
    init_params->keep_alive_interval_ms = KEEP_ALIVE_MS;
    init_params->auto_connect_enable    = 0;
    init_params->event_handle.h_fp      = _mqtt_event_handler;
    init_params->event_handle.context   = session;

    if (_topic(session->request_topic, "$sys/operation", device_info) != QCLOUD_RET_SUCCESS ||
        _topic(session->reply_topic, "$sys/operation/result", device_info) != QCLOUD_RET_SUCCESS) {
        Log_e("topic is too long");
        return QCLOUD_ERR_FAILURE;
    }
    return QCLOUD_RET_SUCCESS;
}

static int _subscribe(Session *session, void *client)
{
    SubscribeParams sub_params = DEFAULT_SUB_PARAMS;
    int             rc;

    sub_params.qos                  = QOS0;
    sub_params.on_message_handler   = _on_message_callback;
    sub_params.on_sub_event_handler = _on_sub_event;
    sub_params.user_data            = session;

    rc = IOT_MQTT_Subscribe(client, session->reply_topic, &sub_params);
    session->subscribe_id = rc;
    if (rc < 0) {
        Log_e("MQTT subscribe failed: %d", rc);
    }
    return rc;
}

static int _ask_for_time(Session *session, void *client)
{
    static char   request[]  = "{\"type\": \"get\", \"resource\": [\"time\"]}";
    PublishParams pub_params = DEFAULT_PUB_PARAMS;
    int           rc;

    pub_params.qos         = QOS0;
    pub_params.payload     = request;
    pub_params.payload_len = strlen(request);

    session->asked_at_ms = HAL_GetTimeMs();
    rc                   = IOT_MQTT_Publish(client, session->request_topic, &pub_params);
    if (rc < 0) {
        Log_e("MQTT publish failed: %d", rc);
    }
    return rc;
}

static int _unsubscribe(Session *session, void *client)
{
    int rc = IOT_MQTT_Unsubscribe(client, session->reply_topic);

    session->unsubscribe_id = rc;
    if (rc < 0) {
        Log_e("MQTT unsubscribe failed: %d", rc);
    }
    return rc;
}

/* Receives until both flags are set. */
static int _yield_until(Session *session, void *client, const bool *first, const bool *second)
{
    const uint32_t start = HAL_GetTimeMs();
    int            rc;

    while (!(*first && *second)) {
        if (session->failed || HAL_GetTimeMs() - start > STEP_TIMEOUT_MS) {
            Log_e("session failed or got no answer in %d ms", STEP_TIMEOUT_MS);
            return QCLOUD_ERR_FAILURE;
        }
        rc = IOT_MQTT_Yield(client, YIELD_MS);
        if (rc != QCLOUD_RET_SUCCESS) {
            Log_e("MQTT yield failed: %d", rc);
            return rc < 0 ? rc : QCLOUD_ERR_FAILURE;
        }
    }
    return QCLOUD_RET_SUCCESS;
}

static int _run_session(Session *session, void *client)
{
    int rc = _subscribe(session, client);

    if (rc >= 0) {
        rc = _ask_for_time(session, client);
    }
    if (rc >= 0) {
        rc = _yield_until(session, client, &session->subscribed, &session->replied);
    }
    if (rc >= 0) {
        rc = _unsubscribe(session, client);
    }
    if (rc >= 0) {
        rc = _yield_until(session, client, &session->unsubscribed, &session->left_topic);
    }
    return rc < 0 ? rc : QCLOUD_RET_SUCCESS;
}

static int _parse_options(int argc, char **argv)
{
    int option;
    int rc;

    while ((option = utils_getopt(argc, argv, "c:")) != -1) {
        if (option != 'c') {
            HAL_Printf("usage: %s [options]\r\n"
                       "  [-c <config file for DeviceInfo>]\r\n",
                       argv[0]);
            return -1;
        }
        rc = HAL_SetDevInfoFile(utils_optarg);
        if (rc != QCLOUD_RET_SUCCESS) {
            HAL_Printf("device file %s cannot be used: %d\r\n", utils_optarg, rc);
            return -1;
        }
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
    rc = _fill_init_params(&sg_session, &init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    client = IOT_MQTT_Construct(&init_params);
    if (client == NULL) {
        Log_e("MQTT Construct failed!");
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("Cloud Device Construct Success");

    rc        = _run_session(&sg_session, client);
    destroyed = IOT_MQTT_Destroy(&client);
    if (rc == QCLOUD_RET_SUCCESS && destroyed == QCLOUD_RET_SUCCESS) {
        Log_i("session complete");
    }
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}
