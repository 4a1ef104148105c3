/*
 * HAL_TCP_* as a port may have them: blocking sockets, select, and a read that waits until it has all bytes or the time is
 * over. Replaces the four functions of libiot_platform.a alone, or is part of a whole port.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

static long g_connects, g_disconnects, g_reads, g_writes;

/* How often each function was called, for interface_driver.c. */
const char *port_report(void)
{
    static char text[128];

    snprintf(text, sizeof(text), "connects=%ld disconnects=%ld reads=%ld writes=%ld", g_connects, g_disconnects, g_reads,
             g_writes);
    return text;
}

uintptr_t HAL_TCP_Connect(const char *host, uint16_t port)
{
    struct addrinfo hints, *addresses = NULL;
    char            service[8];
    int             fd = -1;

    g_connects++;
    memset(&hints, 0, sizeof(hints));
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    if (getaddrinfo(host, service, &hints, &addresses) != 0) {
        return 0;
    }
    for (struct addrinfo *address = addresses; address != NULL && fd < 0; address = address->ai_next) {
        fd = socket(address->ai_family, address->ai_socktype, address->ai_protocol);
        if (fd >= 0 && connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(addresses);
    return fd > 0 ? (uintptr_t)fd : 0;
}

int HAL_TCP_Disconnect(uintptr_t fd)
{
    g_disconnects++;
    shutdown((int)fd, SHUT_RDWR);
    return close((int)fd);
}

/* 1: ready, 0: not within a few milliseconds, -1: error. The slices let the clock of the port decide when time is over. */
static int ready(int fd, bool to_read)
{
    struct timeval slice = {0, 2000};
    fd_set         set;
    int            count;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    count = select(fd + 1, to_read ? &set : NULL, to_read ? NULL : &set, NULL, &slice);
    return count < 0 && errno == EINTR ? 0 : count;
}

int HAL_TCP_Write(uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len)
{
    Timer timer;

    g_writes++;
    *written_len = 0;
    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, timeout_ms);
    while (*written_len < len && !HAL_Timer_expired(&timer)) {
        int     is_ready = ready((int)fd, false);
        ssize_t count = is_ready > 0 ? send((int)fd, data + *written_len, len - *written_len, MSG_NOSIGNAL) : is_ready;

        if (count < 0) {
            return *written_len > 0 ? 0 : QCLOUD_ERR_TCP_WRITE_FAIL;
        }
        *written_len += (size_t)count;
    }
    return *written_len > 0 || len == 0 ? 0 : QCLOUD_ERR_TCP_WRITE_TIMEOUT;
}

int HAL_TCP_Read(uintptr_t fd, unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *read_len)
{
    Timer timer;

    g_reads++;
    *read_len = 0;
    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, timeout_ms);
    while (*read_len < len && !HAL_Timer_expired(&timer)) {
        int     is_ready = ready((int)fd, true);
        ssize_t count;

        if (is_ready == 0) {
            continue;
        }
        count = is_ready > 0 ? recv((int)fd, data + *read_len, len - *read_len, 0) : -1;
        if (count < 0) {
            return QCLOUD_ERR_TCP_READ_FAIL;
        }
        if (count == 0) {
            return QCLOUD_ERR_TCP_PEER_SHUTDOWN;
        }
        *read_len += (size_t)count;
    }
    if (*read_len == len) {
        return 0;
    }
    return *read_len > 0 ? QCLOUD_ERR_TCP_READ_TIMEOUT : QCLOUD_ERR_TCP_NOTHING_TO_READ;
}
