/* Drives device shadows with a script (see script.h). Log lines go to standard error. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "script.h"

/* The library has it, no header declares it. */
#ifdef __cplusplus
extern "C"
#endif
int IOT_Shadow_JSON_ConstructDesirePropNull(void *handle, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...);

#define SHADOWS    4
#define PROPERTIES 8
#define DOC_LEN    4096

typedef struct {
    DeviceProperty property;
    char           key[64];
    union {
        int32_t  i32;
        int16_t  i16;
        int8_t   i8;
        uint32_t u32;
        uint16_t u16;
        uint8_t  u8;
        float    f;
        double   d;
        bool     b;
        char     text[256];
    } data;
} Variable;

struct Slot {
    int      number;
    void    *handle;
    char     document[DOC_LEN];
    Variable variables[PROPERTIES];
    /* Requests and deltas of "storm" are counted, not printed. */
    bool quiet;
    int  answered, rejected, timed_out, deltas;
    /* Connections that were lost, in all and when the last delta came. */
    int losses, losses_at_delta;
};

static Slot g_slots[SHADOWS];

Slot *slot_at(int number)
{
    return &g_slots[number];
}

int number_of(const Slot *slot)
{
    return slot->number;
}

static const char *name_of(const Slot *slot, const void *handle)
{
    /* Inside IOT_Shadow_Construct nobody has told us the handle yet. */
    return slot->handle == NULL ? "unknown" : handle == slot->handle ? "handle" : "other";
}

static void on_event(void *handle, void *context, MQTTEventMsg *event)
{
    Slot *slot = (Slot *)context;
    char  trigger[32];

    if (slot->handle == NULL) {
        slot->handle = handle;
    }
    slot->losses += event->event_type == MQTT_EVENT_DISCONNECT;
    if (!slot->quiet) {
        print(slot, "event %d of %s", (int)event->event_type, name_of(slot, handle));
    }
    snprintf(trigger, sizeof(trigger), "event:%d", (int)event->event_type);
    run_hooks(slot, trigger, NULL);
}

static void on_request(void *handle, Method method, RequestAck ack, const char *json, void *context)
{
    Slot *slot = (Slot *)context;

    if (slot->quiet) {
        *(ack == ACK_ACCEPTED ? &slot->answered : ack == ACK_REJECTED ? &slot->rejected : &slot->timed_out) += 1;
        return;
    }
    print(slot, "request %s ack=%d of %s json=%s", method == GET ? "get" : "update", (int)ack, name_of(slot, handle), json);
    run_hooks(slot, method == GET ? "get" : "update", NULL);
}

static void print_value(const Slot *slot, int index, const char *what, const char *more)
{
    const Variable *variable = &slot->variables[index];

    switch (variable->property.type) {
        case JINT32:
            print(slot, "%s %s = %d%s", what, variable->key, variable->data.i32, more);
            break;
        case JINT16:
            print(slot, "%s %s = %d%s", what, variable->key, variable->data.i16, more);
            break;
        case JINT8:
            print(slot, "%s %s = %d%s", what, variable->key, variable->data.i8, more);
            break;
        case JUINT32:
            print(slot, "%s %s = %u%s", what, variable->key, variable->data.u32, more);
            break;
        case JUINT16:
            print(slot, "%s %s = %u%s", what, variable->key, variable->data.u16, more);
            break;
        case JUINT8:
            print(slot, "%s %s = %u%s", what, variable->key, variable->data.u8, more);
            break;
        case JFLOAT:
            print(slot, "%s %s = %f%s", what, variable->key, (double)variable->data.f, more);
            break;
        case JDOUBLE:
            print(slot, "%s %s = %f%s", what, variable->key, variable->data.d, more);
            break;
        case JBOOL:
            print(slot, "%s %s = %s%s", what, variable->key, variable->data.b ? "true" : "false", more);
            break;
        default:
            print(slot, "%s %s = %s%s", what, variable->key, variable->data.text, more);
            break;
    }
}

