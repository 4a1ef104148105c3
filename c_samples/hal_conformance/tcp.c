/* HAL_TCP_*: the four functions of a plain connection. */
#include "conformance.h"

/* Connections one after the other: more than a small system has at a time. */
#define CYCLES 40

static const Codes sg_codes = {
    QCLOUD_ERR_TCP_NOTHING_TO_READ, QCLOUD_ERR_TCP_READ_TIMEOUT,  QCLOUD_ERR_TCP_PEER_SHUTDOWN,
    QCLOUD_ERR_TCP_READ_FAIL,       QCLOUD_ERR_TCP_WRITE_TIMEOUT, QCLOUD_ERR_TCP_WRITE_FAIL,
    QCLOUD_RET_SUCCESS,
};

static void _check_connect(void)
{
    PeerPorts ports;
    uintptr_t handle;

    if (!peer_ports(&ports)) {
        return;
    }
    handle = HAL_TCP_Connect(g_options.host, ports.closed);
    expect("a port that nobody listens on", handle == 0, "returned a handle");
    handle = HAL_TCP_Connect(NO_SUCH_HOST, g_options.port);
    expect("a host that does not exist", handle == 0, "returned a handle");
    handle = HAL_TCP_Connect(g_options.host, g_options.port);
    expect("the peer", handle != 0, "returned 0");
    if (handle != 0) {
        HAL_TCP_Disconnect(handle);
    }
}

static void _check_disconnect(void)
{
    Link link;
    int  i;

    for (i = 0; i < CYCLES; i++) {
        link = link_open();
        if (link.handle == 0) {
            break;
        }
        if (HAL_TCP_Disconnect(link.handle) != 0) {
            expect("an open connection", false, "not 0");
            break;
        }
    }
    expect("connections one after the other", i == CYCLES, "none any more after %d", i);
}

static void _check_read(void)
{
    check_reading(link_open, &sg_codes);
}

static void _check_write(void)
{
    check_writing(link_open, &sg_codes);
#ifdef MULTITHREAD_ENABLED
    check_both_ways(link_open);
#endif
}

const Function g_tcp_functions[] = {
    NEEDED(HAL_TCP_Connect, _check_connect),
    NEEDED(HAL_TCP_Disconnect, _check_disconnect),
    NEEDED(HAL_TCP_Read, _check_read),
    NEEDED(HAL_TCP_Write, _check_write),
    {NULL, NULL, NULL, false},
};
