/*
 * A whole port without TLS, with port_sockets.c: only what the original needs for MQTT, none of the optional functions, and
 * without threads no HAL_SleepMs either. Links in place of libiot_platform.a.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

void *HAL_Malloc(uint32_t size)
{
    return malloc(size);
}

void HAL_Free(void *ptr)
{
    free(ptr);
}

void HAL_Printf(const char *fmt, ...)
{
    va_list arguments;

    va_start(arguments, fmt);
    vprintf(fmt, arguments);
    va_end(arguments);
    fflush(stdout);
}

int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap)
{
    return len < 0 ? -1 : vsnprintf(str, (size_t)len, fmt, ap);
}

int HAL_Snprintf(char *str, const int len, const char *fmt, ...)
{
    va_list arguments;
    int     length;

    va_start(arguments, fmt);
    length = HAL_Vsnprintf(str, len, fmt, arguments);
    va_end(arguments);
    return length;
}

uint32_t HAL_GetTimeMs(void)
{
    return (uint32_t)now_ms();
}

/* What a Timer consists of depends on the C library and its time; a number of milliseconds fits into each. */
static void set_end(Timer *timer, long long end)
{
    memset(timer, 0, sizeof(*timer));
    memcpy(timer, &end, sizeof(end));
}

void HAL_Timer_init(Timer *timer)
{
    set_end(timer, 0);
}

void HAL_Timer_countdown_ms(Timer *timer, unsigned int timeout_ms)
{
    set_end(timer, now_ms() + timeout_ms);
}

void HAL_Timer_countdown(Timer *timer, unsigned int timeout)
{
    set_end(timer, now_ms() + timeout * 1000LL);
}

int HAL_Timer_remain(Timer *timer)
{
    long long left;

    memcpy(&left, timer, sizeof(left));
    left -= now_ms();
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

bool HAL_Timer_expired(Timer *timer)
{
    return HAL_Timer_remain(timer) == 0;
}

char *HAL_Timer_current(char *time_str)
{
    time_t    now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    strftime(time_str, TIME_FORMAT_STR_LEN, "%Y-%m-%d %H:%M:%S", &local);
    return time_str;
}

long HAL_Timer_current_sec(void)
{
    return (long)time(NULL);
}

int HAL_Timer_set_systime_ms(size_t timestamp_ms)
{
    (void)timestamp_ms;
    return -1;
}

#ifdef MULTITHREAD_ENABLED
#include <errno.h>
#include <pthread.h>

void HAL_SleepMs(uint32_t ms)
{
    struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000L};

    while (nanosleep(&pause, &pause) != 0 && errno == EINTR) {
    }
}

void *HAL_MutexCreate(void)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)malloc(sizeof(*mutex));

    if (mutex != NULL) {
        pthread_mutex_init(mutex, NULL);
    }
    return mutex;
}

void HAL_MutexDestroy(void *mutex)
{
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
    free(mutex);
}

void HAL_MutexLock(void *mutex)
{
    pthread_mutex_lock((pthread_mutex_t *)mutex);
}

void HAL_MutexUnlock(void *mutex)
{
    pthread_mutex_unlock((pthread_mutex_t *)mutex);
}

/* As ports have always done it: the new thread reads the parameters, maybe long after the call has returned. */
static void *run_thread(void *argument)
{
    ThreadParams *params = (ThreadParams *)argument;

    HAL_SleepMs(50);
    params->thread_func(params->user_arg);
    return NULL;
}

int HAL_ThreadCreate(ThreadParams *params)
{
    pthread_t thread;

    if (params == NULL) {
        return QCLOUD_ERR_INVAL;
    }
    if (pthread_create(&thread, NULL, run_thread, params) != 0) {
        return QCLOUD_ERR_FAILURE;
    }
    return pthread_detach(thread) == 0 ? 0 : QCLOUD_ERR_FAILURE;
}
#else
static int g_mutex;

void *HAL_MutexCreate(void)
{
    return &g_mutex;
}

void HAL_MutexDestroy(void *mutex)
{
    (void)mutex;
}

void HAL_MutexLock(void *mutex)
{
    (void)mutex;
}

void HAL_MutexUnlock(void *mutex)
{
    (void)mutex;
}
#endif
