use super::*;
use crate::ffi::types::raw::list_head_t;
use std::ffi::{CStr, CString};
use std::ptr::null;

unsafe extern "C" {
    fn LITE_format_string(fmt: *const c_char, ...) -> *mut c_char;
    fn LITE_format_nstring(len: c_int, fmt: *const c_char, ...) -> *mut c_char;
}

/// Takes over a block of the port's heap.
fn taken(block: *mut c_char) -> Option<String> {
    if block.is_null() {
        return None;
    }
    // SAFETY: the functions under test return terminated blocks of the port's heap.
    unsafe {
        let text = CStr::from_ptr(block).to_str().unwrap().to_string();
        crate::hal::free(block.cast());
        Some(text)
    }
}

fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

fn value(text: &str, key: &str) -> Option<String> {
    let (text, key) = (c(text), c(key));
    // SAFETY: both texts are terminated, and the function does not change them.
    taken(unsafe { LITE_json_value_of(key.as_ptr().cast_mut(), text.as_ptr().cast_mut()) })
}

fn stripped(text: &str, key: &str) -> Option<String> {
    let (text, key) = (c(text), c(key));
    // SAFETY: as above.
    taken(unsafe { LITE_json_string_value_strip_transfer(key.as_ptr().cast_mut(), text.as_ptr().cast_mut()) })
}

