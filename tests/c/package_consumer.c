/* A program of someone who has the SDK as an installed package: C99 and C++17. */
#include <stdio.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "lite-utils.h"
#include "utils_getopt.h"

int main(void)
{
    char  json[] = "{\"a\":{\"b\":\"text\"}}";
    char  key[]  = "a.b";
    char *value  = LITE_json_value_of(key, json);
    int   same   = value != NULL && strcmp(value, "text") == 0;

    HAL_Free(value);
    IOT_Log_Set_Level(eLOG_DISABLE);
    if (IOT_MQTT_Construct(NULL) != NULL)
        return 2;
    puts(QCLOUD_IOT_DEVICE_SDK_VERSION);
    return same ? 0 : 1;
}
