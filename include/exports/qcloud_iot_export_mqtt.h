/*
 * MQTT client: connects a device to the platform over TCP, TLS or WebSocket, publishes and receives messages.
 *
 * One client is one connection of one device; a program may have several. With MULTITHREAD_ENABLED all functions may be
 * called from any thread; without it, all functions of a client from one thread at a time. Construct and Destroy of a
 * client must not overlap its other calls, except that Destroy waits for calls that are in progress.
 */
#ifndef QCLOUD_IOT_EXPORT_H_
#include "qcloud_iot_export.h"
#endif

#ifndef QCLOUD_IOT_EXPORT_MQTT_H_
#define QCLOUD_IOT_EXPORT_MQTT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Quality of service of a message or of a subscription. */
typedef enum _QoS {
    /** At most once: sent, not acknowledged. */
    QOS0 = 0,
    /** At least once: acknowledged by the other side. */
    QOS1 = 1,
    /** Exactly once: not offered by the platform, refused with QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT. */
    QOS2 = 2,
} QoS;

/** What an event handler is told, and what `MQTTEventMsg.msg` is then. */
typedef enum MQTTEventType {
    /** Never delivered. */
    MQTT_EVENT_UNDEF = 0,
    /** The connection was lost; once per loss. msg: NULL. */
    MQTT_EVENT_DISCONNECT = 1,
    /** Connected again and the subscriptions are on their way; once per reconnection. msg: NULL. */
    MQTT_EVENT_RECONNECT = 2,
    /** The server granted a subscription. msg: packet id as integer. */
    MQTT_EVENT_SUBCRIBE_SUCCESS = 3,
    /** No answer to a subscription within the command timeout. msg: packet id as integer. */
    MQTT_EVENT_SUBCRIBE_TIMEOUT = 4,
    /** The server refused a subscription. msg: packet id as integer. */
    MQTT_EVENT_SUBCRIBE_NACK = 5,
    /** The server ended a subscription as asked. msg: packet id as integer. */
    MQTT_EVENT_UNSUBCRIBE_SUCCESS = 6,
    /** No answer to an unsubscription within the command timeout. msg: packet id as integer. */
    MQTT_EVENT_UNSUBCRIBE_TIMEOUT = 7,
    /** Never delivered: MQTT 3.1.1 has no refusal of an unsubscription. */
    MQTT_EVENT_UNSUBCRIBE_NACK = 8,
    /** The server has a QOS1 message. msg: packet id as integer. */
    MQTT_EVENT_PUBLISH_SUCCESS = 9,
    /** No acknowledgement of a QOS1 message within the command timeout; not sent again. msg: packet id as integer. */
    MQTT_EVENT_PUBLISH_TIMEOUT = 10,
    /** The server refused a QOS1 message. msg: packet id as integer. */
    MQTT_EVENT_PUBLISH_NACK = 11,
    /** A message came that no message handler took. msg: MQTTMessage *, valid during the call. */
    MQTT_EVENT_PUBLISH_RECVEIVED = 12,
    /** The client is being destroyed; to the event handlers of subscriptions only. */
    MQTT_EVENT_CLIENT_DESTROY = 13,
    /** The subscription was removed with IOT_MQTT_Unsubscribe; to its own event handler only. */
    MQTT_EVENT_UNSUBSCRIBE = 14,
    /** The platform asks the gateway to search for sub-devices. msg: int32_t *, valid during the call. */
    MQTT_EVENT_GATEWAY_SEARCH = 15,
    /** The platform has unbound all sub-devices of the gateway. msg: NULL. */
    MQTT_EVENT_GATEWAY_UNBIND_ALL = 16,
} MQTTEventType;

/**
 * A message to publish or received.
 *
 * In a received message all pointers are valid during the handler only. Topic and payload are each followed by a NUL
 * byte that is not counted, and both may be changed in place.
 */
