/*
 * Linked with the archives in many ways. It calls into every part that has a linking risk of its own: JSON, formatted
 * output (C-variadic), the heap, a connection attempt over TLS that fails at once because nothing listens there.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "lite-utils.h"

#ifdef __cplusplus
extern "C" {
#endif
/* Names that Mbed TLS and the Rust runtime use inside the archives; the firmware's own must not meet them. */
int mbedtls_ssl_init(void);
int rust_eh_personality(void);
/* The original defines it and declares it in no header. */
void HAL_ThreadExit(void);
#ifdef __cplusplus
}
#endif

int mbedtls_ssl_init(void)
{
    return 11;
}

int rust_eh_personality(void)
{
    return 12;
}

#ifdef OWN_HEAP
static int allocations;

void *HAL_Malloc(uint32_t size)
{
    allocations++;
    return malloc(size);
}

void HAL_Free(void *ptr)
{
    free(ptr);
}
#endif

static int failures;

static void expect(int holds, const char *what)
{
    if (!holds) {
        failures++;
        printf("not so: %s\n", what);
    }
}

static int formatted(char *text, int size, const char *format, ...)
{
    va_list arguments;
    int     length;

    va_start(arguments, format);
    length = HAL_Vsnprintf(text, size, format, arguments);
    va_end(arguments);
    return length;
}

int main(void)
{
    char text[32];
    char *value = LITE_json_value_of((char *)"a.b", (char *)"{\"a\":{\"b\":\"text\"}}");
    expect(value != NULL && strcmp(value, "text") == 0, "value of a JSON member");
    HAL_Free(value);

    expect(HAL_Snprintf(text, sizeof(text), "%s-%d", "x", 7) == 3 && strcmp(text, "x-7") == 0, "formatted output");
    expect(formatted(text, sizeof(text), "%d%c", 3, 'z') == 2 && strcmp(text, "3z") == 0, "formatted output of a list");
#ifdef MULTITHREAD_ENABLED
    HAL_ThreadExit(); /* does nothing */
#endif
    value = LITE_format_string("%d/%s", 5, "y");
    expect(value != NULL && strcmp(value, "5/y") == 0, "formatted heap string");
    HAL_Free(value);

    IOT_Log_Set_Level(eLOG_DISABLE);
    expect(g_log_print_level == eLOG_DISABLE, "log level variable");
    expect(g_log_upload_level == IOT_Log_Get_Upload_Level(), "upload level variable");
    expect(IOT_MQTT_Construct(NULL) == NULL, "no client without parameters");

    MQTTInitParams params = DEFAULT_MQTTINIT_PARAMS;
    params.region = (char *)ENDPOINT;
    params.product_id = (char *)"PRODUCT001";
    params.device_name = (char *)"device";
#ifndef AUTH_MODE_CERT
    params.device_secret = (char *)"c2VjcmV0LW9mLXRlc3RzIQ==";
#endif
    expect(IOT_MQTT_Construct(&params) == NULL, "no client where nobody listens");
    expect(params.err_code < 0, "a reason for that");

#ifdef OWN_HEAP
    expect(allocations > 2, "the libraries use the firmware's heap");
#endif
    expect(mbedtls_ssl_init() == 11 && rust_eh_personality() == 12, "names of the firmware");
    return failures != 0;
}
