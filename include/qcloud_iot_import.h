/*
 * The port: what the SDK needs from the operating system, and what programs may use of it.
 *
 * libiot_platform.a implements all of this for Linux. A port replaces single functions by defining them in the
 * program (those of the library are weak), or leaves the library out and defines all that the chosen features need.
 * The SDK reaches the system through these functions only, and calls them from any thread.
 *
 * Failures are values of IoT_Return_Code (qcloud_iot_export_error.h) unless a description says otherwise.
 */
#ifndef QCLOUD_IOT_IMPORT_H_
#define QCLOUD_IOT_IMPORT_H_

#include "config.h"
#include "platform.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Marks an argument that is read. */
#define _IN_

/** Marks an argument that is written. */
#define _OU_

#define IOT_TRUE 1
#define IOT_FALSE 0

/** Larger of two values; the result is evaluated twice. */
#define Max(a, b) ((a) > (b) ? (a) : (b))

/** Smaller of two values; the result is evaluated twice. */
#define Min(a, b) ((a) < (b) ? (a) : (b))

/** Bytes of a time text, terminator included; see HAL_Timer_current. */
#define TIME_FORMAT_STR_LEN 20

#if !defined(AUTH_WITH_NOTLS) && !defined(MAX_SIZE_OF_CLIENT_ID)
/** Longest client id, terminator not counted. */
#define MAX_SIZE_OF_CLIENT_ID 80
#endif

#if !defined(AUTH_WITH_NOTLS)
/** Server is not verified. */
#define HAL_TLS_VERIFY_OFF 0
#endif

#if !defined(AUTH_WITH_NOTLS)
/** Server is verified; a failure is reported in TLSOpenParams and the connection goes on. */
#define HAL_TLS_VERIFY_REPORT 1
#endif

#if !defined(AUTH_WITH_NOTLS)
/** A server that does not verify is refused with `QCLOUD_ERR_SSL_CERT`. */
#define HAL_TLS_VERIFY_REQUIRE 2
#endif

#if !defined(AUTH_WITH_NOTLS)
/** Offer only pre-shared key suites. */
#define HAL_TLS_SUITES_PSK 0
#endif

#if !defined(AUTH_WITH_NOTLS)
/** Offer certificate suites, forward secret ones first and no RSA key exchange. */
#define HAL_TLS_SUITES_MODERN 1
#endif

#if !defined(AUTH_WITH_NOTLS)
/** As HAL_TLS_SUITES_MODERN, then RSA key exchange (0x009C, 0x002F) as the last resort. */
#define HAL_TLS_SUITES_COMPATIBLE 2
#endif

/** Body of a thread started with HAL_ThreadCreate. */
typedef void (*ThreadRunFunc)(void *arg);

/** Description of a thread to start; copied by `HAL_ThreadCreate` before it returns. */
typedef struct ThreadParams {
    /** Name of the thread, NUL-terminated; may be NULL. */
    char *thread_name;
    /** Out: low 32 bits of the port's thread id. */
    uint32_t thread_id;
    /** Runs once in the new thread. */
    ThreadRunFunc thread_func;
    /** Handed to `thread_func`. */
    void *user_arg;
    /** Port specific; ignored on Linux. */
    uint16_t priority;
    /** Bytes; raised to the platform's minimum. */
    uint32_t stack_size;
} ThreadParams;

#if (defined(__linux__) && defined(__GLIBC__))
/** A deadline. Allocated by the caller, no resources attached, may be copied. */
typedef struct Timer {
    /** Opaque: a point in time of the port's clock. */
    struct timeval end_time;
} Timer;
#endif

#if !(defined(__linux__) && defined(__GLIBC__))
/** A deadline. Allocated by the caller, no resources attached, may be copied. */
typedef struct Timer {
    /** Opaque: a point in time of the port's clock. */
    uint64_t end_time;
} Timer;
#endif

