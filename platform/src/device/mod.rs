//! Device information for applications (hal.md §10). The library itself never reads it.

#[cfg(feature = "debug_dev_info_used")]
mod built_in;
#[cfg(not(feature = "debug_dev_info_used"))]
mod compose;
mod content;
#[cfg(not(feature = "debug_dev_info_used"))]
mod current;
mod file;
#[cfg(feature = "gateway_enabled")]
mod gateway;
mod json;
#[cfg(not(feature = "debug_dev_info_used"))]
mod replace;
mod stored;

use crate::log::Label;
use core::ffi::{CStr, c_char};

pub const GET: Label = Label { file: c"HAL_Device_linux.c", func: c"HAL_GetDevInfo" };
pub const SET: Label = Label { file: c"HAL_Device_linux.c", func: c"HAL_SetDevInfo" };
pub const SET_FILE: Label = Label { file: c"HAL_Device_linux.c", func: c"HAL_SetDevInfoFile" };

/// The text in an array of a C structure; all of it if the terminator is missing.
fn field(array: &[c_char]) -> &[u8] {
    // SAFETY: c_char and u8 have the same size and alignment.
    let bytes = unsafe { core::slice::from_raw_parts(array.as_ptr().cast::<u8>(), array.len()) };
    CStr::from_bytes_until_nul(bytes).map_or(bytes, CStr::to_bytes)
}

/// Writes a text and zeroes behind it. `text` must be shorter than the array.
fn set_field(array: &mut [c_char], text: &[u8]) {
    array.fill(0);
    for (to, from) in array.iter_mut().zip(text) {
        *to = *from as c_char;
    }
}
