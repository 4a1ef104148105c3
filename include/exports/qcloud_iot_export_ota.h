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

/** What IOT_OTA_GetLastError and the OTA functions report. */
typedef enum IOT_OTA_Error_Code {
    /** Failed without a more precise reason. */
    IOT_OTA_ERR_FAIL = -1,
    /** An argument is NULL or not allowed. */
    IOT_OTA_ERR_INVALID_PARAM = -2,
    /** Not possible in the present state. */
    IOT_OTA_ERR_INVALID_STATE = -3,
    /** A text is too long. */
    IOT_OTA_ERR_STR_TOO_LONG = -4,
    /** The download failed. */
    IOT_OTA_ERR_FETCH_FAILED = -5,
    /** The file does not exist (404). */
    IOT_OTA_ERR_FETCH_NOT_EXIST = -6,
    /** The download is not authorised (403). */
    IOT_OTA_ERR_FETCH_AUTH_FAIL = -7,
    /** The download stalled. */
    IOT_OTA_ERR_FETCH_TIMEOUT = -8,
    /** No memory. */
    IOT_OTA_ERR_NOMEM = -9,
    /** Signal channel failed. */
    IOT_OTA_ERR_OSC_FAILED = -10,
    /** The platform refused the version report. */
    IOT_OTA_ERR_REPORT_VERSION = -11,
    /** No error. */
    IOT_OTA_ERR_NONE = 0,
} IOT_OTA_Error_Code;

/** State of an update. */
typedef enum IOT_OTA_State_Code {
    /** Before IOT_OTA_Init. */
    IOT_OTAS_UNINITED = 0,
    /** Waiting for an update. */
    IOT_OTAS_INITED = 1,
    /** An update is there to be downloaded. */
    IOT_OTAS_FETCHING = 2,
    /** Download complete or failed. */
    IOT_OTAS_FETCHED = 3,
    /** No connection to the file server. */
    IOT_OTAS_DISCONNECTED = 4,
} IOT_OTA_State_Code;

/** Progress of an update. */
typedef enum IOT_OTA_Progress_Code {
    /** Writing the firmware failed. */
    IOT_OTAP_BURN_FAILED = -4,
    /** The check of the firmware failed. */
    IOT_OTAP_CHECK_FALIED = -3,
    /** The download failed. */
    IOT_OTAP_FETCH_FAILED = -2,
    /** Failed for another reason. */
    IOT_OTAP_GENERAL_FAILED = -1,
    /** Start of the download, in percent. */
    IOT_OTAP_FETCH_PERCENTAGE_MIN = 0,
    /** End of the download, in percent. */
    IOT_OTAP_FETCH_PERCENTAGE_MAX = 100,
} IOT_OTA_Progress_Code;

/** What IOT_OTA_Ioctl answers. */
typedef enum IOT_OTA_CmdType {
    /** Bytes downloaded; buf: uint32_t. */
    IOT_OTAG_FETCHED_SIZE = 0,
    /** Bytes of the file; buf: uint32_t. */
    IOT_OTAG_FILE_SIZE = 1,
    /** MD5 of the file as 32 hex digits; buf: 33 bytes. */
    IOT_OTAG_MD5SUM = 2,
    /** Version of the file; buf: text. */
    IOT_OTAG_VERSION = 3,
    /** Whether MD5 and size are right, 1 or 0; buf: uint32_t. */
    IOT_OTAG_CHECK_FIRMWARE = 4,
} IOT_OTA_CmdType;

/** What is reported to the platform. */
typedef enum IOT_OTAReportType {
    /** The download stalled. */
    IOT_OTAR_DOWNLOAD_TIMEOUT = -1,
    /** The file does not exist. */
    IOT_OTAR_FILE_NOT_EXIST = -2,
    /** The download is not authorised. */
    IOT_OTAR_AUTH_FAIL = -3,
    /** The MD5 is wrong. */
    IOT_OTAR_MD5_NOT_MATCH = -4,
    /** The update failed. */
    IOT_OTAR_UPGRADE_FAIL = -5,
    /** Nothing. */
    IOT_OTAR_NONE = 0,
    /** Download begins. */
    IOT_OTAR_DOWNLOAD_BEGIN = 1,
    /** Download goes on. */
    IOT_OTAR_DOWNLOADING = 2,
    /** The update begins. */
    IOT_OTAR_UPGRADE_BEGIN = 3,
    /** The update succeeded. */
    IOT_OTAR_UPGRADE_SUCCESS = 4,
} IOT_OTAReportType;

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
