/*
 * What a file with further commands for interface_driver.c uses of it.
 */
#ifndef INTERFACE_DRIVER_H
#define INTERFACE_DRIVER_H

#include "script.h"

struct Slot {
    int      number;
    void    *client;
    /* Quiet mode: payloads are counted and must be 0, 1, 2, ... as decimal text. */
    bool     quiet;
    int      slow_us;
    long     received;
    long     misplaced;
};

/* Runs a command that interface_driver.c does not know; false if it is unknown here too. */
extern bool run_further_command(Slot *slot, const char *command) __attribute__((weak));

/* The slot of a client. */
Slot *slot_of(const void *client);

#endif
