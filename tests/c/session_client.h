/* A client that counts what happens to it, for test programs that run whole sessions. */
#ifndef SESSION_CLIENT_H_
#define SESSION_CLIENT_H_

#include <stdbool.h>

#include "qcloud_iot_export.h"

#define SESSION_PAYLOAD_LEN 64

typedef struct {
    void *client;
    /* PRODUCT/DEVICE/data */
    char topic[160];
    /* Events so far. */
    int lost;
    int reconnected;
    int granted;
    int subscribe_timeouts;
    int subscribe_refusals;
    int acked;
    int publish_timeouts;
    /* Messages so far, and the last one. */
    int  received;
    char payload[SESSION_PAYLOAD_LEN];
    /* Results of Yield other than 0, 1 and -105 (reconnecting), and its longest call. */
    int  odd_yields;
    int  last_odd_yield;
    long longest_yield_ms;
} Session;

/* Milliseconds of the monotonic clock. */
long now_ms(void);

/* One line on standard output, at once. */
void say(const char *format, ...);

/*
 * Constructs the client; in certificate builds secret is what the names of its files begin with, up to .cert.pem and
 * .key.pem. Returns 0 or the error of Construct;
 * prints "construct = <code> ms=<duration>".
 */
int session_open(Session *session, char *product, char *device, char *secret, int timeout_ms, int keep_alive_ms);

/* Subscribes the topic with QOS1; the result of IOT_MQTT_Subscribe. */
int session_subscribe(Session *session);

/* Publishes text on the topic; the result of IOT_MQTT_Publish. */
int session_publish(Session *session, QoS qos, const char *text);

/* One IOT_MQTT_Yield, whose result and duration are noted. */
int session_yield(Session *session, int ms);

/* Sleeps until a client is told something, this long at most: for programs whose loop thread does the work. */
void session_sleep(int ms);

/* Ends all connections of the process, as if the network had. */
void session_cut(void);

/* Yields until the counter has reached the value; false if that takes longer than the limit. */
bool session_wait(Session *session, const int *counter, int value, long limit_ms);

/* Destroys the client and prints "destroy = <code> ms=<duration>"; returns the code. */
int session_close(Session *session);

#endif
