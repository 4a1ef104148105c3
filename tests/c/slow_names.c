/*
 * Linked into a program under test, takes the place of the C library's name look-up: a name server that never answers.
 * Addresses are no names.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <netdb.h>
#include <stddef.h>
#include <unistd.h>

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    (void)host;
    (void)service;
    (void)result;
    if (hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0) {
        return EAI_NONAME;
    }
    for (;;) {
        pause();
    }
}

void freeaddrinfo(struct addrinfo *list)
{
    (void)list;
}
