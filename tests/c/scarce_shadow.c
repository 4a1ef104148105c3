/*
 * A device shadow on a heap that gives nothing at a chosen call (scarce_heap.h). Documents are larger than the reserve of
 * the SDK. Whoever started the program does what lines with "please" ask for.
 *
 * Usage: scarce_shadow PRODUCT DEVICE SECRET once|from_then_on FIRST STEP
 */
#include <stdio.h>
#include <string.h>

#include "scarce_heap.h"
#include "session_client.h"

#define TIME_OUT_MS 500

static void          *g_shadow;
static char           g_document[8192];
static char           g_text[2501];
static int32_t        g_level;
static char           g_level_key[] = "level", g_text_key[] = "text";
static DeviceProperty g_properties[2];
static volatile int   g_deltas, g_accepted;

static void on_delta(void *shadow, const char *delta, uint32_t len, DeviceProperty *property)
{
    (void)shadow;
    (void)property;
    g_deltas += strlen(delta) == len && len > 2000;
}

static void on_end(void *shadow, Method method, RequestAck ack, const char *answer, void *context)
{
    (void)shadow;
    (void)method;
    (void)answer;
    (void)context;
    g_accepted += ack == ACK_ACCEPTED;
}

static void serve(void)
{
    int code = IOT_Shadow_Yield(g_shadow, 10);

    if (code < 0) {
        say("yield = %d", code);
    }
}

static int open_shadow(char **argv)
{
    ShadowInitParams params = DEFAULT_SHAWDOW_INIT_PARAMS;

    params.product_id = argv[1];
    params.device_name = argv[2];
    params.device_secret = argv[3];
    params.command_timeout = 2000;
    g_shadow = IOT_Shadow_Construct(&params);
    return g_shadow ? 0 : IOT_MQTT_GetErrCode();
}

static int register_one(int number)
{
    int code = IOT_Shadow_Register_Property(g_shadow, &g_properties[number], on_delta);

    return code == QCLOUD_ERR_SHADOW_PROPERTY_EXIST ? 0 : code;
}

static int register_properties(void)
{
    int code = register_one(0);

    return code < 0 ? code : register_one(1);
}

static int build(void)
{
    g_level++;
    memset(g_text, 'a' + g_level % 26, sizeof(g_text) - 1);
    return IOT_Shadow_JSON_ConstructReport(g_shadow, g_document, sizeof(g_document), 2, &g_properties[0],
                                           &g_properties[1]);
}

static int update_and_wait(void)
{
    int code = build();

    return code < 0 ? code : IOT_Shadow_Update_Sync(g_shadow, g_document, sizeof(g_document), TIME_OUT_MS);
}

static int update(void)
{
    int code = build();

    return code < 0 ? code : IOT_Shadow_Update(g_shadow, g_document, sizeof(g_document), on_end, NULL, TIME_OUT_MS);
}

static int get_and_wait(void)
{
    return IOT_Shadow_Get_Sync(g_shadow, TIME_OUT_MS);
}

/* Updates until one has been accepted: the answer may be dropped for want of memory. */
static bool update_with_callback(void)
{
    int  accepted = g_accepted;
    long deadline = now_ms() + 20000;

    while (g_accepted == accepted && now_ms() < deadline) {
        long end = now_ms() + 2 * TIME_OUT_MS;

        if (!scarce_until("update", update, serve, QCLOUD_ERR_MQTT_NO_CONN, QCLOUD_ERR_MQTT_NO_CONN)) {
            return false;
        }
        while (g_accepted == accepted && now_ms() < end) {
            serve();
        }
    }
    return g_accepted != accepted;
}

static bool run(char **argv)
{
    int code = open_shadow(argv);

    g_properties[0].key = g_level_key;
    g_properties[0].data = &g_level;
    g_properties[0].type = JINT32;
    g_properties[1].key = g_text_key;
    g_properties[1].data = g_text;
    g_properties[1].type = JSTRING;
    if (code != 0) {
        say("construct = %d", code);
        scarce_told();
        scarce_relax();
        if (code != QCLOUD_ERR_MALLOC || open_shadow(argv) != 0) {
            return false;
        }
    }
    return scarce_until("register", register_properties, serve, QCLOUD_ERR_MQTT_NO_CONN, QCLOUD_ERR_MALLOC) &&
           scarce_until("update and wait", update_and_wait, serve, QCLOUD_ERR_SHADOW_UPDATE_TIMEOUT,
                        QCLOUD_ERR_MQTT_NO_CONN) &&
           scarce_until("get and wait", get_and_wait, serve, QCLOUD_ERR_SHADOW_GET_TIMEOUT,
                        QCLOUD_ERR_MQTT_NO_CONN) &&
           update_with_callback() && scarce_await("desire", &g_deltas, serve) &&
           IOT_Shadow_UnRegister_Property(g_shadow, &g_properties[0]) == QCLOUD_RET_SUCCESS &&
           IOT_Shadow_Destroy(g_shadow) == QCLOUD_RET_SUCCESS;
}

int main(int argc, char **argv)
{
    Scarcity scarcity = {false, 100, 0};

    return argc == 7 ? scarce_sessions(argc, argv, scarcity, run) : 2;
}