typedef struct MQTTMessage {
    /** QOS0 or QOS1. */
    QoS qos;
    /** 1: the server keeps the message for later subscribers. */
    uint8_t retained;
    /** Received: 1 if the server sent it before. Ignored when publishing. */
    uint8_t dup;
    /** Packet id: received with QOS1, or written by IOT_MQTT_Publish with QOS1. */
    uint16_t id;
    /** Received: topic of the message. Ignored when publishing. */
    const char *ptopic;
    /** Bytes of ptopic, terminator not counted. */
    size_t topic_len;
    /** Content; any bytes. Must not be NULL when publishing, also if payload_len is 0. */
    void *payload;
    /** Bytes of payload. */
    size_t payload_len;
} MQTTMessage;

/** What IOT_MQTT_Publish takes; see DEFAULT_PUB_PARAMS. */
typedef MQTTMessage PublishParams;

/**
 * Takes the messages of a subscription.
 *
 * Runs in the thread that calls IOT_MQTT_Yield, or in the loop thread. All functions of the client may be called.
 *
 * @param pClient    client that received the message
 * @param message    the message; valid during the call only
 * @param pUserData  SubscribeParams.user_data
 */
typedef void (*OnMessageHandler)(void *pClient, MQTTMessage *message, void *pUserData);

/**
 * Takes the events of one subscription: 3, 4, 5, 13 and 14 of MQTTEventType.
 *
 * Runs in the thread that calls IOT_MQTT_Yield, IOT_MQTT_Unsubscribe or IOT_MQTT_Destroy, or in the loop thread.
 *
 * @param pClient     client of the subscription
 * @param event_type  what happened
 * @param pUserData   SubscribeParams.user_data
 */
typedef void (*OnSubEventHandler)(void *pClient, MQTTEventType event_type, void *pUserData);

/** What IOT_MQTT_Subscribe takes; see DEFAULT_SUB_PARAMS. Copied before the call returns. */
typedef struct SubscribeParams {
    /** Highest quality the server may deliver with: QOS0 or QOS1. */
    QoS qos;
    /** Takes the messages; NULL: they go to the client's event handler as event 12. */
    OnMessageHandler on_message_handler;
    /** Takes the events of this subscription; may be NULL. */
    OnSubEventHandler on_sub_event_handler;
    /** Handed to both handlers; must stay valid until event 13 or 14. */
    void *user_data;
} SubscribeParams;

/** An event of a client. */
typedef struct MQTTEventMsg {
    /** What happened. */
    MQTTEventType event_type;
    /** Depends on event_type: a packet id as `(uintptr_t)msg`, a pointer, or NULL. */
    void *msg;
} MQTTEventMsg;

/**
 * Takes the events of a client.
 *
 * Runs in the thread that calls IOT_MQTT_Yield, or in the loop thread. All functions of the client may be called.
 *
 * @param pclient  client the event belongs to
 * @param context  MQTTEventHandler.context
 * @param msg      the event; valid during the call only
 */
typedef void (*MQTTEventHandleFun)(void *pclient, void *context, MQTTEventMsg *msg);

/** Event handler of a client and its context. */
typedef struct MQTTEventHandler {
    /** Takes the events; may be NULL. */
    MQTTEventHandleFun h_fp;
    /** Handed to h_fp; must stay valid as long as the client. */
    void *context;
} MQTTEventHandler;

