/*
 * Publishes numbered QoS 1 messages while its broker comes and goes, and accounts for each of them: acknowledged, reported
 * as lost by an event, or refused by IOT_MQTT_Publish itself. A number that was lost or refused is not sent again.
 *
 * Usage: broker_killed PRODUCT DEVICE SECRET COUNT LIMIT_MS
 * Prints "acked N" and "lost N" for each number, "sent N" after every 100, and "accounted acked=N lost=N refused=N open=N"
 * in the end.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_client.h"

#define IN_FLIGHT 20

/* What waits for its acknowledgement: packet id and number; id 0 is a free place. */
static struct {
    uint16_t id;
    int      number;
} g_open[IN_FLIGHT];
static int g_acked, g_lost, g_refused;

static int find(uint16_t id)
{
    for (int i = 0; i < IN_FLIGHT; i++) {
        if (g_open[i].id == id) {
            return i;
        }
    }
    return -1;
}

static int open_count(void)
{
    int count = 0;

    for (int i = 0; i < IN_FLIGHT; i++) {
        count += g_open[i].id != 0;
    }
    return count;
}

static void settle(uint16_t id, const char *how, int *counter)
{
    int place = find(id);

    if (id == 0 || place < 0) {
        /* A late acknowledgement of what was reported as lost. */
        say("stray %s id=%u", how, (unsigned)id);
        return;
    }
    say("%s %d", how, g_open[place].number);
    g_open[place].id = 0;
    (*counter)++;
}

static void on_event(void *client, void *context, MQTTEventMsg *event)
{
    uint16_t id = (uint16_t)(uintptr_t)event->msg;

    (void)client;
    (void)context;
    if (event->event_type == MQTT_EVENT_PUBLISH_SUCCESS) {
        settle(id, "acked", &g_acked);
    } else if (event->event_type == MQTT_EVENT_PUBLISH_TIMEOUT || event->event_type == MQTT_EVENT_PUBLISH_NACK) {
        settle(id, "lost", &g_lost);
    }
}

int main(int argc, char **argv)
{
    MQTTInitParams params = DEFAULT_MQTTINIT_PARAMS;
    char           topic[160], text[16];
    void          *client;
    long           deadline;
    int            count, number = 0;

    if (argc != 6) {
        return 2;
    }
    count = atoi(argv[4]);
    deadline = now_ms() + atol(argv[5]);
    IOT_Log_Set_Level(eLOG_ERROR);
    params.product_id = argv[1];
    params.device_name = argv[2];
    params.device_secret = argv[3];
    params.command_timeout = 1000;
    params.event_handle.h_fp = on_event;
    client = IOT_MQTT_Construct(&params);
    if (!client) {
        say("construct = %d", params.err_code);
        return 1;
    }
    snprintf(topic, sizeof(topic), "%s/%s/data", argv[1], argv[2]);
    while ((number < count || open_count() > 0) && now_ms() < deadline) {
        PublishParams message = DEFAULT_PUB_PARAMS;
        int           place = find(0), id;

        if (number == count || place < 0 || !IOT_MQTT_IsConnected(client)) {
            IOT_MQTT_Yield(client, 5);
            continue;
        }
        snprintf(text, sizeof(text), "%d", number);
        message.qos = QOS1;
        message.payload = text;
        message.payload_len = strlen(text);
        id = IOT_MQTT_Publish(client, topic, &message);
        if (id > 0) {
            g_open[place].id = (uint16_t)id;
            g_open[place].number = number;
        } else {
            g_refused++;
        }
        if (++number % 100 == 0) {
            say("sent %d", number);
        }
    }
    say("accounted acked=%d lost=%d refused=%d open=%d", g_acked, g_lost, g_refused, open_count());
    IOT_MQTT_Destroy(&client);
    return number == count && open_count() == 0 ? 0 : 1;
}
