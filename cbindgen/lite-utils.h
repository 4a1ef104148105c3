/*
 * Helpers for texts, numbers and JSON.
 *
 * Every char * that a LITE_* function returns is a HAL_Malloc block of its own, released with HAL_Free. Arguments are
 * neither kept nor changed. NULL arguments give NULL or QCLOUD_ERR_INVAL. All functions may be called from any thread.
 */
#ifndef __LITE_UTILS_H__
#define __LITE_UTILS_H__

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(_PLATFORM_IS_LINUX_)
#include <assert.h>
#endif

#include "lite-list.h"
#include "qcloud_iot_import.h"

#ifdef __cplusplus
extern "C" {
#endif

#define LITE_TRUE 1
#define LITE_FALSE 0

/** Address of the structure of the given type whose member lies at ptr. */
#ifndef container_of
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#endif

/** Smaller of two values, the first on a tie; the result is evaluated twice. */
#define LITE_MINIMUM(a, b) (((a) <= (b)) ? (a) : (b))

/** Larger of two values, the first on a tie; the result is evaluated twice. */
#define LITE_MAXIMUM(a, b) (((a) >= (b)) ? (a) : (b))

/** 1 for the characters 0 to 9, else 0. */
#define LITE_isdigit(c) (((c) >= '0' && (c) <= '9') ? LITE_TRUE : LITE_FALSE)

/** Prints where and what when expr is false, and goes on. */
#if defined(_PLATFORM_IS_LINUX_)
#define LITE_ASSERT(expr) assert(expr)
#else
#define LITE_ASSERT(expr)                                                                                 \
    do {                                                                                                  \
        if (!(expr)) {                                                                                    \
            HAL_Printf("%s: %s(%d): does not hold: %s\r\n", __FILE__, __FUNCTION__, __LINE__, #expr);     \
        }                                                                                                 \
    } while (0)
#endif

/**
 * Loop over the keys of the JSON object text src: `foreach_json_keys_in(text, key, list, pos) { use(key); }`
 *
 * The program declares `char *key; list_head_t *list; void *pos;` and releases the list after the loop with
 * LITE_json_keys_release(list).
 */
#define foreach_json_keys_in(src, iter_key, keylist, pos)                                                 \
    for (keylist = LITE_json_keys_of((char *)(src), (char *)""),                                          \
        pos = (keylist) ? list_first_entry(keylist, json_key_t, list) : NULL;                             \
         (iter_key = (pos) ? ((json_key_t *)(pos))->key : NULL) != NULL;                                  \
         pos = list_next_entry((json_key_t *)(pos), list, json_key_t))

@rust src/ffi/types/lite.rs src/ffi/lite.rs
/**
 * Text made as by printf, cut after 511 characters.
 *
 * @return a HAL_Malloc block; NULL for a NULL or invalid format, or without memory
 */
char *LITE_format_string(const char *fmt, ...);

/**
 * Text made as by printf, cut after len characters.
 *
 * @return a HAL_Malloc block; NULL for a NULL or invalid format, a negative len, or without memory
 */
char *LITE_format_nstring(const int len, const char *fmt, ...);

#ifdef __cplusplus
}
#endif

#endif /* __LITE_UTILS_H__ */
