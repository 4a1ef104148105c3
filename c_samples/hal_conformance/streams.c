/* The tables of reading and writing, for TCP and for TLS. */
#include <stdio.h>
#include <string.h>

#include "conformance.h"

#define BUFFER_LEN 64
#define LONG_MS    5000
/* A write to a peer that does not read. */
#define WRITE_MS  300
#define SMALL_LEN 4096
#define MOST_LEN  (64u << 20)

/* A connection on which the peer does this; false after telling that there is none. */
static bool _begin(Link *link, Opener open, const char *commands)
{
    *link = open();
    if (link->handle == 0 || (commands != NULL && !link_tell(link, commands))) {
        expect("connection to the peer", false, "none");
        link_close(link);
        return false;
    }
    return true;
}

static void _expect_bytes(const char *situation, Link *link, const unsigned char *data, size_t count)
{
    expect(situation, count <= BUFFER_LEN && is_next(link, data, count), "other bytes than the peer sent");
}

static void _read_all(Opener open)
{
    unsigned char data[BUFFER_LEN];
    size_t        count;
    Link          link;
    Watch         watch;

    if (!_begin(&link, open, "send 10; send 5; pause 150; send 5")) {
        return;
    }
    watch_start(&watch);
    expect_code("all there", link_read(&link, data, 10, LONG_MS, &count), 0);
    expect_count("all there", count, 10);
    _expect_bytes("all there", &link, data, count);
    expect_code("all in two parts", link_read(&link, data, 10, LONG_MS, &count), 0);
    expect_count("all in two parts", count, 10);
    _expect_bytes("all in two parts", &link, data, count);
    expect("all there", watch_ms(&watch) < LONG_MS - 1000, "waited for the end of the time although all was there");
    link_close(&link);
}

static void _read_late(Opener open, const Codes *codes)
{
    unsigned char data[BUFFER_LEN];
    size_t        count;
    Link          link;
    Watch         watch;

    if (!_begin(&link, open, NULL)) {
        return;
    }
    watch_start(&watch);
    expect_code("time over, nothing came", link_read(&link, data, 10, 200, &count), codes->nothing);
    expect_time("time over, nothing came", watch_ms(&watch), 200);
    expect_count("time over, nothing came", count, 0);
    watch_start(&watch);
    expect_code("1 ms over, nothing came", link_read(&link, data, 10, 1, &count), codes->nothing);
    expect_at_once("1 ms over, nothing came", watch_ms(&watch));

    if (!link_tell(&link, "send 3")) {
        expect("writing after a read ran out of time", false, "failed");
    }
    watch_start(&watch);
    expect_code("time over, some came", link_read(&link, data, 10, 300, &count), codes->part);
    expect_time("time over, some came", watch_ms(&watch), 300);
    expect_count("time over, some came", count, 3);
    _expect_bytes("time over, some came", &link, data, count);
    if (link_tell(&link, "send 4")) {
        expect_code("after a part: it is taken", link_read(&link, data, 4, LONG_MS, &count), 0);
        _expect_bytes("after a part: it is taken", &link, data, count);
    }
    link_close(&link);
}

/* Without time to wait: the call looks, or does not, and returns. */
static void _read_without_time(Opener open, const Codes *codes)
{
    unsigned char data[BUFFER_LEN];
    size_t        count;
    Link          link;
    Watch         watch;

    if (!_begin(&link, open, NULL)) {
        return;
    }
    watch_start(&watch);
    expect_code("time-out 0, nothing there", link_read(&link, data, 10, 0, &count), codes->nothing);
    expect_at_once("time-out 0, nothing there", watch_ms(&watch));
    expect_count("time-out 0, nothing there", count, 0);
    link_close(&link);
}

static void _read_end(Opener open, const Codes *codes)
{
    unsigned char data[BUFFER_LEN];
    size_t        count;
    Link          link;
    Watch         watch;

    if (!_begin(&link, open, "send 3; close")) {
        return;
    }
    watch_start(&watch);
    expect_code("peer closed after some", link_read(&link, data, 10, LONG_MS, &count), codes->closed);
    expect_count("peer closed after some", count, 3);
    _expect_bytes("peer closed after some", &link, data, count);
    expect_code("peer closed", link_read(&link, data, 10, LONG_MS, &count), codes->closed);
    expect_count("peer closed", count, 0);
    expect("peer closed", watch_ms(&watch) < LONG_MS, "waited for the end of the time");
    link_close(&link);

    if (!_begin(&link, open, "reset")) {
        return;
    }
    expect_code("connection broke", link_read(&link, data, 10, LONG_MS, &count), codes->broken);
    expect_count("connection broke", count, 0);
    link_close(&link);
}

