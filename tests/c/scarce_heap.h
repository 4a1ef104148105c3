/* A heap that gives nothing at a chosen call, for test programs that run the same session for every such call. */
#ifndef SCARCE_HEAP_H_
#define SCARCE_HEAP_H_

#include <stdbool.h>

/*
 * How a session begins to be in want, and how that ends.
 *
 * arms_itself   calls count from scarce_arm() on, not from the start of the session
 * lasts_ms      how long after the first refusal HAL_Malloc goes on refusing; 0: until scarce_relax()
 * may_leak      blocks that all sessions together may leave behind: where Mbed TLS is known to lose them
 */
typedef struct {
    bool arms_itself;
    long lasts_ms;
    long may_leak;
} Scarcity;

/*
 * What Mbed TLS (3.6) may lose over TLS 1.3 in one run: mbedtls_ssl_tls13_compute_handshake_transform and
 * mbedtls_ssl_tls13_compute_application_transform free a transform that they cannot complete without its two cipher
 * contexts.
 */
#define SCARCE_TLS_LEAK 32

/*
 * Runs the session once with memory, and then with the n-th call of HAL_Malloc refused, or the n-th and those behind it,
 * for n = FIRST, FIRST + STEP and so on until a session ends before its n-th call. Every session has to succeed and to
 * leave as many blocks as the one before, but for scarcity.may_leak.
 *
 * The last three of argv are once|from_then_on FIRST STEP. Prints "please stop sessions=N told=N leaked=N calls=N" at the end;
 * status 1, and a line that says which call broke what, if something did.
 */
int scarce_sessions(int argc, char **argv, Scarcity scarcity, bool (*session)(char **argv));

/* Calls count from here on. */
void scarce_arm(void);

/* There is memory again. */
void scarce_relax(void);

/* Whether calls have been refused since scarce_arm(). */
bool scarce_has_refused(void);

/* The same, and there is no memory yet. */
bool scarce_is_refusing(void);

/* The SDK has told that there is no memory: counted; false if there was. */
bool scarce_told(void);

/* How often it has in this run. */
int scarce_count(void);

/* Blocks in use. */
long scarce_blocks(void);

/*
 * Calls until the result is not negative, with pauses for serve(); false after 20 s. Until then it may be
 * QCLOUD_ERR_MALLOC or one of the two codes documented for this function, and only if calls have been refused.
 */
bool scarce_until(const char *what, int (*call)(void), void (*serve)(void), int documented, int other);

/*
 * Serves until the counter has changed; false after 20 s. Has the test program asked for what changes it, and once more
 * after each half second, since a message may be dropped for want of memory.
 */
bool scarce_await(const char *please, const volatile int *counter, void (*serve)(void));

#endif
