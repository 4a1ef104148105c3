/*
 * Functions with variable arguments: format the text here, leave the rest to Rust, which cannot define such functions.
 */
#include <limits.h>

#include "lite-utils.h"
#include "qcloud_iot_export.h"

/* Of src/ffi/log.rs. */
bool iot_log_enabled(int level);
void iot_log_text(const char *file, const char *func, int line, int level, const char *text);

void IOT_Log_Gen(const char *file, const char *func, const int line, const int level, const char *fmt, ...)
{
    /* More than a line holds, so that the one who builds the line does the cutting. */
    char text[MAX_LOG_MSG_LEN + 1];
    va_list ap;
    int len;

    if (fmt == NULL || !iot_log_enabled(level)) {
        return;
    }
    va_start(ap, fmt);
    len = HAL_Vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    iot_log_text(file, func, line, level, len < 0 ? fmt : text);
}

/* Formats into a block of at most len characters and a NUL. */
static char *format(int len, const char *fmt, va_list ap)
{
    char *text;

    if (fmt == NULL || len < 0 || len == INT_MAX) {
        return NULL;
    }
    text = (char *)HAL_Malloc((uint32_t)len + 1);
    if (text != NULL && HAL_Vsnprintf(text, len + 1, fmt, ap) < 0) {
        HAL_Free(text);
        text = NULL;
    }
    return text;
}

char *LITE_format_string(const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = format(511, fmt, ap);
    va_end(ap);
    return text;
}

char *LITE_format_nstring(const int len, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = format(len, fmt, ap);
    va_end(ap);
    return text;
}

#ifdef MQTT_DEVICE_SHADOW

/* Of src/ffi/shadow/documents.rs, with its PURPOSES. */
enum { REPORT, OVERWRITE, REPORT_AND_CLEAR_DESIRED, DESIRE };
int iot_shadow_write(int purpose, void *client, char *buffer, size_t size, uint8_t count, DeviceProperty **properties);

/* Declared by no header, as in the original. */
int IOT_Shadow_JSON_ConstructDesirePropNull(void *handle, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...);

/* Hands the variable arguments over as an array. */
#define WRITE(purpose, client)                                                                     \
    DeviceProperty *properties[UINT8_MAX];                                                         \
    va_list ap;                                                                                    \
    int i;                                                                                         \
                                                                                                   \
    va_start(ap, count);                                                                           \
    for (i = 0; i < count; i++) {                                                                  \
        properties[i] = va_arg(ap, DeviceProperty *);                                              \
    }                                                                                              \
    va_end(ap);                                                                                    \
    return iot_shadow_write(purpose, client, jsonBuffer, sizeOfBuffer, count, properties)

int IOT_Shadow_JSON_ConstructReport(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...)
{
    WRITE(REPORT, pClient);
}

int IOT_Shadow_JSON_Construct_OverwriteReport(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...)
{
    WRITE(OVERWRITE, pClient);
}

int IOT_Shadow_JSON_ConstructReportAndDesireAllNull(void *pClient, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count,
                                                    ...)
{
    WRITE(REPORT_AND_CLEAR_DESIRED, pClient);
}

int IOT_Shadow_JSON_ConstructDesirePropNull(void *handle, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...)
{
    WRITE(DESIRE, handle);
}

#endif
