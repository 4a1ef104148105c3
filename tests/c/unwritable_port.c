/* A port whose connections come about and then take nothing: replaces HAL_TCP_Write and HAL_TLS_Write. */
#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

int HAL_TCP_Write(uintptr_t fd, const unsigned char *data, uint32_t len, uint32_t timeout_ms, size_t *written_len)
{
    (void)fd, (void)data, (void)len, (void)timeout_ms;
    *written_len = 0;
    return QCLOUD_ERR_TCP_WRITE_FAIL;
}

int HAL_TLS_Write(uintptr_t handle, unsigned char *data, size_t total_len, uint32_t timeout_ms, size_t *written_len)
{
    (void)handle, (void)data, (void)total_len, (void)timeout_ms;
    *written_len = 0;
    return QCLOUD_ERR_SSL_WRITE;
}
