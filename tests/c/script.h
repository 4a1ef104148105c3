/*
 * What the programs share that a test drives: they read commands from standard input, one per line, and print what they
 * return and what the callbacks get. "hook TRIGGER COUNT COMMAND" runs a command inside a callback, which marks its lines
 * with ">", "thread COMMAND" in another thread, with "&"; "join" waits for those threads; "@2 COMMAND" is for another slot.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#define WORD_LEN 512

/* A client with what belongs to it: each program has its own structure. */
typedef struct Slot Slot;

/* The program has these. */
Slot *slot_at(int number);
int   number_of(const Slot *slot);
/* All commands but those above. */
void run_command(Slot *slot, const char *command);

/* Runs the commands until "quit" or the end of the input. */
void run_script(void);
/* Prints a line. */
void print(const Slot *slot, const char *format, ...);
/* Runs the hooks of a trigger; log_line instead is a line of the log, for the triggers "log:<part of it>". */
void run_hooks(Slot *slot, const char *trigger, const char *log_line);
/* Whether a command begins with this word. */
bool is(const char *command, const char *name);
/* Value of "key=" in the command, or NULL; the text, of WORD_LEN bytes, ends at the next blank. */
char *option(const char *command, const char *key, char *text);
/* Likewise for a text of this size; "" where there is none. */
void copy_option(const char *command, const char *key, char *text, size_t size);
unsigned number(const char *command, const char *key, unsigned otherwise);
/* Milliseconds on a clock that nobody sets. */
long now_ms(void);

#endif
