//! Device files that the Linux port reads and rewrites (`HAL_GetDevInfo`, `HAL_SetDevInfo`, `HAL_GetGwDevInfo`).
//!
//! Input: the text of a file. What is read is terminated, agrees with another JSON parser, and does not depend on the
//! structure's old content. What is written can be read again, keeps what others have in the file, and a file that cannot
//! be written stays as it was. The file lies below TMPDIR.
#![no_main]

use ffi::device_file as port;
use iot_platform as _;
use iot_sdk::hal::device_info::DeviceInfo;
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use std::ffi::{CString, c_char};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, fs, process};

mod ffi {
    pub mod device_file;
}

/// Largest device file.
const LIMIT: usize = 1024;
/// Members that the port writes, by section.
const KNOWN: [(&str, &[&str]); 2] = [
    ("", &["auth_mode", "productId", "deviceName", "region", "key_deviceinfo"]),
    ("key_deviceinfo", &["deviceSecret"]),
];

static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = env::temp_dir().join(format!("iot-fuzz-device-file-{}", process::id()));
    fs::create_dir_all(&directory).expect("a directory for the file");
    directory.join("device_info.json")
});

/// The texts that a file gives: product, name, secret, region.
#[derive(Debug, PartialEq)]
struct Texts([Vec<u8>; 4]);

fn texts(info: &DeviceInfo) -> Texts {
    let text = |array: &[c_char]| {
        let end = array.iter().position(|c| *c == 0).expect("a terminator");
        assert!(array[end..].iter().all(|c| *c == 0), "old content behind the text");
        array[..end].iter().map(|c| *c as u8).collect()
    };
    Texts([text(&info.product_id), text(&info.device_name), text(&info.device_secret), text(&info.region)])
}

/// A structure with this in every byte.
fn filled(byte: c_char) -> DeviceInfo {
    DeviceInfo {
        product_id: [byte; 11],
        device_name: [byte; 49],
        client_id: [byte; 81],
        device_secret: [byte; 65],
        region: [byte; 64],
    }
}

fn read() -> Option<Texts> {
    let mut info = filled(0);
    let code = port::read(&mut info);
    assert!(code == 0 || code == -1003, "{code}");
    (code == 0).then(|| texts(&info))
}

/// How often a name stands in the text: the port takes the first of equal ones, the other parser the last.
fn count(text: &[u8], name: &str) -> usize {
    let quoted = format!("\"{name}\"");
    text.windows(quoted.len()).filter(|window| *window == quoted.as_bytes()).count()
}

/// The port reads up to this many levels.
fn is_flat(text: &[u8]) -> bool {
    text.iter().filter(|b| matches!(b, b'{' | b'[')).count() < 16
}

/// What another parser sees; `None` where the two need not agree.
fn expected(text: &[u8]) -> Option<Option<Texts>> {
    let object: Map<String, Value> = serde_json::from_slice(text).ok()?;
    let names = ["auth_mode", "productId", "deviceName", "region", "key_deviceinfo", "deviceSecret"];
    if !is_flat(text) || text.len() > LIMIT || names.iter().any(|name| count(text, name) != 1) {
        return None;
    }
    let section = object.get("key_deviceinfo")?.as_object()?;
    let member = |holder: &Map<String, Value>, name: &str| Some(holder.get(name)?.as_str()?.to_owned());
    let mode = member(&object, "auth_mode")?;
    let all = [
        (member(&object, "productId")?, 10),
        (member(&object, "deviceName")?, 48),
        (member(section, "deviceSecret")?, 64),
    ];
    let is_usable =
        |text: &str, limit: usize| !text.is_empty() && text.len() <= limit && !text.contains('\0');
    let region = Some(member(&object, "region")?).filter(|region| is_usable(region, 63)).unwrap_or_default();
    if !is_usable(&mode, LIMIT) || all.iter().any(|(text, limit)| !is_usable(text, *limit)) {
        return Some(None);
    }
    let [product, name, secret] = all.map(|(text, _)| text.into_bytes());
    Some(Some(Texts([product, name, secret, region.into_bytes()])))
}

/// Reading into a structure with old content.
fn check_dirty(name: &CString, clean: &Option<Texts>) {
    let mut info = filled(0x41);
    let code = port::read_from(name, &mut info);
    assert!(info.client_id.iter().all(|c| *c == 0x41), "not the port's");
    assert_eq!((code == 0).then(|| texts(&info)), *clean);
}

