/* Eclipse Paho C, the asynchronous client (MQTTAsync): calls are queued, one thread of the library sends, one receives. */
#include "contender.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <MQTTAsync.h>

/* Posted when the call that the main thread waits for has succeeded. */
static sem_t sg_done;

static int _on_message(void *context, char *topic, int topic_length, MQTTAsync_message *message)
{
    (void)context;
    (void)topic_length;
    bench_arrived();
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void _on_acknowledged(void *context, MQTTAsync_successData *data)
{
    (void)context;
    (void)data;
    bench_acknowledged();
}

static void _on_lost(void *context, char *cause)
{
    (void)context;
    bench_fail("connection lost: %s", cause != NULL ? cause : "no cause");
}

static void _on_success(void *context, MQTTAsync_successData *data)
{
    (void)context;
    (void)data;
    sem_post(&sg_done);
}

static void _on_failure(void *context, MQTTAsync_failureData *data)
{
    bench_fail("cannot %s: %d", (const char *)context, data != NULL ? data->code : 0);
}

static void _check(int rc, const char *what)
{
    if (rc != MQTTASYNC_SUCCESS) {
        bench_fail("cannot %s: %d", what, rc);
    }
}

static void _wait(void)
{
    while (sem_wait(&sg_done) != 0) {
    }
}

static void *_begin(const Options *options, const char *id)
{
    MQTTAsync                client;
    MQTTAsync_connectOptions tcp       = MQTTAsync_connectOptions_initializer;
    MQTTAsync_connectOptions websocket = MQTTAsync_connectOptions_initializer_ws;
    const Place              place     = bench_place(options->url);
    MQTTAsync_connectOptions connect   = place.websocket ? websocket : tcp;
    char                     uri[128];

    snprintf(uri, sizeof(uri), "%s://%s:%d%s", place.websocket ? "ws" : "tcp", place.host, place.port,
             place.websocket ? "/mqtt" : "");
    _check(MQTTAsync_create(&client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL), "create");
    _check(MQTTAsync_setCallbacks(client, NULL, _on_lost, _on_message, NULL), "set callbacks");
    connect.MQTTVersion       = MQTTVERSION_3_1_1;
    connect.keepAliveInterval = BENCH_KEEP_ALIVE_S;
    connect.cleansession      = 1;
    connect.maxInflight       = BENCH_IN_FLIGHT;
    connect.username          = options->user;
    connect.password          = options->password;
    connect.onSuccess         = _on_success;
    connect.onFailure         = _on_failure;
    connect.context           = (void *)"connect";
    _check(MQTTAsync_connect(client, &connect), "connect");
    return client;
}

static void *_connect(const Options *options, const char *id)
{
    MQTTAsync client = _begin(options, id);
    _wait();
    return client;
}

static void _disconnect(void *client)
{
    MQTTAsync                   handle     = client;
    MQTTAsync_disconnectOptions disconnect = MQTTAsync_disconnectOptions_initializer;

    disconnect.onSuccess = _on_success;
    disconnect.onFailure = _on_failure;
    disconnect.context   = (void *)"disconnect";
    _check(MQTTAsync_disconnect(handle, &disconnect), "disconnect");
    _wait();
    MQTTAsync_destroy(&handle);
}

static void _subscribe(void *client)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;

    response.onSuccess = _on_success;
    response.onFailure = _on_failure;
    response.context   = (void *)"subscribe";
    _check(MQTTAsync_subscribe(client, BENCH_TOPIC, 0, &response), "subscribe");
    _wait();
}

static bool _publish(void *client, int qos, const char *payload, size_t length)
{
    MQTTAsync_responseOptions response = MQTTAsync_responseOptions_initializer;

    response.onSuccess = _on_acknowledged;
    response.onFailure = _on_failure;
    response.context   = (void *)"publish";
    _check(MQTTAsync_send(client, BENCH_TOPIC, (int)length, payload, qos, 0, qos == 1 ? &response : NULL), "publish");
    return true;
}

Contender bench_contender(const Options *options)
{
    Contender paho;

    (void)options;
    if (sem_init(&sg_done, 0, 0) != 0) {
        bench_fail("no semaphore");
    }
    memset(&paho, 0, sizeof(paho));
    paho.connect    = _connect;
    paho.begin      = _begin;
    paho.wait       = _wait;
    paho.disconnect = _disconnect;
    paho.subscribe  = _subscribe;
    paho.publish    = _publish;
    return paho;
}
