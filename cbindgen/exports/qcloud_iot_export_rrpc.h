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

@rust src/ffi/types/rrpc.rs
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
