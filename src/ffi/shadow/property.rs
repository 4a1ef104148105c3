//! `DeviceProperty`: a variable of the application, read into documents and written from deltas.

use super::super::ptr;
use super::super::types::raw;
use super::super::types::shadow::{DeviceProperty, JsonDataType, OnPropRegCallback};
use crate::json::{self, Kind};
use crate::log::{Level, Payload, log};
use crate::number;
use crate::services::shadow::Property;
use crate::services::shadow::document::{Member, Value};
use core::ffi::{CStr, c_char, c_void};

const FILE: &str = "shadow_client_json.c";

const INT32: raw::JsonDataType = JsonDataType::JINT32 as _;
const INT16: raw::JsonDataType = JsonDataType::JINT16 as _;
const INT8: raw::JsonDataType = JsonDataType::JINT8 as _;
const UINT32: raw::JsonDataType = JsonDataType::JUINT32 as _;
const UINT16: raw::JsonDataType = JsonDataType::JUINT16 as _;
const UINT8: raw::JsonDataType = JsonDataType::JUINT8 as _;
const FLOAT: raw::JsonDataType = JsonDataType::JFLOAT as _;
const DOUBLE: raw::JsonDataType = JsonDataType::JDOUBLE as _;
const BOOL: raw::JsonDataType = JsonDataType::JBOOL as _;
const STRING: raw::JsonDataType = JsonDataType::JSTRING as _;
const OBJECT: raw::JsonDataType = JsonDataType::JOBJECT as _;

