/*
 * The optional functions of the port, which a port may lack (qcloud_iot_import.h): says whether they are there, and
 * calls them for Rust, which has no weak references. Nothing here may be called before the matching question was
 * answered with true.
 */
#include "qcloud_iot_import.h"

#pragma weak HAL_Timer_set_systime_sec
#pragma weak HAL_Waiter_Create
#pragma weak HAL_Waiter_Destroy
#pragma weak HAL_Waiter_Wake
#pragma weak HAL_Waiter_Sleep
#pragma weak HAL_TCP_Serves
#pragma weak HAL_TCP_Open
#pragma weak HAL_TCP_ReadAvailable

#if !defined(MULTITHREAD_ENABLED)
/* Without threads the original's core does not pause, so its ports may lack this one (hal_port.csv). */
#pragma weak HAL_SleepMs

bool iot_hal_has_sleep(void)
{
    return HAL_SleepMs != NULL;
}

void iot_hal_sleep(uint32_t ms)
{
    HAL_SleepMs(ms);
}
#endif

/* The original never calls it, so a port may lack it. */
int iot_hal_set_system_seconds(size_t seconds)
{
    return HAL_Timer_set_systime_sec ? HAL_Timer_set_systime_sec(seconds) : -1;
}

bool iot_hal_has_waiter(void)
{
    return HAL_Waiter_Create && HAL_Waiter_Destroy && HAL_Waiter_Wake && HAL_Waiter_Sleep;
}

void *iot_hal_waiter_create(void)
{
    return HAL_Waiter_Create();
}

void iot_hal_waiter_destroy(void *waiter)
{
    HAL_Waiter_Destroy(waiter);
}

void iot_hal_waiter_wake(void *waiter)
{
    HAL_Waiter_Wake(waiter);
}

int iot_hal_waiter_sleep(void *waiter, uint32_t ms)
{
    return HAL_Waiter_Sleep(waiter, ms);
}

/* The family is used only if the four basic functions are the port's own: a firmware may have replaced one of them. */
bool iot_hal_tcp_is_fast(void)
{
    return iot_hal_has_waiter() && HAL_TCP_Serves && HAL_TCP_Open && HAL_TCP_ReadAvailable &&
           HAL_TCP_Serves(HAL_TCP_Connect, HAL_TCP_Disconnect, HAL_TCP_Write, HAL_TCP_Read);
}

int iot_hal_tcp_open(const char *host, uint16_t port, uint32_t timeout_ms, void *waiter, uintptr_t *fd)
{
    return HAL_TCP_Open(host, port, timeout_ms, waiter, fd);
}

int iot_hal_tcp_read_available(uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, void *waiter,
                               size_t *read_len)
{
    return HAL_TCP_ReadAvailable(fd, data, len, timeout_ms, waiter, read_len);
}

#if !defined(AUTH_WITH_NOTLS)

#pragma weak HAL_TLS_Serves
#pragma weak HAL_TLS_Open
#pragma weak HAL_TLS_ReadAvailable
#pragma weak HAL_TLS_FreeSession

bool iot_hal_tls_is_fast(void)
{
    return iot_hal_has_waiter() && HAL_TLS_Serves && HAL_TLS_Open && HAL_TLS_ReadAvailable && HAL_TLS_FreeSession &&
           HAL_TLS_Serves(HAL_TLS_Connect, HAL_TLS_Disconnect, HAL_TLS_Write, HAL_TLS_Read);
}

int iot_hal_tls_open(TLSConnectParams *params, TLSOpenParams *open, const char *host, int port, uintptr_t *handle)
{
    return HAL_TLS_Open(params, open, host, port, handle);
}

int iot_hal_tls_read_available(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, void *waiter,
                               size_t *read_len)
{
    return HAL_TLS_ReadAvailable(handle, data, len, timeout_ms, waiter, read_len);
}

void iot_hal_tls_free_session(void *session)
{
    HAL_TLS_FreeSession(session);
}

#endif
