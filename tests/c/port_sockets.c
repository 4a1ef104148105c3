/*
 * HAL_TCP_* as a port may have them: a read that waits until it has all bytes or the time is over, and nothing of the fast
 * family. Replaces the four functions of libiot_platform.a alone, or is part of a whole port.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
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
    int             fd = -1, on = 1;

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
    if (fd > 0) {
        /* Small messages go out at once. */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    return fd > 0 ? (uintptr_t)fd : 0;
}

int HAL_TCP_Disconnect(uintptr_t fd)
{
    g_disconnects++;
    shutdown((int)fd, SHUT_RDWR);
    return close((int)fd);
}

/* Waits a few milliseconds. The slices let the clock of the port decide when time is over. */
static void wait_a_little(int fd, short events)
{
    struct pollfd one = {fd, events, 0};

    poll(&one, 1, 2);
}

static bool has_to_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int HAL_TCP_Write(uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len)
{
    Timer timer;

    g_writes++;
    *written_len = 0;
    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, timeout_ms);
    while (*written_len < len && !HAL_Timer_expired(&timer)) {
        ssize_t count = send((int)fd, data + *written_len, len - *written_len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (count >= 0) {
            *written_len += (size_t)count;
        } else if (has_to_wait()) {
            wait_a_little((int)fd, POLLOUT);
        } else {
            return *written_len > 0 ? 0 : QCLOUD_ERR_TCP_WRITE_FAIL;
        }
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
        ssize_t count = recv((int)fd, data + *read_len, len - *read_len, MSG_DONTWAIT);

        if (count > 0) {
            *read_len += (size_t)count;
        } else if (count == 0) {
            return QCLOUD_ERR_TCP_PEER_SHUTDOWN;
        } else if (has_to_wait()) {
            wait_a_little((int)fd, POLLIN);
        } else {
            return QCLOUD_ERR_TCP_READ_FAIL;
        }
    }
    if (*read_len == len) {
        return 0;
    }
    return *read_len > 0 ? QCLOUD_ERR_TCP_READ_TIMEOUT : QCLOUD_ERR_TCP_NOTHING_TO_READ;
}
