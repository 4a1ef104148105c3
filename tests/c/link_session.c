/*
 * One client and its link:
 *   connect   constructs the client once and prints the result;
 *   watch     connects, subscribes, says "ready", waits for the loss of the connection and for the next one, and sends a
 *             message there and back; prints the CPU time used while there was no connection;
 *   flood     connects, subscribes, says "ready", waits for a message, then publishes COUNT messages of SIZE bytes with
 *             QoS 0 on PRODUCT/DEVICE/event as fast as it can, up to the first failure; prints its code and the longest
 *             call. Then a message with QoS 1, on the next connection if there was a failure;
 *   clock     connects, subscribes, and sets the wall clock (wall_clock.c) forward, back and a little back; each time a message
 *             has to come back and a ping to be in time, on the same connection.
 * Usage: link_session PRODUCT DEVICE SECRET TIMEOUT_MS KEEP_ALIVE_MS connect|watch|flood|clock [COUNT SIZE]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "session_client.h"

extern void port_shift_clock(long ms) __attribute__((weak));

/* For what this program waits for; the test's own limit is longer. */
#define LIMIT_MS 60000

static long cpu_ms(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (long)((used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000 +
                  (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1000);
}

static int failed(const char *what)
{
    say("failed: %s", what);
    return 1;
}

static int subscribed(Session *session)
{
    return session_subscribe(session) > 0 && session_wait(session, &session->granted, 1, LIMIT_MS);
}

static int watch(Session *session)
{
    long cpu;

    if (!subscribed(session)) {
        return failed("subscribe");
    }
    say("ready");
    if (!session_wait(session, &session->lost, 1, LIMIT_MS)) {
        return failed("notice the loss");
    }
    cpu = cpu_ms();
    if (!session_wait(session, &session->reconnected, 1, LIMIT_MS)) {
        return failed("reconnect");
    }
    say("cpu_ms=%ld", cpu_ms() - cpu);
    if (!session_wait(session, &session->granted, 2, LIMIT_MS) || session_publish(session, QOS1, "back again") <= 0 ||
        !session_wait(session, &session->received, 1, LIMIT_MS) || !session_wait(session, &session->acked, 1, LIMIT_MS)) {
        return failed("message on the new connection");
    }
    say("through lost=%d", session->lost);
    return 0;
}

static int flood(Session *session, const char *event_topic, int count, size_t size)
{
    char         *payload = (char *)malloc(size);
    PublishParams params = DEFAULT_PUB_PARAMS;
    int           failure = 0;
    long          longest = 0;

    if (!payload) {
        return failed("memory");
    }
    if (!subscribed(session)) {
        free(payload);
        return failed("subscribe");
    }
    say("ready");
    if (!session_wait(session, &session->received, 1, LIMIT_MS)) {
        free(payload);
        return failed("message to start with");
    }
    say("flooding");
    memset(payload, 'x', size);
    params.payload = payload;
    params.payload_len = size;
    for (int i = 0; i < count && failure == 0; i++) {
        long start = now_ms(), took;
        int  result = IOT_MQTT_Publish(session->client, (char *)event_topic, &params);

        took = now_ms() - start;
        if (result < 0) {
            failure = result;
        }
        if (took > longest) {
            longest = took;
        }
    }
    free(payload);
    say("flooded failure=%d longest_ms=%ld", failure, longest);
    /* A failed publish is the end of the connection. */
    if (failure != 0 && !session_wait(session, &session->reconnected, 1, LIMIT_MS)) {
        return failed("reconnect");
    }
    if (session_publish(session, QOS1, "the last one") <= 0 || !session_wait(session, &session->acked, 1, LIMIT_MS)) {
        return failed("message behind the flood");
    }
    say("through lost=%d", session->lost);
    return 0;
}

static int clock_jumps(Session *session, long keep_alive_ms)
{
    static const long jumps_ms[] = {3600000, -7200000, -1000};

    if (!subscribed(session)) {
        return failed("subscribe");
    }
    for (size_t i = 0; i < sizeof(jumps_ms) / sizeof(jumps_ms[0]); i++) {
        int acked = session->acked, received = session->received;

        port_shift_clock(jumps_ms[i]);
        if (session_publish(session, QOS1, "what time is it?") <= 0 ||
            !session_wait(session, &session->acked, acked + 1, LIMIT_MS) ||
            !session_wait(session, &session->received, received + 1, LIMIT_MS)) {
            return failed("message there and back");
        }
        /* The server closes after 1.5 times the keep-alive without a packet. */
        if (session_wait(session, &session->lost, 1, 2 * keep_alive_ms)) {
            return failed("keep the connection");
        }
    }
    say("through lost=%d", session->lost);
    return 0;
}

int main(int argc, char **argv)
{
    Session session;
    char    event_topic[160];
    int     status = 0;

    if (argc < 7) {
        fprintf(stderr, "usage: link_session PRODUCT DEVICE SECRET TIMEOUT_MS KEEP_ALIVE_MS connect|watch|flood|clock [COUNT SIZE]\n");
        return 2;
    }
    IOT_Log_Set_Level(eLOG_INFO);
    if (session_open(&session, argv[1], argv[2], argv[3], atoi(argv[4]), atoi(argv[5])) != 0) {
        return strcmp(argv[6], "connect") == 0 ? 0 : failed("connect");
    }
    if (strcmp(argv[6], "watch") == 0) {
        status = watch(&session);
    } else if (strcmp(argv[6], "clock") == 0 && port_shift_clock) {
        status = clock_jumps(&session, atol(argv[5]));
    } else if (strcmp(argv[6], "flood") == 0 && argc == 9) {
        snprintf(event_topic, sizeof(event_topic), "%s/%s/event", argv[1], argv[2]);
        status = flood(&session, event_topic, atoi(argv[7]), (size_t)atol(argv[8]));
    }
    if (session_close(&session) != 0) {
        return failed("destroy");
    }
    return status;
}
