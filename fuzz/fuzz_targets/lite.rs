//! The text and JSON helpers that C programs call (`LITE_*`), with blocks of exactly the size they ask for.
//!
//! Input: a key, a NUL, a text. What they find lies in the text, agrees with another JSON parser and with the C
//! library, and no byte is written behind a block (which the address sanitizer watches).
#![no_main]

use fuzz_support as _;
use iot_sdk::ffi::lite::*;
use iot_sdk::ffi::types::lite::json_key_t;
use iot_sdk::{json, number};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::offset_of;

unsafe extern "C" {
    fn LITE_format_nstring(len: c_int, format: *const c_char, ...) -> *mut c_char;
    fn LITE_format_string(format: *const c_char, ...) -> *mut c_char;
}

/// Takes a block that the SDK has handed out.
fn take(block: *mut c_char) -> Option<Vec<u8>> {
    // SAFETY: NULL, or a terminated text in a block of HAL_Malloc, which is malloc here.
    unsafe {
        let text = (!block.is_null()).then(|| CStr::from_ptr(block).to_bytes().to_vec());
        libc::free(block.cast());
        text
    }
}

fn value_of(key: &[u8], text: &CStr) -> Option<Vec<u8>> {
    let key = CString::new(key).expect("no NUL in a key");
    // SAFETY: two terminated texts, which are only read.
    take(unsafe { LITE_json_value_of(key.as_ptr().cast_mut(), text.as_ptr().cast_mut()) })
}

fn keys_of(text: &CStr) -> Vec<Vec<u8>> {
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

fn check_json(key: &[u8], text: &CStr) {
    let bytes = text.to_bytes();
    let value = value_of(key, text);
    assert_eq!(value.as_deref(), json::value_of(key, bytes));
    if let Some(value) = &value {
        assert!(!value.is_empty() && bytes.windows(value.len()).any(|window| window == value));
    }
    let key = CString::new(key).expect("no NUL in a key");
    // SAFETY: two terminated texts, which are only read.
    let stripped =
        unsafe { LITE_json_string_value_strip_transfer(key.as_ptr().cast_mut(), text.as_ptr().cast_mut()) };
    assert_eq!(take(stripped), value.as_deref().map(stripped_of));
    let keys = keys_of(text);
    let is_plain = !bytes.contains(&b'.') && !bytes.windows(2).any(|pair| pair == b"\"\"");
    let mut sorted = keys.clone();
    sorted.sort();
    if json::is_object(bytes) && is_plain && sorted.windows(2).all(|pair| pair[0] != pair[1]) {
        assert!(keys.iter().all(|key| value_of(key, text).is_some()), "{keys:?}");
    }
    compare(text);
}

/// Without backslashes; the character behind each stays.
fn stripped_of(value: &[u8]) -> Vec<u8> {
    let mut stripped = Vec::new();
    let mut rest = value;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind.split_first()) {
            (b'\\', Some((kept, behind))) => {
                stripped.push(*kept);
                rest = behind;
            }
            (b'\\', None) => {}
            _ => stripped.push(*first),
        }
    }
    stripped
}

/// Members as serde_json sees them, where both have to see the same.
fn compare(text: &CStr) {
    let bytes = text.to_bytes();
    let Ok(object) = serde_json::from_slice::<Map<String, Value>>(bytes) else { return };
    if bytes.iter().filter(|b| matches!(b, b'{' | b'[')).count() >= 64 {
        return;
    }
    assert!(json::is_object(bytes));
    for (name, expected) in &object {
        let quoted = format!("\"{name}\"");
        let count = bytes.windows(quoted.len()).filter(|window| *window == quoted.as_bytes()).count();
        // The first of equal names counts here, the last there; escaped names and those with dots cannot be asked for.
        if count != 1 || name.is_empty() || name.contains(['.', '\\', '\0']) {
            continue;
        }
        let found = value_of(name.as_bytes(), text);
        if expected == "" {
            assert_eq!(found, None);
            continue;
        }
        let found = found.unwrap_or_else(|| panic!("{name} is missing"));
        let found = if expected.is_string() { [b"\"", &found[..], b"\""].concat() } else { found };
        assert_eq!(serde_json::from_slice::<Value>(&found).expect("a value"), *expected);
    }
}

macro_rules! get {
    ($function:ident, $type:ty, $text:expr) => {{
        let mut value: $type = Default::default();
        // SAFETY: a variable and a terminated text, which is only read.
        let code = unsafe { $function(&mut value, $text.as_ptr().cast_mut()) };
        assert!(code == 0 || value == <$type>::default());
        (code == 0).then_some(value)
    }};
}

