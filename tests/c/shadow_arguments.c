/*
 * Arguments of the device shadow that make no sense, limits, and the order in which they are checked. Takes the URL of a
 * server that accepts one session and grants its subscription; ends with the number of surprises.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"

#ifdef __cplusplus
extern "C"
#endif
int IOT_Shadow_JSON_ConstructDesirePropNull(void *handle, char *jsonBuffer, size_t sizeOfBuffer, uint8_t count, ...);

static int g_surprises;

static void check(int line, const char *call, long long got, long long expected)
{
    if (got != expected) {
        printf("line %d: %s is %lld, not %lld\n", line, call, got, expected);
        g_surprises++;
    }
}

#define CHECK(call, expected) check(__LINE__, #call, (long long)(call), (long long)(expected))
#define IS_NULL(call)         check(__LINE__, #call " == NULL", (call) == NULL, 1)

static void on_request(void *client, Method method, RequestAck ack, const char *json, void *context)
{
    (void)client, (void)method, (void)ack, (void)json, (void)context;
}

static void on_delta(void *client, const char *json, uint32_t length, DeviceProperty *property)
{
    (void)client, (void)json, (void)length, (void)property;
}

static void without_handle(void)
{
    PublishParams   publish = DEFAULT_PUB_PARAMS;
    SubscribeParams subscribe = DEFAULT_SUB_PARAMS;
    int32_t         value = 1;
    DeviceProperty  property = {(char *)"a", &value, JINT32, false};
    DeviceProperty *list[] = {&property};
    char            text[64] = "{\"clientToken\":\"t\"}";
    char            topic[] = "a";

    IS_NULL(IOT_Shadow_Construct(NULL));
    CHECK(IOT_MQTT_GetErrCode(), QCLOUD_ERR_INVAL);
    IS_NULL(IOT_Shadow_Get_Mqtt_Client(NULL));
    CHECK(IOT_Shadow_Destroy(NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Yield(NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_IsConnected(NULL), false);
    CHECK(IOT_Shadow_Publish(NULL, topic, &publish), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Subscribe(NULL, topic, &subscribe), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Unsubscribe(NULL, topic), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Update(NULL, text, sizeof(text), on_request, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Update_Sync(NULL, text, sizeof(text), 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Get(NULL, on_request, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Get_Sync(NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Register_Property(NULL, &property, on_delta), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_UnRegister_Property(NULL, &property), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructReport(NULL, text, sizeof(text), 1, &property), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructReportArray(NULL, text, sizeof(text), 1, list), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_Construct_OverwriteReport(NULL, text, sizeof(text), 1, &property), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructReportAndDesireAllNull(NULL, text, sizeof(text), 1, &property), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructDesireAllNull(NULL, text, sizeof(text)), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructDesirePropNull(NULL, text, sizeof(text), 1, &property), QCLOUD_ERR_INVAL);
    CHECK(strcmp(text, "{\"clientToken\":\"t\"}"), 0);
}

static void without_identity(char *url)
{
    ShadowInitParams params = DEFAULT_SHAWDOW_INIT_PARAMS;

    params.region = url;
    IS_NULL(IOT_Shadow_Construct(&params));
    CHECK(IOT_MQTT_GetErrCode(), QCLOUD_ERR_INVAL);
}

static void properties(void *shadow)
{
    int32_t        value = 1;
    DeviceProperty good = {(char *)"a", &value, JINT32, false}, twin = good;
    DeviceProperty no_key = {NULL, &value, JINT32, false}, no_data = {(char *)"a", NULL, JINT32, false};

    CHECK(IOT_Shadow_Register_Property(shadow, NULL, on_delta), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Register_Property(shadow, &good, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Register_Property(shadow, &no_key, on_delta), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Register_Property(shadow, &no_data, on_delta), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_UnRegister_Property(shadow, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_UnRegister_Property(shadow, &good), QCLOUD_ERR_SHADOW_NOT_PROPERTY_EXIST);
    CHECK(IOT_Shadow_Register_Property(shadow, &good, on_delta), QCLOUD_RET_SUCCESS);
    CHECK(IOT_Shadow_Register_Property(shadow, &good, on_delta), QCLOUD_ERR_SHADOW_PROPERTY_EXIST);
    CHECK(IOT_Shadow_Register_Property(shadow, &twin, on_delta), QCLOUD_RET_SUCCESS);
    CHECK(IOT_Shadow_UnRegister_Property(shadow, &good), QCLOUD_RET_SUCCESS);
    CHECK(IOT_Shadow_UnRegister_Property(shadow, &good), QCLOUD_ERR_SHADOW_NOT_PROPERTY_EXIST);
    CHECK(IOT_Shadow_UnRegister_Property(shadow, &twin), QCLOUD_RET_SUCCESS);
}

static void documents(void *shadow)
{
    int32_t         value = 1;
    char            text[128] = "as it was";
    DeviceProperty  good = {(char *)"a", &value, JINT32, false}, no_key = {NULL, &value, JINT32, false};
    DeviceProperty  no_type = {(char *)"a", &value, (JsonDataType)11, false};
    DeviceProperty *with_null[] = {&good, NULL}, *none = NULL;

    CHECK(IOT_Shadow_JSON_ConstructReport(shadow, NULL, sizeof(text), 1, &good), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructReport(shadow, text, sizeof(text), 1, none), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructReport(shadow, text, sizeof(text), 2, &good, &no_key), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructReport(shadow, text, sizeof(text), 1, &no_type), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructReportArray(shadow, text, sizeof(text), 1, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructReportArray(shadow, text, sizeof(text), 2, with_null), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_JSON_ConstructDesireAllNull(shadow, NULL, sizeof(text)), QCLOUD_ERR_INVAL);
    CHECK(strcmp(text, "as it was"), 0);
    CHECK(IOT_Shadow_JSON_ConstructReport(shadow, text, 0, 1, &good), QCLOUD_ERR_JSON_BUFFER_TOO_SMALL);
    CHECK(strcmp(text, "as it was"), 0);
    CHECK(IOT_Shadow_JSON_ConstructReport(shadow, text, 1, 1, &good), QCLOUD_ERR_JSON_BUFFER_TOO_SMALL);
    CHECK(text[0], '\0');
    CHECK(IOT_Shadow_JSON_ConstructReport(shadow, text, 10, 1, &good), QCLOUD_ERR_JSON_BUFFER_TRUNCATED);
    CHECK(strlen(text), 9);
    CHECK(IOT_Shadow_JSON_ConstructReportArray(shadow, text, sizeof(text), 0, NULL), QCLOUD_RET_SUCCESS);
}

static void requests(void *shadow)
{
    const char *document = "{\"clientToken\":\"t\"}";
    char        text[64];

    strcpy(text, document);
    CHECK(IOT_Shadow_Update(shadow, NULL, sizeof(text), on_request, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Update(shadow, text, sizeof(text), on_request, NULL, 0), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Update(shadow, text, strlen(text) + 17, on_request, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Update(shadow, text, 0, on_request, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Update_Sync(shadow, text, sizeof(text), 0), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Get(shadow, NULL, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Get(shadow, on_request, NULL, 0), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Get_Sync(shadow, 0), QCLOUD_ERR_INVAL);
    CHECK(strcmp(text, document), 0);
    strcpy(text, "{\"state\":{}}");
    CHECK(IOT_Shadow_Update(shadow, text, sizeof(text), on_request, NULL, 100), QCLOUD_ERR_INVAL);
    strcpy(text, "clientToken");
    CHECK(IOT_Shadow_Update(shadow, text, sizeof(text), on_request, NULL, 100), QCLOUD_ERR_INVAL);
    strcpy(text, "");
    CHECK(IOT_Shadow_Update(shadow, text, sizeof(text), on_request, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Yield(shadow, 0), QCLOUD_ERR_INVAL);
}

static void without_connection(void *shadow)
{
    int32_t        value = 1;
    DeviceProperty property = {(char *)"a", &value, JINT32, false};
    PublishParams  publish = DEFAULT_PUB_PARAMS;
    char           text[64] = "{\"clientToken\":\"t\"}", topic[] = "close";

    publish.payload = text;
    CHECK(IOT_Shadow_Publish(shadow, topic, &publish), 0);
    CHECK(IOT_Shadow_Yield(shadow, 20000), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(IOT_Shadow_IsConnected(shadow), false);
    CHECK(IOT_Shadow_Update(shadow, NULL, sizeof(text), on_request, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Shadow_Update(shadow, text, sizeof(text), on_request, NULL, 100), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(strcmp(text, "{\"clientToken\":\"t\"}"), 0);
    CHECK(IOT_Shadow_Update_Sync(shadow, text, sizeof(text), 100), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(IOT_Shadow_Get(shadow, on_request, NULL, 100), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(IOT_Shadow_Get_Sync(shadow, 100), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(IOT_Shadow_Register_Property(shadow, &property, on_delta), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(IOT_Shadow_UnRegister_Property(shadow, &property), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(IOT_Shadow_JSON_ConstructDesireAllNull(shadow, text, sizeof(text)), QCLOUD_RET_SUCCESS);
}

int main(int argc, char **argv)
{
    ShadowInitParams params = DEFAULT_SHAWDOW_INIT_PARAMS;
    void            *shadow, *client;

    without_handle();
    if (argc != 2) {
        return 99;
    }
    without_identity(argv[1]);
    params.region = argv[1];
    params.product_id = (char *)"A1B2C3D4E5";
    params.device_name = (char *)"lamp-01";
    params.device_secret = (char *)"c2VjcmV0";
    params.command_timeout = 1;
    params.auto_connect_enable = 0;
    shadow = IOT_Shadow_Construct(&params);
    if (shadow == NULL) {
        return 98;
    }
    CHECK(params.command_timeout, 1);
    client = IOT_Shadow_Get_Mqtt_Client(shadow);
    CHECK(IOT_MQTT_IsConnected(client), true);
    CHECK(IOT_Shadow_IsConnected(shadow), true);
    CHECK(strcmp(IOT_MQTT_GetDeviceInfo(client)->device_name, "lamp-01"), 0);
    properties(shadow);
    documents(shadow);
    requests(shadow);
    without_connection(shadow);
    CHECK(IOT_Shadow_Destroy(shadow), 0);
    return g_surprises;
}
