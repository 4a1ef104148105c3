/* Drives the gateway interface with a script (see script.h). Log lines go to standard error. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "script.h"

#define GATEWAYS 4

static char g_gateway_product[] = "A1B2C3D4E5";
static char g_sub_product[] = "Z9Y8X7W6V5";

struct Slot {
    int   number;
    void *gateway;
    char  name[16];
    /* How often each event has come; by __atomic_* alone. */
    int events[20];
};

static Slot g_slots[GATEWAYS];

Slot *slot_at(int number)
{
    return &g_slots[number];
}

int number_of(const Slot *slot)
{
    return slot->number;
}

/* The first argument is the MQTT client of the gateway, whose handle the program may not know yet. */
static const char *kind_of(const Slot *slot, void *client)
{
    if (slot->gateway == NULL) {
        return "unknown";
    }
    return client == IOT_Gateway_Get_Mqtt_Client(slot->gateway) ? "mqtt" : "other";
}

static void on_event(void *client, void *context, MQTTEventMsg *event)
{
    Slot *slot = (Slot *)context;
    char  trigger[32];

    switch (event->event_type) {
        case MQTT_EVENT_PUBLISH_RECVEIVED: {
            MQTTMessage *message = (MQTTMessage *)event->msg;

            print(slot, "message default topic=%s payload=%s", message->ptopic, (char *)message->payload);
            break;
        }
        case MQTT_EVENT_GATEWAY_SEARCH:
            print(slot, "event 15 status=%d client=%s", (int)*(int32_t *)event->msg, kind_of(slot, client));
            break;
        default:
            print(slot, "event %d id=%lu client=%s", (int)event->event_type, (unsigned long)(uintptr_t)event->msg,
                  kind_of(slot, client));
            break;
    }
    __atomic_fetch_add(&slot->events[event->event_type], 1, __ATOMIC_ACQ_REL);
    snprintf(trigger, sizeof(trigger), "event:%d", (int)event->event_type);
    run_hooks(slot, trigger, NULL);
}

static void on_message(void *client, MQTTMessage *message, void *user_data)
{
    Slot *slot = (Slot *)user_data;

    print(slot, "message first topic=%s payload=%s client=%s", message->ptopic, (char *)message->payload,
          kind_of(slot, client));
    run_hooks(slot, "message", NULL);
}

static void on_topic_event(void *client, MQTTEventType type, void *user_data)
{
    Slot *slot = (Slot *)user_data;
    char  trigger[32];

    (void)client;
    print(slot, "topic-event %d", (int)type);
    snprintf(trigger, sizeof(trigger), "topic:%d", (int)type);
    run_hooks(slot, trigger, NULL);
}

static void never_called(void *client, void *context, void *msg)
{
    (void)client, (void)context, (void)msg;
    abort();
}

static bool on_log(const char *line)
{
    fputs(line, stderr);
    return true;
}

static void fill(GatewayInitParam *init, Slot *slot, const char *command, char *url)
{
    static char secret[] = "c2VjcmV0";

    memset(init, 0, sizeof(*init));
    option(command, "url=", url);
    init->init_param.region = url;
    init->init_param.product_id = g_gateway_product;
    init->init_param.device_name = slot->name;
#ifdef AUTH_MODE_CERT
    (void)secret;
    copy_option(command, "cert=", init->init_param.cert_file, sizeof(init->init_param.cert_file));
    copy_option(command, "key=", init->init_param.key_file, sizeof(init->init_param.key_file));
#else
    init->init_param.device_secret = secret;
#endif
    init->init_param.command_timeout = number(command, "timeout=", 5000);
    init->init_param.keep_alive_interval_ms = number(command, "keepalive=", 240 * 1000);
    init->init_param.clean_session = 1;
    init->init_param.auto_connect_enable = (uint8_t)number(command, "auto=", 1);
    init->init_param.event_handle.h_fp = on_event;
    init->init_param.event_handle.context = slot;
    init->init_param.err_code = 77;
    init->event_handler = never_called;
}

