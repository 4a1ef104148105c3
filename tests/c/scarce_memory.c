/*
 * Sessions on a heap that gives nothing at a chosen call, for every call of a session in turn. HAL_Malloc refuses the
 * n-th call, or the n-th and all after it; as soon as the SDK has told that, with QCLOUD_ERR_MALLOC or with a lost
 * connection, there is memory again and the same session has to go on to its end. Nothing may be left when it is over.
 *
 * Usage: scarce_memory PRODUCT DEVICE SECRET once|from_then_on FIRST STEP
 * Prints "sessions=N told=N lost=N calls=N"; status 1 with a line that says which call broke what.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_import.h"
#include "session_client.h"

#define LARGE    3000
#define LIMIT_MS 20000

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
/* Calls since the session began, the one that fails first (0: none), whether those after it fail, blocks in use. */
static long g_calls, g_fails_at, g_refused;
static bool g_goes_on;
static long g_blocks;
/* Since the start: sessions in which the SDK told that there is no memory, and connections that this cost. */
static int g_told, g_lost;
/* A login that was given up may reach the server late and displace the one behind it. */
static bool g_may_be_displaced;

void *HAL_Malloc(uint32_t size)
{
    void *block = NULL;

    pthread_mutex_lock(&g_lock);
    g_calls++;
    if (g_fails_at && (g_goes_on ? g_calls >= g_fails_at : g_calls == g_fails_at)) {
        g_refused++;
    } else {
        block = malloc(size);
        g_blocks += block != NULL;
    }
    pthread_mutex_unlock(&g_lock);
    return block;
}

void HAL_Free(void *block)
{
    pthread_mutex_lock(&g_lock);
    g_blocks -= block != NULL;
    pthread_mutex_unlock(&g_lock);
    free(block);
}

static void set_failure(long at, bool goes_on)
{
    pthread_mutex_lock(&g_lock);
    g_calls = 0;
    g_refused = 0;
    g_fails_at = at;
    g_goes_on = goes_on;
    pthread_mutex_unlock(&g_lock);
}

static long blocks(void)
{
    long count;

    pthread_mutex_lock(&g_lock);
    count = g_blocks;
    pthread_mutex_unlock(&g_lock);
    return count;
}

/* There is memory again. */
static void relax(void)
{
    pthread_mutex_lock(&g_lock);
    g_fails_at = 0;
    pthread_mutex_unlock(&g_lock);
}

static bool is_refusing(void)
{
    bool refuses;

    pthread_mutex_lock(&g_lock);
    refuses = g_fails_at && g_refused;
    pthread_mutex_unlock(&g_lock);
    return refuses;
}

/* A result, which may be that there is no memory only if there was none. */
static bool is_told(int code)
{
    if (code != QCLOUD_ERR_MALLOC) {
        return false;
    }
    if (!is_refusing()) {
        say("QCLOUD_ERR_MALLOC although there was memory");
        exit(1);
    }
    g_told++;
    relax();
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
        if (!is_refusing() && !g_may_be_displaced) {
            say("connection lost although there was memory");
            exit(1);
        }
        g_lost += is_refusing();
        g_may_be_displaced = false;
        relax();
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
        int  code = publish(session, qos, size), told = g_told, lost = session->lost;

        if (code < 0 && !is_told(code) && code != QCLOUD_ERR_MQTT_NO_CONN) {
            say("publish = %d", code);
            return false;
        }
        /* What was dropped for want of memory was told. */
        while ((session->received == received || (qos == QOS1 && session->acked == acked)) && g_told == told &&
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
        int code = session_subscribe(session), told = g_told, lost = session->lost;

        if (code < 0 && !is_told(code) && code != QCLOUD_ERR_MQTT_NO_CONN) {
            say("subscribe = %d", code);
            return false;
        }
        while (!IOT_MQTT_IsSubReady(session->client, session->topic) && g_told == told && session->lost == lost) {
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

static bool run(char **argv, Session *session)
{
    int code = session_open(session, argv[1], argv[2], argv[3], 2000, 60000);

    g_may_be_displaced = code != 0;
    if (code != 0) {
        /* What Mbed TLS could not allocate ends the handshake, or the connection under the upgrade. */
        bool is_tls = (code <= QCLOUD_ERR_SSL_INIT && code >= QCLOUD_ERR_SSL_READ) || code == QCLOUD_ERR_HTTP_CLOSED;

        if (is_tls && is_refusing()) {
            g_told++;
            relax();
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
    return code == QCLOUD_RET_SUCCESS;
}

int main(int argc, char **argv)
{
    Session session;
    long    n, step, before;
    int     sessions = 0;
    bool    goes_on;

    if (argc != 7) {
        return 2;
    }
    goes_on = strcmp(argv[4], "from_then_on") == 0;
    step = atol(argv[6]);
    IOT_Log_Set_Level(eLOG_WARN);

    /* What the process keeps is there after the first session. */
    set_failure(0, false);
    if (!run(argv, &session)) {
        return 1;
    }
    before = blocks();
    for (n = atol(argv[5]);; n += step) {
        bool ok;

        say("call %ld", n);
        set_failure(n, goes_on);
        ok = run(argv, &session);
        sessions++;
        if (!ok || session.client != NULL || blocks() != before) {
            say("call %ld: ok=%d blocks=%ld of %ld", n, (int)ok, blocks(), before);
            return 1;
        }
        if (g_refused == 0) {
            break;
        }
    }
    relax();
    say("sessions=%d told=%d lost=%d calls=%ld", sessions, g_told, g_lost, n - 1);
    return 0;
}
