/*
 * The part of the default Linux port that Rust cannot express: C-variadic functions, and functions whose own address
 * must stay known when a firmware replaces the public symbol.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>

void *HAL_Malloc(uint32_t size);
void HAL_Free(void *ptr);

/* The port allocates through the public symbols, so that replacing them has effect here too. */
void *iot_port_malloc(uint32_t size)
{
    return HAL_Malloc(size);
}

void iot_port_free(void *ptr)
{
    HAL_Free(ptr);
}

#ifdef MULTITHREAD_ENABLED
/* What a new thread needs; src/thread.rs has the same structure. */
struct thread_start {
    void (*func)(void *);
    void *arg;
    char name[16];
};

/* Body of a thread. A thread function may leave through pthread_exit, which then passes through C only. */
void *iot_port_thread_main(void *block)
{
    struct thread_start start = *(struct thread_start *)block;
    iot_port_free(block);
    if (start.name[0]) {
        prctl(PR_SET_NAME, start.name);
    }
    start.func(start.arg);
    return NULL;
}
#endif

/* Printing (hal.md section 3). */

void HAL_Printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
}

int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap)
{
    return len < 0 ? -1 : vsnprintf(str, (size_t)len, fmt, ap);
}

int HAL_Snprintf(char *str, const int len, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int written = HAL_Vsnprintf(str, len, fmt, ap);
    va_end(ap);
    return written;
}

/*
 * The transports. The address of the static function is the port's own even when a firmware defines the public
 * symbol; HAL_*_Serves compares with it.
 */

uintptr_t iot_port_tcp_connect(const char *host, uint16_t port);
int iot_port_tcp_disconnect(uintptr_t fd);
int iot_port_tcp_write(uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len);
int iot_port_tcp_read(uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *read_len);

static uintptr_t own_tcp_connect(const char *host, uint16_t port)
{
    return iot_port_tcp_connect(host, port);
}

static int own_tcp_disconnect(uintptr_t fd)
{
    return iot_port_tcp_disconnect(fd);
}

static int own_tcp_write(uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len)
{
    return iot_port_tcp_write(fd, data, len, timeout_ms, written_len);
}

static int own_tcp_read(uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *read_len)
{
    return iot_port_tcp_read(fd, data, len, timeout_ms, read_len);
}

uintptr_t HAL_TCP_Connect(const char *host, uint16_t port) __attribute__((alias("own_tcp_connect")));
int HAL_TCP_Disconnect(uintptr_t fd) __attribute__((alias("own_tcp_disconnect")));
int HAL_TCP_Write(uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len)
    __attribute__((alias("own_tcp_write")));
int HAL_TCP_Read(uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *read_len)
    __attribute__((alias("own_tcp_read")));

/* True if the four functions are the port's own, i.e. the firmware replaced none of them. */
bool HAL_TCP_Serves(uintptr_t (*connect)(const char *, uint16_t), int (*disconnect)(uintptr_t),
                    int (*write)(uintptr_t, const unsigned char *, uint32_t, uint32_t, size_t *),
                    int (*read)(uintptr_t, unsigned char *, uint32_t, uint32_t, size_t *))
{
    return connect == own_tcp_connect && disconnect == own_tcp_disconnect && write == own_tcp_write &&
           read == own_tcp_read;
}

#ifndef AUTH_WITH_NOTLS
/* The parameters pass through; src/hal/import.rs of the SDK describes them. */
uintptr_t iot_port_tls_connect(void *params, const char *host, int port);
void iot_port_tls_disconnect(uintptr_t handle);
int iot_port_tls_write(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *written_len);
int iot_port_tls_read(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *read_len);

static uintptr_t own_tls_connect(void *params, const char *host, int port)
{
    return iot_port_tls_connect(params, host, port);
}

static void own_tls_disconnect(uintptr_t handle)
{
    iot_port_tls_disconnect(handle);
}

static int own_tls_write(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *written_len)
{
    return iot_port_tls_write(handle, data, len, timeout_ms, written_len);
}

static int own_tls_read(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *read_len)
{
    return iot_port_tls_read(handle, data, len, timeout_ms, read_len);
}

uintptr_t HAL_TLS_Connect(void *params, const char *host, int port) __attribute__((alias("own_tls_connect")));
void HAL_TLS_Disconnect(uintptr_t handle) __attribute__((alias("own_tls_disconnect")));
int HAL_TLS_Write(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *written_len)
    __attribute__((alias("own_tls_write")));
int HAL_TLS_Read(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, size_t *read_len)
    __attribute__((alias("own_tls_read")));

/* True if the four functions are the port's own, i.e. the firmware replaced none of them. */
bool HAL_TLS_Serves(uintptr_t (*connect)(void *, const char *, int), void (*disconnect)(uintptr_t),
                    int (*write)(uintptr_t, unsigned char *, size_t, uint32_t, size_t *),
                    int (*read)(uintptr_t, unsigned char *, size_t, uint32_t, size_t *))
{
    return connect == own_tls_connect && disconnect == own_tls_disconnect && write == own_tls_write &&
           read == own_tls_read;
}
#endif