void check_reading(Opener open, const Codes *codes)
{
    _read_all(open);
    _read_late(open, codes);
    _read_without_time(open, codes);
    _read_end(open, codes);
}

/* ---- writing ---- */

static void _fill(unsigned char *data, size_t len, uint32_t from)
{
    size_t i;

    for (i = 0; i < len; i++) {
        data[i] = pattern(from + (uint32_t)i);
    }
}

/* Asks the peer whether all that was written has come, and nothing else. */
static void _expect_arrived(const char *situation, Link *link)
{
    char   line[BUFFER_LEN];
    char   expected[BUFFER_LEN];
    size_t count;

    snprintf(expected, sizeof(expected), "good %lu", (unsigned long)link->sent);
    if (link_write(link, "\n", 1, LONG_MS, &count) != 0 || !link_answer(link, line, sizeof(line))) {
        expect(situation, false, "the connection is of no use afterwards");
        return;
    }
    expect(situation, strcmp(line, expected) == 0, "the peer got \"%s\", expected \"%s\"", line, expected);
}

static void _write_all(Opener open)
{
    unsigned char data[BUFFER_LEN];
    size_t        count;
    Link          link;

    if (!_begin(&link, open, "check")) {
        return;
    }
    _fill(data, sizeof(data), 0);
    expect_code("all written", link_write(&link, data, sizeof(data), LONG_MS, &count), 0);
    expect_count("all written", count, sizeof(data));
    link.sent = sizeof(data);
    _expect_arrived("all written", &link);
    link_close(&link);
}

/* Without time to wait a port may write what fits at once, or nothing. */
static void _write_without_time(Opener open, const Codes *codes)
{
    unsigned char data[BUFFER_LEN];
    size_t        count;
    Link          link;
    Watch         watch;
    int           code;

    if (!_begin(&link, open, "check")) {
        return;
    }
    _fill(data, sizeof(data), 0);
    watch_start(&watch);
    code = link_write(&link, data, sizeof(data), 0, &count);
    expect_at_once("time-out 0", watch_ms(&watch));
    if (count == 0) {
        expect_code("time-out 0, nothing written", code, codes->write_late);
    } else {
        expect_code("time-out 0, all written", code, 0);
        expect_count("time-out 0, all written", count, sizeof(data));
    }
    link.sent = (uint32_t)count;
    _expect_arrived("time-out 0", &link);
    link_close(&link);
}

/* A block that is larger than what the two systems keep for a connection, or the largest there is. */
static unsigned char *_large_block(size_t *len)
{
    unsigned char *data;

    for (*len = 16u << 20; *len >= SMALL_LEN; *len /= 2) {
        data = (unsigned char *)HAL_Malloc((uint32_t)*len);
        if (data != NULL) {
            return data;
        }
    }
    return NULL;
}

/* Writes until the system takes no more; what the last write returned. */
static int _write_until_full(Link *link, unsigned char *data, size_t len, size_t *count, uint32_t *took_ms)
{
    Watch watch;
    int   code;

    do {
        _fill(data, len, link->sent);
        watch_start(&watch);
        code     = link_write(link, data, len, WRITE_MS, count);
        *took_ms = watch_ms(&watch);
        if (*count > len) {
            break;
        }
        link->sent += (uint32_t)*count;
    } while (code == 0 && *count == len && *took_ms <= WRITE_MS && link->sent < MOST_LEN);
    return code;
}

static void _expect_late_write(const Codes *codes, int code, size_t count, size_t len, uint32_t took_ms)
{
    expect("time over, the peer does not read", took_ms <= WRITE_MS + g_options.slack_ms,
           "took %lu ms, expected at most %lu", (unsigned long)took_ms, (unsigned long)(WRITE_MS + g_options.slack_ms));
    expect("time over, some written", count < len, "count %lu of %lu", (unsigned long)count, (unsigned long)len);
    if (count > 0) {
        expect_code("time over, some written", code, codes->write_part);
    } else {
        expect_code("time over, nothing written", code, codes->write_late);
    }
}

/* With TCP a part is success, and the rest follows; with TLS it is not, and the connection is given up. */
static void _write_late(Opener open, const Codes *codes)
{
    char           commands[BUFFER_LEN];
    size_t         len, count;
    uint32_t       took_ms;
    Link           link;
    int            code;
    unsigned char *data = _large_block(&len);

    if (data == NULL) {
        leave_out("no memory for its checks");
        return;
    }
    snprintf(commands, sizeof(commands), "pause %lu; check", (unsigned long)(4 * WRITE_MS + 4 * g_options.slack_ms));
    if (!_begin(&link, open, commands)) {
        HAL_Free(data);
        return;
    }
    code = _write_until_full(&link, data, len, &count, &took_ms);
    _expect_late_write(codes, code, count, len, took_ms);
    if (codes->write_part == 0 && count <= len) {
        /* That all of it arrives, and once, shows that the counts were true. */
        code = _write_until_full(&link, data, SMALL_LEN, &count, &took_ms);
        _expect_late_write(codes, code, count, SMALL_LEN, took_ms);
        _expect_arrived("counts of partial writes", &link);
    }
    HAL_Free(data);
    link_close(&link);
}

