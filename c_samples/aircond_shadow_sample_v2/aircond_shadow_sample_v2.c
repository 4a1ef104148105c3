/*
 * The air conditioner of aircond_shadow_sample with a shadow: an application sets the temperature it wants as a desired
 * property, the device takes it over, and reports the energy it has used. Runs until it is stopped.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lite-utils.h"
#include "qcloud_iot_export.h"
#include "qcloud_iot_import.h"
#include "utils_getopt.h"

#define MAX_TOPIC_SIZE     128
#define MAX_CONTROL_SIZE   512
#define MAX_DOCUMENT_SIZE  512
#define REQUEST_TIMEOUT_MS 5000
#define YIELD_MS           200
#define ROUND_MS           1000

/* The client keeps pointers into this structure, so it has to live as long as the client. */
static DeviceInfo sg_device_info;

/* Simulated hardware. */
static bool  sg_is_on             = false;
static float sg_room_temperature  = 32.0f;
static float sg_temperature       = 26.0f;
static float sg_energy            = 0.0f;

/* What the shadow knows: the keys are members of the document, the data is read and written in place. */
static char           sg_key_of_temperature[] = "temperatureDesire";
static char           sg_key_of_energy[]      = "energyConsumption";
static DeviceProperty sg_temperature_property = {sg_key_of_temperature, &sg_temperature, JFLOAT, false};
static DeviceProperty sg_energy_property      = {sg_key_of_energy, &sg_energy, JFLOAT, false};

