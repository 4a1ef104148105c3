/*
 * The reference session with a message from the server in it, on whatever port it is linked with. It calls the SDK and
 * the C library, and no function of the port that the SDK itself does not need.
 *
 * Usage: port_session PRODUCT DEVICE SECRET, or PRODUCT DEVICE CERTIFICATE KEY in builds for certificates
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#define YIELD_MS 200
#define ROUNDS   100

/* Of a port that wants to say something in the end. */
extern const char *port_report(void) __attribute__((weak));

static bool sg_acked;
static bool sg_received;

static void _mqtt_event_handler(void *client, void *context, MQTTEventMsg *msg)
{
    const unsigned packet_id = (unsigned)(uintptr_t)msg->msg;

    (void)client;
    (void)context;
    if (msg->event_type == MQTT_EVENT_SUBCRIBE_SUCCESS) {
        Log_i("subscribe success, packet-id=%u", packet_id);
    } else if (msg->event_type == MQTT_EVENT_PUBLISH_SUCCESS) {
        Log_i("publish success, packet-id=%u", packet_id);
        sg_acked = true;
    } else {
        Log_e("event %d", (int)msg->event_type);
    }
}

static void _on_message_callback(void *client, MQTTMessage *message, void *user_data)
{
    (void)client;
    (void)user_data;
    Log_i("Receive Message With topicName:%.*s, payload:%.*s", (int)message->topic_len, message->ptopic,
          (int)message->payload_len, (const char *)message->payload);
    sg_received = true;
}

static void *_construct(int argc, char **argv)
{
    static char    region[] = "china";
    MQTTInitParams params = DEFAULT_MQTTINIT_PARAMS;

    params.region = region;
    params.product_id = argv[1];
    params.device_name = argv[2];
#ifdef AUTH_MODE_CERT
    snprintf(params.cert_file, sizeof(params.cert_file), "%s", argv[3]);
    snprintf(params.key_file, sizeof(params.key_file), "%s", argc > 4 ? argv[4] : "");
#else
    (void)argc;
    params.device_secret = argv[3];
#endif
    params.command_timeout = QCLOUD_IOT_MQTT_COMMAND_TIMEOUT;
    params.keep_alive_interval_ms = QCLOUD_IOT_MQTT_KEEP_ALIVE_INTERNAL;
    params.auto_connect_enable = 1;
    params.event_handle.h_fp = _mqtt_event_handler;
    return IOT_MQTT_Construct(&params);
}

static bool _yield_until(void *client, const bool *flag)
{
    int rounds = ROUNDS;

    while (!*flag && rounds-- > 0 && IOT_MQTT_Yield(client, YIELD_MS) == QCLOUD_RET_SUCCESS) {
    }
    return *flag;
}

static bool _exchange(void *client, char *topic)
{
    SubscribeParams sub_params = DEFAULT_SUB_PARAMS;
    PublishParams   pub_params = DEFAULT_PUB_PARAMS;
    char            payload[] = "{\"action\": \"publish_test\", \"count\": \"0\"}";
    int             rounds = ROUNDS;

    sub_params.on_message_handler = _on_message_callback;
    if (IOT_MQTT_Subscribe(client, topic, &sub_params) < 0) {
        return false;
    }
    while (!IOT_MQTT_IsSubReady(client, topic)) {
        if (rounds-- == 0 || IOT_MQTT_Yield(client, YIELD_MS) != QCLOUD_RET_SUCCESS) {
            return false;
        }
    }
    pub_params.qos = QOS1;
    pub_params.payload = payload;
    pub_params.payload_len = strlen(payload);
    return IOT_MQTT_Publish(client, topic, &pub_params) > 0 && _yield_until(client, &sg_acked) &&
           _yield_until(client, &sg_received);
}

int main(int argc, char **argv)
{
    char  topic[128];
    void *client;
    long  time = 0;
    bool  good;

    if (argc < 4) {
        return 2;
    }
    IOT_Log_Set_Level(eLOG_DEBUG);
    client = _construct(argc, argv);
    if (client == NULL) {
        Log_e("MQTT Construct failed!");
        return 1;
    }
    Log_i("Cloud Device Construct Success");
    good = IOT_Get_SysTime(client, &time) == QCLOUD_RET_SUCCESS;
    Log_i("system time is %ld", time);
    good = IOT_Sync_NTPTime(client) == QCLOUD_RET_SUCCESS && good;
    Log_i("sync ntp time success!");
    snprintf(topic, sizeof(topic), "%s/%s/data", argv[1], argv[2]);
    good = _exchange(client, topic) && good;
    good = IOT_MQTT_Destroy(&client) == QCLOUD_RET_SUCCESS && good;
    if (port_report) {
        fprintf(stderr, "%s\n", port_report());
    }
    return good ? 0 : 1;
}
