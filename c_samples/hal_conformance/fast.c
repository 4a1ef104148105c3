/* The optional fast family: waiters, connecting with a limit, reading what is there. */
#include <string.h>

#include "conformance.h"

#pragma weak HAL_Waiter_Create
#pragma weak HAL_Waiter_Destroy
#pragma weak HAL_Waiter_Wake
#pragma weak HAL_Waiter_Sleep
#pragma weak HAL_TCP_Serves
#pragma weak HAL_TCP_Open
#pragma weak HAL_TCP_ReadAvailable

#define BUFFER_LEN 64
#define LONG_MS    5000

static void *_waiter(void)
{
    void *waiter = HAL_Waiter_Create && HAL_Waiter_Destroy && HAL_Waiter_Wake && HAL_Waiter_Sleep ? HAL_Waiter_Create() : NULL;

    expect("a waiter", waiter != NULL, "not all functions of a waiter are there, or no memory");
    return waiter;
}

#ifdef MULTITHREAD_ENABLED
static void _wake_soon(void *waiter)
{
    HAL_SleepMs(400);
    HAL_Waiter_Wake(waiter);
}
#endif

static void _check_sleep(void)
{
    Watch watch;
    void *waiter = _waiter();

    if (waiter == NULL) {
        return;
    }
    watch_start(&watch);
    expect_code("time over", HAL_Waiter_Sleep(waiter, 150), 0);
    expect_time("time over", watch_ms(&watch), 150);
    HAL_Waiter_Wake(waiter);
    HAL_Waiter_Wake(waiter);
    watch_start(&watch);
    expect_code("woken before", HAL_Waiter_Sleep(waiter, LONG_MS), 1);
    expect_at_once("woken before", watch_ms(&watch));
    expect_code("after the wake was taken", HAL_Waiter_Sleep(waiter, 20), 0);
#ifdef MULTITHREAD_ENABLED
    expect("woken by a thread", run_thread(_wake_soon, waiter), "no thread");
    watch_start(&watch);
    expect_code("woken by a thread", HAL_Waiter_Sleep(waiter, LONG_MS), 1);
    expect("woken by a thread", watch_ms(&watch) <= 400 + g_options.slack_ms, "took %lu ms",
           (unsigned long)watch_ms(&watch));
#endif
    HAL_Waiter_Destroy(waiter);
}

static uintptr_t _other_connect(const char *host, uint16_t port)
{
    (void)host;
    (void)port;
    return 0;
}

static void _check_tcp_serves(void)
{
    expect("its own functions", HAL_TCP_Serves(HAL_TCP_Connect, HAL_TCP_Disconnect, HAL_TCP_Write, HAL_TCP_Read),
           "false, so the SDK will not use the family");
    expect("another function", !HAL_TCP_Serves(_other_connect, HAL_TCP_Disconnect, HAL_TCP_Write, HAL_TCP_Read), "true");
}

static void _check_tcp_open(void)
{
    PeerPorts ports;
    uintptr_t handle;
    int       code;

    if (!peer_ports(&ports)) {
        return;
    }
    code = HAL_TCP_Open(g_options.host, g_options.port, LONG_MS, NULL, &handle);
    expect_code("the peer", code, 0);
    expect("the peer", code != 0 || handle != 0, "handle 0");
    if (code == 0) {
        HAL_TCP_Disconnect(handle);
    }
    expect_code("a port that nobody listens on", HAL_TCP_Open(g_options.host, ports.closed, LONG_MS, NULL, &handle),
                QCLOUD_ERR_TCP_CONNECT);
    expect_code("a host that does not exist", HAL_TCP_Open(NO_SUCH_HOST, g_options.port, LONG_MS, NULL, &handle),
                QCLOUD_ERR_TCP_UNKNOWN_HOST);
}

typedef int (*ReadAvailable)(Link *link, unsigned char *data, uint32_t ms, void *waiter, size_t *count);

typedef struct {
    int nothing;
    int closed;
    int broken;
} AvailableCodes;