/* The structure must come back as it was, so that it serves for another gateway; err_code tells of a failure. */
static void run_construct(Slot *slot, const char *command)
{
    char             url[WORD_LEN] = "";
    GatewayInitParam init, before;
    long             start = now_ms();
    int              err_code;

    fill(&init, slot, command, url);
    before = init;
    slot->gateway = IOT_Gateway_Construct(&init);
    err_code = init.init_param.err_code;
    if (slot->gateway == NULL && IOT_MQTT_GetErrCode() != err_code) {
        abort();
    }
    init.init_param.err_code = 77;
    print(slot, "construct = %s err=%d unmodified=%d ms=%ld", slot->gateway ? "gateway" : "null", err_code,
          memcmp(&init, &before, sizeof(init)) == 0, now_ms() - start);
    memset(url, '#', sizeof(url));
}

static GatewayParam params_for(Slot *slot, char *sub_device)
{
    GatewayParam param = DEFAULT_GATEWAY_PARAMS;

    param.product_id = g_gateway_product;
    param.device_name = slot->name;
    param.subdev_product_id = g_sub_product;
    param.subdev_device_name = sub_device;
    return param;
}

static void run_online(Slot *slot, const char *command, char *sub_device)
{
    GatewayParam param = params_for(slot, sub_device);
    long         start = now_ms();
    bool         online = is(command, "online");
    int          result = online ? IOT_Gateway_Subdev_Online(slot->gateway, &param)
                                 : IOT_Gateway_Subdev_Offline(slot->gateway, &param);

    print(slot, "%s %s = %d ms=%ld", online ? "online" : "offline", sub_device, result, now_ms() - start);
}

/* bind NAME SECRET-OR-CERTIFICATE, unbind NAME */
static void run_bind(Slot *slot, const char *command, const char *sub_device)
{
    GatewayParam param = params_for(slot, NULL);
    DeviceInfo   info;
    bool         bind = is(command, "bind");
    char         proof[WORD_LEN] = "";
    long         start = now_ms();
    int          result;

    memset(&info, 0, sizeof(info));
    sscanf(command, "%*s %*s %511s", proof);
    strcpy(info.product_id, g_sub_product);
    strncpy(info.device_name, sub_device, sizeof(info.device_name) - 1);
#ifdef AUTH_MODE_CERT
    strncpy(info.dev_cert_file_name, proof, sizeof(info.dev_cert_file_name) - 1);
#else
    strncpy(info.device_secret, proof, sizeof(info.device_secret) - 1);
#endif
    result = bind ? IOT_Gateway_Subdev_Bind(slot->gateway, &param, &info)
                  : IOT_Gateway_Subdev_Unbind(slot->gateway, &param, &info);
    print(slot, "%s %s = %d ms=%ld", bind ? "bind" : "unbind", sub_device, result, now_ms() - start);
}

/* list, or "list free": the nodes go back one by one */
static void run_list(Slot *slot, const char *command)
{
    GatewayParam    param = params_for(slot, NULL);
    SubdevBindList  list;
    SubdevBindInfo *node;
    char            names[8192] = "";
    size_t          at = 0;
    int             result;

    memset(&list, 0x55, sizeof(list));
    result = IOT_Gateway_Subdev_GetBindList(slot->gateway, &param, &list);
    if (result != 0) {
        print(slot, "list = %d", result);
        return;
    }
    for (node = list.bindlist_head; node != NULL; node = node->next) {
        at += (size_t)snprintf(names + at, sizeof(names) - at, " %s/%s", node->product_id, node->device_name);
    }
    print(slot, "list = 0 num=%d names=%s", list.bind_num, names);
    if (strstr(command, " free")) {
        while (list.bindlist_head != NULL) {
            node = list.bindlist_head->next;
            HAL_Free(list.bindlist_head);
            list.bindlist_head = node;
        }
    }
    IOT_Gateway_Subdev_DestoryBindList(&list);
    if (list.bindlist_head != NULL || list.bind_num != 0) {
        abort();
    }
    IOT_Gateway_Subdev_DestoryBindList(&list);
}

static void run_subscribe(Slot *slot, const char *command)
{
    SubscribeParams params = DEFAULT_SUB_PARAMS;
    char            filter[WORD_LEN] = "";
    int             qos = 0;

    sscanf(command, "%*s %511s %d", filter, &qos);
    params.qos = (QoS)qos;
    params.on_message_handler = on_message;
    params.on_sub_event_handler = on_topic_event;
    params.user_data = slot;
    print(slot, "subscribe = %d", IOT_Gateway_Subscribe(slot->gateway, filter, &params));
}

