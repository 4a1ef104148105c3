//! `qcloud_iot_export_log.h`, except `IOT_Log_Gen`, which is C-variadic (`variadic.c`).

use super::guard::guard;
use super::ptr;
use super::types::log::{LogMessageHandler, LogUploadInitParams};
use super::types::raw;
use crate::log;
use core::ffi::{CStr, c_char, c_int};
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLock};

/// Sets the most verbose level that is printed; eLOG_DISABLE prints nothing.
///
/// @param level  LOG_LEVEL
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Log_Set_Level(level: raw::LOG_LEVEL) {
    log::g_log_print_level.store(level.cast_signed(), Ordering::Relaxed);
}

/// Most verbose level that is printed.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Log_Get_Level() -> raw::LOG_LEVEL {
    log::g_log_print_level.load(Ordering::Relaxed).cast_unsigned()
}

/// Sets the most verbose level that is uploaded; the platform may change it. Without log upload it has no effect.
///
/// @param level  LOG_LEVEL
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Log_Set_Upload_Level(level: raw::LOG_LEVEL) {
    log::g_log_upload_level.store(level.cast_signed(), Ordering::Relaxed);
}

/// Most verbose level that is uploaded.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Log_Get_Upload_Level() -> raw::LOG_LEVEL {
    log::g_log_upload_level.load(Ordering::Relaxed).cast_unsigned()
}

static HANDLER: RwLock<LogMessageHandler> = RwLock::new(None);

/// Sets the handler that takes log lines in place of standard output, for the whole process.
///
/// @param handler  NULL: back to standard output
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Log_Set_MessageHandler(handler: LogMessageHandler) {
    guard((), || {
        *HANDLER.write().unwrap_or_else(PoisonError::into_inner) = handler;
        log::set_handler(handler.map(|_| call_handler as log::Handler));
    })
}

fn call_handler(line: &CStr) -> bool {
    let handler = *HANDLER.read().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the program promises with IOT_Log_Set_MessageHandler that its handler can be called; the line is terminated.
    handler.is_some_and(|handler| unsafe { handler(line.as_ptr()) })
}

/// Prepares the upload of log lines to the platform; to be called before the client is constructed.
///
/// @param init_params  identity and storage; copied
/// @return 0, also in libraries without log upload, where nothing happens; QCLOUD_ERR_INVAL
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Log_Init_Uploader(init_params: *mut LogUploadInitParams) -> c_int {
    let _ = init_params; // looked at by libraries with log upload only (log.md §3)
    0
}

/// Ends the upload; lines that were not uploaded are lost. Without log upload nothing happens.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Log_Fini_Uploader() {}

/// Uploads collected lines if it is time to. IOT_MQTT_Yield and the loop thread do this by themselves.
///
/// @param force_upload  true: whether it is time or not
/// @return 0, also in libraries without log upload, where nothing happens; QCLOUD_ERR_FAILURE
#[unsafe(no_mangle)]
pub extern "C" fn IOT_Log_Upload(force_upload: bool) -> c_int {
    let _ = force_upload; // as in IOT_Log_Init_Uploader
    0
}

/// Whether `IOT_Log_Gen` has to format a message of `level`.
///
/// cbindgen:ignore
#[unsafe(no_mangle)]
extern "C" fn iot_log_enabled(level: c_int) -> bool {
    log::enabled_number(clamp(level))
}

/// Produces the line of `IOT_Log_Gen`; a NULL name is left empty.
///
/// cbindgen:ignore
///
/// # Safety
/// The names and the text are NULL or NUL-terminated.
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_log_text(
    file: *const c_char,
    func: *const c_char,
    line: c_int,
    level: c_int,
    text: *const c_char,
) {
    guard((), || {
        // SAFETY: as promised by the caller.
        let [file, func, text] = [file, func, text].map(|s| unsafe { ptr::text(s) }.unwrap_or_default());
        log::write_bytes(clamp(level), file, func, line.into(), text);
    })
}

/// A number outside LOG_LEVEL stands for the nearest level (log.md §3).
fn clamp(level: c_int) -> c_int {
    level.clamp(0, 4)
}

#[cfg(test)]
#[path = "log/tests.rs"]
mod tests;
