/*
 * libmosquitto, in one thread: the socket is waited for with poll() and served with mosquitto_loop_read() and its like, so
 * that a publish is written by the caller and more than 1,024 descriptors may be open (mosquitto_loop() uses select()).
 */
#include "contender.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <mosquitto.h>

/* Packets taken at one go. */
#define MAX_PACKETS 100

typedef struct Client {
    struct mosquitto *mosquitto;
    bool              answered; /* CONNACK or SUBACK has come */
} Client;

/* By packet identifier of the one client that publishes: a message of QoS 1. */
static bool sg_acknowledged_later[65536];

static void _check(int rc, const char *what)
{
    if (rc != MOSQ_ERR_SUCCESS) {
        bench_fail("cannot %s: %s", what, mosquitto_strerror(rc));
    }
}

static void _on_connect(struct mosquitto *mosquitto, void *context, int rc)
{
    (void)mosquitto;
    if (rc != 0) {
        bench_fail("connection refused: %d", rc);
    }
    ((Client *)context)->answered = true;
}

static void _on_subscribe(struct mosquitto *mosquitto, void *context, int id, int count, const int *granted)
{
    (void)mosquitto;
    (void)id;
    (void)count;
    (void)granted;
    ((Client *)context)->answered = true;
}

/* Called for QoS 0 too, when the message is written. */
static void _on_publish(struct mosquitto *mosquitto, void *context, int id)
{
    (void)mosquitto;
    (void)context;
    if (sg_acknowledged_later[id]) {
        sg_acknowledged_later[id] = false;
        bench_acknowledged();
    }
}

static void _on_message(struct mosquitto *mosquitto, void *context, const struct mosquitto_message *message)
{
    (void)mosquitto;
    (void)context;
    (void)message;
    bench_arrived();
}

static void _serve(void *client, unsigned milliseconds)
{
    struct mosquitto *mosquitto = ((Client *)client)->mosquitto;
    struct pollfd     socket;

    socket.fd      = mosquitto_socket(mosquitto);
    socket.events  = (short)(POLLIN | (mosquitto_want_write(mosquitto) ? POLLOUT : 0));
    socket.revents = 0;
    if (poll(&socket, 1, (int)milliseconds) < 0 && errno != EINTR) {
        bench_fail("cannot wait: %s", strerror(errno));
    }
    if (socket.revents & POLLOUT) {
        _check(mosquitto_loop_write(mosquitto, MAX_PACKETS), "write");
    }
    if (socket.revents & (POLLIN | POLLHUP | POLLERR)) {
        _check(mosquitto_loop_read(mosquitto, MAX_PACKETS), "read");
    }
    _check(mosquitto_loop_misc(mosquitto), "keep the connection");
}

static void _wait_for_answer(Client *client)
{
    const double limit = bench_now() + 10;

    while (!client->answered) {
        if (bench_now() > limit) {
            bench_fail("no answer");
        }
        _serve(client, 100);
    }
    client->answered = false;
}

static void *_connect(const Options *options, const char *id)
{
    const Place place  = bench_place(options->url);
    Client     *client = (Client *)calloc(1, sizeof(*client));

    if (client == NULL) {
        bench_fail("no memory");
    }
    client->mosquitto = mosquitto_new(id, true, client);
    if (client->mosquitto == NULL) {
        bench_fail("no memory");
    }
    mosquitto_connect_callback_set(client->mosquitto, _on_connect);
    mosquitto_subscribe_callback_set(client->mosquitto, _on_subscribe);
    mosquitto_publish_callback_set(client->mosquitto, _on_publish);
    mosquitto_message_callback_set(client->mosquitto, _on_message);
    if (options->user != NULL) {
        _check(mosquitto_username_pw_set(client->mosquitto, options->user, options->password), "take the password");
    }
    _check(mosquitto_int_option(client->mosquitto, MOSQ_OPT_SEND_MAXIMUM, BENCH_IN_FLIGHT), "limit messages in flight");
    _check(mosquitto_connect(client->mosquitto, place.host, place.port, BENCH_KEEP_ALIVE_S), "connect");
    _wait_for_answer(client);
    return client;
}

static void _disconnect(void *context)
{
    Client *client = (Client *)context;

    _check(mosquitto_disconnect(client->mosquitto), "disconnect");
    mosquitto_destroy(client->mosquitto);
    free(client);
}

static void _subscribe(void *context)
{
    Client *client = (Client *)context;

    _check(mosquitto_subscribe(client->mosquitto, NULL, BENCH_TOPIC, 0), "subscribe");
    _wait_for_answer(client);
}

static bool _publish(void *context, int qos, const char *payload, size_t length)
{
    Client *client = (Client *)context;
    int     id     = 0;

    _check(mosquitto_publish(client->mosquitto, &id, BENCH_TOPIC, (int)length, payload, qos, false), "publish");
    sg_acknowledged_later[id] = qos == 1;
    /* What the socket did not take is queued without a limit. */
    while (mosquitto_want_write(client->mosquitto)) {
        _serve(client, 100);
    }
    return true;
}

Contender bench_contender(const Options *options)
{
    Contender contender;

    (void)options;
    _check(mosquitto_lib_init(), "begin");
    memset(&contender, 0, sizeof(contender));
    contender.connect    = _connect;
    contender.disconnect = _disconnect;
    contender.subscribe  = _subscribe;
    contender.publish    = _publish;
    contender.serve      = _serve;
    return contender;
}