static void run_publish(Slot *slot, const char *command)
{
    PublishParams params = DEFAULT_PUB_PARAMS;
    char          topic[WORD_LEN] = "", payload[WORD_LEN] = "";
    int           qos = 0;

    sscanf(command, "%*s %511s %d %511[^\n]", topic, &qos, payload);
    params.qos = (QoS)qos;
    params.payload = payload;
    params.payload_len = strlen(payload);
    print(slot, "publish = %d", IOT_Gateway_Publish(slot->gateway, topic, &params));
}

static void run_yield(Slot *slot, const char *command)
{
    long start = now_ms();
    int  result = IOT_Gateway_Yield(slot->gateway, (uint32_t)strtoul(command + strlen("yield"), NULL, 10));

    print(slot, "yield = %d ms=%ld", result, now_ms() - start);
}

/* await N: yields until event N comes, at most 30 s */
static void run_await(Slot *slot, int event)
{
    int  before = __atomic_load_n(&slot->events[event], __ATOMIC_ACQUIRE), result = 0;
    long end = now_ms() + 30000;

    while (__atomic_load_n(&slot->events[event], __ATOMIC_ACQUIRE) == before && now_ms() < end) {
        result = IOT_Gateway_Yield(slot->gateway, 50);
    }
    print(slot, "await = %d", result);
}

static void run_destroy(Slot *slot)
{
    int result = IOT_Gateway_Destroy(slot->gateway);

    slot->gateway = NULL;
    print(slot, "destroy = %d", result);
}

static void run_mqtt(Slot *slot, const char *command)
{
    void *client = IOT_Gateway_Get_Mqtt_Client(slot->gateway);

    if (is(command, "mqttdestroy")) {
        print(slot, "mqttdestroy = %d", IOT_MQTT_Destroy(&client));
#ifdef MULTITHREAD_ENABLED
    } else if (is(command, "startloop")) {
        print(slot, "startloop = %d", IOT_MQTT_StartLoop(client));
    } else if (is(command, "stoploop")) {
        IOT_MQTT_StopLoop(client);
        print(slot, "stoploop = 0");
#endif
    } else {
        print(slot, "unknown command %s", command);
        abort();
    }
}

static int g_wrong;

static void check(const Slot *slot, const char *what, long got, long expected)
{
    if (got != expected) {
        g_wrong++;
        print(slot, "%s = %ld instead of %ld", what, got, expected);
    }
}

#define CHECK(call, expected) check(slot, #call, (long)(call), (long)(expected))

