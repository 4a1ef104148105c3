/*
 * Time of a port that has nothing but a counter of milliseconds with 32 bits, which here wraps two seconds after the start:
 * a timer is a count, and what is left of it a difference.
 */
#include <stdbool.h>
#include <time.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#define BEFORE_WRAP_MS 2000

static long long real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

uint32_t HAL_GetTimeMs(void)
{
    static long long start;

    if (start == 0) {
        start = real_ms();
    }
    return (uint32_t)(real_ms() - start) - BEFORE_WRAP_MS;
}

void HAL_Timer_init(Timer *timer)
{
    timer->end_time.tv_sec = HAL_GetTimeMs();
    timer->end_time.tv_usec = 0;
}

void HAL_Timer_countdown_ms(Timer *timer, unsigned int timeout_ms)
{
    timer->end_time.tv_sec = (uint32_t)(HAL_GetTimeMs() + timeout_ms);
}

void HAL_Timer_countdown(Timer *timer, unsigned int timeout)
{
    HAL_Timer_countdown_ms(timer, timeout * 1000);
}

int HAL_Timer_remain(Timer *timer)
{
    int32_t left = (int32_t)((uint32_t)timer->end_time.tv_sec - HAL_GetTimeMs());

    return left > 0 ? left : 0;
}

bool HAL_Timer_expired(Timer *timer)
{
    return HAL_Timer_remain(timer) == 0;
}

/* Of interface_driver.c: whether the counter has wrapped. */
const char *port_report(void);

const char *port_report(void)
{
    return HAL_GetTimeMs() < 0x80000000u ? "wrapped" : "not yet";
}
