/*
 * This SDK, served by IOT_MQTT_Yield, or with --mode loop by its loop thread.
 *
 * Without --url the endpoint is that of QCLOUD_IOT_ENDPOINT. Client id and password are made by the SDK, from the product and
 * the device in --id and the secret. HAL_Malloc and HAL_Free of the port are replaced by functions that count.
 */
#include "contender.h"

#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

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

static Heap _heap(void)
{
    Heap heap;

    heap.allocations = __atomic_load_n(&sg_allocations, __ATOMIC_SEQ_CST);
    heap.live        = __atomic_load_n(&sg_live, __ATOMIC_SEQ_CST);
    heap.peak        = __atomic_load_n(&sg_peak, __ATOMIC_SEQ_CST);
    return heap;
}

static void _on_event(void *client, void *context, MQTTEventMsg *msg)
{
    (void)client;
    (void)context;
    if (msg->event_type == MQTT_EVENT_PUBLISH_TIMEOUT) {
        bench_fail("a message was not acknowledged");
    }
    if (msg->event_type == MQTT_EVENT_PUBLISH_SUCCESS) {
        bench_acknowledged();
    }
}

static void *_connect(const Options *options, const char *id)
{
    MQTTInitParams params = DEFAULT_MQTTINIT_PARAMS;
    char           product[MAX_SIZE_OF_PRODUCT_ID + 1];
    void          *client;

    if (strlen(id) <= MAX_SIZE_OF_PRODUCT_ID) {
        bench_fail("no product and device in %s", id);
    }
    memcpy(product, id, MAX_SIZE_OF_PRODUCT_ID);
    product[MAX_SIZE_OF_PRODUCT_ID] = '\0';
    if (options->ca != NULL && setenv("QCLOUD_IOT_CA_FILE", options->ca, 1) != 0) {
        bench_fail("no room in the environment");
    }
    /* Compatible logging has a line of level ERR for each upgrade. */
    IOT_Log_Set_Level(eLOG_DISABLE);
    if (options->url != NULL) {
        params.region = (char *)options->url;
    }
    params.product_id             = product;
    params.device_name            = (char *)id + MAX_SIZE_OF_PRODUCT_ID;
    params.device_secret          = (char *)options->secret;
    params.command_timeout        = QCLOUD_IOT_MQTT_COMMAND_TIMEOUT;
    params.keep_alive_interval_ms = BENCH_KEEP_ALIVE_S * 1000;
    params.auto_connect_enable    = 0;
    params.event_handle.h_fp      = _on_event;
    client                        = IOT_MQTT_Construct(&params);
    if (client == NULL) {
        bench_fail("cannot connect: %d", params.err_code);
    }
    return client;
}

static void _disconnect(void *client)
{
    int rc = IOT_MQTT_Destroy(&client);
    if (rc != QCLOUD_RET_SUCCESS) {
        bench_fail("cannot disconnect: %d", rc);
    }
}

static void _serve(void *client, unsigned milliseconds)
{
    int rc = IOT_MQTT_Yield(client, milliseconds);
    if (rc != QCLOUD_RET_SUCCESS) {
        bench_fail("yield failed: %d", rc);
    }
}

static void _on_message(void *client, MQTTMessage *message, void *user_data)
{
    (void)client;
    (void)message;
    (void)user_data;
    bench_arrived();
}

static void _subscribe(void *client)
{
    SubscribeParams params = DEFAULT_SUB_PARAMS;
    double          limit  = bench_now() + 10;
    int             rc;

    params.on_message_handler = _on_message;
    rc                        = IOT_MQTT_Subscribe(client, sg_topic, &params);
    if (rc < 0) {
        bench_fail("cannot subscribe: %d", rc);
    }
    while (!IOT_MQTT_IsSubReady(client, sg_topic)) {
        if (bench_now() > limit) {
            bench_fail("no answer to subscribe");
        }
        _serve(client, 10);
    }
}

static bool _publish(void *client, int qos, const char *payload, size_t length)
{
    PublishParams params = DEFAULT_PUB_PARAMS;
    int           rc;

    params.qos         = qos == 1 ? QOS1 : QOS0;
    params.payload     = (void *)payload;
    params.payload_len = length;
    rc                 = IOT_MQTT_Publish(client, sg_topic, &params);
    if (rc == QCLOUD_ERR_FAILURE && qos == 1) {
        return false;
    }
    if (rc < 0) {
        bench_fail("cannot publish: %d", rc);
    }
    return true;
}

static void _start(void *client)
{
    int rc = IOT_MQTT_StartLoop(client);
    if (rc != QCLOUD_RET_SUCCESS) {
        bench_fail("no loop thread: %d", rc);
    }
}

static void _stop(void *client)
{
    IOT_MQTT_StopLoop(client);
}

Contender bench_contender(const Options *options)
{
    Contender ours;

    (void)options;
    memset(&ours, 0, sizeof(ours));
    ours.connect          = _connect;
    ours.disconnect       = _disconnect;
    ours.subscribe        = _subscribe;
    ours.publish          = _publish;
    ours.serve            = _serve;
    ours.publishes_inside = true;
    ours.start            = _start;
    ours.stop             = _stop;
    ours.heap             = _heap;
    return ours;
}