static Slot *owner_of(const DeviceProperty *property, int *index)
{
    for (int i = 0; i < SHADOWS * PROPERTIES; i++) {
        if (&g_slots[i / PROPERTIES].variables[i % PROPERTIES].property == property) {
            *index = i % PROPERTIES;
            return &g_slots[i / PROPERTIES];
        }
    }
    abort();
}

static void on_delta(void *handle, const char *json, uint32_t length, DeviceProperty *property)
{
    int   index;
    Slot *slot = owner_of(property, &index);
    char  more[DOC_LEN], trigger[32];

    property->delta_arrived = true;
    slot->deltas++;
    slot->losses_at_delta = slot->losses;
    if (!slot->quiet) {
        snprintf(more, sizeof(more), " of %s len=%u json=%s", name_of(slot, handle), (unsigned)length, json);
        print_value(slot, index, "delta", more);
    }
    if (length != strlen(json)) {
        print(slot, "length is not that of the text");
    }
    snprintf(trigger, sizeof(trigger), "delta:%d", index);
    run_hooks(slot, trigger, NULL);
}

/* Text behind the n-th word. */
static const char *behind(const char *command, int words)
{
    while (words-- > 0 && (command = strchr(command, ' ')) != NULL) {
        command++;
    }
    return command ? command : "";
}

static void run_construct(Slot *slot, const char *command)
{
    ShadowInitParams params = DEFAULT_SHAWDOW_INIT_PARAMS;
    char             url[WORD_LEN], product[WORD_LEN], name[WORD_LEN], secret[WORD_LEN];

    params.region = option(command, "url=", url);
    params.product_id = option(command, "product=", product) ? product : (char *)"A1B2C3D4E5";
    params.device_name = option(command, "name=", name) ? name : (char *)"lamp-01";
#ifdef AUTH_MODE_CERT
    copy_option(command, "cert=", params.cert_file, sizeof(params.cert_file));
    copy_option(command, "key=", params.key_file, sizeof(params.key_file));
    (void)secret;
#else
    params.device_secret = option(command, "secret=", secret) ? secret : (char *)"c2VjcmV0";
#endif
    params.command_timeout = number(command, "timeout=", 5000);
    params.auto_connect_enable = (uint8_t)number(command, "auto=", 1);
    params.shadow_type = number(command, "template=", 0) ? eTEMPLATE : eSHADOW;
    params.event_handle.h_fp = on_event;
    params.event_handle.context = slot;
    slot->handle = NULL;
    slot->handle = IOT_Shadow_Construct(&params);
    /* All that it needs has been copied. */
    memset(url, '#', sizeof(url));
    memset(product, '#', sizeof(product));
    memset(name, '#', sizeof(name));
    memset(&params, '#', sizeof(params));
    print(slot, "construct = %s err=%d", slot->handle ? "handle" : "null", IOT_MQTT_GetErrCode());
}

static const char *const TYPES[] = {"int32", "int16",  "int8", "uint32", "uint16", "uint8",
                                    "float", "double", "bool", "string", "object"};

/* property INDEX KEY TYPE [VALUE]; without a value the property has no data. */
static void run_property(Slot *slot, const char *command)
{
    char        key[64] = "", type[16] = "";
    int         index = 0, kind = 0, at = 0;
    const char *value;
    Variable   *variable;

    sscanf(command, "%*s %d %63s %15s %n", &index, key, type, &at);
    value = at > 0 ? command + at : "";
    while (strcmp(TYPES[kind], type) != 0) {
        kind++;
    }
    variable = &slot->variables[index];
    strcpy(variable->key, key);
    variable->property.key = variable->key;
    variable->property.data = *value ? &variable->data : NULL;
    variable->property.type = (JsonDataType)kind;
    switch (variable->property.type) {
        case JFLOAT:
            variable->data.f = strtof(value, NULL);
            break;
        case JDOUBLE:
            variable->data.d = strtod(value, NULL);
            break;
        case JBOOL:
            variable->data.b = strcmp(value, "true") == 0;
            break;
        case JSTRING:
        case JOBJECT:
            snprintf(variable->data.text, sizeof(variable->data.text), "%s", value);
            break;
        default:
            variable->data.u32 = (uint32_t)strtoll(value, NULL, 10);
            break;
    }
    print(slot, "property = 0");
}