#if (!defined(AUTH_WITH_NOTLS) && !defined(AUTH_MODE_CERT))
/** What a TLS connection needs besides host and port. */
typedef struct SSLConnectParams {
    /** PEM certificates to trust, or NULL: the server is not verified. */
    const char *ca_crt;
    /** Bytes of `ca_crt`, terminator included. */
    uint16_t ca_crt_len;
    /** Pre-shared key, or NULL. */
    const char *psk;
    /** Identity that goes with `psk`. */
    char psk_id[81];
    /** Bytes of `psk`. */
    size_t psk_length;
    /** Limit in ms. */
    uint32_t timeout_ms;
} SSLConnectParams;
#endif

#if (!defined(AUTH_WITH_NOTLS) && defined(AUTH_MODE_CERT))
/** What a TLS connection needs besides host and port. */
typedef struct SSLConnectParams {
    /** PEM certificates to trust, or NULL: the server is not verified. */
    const char *ca_crt;
    /** Bytes of `ca_crt`, terminator included. */
    uint16_t ca_crt_len;
    /** Path of the device certificate (PEM), or NULL. */
    const char *cert_file;
    /** Path of the device private key (PEM), or NULL. */
    const char *key_file;
    /** Bytes of a pre-shared key; unused with certificates. */
    size_t psk_length;
    /** Limit in ms. */
    uint32_t timeout_ms;
} SSLConnectParams;
#endif

#if !defined(AUTH_WITH_NOTLS)
/** Other name of SSLConnectParams. */
typedef SSLConnectParams TLSConnectParams;
#endif

#if !defined(AUTH_WITH_NOTLS)
/** What HAL_TLS_Open takes and reports beyond SSLConnectParams. */
typedef struct TLSOpenParams {
    /** Limit in ms for name look-up and TCP connect, all addresses together. */
    uint32_t connect_timeout_ms;
    /** Limit in ms for the whole handshake. */
    uint32_t handshake_timeout_ms;
    /** `HAL_TLS_VERIFY_*`. */
    int verify;
    /** `HAL_TLS_SUITES_*`. */
    int suites;
    /** PEM file with further trust anchors, or NULL: the file named by `SSL_CERT_FILE`, else the system's bundle. */
    const char *ca_file;
    /** Waiter that interrupts the call, or NULL. */
    void *waiter;
    /** In and out: session to resume, kept by the caller, freed with `HAL_TLS_FreeSession`; NULL: no resumption. */
    void **session;
    /** Out: the server did not verify (only with `HAL_TLS_VERIFY_REPORT` does the call succeed then). */
    bool verify_failed;
    /** Out: cause of a failed verification or handshake as text, empty if none. */
    char cause[128];
} TLSOpenParams;
#endif

/* Threads, locks, memory, output. */

/**
 * Starts a thread that runs params->thread_func(params->user_arg) once; it is detached. params is copied.
 *
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE if there can be no more threads
 */
int HAL_ThreadCreate(ThreadParams *params);

/** Makes a semaphore that counts 0; NULL on failure. */
void *HAL_SemaphoreCreate(void);

/** Releases a semaphore nobody waits for; NULL is ignored. */
void HAL_SemaphoreDestroy(void *sem);

/** Adds one to a semaphore. */
void HAL_SemaphorePost(void *sem);

/**
 * Takes one from a semaphore, waiting for it up to timeout_ms; 0xFFFFFFFF: for ever.
 *
 * @return 0; QCLOUD_ERR_FAILURE when the time is over
 */
int HAL_SemaphoreWait(void *sem, uint32_t timeout_ms);

/** Makes a lock that is not recursive; NULL on failure. Without MULTITHREAD_ENABLED locks may do nothing. */
void *HAL_MutexCreate(void);

/** Releases a free lock; NULL is ignored. */
void HAL_MutexDestroy(void *mutex);

/** Takes a lock, waiting for it without limit. */
void HAL_MutexLock(void *mutex);

/** Takes a lock if it is free. @return 0: taken; else not */
int HAL_MutexTryLock(void *mutex);

/** Gives back a lock that the calling thread has. */
void HAL_MutexUnlock(void *mutex);

/** A block of size bytes with any content, NULL on failure; released with HAL_Free. */
void *HAL_Malloc(uint32_t size);

/** Releases a block of HAL_Malloc; NULL is ignored. */
void HAL_Free(void *ptr);

/** Prints as printf and flushes. One call is one piece: texts of several threads do not mix. */
void HAL_Printf(const char *fmt, ...);

