/* A port that has no more threads. */
#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

int HAL_ThreadCreate(ThreadParams *params)
{
    (void)params;
    return QCLOUD_ERR_FAILURE;
}
