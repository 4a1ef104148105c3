//! `lite-utils.h`, except the formatting functions, which are C-variadic (`variadic.c`).

use super::guard::guard;
use super::ptr;
use super::types::lite::json_key_t;
use super::types::raw::list_head_t;
use crate::error::Error;
use crate::json;
use crate::log::{Level, log};
use crate::number;
use core::ffi::{c_char, c_int, c_uchar};
use core::mem::offset_of;
use core::ptr::null_mut;

/// Copy of a text of at most 1023 characters.
///
/// @return a HAL_Malloc block; NULL for NULL, for longer text, or without memory
///
/// # Safety
/// `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_strdup(src: *const c_char) -> *mut c_char {
    guard(null_mut(), || {
        // SAFETY: as promised by the caller.
        let Some(text) = (unsafe { ptr::text(src) }) else { return null_mut() };
        if text.len() >= 1024 {
            log!(
                Level::Error,
                "string_utils.c",
                "LITE_strdup",
                "text of {} bytes is too long to copy",
                text.len()
            );
            return null_mut();
        }
        copy(text)
    })
}

/// Bytes as hex digits.
///
/// @param digest     bytes
/// @param out        takes 2 * buflen digits, no terminator
/// @param buflen     bytes of digest
/// @param uppercase  not 0: A to F, 0: a to f
///
/// # Safety
/// `digest` is NULL or has `buflen` bytes, `out` is NULL or has room for `2 * buflen`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_hexbuf_convert(
    digest: *mut c_uchar,
    out: *mut c_char,
    buflen: c_int,
    uppercase: c_int,
) {
    guard((), || {
        let Ok(len) = usize::try_from(buflen) else { return };
        // SAFETY: as promised by the caller.
        let Some(digest) = (unsafe { ptr::bytes(digest, len) }) else { return };
        let digits = if uppercase != 0 { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        let hex = digest.iter().flat_map(|b| [b >> 4, b & 15]).map(|nibble| digits[usize::from(nibble)]);
        // SAFETY: as promised by the caller.
        unsafe { ptr::fill(out.cast(), hex) };
    })
}

/// Hex digits as bytes; any other character counts as 0.
///
/// @param hexstr   len digits
/// @param out_buf  takes len / 2 bytes
/// @param len      even; for an odd number nothing is written
///
/// # Safety
/// `hexstr` is NULL or has `len` characters, `out_buf` is NULL or has room for `len / 2` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_hexstr_convert(hexstr: *mut c_char, out_buf: *mut u8, len: c_int) {
    guard((), || {
        let Ok(len) = usize::try_from(len) else { return };
        if !len.is_multiple_of(2) {
            log!(Level::Error, "string_utils.c", "LITE_hexstr_convert", "odd number of hex digits: {len}");
            return;
        }
        // SAFETY: as promised by the caller.
        let Some(hex) = (unsafe { ptr::bytes(hexstr.cast(), len) }) else { return };
        let nibble = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        let bytes = hex.chunks_exact(2).map(|pair| nibble(pair[0]) << 4 | nibble(pair[1]));
        // SAFETY: as promised by the caller.
        unsafe { ptr::fill(out_buf, bytes) };
    })
}

/// Value of a member of a JSON object, as text.
///
/// Strings come without their quotes and with their escapes untouched; objects and arrays with their brackets; null as
/// the text null.
///
/// @param key  name, or names of nested objects joined by dots
/// @param src  text of the object; what follows the value may be missing
/// @return a HAL_Malloc block; NULL if there is no such member, if it is an empty string, if the text is malformed up to
///         its end, for more than 64 levels, for NULL, or without memory
///
/// # Safety
/// Both texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_json_value_of(key: *mut c_char, src: *mut c_char) -> *mut c_char {
    guard(null_mut(), || {
        // SAFETY: as promised by the caller.
        unsafe { value_of(key, src) }.map_or(null_mut(), copy)
    })
}

/// As LITE_json_value_of, then every backslash is left out and the character behind it kept as it is: for JSON text
/// inside a string. Escapes such as \n are not decoded.
///
/// # Safety
/// Both texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_json_string_value_strip_transfer(
    key: *mut c_char,
    src: *mut c_char,
) -> *mut c_char {
    guard(null_mut(), || {
        // SAFETY: as promised by the caller.
        let Some(value) = (unsafe { value_of(key, src) }) else { return null_mut() };
        let mut escaped = false;
        let stripped = value.iter().copied().filter(|&b| {
            escaped = b == b'\\' && !escaped;
            !escaped
        });
        copy_of(value.len(), stripped)
    })
}

/// Keys of all members of a JSON object in document order; those of nested objects follow the object's own as
/// "outer.inner". Arrays are not entered, empty strings are left out.
///
/// See foreach_json_keys_in. The last element of the list has a NULL key.
///
/// @param src     text of the object; what is no object has no keys
/// @param prefix  ""
/// @return list of json_key_t, released with LITE_json_keys_release; NULL for NULL, another prefix, or without memory
///
/// # Safety
/// Both texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_json_keys_of(src: *mut c_char, prefix: *mut c_char) -> *mut list_head_t {
    guard(null_mut(), || {
        // SAFETY: as promised by the caller.
        let (text, prefix) = unsafe { (ptr::text(src), ptr::text(prefix)) };
        match (text, prefix) {
            (Some(text), Some(b"")) => key_list(text),
            _ => null_mut(),
        }
    })
}

