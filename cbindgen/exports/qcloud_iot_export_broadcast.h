/*
 * Broadcast: messages of the platform to all devices of a product. Empty without BROADCAST_ENABLED.
 */
#ifndef QCLOUD_IOT_EXPORT_BROADCAST_H_
#define QCLOUD_IOT_EXPORT_BROADCAST_H_

#include <stdint.h>

#include "config.h"

#if defined(BROADCAST_ENABLED)

#ifdef __cplusplus
extern "C" {
#endif

@rust src/ffi/types/broadcast.rs
/**
 * Subscribes to broadcasts, waiting up to 1.5 s for the answer.
 *
 * @param pClient   MQTT client
 * @param callback  takes the messages
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE
 */
int IOT_Broadcast_Subscribe(void *pClient, OnBroadcastMessageCallback callback);

#ifdef __cplusplus
}
#endif

#endif /* BROADCAST_ENABLED */

#endif /* QCLOUD_IOT_EXPORT_BROADCAST_H_ */
