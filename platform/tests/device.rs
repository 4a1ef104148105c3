//! The device file: hal.md §10, each line of its tables.
#![cfg(not(feature = "debug_dev_info_used"))]

mod support;

#[allow(dead_code, reason = "constants and gateway types")]
#[path = "../../src/hal/device_info.rs"]
mod device_info;

use device_info::DeviceInfo;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::{Mutex, MutexGuard};
use support::{c, take_log};

unsafe extern "C" {
    fn HAL_GetDevInfo(info: *mut c_void) -> c_int;
    fn HAL_SetDevInfo(info: *mut c_void) -> c_int;
    fn HAL_GetDevInfoFromFile(name: *const c_char, info: *mut c_void) -> c_int;
    fn HAL_SetDevInfoFile(name: *const c_char) -> c_int;
}

/// The name of the device file belongs to the process: tests that set it take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A directory of one test; its device file is that of the process meanwhile.
struct Place {
    dir: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Place {
    fn new(test: &str, text: &str) -> Self {
        let turn = TURN.lock().unwrap_or_else(|e| e.into_inner());
        let dir = std::env::temp_dir().join(format!("iot_platform_{test}_{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let place = Self { dir, _turn: turn };
        fs::write(place.file(), text).unwrap();
        // SAFETY: a terminated name.
        assert_eq!(unsafe { HAL_SetDevInfoFile(c(place.file().to_str().unwrap()).as_ptr()) }, 0);
        take_log();
        place
    }
    fn file(&self) -> PathBuf {
        self.dir.join("device.json")
    }
    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

fn blank(fill: c_char) -> DeviceInfo {
    // SAFETY: a structure of plain bytes.
    unsafe {
        let mut info = std::mem::zeroed::<DeviceInfo>();
        (&raw mut info).cast::<u8>().write_bytes(fill as u8, size_of::<DeviceInfo>());
        info
    }
}

fn get() -> (c_int, DeviceInfo) {
    let mut info = blank(0x55);
    // SAFETY: a live structure.
    (unsafe { HAL_GetDevInfo((&raw mut info).cast()) }, info)
}

fn set(info: &DeviceInfo) -> c_int {
    // SAFETY: a live structure.
    unsafe { HAL_SetDevInfo(ptr::from_ref(info).cast_mut().cast()) }
}

fn from_file(name: &Path) -> (c_int, DeviceInfo) {
    let mut info = blank(0x55);
    let name = c(name.to_str().unwrap());
    // SAFETY: a terminated name and a live structure.
    (unsafe { HAL_GetDevInfoFromFile(name.as_ptr(), (&raw mut info).cast()) }, info)
}

fn text(array: &[c_char]) -> &str {
    // SAFETY: same size; the fields are terminated.
    unsafe { CStr::from_ptr(array.as_ptr()) }.to_str().unwrap()
}

fn put(array: &mut [c_char], value: &str) {
    array.fill(0);
    for (to, from) in array.iter_mut().zip(value.bytes()) {
        *to = from as c_char;
    }
}

#[cfg(not(feature = "auth_mode_cert"))]
const CREDENTIAL: &str = r#""key_deviceinfo":{"deviceSecret":"c2VjcmV0"}"#;
#[cfg(feature = "auth_mode_cert")]
const CREDENTIAL: &str = r#""cert_deviceinfo":{"devCertFile":"dev.crt","devPrivateKeyFile":"dev.key"}"#;

#[cfg(not(feature = "auth_mode_cert"))]
fn credential(info: &DeviceInfo) -> String {
    text(&info.device_secret).to_owned()
}
#[cfg(feature = "auth_mode_cert")]
fn credential(info: &DeviceInfo) -> String {
    format!("{},{}", text(&info.dev_cert_file_name), text(&info.dev_key_file_name))
}

#[cfg(not(feature = "auth_mode_cert"))]
const CREDENTIAL_VALUE: &str = "c2VjcmV0";
#[cfg(feature = "auth_mode_cert")]
const CREDENTIAL_VALUE: &str = "dev.crt,dev.key";

fn device(product: &str, name: &str, more: &str) -> String {
    format!(r#"{{"auth_mode":"x","productId":"{product}","deviceName":"{name}",{more}{CREDENTIAL}}}"#)
}

fn sample() -> DeviceInfo {
    let mut info = blank(0);
    put(&mut info.product_id, "PID");
    put(&mut info.device_name, "dn");
    put(&mut info.region, "china");
    #[cfg(not(feature = "auth_mode_cert"))]
    put(&mut info.device_secret, "sec");
    #[cfg(feature = "auth_mode_cert")]
    {
        put(&mut info.dev_cert_file_name, "a.crt");
        put(&mut info.dev_key_file_name, "a.key");
    }
    #[cfg(feature = "dev_dyn_reg_enabled")]
    put(&mut info.product_secret, "ps");
    info
}

/// The file the reference writes for [`sample`] (hal.md §10.2).
fn reference_format() -> String {
    let mode = if cfg!(feature = "auth_mode_cert") { "CERT" } else { "KEY" };
    let secret = if cfg!(feature = "dev_dyn_reg_enabled") { "\"productSecret\":\"ps\",\n" } else { "" };
    let credential = if cfg!(feature = "auth_mode_cert") {
        "\"cert_deviceinfo\":{\n\"devCertFile\":\"a.crt\",\n\"devPrivateKeyFile\":\"a.key\"\n}"
    } else {
        "\"key_deviceinfo\":{\n\"deviceSecret\":\"sec\"\n}"
    };
    format!(
        "{{\n\"auth_mode\":\"{mode}\",\n\"productId\":\"PID\",\n\"deviceName\":\"dn\",\n\"region\":\"china\",\n{secret}{credential}\n}}"
    )
}

#[test]
fn reads_all_fields() {
    let _place = Place::new("reads", &device("ABCDE12345", "dev_01", r#""region":"us-east","#));
    let (code, info) = get();
    assert_eq!(code, 0);
    assert_eq!(text(&info.product_id), "ABCDE12345");
    assert_eq!(text(&info.device_name), "dev_01");
    assert_eq!(text(&info.region), "us-east");
    assert_eq!(text(&info.client_id), "", "not filled, but zeroed");
    assert_eq!(credential(&info), CREDENTIAL_VALUE);
    #[cfg(feature = "dev_dyn_reg_enabled")]
    assert_eq!(text(&info.product_secret), "", "the reference guide's own file has none");
}

#[test]
fn missing_region_is_an_error_line_and_the_default() {
    let _place = Place::new("region", &device("P", "D", ""));
    let (code, info) = get();
    assert_eq!((code, text(&info.region)), (0, ""));
    assert!(take_log().iter().any(|l| l.starts_with("1|") && l.contains("region: missing")));
    let long = format!(r#""region":"{}","#, "r".repeat(64));
    let _place = {
        drop(_place);
        Place::new("region", &device("P", "D", &long))
    };
    let (code, info) = get();
    assert_eq!((code, text(&info.region)), (0, ""));
    let longest = "r".repeat(63);
    fs::write(_place.file(), device("P", "D", &format!(r#""region":"{longest}","#))).unwrap();
    assert_eq!(text(&get().1.region), longest);
}

#[test]
fn each_missing_or_bad_key_is_named() {
    let place = Place::new("missing", "");
    let cases = [
        (r#"{"productId":"P","deviceName":"D"}"#, "auth_mode: missing or empty"),
        (r#"{"auth_mode":"","productId":"P","deviceName":"D"}"#, "auth_mode: missing or empty"),
        (r#"{"auth_mode":"KEY","deviceName":"D"}"#, "productId: missing or empty"),
        (r#"{"auth_mode":"KEY","productId":"","deviceName":"D"}"#, "productId: missing or empty"),
        (r#"{"auth_mode":"KEY","productId":null,"deviceName":"D"}"#, "productId: missing or empty"),
        (r#"{"auth_mode":"KEY","productId":["P"],"deviceName":"D"}"#, "productId: not a text"),
        (r#"{"auth_mode":"KEY","productId":"\u0000","deviceName":"D"}"#, "productId: not a text"),
        (
            r#"{"auth_mode":"KEY","productId":"12345678901","deviceName":"D"}"#,
            "productId: longer than 10 bytes",
        ),
        (r#"{"auth_mode":"KEY","productId":"P"}"#, "deviceName: missing or empty"),
        (
            r#"{"auth_mode":"KEY","productId":"P","deviceName":"D"}"#,
            if cfg!(feature = "auth_mode_cert") {
                "cert_deviceinfo.devCertFile: missing or empty"
            } else {
                "key_deviceinfo.deviceSecret: missing or empty"
            },
        ),
        (
            r#"{"auth_mode":"KEY","productId":"P","deviceName":"D","key_deviceinfo":"x","cert_deviceinfo":{"devCertFile":"c"}}"#,
            if cfg!(feature = "auth_mode_cert") {
                "cert_deviceinfo.devPrivateKeyFile: missing or empty"
            } else {
                "key_deviceinfo.deviceSecret: missing or empty"
            },
        ),
    ];
    for (file, cause) in cases {
        fs::write(place.file(), file).unwrap();
        take_log();
        let (code, info) = get();
        assert_eq!(code, -1003, "{file}");
        let log = take_log();
        assert!(log.iter().any(|l| l.starts_with("1|") && l.ends_with(cause)), "{file}: {log:?}");
        if cause.starts_with("deviceName") {
            assert_eq!(text(&info.product_id), "P", "fields read so far stay filled");
        }
    }
}

#[test]
fn values_have_limits() {
    let place = Place::new("limits", &device("1234567890", &"d".repeat(48), ""));
    assert_eq!(text(&get().1.device_name), "d".repeat(48));
    for file in [device("12345678901", "d", ""), device("P", &"d".repeat(49), "")] {
        fs::write(place.file(), file).unwrap();
        assert_eq!(get().0, -1003);
    }
    #[cfg(not(feature = "auth_mode_cert"))]
    for (length, code) in [(64, 0), (65, -1003)] {
        let secret = "s".repeat(length);
        fs::write(place.file(), device("P", "D", "").replace("c2VjcmV0", &secret)).unwrap();
        take_log();
        assert_eq!(get().0, code);
        assert!(!take_log().iter().any(|l| l.contains("sss")), "the secret is not logged");
    }
    #[cfg(feature = "dev_dyn_reg_enabled")]
    for (length, code) in [(32, 0), (33, -1003)] {
        let more = format!(r#""productSecret":"{}","#, "s".repeat(length));
        fs::write(place.file(), device("P", "D", &more)).unwrap();
        assert_eq!(get().0, code);
    }
}

#[test]
fn file_has_at_most_1024_bytes() {
    let place = Place::new("size", "");
    let file = device("P", "D", "");
    for (size, code) in [(1024, 0), (1025, -1003), (100_000, -1003)] {
        fs::write(place.file(), format!("{file}{}", " ".repeat(size - file.len()))).unwrap();
        take_log();
        assert_eq!(get().0, code, "{size}");
        assert_eq!(take_log().iter().any(|l| l.contains("larger than 1024 bytes")), code != 0);
    }
}

#[test]
fn byte_order_mark_and_white_space_are_accepted() {
    let place = Place::new("bom", &format!("\u{FEFF}\r\n\t {}\n\n", device("P", "D", "")));
    assert_eq!(get().0, 0);
    fs::write(place.file(), format!(" \n{}", device("P", "D", ""))).unwrap();
    assert_eq!(get().0, 0);
}

#[test]
fn escapes_and_numbers_are_read() {
    let place = Place::new("escapes", &device("P", r#"a\"b\\c\/\u00e9\ud83d\ude00\t"#, ""));
    let (code, info) = get();
    assert_eq!((code, text(&info.device_name)), (0, "a\"b\\c/é😀\t"));
    fs::write(place.file(), device("P", "D", "").replace(r#""P""#, "12345")).unwrap();
    assert_eq!(text(&get().1.product_id), "12345", "the reference takes numbers as text");
    for bad in [r"\x", r"\ud800", r"\ud800A", r"\u12", r"\udc00"] {
        fs::write(place.file(), device("P", bad, "")).unwrap();
        assert_eq!(get().0, -1003, "{bad}");
    }
}

#[test]
fn broken_json_is_an_error_with_its_line() {
    let place = Place::new("broken", "");
    let cases = [
        ("", "line 1: an object expected"),
        ("[1]", "line 1: an object expected"),
        ("{\n\"a\" 1}", "line 2: a colon expected"),
        ("{\"a\":1\n\n\"b\":2}", "line 3: a comma or } expected"),
        ("{\"a\":1,}", "line 1: a key in quotes expected"),
        ("{a:1}", "line 1: a key in quotes expected"),
        ("{\"a\":[1 2]}", "line 1: a comma or ] expected"),
        ("{\"a\":tru}", "line 1: a value expected"),
        ("{\"a\":\"x}", "line 1: a closing quote expected"),
        ("{\"a\":\"\\", "line 1: a closing quote expected"),
        ("{\"a\":\"x\ny\"}", "line 1: a closing quote expected"),
        ("{} x", "line 1: the end of the file expected"),
        ("{\"a\":1", "line 1: a comma or } expected"),
    ];
    for (file, cause) in cases {
        fs::write(place.file(), file).unwrap();
        take_log();
        assert_eq!(get().0, -1003, "{file}");
        let log = take_log();
        assert!(log[0].ends_with(&format!("is not JSON: {cause}")), "{file}: {log:?}");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(400), "]".repeat(400));
    fs::write(place.file(), deep).unwrap();
    assert_eq!(get().0, -1003);
}

/// Every prefix and every single changed byte of a file is read without harm.
#[test]
fn damaged_files_do_no_harm() {
    let place = Place::new("damaged", "");
    let file = device("P", r"D\u00e9", r#""x":[1,{"y":null},"z"],"#).into_bytes();
    for cut in 0..file.len() {
        fs::write(place.file(), &file[..cut]).unwrap();
        assert_eq!(get().0, -1003);
    }
    for at in 0..file.len() {
        for byte in [0, b'"', b'\\', b'{', b'}', 0xFF] {
            let mut changed = file.clone();
            changed[at] = byte;
            fs::write(place.file(), &changed).unwrap();
            let code = get().0;
            assert!(code == 0 || code == -1003);
        }
    }
    take_log();
}

#[test]
fn null_arguments() {
    // SAFETY: NULL is allowed.
    unsafe {
        assert_eq!(HAL_GetDevInfo(ptr::null_mut()), -1003);
        assert_eq!(HAL_SetDevInfo(ptr::null_mut()), -1003);
        assert_eq!(HAL_SetDevInfoFile(ptr::null()), -1002);
        let mut info = blank(0);
        assert_eq!(HAL_GetDevInfoFromFile(ptr::null(), (&raw mut info).cast()), -1001);
        assert_eq!(HAL_GetDevInfoFromFile(c"x".as_ptr(), ptr::null_mut()), -1001);
    }
}

#[test]
fn name_of_the_file_is_checked() {
    let place = Place::new("name", &device("P", "D", ""));
    // SAFETY: terminated names.
    unsafe {
        assert_eq!(HAL_SetDevInfoFile(c("x".repeat(129).as_str()).as_ptr()), -1002);
        assert_eq!(HAL_SetDevInfoFile(c("x".repeat(128).as_str()).as_ptr()), -1001, "no such file");
        assert_eq!(HAL_SetDevInfoFile(c(place.dir.join("none").to_str().unwrap()).as_ptr()), -1001);
    }
    assert_eq!(get().0, 0, "the name set before still counts");
}

#[test]
fn other_file_is_read_without_zeroing() {
    let place = Place::new("other", "{}");
    let other = place.dir.join("other.json");
    fs::write(&other, device("P", "D", "")).unwrap();
    let (code, info) = from_file(&other);
    assert_eq!((code, text(&info.device_name)), (0, "D"));
    assert!(info.client_id.iter().all(|b| *b == 0x55), "not touched");
    assert_eq!(from_file(&place.file()).0, -1001);
    assert_eq!(from_file(&place.dir.join("none")).0, -1001);
    assert_eq!(from_file(&place.dir).0, -1001, "a directory");
}

#[test]
fn writes_the_format_of_the_reference() {
    let place = Place::new("format", "");
    fs::remove_file(place.file()).unwrap();
    assert_eq!(set(&sample()), 0);
    assert_eq!(place.text(), reference_format());
    assert_eq!(
        fs::metadata(place.file()).unwrap().permissions().mode() & 0o7777,
        0o600,
        "a new file is private"
    );
    assert_eq!(fs::read_dir(&place.dir).unwrap().count(), 1, "no temporary file is left");
    // Known keys only, in any order and layout: the same format again.
    let shuffled = format!(
        r#"{{ "region" : "x", {CREDENTIAL}, "deviceName":"y","productId":"z" , "auth_mode":"q"{} }}"#,
        if cfg!(feature = "dev_dyn_reg_enabled") { r#","productSecret":"old""# } else { "" }
    );
    fs::write(place.file(), shuffled).unwrap();
    assert_eq!(set(&sample()), 0);
    assert_eq!(place.text(), reference_format());
    let (code, info) = get();
    assert_eq!((code, text(&info.product_id), text(&info.region)), (0, "PID", "china"));
    let secrets = take_log().iter().any(|l| l.contains("sec\"") || l.contains("\"ps\""));
    assert!(!secrets, "the text of the file is not logged");
}

#[test]
fn writing_keeps_what_others_put_there() {
    let other = if cfg!(feature = "auth_mode_cert") {
        r#""key_deviceinfo":{"deviceSecret":"other"}"#
    } else {
        r#""cert_deviceinfo": { "devCertFile": "c" }"#
    };
    let file = format!(
        r#"{{"x": [1, 2], "productId":"old", {other}, {CREDENTIAL}, "subDev":{{"sub_productId":"s"}}}}"#
    );
    let place = Place::new("keeps", &file.replace(r#"":"c2VjcmV0""#, r#"":"c2VjcmV0","note": "n""#));
    assert_eq!(set(&sample()), 0);
    let text = place.text();
    assert!(text.starts_with("{\n\"x\":[1, 2],\n\"productId\":\"PID\",\n"), "{text}");
    assert!(text.contains(&other.replace("\": {", "\":{")), "{text}");
    assert!(text.contains("\"subDev\":{\"sub_productId\":\"s\"}"), "{text}");
    assert!(text.contains("\"deviceName\":\"dn\"") && text.contains("\"auth_mode\":"), "{text}");
    if !cfg!(feature = "auth_mode_cert") {
        assert!(text.contains("\"deviceSecret\":\"sec\",\n\"note\":\"n\"\n}"), "{text}");
    }
    assert_eq!(get().0, 0);
}

#[test]
fn written_values_are_escaped() {
    let place = Place::new("escaped", "");
    let mut info = sample();
    put(&mut info.device_name, "a\"b\\c\nd\u{1}é");
    assert_eq!(set(&info), 0);
    assert!(place.text().contains(r#""deviceName":"a\"b\\c\nd\u0001é""#), "{}", place.text());
    assert_eq!(text(&get().1.device_name), "a\"b\\c\nd\u{1}é");
}

#[test]
fn writing_keeps_mode_and_link() {
    let place = Place::new("mode", "{}");
    let real = place.dir.join("real.json");
    fs::rename(place.file(), &real).unwrap();
    symlink(&real, place.file()).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let before = fs::metadata(&real).unwrap().ino();
    assert_eq!(set(&sample()), 0);
    assert!(fs::symlink_metadata(place.file()).unwrap().file_type().is_symlink());
    let after = fs::metadata(&real).unwrap();
    assert_eq!(after.permissions().mode() & 0o7777, 0o640);
    assert_ne!(after.ino(), before, "replaced at once, not rewritten");
}

#[test]
fn failed_write_leaves_the_file_alone() {
    let big = format!(r#"{{"x":"{}"}}"#, "x".repeat(950));
    let place = Place::new("failed", &big);
    assert_eq!(set(&sample()), -1003, "the result would be too large to be read again");
    assert_eq!(place.text(), big);
    assert!(take_log().iter().any(|l| l.ends_with("not written: larger than 1024 bytes")));
    let larger = " ".repeat(2000);
    fs::write(place.file(), &larger).unwrap();
    assert_eq!(set(&sample()), -1003);
    assert_eq!(place.text(), larger);
    fs::write(place.file(), "{ broken").unwrap();
    assert_eq!(set(&sample()), 0, "a damaged file can be repaired");
    assert!(take_log().iter().any(|l| l.starts_with("2|") && l.contains("it was not JSON")));
    assert_eq!(place.text(), reference_format());
    let _ = fs::remove_dir_all(&place.dir);
    assert_eq!(set(&sample()), -1003, "no directory");
    fs::create_dir_all(&place.dir).unwrap();
}

#[test]
fn readers_see_the_old_or_the_new_file() {
    let place = Place::new("atomic", &reference_format());
    std::thread::scope(|scope| {
        let file = place.file();
        let reader = scope.spawn(move || (0..400).all(|_| from_file(&file).0 == 0));
        for _ in 0..60 {
            assert_eq!(set(&sample()), 0);
        }
        assert!(reader.join().unwrap());
    });
}

#[cfg(feature = "gateway_enabled")]
mod gateway {
    use super::*;
    use device_info::GatewayDeviceInfo;

    unsafe extern "C" {
        fn HAL_GetGwDevInfo(info: *mut c_void) -> c_int;
    }

    fn get_gateway() -> (c_int, GatewayDeviceInfo) {
        // SAFETY: zeroes are valid for the structure.
        unsafe {
            let mut info = std::mem::zeroed::<GatewayDeviceInfo>();
            info.sub_dev_num = 77;
            (HAL_GetGwDevInfo((&raw mut info).cast()), info)
        }
    }

    #[test]
    fn gateway_and_sub_device() {
        let place = Place::new(
            "gateway",
            &device("P", "G", r#""subDev":{"sub_productId":"SP","sub_devName":"SD"},"#),
        );
        let (code, info) = get_gateway();
        assert_eq!((code, info.sub_dev_num, text(&info.gw_info.device_name)), (0, 1, "G"));
        // SAFETY: one sub-device, freed once.
        unsafe {
            let sub = &*info.sub_dev_info;
            assert_eq!((text(&sub.product_id), text(&sub.device_name), text(&sub.region)), ("SP", "SD", ""));
            support::HAL_Free(info.sub_dev_info.cast());
            assert_eq!(HAL_GetGwDevInfo(ptr::null_mut()), -1003);
        }
        let failures = [
            ("{}".to_owned(), -1001),
            (device("P", "G", ""), -1003),
            (device("P", "G", r#""subDev":{"sub_productId":"SP"},"#), -1003),
            (device("P", "G", r#""subDev":{"sub_productId":"12345678901","sub_devName":"SD"},"#), -1003),
        ];
        for (file, code) in failures {
            fs::write(place.file(), file).unwrap();
            let (got, info) = get_gateway();
            assert_eq!((got, info.sub_dev_num, info.sub_dev_info.is_null()), (code, 0, true));
        }
    }
}