/// Releases a key list, its elements and their keys; NULL is ignored.
///
/// # Safety
/// `keylist` is NULL or a list of LITE_json_keys_of that has not been released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_json_keys_release(keylist: *mut list_head_t) {
    guard((), || {
        if keylist.is_null() {
            return;
        }
        // SAFETY: the ring of a list made by key_list leads back to its head, and its blocks belong to the list.
        unsafe {
            let mut link = (*keylist).next;
            while link != keylist {
                let next = (*link).next;
                let element = link.byte_sub(offset_of!(json_key_t, list)).cast::<json_key_t>();
                crate::hal::free((*element).key.cast());
                crate::hal::free(element.cast());
                link = next;
            }
            crate::hal::free(keylist.cast());
        }
    })
}

/// The number at the start of a text: decimal, hexadecimal (0x) or octal (0). Leading white space is skipped, what
/// follows is ignored; a number out of range wraps around.
///
/// @param value  out: the number; untouched on failure
/// @param src    text
/// @return 0; QCLOUD_ERR_FAILURE if there is no number; QCLOUD_ERR_INVAL for NULL
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_int32(value: *mut i32, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, |text| number::integer(text).map(|n| wrapped(n, n as i32))) }
}

/// As LITE_get_int32.
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_int16(value: *mut i16, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, |text| number::integer(text).map(|n| wrapped(n, n as i16))) }
}

/// As LITE_get_int32.
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_int8(value: *mut i8, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, |text| number::integer(text).map(|n| wrapped(n, n as i8))) }
}

/// As LITE_get_int32, decimal only; a negative number wraps around.
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_uint32(value: *mut u32, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, |text| number::decimal(text).map(|n| wrapped(n, n as u32))) }
}

/// As LITE_get_uint32.
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_uint16(value: *mut u16, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, |text| number::decimal(text).map(|n| wrapped(n, n as u16))) }
}

/// As LITE_get_uint32.
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_uint8(value: *mut u8, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, |text| number::decimal(text).map(|n| wrapped(n, n as u8))) }
}

/// As LITE_get_int32 for decimal or hexadecimal fractions, with or without exponent; too large ones give infinity.
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_float(value: *mut f32, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, number::float) }
}

/// As LITE_get_float.
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_double(value: *mut f64, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, number::float) }
}

/// Truth value of a text: false for exactly "false", true for any other.
///
/// @return 0; QCLOUD_ERR_INVAL for NULL
///
/// # Safety
/// `value` is NULL or may be written, `src` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn LITE_get_boolean(value: *mut bool, src: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { get(value, src, |text| Some(text != b"false")) }
}

/// # Safety
/// `out` is NULL or may be written, `src` is NULL or NUL-terminated.
unsafe fn get<T>(out: *mut T, src: *const c_char, read: impl FnOnce(&[u8]) -> Option<T>) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let text = unsafe { ptr::text(src) };
        let Some(text) = text.filter(|_| !out.is_null()) else { return Error::Inval.code() };
        let Some(number) = read(text) else { return Error::Failure.code() };
        // SAFETY: as promised by the caller.
        unsafe { ptr::store(out, number) };
        0
    })
}

/// `part`, the low bits of `whole`, which programs rely on; said at DBG level when they are not the same number.
fn wrapped<T: Copy + Into<i128>>(whole: i128, part: T) -> T {
    if part.into() != whole {
        log!(
            Level::Debug,
            "json_token.c",
            "LITE_get_number",
            "{whole} does not fit, taken as {}",
            part.into()
        );
    }
    part
}

/// # Safety
/// Both texts are NULL or NUL-terminated; the result lives as long as `src`.
unsafe fn value_of<'a>(key: *const c_char, src: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: as promised by the caller.
    let (key, src) = unsafe { (ptr::text(key)?, ptr::text(src)?) };
    json::value_of(key, src)
}

/// A terminated copy in a block of the port's heap, NULL without memory.
fn copy(text: &[u8]) -> *mut c_char {
    copy_of(text.len(), text.iter().copied())
}

/// As [`copy`], of at most `len` bytes.
fn copy_of(len: usize, text: impl Iterator<Item = u8>) -> *mut c_char {
    let block = crate::hal::malloc(len + 1).cast::<u8>();
    if !block.is_null() {
        // SAFETY: the block has room for the text and its terminator.
        unsafe { ptr::fill(block, text.take(len).chain([0])) };
    }
    block.cast()
}

/// The head is a block of its own: lists of several threads, or several lists of one, do not meet.
fn key_list(text: &[u8]) -> *mut list_head_t {
    let head = crate::hal::malloc(size_of::<list_head_t>()).cast::<list_head_t>();
    if head.is_null() {
        return head;
    }
    // SAFETY: the block has room for a head.
    unsafe { head.write(list_head_t { next: head, prev: head }) };
    let mut add = |key: &[u8]| append(head, copy(key), false).then_some(()).ok_or(Error::Malloc);
    if json::keys(text, &mut add).is_ok() && append(head, null_mut(), true) {
        return head;
    }
    // SAFETY: the list has just been made and nobody else knows it.
    unsafe { LITE_json_keys_release(head) };
    null_mut()
}

/// Appends an element that owns `key`; false without memory. Only the last element has no key.
fn append(head: *mut list_head_t, key: *mut c_char, last: bool) -> bool {
    if key.is_null() && !last {
        return false;
    }
    let element = crate::hal::malloc(size_of::<json_key_t>()).cast::<json_key_t>();
    if element.is_null() {
        // SAFETY: the key is a block that nobody else knows.
        unsafe { crate::hal::free(key.cast()) };
        return false;
    }
    // SAFETY: the block has room for an element, and head leads a ring of live links.
    unsafe {
        let prev = (*head).prev;
        element.write(json_key_t { key, list: list_head_t { next: head, prev } });
        let link = &raw mut (*element).list;
        (*prev).next = link;
        (*head).prev = link;
    }
    true
}

#[cfg(test)]
#[path = "lite/tests.rs"]
mod tests;
