#include "scarce_heap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "session_client.h"

#define LIMIT_MS 20000
#define AGAIN_MS 500

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static Scarcity        g_scarcity;
/* The call that fails first, and whether those behind it do. */
static long g_wanted;
static bool g_goes_on;
/* Calls, those refused, and when the first of them was; the call that fails first, 0 for none. */
static long g_calls, g_refused, g_refused_at, g_fails_at;
static long g_blocks;
static int  g_told;

static bool refuses(void)
{
    if (!g_fails_at || g_calls < g_fails_at || (!g_goes_on && g_calls > g_fails_at)) {
        return false;
    }
    if (g_refused == 0) {
        g_refused_at = now_ms();
    }
    return !g_scarcity.lasts_ms || now_ms() - g_refused_at <= g_scarcity.lasts_ms;
}

void *HAL_Malloc(uint32_t size)
{
    void *block = NULL;

    pthread_mutex_lock(&g_lock);
    g_calls++;
    if (refuses()) {
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

static void set_failure(long at)
{
    pthread_mutex_lock(&g_lock);
    g_calls = 0;
    g_refused = 0;
    g_fails_at = at;
    pthread_mutex_unlock(&g_lock);
}

void scarce_arm(void)
{
    set_failure(g_wanted);
}

void scarce_relax(void)
{
    pthread_mutex_lock(&g_lock);
    g_fails_at = 0;
    pthread_mutex_unlock(&g_lock);
}

bool scarce_has_refused(void)
{
    bool has;

    pthread_mutex_lock(&g_lock);
    has = g_refused > 0;
    pthread_mutex_unlock(&g_lock);
    return has;
}

bool scarce_is_refusing(void)
{
    bool is;

    pthread_mutex_lock(&g_lock);
    is = g_refused > 0 && g_fails_at;
    pthread_mutex_unlock(&g_lock);
    return is;
}

bool scarce_told(void)
{
    g_told += scarce_has_refused();
    return scarce_has_refused();
}

int scarce_count(void)
{
    return g_told;
}

long scarce_blocks(void)
{
    long count;

    pthread_mutex_lock(&g_lock);
    count = g_blocks;
    pthread_mutex_unlock(&g_lock);
    return count;
}

bool scarce_until(const char *what, int (*call)(void), void (*serve)(void), int documented, int other)
{
    long deadline = now_ms() + LIMIT_MS;

    for (;;) {
        int code = call();

        if (code >= 0) {
            return true;
        }
        say("%s = %d", what, code);
        if ((code != QCLOUD_ERR_MALLOC && code != documented && code != other) || !scarce_told() ||
            now_ms() > deadline) {
            return false;
        }
        serve();
    }
}

bool scarce_await(const char *please, const volatile int *counter, void (*serve)(void))
{
    long deadline = now_ms() + LIMIT_MS;
    int  before = *counter;

    while (*counter == before) {
        long again = now_ms() + AGAIN_MS;

        say("please %s", please);
        while (*counter == before && now_ms() < again) {
            serve();
        }
        if (now_ms() > deadline) {
            return false;
        }
    }
    return true;
}

static bool run(char **argv, long at, bool (*session)(char **argv))
{
    g_wanted = at;
    set_failure(g_scarcity.arms_itself ? 0 : at);
    return session(argv);
}

int scarce_sessions(int argc, char **argv, Scarcity scarcity, bool (*session)(char **argv))
{
    long n, step, before, leaked = 0;
    int  sessions = 0;

    if (argc < 4) {
        return 2;
    }
    g_scarcity = scarcity;
    g_goes_on = strcmp(argv[argc - 3], "from_then_on") == 0;
    n = atol(argv[argc - 2]);
    step = atol(argv[argc - 1]);
    IOT_Log_Set_Level(eLOG_WARN);

    /* What the process keeps is there after the first session. */
    if (!run(argv, 0, session)) {
        say("broken with memory");
        return 1;
    }
    before = scarce_blocks();
    for (;; n += step) {
        bool ok;

        /* Also tells that the program goes on. */
        say("please wait for call %ld", n);
        ok = run(argv, n, session);
        sessions++;
        if (scarce_blocks() != before) {
            say("call %ld: blocks=%ld of %ld", n, scarce_blocks(), before);
        }
        leaked += scarce_blocks() - before;
        if (!ok || scarce_blocks() < before || leaked > scarcity.may_leak) {
            say("call %ld: ok=%d leaked=%ld", n, (int)ok, leaked);
            return 1;
        }
        before = scarce_blocks();
        if (!scarce_has_refused()) {
            break;
        }
    }
    scarce_relax();
    say("please stop sessions=%d told=%d leaked=%ld calls=%ld", sessions, g_told, leaked, n - 1);
    return 0;
}
