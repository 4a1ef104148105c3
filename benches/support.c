#include "support.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_PRODUCT "BENCH00001"
/* The bytes 00 to 0f. */
#define BENCH_SECRET "AAECAwQFBgcICQoLDA0ODw=="

#define MAX_LENGTH   (16 * 1024)
#define PATIENCE_S   10.0
#define SLICE_MS     100
/* In front of each block: its size, in a field that keeps the alignment of malloc. */
#define BLOCK_HEADER 16

/* Touched by all threads, with the atomic operations of the compiler: C99 has none. */
static size_t sg_allocations;
static size_t sg_live;
static size_t sg_peak;
static char   sg_topic[] = BENCH_TOPIC;

void *HAL_Malloc(uint32_t size)
{
    char  *block = (char *)malloc(size + (size_t)BLOCK_HEADER);
    size_t live;
    size_t peak;

    if (block == NULL) {
        return NULL;
    }
    memcpy(block, &size, sizeof(size));
    __atomic_add_fetch(&sg_allocations, 1, __ATOMIC_SEQ_CST);
    live = __atomic_add_fetch(&sg_live, size, __ATOMIC_SEQ_CST);
    peak = __atomic_load_n(&sg_peak, __ATOMIC_SEQ_CST);
    while (live > peak &&
           !__atomic_compare_exchange_n(&sg_peak, &peak, live, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    return block + BLOCK_HEADER;
}

void HAL_Free(void *ptr)
{
    char    *block;
    uint32_t size;

    if (ptr == NULL) {
        return;
    }
    block = (char *)ptr - BLOCK_HEADER;
    memcpy(&size, block, sizeof(size));
    __atomic_sub_fetch(&sg_live, size, __ATOMIC_SEQ_CST);
    free(block);
}

Heap bench_heap(void)
{
    Heap heap;

    heap.allocations = __atomic_load_n(&sg_allocations, __ATOMIC_SEQ_CST);
    heap.live        = __atomic_load_n(&sg_live, __ATOMIC_SEQ_CST);
    heap.peak        = __atomic_load_n(&sg_peak, __ATOMIC_SEQ_CST);
    return heap;
}

double bench_now(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        bench_fail("no monotonic clock: %s", strerror(errno));
    }
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void *bench_connect(MQTTEventHandleFun on_event, void *context)
{
    MQTTInitParams params = DEFAULT_MQTTINIT_PARAMS;
    const char    *device = getenv("BENCH_DEVICE");
    const char    *secret = getenv("BENCH_SECRET");
    void          *client;

    IOT_Log_Set_Level(eLOG_ERROR);
    params.product_id             = (char *)BENCH_PRODUCT;
    params.device_name            = (char *)(device != NULL ? device : "bench");
    params.device_secret          = (char *)(secret != NULL ? secret : BENCH_SECRET);
    params.command_timeout        = QCLOUD_IOT_MQTT_COMMAND_TIMEOUT;
    params.keep_alive_interval_ms = QCLOUD_IOT_MQTT_KEEP_ALIVE_INTERNAL;
    params.auto_connect_enable    = 0;
    params.event_handle.h_fp      = on_event;
    params.event_handle.context   = context;
    client                        = IOT_MQTT_Construct(&params);
    if (client == NULL) {
        bench_fail("cannot connect: %d", params.err_code);
    }
    return client;
}

void bench_disconnect(void *client)
{
    int rc = IOT_MQTT_Destroy(&client);
    if (rc != QCLOUD_RET_SUCCESS) {
        bench_fail("cannot disconnect: %d", rc);
    }
}

void bench_subscribe(void *client, OnMessageHandler on_message, void *user_data)
{
    SubscribeParams params = DEFAULT_SUB_PARAMS;
    double          limit  = bench_now() + PATIENCE_S;
    int             rc;

    params.on_message_handler = on_message;
    params.user_data          = user_data;
    rc                        = IOT_MQTT_Subscribe(client, sg_topic, &params);
    while (rc >= 0 && !IOT_MQTT_IsSubReady(client, sg_topic)) {
        if (bench_now() > limit) {
            bench_fail("no answer to subscribe");
        }
        rc = IOT_MQTT_Yield(client, 10);
    }
    if (rc < 0) {
        bench_fail("cannot subscribe: %d", rc);
    }
}

bool bench_publish(void *client, QoS qos, size_t length)
{
    static char   payload[MAX_LENGTH];
    PublishParams params = DEFAULT_PUB_PARAMS;
    int           rc;

    if (length > sizeof(payload)) {
        bench_fail("payload of %zu bytes is too long", length);
    }
    params.qos         = qos;
    params.payload     = payload;
    params.payload_len = length;
    rc                 = IOT_MQTT_Publish(client, sg_topic, &params);
    if (rc == QCLOUD_ERR_FAILURE && qos == QOS1) {
        return false;
    }
    if (rc < 0) {
        bench_fail("cannot publish: %d", rc);
    }
    return true;
}

void bench_yield_until(void *client, const volatile size_t *count, size_t target)
{
    double limit = bench_now() + PATIENCE_S;
    size_t last  = *count;

    while (*count < target) {
        int rc = IOT_MQTT_Yield(client, SLICE_MS);
        if (rc != QCLOUD_RET_SUCCESS) {
            bench_fail("yield failed: %d", rc);
        }
        if (*count != last) {
            last  = *count;
            limit = bench_now() + PATIENCE_S;
        } else if (bench_now() > limit) {
            bench_fail("only %zu of %zu came", *count, target);
        }
    }
}

size_t bench_number(const char *text, const char *usage)
{
    char *end   = NULL;
    long  value = text != NULL ? strtol(text, &end, 10) : 0;

    if (value <= 0 || *end != '\0') {
        fprintf(stderr, "usage: %s\n", usage);
        exit(2);
    }
    return (size_t)value;
}

void bench_result(const char *name, double value)
{
    printf("%s %.9g\n", name, value);
    fflush(stdout);
}

double bench_status_kib(const char *field)
{
    char   line[256];
    double value  = -1;
    FILE  *status = fopen("/proc/self/status", "r");

    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, field, strlen(field)) == 0) {
            value = strtod(line + strlen(field), NULL);
        }
    }
    if (status == NULL || fclose(status) != 0 || value < 0) {
        bench_fail("no %s in /proc/self/status", field);
    }
    return value;
}

static int _compare(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

static void _microseconds(const char *name, const char *what, double seconds)
{
    char label[64];
    int  len = snprintf(label, sizeof(label), "%s_%s_us", name, what);

    if (len < 0 || len >= (int)sizeof(label)) {
        bench_fail("name too long: %s", name);
    }
    bench_result(label, seconds * 1e6);
}

void bench_percentiles(const char *name, double *times, size_t count)
{
    qsort(times, count, sizeof(*times), _compare);
    _microseconds(name, "p50", times[count / 2]);
    _microseconds(name, "p99", times[count * 99 / 100]);
    _microseconds(name, "max", times[count - 1]);
}

void bench_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}