/* Every function with NULL, and names that cannot be used. Nothing may be sent. */
static void run_senseless(Slot *slot)
{
    static char  empty[] = "", name[] = "probe-7", not_utf8[] = "probe-\xff";
    static char  long_product[] = "12345678901", long_name[50];
    void        *gateway = slot->gateway;
    char       **fields[4];
    char        *unusable[3];
    GatewayParam param = params_for(slot, name);
    DeviceInfo   info;
    SubdevBindList list;

    memset(long_name, 'x', sizeof(long_name) - 1);
    memset(&info, 0, sizeof(info));
    memset(&list, 0, sizeof(list));
    CHECK(IOT_Gateway_Construct(NULL) == NULL, 1);
    CHECK(IOT_Gateway_Destroy(NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Get_Mqtt_Client(NULL) == NULL, 1);
    CHECK(IOT_Gateway_Yield(NULL, 10), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Publish(NULL, name, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Publish(gateway, NULL, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subscribe(NULL, name, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subscribe(gateway, name, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Unsubscribe(NULL, name), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Unsubscribe(gateway, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_IsSubReady(NULL, name), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_IsSubReady(gateway, NULL), 0);
    CHECK(IOT_Gateway_Subdev_Online(NULL, &param), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Online(gateway, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Offline(NULL, &param), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Offline(gateway, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_GetBindList(NULL, &param, &list), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_GetBindList(gateway, NULL, &list), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_GetBindList(gateway, &param, NULL), QCLOUD_ERR_INVAL);
    IOT_Gateway_Subdev_DestoryBindList(NULL);

    fields[0] = &param.product_id;
    fields[1] = &param.device_name;
    fields[2] = &param.subdev_product_id;
    fields[3] = &param.subdev_device_name;
    for (int field = 0; field < 4; field++) {
        char *good = *fields[field];

        unusable[0] = NULL;
        unusable[1] = empty;
        unusable[2] = field % 2 == 0 ? long_product : long_name;
        for (int i = 0; i < 4; i++) {
            *fields[field] = i < 3 ? unusable[i] : not_utf8;
            CHECK(IOT_Gateway_Subdev_Online(gateway, &param), QCLOUD_ERR_INVAL);
            CHECK(IOT_Gateway_Subdev_Offline(gateway, &param), QCLOUD_ERR_INVAL);
            if (field < 2) {
                CHECK(IOT_Gateway_Subdev_GetBindList(gateway, &param, &list), QCLOUD_ERR_INVAL);
            }
        }
        *fields[field] = good;
    }

    /* Without names, without proof, without terminator. */
    CHECK(IOT_Gateway_Subdev_Bind(gateway, &param, &info), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Unbind(gateway, &param, &info), QCLOUD_ERR_INVAL);
    strcpy(info.product_id, g_sub_product);
    CHECK(IOT_Gateway_Subdev_Unbind(gateway, &param, &info), QCLOUD_ERR_INVAL);
    strcpy(info.device_name, name);
    CHECK(IOT_Gateway_Subdev_Bind(gateway, &param, &info), QCLOUD_ERR_INVAL);
#ifdef AUTH_MODE_CERT
    memset(info.dev_cert_file_name, 'x', sizeof(info.dev_cert_file_name));
#else
    memset(info.device_secret, 'x', sizeof(info.device_secret));
#endif
    CHECK(IOT_Gateway_Subdev_Bind(gateway, &param, &info), QCLOUD_ERR_INVAL);
    memset(info.device_name, 'x', sizeof(info.device_name));
    CHECK(IOT_Gateway_Subdev_Unbind(gateway, &param, &info), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Bind(NULL, &param, &info), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Bind(gateway, NULL, &info), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Bind(gateway, &param, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Unbind(NULL, &param, &info), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Unbind(gateway, NULL, &info), QCLOUD_ERR_INVAL);
    CHECK(IOT_Gateway_Subdev_Unbind(gateway, &param, NULL), QCLOUD_ERR_INVAL);
    print(slot, "senseless = %d", g_wrong);
}

void run_command(Slot *slot, const char *command)
{
    char word[WORD_LEN] = "";

    sscanf(command, "%*s %511s", word);
    if (is(command, "construct")) {
        run_construct(slot, command);
    } else if (is(command, "online") || is(command, "offline")) {
        run_online(slot, command, word);
    } else if (is(command, "bind") || is(command, "unbind")) {
        run_bind(slot, command, word);
    } else if (is(command, "list")) {
        run_list(slot, command);
    } else if (is(command, "subscribe")) {
        run_subscribe(slot, command);
    } else if (is(command, "unsubscribe")) {
        print(slot, "unsubscribe = %d", IOT_Gateway_Unsubscribe(slot->gateway, word));
    } else if (is(command, "publish")) {
        run_publish(slot, command);
    } else if (is(command, "ready")) {
        print(slot, "ready = %d", IOT_Gateway_IsSubReady(slot->gateway, word));
    } else if (is(command, "yield")) {
        run_yield(slot, command);
    } else if (is(command, "await")) {
        run_await(slot, atoi(word));
    } else if (is(command, "destroy")) {
        run_destroy(slot);
    } else if (is(command, "again")) {
        /* Inside a callback of the first one, which takes the handle away. */
        print(slot, "again = %d", IOT_Gateway_Destroy(slot->gateway));
    } else if (is(command, "senseless")) {
        run_senseless(slot);
    } else {
        run_mqtt(slot, command);
    }
}

int main(void)
{
    for (int i = 0; i < GATEWAYS; i++) {
        g_slots[i].number = i;
        snprintf(g_slots[i].name, sizeof(g_slots[i].name), "gw-%d", i);
    }
    IOT_Log_Set_Level(eLOG_DEBUG);
    IOT_Log_Set_MessageHandler(on_log);
    run_script();
    return 0;
}
