/* Threads, mutexes, semaphores. */
#include <string.h>

#include "conformance.h"

#pragma weak HAL_MutexCreate
#pragma weak HAL_MutexDestroy
#pragma weak HAL_MutexLock
#pragma weak HAL_MutexTryLock
#pragma weak HAL_MutexUnlock
#pragma weak HAL_SemaphoreCreate
#pragma weak HAL_SemaphoreDestroy
#pragma weak HAL_SemaphorePost
#pragma weak HAL_SemaphoreWait

#ifdef MULTITHREAD_ENABLED
#define STACK_SIZE 32768
#define THREADS    4
#define PARAMS     32
#define ROUNDS     200000

bool run_thread(void (*function)(void *), void *arg)
{
    /* Ports written for the original read the parameters in the new thread: programs keep them. */
    static ThreadParams all[PARAMS];
    static char         name[] = "conformance";
    static int          used;
    ThreadParams       *params = &all[used++ % PARAMS];

    memset(params, 0, sizeof(*params));
    params->thread_name = name;
    params->thread_func = function;
    params->user_arg    = arg;
    params->priority    = 1;
    params->stack_size  = STACK_SIZE;
    return HAL_ThreadCreate(params) == 0;
}

bool wait_for(volatile bool *flag)
{
    Watch watch;

    watch_start(&watch);
    while (!*flag && watch_ms(&watch) < 10000) {
        HAL_SleepMs(5);
    }
    return *flag;
}

typedef struct {
    volatile int  runs;
    volatile bool ended;
} Run;

static void _note_run(void *arg)
{
    Run *run = (Run *)arg;

    run->runs++;
    run->ended = true;
}

static void _check_thread_create(void)
{
    static Run runs[THREADS];
    int        i;

    expect_code("NULL", HAL_ThreadCreate(NULL), QCLOUD_ERR_INVAL);
    for (i = 0; i < THREADS; i++) {
        expect("a thread", run_thread(_note_run, &runs[i]), "not started");
        expect("a thread", wait_for(&runs[i].ended), "does not run");
    }
    for (i = 0; i < THREADS; i++) {
        expect_code("runs with its argument", runs[i].runs, 1);
    }
}

/* Two threads count the same; without mutual exclusion some counts get lost. */
typedef struct {
    void          *mutex;
    volatile bool *go;
    volatile long *count;
    volatile bool  ended;
} Counting;

static void _count(void *arg)
{
    Counting *counting = (Counting *)arg;
    long      now;
    int       i;

    while (!*counting->go) {
    }
    for (i = 0; i < ROUNDS; i++) {
        HAL_MutexLock(counting->mutex);
        now              = *counting->count;
        *counting->count = now + 1;
        HAL_MutexUnlock(counting->mutex);
    }
    counting->ended = true;
}

static void _check_exclusion(void *mutex)
{
    static Counting      countings[2];
    static volatile bool go;
    static volatile long count;
    int                  i;

    go    = false;
    count = 0;
    for (i = 0; i < 2; i++) {
        countings[i].mutex = mutex;
        countings[i].go    = &go;
        countings[i].count = &count;
        countings[i].ended = false;
        expect("two threads count", run_thread(_count, &countings[i]), "no thread");
    }
    go = true;
    expect("two threads count", wait_for(&countings[0].ended) && wait_for(&countings[1].ended), "they do not end");
    expect("two threads count", count == 2L * ROUNDS, "%ld counts of %ld", (long)count, 2L * ROUNDS);
}

typedef struct {
    void         *mutex;
    volatile bool taken;
    volatile bool ended;
} Holding;

static void _take(void *arg)
{
    Holding *holding = (Holding *)arg;

    HAL_MutexLock(holding->mutex);
    holding->taken = true;
    HAL_MutexUnlock(holding->mutex);
    holding->ended = true;
}

/* A thread that wants a lock waits as long as another has it. */
static void _check_waiting(void *mutex)
{
    static Holding holding;

    holding.mutex = mutex;
    holding.taken = false;
    holding.ended = false;
    HAL_MutexLock(mutex);
    if (!run_thread(_take, &holding)) {
        expect("a lock that is taken", false, "no thread");
        HAL_MutexUnlock(mutex);
        return;
    }
    HAL_SleepMs(200);
    expect("a lock that is taken", !holding.taken, "was given a second time");
    HAL_MutexUnlock(mutex);
    expect("a lock that is free again", wait_for(&holding.ended), "was not given");
}
#endif

