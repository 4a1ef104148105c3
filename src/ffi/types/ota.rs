//! `qcloud_iot_export_ota.h`.

/// What IOT_OTA_GetLastError and the OTA functions report.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_Error_Code {
    /// Failed without a more precise reason.
    IOT_OTA_ERR_FAIL = -1,
    /// An argument is NULL or not allowed.
    IOT_OTA_ERR_INVALID_PARAM = -2,
    /// Not possible in the present state.
    IOT_OTA_ERR_INVALID_STATE = -3,
    /// A text is too long.
    IOT_OTA_ERR_STR_TOO_LONG = -4,
    /// The download failed.
    IOT_OTA_ERR_FETCH_FAILED = -5,
    /// The file does not exist (404).
    IOT_OTA_ERR_FETCH_NOT_EXIST = -6,
    /// The download is not authorised (403).
    IOT_OTA_ERR_FETCH_AUTH_FAIL = -7,
    /// The download stalled.
    IOT_OTA_ERR_FETCH_TIMEOUT = -8,
    /// No memory.
    IOT_OTA_ERR_NOMEM = -9,
    /// Signal channel failed.
    IOT_OTA_ERR_OSC_FAILED = -10,
    /// The platform refused the version report.
    IOT_OTA_ERR_REPORT_VERSION = -11,
    /// No error.
    IOT_OTA_ERR_NONE = 0,
}

/// State of an update.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_State_Code {
    /// Before IOT_OTA_Init.
    IOT_OTAS_UNINITED = 0,
    /// Waiting for an update.
    IOT_OTAS_INITED = 1,
    /// An update is there to be downloaded.
    IOT_OTAS_FETCHING = 2,
    /// Download complete or failed.
    IOT_OTAS_FETCHED = 3,
    /// No connection to the file server.
    IOT_OTAS_DISCONNECTED = 4,
}

/// Progress of an update.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_Progress_Code {
    /// Writing the firmware failed.
    IOT_OTAP_BURN_FAILED = -4,
    /// The check of the firmware failed.
    IOT_OTAP_CHECK_FALIED = -3,
    /// The download failed.
    IOT_OTAP_FETCH_FAILED = -2,
    /// Failed for another reason.
    IOT_OTAP_GENERAL_FAILED = -1,
    /// Start of the download, in percent.
    IOT_OTAP_FETCH_PERCENTAGE_MIN = 0,
    /// End of the download, in percent.
    IOT_OTAP_FETCH_PERCENTAGE_MAX = 100,
}

/// What IOT_OTA_Ioctl answers.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTA_CmdType {
    /// Bytes downloaded; buf: uint32_t.
    IOT_OTAG_FETCHED_SIZE = 0,
    /// Bytes of the file; buf: uint32_t.
    IOT_OTAG_FILE_SIZE = 1,
    /// MD5 of the file as 32 hex digits; buf: 33 bytes.
    IOT_OTAG_MD5SUM = 2,
    /// Version of the file; buf: text.
    IOT_OTAG_VERSION = 3,
    /// Whether MD5 and size are right, 1 or 0; buf: uint32_t.
    IOT_OTAG_CHECK_FIRMWARE = 4,
}

/// What is reported to the platform.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_OTAReportType {
    /// The download stalled.
    IOT_OTAR_DOWNLOAD_TIMEOUT = -1,
    /// The file does not exist.
    IOT_OTAR_FILE_NOT_EXIST = -2,
    /// The download is not authorised.
    IOT_OTAR_AUTH_FAIL = -3,
    /// The MD5 is wrong.
    IOT_OTAR_MD5_NOT_MATCH = -4,
    /// The update failed.
    IOT_OTAR_UPGRADE_FAIL = -5,
    /// Nothing.
    IOT_OTAR_NONE = 0,
    /// Download begins.
    IOT_OTAR_DOWNLOAD_BEGIN = 1,
    /// Download goes on.
    IOT_OTAR_DOWNLOADING = 2,
    /// The update begins.
    IOT_OTAR_UPGRADE_BEGIN = 3,
    /// The update succeeded.
    IOT_OTAR_UPGRADE_SUCCESS = 4,
}
