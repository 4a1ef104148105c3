/* Connects and disconnects again and again: how long IOT_MQTT_Construct takes, and what a client costs in memory. */
#include "support.h"

#include <stdlib.h>

#define USAGE "bench_connect <connections>"

int main(int argc, char **argv)
{
    double  base_kib = bench_status_kib("VmRSS:");
    size_t  count;
    double *times;

    if (argc != 2) {
        bench_number(NULL, USAGE);
    }
    count = bench_number(argv[1], USAGE);
    times = (double *)calloc(count, sizeof(*times));
    if (times == NULL) {
        bench_fail("no memory");
    }
    for (size_t i = 0; i < count; i++) {
        double start = bench_now();
        void  *client = bench_connect(NULL, NULL);

        times[i] = bench_now() - start;
        if (i == 0) {
            bench_result("heap_connected", (double)bench_heap().live);
            bench_result("rss_connected_kib", bench_status_kib("VmRSS:"));
        }
        bench_disconnect(client);
    }
    bench_result("heap_peak", (double)bench_heap().peak);
    bench_result("heap_left", (double)bench_heap().live);
    bench_result("rss_base_kib", base_kib);
    bench_result("rss_peak_kib", bench_status_kib("VmHWM:"));
    bench_percentiles("connect", times, count);
    free(times);
    return 0;
}
