/*
 * The objects of the port on a heap that gives nothing: each function says so, and works when there is memory again.
 *
 * Usage: scarce_port
 */
#include <stdio.h>
#include <stdlib.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

static bool g_refuses;
static long g_blocks, g_refused;
static void *volatile g_ran;

void *HAL_Malloc(uint32_t size)
{
    void *block = g_refuses ? NULL : malloc(size);

    g_refused += g_refuses;
    __atomic_add_fetch(&g_blocks, block != NULL, __ATOMIC_SEQ_CST);
    return block;
}

void HAL_Free(void *block)
{
    __atomic_sub_fetch(&g_blocks, block != NULL, __ATOMIC_SEQ_CST);
    free(block);
}

static void body(void *argument)
{
    g_ran = argument;
}

static bool make(const char *what, void *(*create)(void), void (*destroy)(void *))
{
    void *object;
    long  refused = g_refused;

    g_refuses = true;
    object = create();
    g_refuses = false;
    if (object || g_refused == refused) {
        printf("%s without memory\n", what);
        return false;
    }
    object = create();
    if (!object) {
        printf("no %s with memory\n", what);
        return false;
    }
    destroy(object);
    return true;
}

static void *create_semaphore(void)
{
    return HAL_SemaphoreCreate();
}

static bool make_thread(void)
{
    ThreadParams params = {NULL, 0, body, &g_blocks, 0, 0};
    int          code;

    params.priority = 1;
    params.stack_size = 4096;
    g_refuses = true;
    code = HAL_ThreadCreate(&params);
    g_refuses = false;
    if (code != QCLOUD_ERR_FAILURE || HAL_ThreadCreate(&params) != 0) {
        printf("thread: %d\n", code);
        return false;
    }
    while (!g_ran || __atomic_load_n(&g_blocks, __ATOMIC_SEQ_CST)) {
        HAL_SleepMs(1);
    }
    return true;
}

int main(void)
{
    IOT_Log_Set_Level(eLOG_WARN);
    if (!make("mutex", HAL_MutexCreate, HAL_MutexDestroy) ||
        !make("semaphore", create_semaphore, HAL_SemaphoreDestroy) ||
        !make_thread()) {
        return 1;
    }
    printf("blocks=%ld refused=%ld\n", g_blocks, g_refused);
    return g_blocks != 0;
}