/**
 * Formats into str, terminator included in len; always terminated if len > 0.
 *
 * @return length of the whole text, also if it did not fit; negative on failure and for a negative len
 */
int HAL_Snprintf(char *str, const int len, const char *fmt, ...);

/** As HAL_Snprintf. */
int HAL_Vsnprintf(char *str, const int len, const char *fmt, va_list ap);

/** Milliseconds since any fixed point in time, of a clock that is never set; wraps after 2^32. */
uint32_t HAL_GetTimeMs(void);

/** Pauses the calling thread for at least ms milliseconds. */
void HAL_DelayMs(uint32_t ms);

/** Pauses the calling thread for at least ms milliseconds. */
void HAL_SleepMs(uint32_t ms);

/* Device identity: for programs, never called by the SDK. */

/** Saves the DeviceInfo at pdevInfo in the identity file. @return 0; QCLOUD_ERR_DEV_INFO */
int HAL_SetDevInfo(void *pdevInfo);

/**
 * Reads the identity file into the DeviceInfo at pdevInfo, which is cleared first; client_id is not filled.
 *
 * @return 0; QCLOUD_ERR_DEV_INFO when the file or a needed member is missing or not usable, the cause is logged
 */
int HAL_GetDevInfo(void *pdevInfo);

/** As HAL_GetDevInfo from the named file; dev_info is not cleared. @return 0; QCLOUD_ERR_FAILURE */
int HAL_GetDevInfoFromFile(const char *file_name, void *dev_info);

#if defined(GATEWAY_ENABLED)
/**
 * Reads the identity file into the GatewayDeviceInfo at pgwDeviceInfo, which is cleared first.
 *
 * On success sub_dev_info is a HAL_Malloc block that the caller releases with HAL_Free.
 *
 * @return 0; QCLOUD_ERR_FAILURE for the gateway's part; QCLOUD_ERR_DEV_INFO for NULL and for the sub-device's part
 */
int HAL_GetGwDevInfo(void *pgwDeviceInfo);
#endif

/**
 * Sets the identity file of the process, at first ./device_info.json; the name is copied.
 *
 * @return 0; QCLOUD_ERR_INVAL for NULL or more than 128 characters; QCLOUD_ERR_FAILURE if there is no such file
 */
int HAL_SetDevInfoFile(const char *file_name);

/* Time. */

/** Whether the point in time of timer has come. */
bool HAL_Timer_expired(Timer *timer);

/** Sets timer to the point in time timeout_ms milliseconds from now. */
void HAL_Timer_countdown_ms(Timer *timer, unsigned int timeout_ms);

/** Sets timer to the point in time timeout seconds from now. */
void HAL_Timer_countdown(Timer *timer, unsigned int timeout);

/** Milliseconds until the point in time of timer, rounded down, 0 when it has come. */
int HAL_Timer_remain(Timer *timer);

/** Makes timer an expired one. */
void HAL_Timer_init(Timer *timer);

/**
 * Writes the local time as YYYY-MM-DD hh:mm:ss into TIME_FORMAT_STR_LEN bytes.
 *
 * @return time_str; for NULL a constant text of one blank
 */
char *HAL_Timer_current(char *time_str);

/** Seconds since 1970-01-01 00:00:00 UTC. */
long HAL_Timer_current_sec(void);

/** Sets the clock, in seconds since 1970. @return 0; -1 on failure, such as a missing privilege */
int HAL_Timer_set_systime_sec(size_t timestamp_sec);

/** Sets the clock, in milliseconds since 1970. @return 0; -1 on failure, such as a missing privilege */
int HAL_Timer_set_systime_ms(size_t timestamp_ms);

/*
 * Network over an AT module, in a port that supplies the serial line: at_device_init and HAL_AT_Uart_*. The functions
 * HAL_AT_TCP_* belong to the interface, but nobody calls or defines them.
 */

#if defined(AT_TCP_ENABLED)
/** Prepares the AT module. */
int HAL_AT_TCP_Init(void);

/** As HAL_TCP_Connect. */
uintptr_t HAL_AT_TCP_Connect(const char *host, uint16_t port);

/** As HAL_TCP_Disconnect. */
int HAL_AT_TCP_Disconnect(uintptr_t fd);

