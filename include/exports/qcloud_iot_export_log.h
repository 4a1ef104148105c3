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

/** Levels of messages, and most verbose level that is printed or uploaded. */
typedef enum LOG_LEVEL {
    /** Nothing. */
    eLOG_DISABLE = 0,
    /** Something failed. */
    eLOG_ERROR = 1,
    /** Something unusual that the library copes with. */
    eLOG_WARN = 2,
    /** Milestones. */
    eLOG_INFO = 3,
    /** Details for finding a fault. */
    eLOG_DEBUG = 4,
} LOG_LEVEL;

/**
 * Takes finished log lines in place of the default output.
 *
 * Runs in the thread that logs, also inside functions of the library. Messages that the handler itself causes are
 * dropped.
 *
 * @param message  the whole line with CR LF; valid during the call
 * @return true: the line is dealt with; false: it is printed as well
 */
typedef bool (*LogMessageHandler)(const char *message);

/**
 * Saves log text that could not be uploaded, after what is there already.
 *
 * @param msg   text
 * @param wLen  bytes of msg
 * @return bytes saved, 0 on failure
 */
typedef size_t (*LogSaveFunc)(const char *msg, size_t wLen);

/**
 * Reads saved log text from its start.
 *
 * @param buff  takes the text
 * @param rLen  bytes of buff
 * @return bytes read, 0 on failure
 */
typedef size_t (*LogReadFunc)(char *buff, size_t rLen);

/** What IOT_Log_Init_Uploader takes. Saving is off unless all four functions are given. */
typedef struct LogUploadInitParams {
    /** Region. */
    const char *region;
    /** Product id. */
    const char *product_id;
    /** Device name. */
    const char *device_name;
    /** Device secret, or with certificates the path of the private key file. */
    const char *sign_key;
    /** Such as HAL_Log_Save. */
    LogSaveFunc save_func;
    /** Such as HAL_Log_Read. */
    LogReadFunc read_func;
    /** Such as HAL_Log_Del. */
    LogDelFunc del_func;
    /** Such as HAL_Log_Get_Size. */
    LogGetSizeFunc get_size_func;
} LogUploadInitParams;

/**
 * Sets the most verbose level that is printed; eLOG_DISABLE prints nothing.
 *
 * @param level  LOG_LEVEL
 */
void IOT_Log_Set_Level(LOG_LEVEL level);

/** Most verbose level that is printed. */
LOG_LEVEL IOT_Log_Get_Level(void);

/**
 * Sets the most verbose level that is uploaded; the platform may change it. Without log upload it has no effect.
 *
 * @param level  LOG_LEVEL
 */
void IOT_Log_Set_Upload_Level(LOG_LEVEL level);

/** Most verbose level that is uploaded. */
LOG_LEVEL IOT_Log_Get_Upload_Level(void);

/**
 * Sets the handler that takes log lines in place of standard output, for the whole process.
 *
 * @param handler  NULL: back to standard output
 */
void IOT_Log_Set_MessageHandler(LogMessageHandler handler);

/**
 * Prepares the upload of log lines to the platform; to be called before the client is constructed.
 *
 * @param init_params  identity and storage; copied
 * @return 0, also in libraries without log upload, where nothing happens; QCLOUD_ERR_INVAL
 */
int IOT_Log_Init_Uploader(LogUploadInitParams *init_params);

/** Ends the upload; lines that were not uploaded are lost. Without log upload nothing happens. */
void IOT_Log_Fini_Uploader(void);

/**
 * Uploads collected lines if it is time to. IOT_MQTT_Yield and the loop thread do this by themselves.
 *
 * @param force_upload  true: whether it is time or not
 * @return 0, also in libraries without log upload, where nothing happens; QCLOUD_ERR_FAILURE
 */
int IOT_Log_Upload(bool force_upload);

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
