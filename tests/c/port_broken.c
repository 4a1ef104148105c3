/*
 * One mistake in a port each, as porters make them; the macro BROKEN_... chooses it. The linker sends the calls of a
 * function that is named with --wrap to __wrap_<function>, which calls ours as __real_<function>.
 */
#include <pthread.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#ifdef __cplusplus
extern "C" {
#endif

#define REAL(function) __real_##function
#define BROKEN(function) __wrap_##function
#define BREAKS(result, function, arguments) \
    result REAL(function) arguments;        \
    result BROKEN(function) arguments;      \
    result BROKEN(function) arguments

#if defined(BROKEN_ALIGNMENT)
BREAKS(void *, HAL_Malloc, (uint32_t size))
{
    return (char *)REAL(HAL_Malloc)(size + 4) + 4;
}

BREAKS(void, HAL_Free, (void *ptr))
{
    REAL(HAL_Free)(ptr ? (char *)ptr - 4 : NULL);
}

#elif defined(BROKEN_FORMAT)
/* The length that was written instead of the one that was needed. */
BREAKS(int, HAL_Vsnprintf, (char *str, const int len, const char *fmt, va_list ap))
{
    int length = REAL(HAL_Vsnprintf)(str, len, fmt, ap);

    return length >= len && len > 0 ? len - 1 : length;
}

#elif defined(BROKEN_TIMER)
/* Not monotonic: now and then a little back. */
BREAKS(int, HAL_Timer_remain, (Timer *timer))
{
    static int readings;

    return REAL(HAL_Timer_remain)(timer) + (++readings % 100 == 0 ? 5 : 0);
}

#elif defined(BROKEN_WALL_CLOCK)
/* Timers that follow the wall clock, which here moves for this program only. */
static long g_shift;

BREAKS(int, HAL_Timer_set_systime_sec, (size_t timestamp_sec));
BREAKS(long, HAL_Timer_current_sec, (void))
{
    return REAL(HAL_Timer_current_sec)() + g_shift;
}

int __wrap_HAL_Timer_set_systime_sec(size_t timestamp_sec)
{
    g_shift = (long)timestamp_sec - REAL(HAL_Timer_current_sec)();
    return 0;
}

BREAKS(int, HAL_Timer_remain, (Timer *timer))
{
    long left = REAL(HAL_Timer_remain)(timer) - g_shift * 1000;

    return left > 0 ? (int)left : 0;
}

#elif defined(BROKEN_CLOCK)
/* Ticks taken for milliseconds. */
BREAKS(uint32_t, HAL_GetTimeMs, (void))
{
    return REAL(HAL_GetTimeMs)() / 4;
}

#elif defined(BROKEN_SLEEP)
BREAKS(void, HAL_SleepMs, (uint32_t ms))
{
    REAL(HAL_SleepMs)(ms / 2);
}

#elif defined(BROKEN_MUTEX)
BREAKS(void, HAL_MutexLock, (void *mutex))
{
    (void)mutex;
}

BREAKS(void, HAL_MutexUnlock, (void *mutex))
{
    (void)mutex;
}

#elif defined(BROKEN_READ_CODE)
BREAKS(int, HAL_TCP_Read, (uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *read_len))
{
    int code = REAL(HAL_TCP_Read)(fd, data, len, timeout_ms, read_len);

    return code == QCLOUD_ERR_TCP_READ_TIMEOUT ? QCLOUD_ERR_TCP_NOTHING_TO_READ : code;
}

#elif defined(BROKEN_READ_COUNT)
/* The bytes of a partial read are lost. */
BREAKS(int, HAL_TCP_Read, (uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *read_len))
{
    int code = REAL(HAL_TCP_Read)(fd, data, len, timeout_ms, read_len);

    *read_len = code == 0 ? *read_len : 0;
    return code;
}

#elif defined(BROKEN_READ_WAIT)
/* Waits for its time although all is there. */
BREAKS(int, HAL_TCP_Read, (uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *read_len))
{
    int code = REAL(HAL_TCP_Read)(fd, data, len, timeout_ms, read_len);

    if (len > 1) {
        HAL_SleepMs(timeout_ms);
    }
    return code;
}

#elif defined(BROKEN_WRITE_CODE)
BREAKS(int, HAL_TCP_Write, (uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len))
{
    int code = REAL(HAL_TCP_Write)(fd, data, len, timeout_ms, written_len);

    return code == 0 && *written_len < len ? QCLOUD_ERR_TCP_WRITE_TIMEOUT : code;
}

#elif defined(BROKEN_WRITE_COUNT)
/* A part is taken for all. */
BREAKS(int, HAL_TCP_Write, (uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len))
{
    int code = REAL(HAL_TCP_Write)(fd, data, len, timeout_ms, written_len);

    *written_len = code == 0 ? len : 0;
    return code;
}

#elif defined(BROKEN_WRITE_LOST)
/* A few bytes of a part are not counted, so they are sent twice. */
BREAKS(int, HAL_TCP_Write, (uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len))
{
    int code = REAL(HAL_TCP_Write)(fd, data, len, timeout_ms, written_len);

    if (code == 0 && *written_len < len && *written_len > 10) {
        *written_len -= 10;
    }
    return code;
}

#elif defined(BROKEN_WRITE_TIME)
/* The time-out is not kept: a blocking socket. */
BREAKS(int, HAL_TCP_Write, (uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len))
{
    (void)timeout_ms;
    return REAL(HAL_TCP_Write)(fd, data, len, 60000, written_len);
}

#elif defined(BROKEN_WAKE)
BREAKS(int, HAL_TCP_ReadAvailable,
       (uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, void *waiter, size_t *read_len))
{
    (void)waiter;
    return REAL(HAL_TCP_ReadAvailable)(fd, data, len, timeout_ms, NULL, read_len);
}

#elif defined(BROKEN_TLS_VERIFY)
BREAKS(uintptr_t, HAL_TLS_Connect, (TLSConnectParams *params, const char *host, int port))
{
    params->ca_crt = NULL;
    return REAL(HAL_TLS_Connect)(params, host, port);
}

#elif defined(BROKEN_TLS_WRITE)
/* As with TCP, a part is success. */
BREAKS(int, HAL_TLS_Write, (uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *written_len))
{
    int code = REAL(HAL_TLS_Write)(handle, data, len, timeout_ms, written_len);

    return code == QCLOUD_ERR_SSL_WRITE_TIMEOUT ? 0 : code;
}

#elif defined(BROKEN_TLS_LOCK)
/* A lock that is held while waiting. */
static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;

BREAKS(int, HAL_TLS_Write, (uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *written_len))
{
    int code;

    pthread_mutex_lock(&g_lock);
    code = REAL(HAL_TLS_Write)(handle, data, len, timeout_ms, written_len);
    pthread_mutex_unlock(&g_lock);
    return code;
}

BREAKS(int, HAL_TLS_Read, (uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *read_len))
{
    int code;

    pthread_mutex_lock(&g_lock);
    code = REAL(HAL_TLS_Read)(handle, data, len, timeout_ms, read_len);
    pthread_mutex_unlock(&g_lock);
    return code;
}

#elif defined(BROKEN_SIGNATURE)
BREAKS(int, HAL_TLS_Calc_Sign_RSASHA256, (void *private_key, char *inbuf, int inbuf_len, char *outsign))
{
    /* The text is signed with its terminator. */
    return REAL(HAL_TLS_Calc_Sign_RSASHA256)(private_key, inbuf, inbuf_len + 1, outsign);
}

#else
#error "which mistake?"
#endif

#ifdef __cplusplus
}
#endif
