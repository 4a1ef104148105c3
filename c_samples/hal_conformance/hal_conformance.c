/*
 * Checks a port of the SDK on its target: every HAL function against what the SDK and programs rely on, with verdicts
 *
 *     ok HAL_TCP_Read: 24 checks
 *     FAIL HAL_TCP_Read: time over, some came: returned -609, expected -604
 *     left out HAL_SemaphoreWait: not in the port
 *
 * and a summary; the status is 0 if nothing failed. The other side runs on a desk machine in the same network:
 *
 *     iot-hub-emulator conformance-peer --bind 0.0.0.0 --name 192.168.1.10
 *
 * where the name is what the target connects to. Targets without a command line get PEER_HOST and PEER_PORT from the
 * compiler and call conformance_run. docs/porting.md says which functions to bring up first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "utils_getopt.h"

#ifndef PEER_HOST
#define PEER_HOST "127.0.0.1"
#endif
#ifndef PEER_PORT
#define PEER_PORT 7007
#endif

Options g_options = {PEER_HOST, PEER_PORT, "", 250, NULL, NULL, NULL, false};

/* Of the function under test. */
static const char *sg_name;
static int         sg_checks;
static int         sg_failures;
static const char *sg_left_out;
/* Of all. */
static int sg_functions;
static int sg_all_checks;
static int sg_all_failures;
static int sg_all_left_out;

int conformance_run(void);

static void _fail(const char *situation, const char *what)
{
    sg_failures++;
    HAL_Printf("FAIL %s: %s: %s\r\n", sg_name, situation, what);
}

void expect(const char *situation, bool holds, const char *format, ...)
{
    char    what[160];
    va_list args;

    sg_checks++;
    if (!holds) {
        va_start(args, format);
        vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        _fail(situation, what);
    }
}

void expect_code(const char *situation, long returned, long expected)
{
    expect(situation, returned == expected, "returned %ld, expected %ld", returned, expected);
}

void expect_count(const char *situation, size_t count, size_t expected)
{
    expect(situation, count == expected, "count %lu, expected %lu", (unsigned long)count, (unsigned long)expected);
}

void leave_out(const char *why)
{
    sg_left_out = why;
}

/* ---- time ---- */

#define FAR_MS 0x3FFFFFFF

void watch_start(Watch *watch)
{
    HAL_Timer_init(&watch->timer);
    HAL_Timer_countdown_ms(&watch->timer, FAR_MS);
}

uint32_t watch_ms(Watch *watch)
{
    return (uint32_t)FAR_MS - (uint32_t)HAL_Timer_remain(&watch->timer);
}

void expect_time(const char *situation, uint32_t took_ms, uint32_t ms)
{
    /* A timer rounds down, so a millisecond may be missing at either end. */
    expect(situation, took_ms + 2 >= ms && took_ms <= ms + g_options.slack_ms, "took %lu ms, expected %lu to %lu",
           (unsigned long)took_ms, (unsigned long)ms, (unsigned long)(ms + g_options.slack_ms));
}

void expect_at_once(const char *situation, uint32_t took_ms)
{
    expect(situation, took_ms <= g_options.slack_ms, "took %lu ms, expected at most %lu", (unsigned long)took_ms,
           (unsigned long)g_options.slack_ms);
}

void pass_ms(uint32_t ms)
{
    Watch watch;

    watch_start(&watch);
    while (watch_ms(&watch) < ms) {
    }
}

/* ---- the peer ---- */

#define PEER_MS   5000
#define PEER_LINE 128

Link link_open(void)
{
    Link link = {0, false, 0, 0};

    link.handle = HAL_TCP_Connect(g_options.host, g_options.port);
    return link;
}

void link_close(Link *link)
{
    if (link->handle == 0) {
        return;
    }
#ifndef AUTH_WITH_NOTLS
    if (link->is_tls) {
        HAL_TLS_Disconnect(link->handle);
        link->handle = 0;
        return;
    }
#endif
    HAL_TCP_Disconnect(link->handle);
    link->handle = 0;
}

int link_read(Link *link, void *data, size_t len, uint32_t timeout_ms, size_t *count)
{
    /* A port that leaves the count alone is found out. */
    *count = (size_t)-1;
#ifndef AUTH_WITH_NOTLS
    if (link->is_tls) {
        return HAL_TLS_Read(link->handle, (unsigned char *)data, len, timeout_ms, count);
    }
#endif
    return HAL_TCP_Read(link->handle, (unsigned char *)data, (uint32_t)len, timeout_ms, count);
}

int link_write(Link *link, const void *data, size_t len, uint32_t timeout_ms, size_t *count)
{
    *count = (size_t)-1;
#ifndef AUTH_WITH_NOTLS
    if (link->is_tls) {
        return HAL_TLS_Write(link->handle, (unsigned char *)data, len, timeout_ms, count);
    }
#endif
    return HAL_TCP_Write(link->handle, (const unsigned char *)data, (uint32_t)len, timeout_ms, count);
}

bool link_tell(Link *link, const char *commands)
{
    size_t count;
    size_t len = strlen(commands);

    return link_write(link, commands, len, PEER_MS, &count) == 0 && count == len &&
           link_write(link, "\n", 1, PEER_MS, &count) == 0 && count == 1;
}