#if !defined(AUTH_MODE_CERT)
/** What IOT_MQTT_Construct takes; see DEFAULT_MQTTINIT_PARAMS. All strings are copied before the call returns. */
typedef struct MQTTInitParams {
    /**
     * Region of the platform, such as "china"; or the URL of a server: ws://, wss://, mqtt:// or mqtts:// with
     * host[:port][/path].
     */
    char *region;
    /** Product id. */
    char *product_id;
    /** Device name. */
    char *device_name;
    /** Device secret, base64. */
    char *device_secret;
    /** ms until an unanswered request counts as failed: 500 to 20000; other values are corrected here. */
    uint32_t command_timeout;
    /** ms without traffic after which a ping is sent: up to 690000, below 1000 none. */
    uint32_t keep_alive_interval_ms;
    /** 1: the server forgets the session when the connection ends. */
    uint8_t clean_session;
    /** 1: a lost connection is made again inside IOT_MQTT_Yield or the loop thread. */
    uint8_t auto_connect_enable;
    /** Takes the events of the client. */
    MQTTEventHandler event_handle;
    /** Out: why IOT_MQTT_Construct returned NULL (IoT_Return_Code). */
    int err_code;
} MQTTInitParams;
#endif

#if defined(AUTH_MODE_CERT)
/** What IOT_MQTT_Construct takes; see DEFAULT_MQTTINIT_PARAMS. All strings are copied before the call returns. */
typedef struct MQTTInitParams {
    /**
     * Region of the platform, such as "china"; or the URL of a server: ws://, wss://, mqtt:// or mqtts:// with
     * host[:port][/path].
     */
    char *region;
    /** Product id. */
    char *product_id;
    /** Device name. */
    char *device_name;
    /** Path of the device certificate (PEM), FILE_PATH_MAX_LEN bytes with the terminator. */
    char cert_file[256];
    /** Path of the device's private key (PEM), FILE_PATH_MAX_LEN bytes with the terminator. */
    char key_file[256];
    /** ms until an unanswered request counts as failed: 500 to 20000; other values are corrected here. */
    uint32_t command_timeout;
    /** ms without traffic after which a ping is sent: up to 690000, below 1000 none. */
    uint32_t keep_alive_interval_ms;
    /** 1: the server forgets the session when the connection ends. */
    uint8_t clean_session;
    /** 1: a lost connection is made again inside IOT_MQTT_Yield or the loop thread. */
    uint8_t auto_connect_enable;
    /** Takes the events of the client. */
    MQTTEventHandler event_handle;
    /** Out: why IOT_MQTT_Construct returned NULL (IoT_Return_Code). */
    int err_code;
} MQTTInitParams;
#endif

/** Brace initialiser of PublishParams: QOS0, not retained, no payload. */
#define DEFAULT_PUB_PARAMS { QOS0, 0, 0, 0, NULL, 0, NULL, 0 }

/** Brace initialiser of SubscribeParams: QOS0, no handlers. */
#define DEFAULT_SUB_PARAMS { QOS0, NULL, NULL, NULL }

/** Brace initialiser of MQTTInitParams: default region, no identity, 5 s command timeout, 240 s keep-alive. */
#if defined(AUTH_MODE_CERT)
#define DEFAULT_MQTTINIT_PARAMS                                                                           \
    { (char *)QCLOUD_IOT_DEFAULT_REGION, NULL, NULL, { 0 }, { 0 }, 5000, 240 * 1000, 1, 1, { NULL, NULL }, 0 }
#else
#define DEFAULT_MQTTINIT_PARAMS                                                                           \
    { (char *)QCLOUD_IOT_DEFAULT_REGION, NULL, NULL, NULL, 5000, 240 * 1000, 1, 1, { NULL, NULL }, 0 }
#endif

/**
 * Creates a client and connects it; returns when the server has accepted the connection.
 *
 * Blocks no longer than name look-up and TCP connect (command timeout, at least 5 s), TLS handshake (the same),
 * WebSocket upgrade (10 s) and the answer to CONNECT (command timeout) may take.
 *
 * @param pParams  parameters; nothing in it is needed after the return. A command timeout outside 500...20000 ms is
 *                 corrected in place; err_code is set when NULL is returned
 * @return client to be released with IOT_MQTT_Destroy, or NULL
 *
 * `pParams` is NULL or valid, and its texts are NULL or NUL-terminated.
 */
void *IOT_MQTT_Construct(MQTTInitParams *pParams);

