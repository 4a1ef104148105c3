/*
 * Arguments that make no sense, limits, and the order in which they are checked: every function of the interface. Takes the
 * URL of a server that accepts one session; ends with the number of surprises.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lite-utils.h"
#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "utils_getopt.h"

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

static char *text_of(size_t length)
{
    static char text[70000];

    memset(text, 't', length);
    text[length] = '\0';
    return text;
}

static void on_message(void *client, MQTTMessage *message, void *data)
{
    (void)client, (void)message, (void)data;
}

static void without_client(void)
{
    PublishParams   publish = DEFAULT_PUB_PARAMS;
    SubscribeParams subscribe = DEFAULT_SUB_PARAMS;
    void           *none = NULL;
    long            time = 77;

    IS_NULL(IOT_MQTT_Construct(NULL));
    CHECK(IOT_MQTT_GetErrCode(), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Destroy(NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Destroy(&none), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Yield(NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Publish(NULL, "a", &publish), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Subscribe(NULL, "a", &subscribe), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Unsubscribe(NULL, "a"), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_IsSubReady(NULL, "a"), false);
    CHECK(IOT_MQTT_IsConnected(NULL), false);
    IS_NULL(IOT_MQTT_GetDeviceInfo(NULL));
#ifdef MULTITHREAD_ENABLED
    int code = 77;

    CHECK(IOT_MQTT_StartLoop(NULL), QCLOUD_ERR_INVAL);
    IOT_MQTT_StopLoop(NULL);
    IOT_MQTT_SetLoopStatus(NULL, true);
    CHECK(IOT_MQTT_GetLoopStatus(NULL, NULL), false);
    CHECK(IOT_MQTT_GetLoopStatus(NULL, &code), false);
#endif
    CHECK(IOT_Get_SysTime(NULL, &time), QCLOUD_ERR_INVAL);
    CHECK(IOT_Get_SysTime(NULL, NULL), QCLOUD_ERR_INVAL);
    CHECK(time, 77);
    CHECK(IOT_Sync_NTPTime(NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_Ssh_enable(NULL), QCLOUD_ERR_INVAL);
}

static void init_params(MQTTInitParams *params, char *url)
{
    MQTTInitParams defaults = DEFAULT_MQTTINIT_PARAMS;

    *params = defaults;
    params->region = url;
    params->product_id = "PRODUCT_ID";
    params->device_name = "device";
#ifdef AUTH_MODE_KEY
    params->device_secret = "c2VjcmV0";
#endif
}

#define REFUSED(change, expected)                       \
    do {                                                \
        MQTTInitParams params;                          \
        init_params(&params, "ws://127.0.0.1:9");       \
        params.change;                                  \
        IS_NULL(IOT_MQTT_Construct(&params));           \
        CHECK(params.err_code, expected);               \
        CHECK(IOT_MQTT_GetErrCode(), expected);         \
    } while (0)

static void refused_constructs(void)
{
    REFUSED(product_id = NULL, QCLOUD_ERR_INVAL);
    REFUSED(product_id = "", QCLOUD_ERR_INVAL);
    REFUSED(device_name = NULL, QCLOUD_ERR_INVAL);
    REFUSED(device_name = "", QCLOUD_ERR_INVAL);
    REFUSED(product_id = "elevenchars", QCLOUD_ERR_FAILURE);
    REFUSED(device_name = text_of(49), QCLOUD_ERR_FAILURE);
    REFUSED(device_name = text_of(69999), QCLOUD_ERR_FAILURE);
    REFUSED(region = "ftp://example.com", QCLOUD_ERR_INVAL);
    REFUSED(region = "ws://", QCLOUD_ERR_INVAL);
    REFUSED(command_timeout = 0, QCLOUD_ERR_TCP_CONNECT);
#ifdef AUTH_MODE_KEY
    REFUSED(device_secret = NULL, QCLOUD_ERR_INVAL);
    REFUSED(device_secret = "not base64 !", QCLOUD_ERR_INVAL);
#endif
}

static int publish(void *client, char *topic, int qos, void *payload, size_t length)
{
    PublishParams params = DEFAULT_PUB_PARAMS;
    int           result;

    params.qos = (QoS)qos;
    params.payload = payload;
    params.payload_len = length;
    params.id = 4711;
    params.dup = 1;
    result = IOT_MQTT_Publish(client, topic, &params);
    CHECK(params.id, result > 0 && qos == 1 ? result : 4711);
    return result;
}

static int subscribe(void *client, char *filter, int qos)
{
    SubscribeParams params = DEFAULT_SUB_PARAMS;

    params.qos = (QoS)qos;
    params.on_message_handler = on_message;
    return IOT_MQTT_Subscribe(client, filter, &params);
}

static void *connected(char *url)
{
    MQTTInitParams params;
    void          *client;

    init_params(&params, url);
    params.auto_connect_enable = 0;
    client = IOT_MQTT_Construct(&params);
    if (client == NULL) {
        printf("no connection to %s: %d\n", url, params.err_code);
        exit(99);
    }
    return client;
}

/* What is valid here is checked by the server, in this order. */
static void requests(void *client)
{
    static char large[16 * 1024 + 1];

    CHECK(publish(client, "a", 0, "x", 1), 4711);
    CHECK(publish(client, "empty", 0, "", 0), 4711);
    CHECK(publish(client, text_of(128), 0, large, 16 * 1024), 4711);
    CHECK(publish(client, text_of(128), 1, large, 16 * 1024) > 0, 1);
    CHECK(subscribe(client, text_of(128), 1) > 0, 1);
    CHECK(subscribe(client, "#", 0) > 0, 1);
    CHECK(subscribe(client, "+/+/#", 0) > 0, 1);

    CHECK(IOT_MQTT_Publish(client, "a", NULL), QCLOUD_ERR_INVAL);
    CHECK(publish(client, NULL, 0, "x", 1), QCLOUD_ERR_INVAL);
    CHECK(publish(client, "", 0, "x", 1), QCLOUD_ERR_INVAL);
    CHECK(publish(client, text_of(129), 0, "x", 1), QCLOUD_ERR_MAX_TOPIC_LENGTH);
    CHECK(publish(client, text_of(69999), 0, "x", 1), QCLOUD_ERR_MAX_TOPIC_LENGTH);
    CHECK(publish(client, "a", 2, "x", 1), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);
    CHECK(publish(client, "a", 3, "x", 1), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);
    CHECK(publish(client, "a", 99, "x", 1), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);
    CHECK(publish(client, "a", -1, "x", 1), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);
    CHECK(publish(client, "a/+", 0, "x", 1), QCLOUD_ERR_INVAL);
    CHECK(publish(client, "a/#", 0, "x", 1), QCLOUD_ERR_INVAL);
    CHECK(publish(client, "\xff", 0, "x", 1), QCLOUD_ERR_INVAL);
    CHECK(publish(client, "a", 0, NULL, 0), QCLOUD_ERR_INVAL);
    CHECK(publish(client, "a", 0, NULL, 5), QCLOUD_ERR_INVAL);
    CHECK(publish(client, "a", 0, large, sizeof(large)), QCLOUD_ERR_BUF_TOO_SHORT);
    CHECK(publish(client, "a", 1, large, sizeof(large)), QCLOUD_ERR_BUF_TOO_SHORT);
    CHECK(publish(client, "a", 0, large, SIZE_MAX), QCLOUD_ERR_BUF_TOO_SHORT);
    /* The topic is looked at before the quality, both before the payload. */
    CHECK(publish(client, text_of(129), 3, NULL, 0), QCLOUD_ERR_MAX_TOPIC_LENGTH);
    CHECK(publish(client, "a", 3, NULL, 0), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);

    CHECK(IOT_MQTT_Subscribe(client, "a", NULL), QCLOUD_ERR_INVAL);
    CHECK(subscribe(client, NULL, 0), QCLOUD_ERR_INVAL);
    CHECK(subscribe(client, "", 0), QCLOUD_ERR_INVAL);
    CHECK(subscribe(client, text_of(129), 0), QCLOUD_ERR_MAX_TOPIC_LENGTH);
    CHECK(subscribe(client, text_of(129), 2), QCLOUD_ERR_MAX_TOPIC_LENGTH);
    CHECK(subscribe(client, "a", 2), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);
    CHECK(subscribe(client, "a", 99), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);
    CHECK(subscribe(client, "a#", 0), QCLOUD_ERR_INVAL);
    CHECK(subscribe(client, "#/a", 0), QCLOUD_ERR_INVAL);
    CHECK(subscribe(client, "a+/b", 0), QCLOUD_ERR_INVAL);

    CHECK(IOT_MQTT_Unsubscribe(client, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Unsubscribe(client, ""), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Unsubscribe(client, text_of(129)), QCLOUD_ERR_MAX_TOPIC_LENGTH);
    CHECK(IOT_MQTT_Unsubscribe(client, "never/subscribed"), QCLOUD_ERR_MQTT_UNSUB_FAIL);
    CHECK(IOT_MQTT_IsSubReady(client, NULL), false);
    CHECK(IOT_MQTT_IsSubReady(client, ""), false);
    CHECK(IOT_MQTT_IsSubReady(client, text_of(129)), false);
    CHECK(IOT_MQTT_Yield(client, 0), QCLOUD_ERR_INVAL);
    CHECK(IOT_Get_SysTime(client, NULL), QCLOUD_ERR_INVAL);
#ifdef MULTITHREAD_ENABLED
    CHECK(IOT_MQTT_GetLoopStatus(client, NULL), false);
#endif
}

static void on_text(void *client, const char *msg, uint32_t length)
{
    (void)client, (void)msg, (void)length;
}

static void on_config(void *client, int errcode, char *json, int length)
{
    (void)client, (void)errcode, (void)json, (void)length;
}

/* None of these gets as far as to send anything. */
static void messages_of_the_platform(void *client)
{
    char                    buffer[64] = "untouched";
    ConfigSubscirbeUserData good = {on_config, sizeof(buffer), buffer}, no_handler = good, no_buffer = good;
    sRRPCReplyPara          para = {eRRPC_SUCCESS, "", NULL, 0};

    no_handler.on_config_proc = NULL;
    no_buffer.json_buffer = NULL;
    CHECK(IOT_Broadcast_Subscribe(NULL, on_text), QCLOUD_ERR_INVAL);
    CHECK(IOT_Broadcast_Subscribe(NULL, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_RRPC_Init(NULL, on_text), QCLOUD_ERR_INVAL);
    CHECK(IOT_RRPC_Init(NULL, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_RRPC_Reply(NULL, "x", 1, &para), QCLOUD_ERR_INVAL);
    CHECK(IOT_RRPC_Reply(client, NULL, 0, &para), QCLOUD_ERR_INVAL);
    CHECK(IOT_RRPC_Reply(client, NULL, 0, NULL), QCLOUD_ERR_INVAL);
    CHECK(IOT_RRPC_Reply(client, "x", 0, NULL), QCLOUD_ERR_RRPC_REPLY_ERR);
    CHECK(IOT_Subscribe_Config(NULL, &good, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Subscribe_Config(client, NULL, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Subscribe_Config(client, &no_handler, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Subscribe_Config(client, &no_buffer, 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Get_Config(NULL, buffer, sizeof(buffer), 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Get_Config(client, NULL, sizeof(buffer), 100), QCLOUD_ERR_INVAL);
    CHECK(IOT_Get_Config(client, buffer, sizeof(buffer), 100), QCLOUD_ERR_FAILURE);
    CHECK(IOT_Get_Config(client, buffer, -1, 100), QCLOUD_ERR_FAILURE);
    CHECK(strcmp(buffer, "untouched"), 0);
}

static void messages_of_the_platform_offline(void *client)
{
    char                    buffer[64] = "";
    ConfigSubscirbeUserData user = {on_config, sizeof(buffer), buffer};

    CHECK(IOT_Broadcast_Subscribe(client, on_text), QCLOUD_ERR_FAILURE);
    CHECK(IOT_RRPC_Init(client, on_text), QCLOUD_ERR_FAILURE);
    CHECK(IOT_RRPC_Reply(client, "x", 0, NULL), QCLOUD_ERR_RRPC_REPLY_ERR);
    CHECK(IOT_Subscribe_Config(client, &user, 100), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(IOT_Get_Config(client, buffer, sizeof(buffer), 100), QCLOUD_ERR_FAILURE);
}

static void device_info(void *client)
{
    DeviceInfo *info = IOT_MQTT_GetDeviceInfo(client);

    CHECK(info != NULL, 1);
    CHECK(strcmp(info->product_id, "PRODUCT_ID"), 0);
    CHECK(strcmp(info->device_name, "device"), 0);
    CHECK(strcmp(info->client_id, "PRODUCT_IDdevice"), 0);
}

/* The server has closed; without auto connect every request says so, after the checks of its arguments. */
static void offline(void *client)
{
    long time = 77;

    CHECK(IOT_MQTT_Yield(client, 20000), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(IOT_MQTT_IsConnected(client), false);
    CHECK(publish(client, "a", 0, "x", 1), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(publish(client, "a", 0, NULL, 0), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(publish(client, "a", 3, NULL, 0), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);
    CHECK(publish(client, text_of(129), 3, NULL, 0), QCLOUD_ERR_MAX_TOPIC_LENGTH);
    CHECK(subscribe(client, "a", 0), QCLOUD_ERR_MQTT_NO_CONN);
    CHECK(subscribe(client, "a", 2), QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT);
    CHECK(IOT_MQTT_Unsubscribe(client, "a"), QCLOUD_ERR_MQTT_UNSUB_FAIL);
    CHECK(IOT_Get_SysTime(client, &time), QCLOUD_ERR_FAILURE);
    CHECK(time, 0);
    CHECK(IOT_Sync_NTPTime(client), QCLOUD_ERR_FAILURE);
    messages_of_the_platform_offline(client);
    CHECK(IOT_MQTT_Destroy(&client), QCLOUD_ERR_MQTT_NO_CONN);
    IS_NULL(client);
    CHECK(IOT_MQTT_Destroy(&client), QCLOUD_ERR_INVAL);
    CHECK(IOT_MQTT_Yield(client, 100), QCLOUD_ERR_INVAL);
    CHECK(publish(client, "a", 0, "x", 1), QCLOUD_ERR_INVAL);
}

static bool take_line(const char *line)
{
    (void)line;
    IOT_Log_Gen("file.c", "inside", 1, eLOG_ERROR, "a line inside the handler");
    return true;
}

static void logging(void)
{
    LOG_LEVEL level = IOT_Log_Get_Level();

    IOT_Log_Set_MessageHandler(take_line);
    IOT_Log_Gen(NULL, NULL, -1, 99, "%s", "levels outside the table");
    IOT_Log_Gen("", "", 0, -5, "%d %ld %f %c %%", 1, 2L, 3.0, 'x');
    IOT_Log_Gen("file.c", "function", 1, eLOG_ERROR, "%s", text_of(69999));
    IOT_Log_Gen("file.c", "function", 1, eLOG_ERROR, NULL);
    IOT_Log_Set_Level(eLOG_DISABLE);
    CHECK(IOT_Log_Get_Level(), eLOG_DISABLE);
    IOT_Log_Set_Level(level);
    IOT_Log_Set_Upload_Level(eLOG_WARN);
    CHECK(IOT_Log_Get_Upload_Level(), eLOG_WARN);
    CHECK(IOT_Log_Init_Uploader(NULL), 0);
    CHECK(IOT_Log_Upload(true), 0);
    IOT_Log_Fini_Uploader();
    IOT_Log_Set_MessageHandler(NULL);
}

static void helpers(void)
{
    char          *copy, *words[] = {"program", "-a", NULL};
    unsigned char  bytes[2] = {0xab, 0xcd};
    char           digits[4] = "....";
    int32_t        i32 = 7;
    int16_t        i16 = 7;
    int8_t         i8 = 7;
    uint32_t       u32 = 7;
    uint16_t       u16 = 7;
    uint8_t        u8 = 7;
    float          single = 7;
    double         twice = 7;
    bool           truth = true;

    IS_NULL(LITE_strdup(NULL));
    IS_NULL(LITE_strdup(text_of(1024)));
    copy = LITE_strdup(text_of(1023));
    CHECK(copy != NULL && strlen(copy) == 1023, 1);
    HAL_Free(copy);
    copy = LITE_format_string("%s", text_of(600));
    CHECK(copy != NULL && strlen(copy) == 511, 1);
    HAL_Free(copy);
    copy = LITE_format_nstring(3, "%s", "abcdef");
    CHECK(copy != NULL && strcmp(copy, "abc") == 0, 1);
    HAL_Free(copy);
    IS_NULL(LITE_format_string(NULL));
    IS_NULL(LITE_json_value_of(NULL, "{}"));
    IS_NULL(LITE_json_value_of("a", NULL));
    IS_NULL(LITE_json_string_value_strip_transfer(NULL, NULL));
    IS_NULL(LITE_json_keys_of(NULL, ""));
    LITE_json_keys_release(NULL);
    LITE_hexbuf_convert(NULL, digits, 2, 0);
    LITE_hexbuf_convert(bytes, NULL, 2, 0);
    LITE_hexbuf_convert(bytes, digits, -1, 0);
    CHECK(memcmp(digits, "....", 4), 0);
    LITE_hexbuf_convert(bytes, digits, 2, 1);
    CHECK(memcmp(digits, "ABCD", 4), 0);
    LITE_hexstr_convert(NULL, bytes, 4);
    LITE_hexstr_convert(digits, NULL, 4);
    LITE_hexstr_convert(digits, bytes, 3);
    LITE_hexstr_convert(digits, bytes, -2);
    CHECK(bytes[0] == 0xab && bytes[1] == 0xcd, 1);
    CHECK(LITE_get_int32(NULL, "1"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_int32(&i32, NULL), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_int16(NULL, "1"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_int16(&i16, NULL), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_int8(NULL, "1"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_int8(&i8, NULL), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_uint32(NULL, "1"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_uint32(&u32, NULL), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_uint16(NULL, "1"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_uint16(&u16, NULL), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_uint8(NULL, "1"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_uint8(&u8, NULL), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_float(NULL, "1"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_float(&single, NULL), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_double(NULL, "1"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_double(&twice, NULL), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_boolean(NULL, "true"), QCLOUD_ERR_INVAL);
    CHECK(LITE_get_boolean(&truth, NULL), QCLOUD_ERR_INVAL);
    CHECK(i32 == 7 && i16 == 7 && i8 == 7 && u32 == 7 && u16 == 7 && u8 == 7 && single == 7 && twice == 7 && truth, 1);
    CHECK(utils_getopt(2, NULL, "a"), -1);
    CHECK(utils_getopt(2, words, NULL), -1);
    CHECK(utils_getopt(-1, words, "a"), -1);
    CHECK(utils_getopt(2, words, "a"), 'a');
    IS_NULL(utils_optarg);
}

static void port_system(void)
{
    char   buffer[20] = "";
    void  *lock = HAL_MutexCreate(), *semaphore = HAL_SemaphoreCreate(), *block = HAL_Malloc(1000);
    Timer  timer;

    CHECK(lock != NULL && semaphore != NULL && block != NULL, 1);
    HAL_Free(block);
    HAL_Free(NULL);
    HAL_MutexLock(NULL);
    HAL_MutexUnlock(NULL);
    HAL_MutexTryLock(NULL);
    HAL_MutexDestroy(NULL);
    HAL_MutexLock(lock);
    CHECK(HAL_MutexTryLock(lock) != 0, 1);
    HAL_MutexUnlock(lock);
    CHECK(HAL_MutexTryLock(lock), 0);
    HAL_MutexUnlock(lock);
    HAL_MutexDestroy(lock);
    HAL_SemaphoreDestroy(NULL);
    HAL_SemaphorePost(NULL);
    CHECK(HAL_SemaphoreWait(NULL, 1), QCLOUD_ERR_FAILURE);
    CHECK(HAL_SemaphoreWait(semaphore, 1), QCLOUD_ERR_FAILURE);
    HAL_SemaphorePost(semaphore);
    CHECK(HAL_SemaphoreWait(semaphore, 0xFFFFFFFF), 0);
    HAL_SemaphoreDestroy(semaphore);
#ifdef MULTITHREAD_ENABLED
    CHECK(HAL_ThreadCreate(NULL), QCLOUD_ERR_INVAL);
#endif
    CHECK(HAL_Snprintf(buffer, sizeof(buffer), "%s", text_of(100)), 100);
    CHECK(strlen(buffer), 19);
    CHECK(HAL_Snprintf(buffer, -1, "%s", "x"), -1);
    CHECK(HAL_Snprintf(NULL, 0, "%s", "four"), 4);
    CHECK(strcmp(HAL_Timer_current(NULL), " "), 0);
    CHECK(HAL_Timer_current(buffer) == buffer && strlen(buffer) == 19, 1);
    HAL_Timer_init(NULL);
    HAL_Timer_countdown(NULL, 1);
    HAL_Timer_countdown_ms(NULL, 1);
    CHECK(HAL_Timer_expired(NULL), true);
    CHECK(HAL_Timer_remain(NULL), 0);
    HAL_Timer_init(&timer);
    CHECK(HAL_Timer_expired(&timer), true);
    HAL_Timer_countdown(&timer, 0xFFFFFFFF);
    CHECK(HAL_Timer_remain(&timer), 0x7FFFFFFF);
    CHECK(HAL_Timer_expired(&timer), false);
    HAL_SleepMs(0);
    HAL_DelayMs(0);
    CHECK(HAL_ntohs(HAL_htons(0x1234)), 0x1234);
    CHECK(HAL_ntohl(HAL_htonl(0x12345678)), 0x12345678);
}

static void port_device(void)
{
    DeviceInfo info;

    CHECK(HAL_GetDevInfo(NULL), QCLOUD_ERR_DEV_INFO);
    CHECK(HAL_SetDevInfo(NULL), QCLOUD_ERR_DEV_INFO);
    CHECK(HAL_GetDevInfoFromFile(NULL, &info), QCLOUD_ERR_FAILURE);
    CHECK(HAL_GetDevInfoFromFile("/no/such/file", &info), QCLOUD_ERR_FAILURE);
    CHECK(HAL_GetDevInfoFromFile("/dev/null", NULL), QCLOUD_ERR_FAILURE);
    CHECK(HAL_SetDevInfoFile(NULL), QCLOUD_ERR_INVAL);
    CHECK(HAL_SetDevInfoFile(text_of(129)), QCLOUD_ERR_INVAL);
    CHECK(HAL_SetDevInfoFile("/no/such/file"), QCLOUD_ERR_FAILURE);
}

static void port_network(void)
{
    unsigned char byte = 0;
    size_t        count = 77;

    CHECK(HAL_TCP_Connect(NULL, 80), 0);
    CHECK(HAL_TCP_Connect("", 80), 0);
    CHECK(HAL_TCP_Connect("127.0.0.1", 9), 0);
    CHECK(HAL_TCP_Disconnect(9999), -1);
    CHECK(HAL_TCP_Read(9999, &byte, 1, 10, &count), QCLOUD_ERR_TCP_READ_FAIL);
    CHECK(count, 0);
    CHECK(HAL_TCP_Write(9999, &byte, 1, 10, &count), QCLOUD_ERR_TCP_WRITE_FAIL);
    CHECK(HAL_TCP_Read(9999, NULL, 1, 10, &count), QCLOUD_ERR_TCP_READ_FAIL);
    CHECK(HAL_TCP_Write(9999, NULL, 1, 10, &count), QCLOUD_ERR_TCP_WRITE_FAIL);
    CHECK(HAL_TCP_Read(9999, &byte, 1, 10, NULL), QCLOUD_ERR_TCP_READ_FAIL);
    CHECK(HAL_TCP_Write(9999, &byte, 1, 10, NULL), QCLOUD_ERR_TCP_WRITE_FAIL);
#ifndef AUTH_WITH_NOTLS
    TLSConnectParams params;

    memset(&params, 0, sizeof(params));
    params.timeout_ms = 1000;
    CHECK(HAL_TLS_Connect(NULL, "127.0.0.1", 9), 0);
    CHECK(HAL_TLS_Connect(&params, NULL, 9), 0);
    CHECK(HAL_TLS_Connect(&params, "127.0.0.1", 9), 0);
    CHECK(HAL_TLS_Connect(&params, "127.0.0.1", -1), 0);
    HAL_TLS_Disconnect(0);
    CHECK(HAL_TLS_Read(0, &byte, 1, 10, &count), QCLOUD_ERR_SSL_READ);
    CHECK(HAL_TLS_Write(0, &byte, 1, 10, &count), QCLOUD_ERR_SSL_WRITE);
#ifdef AUTH_MODE_CERT
    IS_NULL(HAL_TLS_Get_PrivateKey_FromFile(NULL));
    CHECK(HAL_TLS_Get_RSASHA256_Result_Len(NULL), 0);
    CHECK(HAL_TLS_Calc_Sign_RSASHA256(NULL, "x", 1, (char *)&byte), QCLOUD_ERR_SSL_CERT);
    HAL_TLS_Destory_PrivateKey(NULL);
#endif
#endif
}

int main(int count, char **words)
{
    void *client;

    if (count != 2) {
        return 99;
    }
    CHECK(IOT_MQTT_GetErrCode(), QCLOUD_ERR_FAILURE);
    without_client();
    refused_constructs();
    logging();
    helpers();
    port_system();
    port_device();
    port_network();
    client = connected(words[1]);
    requests(client);
    messages_of_the_platform(client);
    device_info(client);
    /* The server answers this one by closing. */
    CHECK(publish(client, "close", 0, "x", 1), 4711);
    offline(client);
    printf("%d surprises\n", g_surprises);
    return g_surprises;
}
