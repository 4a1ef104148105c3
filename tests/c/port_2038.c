/* The clock of a device beyond 2038: NOW is what a `long` of its size holds then, negative where it has 32 bits. */
#include "qcloud_iot_import.h"

long HAL_Timer_current_sec(void)
{
    return NOW;
}
