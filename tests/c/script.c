#include "script.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOOKS   32
#define THREADS 16

typedef struct {
    char trigger[64];
    char command[WORD_LEN];
    int  left;
} Hook;

typedef struct {
    Slot *slot;
    char  command[WORD_LEN];
} Task;

static Hook            g_hooks[HOOKS];
static int             g_hook_count; /* by __atomic_* alone: hooks are added while others run */
static pthread_t       g_threads[THREADS];
static int             g_thread_count;
static pthread_mutex_t g_output = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t g_hook_lock = PTHREAD_MUTEX_INITIALIZER;
static __thread const char *t_prefix = "";

static void run(Slot *slot, const char *command);

void print(const Slot *slot, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    pthread_mutex_lock(&g_output);
    fputs(t_prefix, stdout);
    if (number_of(slot) > 0) {
        printf("@%d ", number_of(slot));
    }
    vprintf(format, arguments);
    putchar('\n');
    fflush(stdout);
    pthread_mutex_unlock(&g_output);
    va_end(arguments);
}

long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

bool is(const char *command, const char *name)
{
    size_t length = strlen(name);

    return strncmp(command, name, length) == 0 && (command[length] == ' ' || command[length] == '\0');
}

char *option(const char *command, const char *key, char *text)
{
    const char *found = strstr(command, key);

    if (found == NULL || sscanf(found + strlen(key), "%511s", text) != 1) {
        return NULL;
    }
    return text;
}

void copy_option(const char *command, const char *key, char *text, size_t size)
{
    char value[WORD_LEN] = "";

    option(command, key, value);
    if (strlen(value) >= size) {
        abort();
    }
    strcpy(text, value);
}

unsigned number(const char *command, const char *key, unsigned otherwise)
{
    char text[WORD_LEN];

    return option(command, key, text) ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static bool fires(const Hook *hook, const char *trigger, const char *log_line)
{
    if (log_line == NULL) {
        return strcmp(hook->trigger, trigger) == 0;
    }
    return strncmp(hook->trigger, "log:", 4) == 0 && strstr(log_line, hook->trigger + 4) != NULL;
}

void run_hooks(Slot *slot, const char *trigger, const char *log_line)
{
    for (int i = 0; i < __atomic_load_n(&g_hook_count, __ATOMIC_ACQUIRE); i++) {
        Hook *hook = &g_hooks[i];
        bool  is_due;

        pthread_mutex_lock(&g_hook_lock);
        is_due = hook->left > 0 && fires(hook, trigger, log_line);
        if (is_due) {
            hook->left--;
        }
        pthread_mutex_unlock(&g_hook_lock);
        if (is_due) {
            const char *outer = t_prefix;

            t_prefix = "> ";
            run(slot, hook->command);
            t_prefix = outer;
        }
    }
}

static void add_hook(const char *command)
{
    int   count = __atomic_load_n(&g_hook_count, __ATOMIC_ACQUIRE);
    Hook *hook = &g_hooks[count];
    int   at = 0;

    if (count == HOOKS || sscanf(command, "%*s %63s %d %n", hook->trigger, &hook->left, &at) != 2 || at == 0) {
        abort();
    }
    strcpy(hook->command, command + at);
    __atomic_store_n(&g_hook_count, count + 1, __ATOMIC_RELEASE);
}

static void *run_task(void *argument)
{
    Task *task = (Task *)argument;

    t_prefix = "& ";
    run(task->slot, task->command);
    free(task);
    return NULL;
}

static void start_thread(Slot *slot, const char *command)
{
    Task *task = (Task *)malloc(sizeof(*task));

    if (task == NULL || g_thread_count == THREADS) {
        abort();
    }
    task->slot = slot;
    strcpy(task->command, command + strlen("thread "));
    if (pthread_create(&g_threads[g_thread_count], NULL, run_task, task) != 0) {
        abort();
    }
    g_thread_count++;
}

static void join_threads(const Slot *slot)
{
    while (g_thread_count > 0) {
        pthread_join(g_threads[--g_thread_count], NULL);
    }
    print(slot, "join = 0");
}

static void run(Slot *slot, const char *command)
{
    if (command[0] == '@') {
        run(slot_at(command[1] - '0'), command + 3);
    } else if (is(command, "hook")) {
        add_hook(command);
    } else if (is(command, "thread")) {
        start_thread(slot, command);
    } else if (is(command, "join")) {
        join_threads(slot);
    } else {
        run_command(slot, command);
    }
}

/* The next line of standard input; signals may interrupt the wait. */
static bool read_line(char *line, int size)
{
    while (fgets(line, size, stdin) == NULL) {
        if (errno != EINTR || !ferror(stdin)) {
            return false;
        }
        clearerr(stdin);
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}

void run_script(void)
{
    char line[WORD_LEN];

    while (read_line(line, sizeof(line)) && strcmp(line, "quit") != 0) {
        run(slot_at(0), line);
    }
    /* Another thread may have written its line, and not yet have marked it as written: exit() would write it again. */
    pthread_mutex_lock(&g_output);
}
