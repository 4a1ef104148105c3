/*
 * Timers as a program sees them, whatever its time_t: with 32-bit systems the program may be compiled for 64-bit time
 * (_TIME_BITS) while the library is not, so the library must never touch more than the program's structure has, and its
 * content must hold beyond 2038. Prints what it found; status 0 if all is well.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#define GUARD_LEN 16
#define LONG_MS   0x3FFFFFFF
#define WEEKS_SEC (24u * 7 * 24 * 3600)

typedef struct {
    unsigned char before[GUARD_LEN];
    Timer         timer;
    unsigned char behind[GUARD_LEN];
} Guarded;

static int sg_failures;

static void expect(int holds, const char *what)
{
    if (!holds) {
        sg_failures++;
        printf("not so: %s\n", what);
    }
}

static void expect_untouched(const Guarded *guarded, const char *what)
{
    int i;

    for (i = 0; i < GUARD_LEN; i++) {
        if (guarded->before[i] != 0xA5 || guarded->behind[i] != 0xA5) {
            expect(0, what);
            return;
        }
    }
}

int main(void)
{
    Guarded guarded;
    Timer   copy;
    long    difference;

    IOT_Log_Set_Level(eLOG_DISABLE);
    memset(&guarded, 0xA5, sizeof(guarded));
    HAL_Timer_init(&guarded.timer);
    expect_untouched(&guarded, "HAL_Timer_init keeps to the structure");
    expect(HAL_Timer_expired(&guarded.timer), "a fresh timer has expired");

    /* What the upper half of a larger structure holds must not matter. */
    memset(&guarded.timer, 0xA5, sizeof(guarded.timer));
    HAL_Timer_countdown_ms(&guarded.timer, LONG_MS);
    expect_untouched(&guarded, "HAL_Timer_countdown_ms keeps to the structure");
    copy = guarded.timer;
    expect(!HAL_Timer_expired(&copy) && HAL_Timer_remain(&copy) > LONG_MS - 10000, "twelve days are left");

    HAL_Timer_countdown(&guarded.timer, WEEKS_SEC);
    expect_untouched(&guarded, "HAL_Timer_countdown keeps to the structure");
    expect(!HAL_Timer_expired(&guarded.timer) && HAL_Timer_remain(&guarded.timer) > 1000000000, "24 weeks are left");

    HAL_Timer_countdown_ms(&guarded.timer, 0);
    expect(HAL_Timer_expired(&guarded.timer) && HAL_Timer_remain(&guarded.timer) == 0, "no time is left");

    difference = (long)((long long)time(NULL) - HAL_Timer_current_sec());
    expect(difference >= -1 && difference <= 1, "the clock is that of the C library");
    printf("timer=%u time_t=%u long=%u failures=%d\n", (unsigned)sizeof(Timer), (unsigned)sizeof(time_t),
           (unsigned)sizeof(long), sg_failures);
    return sg_failures == 0 ? 0 : 1;
}
