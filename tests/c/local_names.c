/*
 * Linked into a program under test, these take the place of the C library's name look-up: host names of the platform
 * lead to this machine, port 443 of them to the port in E2E_PORT_443, and so on. No other name exists.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char DOMAIN[] = ".tencentdevices.com";

static int is_platform_name(const char *host)
{
    const size_t length = strlen(host);
    const size_t end    = sizeof(DOMAIN) - 1;

    return length > end && strcmp(host + length - end, DOMAIN) == 0;
}

/* The port itself, unless the environment names another for it. */
static unsigned short port_for(const char *service)
{
    char        name[32];
    const char *other;

    snprintf(name, sizeof(name), "E2E_PORT_%s", service);
    other = getenv(name);
    return (unsigned short)atoi(other != NULL ? other : service);
}

static int one_address(struct in_addr host, unsigned short port, struct addrinfo **result)
{
    struct addrinfo    *entry   = (struct addrinfo *)calloc(1, sizeof(*entry));
    struct sockaddr_in *address = (struct sockaddr_in *)calloc(1, sizeof(*address));

    if (entry == NULL || address == NULL) {
        free(entry);
        free(address);
        return EAI_MEMORY;
    }
    address->sin_family = AF_INET;
    address->sin_addr   = host;
    address->sin_port   = htons(port);

    entry->ai_family   = AF_INET;
    entry->ai_socktype = SOCK_STREAM;
    entry->ai_protocol = IPPROTO_TCP;
    entry->ai_addr     = (struct sockaddr *)address;
    entry->ai_addrlen  = sizeof(*address);
    *result            = entry;
    return 0;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    struct in_addr address;

    if (inet_pton(AF_INET, host, &address) == 1) {
        return one_address(address, (unsigned short)atoi(service), result);
    }
    if ((hints != NULL && (hints->ai_flags & AI_NUMERICHOST) != 0) || !is_platform_name(host)) {
        return EAI_NONAME;
    }
    address.s_addr = htonl(INADDR_LOOPBACK);
    return one_address(address, port_for(service), result);
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;

        free(list->ai_addr);
        free(list);
        list = next;
    }
}
