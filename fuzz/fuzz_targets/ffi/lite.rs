//! The text and JSON helpers of the C interface, and what of the C library they are compared with, as safe functions.

use iot_sdk::ffi::lite::*;
use iot_sdk::ffi::types::lite::json_key_t;
use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::offset_of;
use std::ptr::null_mut;

unsafe extern "C" {
    fn LITE_format_nstring(len: c_int, format: *const c_char, ...) -> *mut c_char;
    fn LITE_format_string(format: *const c_char, ...) -> *mut c_char;
    fn strtof(text: *const c_char, end: *mut *mut c_char) -> f32;
}

/// Takes a block that the SDK has handed out.
///
/// # Safety
/// NULL, or a terminated text in a block of `HAL_Malloc`, which is `malloc` here; it is freed.
unsafe fn take(block: *mut c_char) -> Option<Vec<u8>> {
    // SAFETY: as above.
    unsafe {
        let text = (!block.is_null()).then(|| CStr::from_ptr(block).to_bytes().to_vec());
        libc::free(block.cast());
        text
    }
}

fn c_key(key: &[u8]) -> CString {
    CString::new(key).expect("no NUL in a key")
}

/// `LITE_json_value_of`.
pub fn value_of(key: &[u8], text: &CStr) -> Option<Vec<u8>> {
    let key = c_key(key);
    // SAFETY: two terminated texts, which are only read.
    unsafe { take(LITE_json_value_of(key.as_ptr().cast_mut(), text.as_ptr().cast_mut())) }
}

/// `LITE_json_string_value_strip_transfer`.
pub fn stripped_value_of(key: &[u8], text: &CStr) -> Option<Vec<u8>> {
    let key = c_key(key);
    // SAFETY: two terminated texts, which are only read.
    unsafe { take(LITE_json_string_value_strip_transfer(key.as_ptr().cast_mut(), text.as_ptr().cast_mut())) }
}

/// The list of `LITE_json_keys_of`.
pub fn keys_of(text: &CStr) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    // SAFETY: a list of the SDK, walked as the header says, and released once.
    unsafe {
        let list = LITE_json_keys_of(text.as_ptr().cast_mut(), c"".as_ptr().cast_mut());
        let mut link = (*list).next;
        loop {
            assert_ne!(link, list, "a list ends with an element without key");
            let element = link.byte_sub(offset_of!(json_key_t, list)).cast::<json_key_t>();
            if (*element).key.is_null() {
                assert_eq!((*link).next, list);
                break;
            }
            keys.push(CStr::from_ptr((*element).key).to_bytes().to_vec());
            link = (*link).next;
        }
        LITE_json_keys_release(list);
    }
    keys
}

macro_rules! getters {
    ($($name:ident: $function:ident -> $type:ty),*) => {$(
        /// What the function of this name finds; where it finds nothing, its variable stays as it was.
        pub fn $name(text: &CStr) -> Option<$type> {
            let mut value: $type = Default::default();
            // SAFETY: a variable and a terminated text, which is only read.
            let code = unsafe { $function(&mut value, text.as_ptr().cast_mut()) };
            assert!(code == 0 || value == <$type>::default());
            (code == 0).then_some(value)
        }
    )*};
}

getters! {
    get_int32: LITE_get_int32 -> i32,
    get_int16: LITE_get_int16 -> i16,
    get_int8: LITE_get_int8 -> i8,
    get_uint32: LITE_get_uint32 -> u32,
    get_uint16: LITE_get_uint16 -> u16,
    get_uint8: LITE_get_uint8 -> u8,
    get_float: LITE_get_float -> f32,
    get_double: LITE_get_double -> f64,
    get_boolean: LITE_get_boolean -> bool
}

/// `strtoll` with this base.
pub fn c_integer(text: &CStr, base: c_int) -> i64 {
    // SAFETY: a terminated text, which is only read.
    unsafe { libc::strtoll(text.as_ptr(), null_mut(), base) }
}

/// `strtod` and `strtof`.
pub fn c_fraction(text: &CStr) -> (f64, f32) {
    // SAFETY: a terminated text, which is only read.
    unsafe { (libc::strtod(text.as_ptr(), null_mut()), strtof(text.as_ptr(), null_mut())) }
}

/// `LITE_hexbuf_convert`, into a block of exactly the size it asks for.
pub fn to_hex(bytes: &[u8], uppercase: bool) -> Vec<c_char> {
    let mut bytes = bytes.to_vec();
    let mut hex = vec![0; bytes.len() * 2];
    let len = c_int::try_from(bytes.len()).expect("a short input");
    // SAFETY: two blocks of these sizes.
    unsafe { LITE_hexbuf_convert(bytes.as_mut_ptr(), hex.as_mut_ptr(), len, c_int::from(uppercase)) };
    hex
}

/// `LITE_hexstr_convert`: of `hex` as many digits as `count` says, into the block, which has room for half as many bytes.
pub fn from_hex(hex: &[c_char], out: &mut [u8], count: c_int) {
    let is_served = count > 0 && count % 2 == 0;
    assert!(!is_served || count as usize <= hex.len() && count as usize / 2 <= out.len());
    let mut hex = hex.to_vec();
    // SAFETY: blocks of the sizes that the header asks for; a negative count and an odd one read and write nothing.
    unsafe { LITE_hexstr_convert(hex.as_mut_ptr(), out.as_mut_ptr(), count) };
}

/// `LITE_strdup`.
pub fn copy_of(text: &CStr) -> Option<Vec<u8>> {
    // SAFETY: a terminated text, which is only read.
    unsafe { take(LITE_strdup(text.as_ptr())) }
}

/// `LITE_format_string` with `%s|%d`.
pub fn formatted(text: &CStr, number: c_int) -> Option<Vec<u8>> {
    // SAFETY: the format has these two arguments.
    unsafe { take(LITE_format_string(c"%s|%d".as_ptr(), text.as_ptr(), number)) }
}

/// `LITE_format_nstring` with `%s|%d`.
pub fn formatted_within(len: c_int, text: &CStr, number: c_int) -> Option<Vec<u8>> {
    // SAFETY: the format has these two arguments.
    unsafe { take(LITE_format_nstring(len, c"%s|%d".as_ptr(), text.as_ptr(), number)) }
}
