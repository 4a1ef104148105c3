/*
 * Eclipse Paho C, the synchronous client (MQTTClient), with callbacks: a thread of the library receives, a publish writes in
 * the caller's thread. Without them for round trips, connecting and many clients: one thread, which waits in the call.
 */
#include "contender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <MQTTClient.h>

static int _on_message(void *context, char *topic, int topic_length, MQTTClient_message *message)
{
    (void)context;
    (void)topic_length;
    bench_arrived();
    MQTTClient_freeMessage(&message);
    MQTTClient_free(topic);
    return 1;
}

static void _on_delivered(void *context, MQTTClient_deliveryToken token)
{
    (void)context;
    (void)token;
    bench_acknowledged();
}

static void _on_lost(void *context, char *cause)
{
    (void)context;
    bench_fail("connection lost: %s", cause != NULL ? cause : "no cause");
}

static void _check(int rc, const char *what)
{
    if (rc != MQTTCLIENT_SUCCESS) {
        bench_fail("cannot %s: %d", what, rc);
    }
}

/* The library's thread looks for news every 100 ms, several times in a connect, so what is about connecting does without it. */
static bool _has_one_thread(const Options *options)
{
    return strcmp(options->task, "latency") == 0 || strcmp(options->task, "connect") == 0 ||
           (strcmp(options->task, "idle") == 0 && options->seconds == 0);
}

static void *_connect(const Options *options, const char *id)
{
    MQTTClient                client;
    MQTTClient_connectOptions tcp       = MQTTClient_connectOptions_initializer;
    MQTTClient_connectOptions websocket = MQTTClient_connectOptions_initializer_ws;
    const Place               place     = bench_place(options->url);
    MQTTClient_connectOptions connect   = place.websocket ? websocket : tcp;
    char                      uri[128];

    snprintf(uri, sizeof(uri), "%s://%s:%d%s", place.websocket ? "ws" : "tcp", place.host, place.port,
             place.websocket ? "/mqtt" : "");
    _check(MQTTClient_create(&client, uri, id, MQTTCLIENT_PERSISTENCE_NONE, NULL), "create");
    if (!_has_one_thread(options)) {
        _check(MQTTClient_setCallbacks(client, NULL, _on_lost, _on_message, _on_delivered), "set callbacks");
    }
    connect.MQTTVersion         = MQTTVERSION_3_1_1;
    connect.keepAliveInterval   = BENCH_KEEP_ALIVE_S;
    connect.cleansession        = 1;
    connect.reliable            = 0;
    connect.maxInflightMessages = BENCH_IN_FLIGHT;
    connect.username            = options->user;
    connect.password            = options->password;
    _check(MQTTClient_connect(client, &connect), "connect");
    return client;
}

static void _disconnect(void *client)
{
    MQTTClient handle = client;

    _check(MQTTClient_disconnect(handle, 1000), "disconnect");
    MQTTClient_destroy(&handle);
}

static void _subscribe(void *client)
{
    _check(MQTTClient_subscribe(client, BENCH_TOPIC, 0), "subscribe");
}

static bool _publish(void *client, int qos, const char *payload, size_t length)
{
    _check(MQTTClient_publish(client, BENCH_TOPIC, (int)length, payload, qos, 0, NULL), "publish");
    return true;
}

static void _serve(void *client, unsigned milliseconds)
{
    MQTTClient_message *message      = NULL;
    char               *topic        = NULL;
    int                 topic_length = 0;

    _check(MQTTClient_receive(client, &topic, &topic_length, &message, milliseconds), "receive");
    if (message != NULL) {
        bench_arrived();
        MQTTClient_freeMessage(&message);
        MQTTClient_free(topic);
    }
}

Contender bench_contender(const Options *options)
{
    Contender paho;

    memset(&paho, 0, sizeof(paho));
    paho.connect    = _connect;
    paho.disconnect = _disconnect;
    paho.subscribe  = _subscribe;
    paho.publish    = _publish;
    paho.serve      = _has_one_thread(options) ? _serve : NULL;
    return paho;
}
