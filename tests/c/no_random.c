/* A system without the random source that TLS asks for: replaces the C library's getrandom. */
#include <errno.h>
#include <stddef.h>
#include <sys/types.h>

ssize_t getrandom(void *buffer, size_t length, unsigned int flags);

ssize_t getrandom(void *buffer, size_t length, unsigned int flags)
{
    (void)buffer, (void)length, (void)flags;
    errno = ENOSYS;
    return -1;
}