/* build report|array|overwrite|clear|desirenull|propnull [size=N] INDEX... ; at most four properties. */
static void run_build(Slot *slot, const char *command)
{
    char            kind[WORD_LEN] = "";
    DeviceProperty *list[4] = {NULL, NULL, NULL, NULL};
    uint8_t         count = 0;
    size_t          size = number(command, "size=", DOC_LEN);
    char           *document = slot->document;
    int             result = 77;

    sscanf(command, "%*s %511s", kind);
    for (const char *rest = behind(command, 2); *rest && count < 4; rest = behind(rest, 1)) {
        if (*rest >= '0' && *rest <= '9') {
            list[count++] = &slot->variables[*rest - '0'].property;
        }
    }
    memset(document, '#', DOC_LEN);
    document[DOC_LEN - 1] = '\0';
    if (strcmp(kind, "report") == 0) {
        result = IOT_Shadow_JSON_ConstructReport(slot->handle, document, size, count, list[0], list[1], list[2], list[3]);
    } else if (strcmp(kind, "array") == 0) {
        result = IOT_Shadow_JSON_ConstructReportArray(slot->handle, document, size, count, list);
    } else if (strcmp(kind, "overwrite") == 0) {
        result = IOT_Shadow_JSON_Construct_OverwriteReport(slot->handle, document, size, count, list[0], list[1], list[2],
                                                           list[3]);
    } else if (strcmp(kind, "clear") == 0) {
        result = IOT_Shadow_JSON_ConstructReportAndDesireAllNull(slot->handle, document, size, count, list[0], list[1],
                                                                 list[2], list[3]);
    } else if (strcmp(kind, "desirenull") == 0) {
        result = IOT_Shadow_JSON_ConstructDesireAllNull(slot->handle, document, size);
    } else if (strcmp(kind, "propnull") == 0) {
        result = IOT_Shadow_JSON_ConstructDesirePropNull(slot->handle, document, size, count, list[0], list[1], list[2],
                                                         list[3]);
    }
    print(slot, "build = %d %s", result, size > 0 ? document : "");
}

/* many: a report of 255 properties. */
static void run_many(Slot *slot)
{
    static char     document[16 * 1024];
    DeviceProperty  property = slot->variables[0].property;
    DeviceProperty *list[255];
    int             result;

    for (int i = 0; i < 255; i++) {
        list[i] = &property;
    }
    result = IOT_Shadow_JSON_ConstructReportArray(slot->handle, document, sizeof(document), 255, list);
    print(slot, "many = %d %zu", result, strlen(document));
}

/* update [timeout=MS] [size=N] [nocallback]; updatesync likewise. The document is that of the last build or set. */
static void run_update(Slot *slot, const char *command)
{
    size_t   size = number(command, "size=", DOC_LEN);
    unsigned timeout = number(command, "timeout=", 5000);
    long     start = now_ms();
    int      result;

    if (is(command, "updatesync")) {
        result = IOT_Shadow_Update_Sync(slot->handle, slot->document, size, timeout);
    } else {
        OnRequestCallback callback = strstr(command, " nocallback") ? NULL : on_request;

        result = IOT_Shadow_Update(slot->handle, slot->document, size, callback, slot, timeout);
    }
    print(slot, "%.10s = %d ms=%ld", is(command, "updatesync") ? "updatesync" : "update", result, now_ms() - start);
}

static void run_get(Slot *slot, const char *command)
{
    unsigned timeout = number(command, "timeout=", 5000);
    long     start = now_ms();
    int      result = is(command, "getsync") ? IOT_Shadow_Get_Sync(slot->handle, timeout)
                                             : IOT_Shadow_Get(slot->handle, on_request, slot, timeout);

    print(slot, "%s = %d ms=%ld", is(command, "getsync") ? "getsync" : "get", result, now_ms() - start);
}

