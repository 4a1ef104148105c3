/* Drives the C interface with a script (see script.h). Log lines go to standard error. */
#include <malloc.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "interface_driver.h"
#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

/* Of a port that the program may be linked with. */
extern const char *port_report(void) __attribute__((weak));
extern void port_shift_clock(long ms) __attribute__((weak));
extern void port_skip_waits(void) __attribute__((weak));

#define CLIENTS 8

static Slot         g_slots[CLIENTS];
static bool         g_stop_spinning; /* by __atomic_* alone */
static volatile int g_sigpipes;
static sem_t        g_releases;

Slot *slot_at(int number)
{
    return &g_slots[number];
}

int number_of(const Slot *slot)
{
    return slot->number;
}

Slot *slot_of(const void *client)
{
    for (int i = 0; i < CLIENTS; i++) {
        if (g_slots[i].client == client) {
            return &g_slots[i];
        }
    }
    abort();
}

static void sleep_us(long us)
{
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};

    nanosleep(&pause, NULL);
}

static void count_message(Slot *slot, const MQTTMessage *message)
{
    if (strtol((const char *)message->payload, NULL, 10) != slot->received) {
        slot->misplaced++;
    }
    slot->received++;
    if (slot->slow_us > 0) {
        sleep_us(slot->slow_us);
    }
}

static void print_message(Slot *slot, MQTTMessage *message, const char *how)
{
    char  *payload = message->payload;
    char  *topic = (char *)message->ptopic;
    size_t size = message->topic_len + message->payload_len + 2;
    char  *copy = malloc(size);

    if (slot->quiet) {
        free(copy);
        count_message(slot, message);
        return;
    }
    if (copy == NULL || topic[message->topic_len] != '\0' || payload[message->payload_len] != '\0') {
        print(slot, "message is not terminated");
        abort();
    }
    memcpy(copy, topic, message->topic_len + 1);
    memcpy(copy + message->topic_len + 1, payload, message->payload_len + 1);
    slot->received++;
    print(slot, "message %s topic=%s qos=%d dup=%d retained=%d id=%d len=%zu payload=%.100s", how, topic, (int)message->qos,
          message->dup, message->retained, message->qos == QOS0 ? 0 : message->id, message->payload_len, payload);
    run_hooks(slot, "message", NULL);
    if (memcmp(copy, topic, message->topic_len + 1) != 0 ||
        memcmp(copy + message->topic_len + 1, payload, message->payload_len + 1) != 0) {
        print(slot, "message changed during the call");
    }
    /* Both are ours to change, terminators included: JSON helpers do. */
    memset(topic, '#', message->topic_len + 1);
    memset(payload, '#', message->payload_len + 1);
    free(copy);
}

static void on_event(void *client, void *context, MQTTEventMsg *event)
{
    Slot *slot = context;
    char  trigger[32];

    /* Inside IOT_MQTT_Construct nobody has told us the handle yet. */
    if (slot->client == NULL) {
        slot->client = client;
    }
    if (event->event_type == MQTT_EVENT_PUBLISH_RECVEIVED) {
        print_message(slot, event->msg, "default");
    } else if (!slot->quiet || event->event_type == MQTT_EVENT_PUBLISH_TIMEOUT) {
        print(slot, "event %d id=%lu", (int)event->event_type, (unsigned long)(uintptr_t)event->msg);
    }
    snprintf(trigger, sizeof(trigger), "event:%d", (int)event->event_type);
    run_hooks(slot, trigger, NULL);
}

/* The user data of a subscription is its slot; handlers of two kinds make two subscriptions of one filter. */
static void on_message(void *client, MQTTMessage *message, void *slot)
{
    (void)client;
    print_message(slot, message, "first");
}

static void on_second_message(void *client, MQTTMessage *message, void *slot)
{
    (void)client;
    print_message(slot, message, "second");
}

static void on_topic_event(void *client, MQTTEventType type, void *data)
{
    Slot *slot = data;
    char  trigger[32];

    (void)client;
    print(slot, "topic-event %d", (int)type);
    snprintf(trigger, sizeof(trigger), "topic:%d", (int)type);
    run_hooks(slot, trigger, NULL);
}

static bool on_log(const char *line)
{
    fputs(line, stderr);
    run_hooks(&g_slots[0], "", line);
    return true;
}

static void on_sigpipe(int signal_number)
{
    (void)signal_number;
    g_sigpipes++;
}

