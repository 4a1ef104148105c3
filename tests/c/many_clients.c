/*
 * Thousands of devices in one process: each connects, subscribes to its own topic and publishes one message with QoS 1,
 * which has to come back; then all are destroyed. Counts what is left of memory and descriptors.
 *
 * Usage: many_clients URL PRODUCT COUNT SECRET; devices are called d0, d1, ... and have the same secret
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#define ROUNDS 5000
#define NAME_LEN 16
#define TOPIC_LEN 64

typedef struct {
    void *client;
    char  name[NAME_LEN];
    char  topic[TOPIC_LEN];
    bool  is_acked;
    int   received;
} Device;

/* The heap of the SDK: blocks that were given and not taken back. */
static long g_blocks;

void *HAL_Malloc(uint32_t size)
{
    void *block = malloc(size);

    if (block != NULL) {
        __atomic_add_fetch(&g_blocks, 1, __ATOMIC_RELAXED);
    }
    return block;
}

void HAL_Free(void *ptr)
{
    if (ptr != NULL) {
        __atomic_sub_fetch(&g_blocks, 1, __ATOMIC_RELAXED);
    }
    free(ptr);
}

static int descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int  count = 0;

    while (folder != NULL && readdir(folder) != NULL) {
        count++;
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return count;
}

static void on_event(void *client, void *context, MQTTEventMsg *event)
{
    Device *device = (Device *)context;

    (void)client;
    if (event->event_type == MQTT_EVENT_PUBLISH_SUCCESS) {
        device->is_acked = true;
    }
}

/* The message has to be the device's own. */
static void on_message(void *client, MQTTMessage *message, void *user_data)
{
    Device *device = (Device *)user_data;

    (void)client;
    if (message->payload_len == strlen(device->name) && memcmp(message->payload, device->name, message->payload_len) == 0) {
        device->received++;
    }
}

static bool connect_device(Device *device, char *url, char *product, char *secret)
{
    MQTTInitParams  params = DEFAULT_MQTTINIT_PARAMS;
    SubscribeParams sub_params = DEFAULT_SUB_PARAMS;

    params.region = url;
    params.product_id = product;
    params.device_name = device->name;
    params.device_secret = secret;
    params.command_timeout = 20000;
    params.event_handle.h_fp = on_event;
    params.event_handle.context = device;
    device->client = IOT_MQTT_Construct(&params);
    sub_params.on_message_handler = on_message;
    sub_params.user_data = device;
    return device->client != NULL && IOT_MQTT_Subscribe(device->client, device->topic, &sub_params) > 0;
}

static bool exchange(Device *device)
{
    PublishParams params = DEFAULT_PUB_PARAMS;
    int           rounds;

    for (rounds = 0; !IOT_MQTT_IsSubReady(device->client, device->topic) && rounds < ROUNDS; rounds++) {
        IOT_MQTT_Yield(device->client, 1);
    }
    params.qos = QOS1;
    params.payload = device->name;
    params.payload_len = strlen(device->name);
    if (IOT_MQTT_Publish(device->client, device->topic, &params) <= 0) {
        return false;
    }
    for (rounds = 0; (!device->is_acked || device->received == 0) && rounds < ROUNDS; rounds++) {
        IOT_MQTT_Yield(device->client, 1);
    }
    return device->is_acked && device->received == 1;
}

int main(int argc, char **argv)
{
    int           count = argc == 5 ? atoi(argv[3]) : 0;
    Device       *devices = (Device *)calloc((size_t)count + 1, sizeof(*devices));
    struct rlimit limit;
    long          blocks;
    int           files, i, connected = 0, exchanged = 0, destroyed = 0;

    if (count < 1 || devices == NULL || getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 2;
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    IOT_Log_Set_Level(eLOG_DISABLE);
    for (i = 0; i < count; i++) {
        snprintf(devices[i].name, sizeof(devices[i].name), "d%d", i);
        snprintf(devices[i].topic, sizeof(devices[i].topic), "%s/%s/data", argv[2], devices[i].name);
    }
    /* The first one leaves what belongs to the process. */
    if (!connect_device(&devices[0], argv[1], argv[2], argv[4]) || IOT_MQTT_Destroy(&devices[0].client) != 0) {
        return 2;
    }
    blocks = g_blocks;
    files = descriptors();
    for (i = 0; i < count; i++) {
        connected += connect_device(&devices[i], argv[1], argv[2], argv[4]);
    }
    printf("connected=%d descriptors=%d\n", connected, descriptors() - files);
    for (i = 0; i < count; i++) {
        exchanged += devices[i].client != NULL && exchange(&devices[i]);
    }
    printf("exchanged=%d\n", exchanged);
    for (i = 0; i < count; i++) {
        destroyed += devices[i].client != NULL && IOT_MQTT_Destroy(&devices[i].client) == 0;
    }
    printf("destroyed=%d left_descriptors=%d left_blocks=%ld\n", destroyed, descriptors() - files, g_blocks - blocks);
    free(devices);
    return 0;
}
