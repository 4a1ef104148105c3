/*
 * One mistake of a firmware, chosen by the argument, that a sanitizer has to find: what finds none of them would find
 * nothing in the SDK either. All but one happen inside the SDK. Without an argument there is no mistake.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lite-utils.h"

/* Read by the SDK in one thread, written in another. */
static char g_text[] = "{\"a\":1}";

static void *look_up(void *text)
{
    free(LITE_json_value_of((char *)"a", (char *)text));
    return NULL;
}

static void *write_text(void *text)
{
    ((char *)text)[5] = '2';
    return NULL;
}

static void race(void)
{
    pthread_t threads[2];

    pthread_create(&threads[0], NULL, look_up, g_text);
    pthread_create(&threads[1], NULL, write_text, g_text);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
}

int main(int argc, char **argv)
{
    const char *mistake = argc > 1 ? argv[1] : "";
    char       *text = strdup(g_text);
    int         sum = INT_MAX - 1 + argc / 2;

    if (!text) {
        return 1;
    }
    if (!strcmp(mistake, "beyond")) {
        text[sizeof(g_text) - 1] = '}';
        look_up(text);
    } else if (!strcmp(mistake, "freed")) {
        free(text);
        look_up(text);
        return 0;
    } else if (!strcmp(mistake, "lost")) {
        (void)!LITE_json_value_of((char *)"a", text);
    } else if (!strcmp(mistake, "overflow")) {
        sum += argc;
    } else if (!strcmp(mistake, "race")) {
        race();
    }
    look_up(text);
    free(text);
    printf("sum=%d\n", sum);
    return 0;
}
