/* Timers, clock, pauses. The stopwatch is a timer too: the peer's pauses show that it runs at the right speed. */
#include <stdio.h>
#include <string.h>

#include "conformance.h"

#pragma weak HAL_Timer_expired
#pragma weak HAL_Timer_countdown
#pragma weak HAL_Timer_set_systime_sec
#pragma weak HAL_Timer_set_systime_ms
#pragma weak HAL_GetTimeMs
#pragma weak HAL_DelayMs
#ifndef MULTITHREAD_ENABLED
#pragma weak HAL_SleepMs
#endif

#define READINGS 20000
#define HOUR_SEC 3600
/* How far ahead the SDK sets its own timer. */
#define SDK_SPAN_MS 0x3FFFFFFF

static void _check_init(void)
{
    Timer timer;

    memset(&timer, 0x55, sizeof(timer));
    HAL_Timer_init(&timer);
    expect_code("a fresh timer: HAL_Timer_remain", HAL_Timer_remain(&timer), 0);
    if (HAL_Timer_expired) {
        expect("a fresh timer", HAL_Timer_expired(&timer), "not expired");
    }
}

static void _check_countdown_ms(void)
{
    Timer timer, copy;
    int   left;

    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, 5000);
    left = HAL_Timer_remain(&timer);
    expect("5000 ms", left > 4000 && left <= 5000, "%d ms left", left);
    copy = timer;
    left = HAL_Timer_remain(&copy);
    expect("a copy", left > 4000 && left <= 5000, "%d ms left", left);
    HAL_Timer_countdown_ms(&timer, SDK_SPAN_MS);
    left = HAL_Timer_remain(&timer);
    expect("twelve days", left > SDK_SPAN_MS - 1000 && left <= SDK_SPAN_MS, "%d ms left of %d", left, SDK_SPAN_MS);
    HAL_Timer_countdown_ms(&timer, 0);
    expect_code("0 ms", HAL_Timer_remain(&timer), 0);
}

static void _check_countdown(void)
{
    Timer timer;
    int   left;

    HAL_Timer_init(&timer);
    HAL_Timer_countdown(&timer, 3);
    left = HAL_Timer_remain(&timer);
    expect("3 s", left > 2000 && left <= 3000, "%d ms left", left);
    HAL_Timer_countdown(&timer, 24 * HOUR_SEC);
    left = HAL_Timer_remain(&timer);
    expect("a day", left > 24 * HOUR_SEC * 1000 - 1000 && left <= 24 * HOUR_SEC * 1000, "%d ms left", left);
}

static void _check_expired(void)
{
    Timer timer;
    long  rounds = 0;

    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, 60);
    expect("before its time", !HAL_Timer_expired(&timer), "expired");
    while (HAL_Timer_remain(&timer) > 0 && rounds < 2000000000L) {
        rounds++;
    }
    /* What is left is rounded down. */
    pass_ms(2);
    expect("after its time", HAL_Timer_expired(&timer), "not expired");
    expect_code("after its time: HAL_Timer_remain", HAL_Timer_remain(&timer), 0);
}

/* Long enough that the slack does not hide a clock of another speed. */
static uint32_t _pause_ms(void)
{
    return 600 + 2 * g_options.slack_ms;
}

/* A pause of the peer, measured by the port; false if there is no peer. */
static bool _peer_pause(uint32_t *by_timer, uint32_t *by_clock)
{
    char     commands[64];
    char     byte;
    size_t   count;
    Watch    watch;
    uint32_t start = 0;
    bool     good;
    Link     link = link_open();

    snprintf(commands, sizeof(commands), "send 1; pause %lu; send 1", (unsigned long)_pause_ms());
    good = link.handle != 0 && link_tell(&link, commands) && link_read(&link, &byte, 1, 5000, &count) == 0;
    watch_start(&watch);
    if (HAL_GetTimeMs) {
        start = HAL_GetTimeMs();
    }
    good = good && link_read(&link, &byte, 1, 2 * _pause_ms(), &count) == 0;
    *by_timer = watch_ms(&watch);
    *by_clock = HAL_GetTimeMs ? HAL_GetTimeMs() - start : 0;
    link_close(&link);
    expect("connection to the peer", good, "none, or lost");
    return good;
}

/* The first byte may have been late by the slack, or the second. */
static void _expect_pause(uint32_t ms)
{
    expect("a pause of the peer", ms + g_options.slack_ms >= _pause_ms() && ms <= _pause_ms() + g_options.slack_ms,
           "took %lu ms, expected %lu", (unsigned long)ms, (unsigned long)_pause_ms());
}

/* With the clock set back an hour and then forward again, what is left of a timer must be what it was. */
static void _expect_no_jump(void)
{
    Timer timer;
    long  now = HAL_Timer_current_sec();
    int   left;

    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, 10000);
    if (HAL_Timer_set_systime_sec((size_t)(now - HOUR_SEC)) != 0) {
        return;
    }
    left = HAL_Timer_remain(&timer);
    expect("clock set back", left > 5000 && left <= 10000, "%d ms left of 10000", left);
    HAL_Timer_set_systime_sec((size_t)(now + HOUR_SEC));
    left = HAL_Timer_remain(&timer);
    expect("clock set forward", left > 5000 && left <= 10000, "%d ms left of 10000", left);
    HAL_Timer_set_systime_sec((size_t)now);
}

