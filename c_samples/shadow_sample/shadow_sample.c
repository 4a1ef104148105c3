/*
 * Device shadow: a counter is reported again and again, and what the platform desires of it is taken over. Identity comes
 * from device_info.json. Runs until the connection is lost for good.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qcloud_iot_export.h"

#define REPORT_PAUSE_MS    1000
#define YIELD_MS           200
#define REQUEST_TIMEOUT_MS 5000
#define MAX_DOCUMENT_SIZE  200

static char           sg_key_of_count[] = "updateCount";
static int32_t        sg_count          = 0;
static DeviceProperty sg_property;

/* Runs inside Yield, as all callbacks do. The counter has its new value already. */
static void _on_delta(void *client, const char *json, uint32_t len, DeviceProperty *property)
{
    (void)client;

    Log_i("delta: %.*s, %s is %d now", (int)len, STRING_PTR_PRINT_SANITY_CHECK(json), property->key, (int)sg_count);
    property->delta_arrived = true;
}

static void _on_answer(void *client, Method method, RequestAck ack, const char *json, void *context)
{
    (void)client;
    (void)context;

    /* 0: accepted, -1: rejected, -2: no answer in time. */
    if (ack == 0) {
        Log_d("request %d accepted", (int)method);
    } else {
        Log_e("request %d ended with %d: %s", (int)method, (int)ack, STRING_PTR_PRINT_SANITY_CHECK(json));
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

/* The parameters point into device_info. */
static int _fill_init_params(ShadowInitParams *init_params, DeviceInfo *device_info)
{
    int rc = HAL_GetDevInfo(device_info);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("device info cannot be used: %d", rc);
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

/* What is desired is fulfilled, so it is dropped; otherwise the counter is reported. */
static int _send_document(void *client)
{
    char document[MAX_DOCUMENT_SIZE];
    int  rc;

    if (sg_property.delta_arrived) {
        rc = IOT_Shadow_JSON_ConstructDesireAllNull(client, document, sizeof(document));
    } else {
        rc = IOT_Shadow_JSON_ConstructReport(client, document, sizeof(document), 1, &sg_property);
    }
    if (rc == QCLOUD_RET_SUCCESS) {
        rc = IOT_Shadow_Update(client, document, sizeof(document), _on_answer, NULL, REQUEST_TIMEOUT_MS);
    }
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("update not sent: %d", rc);
        return rc;
    }
    if (sg_property.delta_arrived) {
        sg_property.delta_arrived = false;
    } else {
        Log_i("%s %d reported", sg_property.key, (int)sg_count);
        sg_count++;
    }
    return QCLOUD_RET_SUCCESS;
}

static int _report_for_ever(void *client)
{
    int rc = QCLOUD_RET_SUCCESS;

    while (rc == QCLOUD_RET_SUCCESS || rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT || rc == QCLOUD_RET_MQTT_RECONNECTED) {
        rc = IOT_Shadow_Yield(client, YIELD_MS);
        if (rc == QCLOUD_RET_SUCCESS && IOT_Shadow_IsConnected(client)) {
            rc = _send_document(client);
        }
        HAL_SleepMs(REPORT_PAUSE_MS);
    }
    Log_e("exit with error: %d", rc);
    return rc;
}

static int _run(void *client)
{
    int rc;

    sg_property.key  = sg_key_of_count;
    sg_property.data = &sg_count;
    sg_property.type = JINT32;
    rc = IOT_Shadow_Register_Property(client, &sg_property, _on_delta);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("property not registered: %d", rc);
        return rc;
    }
    /* What was desired while the device was off comes with the answer. */
    rc = IOT_Shadow_Get_Sync(client, REQUEST_TIMEOUT_MS);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("shadow not fetched: %d", rc);
        return rc;
    }
    Log_i("shadow fetched");
    return _report_for_ever(client);
}

int main(int argc, char **argv)
{
    ShadowInitParams init_params = DEFAULT_SHAWDOW_INIT_PARAMS;
    DeviceInfo       device_info;
    void            *client;
    int              rc;

    (void)argc;
    (void)argv;

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_fill_init_params(&init_params, &device_info) != QCLOUD_RET_SUCCESS) {
        return QCLOUD_ERR_FAILURE;
    }
    client = IOT_Shadow_Construct(&init_params);
    if (client == NULL) {
        Log_e("shadow construct failed!");
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("Cloud Device Construct Success");

    rc = _run(client);
    if (IOT_Shadow_Destroy(client) != QCLOUD_RET_SUCCESS) {
        Log_e("shadow destroy failed");
    }
    return rc;
}