static void *construct(Slot *slot, const char *command, MQTTInitParams *params)
{
    static char url[CLIENTS][WORD_LEN], device_name[CLIENTS][WORD_LEN];
    char        text[WORD_LEN];

    if (option(command, "url=", text)) {
        strcpy(url[slot->number], text);
    }
    params->region = url[slot->number];
    params->product_id = "PRODUCT_ID";
    if (option(command, "device=", device_name[slot->number]) == NULL) {
        strcpy(device_name[slot->number], "device");
    }
    params->device_name = device_name[slot->number];
    params->device_secret = "c2VjcmV0";
    params->command_timeout = number(command, "timeout=", 5000);
    params->keep_alive_interval_ms = number(command, "keepalive=", 240 * 1000);
    params->clean_session = (uint8_t)number(command, "clean=", 1);
    params->auto_connect_enable = (uint8_t)number(command, "auto=", 1);
    params->event_handle.h_fp = number(command, "events=", 1) ? on_event : NULL;
    params->event_handle.context = slot;
    params->err_code = 77;
    return IOT_MQTT_Construct(params);
}

static void run_construct(Slot *slot, const char *command)
{
    MQTTInitParams params = DEFAULT_MQTTINIT_PARAMS;
    long           start = now_ms();

    slot->client = construct(slot, command, &params);
    print(slot, "construct = %s err=%d timeout=%u ms=%ld", slot->client ? "client" : "null", params.err_code,
          params.command_timeout, now_ms() - start);
}

/* Bytes of the heap that are in use; other C libraries do not tell. */
static size_t heap_in_use(void)
{
#ifdef __GLIBC__
    return mallinfo2().uordblks;
#else
    return 0;
#endif
}

/* cycles N [construct options]: constructs and destroys silently; tells the bytes of the heap that are in use then. */
static void run_cycles(Slot *slot, const char *command)
{
    int good = 0, last = 0;
    int count = atoi(command + strlen("cycles "));

    for (int i = 0; i < count; i++) {
        MQTTInitParams params = DEFAULT_MQTTINIT_PARAMS;
        void          *client = construct(slot, command, &params);

        if (client != NULL) {
            good++;
            last = IOT_MQTT_Destroy(&client);
        } else {
            last = params.err_code;
        }
    }
    print(slot, "cycles = %d last=%d heap=%zu", good, last, heap_in_use());
}

/* subscribe FILTER QOS [second] [nomessage] [noevent] */
static void run_subscribe(Slot *slot, const char *command)
{
    SubscribeParams params = DEFAULT_SUB_PARAMS;
    char            filter[WORD_LEN] = "";
    int             qos = 0;

    sscanf(command, "%*s %511s %d", filter, &qos);
    params.qos = (QoS)qos;
    params.on_message_handler = strstr(command, " second") ? on_second_message : on_message;
    params.on_sub_event_handler = strstr(command, " noevent") ? NULL : on_topic_event;
    if (strstr(command, " nomessage")) {
        params.on_message_handler = NULL;
    }
    params.user_data = slot;
    print(slot, "subscribe = %d", IOT_MQTT_Subscribe(slot->client, filter, &params));
}

/* publish TOPIC QOS PAYLOAD, or publish TOPIC QOS size=N */
static void run_publish(Slot *slot, const char *command)
{
    PublishParams params = DEFAULT_PUB_PARAMS;
    char          topic[WORD_LEN] = "";
    int           qos = 0, payload_at = 0, result;
    unsigned      size = number(command, "size=", 0);
    char         *payload = NULL;

    sscanf(command, "%*s %511s %d %n", topic, &qos, &payload_at);
    params.qos = (QoS)qos;
    params.payload = (void *)(payload_at > 0 ? command + payload_at : "");
    params.payload_len = strlen(params.payload);
    if (size > 0) {
        payload = malloc(size);
        memset(payload, 'x', size);
        params.payload = payload;
        params.payload_len = size;
    }
    result = IOT_MQTT_Publish(slot->client, topic, &params);
    free(payload);
    print(slot, "publish = %d id=%d", result, params.id);
}

/* burst NAME COUNT SIZE: publishes "NAME i xxx..." at full speed; a full window or socket is no error but waited out. */
static void run_burst(Slot *slot, const char *command)
{
    PublishParams params = DEFAULT_PUB_PARAMS;
    char          name[64] = "", payload[20000];
    int           count = 0, size = 0, sent = 0, result = 0;

    sscanf(command, "%*s %63s %d %d", name, &count, &size);
    memset(payload, 'x', sizeof(payload));
    params.payload = payload;
    for (; sent < count && result >= 0; sent++) {
        int length = snprintf(payload, sizeof(payload), "%s %d ", name, sent);

        payload[length] = 'x';
        params.payload_len = (size_t)(size > length ? size : length);
        result = IOT_MQTT_Publish(slot->client, "PRODUCT_ID/device/data", &params);
    }
    print(slot, "burst %s = %d result=%d", name, sent, result);
}

