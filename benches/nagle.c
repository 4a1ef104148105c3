/*
 * Preloaded into a program: TCP_NODELAY stays off, so that Nagle's algorithm works.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    if (level == IPPROTO_TCP && option == TCP_NODELAY) {
        return 0;
    }
    return (int)syscall(SYS_setsockopt, fd, level, option, value, size);
}