static bool _has_mutex(void)
{
    if (HAL_MutexCreate && HAL_MutexDestroy && HAL_MutexLock && HAL_MutexUnlock) {
        return true;
    }
    leave_out("the other functions of a mutex are missing");
    return false;
}

static void _check_mutex_create(void)
{
    void *mutex = HAL_MutexCreate();

    expect("a mutex", mutex != NULL, "NULL");
    if (mutex != NULL && HAL_MutexDestroy) {
        HAL_MutexDestroy(mutex);
    }
}

static void _check_mutex_lock(void)
{
    void *mutex;

    if (!_has_mutex() || (mutex = HAL_MutexCreate()) == NULL) {
        return;
    }
    HAL_MutexLock(mutex);
    HAL_MutexUnlock(mutex);
    HAL_MutexLock(mutex);
    HAL_MutexUnlock(mutex);
    expect("taken, given back, and taken", true, "");
#ifdef MULTITHREAD_ENABLED
    _check_waiting(mutex);
    _check_exclusion(mutex);
#endif
    HAL_MutexDestroy(mutex);
}

static void _check_mutex_try_lock(void)
{
    void *mutex;

    if (!_has_mutex() || (mutex = HAL_MutexCreate()) == NULL) {
        return;
    }
    expect_code("free", HAL_MutexTryLock(mutex), 0);
#ifdef MULTITHREAD_ENABLED
    expect("taken", HAL_MutexTryLock(mutex) != 0, "returned 0");
#endif
    HAL_MutexUnlock(mutex);
    expect_code("free again", HAL_MutexTryLock(mutex), 0);
    HAL_MutexUnlock(mutex);
    HAL_MutexDestroy(mutex);
}

/* ---- semaphores ---- */

static bool _has_semaphore(void)
{
    if (HAL_SemaphoreCreate && HAL_SemaphoreDestroy && HAL_SemaphorePost && HAL_SemaphoreWait) {
        return true;
    }
    leave_out("the other functions of a semaphore are missing");
    return false;
}

static void _check_semaphore_create(void)
{
    void *semaphore = HAL_SemaphoreCreate();

    expect("a semaphore", semaphore != NULL, "NULL");
    if (semaphore != NULL && HAL_SemaphoreDestroy) {
        HAL_SemaphoreDestroy(semaphore);
    }
}

#ifdef MULTITHREAD_ENABLED
static void _post(void *semaphore)
{
    HAL_SemaphorePost(semaphore);
}
#endif

static void _check_semaphore_wait(void)
{
    Watch watch;
    void *semaphore;

    if (!_has_semaphore() || (semaphore = HAL_SemaphoreCreate()) == NULL) {
        return;
    }
    watch_start(&watch);
    expect_code("time over", HAL_SemaphoreWait(semaphore, 150), QCLOUD_ERR_FAILURE);
    expect_time("time over", watch_ms(&watch), 150);
    HAL_SemaphorePost(semaphore);
    HAL_SemaphorePost(semaphore);
    watch_start(&watch);
    expect_code("posted twice, first", HAL_SemaphoreWait(semaphore, 2000), 0);
    expect_code("posted twice, second", HAL_SemaphoreWait(semaphore, 0xFFFFFFFF), 0);
    expect_at_once("posted twice", watch_ms(&watch));
    expect_code("posted twice, third", HAL_SemaphoreWait(semaphore, 1), QCLOUD_ERR_FAILURE);
#ifdef MULTITHREAD_ENABLED
    expect("posted by a thread", run_thread(_post, semaphore), "no thread");
    expect_code("posted by a thread", HAL_SemaphoreWait(semaphore, 5000), 0);
#endif
    HAL_SemaphoreDestroy(semaphore);
}

const Function g_lock_functions[] = {
#ifdef MULTITHREAD_ENABLED
    NEEDED(HAL_ThreadCreate, _check_thread_create),
#endif
    OPTIONAL(HAL_MutexCreate, _check_mutex_create),
    OPTIONAL(HAL_MutexLock, _check_mutex_lock),
    OPTIONAL(HAL_MutexTryLock, _check_mutex_try_lock),
    OPTIONAL(HAL_SemaphoreCreate, _check_semaphore_create),
    OPTIONAL(HAL_SemaphoreWait, _check_semaphore_wait),
    {NULL, NULL, NULL, false},
};
