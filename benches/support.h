/*
 * What the measuring programs share: an account of the heap, a clock, one client, results as lines `name value`.
 *
 * The server comes from QCLOUD_IOT_ENDPOINT and QCLOUD_IOT_CA_FILE. BENCH_DEVICE is the device, "bench" by default, and
 * BENCH_SECRET its secret, by default one that serves brokers which look at none.
 */
#ifndef BENCH_SUPPORT_H_
#define BENCH_SUPPORT_H_

#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The device's own data topic, 21 bytes; messages go here whatever BENCH_DEVICE is. */
#define BENCH_TOPIC "BENCH00001/bench/data"

/** The SDK's heap: HAL_Malloc and HAL_Free of the port are replaced by counting ones. */
typedef struct Heap {
    size_t allocations; /* calls of HAL_Malloc so far */
    size_t live;        /* bytes asked for and not freed */
    size_t peak;        /* largest value of live so far */
} Heap;

/** The account now. */
Heap bench_heap(void);

/** Seconds of the monotonic clock. */
double bench_now(void);

/** A connected client; ends the program with a line on stderr if it cannot connect. */
void *bench_connect(MQTTEventHandleFun on_event, void *context);

/** Disconnects; ends the program if that fails. */
void bench_disconnect(void *client);

/** Subscribes to BENCH_TOPIC and yields until it is granted. */
void bench_subscribe(void *client, OnMessageHandler on_message, void *user_data);

/** Publishes `length` bytes to BENCH_TOPIC; ends the program on an error other than a full list of messages in flight. */
bool bench_publish(void *client, QoS qos, size_t length);

/** Yields, in slices of 100 ms, until `*count` has reached `target`; ends the program if nothing changes for 10 seconds. */
void bench_yield_until(void *client, const volatile size_t *count, size_t target);

/** A positive number from the command line; ends the program with the usage text for anything else. */
size_t bench_number(const char *text, const char *usage);

/** Prints a result. */
void bench_result(const char *name, double value);

/** Kibibytes of a line of /proc/self/status, such as "VmRSS:". */
double bench_status_kib(const char *field);

/** Sorts `times` and prints median, 99th percentile and largest in microseconds, as `<name>_p50_us` and so on. */
void bench_percentiles(const char *name, double *times, size_t count);

/** Prints the reason and ends the program with status 1. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#ifdef __cplusplus
}
#endif

#endif
