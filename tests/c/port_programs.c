/*
 * The functions of a port that programs may call and the SDK does not: semaphores, byte order, setting the clock, device
 * identity. The identity is kept as plain lines, since a port reads and writes it as it likes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#define NAME_LEN 128

static char g_file[NAME_LEN + 1] = "./device_info.txt";

int HAL_MutexTryLock(void *mutex)
{
    return pthread_mutex_trylock((pthread_mutex_t *)mutex);
}

void *HAL_SemaphoreCreate(void)
{
    sem_t *semaphore = (sem_t *)HAL_Malloc(sizeof(sem_t));

    if (semaphore != NULL) {
        sem_init(semaphore, 0, 0);
    }
    return semaphore;
}

void HAL_SemaphoreDestroy(void *sem)
{
    sem_destroy((sem_t *)sem);
    HAL_Free(sem);
}

void HAL_SemaphorePost(void *sem)
{
    sem_post((sem_t *)sem);
}

/* In slices: the wait itself would follow the wall clock. */
int HAL_SemaphoreWait(void *sem, uint32_t timeout_ms)
{
    Timer timer;

    HAL_Timer_init(&timer);
    HAL_Timer_countdown_ms(&timer, timeout_ms);
    while (sem_trywait((sem_t *)sem) != 0) {
        if (timeout_ms != 0xFFFFFFFF && HAL_Timer_expired(&timer)) {
            return QCLOUD_ERR_FAILURE;
        }
        HAL_SleepMs(1);
    }
    return 0;
}

void HAL_DelayMs(uint32_t ms)
{
    HAL_SleepMs(ms);
}

int HAL_Timer_set_systime_sec(size_t timestamp_sec)
{
    (void)timestamp_sec;
    return -1;
}

uint16_t HAL_htons(uint16_t value)
{
    return htons(value);
}

uint16_t HAL_ntohs(uint16_t value)
{
    return ntohs(value);
}

uint32_t HAL_htonl(uint32_t value)
{
    return htonl(value);
}

uint32_t HAL_ntohl(uint32_t value)
{
    return ntohl(value);
}

/* ---- device identity ---- */

int HAL_SetDevInfoFile(const char *file_name)
{
    FILE *file;

    if (file_name == NULL || strlen(file_name) > NAME_LEN) {
        return QCLOUD_ERR_INVAL;
    }
    file = fopen(file_name, "r");
    if (file == NULL) {
        return QCLOUD_ERR_FAILURE;
    }
    fclose(file);
    strcpy(g_file, file_name);
    return 0;
}

/* Longer than all members, and a line end. */
#define LINE_LEN 256

static bool read_line(FILE *file, char *text, size_t size)
{
    char   line[LINE_LEN];
    size_t len;

    if (fgets(line, sizeof(line), file) == NULL) {
        return false;
    }
    len = strcspn(line, "\n");
    if (len == 0 || len >= size) {
        return false;
    }
    memcpy(text, line, len);
    text[len] = '\0';
    return true;
}

#define READ(member) read_line(file, info->member, sizeof(info->member))

static bool read_identity(FILE *file, DeviceInfo *info)
{
    return READ(product_id) && READ(device_name) && READ(region)
#ifdef AUTH_MODE_CERT
           && READ(dev_cert_file_name) && READ(dev_key_file_name);
#else
           && READ(device_secret);
#endif
}

int HAL_GetDevInfoFromFile(const char *file_name, void *dev_info)
{
    FILE *file = file_name ? fopen(file_name, "r") : NULL;
    bool  good = file != NULL && read_identity(file, (DeviceInfo *)dev_info);

    if (file != NULL) {
        fclose(file);
    }
    return good ? 0 : QCLOUD_ERR_FAILURE;
}

int HAL_GetDevInfo(void *pdevInfo)
{
    if (pdevInfo == NULL) {
        return QCLOUD_ERR_DEV_INFO;
    }
    memset(pdevInfo, 0, sizeof(DeviceInfo));
    return HAL_GetDevInfoFromFile(g_file, pdevInfo) == 0 ? 0 : QCLOUD_ERR_DEV_INFO;
}

int HAL_SetDevInfo(void *pdevInfo)
{
    const DeviceInfo *info = (const DeviceInfo *)pdevInfo;
    FILE             *file = info ? fopen(g_file, "w") : NULL;

    if (file == NULL) {
        return QCLOUD_ERR_DEV_INFO;
    }
    fprintf(file, "%s\n%s\n%s\n", info->product_id, info->device_name, info->region);
#ifdef AUTH_MODE_CERT
    fprintf(file, "%s\n%s\n", info->dev_cert_file_name, info->dev_key_file_name);
#else
    fprintf(file, "%s\n", info->device_secret);
#endif
    return fclose(file) == 0 ? 0 : QCLOUD_ERR_DEV_INFO;
}

#ifdef GATEWAY_ENABLED
/* The sub-device is two more lines. */
int HAL_GetGwDevInfo(void *pgwDeviceInfo)
{
    GatewayDeviceInfo *gateway = (GatewayDeviceInfo *)pgwDeviceInfo;
    DeviceInfo        *info;
    FILE              *file;
    int                code = QCLOUD_ERR_DEV_INFO;

    if (gateway == NULL) {
        return QCLOUD_ERR_DEV_INFO;
    }
    memset(gateway, 0, sizeof(*gateway));
    file = fopen(g_file, "r");
    if (file == NULL || !read_identity(file, &gateway->gw_info)) {
        code = QCLOUD_ERR_FAILURE;
    } else if ((info = (DeviceInfo *)HAL_Malloc(sizeof(DeviceInfo))) != NULL) {
        memset(info, 0, sizeof(*info));
        if (READ(product_id) && READ(device_name)) {
            gateway->sub_dev_info = info;
            gateway->sub_dev_num  = 1;
            code                  = 0;
        } else {
            HAL_Free(info);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return code;
}
#endif
