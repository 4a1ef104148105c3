/*
 * A strict session with a broker, and a second one after the broker was restarted:
 *   connect, subscribe, publish QoS 0 and receive it, publish QoS 1, acknowledged and received - "session done";
 *   the test restarts the broker - lost, reconnected, granted again;
 *   publish QoS 1, acknowledged and received; destroy.
 * Usage: peer_session PRODUCT DEVICE SECRET. Each step prints a line; status 0 if all went well.
 */
#include <stdio.h>
#include <string.h>

#include "session_client.h"

#define TIMEOUT_MS    5000
#define KEEP_ALIVE_MS 60000
/* For what this program waits for; the test's own limit is longer. */
#define LIMIT_MS      25000

static int failed(const char *what)
{
    say("failed: %s", what);
    return 1;
}

/* Publishes; waits for the message, and for its acknowledgement with QoS 1. */
static bool round_trip(Session *session, QoS qos, const char *text)
{
    int received = session->received + 1, acked = session->acked + (qos == QOS1);
    int result = session_publish(session, qos, text);

    if (result < 0) {
        say("publish = %d", result);
        return false;
    }
    return session_wait(session, &session->acked, acked, LIMIT_MS) &&
           session_wait(session, &session->received, received, LIMIT_MS) && strcmp(session->payload, text) == 0;
}

int main(int argc, char **argv)
{
    Session session;

    if (argc != 4) {
        fprintf(stderr, "usage: peer_session PRODUCT DEVICE SECRET\n");
        return 2;
    }
    IOT_Log_Set_Level(eLOG_DEBUG);
    if (session_open(&session, argv[1], argv[2], argv[3], TIMEOUT_MS, KEEP_ALIVE_MS) != 0) {
        return failed("connect");
    }
    if (session_subscribe(&session) <= 0 || !session_wait(&session, &session.granted, 1, LIMIT_MS)) {
        return failed("subscribe");
    }
    if (!round_trip(&session, QOS0, "first, with QoS 0")) {
        return failed("message with QoS 0");
    }
    if (!round_trip(&session, QOS1, "second, with QoS 1")) {
        return failed("message with QoS 1");
    }
    say("session done");

    if (!session_wait(&session, &session.lost, 1, LIMIT_MS)) {
        return failed("notice the loss");
    }
    if (!session_wait(&session, &session.reconnected, 1, LIMIT_MS)) {
        return failed("reconnect");
    }
    if (!session_wait(&session, &session.granted, 2, LIMIT_MS)) {
        return failed("subscribe again");
    }
    if (!round_trip(&session, QOS1, "third, after the restart")) {
        return failed("message after the restart");
    }
    if (session.lost != 1 || session.odd_yields != 0 || session.received != 3) {
        return failed("nothing else happens");
    }
    return session_close(&session) == 0 ? 0 : failed("destroy");
}
