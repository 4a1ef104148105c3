/*
 * Three devices in one process: each has its own device file, its own shadow client and its own thread, which reports a
 * counter. -l <rounds> sets how often.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "utils_getopt.h"

#define DEVICES            3
#define START_PAUSE_MS     300
#define POLL_MS            100
#define YIELD_MS           200
#define REQUEST_TIMEOUT_MS 5000
#define MAX_DOCUMENT_SIZE  256

/* A thread that has not ended yet; results are 0 or negative. */
#define RUNNING 1

#ifdef AUTH_MODE_CERT
#define DEVICE_FILE(number) "./cert_device_info" #number ".json"
#else
#define DEVICE_FILE(number) "./psk_device_info" #number ".json"
#endif

/* One device. Its thread owns it; main looks at `result` alone, under the lock, which the thread writes as the last thing. */
typedef struct {
    int            number;
    const char    *file;
    DeviceInfo     device_info;
    int32_t        count;
    DeviceProperty property;
    int            accepted;
    int            failed;
    int            result;
} Device;

static void  *sg_lock;
static Device sg_devices[DEVICES];
static char   sg_key_of_count[] = "updateCount";
static int    sg_rounds         = 1;

/* Runs inside Yield: the platform wants another count. The device alone counts, so it has the wish dropped. */
static void _on_delta(void *client, const char *json, uint32_t len, DeviceProperty *property)
{
    (void)client;

    Log_i("desired: %.*s", (int)len, STRING_PTR_PRINT_SANITY_CHECK(json));
    property->delta_arrived = true;
}

static void _on_answer(void *client, Method method, RequestAck ack, const char *json, void *context)
{
    Device *device = (Device *)context;

    (void)client;

    if (ack == ACK_ACCEPTED) {
        device->accepted++;
        Log_d("device %d: request %d accepted", device->number, (int)method);
    } else {
        device->failed++;
        Log_e("device %d: request %d ended with %d: %s", device->number, (int)method, (int)ack,
              STRING_PTR_PRINT_SANITY_CHECK(json));
    }
}

#ifdef AUTH_MODE_CERT
/* Certificates lie in ./certs under the names of the device file. */
static int _path_of_cert(char *path, const char *file_name)
{
    char directory[FILE_PATH_MAX_LEN];
    int  len;

    if (getcwd(directory, sizeof(directory)) == NULL) {
        Log_e("getcwd failed");
        return QCLOUD_ERR_FAILURE;
    }
    len = HAL_Snprintf(path, FILE_PATH_MAX_LEN, "%s/certs/%s", directory, file_name);
    if (len < 0 || len >= FILE_PATH_MAX_LEN) {
        Log_e("path of %s is too long", file_name);
        return QCLOUD_ERR_FAILURE;
    }
    return QCLOUD_RET_SUCCESS;
}
#endif

static int _fill_init_params(Device *device, ShadowInitParams *init_params)
{
    DeviceInfo *device_info = &device->device_info;
    int         rc          = HAL_GetDevInfoFromFile(device->file, device_info);

    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("device file %s cannot be used: %d", device->file, rc);
        return rc;
    }
    init_params->region      = device_info->region;
    init_params->product_id  = device_info->product_id;
    init_params->device_name = device_info->device_name;
#ifdef AUTH_MODE_CERT
    if (_path_of_cert(init_params->cert_file, device_info->dev_cert_file_name) != QCLOUD_RET_SUCCESS ||
        _path_of_cert(init_params->key_file, device_info->dev_key_file_name) != QCLOUD_RET_SUCCESS) {
        return QCLOUD_ERR_FAILURE;
    }
#else
    init_params->device_secret = device_info->device_secret;
#endif
    init_params->command_timeout        = QCLOUD_IOT_MQTT_COMMAND_TIMEOUT;
    init_params->keep_alive_interval_ms = QCLOUD_IOT_MQTT_KEEP_ALIVE_INTERNAL;
    init_params->auto_connect_enable    = 1;
    return QCLOUD_RET_SUCCESS;
}

/* While a lost connection comes back, waiting is all there is to do. */
static int _yield(void *client)
{
    int rc = IOT_Shadow_Yield(client, YIELD_MS);
    if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
        HAL_SleepMs(YIELD_MS);
        return QCLOUD_RET_SUCCESS;
    }
    return rc == QCLOUD_RET_MQTT_RECONNECTED ? QCLOUD_RET_SUCCESS : rc;
}

/* Has the wish of the platform dropped if there is one, else reports the count. */
static int _report(Device *device, void *client)
{
    char document[MAX_DOCUMENT_SIZE];
    int  rc;

    if (device->property.delta_arrived) {
        rc = IOT_Shadow_JSON_ConstructDesireAllNull(client, document, sizeof(document));
    } else {
        rc = IOT_Shadow_JSON_ConstructReport(client, document, sizeof(document), 1, &device->property);
    }
    if (rc == QCLOUD_RET_SUCCESS) {
        rc = IOT_Shadow_Update(client, document, sizeof(document), _on_answer, device, REQUEST_TIMEOUT_MS);
    }
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("device %d: report not sent: %d", device->number, rc);
        return rc;
    }
    if (device->property.delta_arrived) {
        device->property.delta_arrived = false;
    } else {
        device->count++;
    }
    return QCLOUD_RET_SUCCESS;
}

