/*
 * Time of a port that runs twenty times faster than that of the machine: timers, clock, pauses, waits. Together with
 * port_sockets.c, whose time-outs are made of these timers, the SDK lives through a minute in three seconds, which it can
 * only do if all its timers are the port's. port_shift_clock moves the clock, as setting the time does on a port whose
 * timers are made of the wall clock. After port_skip_waits a wait only moves the clock: a day without a server passes in a
 * moment.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#define SPEED 20

/* Both by __atomic_* alone. */
static long long g_shift_ms;
static bool      g_skips_waits;

void port_skip_waits(void)
{
    __atomic_store_n(&g_skips_waits, true, __ATOMIC_RELEASE);
}

void port_shift_clock(long ms)
{
    __atomic_fetch_add(&g_shift_ms, ms, __ATOMIC_ACQ_REL);
}

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    /* Far from zero, so that the clock can be set back. */
    return 1000000000LL + (now.tv_sec * 1000LL + now.tv_nsec / 1000000) * SPEED +
           __atomic_load_n(&g_shift_ms, __ATOMIC_ACQUIRE);
}

static struct timespec real(uint32_t ms)
{
    struct timespec pause = {ms / SPEED / 1000, (long)(ms / SPEED % 1000) * 1000000L + ms % SPEED * (1000000L / SPEED)};

    return pause;
}

uint32_t HAL_GetTimeMs(void)
{
    return (uint32_t)now_ms();
}

void HAL_SleepMs(uint32_t ms)
{
    struct timespec pause = real(ms);

    if (__atomic_load_n(&g_skips_waits, __ATOMIC_ACQUIRE)) {
        port_shift_clock((long)ms);
        return;
    }
    nanosleep(&pause, NULL);
}

static long long end_of(const Timer *timer)
{
    return timer->end_time.tv_sec * 1000LL + timer->end_time.tv_usec / 1000;
}

void HAL_Timer_init(Timer *timer)
{
    timer->end_time.tv_sec = 0;
    timer->end_time.tv_usec = 0;
}

void HAL_Timer_countdown_ms(Timer *timer, unsigned int timeout_ms)
{
    long long end = now_ms() + timeout_ms;

    timer->end_time.tv_sec = end / 1000;
    timer->end_time.tv_usec = end % 1000 * 1000;
}

void HAL_Timer_countdown(Timer *timer, unsigned int timeout)
{
    long long end = now_ms() + timeout * 1000LL;

    timer->end_time.tv_sec = end / 1000;
    timer->end_time.tv_usec = end % 1000 * 1000;
}

bool HAL_Timer_expired(Timer *timer)
{
    return now_ms() >= end_of(timer);
}

int HAL_Timer_remain(Timer *timer)
{
    long long left = end_of(timer) - now_ms();

    return left < 0 ? 0 : (int)left;
}

/* The optional waits, in the same time. */
typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t  changed;
    bool            woken;
} Waiter;

void *HAL_Waiter_Create(void)
{
    Waiter *waiter = calloc(1, sizeof(*waiter));

    if (waiter != NULL) {
        pthread_mutex_init(&waiter->lock, NULL);
        pthread_cond_init(&waiter->changed, NULL);
    }
    return waiter;
}

void HAL_Waiter_Destroy(void *handle)
{
    Waiter *waiter = handle;

    pthread_cond_destroy(&waiter->changed);
    pthread_mutex_destroy(&waiter->lock);
    free(waiter);
}

void HAL_Waiter_Wake(void *handle)
{
    Waiter *waiter = handle;

    pthread_mutex_lock(&waiter->lock);
    waiter->woken = true;
    pthread_cond_signal(&waiter->changed);
    pthread_mutex_unlock(&waiter->lock);
}

int HAL_Waiter_Sleep(void *handle, uint32_t ms)
{
    Waiter         *waiter = handle;
    struct timespec end, pause = real(ms);
    int             status = 0;
    bool            woken;

    if (__atomic_load_n(&g_skips_waits, __ATOMIC_ACQUIRE)) {
        port_shift_clock((long)ms);
        pause = real(0);
    }
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += pause.tv_sec + (end.tv_nsec + pause.tv_nsec) / 1000000000L;
    end.tv_nsec = (end.tv_nsec + pause.tv_nsec) % 1000000000L;
    pthread_mutex_lock(&waiter->lock);
    while (!waiter->woken && status == 0) {
        status = pthread_cond_timedwait(&waiter->changed, &waiter->lock, &end);
    }
    woken = waiter->woken;
    waiter->woken = false;
    pthread_mutex_unlock(&waiter->lock);
    return woken;
}
