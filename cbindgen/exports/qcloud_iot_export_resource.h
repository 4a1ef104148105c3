/*
 * Resources: files that the platform sends to a device or receives from it, over HTTP(S), piece by piece.
 *
 * A handle is used by one thread at a time. The functions are in libraries built with resource transfer; results are
 * QCLOUD_RESOURCE_ERRCODE_* where they are negative. A name is 1 to 64 characters long.
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
 * @return handle, released with IOT_Resource_DeInit; NULL on failure
 */
void *IOT_Resource_Init(const char *product_id, const char *device_name, void *mqtt_client);

/** Asks for an upload of resource_size bytes with this MD5 (32 hex digits). @return packet id, else failure */
int IOT_Resource_Upload_Request(void *handle, char *resource_name, int resource_size, char *md5sum);

/** Asks for a file to download. @return packet id, else failure */
int IOT_Resource_GetDownloadTask(void *handle);

/** Releases a handle. @return 0, else failure */
int IOT_Resource_DeInit(void *handle);

/** Connects to the file server and asks for size bytes of the file from offset on. @return 0, else failure */
int IOT_Resource_StartDownload(void *handle, uint32_t offset, uint32_t size);

/** Connects to the file server and announces the file; buf is not used. @return 0, else failure */
int IOT_Resource_StartUpload(void *handle, char *buf);

/** Adds bytes that are there already to the MD5 of the download, before it is resumed. */
void IOT_Resource_UpdateDownloadClientMd5(void *handle, char *buff, uint32_t size);

/** Starts the MD5 of the download over. @return 0, else failure */
int IOT_Resource_DownloadResetClientMD5(void *handle);

/** Starts the MD5 of the upload over. @return 0, else failure */
int IOT_Resource_UploadResetClientMD5(void *handle);

/** Adds bytes to the MD5 that IOT_Resource_Upload_Request needs. */
void IOT_Resource_UploadMd5Update(void *handle, char *buf, int buf_len);

/** Writes that MD5 as 32 hex digits and a NUL to md5_str, and starts over. */
void IOT_Resource_Upload_Md5_Finish(void *handle, char *md5_str);

/** Reports that the download succeeded; resource_name NULL: that of the task. @return packet id, else failure */
int IOT_Resource_ReportDownloadSuccess(void *handle, char *resource_name);

/** Reports that the upload succeeded and waits for the platform's result code, which is returned. */
int IOT_Resource_ReportUploadSuccess(void *handle, char *resource_name);

/** Reports that the download failed. @return packet id, else failure */
int IOT_Resource_ReportDownloadFail(void *handle, char *resource_name);

/** Reports that the upload failed and waits for the platform's result code, which is returned. */
int IOT_Resource_ReportUploadFail(void *handle, char *resource_name);

/** 1: there is a file to download; else 0. */
int IOT_Resource_IsStartDownload(void *handle);

/** 1: the platform has agreed to the upload; else 0. */
int IOT_Resource_IsStartUpload(void *handle);

/** Receives a piece of the file and a NUL. @return bytes received; 0: none in timeout_s; negative: failure */
int IOT_Resource_DownloadYield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s);

/**
 * Sends a piece of the file; buf may be written after the last one.
 *
 * @return bytes sent; 0: it was the last; negative: failure
 */
int IOT_Resource_UploadYield(void *handle, char *buf, uint32_t buf_len, uint32_t timeout_s);

/** 1: the download is complete or has failed; else 0. */
int IOT_Resource_IsDownloadFinish(void *handle);

/** 1: the upload is complete or has failed; else 0. */
int IOT_Resource_IsUploadFinish(void *handle);

/** Answers a question about the download; type says what buf is. @return 0, else failure */
int IOT_Resource_DownloadIoctl(void *handle, QCLOUD_IOT_RESOURCE_CMDTYPE_E type, void *buf, size_t buf_len);

/** Answers a question about the upload; type says what buf is. @return 0, else failure */
int IOT_Resource_UploadIoctl(void *handle, QCLOUD_IOT_RESOURCE_CMDTYPE_E type, void *buf, size_t buf_len);

/** Last failure of the download, a value of QCLOUD_RESOURCE_ERR_CODE_E. */
int QCLOUD_IOT_RESOURCE_DownloadGetLastError(void *handle);

/** Last failure of the upload, a value of QCLOUD_RESOURCE_ERR_CODE_E. */
int IOT_Resource_UploadGetLastError(void *handle);

#ifdef __cplusplus
}
#endif

#endif /* QCLOUD_IOT_EXPORT_RESOURCE_H_ */