/* publish TOPIC TEXT */
static void run_publish(Slot *slot, const char *command)
{
    PublishParams params = DEFAULT_PUB_PARAMS;
    char          topic[WORD_LEN] = "";

    sscanf(command, "%*s %511s", topic);
    params.payload = (void *)behind(command, 2);
    params.payload_len = strlen((const char *)params.payload);
    print(slot, "publish = %d", IOT_Shadow_Publish(slot->handle, topic, &params));
}

static void on_message(void *client, MQTTMessage *message, void *data)
{
    Slot *slot = (Slot *)data;

    print(slot, "message of %s payload=%s", client == IOT_Shadow_Get_Mqtt_Client(slot->handle) ? "client" : "other",
          (const char *)message->payload);
}

static void run_subscribe(Slot *slot, const char *command)
{
    SubscribeParams params = DEFAULT_SUB_PARAMS;
    char            filter[WORD_LEN] = "";

    sscanf(command, "%*s %511s", filter);
    params.on_message_handler = on_message;
    params.user_data = slot;
    print(slot, "subscribe = %d", IOT_Shadow_Subscribe(slot->handle, filter, &params) > 0);
}

static bool must_wait(int result)
{
    return result == QCLOUD_ERR_MQTT_NO_CONN || result == QCLOUD_ERR_MAX_APPENDING_REQUEST;
}

static int send_document(Slot *slot)
{
    int result = IOT_Shadow_Update(slot->handle, slot->document, DOC_LEN, on_request, slot, 5000);

    if (must_wait(result)) {
        IOT_Shadow_Yield(slot->handle, 5);
    }
    return result;
}

/* Reports the first property; goes on over lost connections and full tables. */
static int report_until_taken(Slot *slot)
{
    int result;

    do {
        IOT_Shadow_JSON_ConstructReport(slot->handle, slot->document, DOC_LEN, 1, &slot->variables[0].property);
        result = send_document(slot);
    } while (must_wait(result));
    return result;
}

/* Reports both properties and drops what is desired, as far as that can be known: more may be since a connection was lost. */
static int report_what_was_desired(Slot *slot)
{
    int result = QCLOUD_ERR_MAX_APPENDING_REQUEST;

    while (slot->losses == slot->losses_at_delta && must_wait(result)) {
        IOT_Shadow_JSON_ConstructReportAndDesireAllNull(slot->handle, slot->document, DOC_LEN, 2, &slot->variables[0].property,
                                                        &slot->variables[1].property);
        result = send_document(slot);
    }
    return must_wait(result) ? QCLOUD_RET_SUCCESS : result;
}

/* storm COUNT: reports the first property COUNT times with rising values, and does what deltas ask for meanwhile. */
static void run_storm(Slot *slot, const char *command)
{
    int count = atoi(command + strlen("storm")), result = 0, sent = 0, seen = 0;

    slot->quiet = true;
    for (; sent < count && result == 0; sent++) {
        slot->variables[0].data.i32++;
        result = report_until_taken(slot);
        IOT_Shadow_Yield(slot->handle, 1);
        if (result == 0 && slot->deltas != seen) {
            seen = slot->deltas;
            result = report_what_was_desired(slot);
        }
    }
    print(slot, "storm = %d result=%d", sent, result);
}

/* Gets the document, does what is desired, and reports both properties; false if there was something to do, or an error. */
static bool is_settled(Slot *slot)
{
    int  seen = slot->deltas;
    bool is_asked;

    if (IOT_Shadow_Get_Sync(slot->handle, 5000) != 0) {
        return false;
    }
    is_asked = slot->deltas != seen;
    if (is_asked) {
        IOT_Shadow_JSON_ConstructReportAndDesireAllNull(slot->handle, slot->document, DOC_LEN, 2, &slot->variables[0].property,
                                                        &slot->variables[1].property);
    } else {
        IOT_Shadow_JSON_ConstructReport(slot->handle, slot->document, DOC_LEN, 2, &slot->variables[0].property,
                                        &slot->variables[1].property);
    }
    return IOT_Shadow_Update_Sync(slot->handle, slot->document, DOC_LEN, 5000) == 0 && !is_asked;
}