/* Every report ends with its answer or its time-out. */
static int _wait_for_answers(Device *device, void *client, int reports)
{
    int rc = QCLOUD_RET_SUCCESS;

    while (rc == QCLOUD_RET_SUCCESS && device->accepted + device->failed < reports) {
        rc = _yield(client);
    }
    Log_i("device %d: %d of %d reports accepted", device->number, device->accepted, reports);
    return rc == QCLOUD_RET_SUCCESS && device->failed > 0 ? QCLOUD_ERR_FAILURE : rc;
}

static int _report_rounds(Device *device, void *client)
{
    int reports = 0;
    int rc      = IOT_Shadow_Register_Property(client, &device->property, _on_delta);

    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("device %d: property not registered: %d", device->number, rc);
        return rc;
    }
    /* What was desired while the device was off comes with the answer. */
    rc = IOT_Shadow_Get_Sync(client, REQUEST_TIMEOUT_MS);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("device %d: shadow get failed: %d", device->number, rc);
        return rc;
    }
    while (rc == QCLOUD_RET_SUCCESS && reports < sg_rounds) {
        if (IOT_Shadow_IsConnected(client)) {
            rc = _report(device, client);
            reports++;
        }
        rc = rc == QCLOUD_RET_SUCCESS ? _yield(client) : rc;
    }
    return rc == QCLOUD_RET_SUCCESS ? _wait_for_answers(device, client, reports) : rc;
}

static int _run_device(Device *device)
{
    ShadowInitParams init_params = DEFAULT_SHAWDOW_INIT_PARAMS;
    void            *client;
    int              rc;
    int              destroyed;

    rc = _fill_init_params(device, &init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    client = IOT_Shadow_Construct(&init_params);
    if (client == NULL) {
        Log_e("device %d: shadow construct failed!", device->number);
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("device %d: Cloud Device Construct Success", device->number);

    rc        = _report_rounds(device, client);
    destroyed = IOT_Shadow_Destroy(client);
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}

static void _set_result(Device *device, int result)
{
    HAL_MutexLock(sg_lock);
    device->result = result;
    HAL_MutexUnlock(sg_lock);
}

static int _result_of(const Device *device)
{
    int result;

    HAL_MutexLock(sg_lock);
    result = device->result;
    HAL_MutexUnlock(sg_lock);
    return result;
}

static void _device_thread(void *arg)
{
    Device *device = (Device *)arg;

    _set_result(device, _run_device(device));
}

/* One structure serves all starts: HAL_ThreadCreate copies it, ports that do so late are given time. */
static void _start_device(Device *device, int number, const char *file)
{
    static char         thread_name[] = "device";
    static ThreadParams params;

    device->number        = number;
    device->file          = file;
    device->property.key  = sg_key_of_count;
    device->property.data = &device->count;
    device->property.type = JINT32;
    _set_result(device, RUNNING);

    params.thread_name = thread_name;
    params.thread_func = _device_thread;
    params.user_arg    = device;
    params.priority    = 1;
    params.stack_size  = 8192;
    if (HAL_ThreadCreate(&params) != 0) {
        Log_e("device %d: thread cannot be started", number);
        _set_result(device, QCLOUD_ERR_FAILURE);
    }
    HAL_SleepMs(START_PAUSE_MS);
}

static int _parse_options(int argc, char **argv)
{
    int   option;
    char *end;
    long  rounds;

    while ((option = utils_getopt(argc, argv, "l:")) != -1) {
        rounds = option == 'l' ? strtol(utils_optarg, &end, 10) : 0;
        if (rounds < 1 || rounds > 1000000 || *end != '\0') {
            HAL_Printf("usage: %s [options]\r\n"
                       "  [-l <rounds>] reports of each device, at least 1\r\n",
                       argv[0]);
            return -1;
        }
        sg_rounds = (int)rounds;
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const char *files[DEVICES] = {DEVICE_FILE(1), DEVICE_FILE(2), DEVICE_FILE(3)};
    uint32_t           start;
    int                rc = QCLOUD_RET_SUCCESS;
    int                result;
    int                i;

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_parse_options(argc, argv) != 0) {
        return -1;
    }
    sg_lock = HAL_MutexCreate();
    if (sg_lock == NULL) {
        Log_e("HAL_MutexCreate failed");
        return QCLOUD_ERR_FAILURE;
    }
    start = HAL_GetTimeMs();
    for (i = 0; i < DEVICES; i++) {
        _start_device(&sg_devices[i], i + 1, files[i]);
    }
    for (i = 0; i < DEVICES; i++) {
        while ((result = _result_of(&sg_devices[i])) == RUNNING) {
            HAL_SleepMs(POLL_MS);
        }
        Log_i("device %d ended with %d", sg_devices[i].number, result);
        rc = rc != QCLOUD_RET_SUCCESS ? rc : result;
    }
    HAL_MutexDestroy(sg_lock);
    Log_i("%d devices, %d rounds, %u ms: %s", DEVICES, sg_rounds, (unsigned)(HAL_GetTimeMs() - start),
          rc == QCLOUD_RET_SUCCESS ? "SUCCESS" : "FAIL");
    return rc;
}
