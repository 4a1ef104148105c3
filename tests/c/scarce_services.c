/*
 * Broadcast, RRPC, remote configuration and platform time on a heap that gives nothing at a chosen call (scarce_heap.h).
 * Documents are larger than the reserve of the SDK. Whoever started the program does what lines with "please" ask for.
 *
 * Usage: scarce_services PRODUCT DEVICE SECRET once|from_then_on FIRST STEP
 */
#include <string.h>

#include "scarce_heap.h"
#include "session_client.h"

static Session                 g_session;
static char                    g_document[4096];
static char                    g_request[64];
static ConfigSubscirbeUserData g_config;
static volatile int            g_broadcasts, g_replies, g_configs;

static void on_broadcast(void *client, const char *text, uint32_t len)
{
    (void)client;
    g_broadcasts += strlen(text) == len && len > 2000;
}

static void on_call(void *client, const char *text, uint32_t len)
{
    char reply[] = "{\"ok\":true}";
    int  code = IOT_RRPC_Reply(client, reply, sizeof(reply), NULL);

    (void)text;
    (void)len;
    g_replies += code == QCLOUD_RET_SUCCESS;
    if (code != QCLOUD_RET_SUCCESS) {
        say("reply = %d", code);
    }
}

static void on_config(void *client, int code, char *document, int len)
{
    (void)client;
    (void)document;
    g_configs += code == 0 && len > 2000;
}

static int broadcast(void)
{
    return IOT_Broadcast_Subscribe(g_session.client, on_broadcast);
}

static int rrpc(void)
{
    return IOT_RRPC_Init(g_session.client, on_call);
}

static int subscribe_config(void)
{
    g_config.on_config_proc = on_config;
    g_config.json_buffer = g_document;
    g_config.json_buffer_len = sizeof(g_document);
    return IOT_Subscribe_Config(g_session.client, &g_config, 500);
}

static int get_config(void)
{
    return IOT_Get_Config(g_session.client, g_request, sizeof(g_request), 500);
}

static int get_time(void)
{
    long seconds = 0;

    return IOT_Get_SysTime(g_session.client, &seconds);
}

static void serve(void)
{
    session_yield(&g_session, 10);
}

static bool run(char **argv)
{
    if (session_open(&g_session, argv[1], argv[2], argv[3], 2000, 60000) != 0) {
        return false;
    }
    scarce_arm();
    return scarce_until("broadcast", broadcast, serve, QCLOUD_ERR_FAILURE, QCLOUD_ERR_MQTT_NO_CONN) &&
           scarce_await("broadcast", &g_broadcasts, serve) &&
           scarce_until("rrpc", rrpc, serve, QCLOUD_ERR_FAILURE, QCLOUD_ERR_MQTT_NO_CONN) &&
           scarce_await("call", &g_replies, serve) &&
           scarce_until("subscribe config", subscribe_config, serve, QCLOUD_ERR_MQTT_REQUEST_TIMEOUT,
                        QCLOUD_ERR_MQTT_NO_CONN) &&
           scarce_until("get config", get_config, serve, QCLOUD_ERR_MQTT_REQUEST_TIMEOUT,
                        QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) &&
           scarce_await("push", &g_configs, serve) &&
           scarce_until("time", get_time, serve, QCLOUD_ERR_FAILURE, QCLOUD_ERR_MQTT_NO_CONN) &&
           session_close(&g_session) == QCLOUD_RET_SUCCESS;
}

int main(int argc, char **argv)
{
    Scarcity scarcity = {true, 100, 0};

    return argc == 7 ? scarce_sessions(argc, argv, scarcity, run) : 2;
}
