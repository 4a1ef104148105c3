/*
 * CoAP client: sends messages to the platform over DTLS, or over UDP without TLS.
 *
 * The functions are in libraries built with COAP_COMM_ENABLED.
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
 * @param pParams  parameters, not kept
 * @return the client, released with IOT_COAP_Destroy; NULL on failure
 */
void *IOT_COAP_Construct(CoAPInitParams *pParams);

/** Releases a client and sets *pClient to NULL; unanswered messages end without their callbacks. */
void IOT_COAP_Destroy(void **pClient);

/**
 * Receives for timeout_ms: calls handlers and sends unacknowledged messages again.
 *
 * @return 0; QCLOUD_ERR_INVAL; QCLOUD_ERR_DTLS_PEER_CLOSE_NOTIFY; failures of DTLS or UDP
 */
int IOT_COAP_Yield(void *pClient, uint32_t timeout_ms);

/**
 * Sends a message.
 *
 * @param pClient     client
 * @param topicName   topic of at most 128 bytes
 * @param sendParams  message, copied
 * @return message id; QCLOUD_ERR_INVAL; QCLOUD_ERR_MAX_TOPIC_LENGTH; QCLOUD_ERR_COAP_INTERNAL: too long; failures of
 *         DTLS or UDP
 */
int IOT_COAP_SendMessage(void *pClient, char *topicName, SendMsgParams *sendParams);

/** Message id of a received message; QCLOUD_ERR_INVAL for NULL. */
int IOT_COAP_GetMessageId(void *pMessage);

/**
 * Content of a received message.
 *
 * @param pMessage    handle given to a callback
 * @param payload     out: content, valid during the callback
 * @param payloadLen  out: bytes of the content
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE if the message has no content
 */
int IOT_COAP_GetMessagePayload(void *pMessage, char **payload, int *payloadLen);

/** Result that a received message stands for: a CoAPEventType; QCLOUD_ERR_INVAL for NULL. */
int IOT_COAP_GetMessageCode(void *pMessage);

/** Identity of the client's device, valid as long as the client; NULL for NULL. */
DeviceInfo *IOT_COAP_GetDeviceInfo(void *pClient);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_COAP_H_ */
