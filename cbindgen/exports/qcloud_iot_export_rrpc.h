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

@rust src/ffi/types/rrpc.rs src/ffi/rrpc.rs
#ifdef __cplusplus
}
#endif

#endif /* RRPC_ENABLED */

#endif /* QCLOUD_IOT_EXPORT_RRPC_H_ */