static void _write_broken(Opener open, const Codes *codes)
{
    unsigned char data[BUFFER_LEN];
    size_t        count = 0;
    Link          link;
    int           code = 0;
    int           tries;

    if (!_begin(&link, open, "reset")) {
        return;
    }
    /* The break has arrived when reading sees it. */
    link_read(&link, data, 1, LONG_MS, &count);
    _fill(data, sizeof(data), 0);
    for (tries = 0; tries < 10 && code == 0; tries++) {
        code = link_write(&link, data, sizeof(data), 300, &count);
    }
    expect_code("connection broke, nothing written", code, codes->write_failed);
    expect_count("connection broke, nothing written", count, 0);
    link_close(&link);
}

void check_writing(Opener open, const Codes *codes)
{
    _write_all(open);
    _write_without_time(open, codes);
    _write_late(open, codes);
    _write_broken(open, codes);
}

#ifdef MULTITHREAD_ENABLED
/* More than the systems of both sides keep for a connection, so that each side has to wait for the other. */
#define READ_LEN  1000000
#define WRITE_LEN 4000000
#define CHUNK_LEN 1000

typedef struct {
    Link         *link;
    uint32_t      len;
    volatile bool ended;
    volatile bool good;
} Writing;

static Writing sg_writing;

static void _write_much(void *arg)
{
    Writing      *writing = (Writing *)arg;
    unsigned char data[CHUNK_LEN];
    size_t        count = 0;
    uint32_t      at    = 0;
    bool          good  = true;

    while (good && at < writing->len) {
        _fill(data, sizeof(data), at);
        good = link_write(writing->link, data, sizeof(data), LONG_MS, &count) == 0 && count == sizeof(data);
        at += (uint32_t)count;
    }
    good           = good && link_write(writing->link, "\n", 1, LONG_MS, &count) == 0;
    writing->good  = good;
    writing->ended = true;
}

static void _write_soon(void *arg)
{
    /* The reader is waiting by then. */
    HAL_SleepMs(400);
    _write_much(arg);
}

static bool _start_writing(void (*function)(void *), Link *link, uint32_t len)
{
    sg_writing.link  = link;
    sg_writing.len   = len;
    sg_writing.ended = false;
    sg_writing.good  = false;
    return run_thread(function, &sg_writing);
}

/* The peer answers what the thread writes, so a writer that has to wait for the reader waits for ever. */
static void _write_while_reading(Opener open)
{
    const char   *situation = "a thread writes while another waits for data";
    unsigned char data[BUFFER_LEN];
    size_t        count;
    Link          link;

    if (!_begin(&link, open, "check; send 10")) {
        return;
    }
    if (!_start_writing(_write_soon, &link, CHUNK_LEN)) {
        expect(situation, false, "no thread");
    } else {
        expect_code(situation, link_read(&link, data, 10, LONG_MS, &count), 0);
        expect(situation, wait_for(&sg_writing.ended) && sg_writing.good, "writing failed");
    }
    link_close(&link);
}

/* The peer sends much before it reads, so a reader that has to wait for the writer waits for ever. */
static void _read_while_writing(Opener open)
{
    const char   *situation = "a thread reads while another waits to write";
    char          line[BUFFER_LEN];
    unsigned char data[CHUNK_LEN];
    size_t        count;
    uint32_t      got = 0;
    Link          link;
    bool          good = true;

    if (!_begin(&link, open, "send 1000000; check")) {
        return;
    }
    if (!_start_writing(_write_much, &link, WRITE_LEN)) {
        expect(situation, false, "no thread");
        link_close(&link);
        return;
    }
    /* The writer has filled what the systems keep by then. */
    HAL_SleepMs(700);
    for (; good && got < READ_LEN; got += CHUNK_LEN) {
        good = link_read(&link, data, CHUNK_LEN, LONG_MS, &count) == 0 && is_next(&link, data, CHUNK_LEN);
    }
    expect(situation, good, "reading failed");
    good = wait_for(&sg_writing.ended) && sg_writing.good;
    expect(situation, good, "writing failed");
    if (good) {
        expect(situation, link_answer(&link, line, sizeof(line)) && strcmp(line, "good 4000000") == 0,
               "what was written has not come whole");
    }
    link_close(&link);
}

void check_both_ways(Opener open)
{
    _write_while_reading(open);
    _read_while_writing(open);
}
#endif