fn check_gateway(clean: &Option<Texts>) {
    let (code, gateway, devices) = port::read_gateway(filled(0));
    assert_eq!(devices.len(), usize::from(code == 0));
    if let [device] = devices.as_slice() {
        assert_eq!(Some(texts(&gateway)), *clean);
        let Texts([product, name, ..]) = texts(device);
        assert!(!product.is_empty() && !name.is_empty());
    }
}

/// A structure with texts out of the input, one of them without terminator.
fn sample(data: &[u8]) -> DeviceInfo {
    let mut info = filled(0);
    let mut rest = data;
    let DeviceInfo { product_id, device_name, device_secret, region, .. } = &mut info;
    for array in [&mut product_id[..10], &mut device_name[..48], &mut device_secret[..64], &mut region[..]] {
        let len = rest.first().map_or(0, |len| usize::from(*len)).min(array.len());
        for (to, from) in array.iter_mut().zip(rest.iter().skip(1).take(len)) {
            *to = *from as c_char;
        }
        rest = rest.get(1 + len..).unwrap_or_default();
    }
    info
}

/// The members that the port does not know, if the text is JSON to the other parser and every name is there once.
fn foreign(text: &[u8]) -> Option<Map<String, Value>> {
    let mut object: Map<String, Value> = serde_json::from_slice(text).ok()?;
    let is_unique = |object: &Map<String, Value>| object.keys().all(|name| count(text, name) == 1);
    let sections = object.values().filter_map(Value::as_object).all(is_unique);
    if !is_flat(text) || !is_unique(&object) || !sections || text.contains(&b'\\') {
        return None;
    }
    for (section, names) in KNOWN {
        let holder = if section.is_empty() {
            Some(&mut object)
        } else {
            object.get_mut(section).and_then(Value::as_object_mut)
        };
        if let Some(holder) = holder {
            holder.retain(|name, value| {
                !names.contains(&name.as_str())
                    || section.is_empty() && value.is_object() && name == "key_deviceinfo"
            });
        }
    }
    object.retain(|_, value| value.as_object().is_none_or(|object| !object.is_empty()));
    Some(object)
}

fn check_write(old: &[u8], info: &mut DeviceInfo) {
    let code = port::write(info);
    let new = fs::read(&*FILE).expect("the file is there");
    if code != 0 {
        assert_eq!(new, old, "a failure changes nothing");
        return;
    }
    assert!(new.len() <= LIMIT);
    let field =
        |array: &[c_char]| array.iter().take_while(|c| **c != 0).map(|c| *c as u8).collect::<Vec<u8>>();
    let wanted =
        [&info.product_id[..], &info.device_name[..], &info.device_secret[..], &info.region[..]].map(field);
    let is_complete = wanted.iter().take(3).all(|text| !text.is_empty());
    // A region of 64 bytes has no terminator: it is written, and too long to be read.
    let read = read();
    if is_complete && wanted[3].len() < 64 {
        assert_eq!(read, Some(Texts(wanted)));
    } else {
        assert!(read.is_none() || is_complete);
    }
    let Ok(text) = std::str::from_utf8(&new) else { return };
    if serde_json::from_slice::<Value>(old).is_ok() {
        assert!(serde_json::from_str::<Value>(text).is_ok(), "no JSON: {text}");
    }
    if let (Some(before), Some(after)) = (foreign(old), foreign(&new)) {
        for (name, value) in &before {
            if name != "key_deviceinfo" {
                assert_eq!(after.get(name), Some(value), "{name}");
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    iot_sdk::log::g_log_print_level.store(0, std::sync::atomic::Ordering::Relaxed);
    fs::write(&*FILE, data).expect("room for a file");
    let name = CString::new(FILE.to_str().expect("a plain name")).expect("a plain name");
    assert_eq!(port::choose_file(&name), 0);
    let clean = read();
    assert!(clean.is_none() || data.len() <= LIMIT);
    if let Some(expected) = expected(data) {
        assert_eq!(clean, expected);
    }
    check_dirty(&name, &clean);
    check_gateway(&clean);
    if data.len() <= LIMIT {
        check_write(data, &mut sample(data.get(data.len() / 2..).unwrap_or_default()));
    }
});
