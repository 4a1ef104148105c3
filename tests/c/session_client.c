#include "session_client.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t  g_told = PTHREAD_COND_INITIALIZER;

static void wake(void)
{
    pthread_mutex_lock(&g_lock);
    pthread_cond_broadcast(&g_told);
    pthread_mutex_unlock(&g_lock);
}

void session_sleep(int ms)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += (end.tv_nsec + ms * 1000000L) / 1000000000L;
    end.tv_nsec = (end.tv_nsec + ms * 1000000L) % 1000000000L;
    pthread_mutex_lock(&g_lock);
    pthread_cond_timedwait(&g_told, &g_lock, &end);
    pthread_mutex_unlock(&g_lock);
}

long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static void on_event(void *client, void *context, MQTTEventMsg *event)
{
    Session *session = (Session *)context;

    (void)client;
    switch (event->event_type) {
        case MQTT_EVENT_DISCONNECT:
            session->lost++;
            say("lost");
            break;
        case MQTT_EVENT_RECONNECT:
            session->reconnected++;
            say("reconnected");
            break;
        case MQTT_EVENT_SUBCRIBE_SUCCESS:
            session->granted++;
            say("granted");
            break;
        case MQTT_EVENT_SUBCRIBE_TIMEOUT:
            session->subscribe_timeouts++;
            break;
        case MQTT_EVENT_SUBCRIBE_NACK:
            session->subscribe_refusals++;
            say("refused");
            break;
        case MQTT_EVENT_PUBLISH_SUCCESS:
            session->acked++;
            say("acked");
            break;
        case MQTT_EVENT_PUBLISH_TIMEOUT:
            session->publish_timeouts++;
            break;
        default:
            say("event %d", (int)event->event_type);
            break;
    }
    wake();
}

static void on_message(void *client, MQTTMessage *message, void *user_data)
{
    Session *session = (Session *)user_data;
    size_t   len = message->payload_len < SESSION_PAYLOAD_LEN ? message->payload_len : SESSION_PAYLOAD_LEN - 1;

    (void)client;
    memcpy(session->payload, message->payload, len);
    session->payload[len] = '\0';
    session->received++;
    say("received %s qos=%d", session->payload, (int)message->qos);
    wake();
}

int session_open(Session *session, char *product, char *device, char *secret, int timeout_ms, int keep_alive_ms)
{
    MQTTInitParams params = DEFAULT_MQTTINIT_PARAMS;
    long           start = now_ms();
    int            code;

    memset(session, 0, sizeof(*session));
    snprintf(session->topic, sizeof(session->topic), "%s/%s/data", product, device);
    params.product_id = product;
    params.device_name = device;
#ifdef AUTH_MODE_CERT
    snprintf(params.cert_file, sizeof(params.cert_file), "%s.cert.pem", secret);
    snprintf(params.key_file, sizeof(params.key_file), "%s.key.pem", secret);
#else
    params.device_secret = secret;
#endif
    params.command_timeout = (uint32_t)timeout_ms;
    params.keep_alive_interval_ms = (uint32_t)keep_alive_ms;
    params.event_handle.h_fp = on_event;
    params.event_handle.context = session;

    session->client = IOT_MQTT_Construct(&params);
    code = session->client ? 0 : params.err_code;
    say("construct = %d ms=%ld", code, now_ms() - start);
    return code;
}

int session_subscribe(Session *session)
{
    SubscribeParams params = DEFAULT_SUB_PARAMS;

    params.qos = QOS1;
    params.on_message_handler = on_message;
    params.user_data = session;
    return IOT_MQTT_Subscribe(session->client, session->topic, &params);
}

int session_publish(Session *session, QoS qos, const char *text)
{
    PublishParams params = DEFAULT_PUB_PARAMS;

    params.qos = qos;
    params.payload = (void *)text;
    params.payload_len = strlen(text);
    return IOT_MQTT_Publish(session->client, session->topic, &params);
}

int session_yield(Session *session, int ms)
{
    long start = now_ms();
    int  result = IOT_MQTT_Yield(session->client, (uint32_t)ms);
    long took = now_ms() - start;

    if (took > session->longest_yield_ms) {
        session->longest_yield_ms = took;
    }
    if (result != QCLOUD_RET_SUCCESS && result != QCLOUD_RET_MQTT_RECONNECTED &&
        result != QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT) {
        session->odd_yields++;
        session->last_odd_yield = result;
        say("yield = %d", result);
    }
    return result;
}

bool session_wait(Session *session, const int *counter, int value, long limit_ms)
{
    long deadline = now_ms() + limit_ms;

    while (*counter < value) {
        if (now_ms() >= deadline) {
            return false;
        }
        session_yield(session, 50);
    }
    return true;
}

void session_cut(void)
{
    int descriptor;

    for (descriptor = 3; descriptor < 64; descriptor++) {
        struct sockaddr_storage peer;
        socklen_t               len = sizeof(peer);

        if (getpeername(descriptor, (struct sockaddr *)&peer, &len) == 0) {
            shutdown(descriptor, SHUT_RDWR);
        }
    }
}

int session_close(Session *session)
{
    long start = now_ms();
    int  code = IOT_MQTT_Destroy(&session->client);

    say("destroy = %d ms=%ld", code, now_ms() - start);
    return code;
}
