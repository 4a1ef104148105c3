/*
 * Two clients in one process, each with its loop thread. Eight threads publish, subscribe and unsubscribe on the first one,
 * two on the second, as fast as they are let; then every request that was accepted must have had its one event. In the end
 * the first client is destroyed while eight threads are inside its functions.
 *
 * Usage: thread_storm PRODUCT DEVICE1 DEVICE2 SECRET MS
 * SIGALRM ends the process if it hangs.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session_client.h"

#define FIRST_THREADS  8
#define SECOND_THREADS 2
#define SETTLE_S       20

enum { PUBLISHED, SUBSCRIBED, UNSUBSCRIBED, KINDS };

typedef struct {
    void *client;
    char  device[64];
    /* Accepted requests and events of each kind, under the lock; each change is told. */
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    long            accepted[KINDS], told[KINDS], timeouts, refused, messages, lost;
} Device;

static char *g_product;
/* Read and written by all threads, so by __atomic_* alone. */
static bool g_is_over;
/* Threads that are about to call Yield. */
static sem_t g_inside;

static void count(Device *device, long *counter)
{
    pthread_mutex_lock(&device->lock);
    (*counter)++;
    pthread_cond_broadcast(&device->changed);
    pthread_mutex_unlock(&device->lock);
}

static void on_event(void *client, void *context, MQTTEventMsg *event)
{
    Device *device = (Device *)context;

    (void)client;
    switch (event->event_type) {
        case MQTT_EVENT_PUBLISH_TIMEOUT:
            /* A late acknowledgement is told as well. */
            count(device, &device->timeouts);
            count(device, &device->told[PUBLISHED]);
            break;
        case MQTT_EVENT_PUBLISH_SUCCESS:
        case MQTT_EVENT_PUBLISH_NACK:
            count(device, &device->told[PUBLISHED]);
            break;
        case MQTT_EVENT_SUBCRIBE_SUCCESS:
        case MQTT_EVENT_SUBCRIBE_TIMEOUT:
        case MQTT_EVENT_SUBCRIBE_NACK:
            count(device, &device->told[SUBSCRIBED]);
            break;
        case MQTT_EVENT_UNSUBCRIBE_SUCCESS:
        case MQTT_EVENT_UNSUBCRIBE_TIMEOUT:
        case MQTT_EVENT_UNSUBCRIBE_NACK:
            count(device, &device->told[UNSUBSCRIBED]);
            break;
        case MQTT_EVENT_DISCONNECT:
            count(device, &device->lost);
            break;
        default:
            break;
    }
}

static void on_message(void *client, MQTTMessage *message, void *user_data)
{
    Device *device = (Device *)user_data;

    (void)client;
    (void)message;
    count(device, &device->messages);
}

static void note(Device *device, int kind, int result)
{
    if (result > 0) {
        count(device, &device->accepted[kind]);
    } else {
        count(device, &device->refused);
        usleep(1000);
    }
}

static void *storm(void *argument)
{
    static int      numbers;
    Device         *device = (Device *)argument;
    SubscribeParams subscription = DEFAULT_SUB_PARAMS;
    PublishParams   message = DEFAULT_PUB_PARAMS;
    char            topic[160], filter[160];
    int             number = __atomic_fetch_add(&numbers, 1, __ATOMIC_ACQ_REL);

    snprintf(topic, sizeof(topic), "%s/%s/data", g_product, device->device);
    /* Two threads share a filter. */
    snprintf(filter, sizeof(filter), number % 2 ? "%s/%s/control" : "%s/%s/data", g_product, device->device);
    subscription.on_message_handler = on_message;
    subscription.user_data = device;
    message.payload = (void *)"storm";
    message.payload_len = 5;
    for (int round = 0; !__atomic_load_n(&g_is_over, __ATOMIC_ACQUIRE); round++) {
        message.qos = round % 4 == 0 ? QOS1 : QOS0;
        if (round % 16 == number) {
            note(device, SUBSCRIBED, IOT_MQTT_Subscribe(device->client, filter, &subscription));
        } else if (round % 16 == number + 8 && IOT_MQTT_IsSubReady(device->client, filter)) {
            note(device, UNSUBSCRIBED, IOT_MQTT_Unsubscribe(device->client, filter));
        } else if (message.qos == QOS1) {
            note(device, PUBLISHED, IOT_MQTT_Publish(device->client, topic, &message));
        } else if (IOT_MQTT_Publish(device->client, topic, &message) < 0) {
            count(device, &device->refused);
            usleep(1000);
        }
    }
    return NULL;
}

