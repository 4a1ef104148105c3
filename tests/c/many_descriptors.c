/* Linked into a program, opens so many descriptors before main that all later ones are beyond the reach of select. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define LAST 2000

__attribute__((constructor)) static void open_many(void)
{
    struct rlimit limit = {LAST + 200, LAST + 200};
    int           last = 0;

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
        perror("setrlimit");
        exit(2);
    }
    while (last >= 0 && last < LAST) {
        last = dup(STDERR_FILENO);
    }
    if (last < 0) {
        perror("dup");
        exit(2);
    }
}
