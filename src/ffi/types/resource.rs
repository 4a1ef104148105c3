//! `qcloud_iot_export_resource.h`.

/// What the resource functions report.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QCLOUD_RESOURCE_ERR_CODE_E {
    /// Failed without a more precise reason.
    QCLOUD_RESOURCE_ERRCODE_FAIL_E = -1,
    /// An argument is NULL or not allowed.
    QCLOUD_RESOURCE_ERRCODE_INVALID_PARAM_E = -2,
    /// Not possible in the present state.
    QCLOUD_RESOURCE_ERRCODE_INVALID_STATE_E = -3,
    /// A text is too long.
    QCLOUD_RESOURCE_ERRCODE_STR_TOO_LONG_ = -4,
    /// The transfer failed.
    QCLOUD_RESOURCE_ERRCODE_FETCH_FAILED_E = -5,
    /// The file does not exist (404).
    QCLOUD_RESOURCE_ERRCODE_FETCH_NOT_EXIST_E = -6,
    /// The transfer is not authorised (403).
    QCLOUD_RESOURCE_ERRCODE_FETCH_AUTH_FAIL_E = -7,
    /// The transfer stalled.
    QCLOUD_RESOURCE_ERRCODE_FETCH_TIMEOUT_E = -8,
    /// No memory.
    QCLOUD_RESOURCE_ERRCODE_NOMEM_E = -9,
    /// Signal channel failed.
    QCLOUD_RESOURCE_ERRCODE_OSC_FAILED_E = -10,
    /// The platform refused a report.
    QCLOUD_RESOURCE_ERRCODE_REPORT_VERSION_E = -11,
    /// No error.
    QCLOUD_RESOURCE_ERRCODE_NONE_E = 0,
}

/// State of a transfer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QCLOUD_RESOURCE_STATE_CODE_E {
    /// Before IOT_Resource_Init.
    QCLOUD_RESOURCE_STATE_UNINITED_E = 0,
    /// No task.
    QCLOUD_RESOURCE_STATE_INITED_E = 1,
    /// A task is there.
    QCLOUD_RESOURCE_STATE_START_E = 2,
    /// Transfer complete or failed.
    QCLOUD_RESOURCE_STATE_END_E = 3,
    /// No connection to the file server.
    QCLOUD_RESOURCE_STATE_DISCONNECTED_E = 4,
}

/// Result of a transfer as reported to the platform.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QCLOUD_RESOURCE_RESULTCODE_E {
    /// Done.
    QCLOUD_RESOURCE_RESULTCODE_SUCCESS_E = 0,
    /// The transfer stalled.
    QCLOUD_RESOURCE_RESULTCODE_TIMEOUT_E = -1,
    /// The file does not exist.
    QCLOUD_RESOURCE_RESULTCODE_FILE_NOTEXIST_E = -2,
    /// The signature is not valid.
    QCLOUD_RESOURCE_RESULTCODE_SIGN_INVALID_E = -3,
    /// The MD5 is wrong.
    QCLOUD_RESOURCE_RESULTCODE_MD5_NOTMATCH_E = -4,
    /// Bound of the codes.
    QCLOUD_RESOURCE_RESULTCODE_END = -5,
}

/// What is reported to the platform.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QCLOUD_RESOURCE_REPORT_E {
    /// Upload goes on.
    QCLOUD_RESOURCE_REPORT_UPLOADING_E = 0,
    /// Download goes on.
    QCLOUD_RESOURCE_REPORT_DOWNLOADING_E = 1,
    /// Done.
    QCLOUD_RESOURCE_REPORT_SUCCESS_E = 2,
    /// Failed.
    QCLOUD_RESOURCE_REPORT_FAILED_E = 3,
}

/// What IOT_Resource_DownloadIoctl and IOT_Resource_UploadIoctl answer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QCLOUD_IOT_RESOURCE_CMDTYPE_E {
    /// Bytes downloaded; buf: uint32_t.
    QCLOUD_IOT_RESOURCE_FETCHED_SIZE_E = 0,
    /// Bytes of the file; buf: uint32_t.
    QCLOUD_IOT_RESOURCE_SIZE_E = 1,
    /// MD5 of the file as 32 hex digits; buf: 33 bytes.
    QCLOUD_IOT_RESOURCE_MD5SUM_E = 2,
    /// Name of the file; buf: text.
    QCLOUD_IOT_RESOURCE_NAME_E = 3,
    /// Whether the MD5 is right, 1 or 0; buf: uint32_t.
    QCLOUD_IOT_RESOURCE_MD5CHECK_E = 4,
    /// Bytes uploaded; buf: uint32_t.
    QCLOUD_IOT_RESOURCE_UPLOADED_SIZE_E = 5,
    /// MD5 of what was transferred; buf: 33 bytes.
    QCLOUD_IOT_RESOURCE_CALCMD5_E = 6,
}
