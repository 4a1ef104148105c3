/*
 * RRPC: the platform calls the device and waits for the reply. Empty without RRPC_ENABLED.
 */
#ifndef QCLOUD_IOT_EXPORT_RRPC_H_
#define QCLOUD_IOT_EXPORT_RRPC_H_

#include <stdint.h>

#include "qcloud_iot_import.h"

#if defined(RRPC_ENABLED)

#ifdef __cplusplus
extern "C" {
#endif

/** Size of sRRPCReplyPara.status_msg. */
#define MAX_RRPC_REPLY_STATUS_LEN 64

/** Longest process id in a request topic. */
#define MAX_RRPC_PROCESS_ID_LEN 16

/** Result of a call. */
typedef enum _eRRPCReplyCode_ {
    /** Done. */
    eRRPC_SUCCESS = 0,
    /** Failed. */
    eRRPC_FAIL = -1,
} eRRPCReplyCode;

/**
 * Takes a call of the platform. Runs in the thread that serves the connection (IOT_MQTT_Yield or the loop thread), with no
 * lock held: it may call any function of the client, IOT_RRPC_Reply above all.
 *
 * @param pClient  MQTT client
 * @param msg      request, any bytes, followed by a NUL; valid during the call
 * @param msgLen   bytes of msg, without that NUL
 */
typedef void (*OnRRPCMessageCallback)(void *pClient, const char *msg, uint32_t msgLen);

/** Result of a call; not sent, the reply text of IOT_RRPC_Reply is. */
typedef struct _sRRPCReplyPara {
    /** Result. */
    eRRPCReplyCode code;
    /** Text for people. */
    char status_msg[64];
    /** Further data. */
    char *user_data;
    /** Bytes of user_data. */
    size_t user_data_len;
} sRRPCReplyPara;

/**
 * Has calls of the platform delivered, which waits a few seconds (4 to 10) for the reply to each.
 *
 * Subscribes to the call topic and waits for the answer, serving the connection meanwhile, so handlers may be called; in
 * up to three rounds of 500 ms. The subscription ends with IOT_MQTT_Unsubscribe of $rrpc/rxd/ProductId/DeviceName/+ and
 * with the client; a lost connection renews it. May be called again to replace the callback, and from any thread and any
 * callback.
 *
 * @param pClient   MQTT client
 * @param callback  takes the calls; NULL lets them pass, to be replied to all the same
 * @return QCLOUD_RET_SUCCESS, also when it was subscribed before; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE when
 *         the platform refused, did not answer, or could not be asked (the log says which)
 *
 * `pClient` is NULL or a live client, `callback` NULL or callable as long as the client lives.
 */
int IOT_RRPC_Init(void *pClient, OnRRPCMessageCallback callback);

/**
 * Replies to a call. The text is published as it is, with QOS0; nothing is kept.
 *
 * Inside the callback it goes to the call being delivered. Outside, or from another thread, it goes to the oldest call of
 * the last 10 s without a reply; if there is none, to the call of the last reply once more, until another call comes.
 * A reply that could not be sent leaves its call waiting.
 *
 * @param pClient       MQTT client
 * @param pJsonDoc      reply, NUL-terminated, at most 16 KiB; any text
 * @param sizeOfBuffer  not used
 * @param replyPara     not used, may be NULL
 * @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_RRPC_REPLY_ERR without a call to reply to, and when
 *         the reply could not be sent (the log says why)
 *
 * `pClient` is NULL or a live client, `pJsonDoc` NULL or NUL-terminated.
 */
int IOT_RRPC_Reply(void *pClient, char *pJsonDoc, size_t sizeOfBuffer, sRRPCReplyPara *replyPara);

#ifdef __cplusplus
}
#endif

#endif /* RRPC_ENABLED */

#endif /* QCLOUD_IOT_EXPORT_RRPC_H_ */
