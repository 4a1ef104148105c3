//! The text and JSON helpers that C programs call (`LITE_*`), with blocks of exactly the size they ask for.
//!
//! Input: a key, a NUL, a text. What they find lies in the text, agrees with another JSON parser and with the C
//! library, and no byte is written behind a block (which the address sanitizer watches).
#![no_main]

mod ffi {
    pub mod lite;
}

use ffi::lite::*;
use fuzz_support as _;
use iot_sdk::{json, number};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use std::ffi::{CStr, CString, c_char, c_int};

fn check_json(key: &[u8], text: &CStr) {
    let bytes = text.to_bytes();
    let value = value_of(key, text);
    assert_eq!(value.as_deref(), json::value_of(key, bytes));
    if let Some(value) = &value {
        assert!(!value.is_empty() && bytes.windows(value.len()).any(|window| window == value));
    }
    assert_eq!(stripped_value_of(key, text), value.as_deref().map(stripped_of));
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

fn check_numbers(text: &CStr) {
    let bytes = text.to_bytes();
    let integer = number::integer(bytes);
    assert_eq!(get_int32(text), integer.map(|n| n as i32));
    assert_eq!(get_int16(text), integer.map(|n| n as i16));
    assert_eq!(get_int8(text), integer.map(|n| n as i8));
    let decimal = number::decimal(bytes);
    assert_eq!(get_uint32(text), decimal.map(|n| n as u32));
    assert_eq!(get_uint16(text), decimal.map(|n| n as u16));
    assert_eq!(get_uint8(text), decimal.map(|n| n as u8));
    assert_eq!(get_boolean(text).expect("any text"), bytes != b"false");
    let (double, single) = c_fraction(text);
    let is_short = bytes.len() < 16;
    // `0b` is a prefix in C23.
    let is_binary = bytes.windows(2).any(|pair| pair.eq_ignore_ascii_case(b"0b"));
    if is_short && !is_binary {
        assert_eq!(integer.unwrap_or(0), c_integer(text, 0).into());
        assert_eq!(decimal.unwrap_or(0), c_integer(text, 10).into());
    }
    // More hexadecimal digits than a double holds are rounded digit by digit.
    let is_exact = is_short || !bytes.contains(&b'x') && !bytes.contains(&b'X');
    match get_double(text) {
        Some(value) if is_exact => assert_eq!(value, double),
        Some(value) => assert!(value == double || (value - double).abs() <= double.abs() * 1e-12 + 1e-300),
        None => assert!(double == 0.0 || !double.is_finite(), "{double}"),
    }
    if let Some(value) = get_float(text).filter(|_| is_exact) {
        assert_eq!(value, single);
    }
}

fn check_hex(bytes: &[u8]) {
    let len = c_int::try_from(bytes.len()).expect("a short input");
    for uppercase in [false, true] {
        let mut back = vec![0; bytes.len()];
        from_hex(&to_hex(bytes, uppercase), &mut back, len * 2);
        assert_eq!(back, bytes);
    }
    let text: Vec<c_char> = bytes.iter().map(|b| *b as c_char).collect();
    let mut out = vec![0xAA; bytes.len() / 2];
    from_hex(&text, &mut out, -len);
    from_hex(&text, &mut out, len | 1);
    assert!(bytes.is_empty() || len % 2 == 0 || out.iter().all(|b| *b == 0xAA));
    from_hex(&text, &mut out, len & !1);
}

fn check_copies(text: &CStr) {
    let bytes = text.to_bytes();
    assert_eq!(copy_of(text).as_deref(), Some(bytes).filter(|bytes| bytes.len() < 1024));
    let expected = [bytes, b"|7"].concat();
    assert_eq!(formatted(text, 7).as_deref(), Some(&expected[..expected.len().min(511)]));
    let len = bytes.first().map_or(0, |first| usize::from(*first));
    let within = formatted_within(len as c_int, text, 7);
    assert_eq!(within.as_deref(), Some(&expected[..expected.len().min(len)]));
    assert_eq!(formatted_within(-1, c"", 7), None);
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