bool link_answer(Link *link, char *line, size_t size)
{
    size_t len = 0;
    size_t count;

    while (len < size && link_read(link, line + len, 1, PEER_MS, &count) == 0) {
        if (line[len] == '\n') {
            line[len] = '\0';
            return true;
        }
        len++;
    }
    return false;
}

bool peer_ports(PeerPorts *ports)
{
    char     line[PEER_LINE];
    unsigned tls = 0, other_name = 0, closed = 0;
    Link     link = link_open();
    bool     told = link.handle != 0 && link_tell(&link, "ports") && link_answer(&link, line, sizeof(line));

    link_close(&link);
    if (!told || sscanf(line, "%u %u %u", &tls, &other_name, &closed) != 3) {
        _fail("peer", "no connection to it, or no answer");
        return false;
    }
    ports->tls        = (uint16_t)tls;
    ports->other_name = (uint16_t)other_name;
    ports->closed     = (uint16_t)closed;
    return true;
}

char *peer_text(const char *command, size_t *len)
{
    char   line[PEER_LINE];
    char  *text = NULL;
    size_t count;
    Link   link = link_open();

    if (link.handle != 0 && link_tell(&link, command) && link_answer(&link, line, sizeof(line))) {
        *len = strtoul(line, NULL, 10);
        text = (char *)HAL_Malloc((uint32_t)*len + 1);
        if (text != NULL && link_read(&link, text, *len, PEER_MS, &count) != 0) {
            HAL_Free(text);
            text = NULL;
        }
    }
    link_close(&link);
    if (text == NULL) {
        _fail("peer", "no text from it");
        return NULL;
    }
    text[*len] = '\0';
    return text;
}

unsigned char pattern(uint32_t at)
{
    return (unsigned char)('!' + at % 93);
}

bool is_next(Link *link, const unsigned char *data, size_t count)
{
    size_t i;

    for (i = 0; i < count && data[i] == pattern(link->received + (uint32_t)i); i++) {
    }
    link->received += (uint32_t)count;
    return i == count;
}

/* ---- running ---- */

static void _run(const Function *function)
{
    if (strncmp(function->name, g_options.only, strlen(g_options.only)) != 0) {
        return;
    }
    sg_name     = function->name;
    sg_checks   = 0;
    sg_failures = 0;
    sg_left_out = NULL;
    if (function->is_optional && function->optional == NULL) {
        leave_out("not in the port");
    } else {
        function->check();
    }
    sg_functions++;
    sg_all_checks += sg_checks;
    sg_all_failures += sg_failures;
    if (sg_left_out != NULL) {
        sg_all_left_out++;
        HAL_Printf("left out %s: %s\r\n", sg_name, sg_left_out);
    } else if (sg_failures == 0) {
        HAL_Printf("ok %s: %d checks\r\n", sg_name, sg_checks);
    }
}

static void _run_all(const Function *functions)
{
    for (; functions->name != NULL; functions++) {
        _run(functions);
    }
}

/* All checks; the number of those that failed. */
int conformance_run(void)
{
    _run_all(g_basic_functions);
    _run_all(g_time_functions);
    _run_all(g_lock_functions);
    _run_all(g_program_functions);
    _run_all(g_tcp_functions);
    _run_all(g_tls_functions);
    _run_all(g_fast_functions);
    HAL_Printf("conformance: %d functions, %d checks, %d failed, %d functions left out\r\n", sg_functions, sg_all_checks,
               sg_all_failures, sg_all_left_out);
    /* A name that fits no function must not look like success. */
    return sg_functions == 0 ? 1 : sg_all_failures;
}

static int _parse_options(int argc, char **argv)
{
    int option;

    while ((option = utils_getopt(argc, argv, "h:p:o:s:d:e:k:t")) != -1) {
        switch (option) {
            case 'h':
                g_options.host = utils_optarg;
                break;
            case 'p':
                g_options.port = (uint16_t)strtoul(utils_optarg, NULL, 10);
                break;
            case 'o':
                g_options.only = utils_optarg;
                break;
            case 's':
                g_options.slack_ms = (uint32_t)strtoul(utils_optarg, NULL, 10);
                break;
            case 'd':
                g_options.device_file = utils_optarg;
                break;
            case 'e':
                g_options.cert_file = utils_optarg;
                break;
            case 'k':
                g_options.key_file = utils_optarg;
                break;
            case 't':
                g_options.sets_clock = true;
                break;
            default:
                HAL_Printf("usage: %s [options]\r\n"
                           "  [-h <host>] [-p <port>] of iot-hub-emulator conformance-peer\r\n"
                           "  [-o <name>] only functions whose names begin so, e.g. HAL_TCP\r\n"
                           "  [-s <ms>] how late a call may return\r\n"
                           "  [-d <file>] device file that may be overwritten\r\n"
                           "  [-e <file>] [-k <file>] certificate and private key that the peer names\r\n"
                           "  [-t] the clock may be set, for a moment\r\n",
                           argv[0]);
                return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    /* What the port logs would stand between the verdicts. */
    IOT_Log_Set_Level(eLOG_DISABLE);
    if (_parse_options(argc, argv) != 0) {
        return -1;
    }
    return conformance_run() == 0 ? 0 : 1;
}
