/*
 * Publishes messages as fast as the server takes them.
 *
 * QoS 0: ends when a last message, of QoS 1, is acknowledged; the server has read everything then.
 * QoS 1: up to 20 in flight, the next one is published from the event of an acknowledgement.
 */
#include "support.h"

#include <string.h>

#define USAGE     "bench_publish <0|1> <messages> <payload bytes>"
#define IN_FLIGHT 20
#define WARM_UP   100

typedef struct Run {
    QoS             qos;
    size_t          length;
    size_t          sent;
    size_t          target;
    volatile size_t acknowledged;
    double          acknowledged_at;
} Run;

static void _fill_window(void *client, Run *run)
{
    while (run->qos == QOS1 && run->sent < run->target && run->sent - run->acknowledged < IN_FLIGHT &&
           bench_publish(client, QOS1, run->length)) {
        run->sent++;
    }
}

static void _on_event(void *client, void *context, MQTTEventMsg *msg)
{
    Run *run = (Run *)context;

    if (msg->event_type == MQTT_EVENT_PUBLISH_TIMEOUT) {
        bench_fail("a message was not acknowledged");
    }
    if (msg->event_type == MQTT_EVENT_PUBLISH_SUCCESS) {
        run->acknowledged++;
        run->acknowledged_at = bench_now();
        _fill_window(client, run);
    }
}

static void _publish(void *client, Run *run, size_t count)
{
    run->target = run->sent + count;
    _fill_window(client, run);
    while (run->sent < run->target && run->qos == QOS0) {
        bench_publish(client, QOS0, run->length);
        run->sent++;
    }
    if (run->qos == QOS1) {
        bench_yield_until(client, &run->acknowledged, run->target);
    }
}

/* One more message, whose acknowledgement says that the server has read all before it. */
static void _flush(void *client, Run *run)
{
    const size_t before = run->acknowledged;

    bench_publish(client, QOS1, run->length);
    bench_yield_until(client, &run->acknowledged, before + 1);
}

int main(int argc, char **argv)
{
    Run    run = {QOS0, 0, 0, 0, 0, 0};
    size_t count;
    Heap   before;
    Heap   after;
    double start;
    void  *client;

    if (argc != 4 || (strcmp(argv[1], "0") != 0 && strcmp(argv[1], "1") != 0)) {
        bench_number(NULL, USAGE);
    }
    run.qos    = argv[1][0] == '1' ? QOS1 : QOS0;
    count      = bench_number(argv[2], USAGE);
    run.length = bench_number(argv[3], USAGE);

    client = bench_connect(_on_event, &run);
    _publish(client, &run, WARM_UP);
    if (run.qos == QOS0) {
        _flush(client, &run);
    }

    before = bench_heap();
    start  = bench_now();
    _publish(client, &run, count);
    after = bench_heap();
    bench_result("call_seconds", bench_now() - start);
    if (run.qos == QOS0) {
        _flush(client, &run);
    }
    bench_result("messages", (double)count);
    bench_result("seconds", run.acknowledged_at - start);
    bench_result("allocations", (double)(after.allocations - before.allocations));
    bench_disconnect(client);
    return 0;
}