fn check_numbers(text: &CStr) {
    let bytes = text.to_bytes();
    let integer = number::integer(bytes);
    assert_eq!(get!(LITE_get_int32, i32, text), integer.map(|n| n as i32));
    assert_eq!(get!(LITE_get_int16, i16, text), integer.map(|n| n as i16));
    assert_eq!(get!(LITE_get_int8, i8, text), integer.map(|n| n as i8));
    let decimal = number::decimal(bytes);
    assert_eq!(get!(LITE_get_uint32, u32, text), decimal.map(|n| n as u32));
    assert_eq!(get!(LITE_get_uint16, u16, text), decimal.map(|n| n as u16));
    assert_eq!(get!(LITE_get_uint8, u8, text), decimal.map(|n| n as u8));
    assert_eq!(get!(LITE_get_boolean, bool, text).expect("any text"), bytes != b"false");
    // SAFETY: terminated texts; the C library only reads them.
    let (whole, ten, double, single) = unsafe {
        let text = text.as_ptr();
        let end = std::ptr::null_mut();
        (
            libc::strtoll(text, end, 0),
            libc::strtoll(text, end, 10),
            libc::strtod(text, end),
            strtof(text, end),
        )
    };
    let is_short = bytes.len() < 16;
    // `0b` is a prefix in C23.
    let is_binary = bytes.windows(2).any(|pair| pair.eq_ignore_ascii_case(b"0b"));
    if is_short && !is_binary {
        assert_eq!(integer.unwrap_or(0), whole.into());
        assert_eq!(decimal.unwrap_or(0), ten.into());
    }
    // More hexadecimal digits than a double holds are rounded digit by digit.
    let is_exact = is_short || !bytes.contains(&b'x') && !bytes.contains(&b'X');
    match get!(LITE_get_double, f64, text) {
        Some(value) if is_exact => assert_eq!(value, double),
        Some(value) => assert!(value == double || (value - double).abs() <= double.abs() * 1e-12 + 1e-300),
        None => assert!(double == 0.0 || !double.is_finite(), "{double}"),
    }
    if let Some(value) = get!(LITE_get_float, f32, text).filter(|_| is_exact) {
        assert_eq!(value, single);
    }
}

unsafe extern "C" {
    fn strtof(text: *const c_char, end: *mut *mut c_char) -> f32;
}

fn check_hex(bytes: &[u8]) {
    let mut digest = bytes.to_vec();
    let len = c_int::try_from(bytes.len()).expect("a short input");
    for uppercase in [0, 1] {
        let mut hex: Vec<c_char> = vec![0; bytes.len() * 2];
        // SAFETY: blocks of the sizes that the header asks for.
        unsafe { LITE_hexbuf_convert(digest.as_mut_ptr(), hex.as_mut_ptr(), len, uppercase) };
        let mut back = vec![0; bytes.len()];
        // SAFETY: as above.
        unsafe { LITE_hexstr_convert(hex.as_mut_ptr(), back.as_mut_ptr(), len * 2) };
        assert_eq!(back, bytes);
    }
    let mut text: Vec<c_char> = bytes.iter().map(|b| *b as c_char).collect();
    let mut out = vec![0xAA; bytes.len() / 2];
    // SAFETY: as above; a negative count and an odd one write nothing.
    unsafe {
        LITE_hexstr_convert(text.as_mut_ptr(), out.as_mut_ptr(), -len);
        LITE_hexstr_convert(text.as_mut_ptr(), out.as_mut_ptr(), len | 1);
        assert!(bytes.is_empty() || len % 2 == 0 || out.iter().all(|b| *b == 0xAA));
        LITE_hexstr_convert(text.as_mut_ptr(), out.as_mut_ptr(), len & !1);
    }
}

fn check_copies(text: &CStr) {
    let bytes = text.to_bytes();
    // SAFETY: terminated texts, which are only read.
    unsafe {
        let copy = take(LITE_strdup(text.as_ptr()));
        assert_eq!(copy.as_deref(), Some(bytes).filter(|bytes| bytes.len() < 1024));
        let formatted = take(LITE_format_string(c"%s|%d".as_ptr(), text.as_ptr(), 7 as c_int));
        let expected = [bytes, b"|7"].concat();
        assert_eq!(formatted.as_deref(), Some(&expected[..expected.len().min(511)]));
        let len = bytes.first().map_or(0, |first| usize::from(*first));
        let formatted = take(LITE_format_nstring(len as c_int, c"%s|%d".as_ptr(), text.as_ptr(), 7 as c_int));
        assert_eq!(formatted.as_deref(), Some(&expected[..expected.len().min(len)]));
        assert_eq!(take(LITE_format_nstring(-1, c"".as_ptr())), None);
    }
}

fuzz_target!(|data: &[u8]| {
    iot_sdk::log::g_log_print_level.store(0, std::sync::atomic::Ordering::Relaxed);
    let mut parts = data.splitn(2, |b| *b == 0);
    let (key, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let text = CString::new(rest.split(|b| *b == 0).next().unwrap_or_default()).expect("no NUL");
    check_json(key, &text);
    check_numbers(&text);
    check_copies(&text);
    check_hex(rest);
});
