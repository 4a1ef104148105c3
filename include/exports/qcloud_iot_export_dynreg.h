/*
 * Dynamic registration: a device that knows its product secret gets a credential of its own.
 *
 * The function is declared in any case; a program that calls it links only with libraries built with
 * FEATURE_DEV_DYN_REG_ENABLED, which also gives DeviceInfo its product_secret. It needs no client and calls back
 * nobody.
 */
#ifndef QCLOUD_IOT_EXPORT_H_
#include "qcloud_iot_export.h"
#endif

#ifndef QLCOUD_IOT_EXPORT_DYNREG_H_
#define QLCOUD_IOT_EXPORT_DYNREG_H_

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Registers the device with the platform over HTTP(S) and waits for the answer, some seconds at the longest.
 *
 * @param pDevInfo  in: product_id, device_name, product_secret, region; out, on success only: device_secret, or the
 *                  names of the certificate and key files saved below ./certs. Saving it is up to the program, see
 *                  HAL_SetDevInfo.
 * @return 0; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE for a product secret that is too short, when the platform
 *         refuses, or when the files cannot be written; QCLOUD_ERR_HTTP* without a usable answer. pDevInfo is
 *         unchanged then
 */
int IOT_DynReg_Device(DeviceInfo *pDevInfo);

#ifdef __cplusplus
}
#endif

#endif /* QLCOUD_IOT_EXPORT_DYNREG_H_ */
