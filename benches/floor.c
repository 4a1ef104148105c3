/*
 * The floor: no library. The same bytes as the others', one send() per message from a buffer made once, and recv() into one
 * buffer, whose messages are told apart by their known length. WebSocket's mask is made once too.
 */
#include "contender.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define MAX_PACKET (17 * 1024)

/* A client of the floor: what it sends again and again, ready made, and how long what it waits for is. */
typedef struct Floor {
    int           fd;
    bool          websocket;
    bool          subscribed;
    int           qos; /* of the frame; -1: none yet */
    size_t        length;
    size_t        frame_length;
    size_t        id_offset; /* of the packet identifier in the frame */
    uint16_t      next_id;
    size_t        message_length;
    size_t        pending; /* bytes of a message that has not come in full */
    unsigned      limit_ms; /* of recv() */
    unsigned char frame[MAX_PACKET];
    unsigned char input[MAX_PACKET];
} Floor;

static const unsigned char sg_mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static size_t _put_string(unsigned char *out, const char *text)
{
    size_t length = strlen(text);

    out[0] = (unsigned char)(length >> 8);
    out[1] = (unsigned char)length;
    memcpy(out + 2, text, length);
    return length + 2;
}

/* Fixed header in front of `length` bytes; how long it is. */
static size_t _put_header(unsigned char *out, unsigned char type, size_t length)
{
    size_t used = 1;

    out[0] = type;
    do {
        out[used] = (unsigned char)((length & 0x7f) | (length > 0x7f ? 0x80 : 0));
        length >>= 7;
        used++;
    } while (length > 0);
    return used;
}

static size_t _websocket_header(unsigned char *out, size_t length, unsigned char mask_bit)
{
    out[0] = 0x82;
    if (length < 126) {
        out[1] = (unsigned char)(length | mask_bit);
        return 2;
    }
    out[1] = (unsigned char)(126 | mask_bit);
    out[2] = (unsigned char)(length >> 8);
    out[3] = (unsigned char)length;
    return 4;
}

/* The packet as it goes over the wire; how long it is. */
static size_t _frame(const Floor *floor, unsigned char type, const unsigned char *body, size_t length, unsigned char *out)
{
    static unsigned char packet[MAX_PACKET];
    size_t               packet_length = _put_header(packet, type, length);
    size_t               used          = 0;

    memcpy(packet + packet_length, body, length);
    packet_length += length;
    if (!floor->websocket) {
        memcpy(out, packet, packet_length);
        return packet_length;
    }
    used = _websocket_header(out, packet_length, 0x80);
    memcpy(out + used, sg_mask, sizeof(sg_mask));
    used += sizeof(sg_mask);
    for (size_t i = 0; i < packet_length; i++) {
        out[used + i] = packet[i] ^ sg_mask[i % 4];
    }
    return used + packet_length;
}

/* Bytes that a packet of the broker with so long a body takes. */
static size_t _incoming_length(const Floor *floor, size_t body)
{
    unsigned char header[8];
    size_t        packet = _put_header(header, 0, body) + body;
    return packet + (floor->websocket ? _websocket_header(header, packet, 0) : 0);
}

static void _send(const Floor *floor, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = send(floor->fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0) {
            bench_fail("cannot send: %s", strerror(errno));
        }
        bytes += sent;
        length -= (size_t)sent;
    }
}

static void _receive_all(Floor *floor, size_t length)
{
    size_t have = 0;

    while (have < length) {
        ssize_t got = recv(floor->fd, floor->input + have, length - have, 0);
        if (got <= 0) {
            bench_fail("nothing came: %s", got == 0 ? "closed" : strerror(errno));
        }
        have += (size_t)got;
    }
}