static void _mqtt_event_handler(void *client, void *context, MQTTEventMsg *msg)
{
    /* For the outcome of a request this is the packet id itself, not an address. */
    const unsigned packet_id = (unsigned)(uintptr_t)msg->msg;

    (void)client;
    (void)context;

    switch (msg->event_type) {
        case MQTT_EVENT_DISCONNECT:
            Log_i("connection lost");
            break;
        case MQTT_EVENT_RECONNECT:
            Log_i("connection is back");
            break;
        case MQTT_EVENT_SUBCRIBE_SUCCESS:
            Log_i("subscribe success, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_SUBCRIBE_TIMEOUT:
            Log_e("subscribe got no answer in time, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_SUBCRIBE_NACK:
            Log_e("subscribe refused, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_PUBLISH_SUCCESS:
            Log_i("publish success, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_PUBLISH_TIMEOUT:
            Log_e("publish got no answer in time, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_PUBLISH_NACK:
            Log_e("publish refused, packet-id=%u", packet_id);
            break;
        case MQTT_EVENT_UNDEF:
        default:
            Log_i("event %d", (int)msg->event_type);
            break;
    }
}

/* Runs inside Yield: {"action": "come_home"} switches on, {"action": "leave_home"} off. */
static void _on_control(void *client, MQTTMessage *message, void *user_data)
{
    static char key_of_action[] = "action";
    char        text[MAX_CONTROL_SIZE];
    char       *action;

    (void)client;
    (void)user_data;

    Log_i("control message: %.*s", (int)message->payload_len,
          (const char *)STRING_PTR_PRINT_SANITY_CHECK(message->payload));
    if (message->payload_len >= sizeof(text)) {
        Log_e("control message is too long");
        return;
    }
    /* The JSON helpers need a terminated text. */
    memcpy(text, message->payload, message->payload_len);
    text[message->payload_len] = '\0';

    action = LITE_json_value_of(key_of_action, text);
    if (action != NULL && strcmp(action, "come_home") == 0) {
        sg_is_on = true;
    } else if (action != NULL && strcmp(action, "leave_home") == 0) {
        sg_is_on = false;
    } else {
        Log_e("action %s is not known", STRING_PTR_PRINT_SANITY_CHECK(action));
    }
    HAL_Free(action);
    Log_i("air conditioner is %s", sg_is_on ? "on" : "off");
}

/* Tells what became of the subscription. */
static void _on_control_event(void *client, MQTTEventType event_type, void *user_data)
{
    (void)client;
    (void)user_data;

    if (event_type == MQTT_EVENT_SUBCRIBE_SUCCESS) {
        Log_i("listening to control messages");
    } else if (event_type == MQTT_EVENT_SUBCRIBE_TIMEOUT || event_type == MQTT_EVENT_SUBCRIBE_NACK) {
        Log_e("no control messages, event %d", (int)event_type);
    }
}

static int _subscribe_control(void *client)
{
    SubscribeParams sub_params = DEFAULT_SUB_PARAMS;
    char            topic[MAX_TOPIC_SIZE];
    int             len;
    int             rc;

    len = HAL_Snprintf(topic, sizeof(topic), "%s/%s/control", sg_device_info.product_id, sg_device_info.device_name);
    if (len < 0 || len >= (int)sizeof(topic)) {
        Log_e("topic is too long");
        return QCLOUD_ERR_FAILURE;
    }
    sub_params.qos                  = QOS1;
    sub_params.on_message_handler   = _on_control;
    sub_params.on_sub_event_handler = _on_control_event;
    rc                              = IOT_Shadow_Subscribe(client, topic, &sub_params);
    if (rc < 0) {
        Log_e("subscribe failed: %d", rc);
        return rc;
    }
    return QCLOUD_RET_SUCCESS;
}

/* Runs inside Yield when the desired temperature differs from the reported one; the new value is in place already. */
static void _on_temperature(void *client, const char *json, uint32_t len, DeviceProperty *property)
{
    (void)client;

    Log_i("desired: %.*s", (int)len, STRING_PTR_PRINT_SANITY_CHECK(json));
    property->delta_arrived = true;
}

/* Runs inside Yield: the answer to a request, or its time-out. */
static void _on_answer(void *client, Method method, RequestAck ack, const char *json, void *context)
{
    const char *request = method == GET ? "get" : method == UPDATE ? "update" : "request";

    (void)client;
    (void)context;

    switch (ack) {
        case ACK_ACCEPTED:
            Log_i("shadow %s accepted", request);
            break;
        case ACK_REJECTED:
            Log_e("shadow %s rejected: %s", request, STRING_PTR_PRINT_SANITY_CHECK(json));
            break;
        case ACK_TIMEOUT:
            Log_e("shadow %s got no answer in time", request);
            break;
        default:
            Log_e("shadow %s ended with %d", request, (int)ack);
            break;
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

static int _fill_init_params(ShadowInitParams *init_params)
{
    int rc = HAL_GetDevInfo(&sg_device_info);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("HAL_GetDevInfo failed: %d", rc);
        return rc;
    }

    init_params->region      = sg_device_info.region;
    init_params->product_id  = sg_device_info.product_id;
    init_params->device_name = sg_device_info.device_name;
#ifdef AUTH_MODE_CERT
    rc = _path_of_cert(init_params->cert_file, sg_device_info.dev_cert_file_name);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    rc = _path_of_cert(init_params->key_file, sg_device_info.dev_key_file_name);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
#else
    init_params->device_secret = sg_device_info.device_secret;
#endif

    init_params->command_timeout     = QCLOUD_IOT_MQTT_COMMAND_TIMEOUT;
    init_params->auto_connect_enable = 1;
    init_params->event_handle.h_fp   = _mqtt_event_handler;
    return QCLOUD_RET_SUCCESS;
}

/* One second of cooling, or of the sun. */
static void _simulate(void)
{
    if (!sg_is_on) {
        sg_room_temperature += sg_room_temperature < 32.0f ? 0.5f : 0.0f;
    } else if (sg_room_temperature > sg_temperature) {
        sg_room_temperature -= 1.0f;
        sg_energy += 1.0f;
    }
    Log_i("room %d, wanted %d, %s", (int)sg_room_temperature, (int)sg_temperature, sg_is_on ? "on" : "off");
}

/* Says that the desired temperature has been taken over, and so is not to be asked for any more. */
static int _confirm_temperature(void *client)
{
    char document[MAX_DOCUMENT_SIZE];
    int  rc = IOT_Shadow_JSON_ConstructReportAndDesireAllNull(client, document, sizeof(document), 1,
                                                              &sg_temperature_property);

    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("document not made: %d", rc);
        return rc;
    }
    rc = IOT_Shadow_Update(client, document, sizeof(document), _on_answer, NULL, REQUEST_TIMEOUT_MS);
    if (rc == QCLOUD_RET_SUCCESS) {
        sg_temperature_property.delta_arrived = false;
    }
    return rc;
}

static int _report_energy(void *client)
{
    char document[MAX_DOCUMENT_SIZE];
    int  rc = IOT_Shadow_JSON_ConstructReport(client, document, sizeof(document), 1, &sg_energy_property);

    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("document not made: %d", rc);
        return rc;
    }
    return IOT_Shadow_Update(client, document, sizeof(document), _on_answer, NULL, REQUEST_TIMEOUT_MS);
}

/* What changed is reported; what could not be sent is reported in a later round. */
static void _report(void *client)
{
    static float reported = -1.0f;
    int          rc       = QCLOUD_RET_SUCCESS;

    if (sg_temperature_property.delta_arrived) {
        rc = _confirm_temperature(client);
    } else if (sg_energy > reported) {
        rc = _report_energy(client);
        if (rc == QCLOUD_RET_SUCCESS) {
            reported = sg_energy;
        }
    }
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("report not sent: %d", rc);
    }
}

/* Until the connection is lost for good. */
static int _run(void *client)
{
    int rc = QCLOUD_RET_SUCCESS;

    while (IOT_Shadow_IsConnected(client) || rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
        rc = IOT_Shadow_Yield(client, YIELD_MS);
        if (rc == QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
            HAL_SleepMs(ROUND_MS);
            continue;
        }
        if (rc != QCLOUD_RET_SUCCESS && rc != QCLOUD_RET_MQTT_RECONNECTED) {
            Log_e("exit with error: %d", rc);
            break;
        }
        _simulate();
        _report(client);
        HAL_SleepMs(ROUND_MS - YIELD_MS);
    }
    return rc;
}

static int _start(void *client)
{
    int rc = IOT_Shadow_Register_Property(client, &sg_temperature_property, _on_temperature);

    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("property not registered: %d", rc);
        return rc;
    }
    rc = _subscribe_control(client);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    /* What was desired while the device was off comes with the answer. */
    rc = IOT_Shadow_Get(client, _on_answer, NULL, REQUEST_TIMEOUT_MS);
    if (rc != QCLOUD_RET_SUCCESS) {
        Log_e("shadow get failed: %d", rc);
    }
    return rc;
}

static int _parse_options(int argc, char **argv)
{
    int option;
    int rc;

    while ((option = utils_getopt(argc, argv, "c:")) != -1) {
        if (option != 'c') {
            HAL_Printf("usage: %s [options]\r\n"
                       "  [-c <config file for DeviceInfo>]\r\n",
                       argv[0]);
            return -1;
        }
        rc = HAL_SetDevInfoFile(utils_optarg);
        if (rc != QCLOUD_RET_SUCCESS) {
            HAL_Printf("device file %s cannot be used: %d\r\n", utils_optarg, rc);
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    ShadowInitParams init_params = DEFAULT_SHAWDOW_INIT_PARAMS;
    void            *client;
    int              rc;
    int              destroyed;

    IOT_Log_Set_Level(eLOG_DEBUG);
    if (_parse_options(argc, argv) != 0) {
        return -1;
    }
    rc = _fill_init_params(&init_params);
    if (rc != QCLOUD_RET_SUCCESS) {
        return rc;
    }
    client = IOT_Shadow_Construct(&init_params);
    if (client == NULL) {
        Log_e("shadow construct failed!");
        return QCLOUD_ERR_FAILURE;
    }
    Log_i("Cloud Device Construct Success");

    rc = _start(client);
    if (rc == QCLOUD_RET_SUCCESS) {
        rc = _run(client);
    }
    destroyed = IOT_Shadow_Destroy(client);
    return rc != QCLOUD_RET_SUCCESS ? rc : destroyed;
}
