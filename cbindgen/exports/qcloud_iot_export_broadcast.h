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

@rust src/ffi/types/broadcast.rs src/ffi/broadcast.rs
#ifdef __cplusplus
}
#endif

#endif /* BROADCAST_ENABLED */

#endif /* QCLOUD_IOT_EXPORT_BROADCAST_H_ */
