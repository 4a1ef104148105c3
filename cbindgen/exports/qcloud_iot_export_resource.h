/*
 * Resources: files that the platform sends to a device or receives from it, over HTTP(S), piece by piece.
 *
 * Upload: MD5 of the file, IOT_Resource_Upload_Request; once IsStartUpload: StartUpload, UploadYield to the last
 * piece, ReportUploadSuccess or ReportUploadFail. Download: GetDownloadTask, or wait for the platform; once
 * IsStartDownload: StartDownload, DownloadYield until IsDownloadFinish, DownloadIoctl with
 * QCLOUD_IOT_RESOURCE_MD5CHECK_E, ReportDownloadSuccess or ReportDownloadFail. Serve the MQTT client meanwhile: the
 * platform's messages come through it.
 *
 * The functions are declared in any case; a program that calls them links only with libraries built with
 * FEATURE_RESOURCE_COMM_ENABLED. A handle is used by one thread at a time and calls back nobody. Where a result is
 * negative it is a value of QCLOUD_RESOURCE_ERR_CODE_E unless a description names another: INVALID_PARAM for NULL
 * everywhere. Texts and bytes given to a function are not kept. A name is 1 to 64 characters long.
 */
#ifndef QCLOUD_IOT_EXPORT_RESOURCE_H_
#define QCLOUD_IOT_EXPORT_RESOURCE_H_

#include "qcloud_iot_import.h"

#ifdef __cplusplus
extern "C" {
#endif

@rust src/ffi/types/resource.rs
/**
 * Makes a handle and subscribes to resource messages, waiting up to 2 s for the answer.
 *
 * @param product_id   product id, copied
 * @param device_name  device name, copied
 * @param mqtt_client  MQTT client; must outlive the handle
 * @return handle, released with IOT_Resource_DeInit before its client; NULL for NULL, without memory, or without
 *         answer
 */
void *IOT_Resource_Init(const char *product_id, const char *device_name, void *mqtt_client);

/**
 * Asks for an upload; the answer shows in IOT_Resource_IsStartUpload.
 *
 * @param handle         handle
 * @param resource_name  name
 * @param resource_size  bytes of the file
 * @param md5sum         32 hex digits, see IOT_Resource_Upload_Md5_Finish
 * @return packet id; QCLOUD_RESOURCE_ERRCODE_INVALID_PARAM_E; QCLOUD_RESOURCE_ERRCODE_OSC_FAILED_E when it cannot be
 *         sent
 */
int IOT_Resource_Upload_Request(void *handle, char *resource_name, int resource_size, char *md5sum);

/** Asks for a file to download. @return packet id; QCLOUD_RESOURCE_ERRCODE_OSC_FAILED_E when it cannot be sent */
int IOT_Resource_GetDownloadTask(void *handle);

/** Ends the subscription and transfers, and releases a handle. @return 0; INVALID_PARAM for NULL */
int IOT_Resource_DeInit(void *handle);

/**
 * Connects to the file server and asks for the file.
 *
 * @param handle  handle with a task, see IOT_Resource_IsStartDownload
 * @param offset  bytes that are there already, see IOT_Resource_UpdateDownloadClientMd5; 0 starts the MD5 over
 * @param size    bytes of the file
 * @return 0; QCLOUD_RESOURCE_ERRCODE_INVALID_STATE_E without a task; QCLOUD_ERR_HTTP* without connection
 */
int IOT_Resource_StartDownload(void *handle, uint32_t offset, uint32_t size);

/**
 * Connects to the file server and announces the file.
 *
 * @param handle  handle with a task, see IOT_Resource_IsStartUpload
 * @param buf     not used
 * @return 0; QCLOUD_RESOURCE_ERRCODE_INVALID_STATE_E without a task; QCLOUD_ERR_HTTP* without connection
 */
int IOT_Resource_StartUpload(void *handle, char *buf);

/** Adds bytes that are there already to the MD5 of the download, before it is resumed. */
void IOT_Resource_UpdateDownloadClientMd5(void *handle, char *buff, uint32_t size);

/** Starts the MD5 of the download over. @return 0; QCLOUD_ERR_FAILURE without memory */
int IOT_Resource_DownloadResetClientMD5(void *handle);

/** Starts the MD5 of the upload over. @return 0; QCLOUD_ERR_FAILURE without memory */
int IOT_Resource_UploadResetClientMD5(void *handle);

/** Adds bytes to the MD5 that IOT_Resource_Upload_Request needs. */
void IOT_Resource_UploadMd5Update(void *handle, char *buf, int buf_len);

/** Writes that MD5 as 32 lower-case hex digits and a NUL to the 33 bytes at md5_str, and starts over. */
void IOT_Resource_Upload_Md5_Finish(void *handle, char *md5_str);

/**
 * Reports that the download succeeded; does not wait for the platform. The task is over.
 *
 * @param handle         handle
 * @param resource_name  name; NULL: that of the task
 * @return packet id; QCLOUD_ERR_FAILURE for a name of another length or when the message cannot be sent
 */
int IOT_Resource_ReportDownloadSuccess(void *handle, char *resource_name);

/**
 * Reports that the upload succeeded, and serves the MQTT client up to 5 s until the platform has answered. The task
 * is over. Not to be called from a callback of that client.
 *
 * @param handle         handle
 * @param resource_name  name; NULL: that of the task
 * @return the platform's result code, 0 for success; QCLOUD_ERR_FAILURE without answer, for a name of another
 *         length, or when the message cannot be sent
 */
int IOT_Resource_ReportUploadSuccess(void *handle, char *resource_name);

/** Reports that the download failed; parameters and results are those of IOT_Resource_ReportDownloadSuccess. */
int IOT_Resource_ReportDownloadFail(void *handle, char *resource_name);

/** Reports that the upload failed; parameters and results are those of IOT_Resource_ReportUploadSuccess. */
int IOT_Resource_ReportUploadFail(void *handle, char *resource_name);

/** 1: there is a file to download; else 0, also for NULL. */
int IOT_Resource_IsStartDownload(void *handle);

/** 1: the platform has agreed to the upload; else 0, also for NULL. */
int IOT_Resource_IsStartUpload(void *handle);

/**
 * Receives a piece of the file, adds it to the MD5, and reports the progress about once a second.
 *
 * @param handle     handle
 * @param buf        takes the piece and a NUL; belongs to the caller
 * @param buf_len    bytes of buf; a piece is at most one less
 * @param timeout_s  s to wait for it at the longest
 * @return bytes received; 0: none in time; QCLOUD_RESOURCE_ERRCODE_INVALID_STATE_E;
 *         QCLOUD_RESOURCE_ERRCODE_FETCH_AUTH_FAIL_E, _FETCH_NOT_EXIST_E, _FETCH_TIMEOUT_E or another failure of the
 *         transfer, after which the download has ended
 */
int IOT_Resource_DownloadYield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s);

