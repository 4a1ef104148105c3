/* What the parts of hal_conformance share. */
#ifndef CONFORMANCE_H_
#define CONFORMANCE_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

/* What the program was told. */
typedef struct {
    /* The peer: host, and the port of its plain side. */
    const char *host;
    uint16_t    port;
    /* Only functions whose names begin so. */
    const char *only;
    /* How much later than its limit a call may return, in ms. */
    uint32_t slack_ms;
    /* A file that may be overwritten, or NULL: nothing is written. */
    char *device_file;
    /* Certificate and private key of the peer's device, or NULL. */
    char *cert_file;
    char *key_file;
    /* The clock may be set, for a moment. */
    bool sets_clock;
} Options;

extern Options g_options;

/* One function of the port and its checks. */
typedef struct {
    const char *name;
    void (*check)(void);
    /* Address of a function that the port may lack. */
    void (*optional)(void);
    bool is_optional;
} Function;

#define NEEDED(function, check)   {#function, check, NULL, false}
#define OPTIONAL(function, check) {#function, check, (void (*)(void))function, true}

/* The functions of each part; the last one has no name. */
extern const Function g_basic_functions[];
extern const Function g_time_functions[];
extern const Function g_lock_functions[];
extern const Function g_program_functions[];
extern const Function g_tcp_functions[];
extern const Function g_tls_functions[];
extern const Function g_fast_functions[];

/* Checks of the function under test. */
void expect_code(const char *situation, long returned, long expected);
void expect_count(const char *situation, size_t count, size_t expected);
void expect(const char *situation, bool holds, const char *format, ...);
/* Nothing more can be checked here, and why. */
void leave_out(const char *why);

/* Time by the port's own timers. */
typedef struct {
    Timer timer;
} Watch;

void     watch_start(Watch *watch);
uint32_t watch_ms(Watch *watch);
/* From `ms` to `ms` and the slack. */
void expect_time(const char *situation, uint32_t took_ms, uint32_t ms);
/* At once, that is within the slack. */
void expect_at_once(const char *situation, uint32_t took_ms);
/* Lets time pass without HAL_SleepMs, which a port may lack. */
void pass_ms(uint32_t ms);

/* A connection to the peer, plain or TLS, and where its patterns are. */
typedef struct {
    uintptr_t handle;
    bool      is_tls;
    uint32_t  received;
    uint32_t  sent;
} Link;

/* Ports of the peer, asked for once. */
typedef struct {
    uint16_t tls;
    /* Shows a certificate with another name. */
    uint16_t other_name;
    /* Refuses connections. */
    uint16_t closed;
} PeerPorts;

#define NO_SUCH_HOST "no-such-host.invalid"

/* False if the port of the device cannot reach the peer; tells it once. */
bool peer_ports(PeerPorts *ports);
/* A plain connection; handle 0 if there is none. */
Link link_open(void);
void link_close(Link *link);
int  link_read(Link *link, void *data, size_t len, uint32_t timeout_ms, size_t *count);
int  link_write(Link *link, const void *data, size_t len, uint32_t timeout_ms, size_t *count);
/* Gives the peer a line of commands (emulator/src/conformance/script.rs). */
bool link_tell(Link *link, const char *commands);
/* The peer's answer to a command, without its line end. */
bool link_answer(Link *link, char *line, size_t size);
/* A text that the peer answers with: HAL_Malloc block with terminator, or NULL. */
char *peer_text(const char *command, size_t *len);

/* Byte number `at` of the pattern that the peer sends and expects. */
unsigned char pattern(uint32_t at);
/* Whether this is what has to come next; counts it as received. */
bool is_next(Link *link, const unsigned char *data, size_t count);

/* The tables of reading and writing, the same for TCP and TLS but for their codes. */
typedef struct {
    int nothing;
    int part;
    int closed;
    int broken;
    int write_late;
    int write_failed;
    /* What a write that ran out of time after some bytes returns. */
    int write_part;
} Codes;

typedef Link (*Opener)(void);

void check_reading(Opener open, const Codes *codes);
void check_writing(Opener open, const Codes *codes);
#ifdef MULTITHREAD_ENABLED
void check_both_ways(Opener open);
/* Runs function(arg) in a thread of the port; false if there is none. */
bool run_thread(void (*function)(void *), void *arg);
/* Waits until the flag is set; false if that takes too long. */
bool wait_for(volatile bool *flag);
#endif

#endif /* CONFORMANCE_H_ */
