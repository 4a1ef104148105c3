/*
 * Dynamic registration: a device that knows its product secret gets a credential of its own.
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
 * Registers the device with the platform over HTTP(S) and waits for the answer.
 *
 * Only in libraries built with DEV_DYN_REG_ENABLED.
 *
 * @param pDevInfo  in: product_id, device_name, product_secret, region; out, on success only: device_secret, or the
 *                  names of the certificate and key files saved below ./certs. Saving it is up to the program, see
 *                  HAL_SetDevInfo.
 * @return 0; QCLOUD_ERR_INVAL; QCLOUD_ERR_FAILURE; QCLOUD_ERR_HTTP*
 */
int IOT_DynReg_Device(DeviceInfo *pDevInfo);

#ifdef __cplusplus
}
#endif

#endif /* QLCOUD_IOT_EXPORT_DYNREG_H_ */
