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
 * Takes a call of the platform. Runs in the thread that yields; IOT_RRPC_Reply may be called inside.
 *
 * @param pClient  MQTT client
 * @param msg      request; valid during the call
 * @param msgLen   bytes of msg
 */
typedef void (*OnRRPCMessageCallback)(void *pClient, const char *msg, uint32_t msgLen);

/**
 * Subscribes to calls, waiting up to 1.5 s for the answer.
 *
 * @param pClient   MQTT client
 * @param callback  takes the calls
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE
 */
int IOT_RRPC_Init(void *pClient, OnRRPCMessageCallback callback);

/**
 * Replies to a call: inside the callback to that call, later to the oldest one without a reply.
 *
 * @param pClient       MQTT client
 * @param pJsonDoc      reply, NUL-terminated; sent as it is
 * @param sizeOfBuffer  not used
 * @param replyPara     not used, may be NULL
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_RRPC_REPLY_ERR
 */
int IOT_RRPC_Reply(void *pClient, char *pJsonDoc, size_t sizeOfBuffer, sRRPCReplyPara *replyPara);

#ifdef __cplusplus
}
#endif

#endif /* RRPC_ENABLED */

#endif /* QCLOUD_IOT_EXPORT_RRPC_H_ */