/* settle: what was lost on the way is made good, until nothing is desired any more and the last report is accepted. */
static void run_settle(Slot *slot)
{
    while (!is_settled(slot)) {
        IOT_Shadow_Yield(slot->handle, 5);
    }
    slot->quiet = false;
    print(slot, "settle = %d,%d rejected=%d", slot->variables[0].data.i32, slot->variables[1].data.i32, slot->rejected);
}

static void run_word(Slot *slot, const char *command)
{
    char word[WORD_LEN] = "";
    int  index;

    sscanf(command, "%*s %511s", word);
    index = atoi(word);
    if (is(command, "destroy")) {
        /* What still waits must not come back. */
        print(slot, "destroy = %d", IOT_Shadow_Destroy(slot->handle));
        slot->handle = NULL;
    } else if (is(command, "yield")) {
        print(slot, "yield = %d", IOT_Shadow_Yield(slot->handle, (uint32_t)index));
    } else if (is(command, "connected")) {
        print(slot, "connected = %d", IOT_Shadow_IsConnected(slot->handle));
    } else if (is(command, "register")) {
        print(slot, "register = %d",
              IOT_Shadow_Register_Property(slot->handle, &slot->variables[index].property, on_delta));
    } else if (is(command, "unregister")) {
        print(slot, "unregister = %d", IOT_Shadow_UnRegister_Property(slot->handle, &slot->variables[index].property));
    } else if (is(command, "value")) {
        print_value(slot, index, "value", "");
    } else if (is(command, "doc")) {
        print(slot, "doc = %s", slot->document);
    } else if (is(command, "set")) {
        snprintf(slot->document, DOC_LEN, "%s", behind(command, 1));
        print(slot, "set = 0");
    } else if (is(command, "unsubscribe")) {
        print(slot, "unsubscribe = %d", IOT_Shadow_Unsubscribe(slot->handle, word) > 0);
    } else if (is(command, "loglevel")) {
        IOT_Log_Set_Level((LOG_LEVEL)index);
        print(slot, "loglevel = %d", (int)IOT_Log_Get_Level());
#ifdef MULTITHREAD_ENABLED
    } else if (is(command, "startloop")) {
        print(slot, "startloop = %d", IOT_MQTT_StartLoop(IOT_Shadow_Get_Mqtt_Client(slot->handle)));
    } else if (is(command, "stoploop")) {
        IOT_MQTT_StopLoop(IOT_Shadow_Get_Mqtt_Client(slot->handle));
        print(slot, "stoploop = 0");
#endif
    } else {
        print(slot, "unknown command %s", command);
        abort();
    }
}

void run_command(Slot *slot, const char *command)
{
    if (is(command, "construct")) {
        run_construct(slot, command);
    } else if (is(command, "property")) {
        run_property(slot, command);
    } else if (is(command, "build")) {
        run_build(slot, command);
    } else if (is(command, "many")) {
        run_many(slot);
    } else if (is(command, "update") || is(command, "updatesync")) {
        run_update(slot, command);
    } else if (is(command, "get") || is(command, "getsync")) {
        run_get(slot, command);
    } else if (is(command, "publish")) {
        run_publish(slot, command);
    } else if (is(command, "subscribe")) {
        run_subscribe(slot, command);
    } else if (is(command, "storm")) {
        run_storm(slot, command);
    } else if (is(command, "settle")) {
        run_settle(slot);
    } else {
        run_word(slot, command);
    }
}

static bool on_log(const char *line)
{
    fputs(line, stderr);
    return true;
}

int main(void)
{
    for (int i = 0; i < SHADOWS; i++) {
        g_slots[i].number = i;
    }
    IOT_Log_Set_MessageHandler(on_log);
    run_script();
    return 0;
}