/* Inside Yield, for much longer than the test. */
static void *dwell(void *argument)
{
    Device *device = (Device *)argument;
    int     result;

    sem_post(&g_inside);
    result = IOT_MQTT_Yield(device->client, 600000);
    return (void *)(intptr_t)result;
}

static bool open_device(Device *device, char *name, char *secret)
{
    MQTTInitParams     params = DEFAULT_MQTTINIT_PARAMS;
    pthread_condattr_t monotonic;

    memset(device, 0, sizeof(*device));
    pthread_mutex_init(&device->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&device->changed, &monotonic);
    snprintf(device->device, sizeof(device->device), "%s", name);
    params.product_id = g_product;
    params.device_name = name;
    params.device_secret = secret;
    params.event_handle.h_fp = on_event;
    params.event_handle.context = device;
    device->client = IOT_MQTT_Construct(&params);
    if (!device->client || IOT_MQTT_StartLoop(device->client) != 0) {
        say("construct = %d", params.err_code);
        return false;
    }
    return true;
}

/* Under the lock. */
static bool is_settled(const Device *device)
{
    return device->told[PUBLISHED] >= device->accepted[PUBLISHED] &&
           device->told[PUBLISHED] <= device->accepted[PUBLISHED] + device->timeouts &&
           device->told[SUBSCRIBED] == device->accepted[SUBSCRIBED] &&
           device->told[UNSUBSCRIBED] == device->accepted[UNSUBSCRIBED];
}

static bool report(Device *device)
{
    struct timespec limit;
    bool            good;

    clock_gettime(CLOCK_MONOTONIC, &limit);
    limit.tv_sec += SETTLE_S;
    pthread_mutex_lock(&device->lock);
    while (!is_settled(device) && pthread_cond_timedwait(&device->changed, &device->lock, &limit) == 0) {
    }
    say("%s published=%ld/%ld timeouts=%ld subscribed=%ld/%ld unsubscribed=%ld/%ld refused=%ld messages=%ld lost=%ld", device->device,
        device->told[PUBLISHED], device->accepted[PUBLISHED], device->timeouts, device->told[SUBSCRIBED], device->accepted[SUBSCRIBED],
        device->told[UNSUBSCRIBED], device->accepted[UNSUBSCRIBED], device->refused, device->messages, device->lost);
    good = is_settled(device) && device->lost == 0;
    pthread_mutex_unlock(&device->lock);
    return good;
}

int main(int argc, char **argv)
{
    static Device first, second;
    pthread_t     threads[FIRST_THREADS + SECOND_THREADS];
    int           ms, wrong = 0;

    if (argc != 6) {
        return 2;
    }
    g_product = argv[1];
    ms = atoi(argv[5]);
    alarm((unsigned)(ms / 1000 + 120));
    sem_init(&g_inside, 0, 0);
    IOT_Log_Set_Level(eLOG_ERROR);
    if (!open_device(&first, argv[2], argv[4]) || !open_device(&second, argv[3], argv[4])) {
        return 1;
    }
    for (int i = 0; i < FIRST_THREADS + SECOND_THREADS; i++) {
        pthread_create(&threads[i], NULL, storm, i < FIRST_THREADS ? &first : &second);
    }
    for (long end = now_ms() + ms; now_ms() < end;) {
        usleep(500000);
        say("storm");
    }
    __atomic_store_n(&g_is_over, true, __ATOMIC_RELEASE);
    for (int i = 0; i < FIRST_THREADS + SECOND_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    wrong += !report(&first);
    wrong += !report(&second);

    /* Destroy in the middle of everything. */
    __atomic_store_n(&g_is_over, false, __ATOMIC_RELEASE);
    pthread_create(&threads[FIRST_THREADS], NULL, storm, &second);
    for (int i = 0; i < FIRST_THREADS; i++) {
        pthread_create(&threads[i], NULL, dwell, &first);
    }
    for (int i = 0; i < FIRST_THREADS; i++) {
        sem_wait(&g_inside);
    }
    usleep(100000);
    wrong += IOT_MQTT_Destroy(&first.client) != 0;
    for (int i = 0; i < FIRST_THREADS; i++) {
        void *result;

        pthread_join(threads[i], &result);
        wrong += (intptr_t)result != QCLOUD_RET_MQTT_MANUALLY_DISCONNECTED;
    }
    __atomic_store_n(&g_is_over, true, __ATOMIC_RELEASE);
    pthread_join(threads[FIRST_THREADS], NULL);
    wrong += !report(&second);
    wrong += IOT_MQTT_Destroy(&second.client) != 0;
    say("wrong=%d", wrong);
    return wrong != 0;
}
