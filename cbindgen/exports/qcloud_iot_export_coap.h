/*
 * CoAP client: sends messages to the platform over DTLS, or over UDP without TLS.
 *
 * The functions are declared in any case; a program that calls them links only with libraries built with
 * FEATURE_COAP_COMM_ENABLED. The functions of one client belong into one thread at a time. Handlers and callbacks
 * run in the thread that calls IOT_COAP_Construct or IOT_COAP_Yield, and what they are given is valid during the
 * call.
 */
#ifndef QCLOUD_IOT_EXPORT_H_
#include "qcloud_iot_export.h"
#endif

#ifndef QCLOUD_IOT_EXPORT_COAP_H_
#define QCLOUD_IOT_EXPORT_COAP_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

@rust src/ffi/types/coap.rs
/** Brace initialiser of SendMsgParams: no response wanted, no content. */
#define DEFAULT_SENDMSG_PARAMS { false, NULL, 0, NULL, NULL }

/** Brace initialiser of CoAPInitParams: default region, no identity, 2 s command timeout, 5 retransmissions. */
#if defined(AUTH_MODE_CERT)
#define DEFAULT_COAPINIT_PARAMS                                                                           \
    { (char *)QCLOUD_IOT_DEFAULT_REGION, NULL, NULL, { 0 }, { 0 }, 2000, 5, { NULL, NULL } }
#else
#define DEFAULT_COAPINIT_PARAMS { (char *)QCLOUD_IOT_DEFAULT_REGION, NULL, NULL, NULL, 2000, 5, { NULL, NULL } }
#endif

/**
 * Makes a client, connects it and logs the device in.
 *
 * Blocks until the server has answered: DTLS handshake, then at the longest (max_retry_count + 1) * command_timeout.
 *
 * @param pParams  parameters, copied; nothing in it is needed after the return. A command timeout outside 500...5000
 *                 ms counts as the nearest of the two
 * @return the client, released with IOT_COAP_Destroy; NULL for NULL, without product id, device name or credential,
 *         when the server cannot be reached or refuses the device; the log says which
 */
void *IOT_COAP_Construct(CoAPInitParams *pParams);

/**
 * Closes the session, releases a client and sets *pClient to NULL. Unanswered messages end without their callbacks.
 *
 * @param pClient  address of the client; NULL and the address of NULL are ignored
 */
void IOT_COAP_Destroy(void **pClient);

/**
 * Receives one datagram, calls the handlers it is for, and sends messages again that nobody has acknowledged.
 *
 * Time-outs and retransmissions happen here only: call it in a loop while answers are expected.
 *
 * @param pClient     client
 * @param timeout_ms  ms to wait for a datagram at the longest
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_DTLS_PEER_CLOSE_NOTIFY when the server has closed the session;
 *         failures of HAL_DTLS_Read, HAL_DTLS_Write or their UDP counterparts
 */
int IOT_COAP_Yield(void *pClient, uint32_t timeout_ms);

/**
 * Sends a message; returns when it is written. The answer comes through IOT_COAP_Yield: to resp_callback if
 * need_resp is true and there is one, else as an event with the message id.
 *
 * @param pClient     client
 * @param topicName   topic of at most 128 bytes that the device may publish to; copied
 * @param sendParams  message, copied; user_context must stay valid until the answer or the time-out
 * @return message id, 1 to 65535; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_MAX_TOPIC_LENGTH; QCLOUD_ERR_COAP_INTERNAL
 *         when the whole message exceeds COAP_SENDMSG_MAX_BUFLEN bytes; failures of HAL_DTLS_Write or HAL_UDP_Write
 */
int IOT_COAP_SendMessage(void *pClient, char *topicName, SendMsgParams *sendParams);

/** Message id of a received message, the one that IOT_COAP_SendMessage returned; QCLOUD_ERR_INVAL for NULL. */
int IOT_COAP_GetMessageId(void *pMessage);

/**
 * Content of a received message.
 *
 * @param pMessage    handle given to a callback
 * @param payload     out: content, part of the message: valid during the callback, not to be released
 * @param payloadLen  out: bytes of the content
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE if the message has no content
 */
int IOT_COAP_GetMessagePayload(void *pMessage, char **payload, int *payloadLen);

/**
 * What a received message stands for.
 *
 * @param pMessage  handle given to a callback
 * @return COAP_EVENT_RECEIVE_RESPCONTENT for an answer with content; COAP_EVENT_UNAUTHORIZED; COAP_EVENT_FORBIDDEN;
 *         COAP_EVENT_INTERNAL_SERVER_ERROR; COAP_EVENT_SEPRESP_TIMEOUT when no answer came in time;
 *         COAP_EVENT_ACK_TIMEOUT else; QCLOUD_ERR_INVAL for NULL
 */
int IOT_COAP_GetMessageCode(void *pMessage);

/** Identity of the client's device, valid as long as the client; NULL for NULL. */
DeviceInfo *IOT_COAP_GetDeviceInfo(void *pClient);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_COAP_H_ */
