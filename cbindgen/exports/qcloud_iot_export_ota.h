/*
 * Firmware update: the device reports its version, the platform names a newer one, the device downloads it over HTTP(S)
 * piece by piece, checks it, and reports the result.
 *
 * Typical order: Init, ReportVersion; once IsFetching: StartDownload, then FetchYield until IsFetchFinish; Ioctl with
 * IOT_OTAG_CHECK_FIRMWARE; ReportUpgradeBegin; ReportUpgradeSuccess or ReportUpgradeFail. A handle is used by one thread
 * at a time. The functions are in libraries built with firmware update; results are IOT_OTA_ERR_* where they are
 * negative.
 */
#ifndef QCLOUD_IOT_EXPORT_OTA_H_
#define QCLOUD_IOT_EXPORT_OTA_H_

#include "qcloud_iot_import.h"

#ifdef __cplusplus
extern "C" {
#endif

@rust src/ffi/types/ota.rs
/**
 * Makes a handle and subscribes to update messages, waiting up to 2 s for the answer.
 *
 * @param product_id   product id, copied
 * @param device_name  device name, copied
 * @param ch_signal    MQTT client (or CoAP client, if built so); must outlive the handle
 * @return handle, released with IOT_OTA_Destroy; NULL on failure
 */
void *IOT_OTA_Init(const char *product_id, const char *device_name, void *ch_signal);

/** Releases a handle. @return 0; IOT_OTA_ERR_INVALID_PARAM for NULL */
int IOT_OTA_Destroy(void *handle);

/**
 * Connects to the file server and asks for the file.
 *
 * @param handle  handle
 * @param offset  bytes that are there already, see IOT_OTA_UpdateClientMd5
 * @param size    bytes of the file
 * @return 0, else failure
 */
int IOT_OTA_StartDownload(void *handle, uint32_t offset, uint32_t size);

/** Adds bytes that are there already to the MD5, before a download is resumed. */
void IOT_OTA_UpdateClientMd5(void *handle, char *buff, uint32_t size);

/** Starts the MD5 over. @return 0, else failure */
int IOT_OTA_ResetClientMD5(void *handle);

/** Reports the running version, 1 to 32 characters; to be called once after Init. @return packet id, else failure */
int IOT_OTA_ReportVersion(void *handle, const char *version);

/** Reports that the update begins. @return packet id, else failure */
int IOT_OTA_ReportUpgradeBegin(void *handle);

/** Reports that the update succeeded; version NULL: the one announced. @return packet id, else failure */
int IOT_OTA_ReportUpgradeSuccess(void *handle, const char *version);

/** Reports that the update failed; version NULL: the one announced. @return packet id, else failure */
int IOT_OTA_ReportUpgradeFail(void *handle, const char *version);

/** 1: an update waits to be downloaded, or is being downloaded; else 0. */
int IOT_OTA_IsFetching(void *handle);

/** 1: the download is complete or has failed; else 0. */
int IOT_OTA_IsFetchFinish(void *handle);

/**
 * Receives a piece of the file.
 *
 * @param handle     handle
 * @param buf        takes the piece and a NUL
 * @param buf_len    bytes of buf
 * @param timeout_s  s
 * @return bytes received; 0: none in time; negative: failure
 */
int IOT_OTA_FetchYield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s);

/**
 * Answers a question about the update.
 *
 * @param handle   handle
 * @param type     question; says what buf is
 * @param buf      takes the answer
 * @param buf_len  bytes of buf
 * @return 0, else failure
 */
int IOT_OTA_Ioctl(void *handle, IOT_OTA_CmdType type, void *buf, size_t buf_len);

/** Last failure of the handle, a value of IOT_OTA_Error_Code. */
int IOT_OTA_GetLastError(void *handle);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_OTA_H_ */
