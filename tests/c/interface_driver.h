/*
 * What a file with further commands for interface_driver.c uses of it.
 */
#ifndef INTERFACE_DRIVER_H
#define INTERFACE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>

#define WORD_LEN 512

typedef struct {
    int      number;
    void    *client;
    /* Quiet mode: payloads are counted and must be 0, 1, 2, ... as decimal text. */
    bool     quiet;
    int      slow_us;
    long     received;
    long     misplaced;
} Slot;

/* Runs a command that interface_driver.c does not know; false if it is unknown here too. */
extern bool run_further_command(Slot *slot, const char *command) __attribute__((weak));

/* The slot of a client. */
Slot *slot_of(const void *client);
/* Prints an answer. */
void print(const Slot *slot, const char *format, ...);
/* Runs the hooks of a trigger; log_line instead is a line of the log. */
void run_hooks(Slot *slot, const char *trigger, const char *log_line);
/* Whether a command begins with this word. */
bool is(const char *command, const char *name);
/* Value of "key=" in the command, or NULL; the text ends at the next blank. */
char *option(const char *command, const char *key, char *text);
unsigned number(const char *command, const char *key, unsigned otherwise);
long now_ms(void);

#endif
