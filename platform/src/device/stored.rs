//! Reading device information from a file (hal.md §10.2).

use super::json::Object;
use super::{GET, content, file};
use crate::codes::*;
use crate::device_info::DeviceInfo;
use crate::log::Bytes;
use core::ffi::{CStr, c_char, c_int, c_void};

/// Reads device information from a file; false after a line that says why not.
pub fn read_from(name: &CStr, info: &mut DeviceInfo) -> bool {
    with_object(name, |object| content::fill(object, name.to_bytes(), info)).unwrap_or(false)
}

/// Runs `f` on the object in a device file; `None` after a line that says why there is none.
pub fn with_object<R>(name: &CStr, f: impl FnOnce(Object<'_>) -> R) -> Option<R> {
    let text = match file::read(name) {
        Ok(text) => text,
        Err(error) => {
            log!(Err, GET, "device file {}: {error}", Bytes(name.to_bytes()));
            return None;
        }
    };
    match Object::parse(&text) {
        Ok(object) => Some(f(object)),
        Err(defect) => {
            log!(Err, GET, "device file {} is not JSON: {defect}", Bytes(name.to_bytes()));
            None
        }
    }
}

/// Reads device information from the file `file_name` into a `DeviceInfo`, which is not zeroed first. 0, or -1001 after
/// a line that says why; fields read so far stay filled.
///
/// # Safety
/// `file_name` is NULL or NUL-terminated; `dev_info` is NULL or points to a `DeviceInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_GetDevInfoFromFile(file_name: *const c_char, dev_info: *mut c_void) -> c_int {
    // SAFETY: as the caller promised.
    let Some(info) = (unsafe { dev_info.cast::<DeviceInfo>().as_mut() }) else {
        return FAILURE;
    };
    if file_name.is_null() {
        log!(Err, GET, "no device file name");
        return FAILURE;
    }
    // SAFETY: not NULL, so NUL-terminated.
    if read_from(unsafe { CStr::from_ptr(file_name) }, info) { SUCCESS } else { FAILURE }
}
