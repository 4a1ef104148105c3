/*
 * What the measured C programs share: the command line, the tasks, the clock and the results. A contender says how its
 * library connects, publishes and so on; the order of things is the same for all of them, and so is the work.
 *
 * README.md describes the command line. A result is a line `name value`.
 */
#ifndef BENCH_CONTENDER_H_
#define BENCH_CONTENDER_H_

#define _POSIX_C_SOURCE 200809L

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The topic of every message, 21 bytes. */
#define BENCH_TOPIC "BENCH00001/bench/data"

/** Messages of QoS 1 that wait for their acknowledgement at the same time. */
#define BENCH_IN_FLIGHT 20

/** Keep-alive interval in seconds. */
#define BENCH_KEEP_ALIVE_S 120

/** The command line. */
typedef struct Options {
    const char *task;
    const char *url;      /* NULL: the contender knows another way */
    const char *ca;       /* CA file for wss, or NULL */
    const char *id;       /* client id: 10 characters of product, then the device */
    const char *user;     /* NULL: none */
    const char *password; /* NULL: none */
    const char *secret;   /* base64; for contenders that sign for themselves */
    int         qos;
    size_t      count;
    size_t      payload;
    size_t      clients;
    size_t      seconds;
    bool        loop; /* --mode loop: a thread of the library serves the client */
} Options;

/** An account of a library's heap. */
typedef struct Heap {
    size_t allocations; /* so far */
    size_t live;        /* bytes asked for and not freed */
    size_t peak;        /* largest value of live so far */
} Heap;

/** A library. Its functions end the program with bench_fail() where they cannot do what they are asked. */
typedef struct Contender {
    /** A connected client with the given id. */
    void *(*connect)(const Options *options, const char *id);
    /**
     * Where connecting one client after the other takes a library very long: begin() starts to connect one, wait() waits
     * until one is connected. NULL otherwise.
     */
    void *(*begin)(const Options *options, const char *id);
    void (*wait)(void);
    /** Disconnects and frees the client. */
    void (*disconnect)(void *client);
    /** Subscribes to BENCH_TOPIC with QoS 0 and waits for the answer; bench_arrived() is called for each message then. */
    void (*subscribe)(void *client);
    /**
     * Publishes to BENCH_TOPIC; bench_acknowledged() is called for each acknowledged message of QoS 1. False if the library
     * takes no more of QoS 1 for the moment.
     */
    bool (*publish)(void *client, int qos, const char *payload, size_t length);
    /** Lets the library work in this thread: returns after that time, or earlier. NULL if it has a thread of its own. */
    void (*serve)(void *client, unsigned milliseconds);
    /** The next message is published from inside bench_arrived() and bench_acknowledged(), not when serve() has returned. */
    bool publishes_inside;
    /** For --mode loop: starts and stops a thread of the library. NULL if there is no choice. */
    void (*start)(void *client);
    void (*stop)(void *client);
    /** The library's own account of its heap, or NULL. */
    Heap (*heap)(void);
} Contender;

/** To be defined by each contender. */
Contender bench_contender(const Options *options);

/** To be called by the contender, from any thread, when a message has arrived. */
void bench_arrived(void);

/** To be called by the contender, from any thread, when a message of QoS 1 is acknowledged. */
void bench_acknowledged(void);

/** Where a URL leads to. */
typedef struct Place {
    bool websocket;
    char host[64];
    int  port;
} Place;

/** Takes a URL `mqtt://host:port` or `ws://host:port/path` apart. */
Place bench_place(const char *url);

/** Seconds of the monotonic clock. */
double bench_now(void);

/** Prints the reason and ends the program with status 1. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#ifdef __cplusplus
}
#endif

#endif
