/*
 * Linked into a program, takes the place of the C library's wall clock, which the program can then set for itself alone.
 * The monotonic clock is the system's, as when an administrator sets the time of a device.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long g_shift_sec; /* by __atomic_* alone */

void port_shift_clock(long ms);

void port_shift_clock(long ms)
{
    __atomic_fetch_add(&g_shift_sec, ms / 1000, __ATOMIC_ACQ_REL);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long status = syscall(SYS_clock_gettime, clock, now);

    if (status == 0 && clock == CLOCK_REALTIME) {
        now->tv_sec += __atomic_load_n(&g_shift_sec, __ATOMIC_ACQUIRE);
    }
    return (int)status;
}

time_t time(time_t *place)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (place != NULL) {
        *place = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec exact;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