/**
 * Disconnects and releases a client.
 *
 * Ends the loop thread, waits until other threads have left the client, sends DISCONNECT, and tells each
 * subscription MQTT_EVENT_CLIENT_DESTROY in the calling thread. May be called from the client's own callbacks.
 *
 * @param pClient  address of the client, which becomes NULL
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_MQTT_NO_CONN if it was not connected, or the
 *         error of the last write: the client is released then too
 *
 * `pClient` is NULL or points to NULL or to a live client, which no later call uses.
 */
int IOT_MQTT_Destroy(void **pClient);

/**
 * Serves the connection for a time: receives, calls handlers, reports time-outs, keeps alive, reconnects.
 *
 * While a loop thread runs, or another thread is inside, it only sleeps and returns 0.
 *
 * @param pClient     client
 * @param timeout_ms  how long; 0 is invalid unless a loop thread runs
 * @return QCLOUD_RET_SUCCESS; QCLOUD_RET_MQTT_RECONNECTED when the connection came back at the end of the time;
 *         QCLOUD_RET_MQTT_MANUALLY_DISCONNECTED; QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT;
 *         QCLOUD_ERR_MQTT_RECONNECT_TIMEOUT once for each series of attempts that failed; QCLOUD_ERR_MQTT_NO_CONN
 *         without auto connect; QCLOUD_ERR_MQTT_SUB, QCLOUD_ERR_BUF_TOO_SHORT, QCLOUD_ERR_RX_MESSAGE_INVAL at
 *         once when the server refused a subscription, sent too large a packet or an unexpected one;
 *         QCLOUD_ERR_MALLOC when there was no memory for a message, or none for anything all the time;
 *         QCLOUD_ERR_INVAL
 *
 * `pClient` is NULL or a live client.
 */
int IOT_MQTT_Yield(void *pClient, uint32_t timeout_ms);

/**
 * Publishes a message; returns when it is written, within the command timeout.
 *
 * A QOS1 message is reported by MQTT_EVENT_PUBLISH_SUCCESS or MQTT_EVENT_PUBLISH_TIMEOUT.
 *
 * @param pClient    client
 * @param topicName  topic, at most 128 bytes, without wildcards; copied
 * @param pParams    qos, retained, payload and payload_len are used; id is written for QOS1. Nothing is kept
 * @return packet id for QOS1, the unchanged id of pParams for QOS0, or an error: QCLOUD_ERR_INVAL,
 *         QCLOUD_ERR_MAX_TOPIC_LENGTH, QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT, QCLOUD_ERR_MQTT_NO_CONN,
 *         QCLOUD_ERR_BUF_TOO_SHORT, QCLOUD_ERR_FAILURE when 20 messages are waiting, QCLOUD_ERR_MALLOC, or that of the write
 *
 * `pClient` is NULL or a live client, `topicName` NULL or NUL-terminated, `pParams` NULL or valid with a payload of
 * `payload_len` bytes.
 */
int IOT_MQTT_Publish(void *pClient, char *topicName, PublishParams *pParams);

/**
 * Subscribes to a topic filter. The answer comes as MQTT_EVENT_SUBCRIBE_SUCCESS, _NACK or _TIMEOUT.
 *
 * Messages that arrive before the answer reach the handler already.
 *
 * @param pClient      client
 * @param topicFilter  filter, at most 128 bytes; copied
 * @param pParams      handlers may be NULL; copied, but user_data must live as long as the subscription
 * @return packet id, or an error: QCLOUD_ERR_INVAL, QCLOUD_ERR_MAX_TOPIC_LENGTH, QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT,
 *         QCLOUD_ERR_MQTT_NO_CONN, QCLOUD_ERR_MQTT_MAX_SUBSCRIPTIONS, QCLOUD_ERR_MALLOC, or that of the write
 *
 * `pClient` is NULL or a live client, `topicFilter` NULL or NUL-terminated, `pParams` NULL or valid.
 */
