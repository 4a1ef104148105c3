/*
 * Receives messages that another program publishes: prints "ready 1" once it is subscribed, and reports when all have
 * come. The first hundred are not measured.
 */

#include "support.h"

#define USAGE   "bench_receive <messages>"
#define WARM_UP 100

typedef struct Run {
    volatile size_t received;
    double          start;
    double          end;
    Heap            heap_at_start;
    size_t          target;
    Heap            heap_at_end;
} Run;

static void _on_message(void *client, MQTTMessage *message, void *user_data)
{
    Run *run = (Run *)user_data;

    (void)client;
    (void)message;
    run->received++;
    if (run->received == WARM_UP) {
        run->start         = bench_now();
        run->heap_at_start = bench_heap();
    }
    if (run->received == run->target) {
        run->end         = bench_now();
        run->heap_at_end = bench_heap();
    }
}

int main(int argc, char **argv)
{
    static Run run;
    size_t     count;
    void      *client;

    if (argc != 2) {
        bench_number(NULL, USAGE);
    }
    count      = bench_number(argv[1], USAGE);
    run.target = WARM_UP + count;
    client     = bench_connect(NULL, NULL);
    bench_subscribe(client, _on_message, &run);
    bench_result("ready", 1);

    bench_yield_until(client, &run.received, run.target);
    bench_result("messages", (double)count);
    bench_result("seconds", run.end - run.start);
    bench_result("allocations", (double)(run.heap_at_end.allocations - run.heap_at_start.allocations));
    bench_disconnect(client);
    return 0;
}
