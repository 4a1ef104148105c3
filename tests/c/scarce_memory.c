/*
 * Sessions on a heap that gives nothing at a chosen call, for every call of a session in turn (scarce_heap.h). As soon as
 * the SDK has told that, with QCLOUD_ERR_MALLOC or with a lost connection, there is memory again and the same session has
 * to go on to its end.
 *
 * Usage: scarce_memory PRODUCT DEVICE SECRET once|from_then_on FIRST STEP
 */
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_import.h"
#include "scarce_heap.h"
#include "session_client.h"

#define LARGE    3000
#define LIMIT_MS 20000

/* A login that was given up may reach the server late and displace the one behind it. */
static bool g_may_be_displaced;

/* A result, which may be that there is no memory only if there was none. */
static bool is_told(int code)
{
    if (code != QCLOUD_ERR_MALLOC) {
        return false;
    }
    if (!scarce_is_refusing() || !scarce_told()) {
        say("QCLOUD_ERR_MALLOC although there was memory");
        exit(1);
    }
    scarce_relax();
    return true;
}

/* Yields once. Whatever was lost for want of memory makes an end of the want. */
static void serve(Session *session)
{
    int lost = session->lost;
    int code = session_yield(session, 20);

    if (!is_told(code) && code != QCLOUD_RET_SUCCESS && code != QCLOUD_RET_MQTT_RECONNECTED &&
        code != QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
        say("yield = %d", code);
        exit(1);
    }
    if (session->lost > lost) {
        if (!scarce_is_refusing() && !g_may_be_displaced) {
            say("connection lost although there was memory");
            exit(1);
        }
        g_may_be_displaced = false;
        scarce_relax();
    }
}

static bool is_late(long deadline, const char *what)
{
    if (now_ms() > deadline) {
        say("late: %s", what);
    }
    return now_ms() > deadline;
}

static int publish(Session *session, QoS qos, size_t size)
{
    static char   payload[LARGE];
    PublishParams params = DEFAULT_PUB_PARAMS;

    memset(payload, 'x', sizeof(payload));
    params.qos = qos;
    params.payload = payload;
    params.payload_len = size;
    return IOT_MQTT_Publish(session->client, session->topic, &params);
}

/* Publishes until the message has come back, and has been acknowledged if that is wanted. */
static bool there_and_back(Session *session, QoS qos, size_t size)
{
    long deadline = now_ms() + LIMIT_MS;
    int  received = session->received, acked = session->acked;

    while (session->received == received || (qos == QOS1 && session->acked == acked)) {
        long patience = now_ms() + 2000;
        int  code = publish(session, qos, size), told = scarce_count(), lost = session->lost;

        if (code < 0 && !is_told(code) && code != QCLOUD_ERR_MQTT_NO_CONN) {
            say("publish = %d", code);
            return false;
        }
        /* What was dropped for want of memory was told. */
        while ((session->received == received || (qos == QOS1 && session->acked == acked)) && scarce_count() == told &&
               session->lost == lost && now_ms() < patience) {
            serve(session);
        }
        if (is_late(deadline, "a message")) {
            return false;
        }
        while (!IOT_MQTT_IsConnected(session->client) && !is_late(deadline, "the connection")) {
            serve(session);
        }
    }
    return true;
}

static bool subscribe(Session *session)
{
    long deadline = now_ms() + LIMIT_MS;

    while (!IOT_MQTT_IsSubReady(session->client, session->topic)) {
        int code = session_subscribe(session), told = scarce_count(), lost = session->lost;

        if (code < 0 && !is_told(code) && code != QCLOUD_ERR_MQTT_NO_CONN) {
            say("subscribe = %d", code);
            return false;
        }
        while (!IOT_MQTT_IsSubReady(session->client, session->topic) && scarce_count() == told && session->lost == lost) {
            serve(session);
            if (is_late(deadline, "the subscription")) {
                return false;
            }
        }
        while (!IOT_MQTT_IsConnected(session->client) && !is_late(deadline, "the connection")) {
            serve(session);
        }
    }
    return true;
}

static bool unsubscribe(Session *session)
{
    int code = IOT_MQTT_Unsubscribe(session->client, session->topic);

    if (is_told(code)) {
        code = IOT_MQTT_Unsubscribe(session->client, session->topic);
    }
    if (code < 0) {
        say("unsubscribe = %d", code);
    }
    return code > 0;
}

static bool run(char **argv)
{
    static Session client;
    Session       *session = &client;
    int            code = session_open(session, argv[1], argv[2], argv[3], 2000, 60000);

    g_may_be_displaced = code != 0;
    if (code != 0) {
        /* What Mbed TLS could not allocate ends the handshake, or the connection under the upgrade. */
        bool is_tls = (code <= QCLOUD_ERR_SSL_INIT && code >= QCLOUD_ERR_SSL_READ) || code == QCLOUD_ERR_HTTP_CLOSED;

        if (is_tls && scarce_is_refusing() && scarce_told()) {
            scarce_relax();
        } else if (!is_told(code)) {
            return false;
        }
        if (session_open(session, argv[1], argv[2], argv[3], 2000, 60000) != 0) {
            return false;
        }
    }
    if (!subscribe(session) || !there_and_back(session, QOS0, 10) || !there_and_back(session, QOS1, 10) ||
        !there_and_back(session, QOS1, LARGE) || !unsubscribe(session)) {
        return false;
    }
    code = session_close(session);
    return code == QCLOUD_RET_SUCCESS && session->client == NULL;
}

int main(int argc, char **argv)
{
    Scarcity scarcity = {false, 0, 0};

    scarcity.may_leak = strncmp(getenv("QCLOUD_IOT_ENDPOINT"), "wss:", 4) == 0 ? SCARCE_TLS_LEAK : 0;
    return argc == 7 ? scarce_sessions(argc, argv, scarcity, run) : 2;
}