/* acked COUNT: publishes so many QoS 1 messages, never more at a time than may wait for their acknowledgement. */
static void run_acked(Slot *slot, const char *command)
{
    PublishParams params = DEFAULT_PUB_PARAMS;
    long          count = atol(command + strlen("acked")), sent = 0;
    int           result = 0;

    params.qos = QOS1;
    params.payload = "x";
    params.payload_len = 1;
    while (sent < count && (result >= 0 || result == QCLOUD_ERR_FAILURE)) {
        result = IOT_MQTT_Publish(slot->client, "a", &params);
        if (result > 0) {
            sent++;
        } else {
            IOT_MQTT_Yield(slot->client, 1);
        }
    }
    print(slot, "acked = %ld result=%d", sent, result);
}

static void run_yield(Slot *slot, const char *command)
{
    long start = now_ms();
    int  result = IOT_MQTT_Yield(slot->client, (uint32_t)strtoul(command + strlen("yield"), NULL, 10));

    print(slot, "yield = %d ms=%ld", result, now_ms() - start);
}

/* spin: yields until stopspin, or until the client is gone. */
static void run_spin(Slot *slot)
{
    void *client = slot->client;
    int   result = 0;

    while (!__atomic_load_n(&g_stop_spinning, __ATOMIC_ACQUIRE) && result != QCLOUD_ERR_MQTT_NO_CONN &&
           (result == 0 || result == QCLOUD_RET_MQTT_RECONNECTED || result < 0)) {
        result = IOT_MQTT_Yield(client, 50);
    }
    print(slot, "spin = %d", result);
}

/* until COUNT LIMIT_MS: yields (or waits for the loop thread) until this many messages have come. */
static void run_until(Slot *slot, const char *command)
{
    long count = 0, limit = 0, deadline;
    int  result = 0;

    sscanf(command, "%*s %ld %ld", &count, &limit);
    deadline = now_ms() + limit;
    while (slot->received < count && now_ms() < deadline) {
        int now = IOT_MQTT_Yield(slot->client, 20);

        result = now != 0 ? now : result;
    }
    print(slot, "until = %d received=%ld misplaced=%ld", result, slot->received, slot->misplaced);
}

/* systime COUNT: asks for the time this often; prints how often it came. */
static void run_systime(Slot *slot, const char *command)
{
    int  count = atoi(command + strlen("systime")), good = 0, last = 0;
    long answer = -1, start = now_ms();

    for (int i = 0; i < count; i++) {
        last = IOT_Get_SysTime(slot->client, &answer);
        good += last == 0;
    }
    print(slot, "systime = %d good=%d time=%ld ms=%ld", last, good, answer, now_ms() - start);
}

#ifdef MULTITHREAD_ENABLED
static bool run_loop_word(Slot *slot, const char *command, const char *word)
{
    if (is(command, "startloop")) {
        print(slot, "startloop = %d", IOT_MQTT_StartLoop(slot->client));
    } else if (is(command, "stoploop")) {
        IOT_MQTT_StopLoop(slot->client);
        print(slot, "stoploop = 0");
    } else if (is(command, "setloop")) {
        IOT_MQTT_SetLoopStatus(slot->client, atoi(word) != 0);
        print(slot, "setloop = 0");
    } else if (is(command, "loopstatus")) {
        int  code = 77;
        bool running = IOT_MQTT_GetLoopStatus(slot->client, &code);

        print(slot, "loopstatus = %d code=%d", running, code);
    } else {
        return false;
    }
    return true;
}
#else
static bool run_loop_word(Slot *slot, const char *command, const char *word)
{
    (void)slot, (void)command, (void)word;
    return false;
}
#endif

static void run_sigpipe(Slot *slot, const char *command)
{
    struct sigaction action;

    if (strstr(command, " handle")) {
        signal(SIGPIPE, on_sigpipe);
    }
    sigaction(SIGPIPE, NULL, &action);
    print(slot, "sigpipe = %s count=%d",
          action.sa_handler == SIG_DFL ? "default" : action.sa_handler == SIG_IGN ? "ignored" : "handler", g_sigpipes);
}

static void on_tick(int signal_number)
{
    (void)signal_number;
}