/* How long recv() may wait; the kernel is told when it changes. */
static void _limit(Floor *floor, unsigned milliseconds)
{
    struct timeval limit;

    limit.tv_sec  = (time_t)(milliseconds / 1000);
    limit.tv_usec = (suseconds_t)(milliseconds % 1000 * 1000);
    if (floor->limit_ms != milliseconds && setsockopt(floor->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0) {
        bench_fail("no limit: %s", strerror(errno));
    }
    floor->limit_ms = milliseconds;
}

static void _request(Floor *floor, unsigned char type, const unsigned char *body, size_t length, size_t answer)
{
    _send(floor, floor->frame, _frame(floor, type, body, length, floor->frame));
    _receive_all(floor, _incoming_length(floor, answer));
}

static void _upgrade(Floor *floor, const Place *place)
{
    char   request[512];
    size_t have = 0;
    int    length =
        snprintf(request, sizeof(request),
                 "GET /mqtt HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                 "Sec-WebSocket-Protocol: mqtt\r\n\r\n",
                 place->host, place->port);

    if (length < 0 || length >= (int)sizeof(request)) {
        bench_fail("request too long");
    }
    _send(floor, (const unsigned char *)request, (size_t)length);
    while (have < 4 || memcmp(floor->input + have - 4, "\r\n\r\n", 4) != 0) {
        ssize_t got = recv(floor->fd, floor->input + have, sizeof(floor->input) - have, 0);
        if (got <= 0) {
            bench_fail("no answer to the upgrade");
        }
        have += (size_t)got;
    }
    if (strncmp((const char *)floor->input, "HTTP/1.1 101", 12) != 0) {
        bench_fail("upgrade refused");
    }
}

static int _open(const Place *place)
{
    struct sockaddr_in address;
    int                on    = 1;
    int                fd    = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_port   = htons((uint16_t)place->port);
    if (fd < 0 || inet_pton(AF_INET, place->host, &address.sin_addr) != 1 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        bench_fail("cannot connect to %s:%d: %s", place->host, place->port, strerror(errno));
    }
    return fd;
}

static void *_connect(const Options *options, const char *id)
{
    Place         place = bench_place(options->url);
    Floor        *floor = (Floor *)calloc(1, sizeof(*floor));
    unsigned char body[512];
    size_t        length = 0;
    unsigned char flags  = 0x02;

    if (floor == NULL) {
        bench_fail("no memory");
    }
    floor->fd             = _open(&place);
    _limit(floor, 10000);
    floor->websocket      = place.websocket;
    floor->qos            = -1;
    floor->message_length = _incoming_length(floor, 2 + strlen(BENCH_TOPIC) + options->payload);
    if (place.websocket) {
        _upgrade(floor, &place);
    }
    if (options->user != NULL && options->password != NULL) {
        flags |= 0xc0;
    }
    length += _put_string(body, "MQTT");
    body[length++] = 4;
    body[length++] = flags;
    body[length++] = 0;
    body[length++] = BENCH_KEEP_ALIVE_S;
    length += _put_string(body + length, id);
    if (flags & 0xc0) {
        length += _put_string(body + length, options->user);
        length += _put_string(body + length, options->password);
    }
    _request(floor, 0x10, body, length, 2);
    return floor;
}

static void _disconnect(void *client)
{
    Floor *floor = (Floor *)client;

    _send(floor, floor->frame, _frame(floor, 0xe0, floor->input, 0, floor->frame));
    close(floor->fd);
    free(floor);
}

static void _subscribe(void *client)
{
    Floor        *floor = (Floor *)client;
    unsigned char body[64];
    size_t        length = 2;

    body[0] = 0;
    body[1] = 1;
    length += _put_string(body + length, BENCH_TOPIC);
    body[length++] = 0;
    _request(floor, 0x82, body, length, 3);
    floor->subscribed = true;
}

static void _make_publish(Floor *floor, int qos, const char *payload, size_t length)
{
    static unsigned char body[MAX_PACKET];
    size_t               used = _put_string(body, BENCH_TOPIC);

    if (qos == 1) {
        body[used++] = 0;
        body[used++] = 0;
    }
    memcpy(body + used, payload, length);
    used += length;
    floor->frame_length = _frame(floor, (unsigned char)(0x30 | (qos << 1)), body, used, floor->frame);
    floor->id_offset    = floor->frame_length - length - 2;
    floor->qos          = qos;
    floor->length       = length;
}

static void _number_publish(Floor *floor)
{
    size_t        header = floor->websocket ? (floor->frame_length - 6 < 126 ? 6 : 8) : 0;
    unsigned char id[2];

    floor->next_id = (uint16_t)(floor->next_id % 1000 + 1);
    id[0]          = (unsigned char)(floor->next_id >> 8);
    id[1]          = (unsigned char)floor->next_id;
    for (size_t i = 0; i < 2; i++) {
        unsigned char mask                 = floor->websocket ? sg_mask[(floor->id_offset - header + i) % 4] : 0;
        floor->frame[floor->id_offset + i] = id[i] ^ mask;
    }
}

static bool _publish(void *client, int qos, const char *payload, size_t length)
{
    Floor *floor = (Floor *)client;

    if (floor->qos != qos || floor->length != length) {
        _make_publish(floor, qos, payload, length);
    }
    if (qos == 1) {
        _number_publish(floor);
    }
    _send(floor, floor->frame, floor->frame_length);
    return true;
}

static void _serve(void *client, unsigned milliseconds)
{
    Floor       *floor = (Floor *)client;
    const size_t unit  = floor->subscribed ? floor->message_length : _incoming_length(floor, 2);
    ssize_t      got;

    _limit(floor, milliseconds);
    got = recv(floor->fd, floor->input, sizeof(floor->input), 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return;
    }
    if (got <= 0) {
        bench_fail("nothing came: %s", got == 0 ? "closed" : strerror(errno));
    }
    for (floor->pending += (size_t)got; floor->pending >= unit; floor->pending -= unit) {
        if (floor->subscribed) {
            bench_arrived();
        } else {
            bench_acknowledged();
        }
    }
}

Contender bench_contender(const Options *options)
{
    Contender floor;

    (void)options;
    memset(&floor, 0, sizeof(floor));
    floor.connect    = _connect;
    floor.disconnect = _disconnect;
    floor.subscribe  = _subscribe;
    floor.publish    = _publish;
    floor.serve      = _serve;
    return floor;
}