/** As HAL_TCP_Write. */
int HAL_AT_TCP_Write(uintptr_t fd, const unsigned char *buf, uint32_t len, uint32_t timeout_ms, size_t *written_len);

/** As HAL_TCP_Read, with a count of 32 bits. */
int HAL_AT_TCP_Read(uintptr_t fd, uint8_t *buf, uint32_t len, uint32_t timeout_ms, uint32_t *read_len);

/** Registers the driver of the AT module. @return 0, else failure */
int at_device_init(void);

/** Opens the serial port. @return 0, else failure */
int HAL_AT_Uart_Init(void);

/** Closes the serial port. @return 0, else failure */
int HAL_AT_Uart_Deinit(void);

/** Sends size bytes over the serial port. @return bytes sent */
int HAL_AT_Uart_Send(void *data, uint32_t size);

/** Receives up to expect_size bytes within timeout ms. @return 0, else failure */
int HAL_AT_Uart_Recv(void *data, uint32_t expect_size, uint32_t *recv_size, uint32_t timeout);
#endif

/* TLS. */

#if !defined(AUTH_WITH_NOTLS)
/**
 * Connects to a TCP server and does the TLS handshake. host is also the name that the server must prove if
 * pConnectParams->ca_crt is given. Nothing of pConnectParams is kept.
 *
 * @return handle, 0 on failure
 */
uintptr_t HAL_TLS_Connect(TLSConnectParams *pConnectParams, const char *host, int port);

/** Ends the session and closes the connection; 0 is ignored. */
void HAL_TLS_Disconnect(uintptr_t handle);

/**
 * Writes totalLen bytes, for timeout_ms at the longest; *written_len says how many were written, also on failure.
 *
 * @return 0: all; QCLOUD_ERR_SSL_WRITE_TIMEOUT: only *written_len; QCLOUD_ERR_SSL_WRITE
 */
int HAL_TLS_Write(uintptr_t handle, unsigned char *data, size_t totalLen, uint32_t timeout_ms, size_t *written_len);

/**
 * Reads until totalLen bytes are there, for timeout_ms at the longest; *read_len says how many were read, also on
 * failure.
 *
 * @return 0: all; QCLOUD_ERR_SSL_NOTHING_TO_READ: none; QCLOUD_ERR_SSL_READ_TIMEOUT: only *read_len;
 *         QCLOUD_ERR_SSL_READ: error or end of the session
 */
int HAL_TLS_Read(uintptr_t handle, unsigned char *data, size_t totalLen, uint32_t timeout_ms, size_t *read_len);

/** Reads a private key from a PEM file; NULL on failure; released with HAL_TLS_Destory_PrivateKey. */
void *HAL_TLS_Get_PrivateKey_FromFile(const char *privatekey_path);

/**
 * Signs inbuf with RSA (PKCS#1 v1.5, SHA-256) into the HAL_TLS_Get_RSASHA256_Result_Len bytes at outsign.
 *
 * @return 0; QCLOUD_ERR_SSL_CERT if the key cannot sign; QCLOUD_ERR_FAILURE
 */
int HAL_TLS_Calc_Sign_RSASHA256(void *private_key, char *inbuf, int inbuf_len, char *outsign);

/** Bytes of a signature with this key, 0 if it is no RSA key. */
int HAL_TLS_Get_RSASHA256_Result_Len(void *private_key);

/** SHA-256 of inbuf into the 32 bytes at outsign. */
void HAL_TLS_Calc_SHA256(unsigned char *inbuf, size_t inbuf_len, unsigned char *outsign);

/** Releases a private key; NULL is ignored. */
void HAL_TLS_Destory_PrivateKey(void *private_key);
#endif

/* UDP and DTLS, which CoAP alone needs. Handles are the port's own, never 0; a handle belongs to one thread at a time. */

#if !defined(AUTH_WITH_NOTLS) && defined(COAP_COMM_ENABLED)
/** What a DTLS connection needs besides host and port. */
typedef SSLConnectParams DTLSConnectParams;

/** As HAL_TLS_Connect, with DTLS 1.2. */
uintptr_t HAL_DTLS_Connect(DTLSConnectParams *pConnectParams, const char *host, int port);

