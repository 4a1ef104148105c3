/*
 * A connected client that does nothing for a time, served by the loop thread or by one long IOT_MQTT_Yield. "ready 1" is
 * printed when the time begins.
 */
#include "support.h"

#include <string.h>
#include <unistd.h>

#define USAGE "bench_idle <yield|loop> <seconds>"

int main(int argc, char **argv)
{
    size_t seconds;
    void  *client;

    if (argc != 3 || (strcmp(argv[1], "yield") != 0 && strcmp(argv[1], "loop") != 0)) {
        bench_number(NULL, USAGE);
    }
    seconds = bench_number(argv[2], USAGE);
    client  = bench_connect(NULL, NULL);
    if (strcmp(argv[1], "loop") == 0) {
        if (IOT_MQTT_StartLoop(client) != QCLOUD_RET_SUCCESS) {
            bench_fail("no loop thread");
        }
        bench_result("ready", 1);
        /* The main thread takes part in nothing: its only system call is this sleep. */
        sleep((unsigned)seconds);
    } else {
        bench_result("ready", 1);
        if (IOT_MQTT_Yield(client, (uint32_t)seconds * 1000) != QCLOUD_RET_SUCCESS) {
            bench_fail("the connection did not last");
        }
    }
    bench_result("rss_kib", bench_status_kib("VmRSS:"));
    bench_result("heap_live", (double)bench_heap().live);
    bench_disconnect(client);
    return 0;
}
