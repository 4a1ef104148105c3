//! The one way to read what C points to: NULL is `None`.

use core::ffi::{CStr, c_char};
use core::slice;

/// Bytes of the NUL-terminated text at `text`; `None` for NULL.
///
/// # Safety
/// `text` is NULL or points to NUL-terminated text that nobody changes while the result is used.
pub unsafe fn text<'a>(text: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: not NULL, and NUL-terminated as promised by the caller.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// `len` bytes at `data`; `None` for NULL.
///
/// # Safety
/// `data` is NULL or points to `len` bytes that nobody changes while the result is used.
pub unsafe fn bytes<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as promised by the caller.
    unsafe { array(data, len) }
}

/// `len` elements at `data`; `None` for NULL.
///
/// # Safety
/// `data` is NULL or points to `len` elements that nobody changes while the result is used.
pub unsafe fn array<'a, T>(data: *const T, len: usize) -> Option<&'a [T]> {
    // SAFETY: not NULL, and readable as promised by the caller.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data, len) })
}

/// Text in an array of a C structure: up to its NUL, or the whole array without one.
#[cfg(any(feature = "auth_mode_cert", feature = "gateway_enabled", test))]
pub fn array_text<const N: usize>(array: &[c_char; N]) -> &[u8] {
    // SAFETY: c_char and u8 are both one byte of any value.
    let bytes = unsafe { slice::from_raw_parts(array.as_ptr().cast::<u8>(), N) };
    bytes.split(|&b| b == 0).next().unwrap_or(bytes)
}

/// Stores `value` at `out`; false for NULL.
///
/// # Safety
/// `out` is NULL or points to a `T` that may be written, initialised or not.
pub unsafe fn store<T>(out: *mut T, value: T) -> bool {
    if out.is_null() {
        return false;
    }
    // SAFETY: not NULL, and writable as promised by the caller.
    unsafe { out.write(value) };
    true
}

/// Writes `bytes` from `out` on; nothing for NULL.
///
/// # Safety
/// `out` is NULL or has room for all of `bytes`, and `bytes` does not read what lies there.
pub unsafe fn fill(out: *mut u8, bytes: impl Iterator<Item = u8>) {
    if out.is_null() {
        return;
    }
    for (i, byte) in bytes.enumerate() {
        // SAFETY: inside the room promised by the caller.
        unsafe { out.add(i).write(byte) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr::null;

    #[test]
    fn null_is_none() {
        // SAFETY: NULL is allowed.
        unsafe {
            assert_eq!(text(null()), None);
            assert_eq!(bytes(null(), 5), None);
            assert_eq!(array::<u32>(null(), 5), None);
            assert!(!store(core::ptr::null_mut(), 5));
            fill(core::ptr::null_mut(), [1].into_iter());
        }
    }

    #[test]
    fn text_ends_at_its_terminator() {
        // SAFETY: a literal is NUL-terminated.
        unsafe {
            assert_eq!(text(c"".as_ptr()), Some(&b""[..]));
            assert_eq!(text(c"ab\xff".as_ptr()), Some(&b"ab\xff"[..]));
        }
    }

    #[test]
    fn an_array_need_not_be_terminated() {
        assert_eq!(array_text(&[97, 0, 98]), b"a");
        assert_eq!(array_text(&[97, 98]), b"ab");
    }
}