/* Waits until something is there to read or the time is over; what was there. */
static void _check_available(Opener open, ReadAvailable read, const AvailableCodes *codes)
{
    unsigned char data[BUFFER_LEN];
    size_t        count  = 0;
    void         *waiter = _waiter();
    Watch         watch;
    Link          link = open();

    if (waiter == NULL || link.handle == 0) {
        expect("connection to the peer", link.handle != 0, "none");
        link_close(&link);
        return;
    }
    expect_code("nothing there, no time", read(&link, data, 0, waiter, &count), codes->nothing);
    watch_start(&watch);
    expect_code("time over", read(&link, data, 150, waiter, &count), codes->nothing);
    expect_time("time over", watch_ms(&watch), 150);
    HAL_Waiter_Wake(waiter);
    watch_start(&watch);
    expect_code("woken", read(&link, data, LONG_MS, waiter, &count), codes->nothing);
    expect_at_once("woken", watch_ms(&watch));
    watch_start(&watch);
    expect("some there", link_tell(&link, "send 3; pause 1; close"), "nothing can be sent");
    expect_code("some there", read(&link, data, LONG_MS, waiter, &count), 0);
    expect("some there", watch_ms(&watch) < LONG_MS, "waited for more");
    expect("some there", count >= 1 && count <= 3 && is_next(&link, data, count), "other bytes than the peer sent");
    while (count < BUFFER_LEN && read(&link, data, 300, NULL, &count) == 0) {
    }
    expect_code("peer closed", read(&link, data, LONG_MS, NULL, &count), codes->closed);
    link_close(&link);

    link = open();
    if (link.handle != 0 && link_tell(&link, "reset")) {
        expect_code("connection broke", read(&link, data, LONG_MS, waiter, &count), codes->broken);
    }
    link_close(&link);
    HAL_Waiter_Destroy(waiter);
}

static int _tcp_read_available(Link *link, unsigned char *data, uint32_t ms, void *waiter, size_t *count)
{
    return HAL_TCP_ReadAvailable(link->handle, data, BUFFER_LEN, ms, waiter, count);
}

static void _check_tcp_read_available(void)
{
    const AvailableCodes codes = {QCLOUD_ERR_TCP_NOTHING_TO_READ, QCLOUD_ERR_TCP_PEER_SHUTDOWN, QCLOUD_ERR_TCP_READ_FAIL};

    _check_available(link_open, _tcp_read_available, &codes);
}

#ifndef AUTH_WITH_NOTLS
#pragma weak HAL_TLS_Serves
#pragma weak HAL_TLS_Open
#pragma weak HAL_TLS_ReadAvailable
#pragma weak HAL_TLS_FreeSession

static void _other_disconnect(uintptr_t handle)
{
    (void)handle;
}

static void _check_tls_serves(void)
{
    expect("its own functions", HAL_TLS_Serves(HAL_TLS_Connect, HAL_TLS_Disconnect, HAL_TLS_Write, HAL_TLS_Read),
           "false, so the SDK will not use the family");
    expect("another function", !HAL_TLS_Serves(HAL_TLS_Connect, _other_disconnect, HAL_TLS_Write, HAL_TLS_Read), "true");
}

static int _open_tls(const char *host, uint16_t port, char *anchor, int verify, void **session, Link *link, bool *failed)
{
    TLSConnectParams params;
    TLSOpenParams    open;
    int              code;

    memset(&params, 0, sizeof(params));
    memset(&open, 0, sizeof(open));
    params.ca_crt           = anchor;
    params.ca_crt_len       = (uint16_t)(anchor ? strlen(anchor) + 1 : 0);
    params.timeout_ms       = LONG_MS;
    open.connect_timeout_ms = LONG_MS;
    /* Short where the server is silent. */
    open.handshake_timeout_ms = port == g_options.port ? 500 : LONG_MS;
    open.verify               = verify;
    open.suites               = HAL_TLS_SUITES_MODERN;
    open.session              = session;
#ifdef AUTH_MODE_CERT
    params.cert_file = g_options.cert_file;
    params.key_file  = g_options.key_file;
#endif
    memset(link, 0, sizeof(*link));
    link->is_tls = true;
    code         = HAL_TLS_Open(&params, &open, host, port, &link->handle);
    *failed      = open.verify_failed;
    return code;
}

static Link _tls_link(void)
{
    PeerPorts ports;
    Link      link = {0, true, 0, 0};
    bool      failed;

    if (peer_ports(&ports)) {
        _open_tls(g_options.host, ports.tls, NULL, HAL_TLS_VERIFY_OFF, NULL, &link, &failed);
    }
    return link;
}