/* A signal every two milliseconds that interrupts system calls. */
static void run_ticks(Slot *slot)
{
    struct sigaction action;
    struct itimerval every = {{0, 2000}, {0, 2000}};

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_tick;
    sigaction(SIGALRM, &action, NULL);
    print(slot, "ticks = %d", setitimer(ITIMER_REAL, &every, NULL));
}

/* Opens descriptors until the next one is above the given number. */
static void run_open_files(Slot *slot, const char *command)
{
    int           last = 0, count = atoi(command + strlen("openfiles"));
    struct rlimit limit = {(rlim_t)count + 100, (rlim_t)count + 100};

    setrlimit(RLIMIT_NOFILE, &limit);
    while (last >= 0 && last < count) {
        last = dup(STDERR_FILENO);
    }
    print(slot, "openfiles = %d", last);
}

static void run_random(Slot *slot, const char *command)
{
    if (strstr(command, "seed")) {
        srand(7);
    }
    print(slot, "random = %d %d %d %d", rand(), rand(), rand(), rand());
}

static void run_word(Slot *slot, const char *command)
{
    char word[WORD_LEN] = "";

    sscanf(command, "%*s %511s", word);
    if (is(command, "destroy")) {
        int result = IOT_MQTT_Destroy(&slot->client);

        print(slot, "destroy = %d left=%d", result, slot->client != NULL);
    } else if (is(command, "unsubscribe")) {
        print(slot, "unsubscribe = %d", IOT_MQTT_Unsubscribe(slot->client, word));
    } else if (is(command, "ready")) {
        print(slot, "ready = %d", IOT_MQTT_IsSubReady(slot->client, word));
    } else if (is(command, "connected")) {
        print(slot, "connected = %d", IOT_MQTT_IsConnected(slot->client));
    } else if (is(command, "errcode")) {
        print(slot, "errcode = %d", IOT_MQTT_GetErrCode());
    } else if (is(command, "syncntp")) {
        print(slot, "syncntp = %d", IOT_Sync_NTPTime(slot->client));
    } else if (is(command, "quiet")) {
        slot->quiet = true;
        slot->received = 0;
        slot->slow_us = atoi(word);
        print(slot, "quiet = 0");
    } else if (is(command, "sleep")) {
        sleep_us(atol(word) * 1000);
        print(slot, "sleep = 0");
    } else if (is(command, "hold")) {
        /* Until "release". */
        print(slot, "hold = %d", sem_wait(&g_releases));
    } else if (is(command, "release")) {
        sem_post(&g_releases);
    } else if (is(command, "ticks")) {
        run_ticks(slot);
    } else if (is(command, "loglevel")) {
        IOT_Log_Set_Level((LOG_LEVEL)atoi(word));
        print(slot, "loglevel = %d", (int)IOT_Log_Get_Level());
    } else if (is(command, "port")) {
        print(slot, "port = %s", port_report());
    } else if (is(command, "shiftclock")) {
        port_shift_clock(atol(word));
        print(slot, "shiftclock = 0");
    } else if (is(command, "skipwaits")) {
        port_skip_waits();
        print(slot, "skipwaits = 0");
    } else if (!run_loop_word(slot, command, word) && !(run_further_command && run_further_command(slot, command))) {
        print(slot, "unknown command %s", command);
        abort();
    }
}

void run_command(Slot *slot, const char *command)
{
    if (is(command, "construct")) {
        run_construct(slot, command);
    } else if (is(command, "cycles")) {
        run_cycles(slot, command);
    } else if (is(command, "subscribe")) {
        run_subscribe(slot, command);
    } else if (is(command, "publish")) {
        run_publish(slot, command);
    } else if (is(command, "burst")) {
        run_burst(slot, command);
    } else if (is(command, "acked")) {
        run_acked(slot, command);
    } else if (is(command, "yield")) {
        run_yield(slot, command);
    } else if (is(command, "until")) {
        run_until(slot, command);
    } else if (is(command, "spin")) {
        run_spin(slot);
    } else if (is(command, "stopspin")) {
        __atomic_store_n(&g_stop_spinning, true, __ATOMIC_RELEASE);
    } else if (is(command, "systime")) {
        run_systime(slot, command);
    } else if (is(command, "sigpipe")) {
        run_sigpipe(slot, command);
    } else if (is(command, "openfiles")) {
        run_open_files(slot, command);
    } else if (is(command, "random")) {
        run_random(slot, command);
    } else {
        run_word(slot, command);
    }
}

int main(void)
{
    for (int i = 0; i < CLIENTS; i++) {
        g_slots[i].number = i;
    }
    sem_init(&g_releases, 0, 0);
    IOT_Log_Set_MessageHandler(on_log);
    run_script();
    return 0;
}