/** As HAL_TLS_Disconnect. */
void HAL_DTLS_Disconnect(uintptr_t handle);

/** Sends a datagram. @return 0; QCLOUD_ERR_SSL_WRITE with *written_len 0 */
int HAL_DTLS_Write(uintptr_t handle, const unsigned char *data, size_t datalen, size_t *written_len);

/**
 * Receives a datagram.
 *
 * @return 0; QCLOUD_ERR_SSL_READ_TIMEOUT; QCLOUD_ERR_DTLS_PEER_CLOSE_NOTIFY; QCLOUD_ERR_SSL_READ
 */
int HAL_DTLS_Read(uintptr_t handle, unsigned char *data, size_t datalen, uint32_t timeout_ms, size_t *read_len);
#endif

#if defined(COAP_COMM_ENABLED)
/** Opens a datagram socket to one address. @return handle, 0 on failure */
uintptr_t HAL_UDP_Connect(const char *host, unsigned short port);

/** Closes a socket. */
void HAL_UDP_Disconnect(uintptr_t fd);

/** Sends a datagram. @return its bytes; -1 */
int HAL_UDP_Write(uintptr_t fd, const unsigned char *data, unsigned int len);

/** Receives a datagram, waiting without limit; for programs, never called by the SDK. @return its bytes; -1 */
int HAL_UDP_Read(uintptr_t fd, unsigned char *data, unsigned int len);

/** Receives a datagram. @return its bytes; QCLOUD_ERR_SSL_READ_TIMEOUT; QCLOUD_ERR_SSL_READ */
int HAL_UDP_ReadTimeout(uintptr_t fd, unsigned char *p_data, unsigned int datalen, unsigned int timeout_ms);
#endif

/* TCP. */

/** Connects to a TCP server, trying its addresses in turn. @return handle, 0 on failure */
uintptr_t HAL_TCP_Connect(const char *host, uint16_t port);

/** Closes a connection. @return 0; -1 if closing failed, the handle is gone all the same */
int HAL_TCP_Disconnect(uintptr_t fd);

/**
 * Writes len bytes, for timeout_ms at the longest; *written_len says how many were written.
 *
 * @return 0: *written_len bytes, which may be fewer than len; QCLOUD_ERR_TCP_WRITE_TIMEOUT: none in time;
 *         QCLOUD_ERR_TCP_WRITE_FAIL: none, error
 */
int HAL_TCP_Write(uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len);

/**
 * Reads until len bytes are there, for timeout_ms at the longest; *read_len says how many were read, also on failure.
 *
 * @return 0: all; QCLOUD_ERR_TCP_NOTHING_TO_READ: none; QCLOUD_ERR_TCP_READ_TIMEOUT: only *read_len;
 *         QCLOUD_ERR_TCP_PEER_SHUTDOWN: the peer closed; QCLOUD_ERR_TCP_READ_FAIL
 */
int HAL_TCP_Read(uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *read_len);

/** From the machine's byte order to the network's. */
uint16_t HAL_htons(uint16_t value);

/** From the network's byte order to the machine's. */
uint16_t HAL_ntohs(uint16_t value);

/** From the machine's byte order to the network's. */
uint32_t HAL_htonl(uint32_t value);

/** From the network's byte order to the machine's. */
uint32_t HAL_ntohl(uint32_t value);

/* Storage of log text: the SDK calls these only if a program hands them over in LogUploadInitParams. */

#if defined(LOG_UPLOAD)
/** Adds text to the storage. @return bytes saved, 0 on failure */
size_t HAL_Log_Save(const char *log, size_t len);

/** Reads the storage from its start. @return bytes read, 0 on failure */
size_t HAL_Log_Read(char *buf, size_t len);

/** Empties the storage. @return 0; -1 */
int HAL_Log_Del(void);

/** Bytes in the storage. */
size_t HAL_Log_Get_Size(void);
#endif

/*
 * Optional fast family.
 *
 * Additions to the interface above that a port may leave out; the library refers to them weakly. With them one call
 * reads whatever is there, and an idle connection sleeps until there is something to do, instead of asking again and
 * again. They are used for TCP (TLS) if the port has all of the TCP (TLS) functions and all of HAL_Waiter_*, and
 * HAL_TCP_Serves (HAL_TLS_Serves) confirms that connecting, closing, writing and reading are all its own: a program
 * that replaces only HAL_TCP_Read is never bypassed.
 *
 * One thread may read while another one writes on the same handle.
 */