/// What a property contributes to a document; `None` without a key, or with a type that is none.
///
/// # Safety
/// `property` is valid: its key is NULL or NUL-terminated, its data NULL or of its type. Nobody changes them while the
/// result is used.
pub unsafe fn member<'a>(property: &DeviceProperty) -> Option<Member<'a>> {
    // SAFETY: as promised by the caller.
    unsafe { Some(Member { key: ptr::text(property.key)?, value: value(property.data, property.r#type)? }) }
}

/// # Safety
/// `data` is NULL or points to a variable of this type.
unsafe fn value<'a>(data: *const c_void, kind: raw::JsonDataType) -> Option<Value<'a>> {
    if data.is_null() {
        return Some(Value::Null);
    }
    // SAFETY: not NULL, so a variable of its type, as promised by the caller.
    unsafe {
        Some(match kind {
            INT32 => Value::Integer(read::<i32>(data).into()),
            INT16 => Value::Integer(read::<i16>(data).into()),
            INT8 => Value::Integer(read::<i8>(data).into()),
            UINT32 => Value::Integer(read::<u32>(data).into()),
            UINT16 => Value::Integer(read::<u16>(data).into()),
            UINT8 => Value::Integer(read::<u8>(data).into()),
            FLOAT => Value::Fraction(read::<f32>(data).into()),
            DOUBLE => Value::Fraction(read::<f64>(data)),
            BOOL => Value::Bool(read::<u8>(data) != 0),
            STRING => Value::Text(ptr::text(data.cast::<c_char>())?),
            OBJECT => Value::Raw(ptr::text(data.cast::<c_char>())?),
            _ => return None,
        })
    }
}

/// # Safety
/// `data` points to a `T`, aligned or not.
unsafe fn read<T>(data: *const c_void) -> T {
    // SAFETY: as promised by the caller.
    unsafe { data.cast::<T>().read_unaligned() }
}

/// A property that C has registered, which keeps it valid until it is unregistered.
pub struct Registered {
    shadow: *mut c_void,
    property: *mut DeviceProperty,
    callback: OnPropRegCallback,
}

// SAFETY: the application promises that property and callback may be used by every thread that yields.
unsafe impl Send for Registered {}
// SAFETY: as above; calls of one client never overlap.
unsafe impl Sync for Registered {}

impl Registered {
    /// Delivers to `callback`, with the handle of the shadow.
    pub fn new(
        shadow: *mut c_void,
        property: *mut DeviceProperty,
        callback: OnPropRegCallback,
    ) -> Registered {
        Registered { shadow, property, callback }
    }

    fn property(&self) -> DeviceProperty {
        // SAFETY: valid until it is unregistered, and asked for only while it is registered.
        unsafe { self.property.read() }
    }
}

impl Property for Registered {
    fn identity(&self) -> usize {
        self.property.addr()
    }

    fn find<'a>(&self, delta: &'a [u8]) -> Option<json::Value<'a>> {
        // SAFETY: NULL or NUL-terminated as long as the property is registered.
        let key = unsafe { ptr::text(self.property().key) }?;
        json::find(key, delta)
    }

    fn on_delta(&self, value: &json::Value, delta: &CStr) {
        let DeviceProperty { data, r#type, .. } = self.property();
        // SAFETY: the variable is of the property's type as long as it is registered.
        unsafe { store(data, r#type, value) };
        let len = u32::try_from(delta.count_bytes()).unwrap_or(u32::MAX);
        if let Some(callback) = self.callback {
            // SAFETY: the callback can be called as long as the property is registered; the text is valid during the call.
            unsafe { callback(self.shadow, delta.as_ptr(), len, self.property) };
        }
    }
}

/// Stores a value of the platform in a variable; text and objects are left to the application.
///
/// # Safety
/// `data` is NULL or points to a variable of this type.
unsafe fn store(data: *mut c_void, kind: raw::JsonDataType, value: &json::Value) {
    if data.is_null() {
        return;
    }
    // SAFETY: not NULL, so a variable of its type, as promised by the caller.
    unsafe {
        match kind {
            INT32 => write(data, integer(value, i32::MIN.into(), i32::MAX.into()).map(|n| n as i32)),
            INT16 => write(data, integer(value, i16::MIN.into(), i16::MAX.into()).map(|n| n as i16)),
            INT8 => write(data, integer(value, i8::MIN.into(), i8::MAX.into()).map(|n| n as i8)),
            UINT32 => write(data, integer(value, 0, u32::MAX.into()).map(|n| n as u32)),
            UINT16 => write(data, integer(value, 0, u16::MAX.into()).map(|n| n as u16)),
            UINT8 => write(data, integer(value, 0, u8::MAX.into()).map(|n| n as u8)),
            FLOAT => write(data, fraction(value, f32::MAX.into()).map(|n| n as f32)),
            DOUBLE => write(data, fraction(value, f64::MAX)),
            BOOL => write(data, Some(u8::from(is_true(value)))),
            _ => {}
        }
    }
}

/// # Safety
/// `data` points to a `T` that may be written, aligned or not.
unsafe fn write<T>(data: *mut c_void, value: Option<T>) {
    if let Some(value) = value {
        // SAFETY: as promised by the caller.
        unsafe { data.cast::<T>().write_unaligned(value) };
    }
}

/// An integer in its range; one outside becomes the nearest inside. `None` for what is no number: the variable stays.
fn integer(value: &json::Value, least: i64, greatest: i64) -> Option<i64> {
    let is_fraction = value.text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    let number = match number_text(value)? {
        // The digits behind the point are dropped, as C does.
        text if is_fraction => number::float::<f64>(text)?.trunc(),
        text => match number::decimal(text).map(i64::try_from) {
            Some(Ok(number)) if (least..=greatest).contains(&number) => return Some(number),
            _ => number::float::<f64>(text)?,
        },
    };
    // All ranges lie within those of f64's exact integers.
    let nearest = (number as i64).clamp(least, greatest);
    if nearest as f64 != number {
        log_saturated(value);
    }
    Some(nearest)
}

fn fraction(value: &json::Value, greatest: f64) -> Option<f64> {
    let number = number::float::<f64>(number_text(value)?)?;
    if number.abs() > greatest {
        log_saturated(value);
    }
    Some(number.clamp(-greatest, greatest))
}

/// A number, or a string that may hold one.
fn number_text<'a>(value: &json::Value<'a>) -> Option<&'a [u8]> {
    let is_candidate = matches!(value.kind, Kind::Number | Kind::String);
    if !is_candidate {
        log!(Level::Warn, FILE, "store", "value is no number: {}", Payload(value.text));
    }
    is_candidate.then_some(value.text)
}

/// Everything but `false` and 0 is true.
fn is_true(value: &json::Value) -> bool {
    match value.kind {
        Kind::False => false,
        Kind::Number => number::float::<f64>(value.text) != Some(0.0),
        _ => value.text != b"false",
    }
}

fn log_saturated(value: &json::Value) {
    log!(Level::Warn, FILE, "store", "{} does not fit its variable", Payload(value.text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored<T: Copy>(kind: JsonDataType, before: T, text: &str) -> T {
        let document = format!(r#"{{"v":{text}}}"#);
        let value = json::find(b"v", document.as_bytes()).unwrap();
        let mut variable = before;
        // SAFETY: the callers name the type of the variable.
        unsafe { store((&raw mut variable).cast(), kind as _, &value) };
        variable
    }

    #[test]
    fn numbers_are_stored_and_saturate() {
        use JsonDataType::*;
        assert_eq!(stored(JINT32, 7i32, "-21"), -21);
        assert_eq!(stored(JINT32, 7i32, r#""21""#), 21, "decimal text");
        assert_eq!(stored(JINT32, 7i32, "21.9"), 21);
        assert_eq!(stored(JINT32, 7i32, "1e3"), 1000);
        assert_eq!(stored(JINT32, 7i32, "2147483648"), i32::MAX);
        assert_eq!(stored(JINT32, 7i32, "-99999999999999999999"), i32::MIN);
        assert_eq!(stored(JINT16, 7i16, "70000"), i16::MAX);
        assert_eq!(stored(JINT8, 7i8, "-129"), i8::MIN);
        assert_eq!(stored(JUINT32, 7u32, "4294967295"), u32::MAX);
        assert_eq!(stored(JUINT32, 7u32, "-1"), 0);
        assert_eq!(stored(JUINT16, 7u16, "65536"), u16::MAX);
        assert_eq!(stored(JUINT8, 7u8, "255"), 255);
        assert_eq!(stored(JFLOAT, 7f32, "21.5"), 21.5);
        assert_eq!(stored(JFLOAT, 7f32, "-1e300"), -f32::MAX);
        assert_eq!(stored(JDOUBLE, 7f64, "1e999"), f64::MAX);
        for text in [r#""x""#, "true", "{}", "[1]"] {
            assert_eq!(stored(JINT32, 7i32, text), 7, "{text}");
            assert_eq!(stored(JDOUBLE, 7f64, text), 7.0, "{text}");
        }
    }

    #[test]
    fn truth_values_are_stored() {
        for (text, expected) in [
            ("true", 1u8),
            ("false", 0),
            ("FALSE", 0),
            ("0", 0),
            ("0.0", 0),
            ("1", 1),
            ("-1", 1),
            (r#""false""#, 0),
            (r#""off""#, 1),
            ("{}", 1),
        ] {
            assert_eq!(stored(JsonDataType::JBOOL, 9u8, text), expected, "{text}");
        }
    }

    #[test]
    fn text_objects_and_unknown_types_are_left_alone() {
        assert_eq!(stored(JsonDataType::JSTRING, *b"old\0", r#""new""#), *b"old\0");
        assert_eq!(stored(JsonDataType::JOBJECT, *b"old\0", r#"{"a":1}"#), *b"old\0");
        let value = json::Value { kind: Kind::Number, text: b"1" };
        let mut variable = 7u64;
        // SAFETY: an unknown type touches nothing, and NULL neither.
        unsafe {
            store((&raw mut variable).cast(), 11, &value);
            store(std::ptr::null_mut(), INT32, &value);
        }
        assert_eq!(variable, 7);
    }

    #[test]
    fn variables_of_every_type_are_read() {
        fn text_of<T>(kind: JsonDataType, mut variable: T) -> String {
            let mut key = *b"k\0";
            let property = DeviceProperty {
                key: key.as_mut_ptr().cast(),
                data: (&raw mut variable).cast(),
                r#type: kind as _,
                delta_arrived: false,
            };
            // SAFETY: the variable is of the type that the callers name.
            format!("{:?}", unsafe { member(&property) }.unwrap().value)
        }
        use JsonDataType::*;
        assert_eq!(text_of(JINT32, i32::MIN), "Integer(-2147483648)");
        assert_eq!(text_of(JINT16, i16::MIN), "Integer(-32768)");
        assert_eq!(text_of(JINT8, i8::MIN), "Integer(-128)");
        assert_eq!(text_of(JUINT32, u32::MAX), "Integer(4294967295)");
        assert_eq!(text_of(JUINT16, u16::MAX), "Integer(65535)");
        assert_eq!(text_of(JUINT8, u8::MAX), "Integer(255)");
        assert_eq!(text_of(JFLOAT, 21.5f32), "Fraction(21.5)");
        assert_eq!(text_of(JDOUBLE, -0.5f64), "Fraction(-0.5)");
        assert_eq!(text_of(JBOOL, 2u8), "Bool(true)");
        assert_eq!(text_of(JSTRING, *b"ab\0"), "Text([97, 98])");
        assert_eq!(text_of(JOBJECT, *b"{}\0"), "Raw([123, 125])");
    }
}