int IOT_MQTT_Subscribe(void *pClient, char *topicFilter, SubscribeParams *pParams);

/**
 * Removes all subscriptions with this filter and asks the server to forget them.
 *
 * Each removed subscription is told MQTT_EVENT_UNSUBSCRIBE in the calling thread, before anything is sent. The answer
 * comes as MQTT_EVENT_UNSUBCRIBE_SUCCESS or _TIMEOUT.
 *
 * @param pClient      client
 * @param topicFilter  exactly the text subscribed with
 * @return packet id, or an error: QCLOUD_ERR_INVAL, QCLOUD_ERR_MAX_TOPIC_LENGTH, QCLOUD_ERR_MQTT_UNSUB_FAIL when there
 *         is no such subscription, QCLOUD_ERR_MQTT_NO_CONN, QCLOUD_ERR_MQTT_MAX_SUBSCRIPTIONS, QCLOUD_ERR_MALLOC, or that of
 *         the write
 *
 * `pClient` is NULL or a live client, `topicFilter` NULL or NUL-terminated.
 */
int IOT_MQTT_Unsubscribe(void *pClient, char *topicFilter);

/**
 * Whether the server has granted a subscription with exactly this filter and it was not removed since.
 *
 * It stays true while the connection is lost.
 *
 * `pClient` is NULL or a live client, `topicFilter` NULL or NUL-terminated.
 */
bool IOT_MQTT_IsSubReady(void *pClient, char *topicFilter);

/**
 * Whether the client is connected; false for NULL.
 *
 * `pClient` is NULL or a live client.
 */
bool IOT_MQTT_IsConnected(void *pClient);

/**
 * Code of the last Construct of the calling thread that returned NULL, also of a service; QCLOUD_ERR_FAILURE if there
 * was none.
 */
int IOT_MQTT_GetErrCode(void);

/**
 * Identity of the client's device; NULL for NULL. Belongs to the client and ends with it.
 *
 * `pClient` is NULL or a live client.
 */
DeviceInfo *IOT_MQTT_GetDeviceInfo(void *pClient);

#if defined(MULTITHREAD_ENABLED)
/**
 * Starts a thread that serves the connection, so that nobody needs to call IOT_MQTT_Yield.
 *
 * It ends with IOT_MQTT_StopLoop, IOT_MQTT_Destroy, or by itself when the client is disconnected for good or a series
 * of attempts to reconnect has failed.
 *
 * @param pClient  client
 * @return QCLOUD_RET_SUCCESS, also if it runs already; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without a thread
 *
 * `pClient` is NULL or a live client.
 */
int IOT_MQTT_StartLoop(void *pClient);
#endif

#if defined(MULTITHREAD_ENABLED)
/**
 * Ends the thread of IOT_MQTT_StartLoop and waits for its end; from inside that thread it only asks it to end.
 *
 * `pClient` is NULL or a live client.
 */
void IOT_MQTT_StopLoop(void *pClient);
#endif

#if defined(MULTITHREAD_ENABLED)
/**
 * Whether the loop thread runs.
 *
 * @param pClient    client; false for NULL
 * @param exit_code  out, may be NULL: what the thread ended with: 0 when stopped, QCLOUD_ERR_MQTT_RECONNECT_TIMEOUT,
 *                   QCLOUD_ERR_MQTT_NO_CONN or QCLOUD_RET_MQTT_MANUALLY_DISCONNECTED
 *
 * `pClient` is NULL or a live client, `exit_code` NULL or writable.
 */
bool IOT_MQTT_GetLoopStatus(void *pClient, int *exit_code);
#endif

#if defined(MULTITHREAD_ENABLED)
/**
 * Sets the running flag alone: true makes IOT_MQTT_Yield a plain sleep, false ends a running loop thread.
 *
 * `pClient` is NULL or a live client.
 */
void IOT_MQTT_SetLoopStatus(void *pClient, bool loop_status);
#endif

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_MQTT_H_ */
