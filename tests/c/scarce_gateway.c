/*
 * A gateway on a heap that gives nothing at a chosen call (scarce_heap.h). Whoever started the program does what lines with
 * "please" ask for.
 *
 * With "loss" the connection is lost when the sub-device is online, and calls are counted from there.
 *
 * Usage: scarce_gateway PRODUCT DEVICE SECRET calm|loss once|from_then_on FIRST STEP
 */
#include <stdio.h>
#include <string.h>

#include "scarce_heap.h"
#include "session_client.h"

static char         g_sub_product[] = "Z9Y8X7W6V5", g_sub_name[] = "probe-0", g_sub_secret[] = "MDEyMzQ1Njc4OTo7PD0+Pw==";
static char         g_topic[] = "Z9Y8X7W6V5/probe-0/data";
static void        *g_gateway;
static GatewayParam g_param;
static DeviceInfo   g_sub_device;
static volatile int g_searches, g_received, g_reconnected;
static int          g_bound;

static void on_event(void *client, void *context, MQTTEventMsg *event)
{
    (void)client;
    (void)context;
    g_searches += event->event_type == MQTT_EVENT_GATEWAY_SEARCH;
    g_reconnected += event->event_type == MQTT_EVENT_RECONNECT;
}

static void on_message(void *client, MQTTMessage *message, void *context)
{
    (void)client;
    (void)context;
    g_received += message->payload_len > 0;
}

static bool is_loss(char **argv)
{
    return strcmp(argv[4], "loss") == 0;
}

static void serve(void)
{
    int code = IOT_Gateway_Yield(g_gateway, 10);

    if (code < 0) {
        say("yield = %d", code);
    }
}

static int open_gateway(char **argv)
{
    GatewayInitParam params = DEFAULT_GATEWAY_INIT_PARAMS;

    params.init_param.product_id = argv[1];
    params.init_param.device_name = argv[2];
    params.init_param.device_secret = argv[3];
    params.init_param.command_timeout = 2000;
    params.init_param.event_handle.h_fp = on_event;
    g_gateway = IOT_Gateway_Construct(&params);
    return g_gateway ? 0 : params.init_param.err_code;
}

static int bind(void)
{
    int code = IOT_Gateway_Subdev_Bind(g_gateway, &g_param, &g_sub_device);

    /* 809: the answer to the first attempt was lost. */
    return code > 0 && code != 809 ? QCLOUD_ERR_JSON : code;
}

static int online(void)
{
    int code = IOT_Gateway_Subdev_Online(g_gateway, &g_param);

    return code == QCLOUD_ERR_GATEWAY_SUBDEV_ONLINE ? 0 : code;
}

static int list(void)
{
    SubdevBindList bound;
    int            code = IOT_Gateway_Subdev_GetBindList(g_gateway, &g_param, &bound);

    if (code == QCLOUD_RET_SUCCESS) {
        g_bound = bound.bind_num;
        IOT_Gateway_Subdev_DestoryBindList(&bound);
    }
    return code;
}

static int subscribe(void)
{
    SubscribeParams params = DEFAULT_SUB_PARAMS;

    params.qos = QOS1;
    params.on_message_handler = on_message;
    return IOT_Gateway_IsSubReady(g_gateway, g_topic) ? 0 : IOT_Gateway_Subscribe(g_gateway, g_topic, &params);
}

static int publish(void)
{
    char          payload[] = "data";
    PublishParams params = DEFAULT_PUB_PARAMS;

    params.payload = payload;
    params.payload_len = sizeof(payload);
    return IOT_Gateway_Publish(g_gateway, g_topic, &params);
}

static int offline(void)
{
    int code = IOT_Gateway_Subdev_Offline(g_gateway, &g_param);

    return code == QCLOUD_ERR_GATEWAY_SESSION_NO_EXIST ? 0 : code;
}

static int unbind(void)
{
    int code = IOT_Gateway_Subdev_Unbind(g_gateway, &g_param, &g_sub_device);

    /* -1: it is not bound any more; the answer to the first attempt was lost. */
    return code == -1 && scarce_has_refused() ? 0 : code;
}

static bool until(const char *what, int (*call)(void))
{
    return scarce_until(what, call, serve, QCLOUD_ERR_FAILURE, QCLOUD_ERR_MQTT_NO_CONN);
}

/* Publishes on the topic of the sub-device until a message has come back. */
static bool there_and_back(void)
{
    int  received = g_received;
    long deadline = now_ms() + 20000;

    while (g_received == received && now_ms() < deadline) {
        long end = now_ms() + 300;

        if (!until("subscribe", subscribe) || !until("publish", publish)) {
            return false;
        }
        while (g_received == received && now_ms() < end) {
            serve();
        }
    }
    return g_received != received;
}

/* The sub-device comes back with the connection, or the platform would take nothing on its topic. */
static bool lose(void)
{
    int  reconnected = g_reconnected;
    long deadline = now_ms() + 20000;

    scarce_arm();
    session_cut();
    while (g_reconnected == reconnected && now_ms() < deadline) {
        serve();
    }
    return g_reconnected != reconnected && there_and_back();
}

static bool run(char **argv)
{
    int code = open_gateway(argv);

    if (code != 0) {
        say("construct = %d", code);
        scarce_told();
        scarce_relax();
        if (code != QCLOUD_ERR_MALLOC || open_gateway(argv) != 0) {
            return false;
        }
    }
    memset(&g_sub_device, 0, sizeof(g_sub_device));
    snprintf(g_sub_device.product_id, sizeof(g_sub_device.product_id), "%s", g_sub_product);
    snprintf(g_sub_device.device_name, sizeof(g_sub_device.device_name), "%s", g_sub_name);
    snprintf(g_sub_device.device_secret, sizeof(g_sub_device.device_secret), "%s", g_sub_secret);
    g_param.product_id = argv[1];
    g_param.device_name = argv[2];
    g_param.subdev_product_id = g_sub_product;
    g_param.subdev_device_name = g_sub_name;
    if (!until("bind", bind) || !until("online", online) || !there_and_back()) {
        return false;
    }
    if (is_loss(argv) ? !lose()
                      : !until("list", list) || g_bound <= 40 || !scarce_await("search", &g_searches, serve)) {
        return false;
    }
    return until("offline", offline) && until("unbind", unbind) && IOT_Gateway_Destroy(g_gateway) == QCLOUD_RET_SUCCESS;
}

int main(int argc, char **argv)
{
    Scarcity scarcity = {false, 100, 0};

    if (argc != 8) {
        return 2;
    }
    scarcity.arms_itself = is_loss(argv);
    return scarce_sessions(argc, argv, scarcity, run);
}
