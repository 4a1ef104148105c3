//! `qcloud_iot_export_log.h`.

use super::raw;
use core::ffi::c_char;

/// Levels of messages, and most verbose level that is printed or uploaded.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LOG_LEVEL {
    /// Nothing.
    eLOG_DISABLE = 0,
    /// Something failed.
    eLOG_ERROR = 1,
    /// Something unusual that the library copes with.
    eLOG_WARN = 2,
    /// Milestones.
    eLOG_INFO = 3,
    /// Details for finding a fault.
    eLOG_DEBUG = 4,
}

/// Takes finished log lines in place of the default output.
///
/// Runs in the thread that logs, also inside functions of the library. Messages that the handler itself causes are
/// dropped.
///
/// @param message  the whole line with CR LF; valid during the call
/// @return true: the line is dealt with; false: it is printed as well
pub type LogMessageHandler = Option<unsafe extern "C" fn(message: *const c_char) -> bool>;

/// Saves log text that could not be uploaded, after what is there already.
///
/// @param msg   text
/// @param wLen  bytes of msg
/// @return bytes saved, 0 on failure
pub type LogSaveFunc = Option<unsafe extern "C" fn(msg: *const c_char, wLen: usize) -> usize>;

/// Reads saved log text from its start.
///
/// @param buff  takes the text
/// @param rLen  bytes of buff
/// @return bytes read, 0 on failure
pub type LogReadFunc = Option<unsafe extern "C" fn(buff: *mut c_char, rLen: usize) -> usize>;

/// What IOT_Log_Init_Uploader takes. Saving is off unless all four functions are given.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct LogUploadInitParams {
    /// Region.
    pub region: *const c_char,
    /// Product id.
    pub product_id: *const c_char,
    /// Device name.
    pub device_name: *const c_char,
    /// Device secret, or with certificates the path of the private key file.
    pub sign_key: *const c_char,
    /// Such as HAL_Log_Save.
    pub save_func: LogSaveFunc,
    /// Such as HAL_Log_Read.
    pub read_func: LogReadFunc,
    /// Such as HAL_Log_Del.
    pub del_func: raw::LogDelFunc,
    /// Such as HAL_Log_Get_Size.
    pub get_size_func: raw::LogGetSizeFunc,
}
