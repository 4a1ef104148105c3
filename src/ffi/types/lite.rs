//! `lite-utils.h`.

use super::raw::list_head_t;
use core::ffi::c_char;

/// An element of a key list; belongs to the list, see LITE_json_keys_release.
#[repr(C)]
#[derive(Debug)]
pub struct json_key_t {
    /// Key path such as "a.b", NUL-terminated; NULL in the last element.
    pub key: *mut c_char,
    /// Place in the list.
    pub list: list_head_t,
}