#[test]
fn values_of_a_document() {
    assert_eq!(value(r#"{"a":{"b":"x\"y"}}"#, "a.b").as_deref(), Some(r#"x\"y"#));
    assert_eq!(value(r#"{"a":null}"#, "a").as_deref(), Some("null"));
    assert_eq!(value(r#"{"a":""}"#, "a"), None);
    assert_eq!(value(r#"{"a":1}"#, "b"), None);
}

#[test]
fn backslashes_are_stripped_and_nothing_is_decoded() {
    assert_eq!(stripped(r#"{"a":"x\"y"}"#, "a").as_deref(), Some(r#"x"y"#));
    assert_eq!(stripped(r#"{"a":"x\\y"}"#, "a").as_deref(), Some(r"x\y"));
    assert_eq!(stripped(r#"{"a":"\n\u4e2d"}"#, "a").as_deref(), Some("nu4e2d"));
    assert_eq!(stripped(r#"{"a":"\\\\n"}"#, "a").as_deref(), Some(r"\\n"));
    assert_eq!(stripped(r#"{"a":1}"#, "b"), None);
}

/// Keys as `foreach_json_keys_in` walks them.
fn keys(text: &str) -> Vec<String> {
    let text = c(text);
    let mut keys = Vec::new();
    // SAFETY: a list stays valid until it is released; its last element has no key.
    unsafe {
        let list = LITE_json_keys_of(text.as_ptr().cast_mut(), c"".as_ptr().cast_mut());
        let mut link = (*list).next;
        loop {
            let element = link.byte_sub(offset_of!(json_key_t, list)).cast::<json_key_t>();
            if (*element).key.is_null() {
                break;
            }
            keys.push(CStr::from_ptr((*element).key).to_str().unwrap().to_string());
            link = (*link).next;
        }
        assert_eq!((*link).next, list, "the element without a key is the last");
        LITE_json_keys_release(list);
    }
    keys
}

#[test]
fn keys_of_a_document() {
    let text = r#"{"a":1,"b":{"c":2,"d":{"e":3}},"f":[1],"h":"","i":null,"j":{}}"#;
    assert_eq!(keys(text), ["a", "b", "b.c", "b.d", "b.d.e", "f", "i", "j"]);
    assert!(keys("{}").is_empty());
    assert!(keys("no object").is_empty());
    let long = format!(r#"{{"{0}":{{"{0}":1}}}}"#, "k".repeat(600));
    assert_eq!(keys(&long)[1].len(), 1201, "long paths are whole");
}

#[test]
fn two_lists_at_a_time() {
    // SAFETY: as in keys().
    unsafe {
        let [one, two] = [c(r#"{"a":1}"#), c(r#"{"b":1}"#)]
            .map(|text| LITE_json_keys_of(text.as_ptr().cast_mut(), c"".as_ptr().cast_mut()));
        assert_ne!(one, two);
        LITE_json_keys_release(one);
        assert!(!(*two).next.is_null());
        LITE_json_keys_release(two);
    }
}

/// Calls a number function on a text; gives result and value, which starts as `old`.
fn number<T>(get: unsafe extern "C" fn(*mut T, *mut c_char) -> c_int, old: T, text: &str) -> (c_int, T) {
    let mut value = old;
    let text = c(text);
    // SAFETY: value and text are live.
    let result = unsafe { get(&raw mut value, text.as_ptr().cast_mut()) };
    (result, value)
}

#[test]
fn numbers() {
    assert_eq!(number(LITE_get_int32, 9, "010"), (0, 8));
    assert_eq!(number(LITE_get_int32, 9, "7x"), (0, 7));
    assert_eq!(number(LITE_get_int32, 9, "1.9"), (0, 1));
    assert_eq!(number(LITE_get_int32, 9, " -0x10"), (0, -16));
    assert_eq!(number(LITE_get_int32, 9, "4294967296"), (0, 0));
    assert_eq!(number(LITE_get_int16, 9, "70000"), (0, 4464));
    assert_eq!(number(LITE_get_int8, 9, "200"), (0, -56));
    assert_eq!(number(LITE_get_uint32, 9, "0x1F"), (0, 0));
    assert_eq!(number(LITE_get_uint32, 9, "-3"), (0, 4294967293));
    assert_eq!(number(LITE_get_uint16, 9, "65536"), (0, 0));
    assert_eq!(number(LITE_get_uint8, 9, "255"), (0, 255));
    assert_eq!(number(LITE_get_float, 9.0, "1.5e1"), (0, 15.0));
    assert_eq!(number(LITE_get_double, 9.0, "0x1p4"), (0, 16.0));
    assert_eq!(number(LITE_get_double, 9.0, "1e999"), (0, f64::INFINITY));
    for text in ["", " ", "x", "-"] {
        assert_eq!(number(LITE_get_int32, 9, text), (-1001, 9));
        assert_eq!(number(LITE_get_uint8, 9, text), (-1001, 9));
        assert_eq!(number(LITE_get_double, 9.0, text), (-1001, 9.0));
    }
}

#[test]
fn truth_values() {
    assert_eq!(number(LITE_get_boolean, true, "false"), (0, false));
    for text in ["true", "False", "0", "", "falsehood"] {
        assert_eq!(number(LITE_get_boolean, false, text), (0, true));
    }
}

#[test]
fn copies() {
    let longest = c(&"x".repeat(1023));
    // SAFETY: the texts are terminated.
    unsafe {
        assert_eq!(taken(LITE_strdup(c"".as_ptr())).as_deref(), Some(""));
        assert_eq!(taken(LITE_strdup(longest.as_ptr())).map(|t| t.len()), Some(1023));
        assert_eq!(taken(LITE_strdup(c(&"x".repeat(1024)).as_ptr())), None);
    }
}

#[test]
fn formatted_texts_are_cut() {
    let long = c(&"x".repeat(2000));
    // SAFETY: formats and arguments fit.
    unsafe {
        let text = LITE_format_string(c"%s-%d".as_ptr(), c"a".as_ptr(), 5 as c_int);
        assert_eq!(taken(text).as_deref(), Some("a-5"));
        assert_eq!(taken(LITE_format_string(c"%s".as_ptr(), long.as_ptr())).map(|t| t.len()), Some(511));
        assert_eq!(taken(LITE_format_nstring(3, c"%d".as_ptr(), 12345 as c_int)).as_deref(), Some("123"));
        assert_eq!(taken(LITE_format_nstring(0, c"%d".as_ptr(), 12345 as c_int)).as_deref(), Some(""));
        assert_eq!(taken(LITE_format_nstring(-1, c"%d".as_ptr(), 12345 as c_int)), None);
        assert_eq!(taken(LITE_format_nstring(c_int::MAX, c"x".as_ptr())), None);
        assert_eq!(taken(LITE_format_string(null())), None);
        assert_eq!(taken(LITE_format_nstring(5, null())), None);
    }
}

#[test]
fn hex_digits() {
    let mut bytes = [0x0f, 0xa5];
    let mut digits = *b"#####";
    let mut back = [1u8; 3];
    // SAFETY: the arrays have the lengths given.
    unsafe {
        LITE_hexbuf_convert(bytes.as_mut_ptr(), digits.as_mut_ptr().cast(), 2, 0);
        assert_eq!(&digits, b"0fa5#", "no terminator");
        LITE_hexbuf_convert(bytes.as_mut_ptr(), digits.as_mut_ptr().cast(), 2, 1);
        assert_eq!(&digits, b"0FA5#");
        LITE_hexstr_convert(digits.as_mut_ptr().cast(), back.as_mut_ptr(), 4);
        assert_eq!(back, [0x0f, 0xa5, 1]);
        LITE_hexstr_convert(digits.as_mut_ptr().cast(), back.as_mut_ptr(), 3);
        assert_eq!(back, [0x0f, 0xa5, 1], "an odd count writes nothing");
        let mut strange = *b"zF1-";
        LITE_hexstr_convert(strange.as_mut_ptr().cast(), back.as_mut_ptr(), 4);
        assert_eq!(back, [0x0f, 0x10, 1]);
        LITE_hexbuf_convert(bytes.as_mut_ptr(), digits.as_mut_ptr().cast(), -1, 1);
        LITE_hexstr_convert(digits.as_mut_ptr().cast(), back.as_mut_ptr(), -2);
    }
}

#[test]
fn null_is_survived() {
    let some = c"{\"a\":1}".as_ptr().cast_mut();
    let mut byte = 0u8;
    // SAFETY: NULL is allowed everywhere.
    unsafe {
        assert!(LITE_strdup(null()).is_null());
        for (a, b) in [(null_mut(), some), (some, null_mut()), (null_mut(), null_mut())] {
            assert!(LITE_json_value_of(a, b).is_null());
            assert!(LITE_json_string_value_strip_transfer(a, b).is_null());
            assert!(LITE_json_keys_of(a, b).is_null());
        }
        assert!(LITE_json_keys_of(some, c"x".as_ptr().cast_mut()).is_null(), "a prefix");
        LITE_json_keys_release(null_mut::<list_head_t>());
        LITE_hexbuf_convert(null_mut(), some, 1, 0);
        LITE_hexbuf_convert(&raw mut byte, null_mut(), 1, 0);
        LITE_hexstr_convert(null_mut(), &raw mut byte, 2);
        LITE_hexstr_convert(some, null_mut(), 2);
        assert_eq!(LITE_get_int32(null_mut(), some), -1002);
        assert_eq!(LITE_get_int32(&mut 0, null_mut()), -1002);
        assert_eq!(LITE_get_int16(null_mut(), some), -1002);
        assert_eq!(LITE_get_int8(null_mut(), some), -1002);
        assert_eq!(LITE_get_uint32(null_mut(), some), -1002);
        assert_eq!(LITE_get_uint16(null_mut(), some), -1002);
        assert_eq!(LITE_get_uint8(null_mut(), some), -1002);
        assert_eq!(LITE_get_float(null_mut(), some), -1002);
        assert_eq!(LITE_get_double(null_mut(), some), -1002);
        assert_eq!(LITE_get_boolean(null_mut(), some), -1002);
        assert_eq!(LITE_get_boolean(&mut false, null_mut()), -1002);
    }
}