static void _check_open_verification(const PeerPorts *ports, char *authority, char *other)
{
    void *session = NULL;
    Link  link;
    bool  failed;
    int   i;

    /* The second time with the session of the first. */
    for (i = 0; i < 2; i++) {
        expect_code("server of the given authority",
                    _open_tls(g_options.host, ports->tls, authority, HAL_TLS_VERIFY_REQUIRE, &session, &link, &failed), 0);
        expect("server of the given authority", !failed, "reported as not verified");
        link_close(&link);
    }
    HAL_TLS_FreeSession(session);
    expect_code("server of another authority",
                _open_tls(g_options.host, ports->tls, other, HAL_TLS_VERIFY_REQUIRE, NULL, &link, &failed),
                QCLOUD_ERR_SSL_CERT);
    expect_code("server with another name",
                _open_tls(g_options.host, ports->other_name, authority, HAL_TLS_VERIFY_REQUIRE, NULL, &link, &failed),
                QCLOUD_ERR_SSL_CERT);
    expect_code("server of another authority, to be reported",
                _open_tls(g_options.host, ports->tls, other, HAL_TLS_VERIFY_REPORT, NULL, &link, &failed), 0);
    expect("server of another authority, to be reported", failed, "not reported");
    link_close(&link);
}

static void _check_tls_open(void)
{
    PeerPorts ports;
    Link      link;
    Watch     watch;
    size_t    len;
    bool      failed;
    char     *authority, *other;

    if (!peer_ports(&ports)) {
        return;
    }
    authority = peer_text("authority", &len);
    other     = peer_text("other-authority", &len);
    if (authority != NULL && other != NULL) {
        _check_open_verification(&ports, authority, other);
    }
    HAL_Free(authority);
    HAL_Free(other);
    expect_code("a port that nobody listens on",
                _open_tls(g_options.host, ports.closed, NULL, HAL_TLS_VERIFY_OFF, NULL, &link, &failed),
                QCLOUD_ERR_TCP_CONNECT);
    expect_code("a host that does not exist",
                _open_tls(NO_SUCH_HOST, ports.tls, NULL, HAL_TLS_VERIFY_OFF, NULL, &link, &failed),
                QCLOUD_ERR_TCP_UNKNOWN_HOST);
    watch_start(&watch);
    expect_code("a server that says nothing",
                _open_tls(g_options.host, g_options.port, NULL, HAL_TLS_VERIFY_OFF, NULL, &link, &failed),
                QCLOUD_ERR_SSL_CONNECT_TIMEOUT);
    expect_time("a server that says nothing", watch_ms(&watch), 500);
}

static void _check_tls_free_session(void)
{
    HAL_TLS_FreeSession(NULL);
    expect("NULL", true, "");
}

static int _tls_read_available(Link *link, unsigned char *data, uint32_t ms, void *waiter, size_t *count)
{
    return HAL_TLS_ReadAvailable(link->handle, data, BUFFER_LEN, ms, waiter, count);
}

static void _check_tls_read_available(void)
{
    const AvailableCodes codes = {QCLOUD_ERR_SSL_NOTHING_TO_READ, QCLOUD_ERR_SSL_READ, QCLOUD_ERR_SSL_READ};

    if (!HAL_TLS_Open) {
        leave_out("HAL_TLS_Open is missing");
        return;
    }
    _check_available(_tls_link, _tls_read_available, &codes);
}
#endif

const Function g_fast_functions[] = {
    OPTIONAL(HAL_Waiter_Sleep, _check_sleep),
    OPTIONAL(HAL_TCP_Serves, _check_tcp_serves),
    OPTIONAL(HAL_TCP_Open, _check_tcp_open),
    OPTIONAL(HAL_TCP_ReadAvailable, _check_tcp_read_available),
#ifndef AUTH_WITH_NOTLS
    OPTIONAL(HAL_TLS_Serves, _check_tls_serves),
    OPTIONAL(HAL_TLS_Open, _check_tls_open),
    OPTIONAL(HAL_TLS_ReadAvailable, _check_tls_read_available),
    OPTIONAL(HAL_TLS_FreeSession, _check_tls_free_session),
#endif
    {NULL, NULL, NULL, false},
};
