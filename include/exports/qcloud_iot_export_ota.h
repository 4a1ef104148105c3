/*
 * Firmware update: the device reports its version, the platform names a newer one, the device downloads it over
 * HTTP(S) piece by piece, checks it, and reports the result.
 *
 * Typical order: Init, ReportVersion; once IsFetching: StartDownload, then FetchYield until IsFetchFinish; Ioctl with
 * IOT_OTAG_CHECK_FIRMWARE; ReportUpgradeBegin; ReportUpgradeSuccess or ReportUpgradeFail. Serve the MQTT client
 * meanwhile: the platform's messages reach the handle through it.
 *
 * The functions are declared in any case; a program that calls them links only with libraries built with
 * FEATURE_OTA_COMM_ENABLED. A handle is used by one thread at a time and calls back nobody. Where a result is
 * negative it is a value of IOT_OTA_Error_Code, unless a description names another; IOT_OTA_GetLastError gives the
 * cause of the last failure.
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
 * @return handle, released with IOT_OTA_Destroy before its client; NULL for NULL, without memory, or without answer
 */
void *IOT_OTA_Init(const char *product_id, const char *device_name, void *ch_signal);

/** Ends the subscription and a download, and releases a handle. @return 0; IOT_OTA_ERR_INVALID_PARAM for NULL */
int IOT_OTA_Destroy(void *handle);

/**
 * Connects to the file server and asks for the file, in state IOT_OTAS_FETCHING. A download that goes on is ended
 * first.
 *
 * @param handle  handle
 * @param offset  bytes that are there already, see IOT_OTA_UpdateClientMd5; 0 starts the MD5 over
 * @param size    bytes of the file, from IOT_OTAG_FILE_SIZE
 * @return 0; IOT_OTA_ERR_INVALID_PARAM for NULL; IOT_OTA_ERR_INVALID_STATE; QCLOUD_ERR_HTTP* without connection, the
 *         state is IOT_OTAS_DISCONNECTED then and another attempt is allowed
 */
int IOT_OTA_StartDownload(void *handle, uint32_t offset, uint32_t size);

/**
 * Adds bytes that are there already to the MD5, in their order, before a download is resumed.
 *
 * @param handle  handle; NULL is ignored
 * @param buff    bytes, not kept
 * @param size    count of buff
 */
void IOT_OTA_UpdateClientMd5(void *handle, char *buff, uint32_t size);

/** Starts the MD5 over. @return 0; IOT_OTA_ERR_INVALID_PARAM for NULL; QCLOUD_ERR_FAILURE without memory */
int IOT_OTA_ResetClientMD5(void *handle);

/**
 * Reports the running version. To be called once after IOT_OTA_Init: before it the platform offers no update.
 *
 * @param handle   handle, whose state becomes IOT_OTAS_INITED
 * @param version  1 to 32 characters, copied
 * @return packet id; IOT_OTA_ERR_INVALID_PARAM for NULL; QCLOUD_ERR_FAILURE for another length or when the message
 *         cannot be sent
 */
int IOT_OTA_ReportVersion(void *handle, const char *version);

/** Reports that the update begins. @return packet id; IOT_OTA_ERR_INVALID_PARAM for NULL; QCLOUD_ERR_FAILURE */
int IOT_OTA_ReportUpgradeBegin(void *handle);

/**
 * Reports that the update succeeded; the handle then waits for the next one.
 *
 * @param handle   handle
 * @param version  1 to 32 characters, copied; NULL: the one announced
 * @return packet id; IOT_OTA_ERR_INVALID_PARAM for NULL, or if no version was announced; QCLOUD_ERR_FAILURE for
 *         another length or when the message cannot be sent
 */
int IOT_OTA_ReportUpgradeSuccess(void *handle, const char *version);

/** Reports that the update failed; parameters and results are those of IOT_OTA_ReportUpgradeSuccess. */
int IOT_OTA_ReportUpgradeFail(void *handle, const char *version);

/** 1: an update waits to be downloaded, or is being downloaded; else 0, also for NULL. */
int IOT_OTA_IsFetching(void *handle);

/** 1: the download is complete or has failed; else 0, also for NULL. */
int IOT_OTA_IsFetchFinish(void *handle);

/**
 * Receives a piece of the file, adds it to the MD5, and reports the progress about once a second.
 *
 * @param handle     handle in state IOT_OTAS_FETCHING
 * @param buf        takes the piece and a NUL; belongs to the caller
 * @param buf_len    bytes of buf; a piece is at most one less
 * @param timeout_s  s to wait for it at the longest
 * @return bytes received; 0: none in time; IOT_OTA_ERR_INVALID_PARAM for NULL or a length of 0;
 *         IOT_OTA_ERR_INVALID_STATE; IOT_OTA_ERR_FETCH_AUTH_FAIL, IOT_OTA_ERR_FETCH_NOT_EXIST,
 *         IOT_OTA_ERR_FETCH_TIMEOUT or another failure of the transfer, after which the download has ended
 *         (IOT_OTAS_FETCHED)
 */
int IOT_OTA_FetchYield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s);

/**
 * Answers a question about the update.
 *
 * @param handle   handle
 * @param type     question; says what buf is
 * @param buf      takes the answer; a text is cut to buf_len - 1 characters, a number needs an aligned uint32_t
 * @param buf_len  bytes of buf; 4 for a number
 * @return 0; IOT_OTA_ERR_INVALID_PARAM for NULL; IOT_OTA_ERR_INVALID_STATE before an update was announced;
 *         QCLOUD_ERR_FAILURE for an unknown question, a wrong length, or a check before the end of the download
 */
int IOT_OTA_Ioctl(void *handle, IOT_OTA_CmdType type, void *buf, size_t buf_len);

/** Last failure of the handle, a value of IOT_OTA_Error_Code; IOT_OTA_ERR_INVALID_PARAM for NULL. */
int IOT_OTA_GetLastError(void *handle);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_OTA_H_ */
