/*
 * A lost connection, the loop thread and a port that makes no threads, locks or waiters, on a heap that gives nothing at a
 * chosen call (scarce_heap.h), counted from the start of the loop.
 *
 * Usage: scarce_life PRODUCT DEVICE SECRET loop|yield once|from_then_on FIRST STEP
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_import.h"
#include "scarce_heap.h"
#include "session_client.h"

#define LIMIT_MS 30000

static Session g_session;
static bool    g_loops;
/* Attempts to make a thread since the client was made: the first one fails. */
static int g_threads;

void *HAL_MutexCreate(void)
{
    return NULL;
}

void *HAL_SemaphoreCreate(void)
{
    return NULL;
}

void *HAL_Waiter_Create(void)
{
    return NULL;
}

typedef struct {
    ThreadRunFunc body;
    void         *argument;
} Start;

static void *run_thread(void *start)
{
    Start copy = *(Start *)start;

    HAL_Free(start);
    copy.body(copy.argument);
    return NULL;
}

int HAL_ThreadCreate(ThreadParams *params)
{
    pthread_t thread;
    Start    *start = g_threads++ ? (Start *)HAL_Malloc(sizeof(Start)) : NULL;

    if (!start) {
        return QCLOUD_ERR_FAILURE;
    }
    start->body = params->thread_func;
    start->argument = params->user_arg;
    if (pthread_create(&thread, NULL, run_thread, start) != 0) {
        HAL_Free(start);
        return QCLOUD_ERR_FAILURE;
    }
    pthread_detach(thread);
    return 0;
}

static void serve(void)
{
    if (g_loops) {
        session_sleep(10);
    } else {
        session_yield(&g_session, 10);
    }
}

static int start_loop(void)
{
    return IOT_MQTT_StartLoop(g_session.client);
}

static int publish(void)
{
    return session_publish(&g_session, QOS1, "data");
}

static bool wait_for(const volatile int *counter, int value, long ms)
{
    long deadline = now_ms() + ms;

    while (*counter < value && now_ms() < deadline) {
        serve();
    }
    return *counter >= value;
}

/* Publishes until a message has come back: one may be dropped, or lost with the connection. */
static bool there_and_back(void)
{
    long deadline = now_ms() + LIMIT_MS;
    int  received = g_session.received;

    do {
        if (!scarce_until("publish", publish, serve, QCLOUD_ERR_MQTT_NO_CONN, QCLOUD_ERR_TCP_WRITE_FAIL)) {
            return false;
        }
        wait_for(&g_session.received, received + 1, 300);
    } while (g_session.received == received && now_ms() < deadline);
    return g_session.received != received;
}

static bool run(char **argv)
{
    g_loops = false;
    g_threads = 0;
    if (session_open(&g_session, argv[1], argv[2], argv[3], 2000, 60000) != 0 || session_subscribe(&g_session) < 0 ||
        !session_wait(&g_session, &g_session.granted, 1, LIMIT_MS)) {
        return false;
    }
    scarce_arm();
    if (strcmp(argv[4], "loop") == 0) {
        /* There is no thread. */
        if (start_loop() != QCLOUD_ERR_FAILURE ||
            !scarce_until("start loop", start_loop, serve, QCLOUD_ERR_FAILURE, QCLOUD_ERR_MALLOC)) {
            return false;
        }
        g_loops = true;
    }
    if (!there_and_back()) {
        return false;
    }
    session_cut();
    if (!wait_for(&g_session.reconnected, 1, LIMIT_MS) || !there_and_back()) {
        say("not back: lost=%d reconnected=%d", g_session.lost, g_session.reconnected);
        return false;
    }
    if (g_loops) {
        IOT_MQTT_StopLoop(g_session.client);
        g_loops = false;
        if (!there_and_back()) {
            return false;
        }
    }
    return session_close(&g_session) == QCLOUD_RET_SUCCESS;
}

int main(int argc, char **argv)
{
    Scarcity scarcity = {true, 100, 0};

    scarcity.may_leak = strncmp(getenv("QCLOUD_IOT_ENDPOINT"), "wss:", 4) == 0 ? SCARCE_TLS_LEAK : 0;
    return argc == 8 ? scarce_sessions(argc, argv, scarcity, run) : 2;
}
