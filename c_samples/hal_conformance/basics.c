/* Memory, output, threads. */
#include <stdio.h>
#include <string.h>

#include "conformance.h"

#pragma weak HAL_Snprintf

#define BLOCKS 8

static void _check_malloc(void)
{
    static const uint32_t sizes[BLOCKS] = {1, 7, 8, 64, 100, 1000, 4096, 16384};
    unsigned char        *blocks[BLOCKS];
    uint32_t              at;
    bool                  whole = true;
    int                   i;

    for (i = 0; i < BLOCKS; i++) {
        blocks[i] = (unsigned char *)HAL_Malloc(sizes[i]);
        expect("a block", blocks[i] != NULL, "NULL for %lu bytes", (unsigned long)sizes[i]);
        expect("alignment", (uintptr_t)blocks[i] % 8 == 0, "block of %lu bytes not aligned to 8", (unsigned long)sizes[i]);
        if (blocks[i] != NULL) {
            memset(blocks[i], i + 1, sizes[i]);
        }
    }
    for (i = 0; i < BLOCKS; i++) {
        for (at = 0; blocks[i] != NULL && at < sizes[i]; at++) {
            whole = whole && blocks[i][at] == i + 1;
        }
        HAL_Free(blocks[i]);
    }
    expect("several blocks", whole, "they overlap");
}

static void _check_free(void)
{
    void *block = NULL;
    int   i;

    HAL_Free(NULL);
    for (i = 0; i < 5000; i++) {
        block = HAL_Malloc(8192);
        if (block == NULL) {
            break;
        }
        HAL_Free(block);
    }
    expect("memory comes back", i == 5000, "none left after %d blocks", i);
}

typedef int (*Format)(char *text, const int len, const char *format, ...);

static int _by_vsnprintf(char *text, const int len, const char *format, ...)
{
    va_list args;
    int     result;

    va_start(args, format);
    result = HAL_Vsnprintf(text, len, format, args);
    va_end(args);
    return result;
}

static void _expect_text(const char *situation, const char *text, int length, const char *expected)
{
    expect(situation, strcmp(text, expected) == 0, "\"%s\", expected \"%s\"", text, expected);
    expect_code(situation, length, (long)strlen(expected));
}

static void _check_format(Format format)
{
    char text[64];

    memset(text, '#', sizeof(text));
    _expect_text("%s %d %c %%", text, format(text, sizeof(text), "%s %d %c %%", "a text", -7, 'x'), "a text -7 x %");
    _expect_text("%u %x %02X %lu", text, format(text, sizeof(text), "%u %x %02X %lu", 7u, 255u, 10u, 70000ul),
                 "7 ff 0A 70000");
    _expect_text("%5d|%-5d|%05d", text, format(text, sizeof(text), "%5d|%-5d|%05d", 42, 42, 42), "   42|42   |00042");
    _expect_text("%.3s %.*s", text, format(text, sizeof(text), "%.3s %.*s", "abcdef", 2, "uvw"), "abc uv");

    memset(text, '#', sizeof(text));
    expect_code("a text that does not fit", format(text, 5, "%s", "0123456789"), 10);
    expect("a text that does not fit", memcmp(text, "0123", 5) == 0 && text[5] == '#', "not cut to 4 characters and a NUL");
    memset(text, '#', sizeof(text));
    expect_code("no room", format(text, 0, "%s", "0123"), 4);
    expect("no room", text[0] == '#', "something was written");
    expect("negative room", format(text, -1, "%s", "0123") < 0 && text[0] == '#', "not refused");
}

static void _check_snprintf(void)
{
    _check_format(HAL_Snprintf);
}

static void _check_vsnprintf(void)
{
    _check_format(_by_vsnprintf);
}

/* The verdict is the reader's. */
static void _check_printf(void)
{
    HAL_Printf("%s %d %u %02x %%\r\n", "HAL_Printf says:", -1, 2u, 3u);
    leave_out("the line above has to be: HAL_Printf says: -1 2 03 %");
}

const Function g_basic_functions[] = {
    NEEDED(HAL_Malloc, _check_malloc),
    NEEDED(HAL_Free, _check_free),
    NEEDED(HAL_Printf, _check_printf),
    NEEDED(HAL_Vsnprintf, _check_vsnprintf),
    OPTIONAL(HAL_Snprintf, _check_snprintf),
    {NULL, NULL, NULL, false},
};