/**
 * Makes a waiter, which lets one thread end the wait of another.
 *
 * A wake ends the present wait that uses the waiter or, if there is none, the next one; that wait takes it up.
 *
 * @return NULL on failure
 */
void *HAL_Waiter_Create(void);

/** Releases a waiter that no wait uses. */
void HAL_Waiter_Destroy(void *waiter);

/** Ends the present or next wait that uses the waiter. */
void HAL_Waiter_Wake(void *waiter);

/** Waits for a wake, for ms milliseconds at the longest. @return 1: woken; 0: time over */
int HAL_Waiter_Sleep(void *waiter, uint32_t ms);

/** Whether these four functions are HAL_TCP_Connect, _Disconnect, _Write and _Read of the port itself. */
bool HAL_TCP_Serves(uintptr_t (*connect)(const char *, uint16_t), int (*disconnect)(uintptr_t),
                    int (*write)(uintptr_t, const unsigned char *, uint32_t, uint32_t, size_t *),
                    int (*read)(uintptr_t, unsigned char *, uint32_t, uint32_t, size_t *));

/**
 * As HAL_TCP_Connect, for timeout_ms at the longest, all addresses together. A wake of waiter (may be NULL) ends it
 * within 200 ms with QCLOUD_ERR_TCP_CONNECT and stays pending.
 *
 * @return 0 and *fd; QCLOUD_ERR_TCP_UNKNOWN_HOST; QCLOUD_ERR_TCP_SOCKET_FAILED; QCLOUD_ERR_TCP_CONNECT
 */
int HAL_TCP_Open(const char *host, uint16_t port, uint32_t timeout_ms, void *waiter, uintptr_t *fd);

/**
 * Reads what is there, at least one byte. Waits for it for timeout_ms at the longest, or until a wake of waiter (may
 * be NULL); 0: does not wait.
 *
 * @return 0 and *read_len; QCLOUD_ERR_TCP_NOTHING_TO_READ: time over or woken; QCLOUD_ERR_TCP_PEER_SHUTDOWN;
 *         QCLOUD_ERR_TCP_READ_FAIL
 */
int HAL_TCP_ReadAvailable(uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, void *waiter,
                          size_t *read_len);

#if !defined(AUTH_WITH_NOTLS)
/** Whether these four functions are HAL_TLS_Connect, _Disconnect, _Write and _Read of the port itself. */
bool HAL_TLS_Serves(uintptr_t (*connect)(TLSConnectParams *, const char *, int), void (*disconnect)(uintptr_t),
                    int (*write)(uintptr_t, unsigned char *, size_t, uint32_t, size_t *),
                    int (*read)(uintptr_t, unsigned char *, size_t, uint32_t, size_t *));

/**
 * As HAL_TLS_Connect, with the limits and choices of open. A wake of open->waiter ends it within 200 ms with
 * QCLOUD_ERR_SSL_CONNECT and stays pending.
 *
 * @return 0 and *handle; the failures of HAL_TCP_Open; QCLOUD_ERR_SSL_INIT; QCLOUD_ERR_SSL_CERT;
 *         QCLOUD_ERR_SSL_CONNECT; QCLOUD_ERR_SSL_CONNECT_TIMEOUT
 */
int HAL_TLS_Open(TLSConnectParams *params, TLSOpenParams *open, const char *host, int port, uintptr_t *handle);

/**
 * As HAL_TCP_ReadAvailable.
 *
 * @return 0 and *read_len; QCLOUD_ERR_SSL_NOTHING_TO_READ: time over or woken; QCLOUD_ERR_SSL_READ: error or end of
 *         the session
 */
int HAL_TLS_ReadAvailable(uintptr_t handle, unsigned char *data, size_t len, uint32_t timeout_ms, void *waiter,
                          size_t *read_len);

/** Releases a session kept in TLSOpenParams.session; NULL is ignored. */
void HAL_TLS_FreeSession(void *session);
#endif

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_IMPORT_H_ */
