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

/** An element of a key list; belongs to the list, see LITE_json_keys_release. */
typedef struct _json_key_t {
    /** Key path such as "a.b", NUL-terminated; NULL in the last element. */
    char *key;
    /** Place in the list. */
    list_head_t list;
} json_key_t;

/**
 * Copy of a text of at most 1023 characters.
 *
 * @return a HAL_Malloc block; NULL for NULL, for longer text, or without memory
 *
 * `src` is NULL or NUL-terminated.
 */
char *LITE_strdup(const char *src);

/**
 * Bytes as hex digits.
 *
 * @param digest     bytes
 * @param out        takes 2 * buflen digits, no terminator
 * @param buflen     bytes of digest
 * @param uppercase  not 0: A to F, 0: a to f
 *
 * `digest` is NULL or has `buflen` bytes, `out` is NULL or has room for `2 * buflen`.
 */
void LITE_hexbuf_convert(unsigned char *digest, char *out, int buflen, int uppercase);

/**
 * Hex digits as bytes; any other character counts as 0.
 *
 * @param hexstr   len digits
 * @param out_buf  takes len / 2 bytes
 * @param len      even; for an odd number nothing is written
 *
 * `hexstr` is NULL or has `len` characters, `out_buf` is NULL or has room for `len / 2` bytes.
 */
void LITE_hexstr_convert(char *hexstr, uint8_t *out_buf, int len);

/**
 * Value of a member of a JSON object, as text.
 *
 * Strings come without their quotes and with their escapes untouched; objects and arrays with their brackets; null as
 * the text null.
 *
 * @param key  name, or names of nested objects joined by dots
 * @param src  text of the object; what follows the value may be missing
 * @return a HAL_Malloc block; NULL if there is no such member, if it is an empty string, if the text is malformed up to
 *         its end, for more than 64 levels, for NULL, or without memory
 *
 * Both texts are NULL or NUL-terminated.
 */
char *LITE_json_value_of(char *key, char *src);

/**
 * As LITE_json_value_of, then every backslash is left out and the character behind it kept as it is: for JSON text
 * inside a string. Escapes such as \n are not decoded.
 *
 * Both texts are NULL or NUL-terminated.
 */
char *LITE_json_string_value_strip_transfer(char *key, char *src);

/**
 * Keys of all members of a JSON object in document order; those of nested objects follow the object's own as
 * "outer.inner". Arrays are not entered, empty strings are left out.
 *
 * See foreach_json_keys_in. The last element of the list has a NULL key.
 *
 * @param src     text of the object; what is no object has no keys
 * @param prefix  ""
 * @return list of json_key_t, released with LITE_json_keys_release; NULL for NULL, another prefix, or without memory
 *
 * Both texts are NULL or NUL-terminated.
 */
list_head_t *LITE_json_keys_of(char *src, char *prefix);

/**
 * Releases a key list, its elements and their keys; NULL is ignored.
 *
 * `keylist` is NULL or a list of LITE_json_keys_of that has not been released.
 */
void LITE_json_keys_release(list_head_t *keylist);

/**
 * The number at the start of a text: decimal, hexadecimal (0x) or octal (0). Leading white space is skipped, what
 * follows is ignored; a number out of range wraps around.
 *
 * @param value  out: the number; untouched on failure
 * @param src    text
 * @return 0; QCLOUD_ERR_FAILURE if there is no number; QCLOUD_ERR_INVAL for NULL
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_int32(int32_t *value, char *src);

/**
 * As LITE_get_int32.
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_int16(int16_t *value, char *src);

/**
 * As LITE_get_int32.
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_int8(int8_t *value, char *src);

/**
 * As LITE_get_int32, decimal only; a negative number wraps around.
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_uint32(uint32_t *value, char *src);

/**
 * As LITE_get_uint32.
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_uint16(uint16_t *value, char *src);

/**
 * As LITE_get_uint32.
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_uint8(uint8_t *value, char *src);

/**
 * As LITE_get_int32 for decimal or hexadecimal fractions, with or without exponent; too large ones give infinity.
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_float(float *value, char *src);

/**
 * As LITE_get_float.
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_double(double *value, char *src);

/**
 * Truth value of a text: false for exactly "false", true for any other.
 *
 * @return 0; QCLOUD_ERR_INVAL for NULL
 *
 * `value` is NULL or may be written, `src` is NULL or NUL-terminated.
 */
int LITE_get_boolean(bool *value, char *src);

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