/**
 * Sends a piece of the file, all of it, adds it to the MD5, and reports the progress about once a second.
 *
 * @param handle     handle
 * @param buf        the piece; after the last one the server's answer is read into it
 * @param buf_len    bytes of buf
 * @param timeout_s  s for writing at the longest
 * @return buf_len; 0: it was the last piece, and the server has taken the file;
 *         QCLOUD_RESOURCE_ERRCODE_INVALID_STATE_E; QCLOUD_RESOURCE_ERRCODE_FETCH_AUTH_FAIL_E, _FETCH_NOT_EXIST_E,
 *         _FETCH_TIMEOUT_E or another failure of the transfer, after which the upload has ended
 */
int IOT_Resource_UploadYield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s);

/** 1: the download is complete or has failed; else 0, also for NULL. */
int IOT_Resource_IsDownloadFinish(void *handle);

/** 1: the upload is complete or has failed; else 0, also for NULL. */
int IOT_Resource_IsUploadFinish(void *handle);

/**
 * Answers a question about the download.
 *
 * @param handle   handle
 * @param type     question; says what buf is
 * @param buf      takes the answer; a text is cut to buf_len - 1 characters, a number needs an aligned uint32_t
 * @param buf_len  bytes of buf; 4 for a number
 * @return 0; QCLOUD_RESOURCE_ERRCODE_INVALID_STATE_E without a task; QCLOUD_ERR_FAILURE for an unknown question, a
 *         wrong length, or a check before the end of the download
 */
int IOT_Resource_DownloadIoctl(void *handle, QCLOUD_IOT_RESOURCE_CMDTYPE_E type, void *buf, size_t buf_len);

/** Answers a question about the upload; parameters and results are those of IOT_Resource_DownloadIoctl. */
int IOT_Resource_UploadIoctl(void *handle, QCLOUD_IOT_RESOURCE_CMDTYPE_E type, void *buf, size_t buf_len);

/** Last failure of the download, a value of QCLOUD_RESOURCE_ERR_CODE_E. */
int QCLOUD_IOT_RESOURCE_DownloadGetLastError(void *handle);

/** Last failure of the upload, a value of QCLOUD_RESOURCE_ERR_CODE_E. */
int IOT_Resource_UploadGetLastError(void *handle);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_RESOURCE_H_ */
