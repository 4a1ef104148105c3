/*
 * A session that gets through whatever happens to its link, as firmware has to: connects (again, if Construct fails),
 * subscribes, publishes with QoS 1 until the message is acknowledged and has come back, idles until a ping was due (only for a
 * moment if the link has broken already), sends another message there and back, on whichever connection there is then, and
 * leaves.
 *
 * Usage: fault_session PRODUCT DEVICE SECRET TIMEOUT_MS KEEP_ALIVE_MS LIMIT_MS
 * Status 0: all of it was done; 1: not within LIMIT_MS, with a line that says what was left.
 */
#include <stdio.h>
#include <stdlib.h>

#include "session_client.h"

#define YIELD_MS 50

/* What a broken connection may still do to the one behind it becomes visible within this time. */
#define AFTERMATH_MS 500

static long g_deadline;
static int  g_timeout_ms;

static bool is_late(const char *what)
{
    if (now_ms() < g_deadline) {
        return false;
    }
    say("late: %s", what);
    return true;
}

/* Yields until the request is answered or given up, or the connection lost. */
static bool wait_for_answer(Session *session, const int *answers, const int *timeouts)
{
    int answered = *answers, timed_out = *timeouts, lost = session->lost;

    while (*answers == answered && *timeouts == timed_out && session->lost == lost && !is_late("an answer")) {
        session_yield(session, YIELD_MS);
    }
    return *answers > answered;
}

static bool connected(Session *session)
{
    while (!IOT_MQTT_IsConnected(session->client)) {
        if (is_late("the reconnection")) {
            return false;
        }
        session_yield(session, YIELD_MS);
    }
    return true;
}

static bool subscribed(Session *session)
{
    while (!IOT_MQTT_IsSubReady(session->client, session->topic)) {
        if (is_late("the subscription") || !connected(session)) {
            return false;
        }
        if (session_subscribe(session) > 0) {
            wait_for_answer(session, &session->granted, &session->subscribe_timeouts);
        }
    }
    return true;
}

/* A message there and back. A granted subscription is renewed by the SDK after a loss, and a message that the server has
 * before the renewal does not come back: then another one follows. */
static bool message_returned(Session *session, const char *text)
{
    int  received = session->received;
    bool acked = false;

    while (!acked || session->received == received) {
        long patience = now_ms() + g_timeout_ms;
        int  lost = session->lost;

        if (is_late("the message") || !connected(session)) {
            return false;
        }
        if (session_publish(session, QOS1, text) <= 0) {
            continue;
        }
        acked = wait_for_answer(session, &session->acked, &session->publish_timeouts) || acked;
        while (session->received == received && session->lost == lost && now_ms() < patience) {
            session_yield(session, YIELD_MS);
        }
    }
    return true;
}

static void idle(Session *session, int ms)
{
    long end = now_ms() + ms;
    int  lost = session->lost;

    while (now_ms() < end && session->lost == lost) {
        session_yield(session, YIELD_MS);
    }
}

int main(int argc, char **argv)
{
    Session session;
    int     keep_alive_ms, failures = 0;

    if (argc != 7) {
        fprintf(stderr, "usage: fault_session PRODUCT DEVICE SECRET TIMEOUT_MS KEEP_ALIVE_MS LIMIT_MS\n");
        return 2;
    }
    g_timeout_ms = atoi(argv[4]);
    keep_alive_ms = atoi(argv[5]);
    g_deadline = now_ms() + atol(argv[6]);
    IOT_Log_Set_Level(eLOG_INFO);

    while (session_open(&session, argv[1], argv[2], argv[3], g_timeout_ms, keep_alive_ms) != 0) {
        failures++;
        if (is_late("the connection")) {
            return 1;
        }
    }
    if (!subscribed(&session) || !message_returned(&session, "there and back")) {
        return 1;
    }
    idle(&session, failures + session.lost > 0 ? AFTERMATH_MS : keep_alive_ms + keep_alive_ms / 4);
    if (!message_returned(&session, "back again")) {
        return 1;
    }
    say("through lost=%d reconnected=%d longest_yield_ms=%ld", session.lost, session.reconnected,
        session.longest_yield_ms);
    session_close(&session);
    return session.client == NULL ? 0 : 1;
}
