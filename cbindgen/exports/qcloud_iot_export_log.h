/*
 * Log lines of the SDK and of programs: `<LVL>|<time>|<file>|<function>(<line>): <text>` and CR LF, on standard
 * output or in a handler of the program; and their upload to the platform.
 *
 * All functions may be called from any thread. The upload is declared and linked in any case; it does something only
 * in libraries built with FEATURE_LOG_UPLOAD_ENABLED. The four storage functions are then called in the thread that
 * uploads: the one in IOT_Log_Upload or IOT_MQTT_Yield, or the loop thread.
 */
#ifndef QCLOUD_IOT_EXPORT_LOG_H_
#define QCLOUD_IOT_EXPORT_LOG_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "qcloud_iot_export_variables.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Empties the storage of unsent log text. @return 0, else failure */
typedef int (*LogDelFunc)();

/** Bytes in the storage of unsent log text. */
typedef size_t (*LogGetSizeFunc)();

@rust src/ffi/types/log.rs src/ffi/log.rs
/** Most verbose level that is printed, at first eLOG_INFO. Programs may assign it in place of IOT_Log_Set_Level. */
extern LOG_LEVEL g_log_print_level;

/** Most verbose level that is uploaded, at first eLOG_ERROR with log upload, else eLOG_DISABLE. */
extern LOG_LEVEL g_log_upload_level;

/**
 * Produces a log line if its level is enabled; Log_e, Log_w, Log_i and Log_d call it. The text is cut so that the
 * line stays below MAX_LOG_MSG_LEN bytes. May be called from any thread.
 *
 * @param file   source file; what stands before the last slash is left out
 * @param func   function
 * @param line   line number
 * @param level  LOG_LEVEL
 * @param fmt    format as of printf, with its arguments
 */
void IOT_Log_Gen(const char *file, const char *func, const int line, const int level, const char *fmt, ...);

/** Log lines of a program: `Log_i("temperature %d", t);` */
#define Log_d(fmt, ...) IOT_Log_Gen(__FILE__, __FUNCTION__, __LINE__, eLOG_DEBUG, fmt, ##__VA_ARGS__)
#define Log_i(fmt, ...) IOT_Log_Gen(__FILE__, __FUNCTION__, __LINE__, eLOG_INFO, fmt, ##__VA_ARGS__)
#define Log_w(fmt, ...) IOT_Log_Gen(__FILE__, __FUNCTION__, __LINE__, eLOG_WARN, fmt, ##__VA_ARGS__)
#define Log_e(fmt, ...) IOT_Log_Gen(__FILE__, __FUNCTION__, __LINE__, eLOG_ERROR, fmt, ##__VA_ARGS__)

/** s, or the text null when it is a null pointer; s is evaluated twice. */
#define STRING_PTR_PRINT_SANITY_CHECK(s) ((s) ? (s) : "null")

/*
 * Tracing of functions: IOT_FUNC_ENTRY; at the start, IOT_FUNC_EXIT; or IOT_FUNC_EXIT_RC(value); in place of return.
 * They print with IOT_DEBUG only.
 */
#if defined(IOT_DEBUG)
#define IOT_FUNC_ENTRY printf("enter %s(%d)\r\n", __FUNCTION__, __LINE__)
#define IOT_FUNC_EXIT                                                                                     \
    do {                                                                                                  \
        printf("leave %s(%d)\r\n", __FUNCTION__, __LINE__);                                               \
        return;                                                                                           \
    } while (0)
#if defined(__GNUC__)
#define IOT_FUNC_EXIT_RC(x)                                                                               \
    do {                                                                                                  \
        __typeof__(1 ? (x) : (x)) iot_func_result = (x);                                                             \
        printf("leave %s(%d): %ld\r\n", __FUNCTION__, __LINE__, (long)iot_func_result);                   \
        return iot_func_result;                                                                           \
    } while (0)
#else
#define IOT_FUNC_EXIT_RC(x)                                                                               \
    do {                                                                                                  \
        printf("leave %s(%d)\r\n", __FUNCTION__, __LINE__);                                               \
        return (x);                                                                                       \
    } while (0)
#endif
#else
#define IOT_FUNC_ENTRY
#define IOT_FUNC_EXIT return
#define IOT_FUNC_EXIT_RC(x) return (x)
#endif

/* Messages about the upload itself, which must not be uploaded. Include qcloud_iot_import.h for HAL_Printf. */
#if defined(LOG_UPLOAD_DEBUG)
#define UPLOAD_DBG(fmt, ...) HAL_Printf("upload: %s(%d): " fmt "\r\n", __FUNCTION__, __LINE__, ##__VA_ARGS__)
#else
#define UPLOAD_DBG(fmt, ...)
#endif
#define UPLOAD_ERR(fmt, ...) HAL_Printf("upload error: %s(%d): " fmt "\r\n", __FUNCTION__, __LINE__, ##__VA_ARGS__)

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_LOG_H_ */
