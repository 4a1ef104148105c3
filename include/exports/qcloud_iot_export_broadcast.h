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

/**
 * Takes a broadcast. Runs in the thread that serves the connection (IOT_MQTT_Yield or the loop thread), with no lock held:
 * it may call any function of the client.
 *
 * @param pClient  MQTT client
 * @param msg      content, any bytes, followed by a NUL; valid during the call
 * @param msgLen   bytes of msg, without that NUL
 */
typedef void (*OnBroadcastMessageCallback)(void *pClient, const char *msg, uint32_t msgLen);

/**
 * Has broadcasts delivered: messages of the platform to all devices of a product that are online.
 *
 * Subscribes to the broadcast topic with QOS1 and waits for the answer, serving the connection meanwhile, so handlers
 * may be called; in up to three rounds of 500 ms. The subscription ends with IOT_MQTT_Unsubscribe of
 * $broadcast/rxd/ProductId/DeviceName and with the client; a lost connection renews it. May be called again to
 * replace the callback, and from any thread and any callback.
 *
 * @param pClient   MQTT client
 * @param callback  takes the messages; NULL lets them vanish
 * @return QCLOUD_RET_SUCCESS, also when it was subscribed before; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE when
 *         the platform refused, did not answer, or could not be asked (the log says which)
 *
 * `pClient` is NULL or a live client, `callback` NULL or callable as long as the client lives.
 */
int IOT_Broadcast_Subscribe(void *pClient, OnBroadcastMessageCallback callback);

#ifdef __cplusplus
}
#endif

#endif /* BROADCAST_ENABLED */

#endif /* QCLOUD_IOT_EXPORT_BROADCAST_H_ */
