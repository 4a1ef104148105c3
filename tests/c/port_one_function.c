/*
 * One function of the port, replaced beside all others of libiot_platform.a: REPLACE_MALLOC, REPLACE_PRINTF,
 * REPLACE_TCP_WRITE or REPLACE_TIMER_CURRENT chooses it. Each counts its calls.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

static long g_calls;

const char *port_report(void);

const char *port_report(void)
{
    static char text[64];

    snprintf(text, sizeof(text), "calls=%ld", g_calls);
    return text;
}

#if defined(REPLACE_MALLOC)
/* HAL_Free of libiot_platform.a is the C library's free. */
void *HAL_Malloc(uint32_t size)
{
    g_calls++;
    return malloc(size);
}

#elif defined(REPLACE_PRINTF)
void HAL_Printf(const char *fmt, ...)
{
    va_list arguments;

    g_calls++;
    va_start(arguments, fmt);
    vprintf(fmt, arguments);
    va_end(arguments);
    fflush(stdout);
}

#elif defined(REPLACE_TCP_WRITE)
/* Takes at most ten bytes at a time, which the table of HAL_TCP_Write allows. */
int HAL_TCP_Write(uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len)
{
    ssize_t count = send((int)fd, data, len < 10 ? len : 10, MSG_NOSIGNAL);

    (void)timeout_ms;
    g_calls++;
    *written_len = count > 0 ? (size_t)count : 0;
    return count >= 0 ? 0 : errno == EAGAIN ? QCLOUD_ERR_TCP_WRITE_TIMEOUT : QCLOUD_ERR_TCP_WRITE_FAIL;
}

#elif defined(REPLACE_TIMER_CURRENT)
char *HAL_Timer_current(char *time_str)
{
    g_calls++;
    strcpy(time_str, "2031-02-03 04:05:06");
    return time_str;
}

#else
#error "which function?"
#endif
