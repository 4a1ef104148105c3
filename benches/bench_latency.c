/*
 * Round trips of a message to the topic that this client subscribes to itself, one at a time.
 *
 * yield: the next message is published from the handler of the last one, inside IOT_MQTT_Yield.
 * loop:  the loop thread receives, the main thread publishes.
 */
#include "support.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#define USAGE   "bench_latency <yield|loop> <round trips> <payload bytes>"
#define WARM_UP 100

typedef struct Run {
    bool            loop;
    size_t          length;
    size_t          total;
    double          sent_at;
    double         *times;
    volatile size_t done;
    Heap            heap_when_warm;
    Heap            heap_at_end;
    sem_t           arrived;
} Run;

static void _send(void *client, Run *run)
{
    run->sent_at = bench_now();
    bench_publish(client, QOS0, run->length);
}

static void _on_message(void *client, MQTTMessage *message, void *user_data)
{
    Run *run = (Run *)user_data;

    (void)message;
    run->times[run->done] = bench_now() - run->sent_at;
    run->done++;
    if (run->done == WARM_UP) {
        run->heap_when_warm = bench_heap();
    }
    if (run->done == run->total) {
        run->heap_at_end = bench_heap();
    }
    if (run->loop) {
        sem_post(&run->arrived);
    } else if (run->done < run->total) {
        _send(client, run);
    }
}

static void _run_with_loop_thread(void *client, Run *run)
{
    if (IOT_MQTT_StartLoop(client) != QCLOUD_RET_SUCCESS) {
        bench_fail("no loop thread");
    }
    for (size_t i = 0; i < run->total; i++) {
        _send(client, run);
        while (sem_wait(&run->arrived) != 0) {
        }
    }
    IOT_MQTT_StopLoop(client);
}

int main(int argc, char **argv)
{
    static Run run;
    void      *client;

    if (argc != 4 || (strcmp(argv[1], "yield") != 0 && strcmp(argv[1], "loop") != 0)) {
        bench_number(NULL, USAGE);
    }
    run.loop   = strcmp(argv[1], "loop") == 0;
    run.total  = bench_number(argv[2], USAGE) + WARM_UP;
    run.length = bench_number(argv[3], USAGE);
    run.times  = (double *)calloc(run.total, sizeof(*run.times));
    if (run.times == NULL || sem_init(&run.arrived, 0, 0) != 0) {
        bench_fail("no memory");
    }

    client = bench_connect(NULL, NULL);
    bench_subscribe(client, _on_message, &run);
    if (run.loop) {
        _run_with_loop_thread(client, &run);
    } else {
        _send(client, &run);
        bench_yield_until(client, &run.done, run.total);
    }
    bench_result("allocations", (double)(run.heap_at_end.allocations - run.heap_when_warm.allocations));
    /* What large messages took is given back when nothing has come for a second. */
    bench_result("heap_busy", (double)run.heap_at_end.live);
    if (IOT_MQTT_Yield(client, 1500) != QCLOUD_RET_SUCCESS) {
        bench_fail("the connection did not last");
    }
    bench_result("heap_quiet", (double)bench_heap().live);
    bench_percentiles("round_trip", run.times + WARM_UP, run.total - WARM_UP);
    bench_disconnect(client);
    free(run.times);
    return 0;
}