static void _check_remain(void)
{
    Timer    timer;
    uint32_t by_timer, by_clock;
    int      last, left, i, rises = 0;

    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, 60000);
    last = HAL_Timer_remain(&timer);
    for (i = 0; i < READINGS; i++) {
        left = HAL_Timer_remain(&timer);
        rises += left > last;
        last = left;
    }
    expect("read again and again", rises == 0, "the time left rose %d times", rises);
    if (_peer_pause(&by_timer, &by_clock)) {
        _expect_pause(by_timer);
    }
    if (g_options.sets_clock && HAL_Timer_set_systime_sec) {
        _expect_no_jump();
    }
}

static void _check_time_ms(void)
{
    uint32_t by_timer, by_clock, now, last = HAL_GetTimeMs();
    int      i, falls = 0;

    for (i = 0; i < READINGS; i++) {
        now = HAL_GetTimeMs();
        falls += now - last > 0x7FFFFFFF;
        last = now;
    }
    expect("read again and again", falls == 0, "went back %d times", falls);
    if (_peer_pause(&by_timer, &by_clock)) {
        _expect_pause(by_clock);
    }
}

static void _check_current_sec(void)
{
    Watch watch;
    long  later, start = HAL_Timer_current_sec();

    expect("since 1970", start > 0, "%ld", start);
    watch_start(&watch);
    for (later = start; later == start && watch_ms(&watch) < 5000; later = HAL_Timer_current_sec()) {
    }
    expect("the next second", later == start + 1, "%ld after %ld", later, start);
    expect("the next second", watch_ms(&watch) <= 1000 + g_options.slack_ms, "took %lu ms", (unsigned long)watch_ms(&watch));
}

static bool _has_form(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++) {
        if (*form == '0' ? *text < '0' || *text > '9' : *text != *form) {
            return false;
        }
    }
    return true;
}

static void _check_current(void)
{
    char  text[TIME_FORMAT_STR_LEN + 4];
    char *result;
    long  sec;
    int   shown;

    do {
        memset(text, '#', sizeof(text));
        sec    = HAL_Timer_current_sec();
        result = HAL_Timer_current(text);
    } while (sec != HAL_Timer_current_sec());
    expect("its result", result == text, "not the given buffer");
    expect("20 bytes", text[TIME_FORMAT_STR_LEN - 1] == '\0' && text[TIME_FORMAT_STR_LEN] == '#',
           "not exactly 19 characters and a NUL");
    text[TIME_FORMAT_STR_LEN - 1] = '\0';
    expect("form", _has_form(text, "0000-00-00 00:00:00"), "\"%s\"", text);
    /* Whatever the time zone, seconds are seconds. */
    shown = (text[17] - '0') * 10 + text[18] - '0';
    expect("seconds", shown == sec % 60, "\"%s\" at second %ld of the minute", text, sec % 60);
}

static void _check_systime_sec(void)
{
    long now = HAL_Timer_current_sec(), then;

    if (!g_options.sets_clock) {
        leave_out("it sets the clock, which option -t allows");
    } else if (HAL_Timer_set_systime_sec((size_t)(now - HOUR_SEC)) != 0) {
        leave_out("it must not set the clock here");
    } else {
        then = HAL_Timer_current_sec();
        expect("an hour back", then >= now - HOUR_SEC && then <= now - HOUR_SEC + 2, "%ld s off", then - (now - HOUR_SEC));
        expect_code("back again", HAL_Timer_set_systime_sec((size_t)now), 0);
    }
}

static void _check_systime_ms(void)
{
    long now = HAL_Timer_current_sec(), then;

    if (sizeof(size_t) < 8) {
        leave_out("size_t cannot hold today in milliseconds");
    } else if (!g_options.sets_clock) {
        leave_out("it sets the clock, which option -t allows");
    } else if (HAL_Timer_set_systime_ms((size_t)(now - HOUR_SEC) * 1000) != 0) {
        leave_out("it must not set the clock here");
    } else {
        then = HAL_Timer_current_sec();
        expect("an hour back", then >= now - HOUR_SEC && then <= now - HOUR_SEC + 2, "%ld s off", then - (now - HOUR_SEC));
        expect_code("back again", HAL_Timer_set_systime_ms((size_t)now * 1000), 0);
    }
}

static void _check_pause(void (*pause)(uint32_t))
{
    Watch watch;

    watch_start(&watch);
    pause(0);
    expect_at_once("0 ms", watch_ms(&watch));
    watch_start(&watch);
    pause(150);
    expect_time("150 ms", watch_ms(&watch), 150);
}

static void _check_sleep(void)
{
    _check_pause(HAL_SleepMs);
}

static void _check_delay(void)
{
    _check_pause(HAL_DelayMs);
}

const Function g_time_functions[] = {
    NEEDED(HAL_Timer_init, _check_init),
    NEEDED(HAL_Timer_countdown_ms, _check_countdown_ms),
    OPTIONAL(HAL_Timer_countdown, _check_countdown),
    OPTIONAL(HAL_Timer_expired, _check_expired),
    NEEDED(HAL_Timer_remain, _check_remain),
    NEEDED(HAL_Timer_current_sec, _check_current_sec),
    NEEDED(HAL_Timer_current, _check_current),
    OPTIONAL(HAL_Timer_set_systime_sec, _check_systime_sec),
    OPTIONAL(HAL_Timer_set_systime_ms, _check_systime_ms),
    OPTIONAL(HAL_GetTimeMs, _check_time_ms),
#ifdef MULTITHREAD_ENABLED
    NEEDED(HAL_SleepMs, _check_sleep),
#else
    OPTIONAL(HAL_SleepMs, _check_sleep),
#endif
    OPTIONAL(HAL_DelayMs, _check_delay),
    {NULL, NULL, NULL, false},
};
