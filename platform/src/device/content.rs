//! What the device file says: its keys, their limits, and how they map to `DeviceInfo` (hal.md §10.1).

use super::json::{Object, TextError};
use super::{GET, set_field};
use crate::device_info::*;
use crate::log::Bytes;
use core::ffi::c_char;
use core::fmt;

/// Longest value of any key.
const LONGEST: usize = 128;

/// Why a key has no usable value. Never shows the value: it may be a secret.
pub enum Problem {
    Missing,
    NotText,
    TooLong(usize),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing or empty"),
            Self::NotText => f.write_str("not a text"),
            Self::TooLong(limit) => write!(f, "longer than {limit} bytes"),
        }
    }
}

/// Where a key stands in the file: at the top, or in a section.
#[derive(Clone, Copy)]
pub struct Key {
    pub section: Option<&'static str>,
    pub name: &'static str,
}

impl Key {
    const fn top(name: &'static str) -> Self {
        Self { section: None, name }
    }
    pub const fn within(section: &'static str, name: &'static str) -> Self {
        Self { section: Some(section), name }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.section {
            Some(section) => write!(f, "{section}.{}", self.name),
            None => f.write_str(self.name),
        }
    }
}

pub const AUTH_MODE: Key = Key::top("auth_mode");
pub const PRODUCT_ID: Key = Key::top("productId");
pub const DEVICE_NAME: Key = Key::top("deviceName");
pub const REGION: Key = Key::top("region");
#[cfg(feature = "dev_dyn_reg_enabled")]
pub const PRODUCT_SECRET: Key = Key::top("productSecret");
#[cfg(not(feature = "auth_mode_cert"))]
pub const DEVICE_SECRET: Key = Key::within("key_deviceinfo", "deviceSecret");
#[cfg(feature = "auth_mode_cert")]
pub const CERT_FILE: Key = Key::within("cert_deviceinfo", "devCertFile");
#[cfg(feature = "auth_mode_cert")]
pub const KEY_FILE: Key = Key::within("cert_deviceinfo", "devPrivateKeyFile");

/// Fills `info` from a file; false after a line that names the key at fault. Fields read before stay filled;
/// `client_id` is not touched.
pub fn fill(object: Object<'_>, name: &[u8], info: &mut DeviceInfo) -> bool {
    let complain = |key: Key, problem: Problem| {
        log!(Err, GET, "device file {}: {key}: {problem}", Bytes(name));
    };
    // Must be there, but is not compared with the build.
    let mut auth_mode = [0; LONGEST];
    if let Err(problem @ (Problem::Missing | Problem::NotText)) = value(object, AUTH_MODE, &mut auth_mode) {
        complain(AUTH_MODE, problem);
        return false;
    }
    let required = |key: Key, array: &mut [c_char]| match text(object, key, array) {
        Ok(()) => true,
        Err(problem) => {
            complain(key, problem);
            false
        }
    };
    if !(required(PRODUCT_ID, &mut info.product_id) && required(DEVICE_NAME, &mut info.device_name)) {
        return false;
    }
    if let Err(problem) = text(object, REGION, &mut info.region) {
        log!(Err, GET, "device file {}: {REGION}: {problem}, using the default region", Bytes(name));
        info.region.fill(0);
    }
    #[cfg(feature = "dev_dyn_reg_enabled")]
    match text(object, PRODUCT_SECRET, &mut info.product_secret) {
        Ok(()) => {}
        Err(Problem::Missing) => {
            log!(Dbg, GET, "device file {}: no {PRODUCT_SECRET}", Bytes(name));
            info.product_secret.fill(0);
        }
        Err(problem) => {
            complain(PRODUCT_SECRET, problem);
            return false;
        }
    }
    fill_credential(info, required)
}

#[cfg(not(feature = "auth_mode_cert"))]
fn fill_credential(info: &mut DeviceInfo, required: impl Fn(Key, &mut [c_char]) -> bool) -> bool {
    required(DEVICE_SECRET, &mut info.device_secret)
}

#[cfg(feature = "auth_mode_cert")]
fn fill_credential(info: &mut DeviceInfo, required: impl Fn(Key, &mut [c_char]) -> bool) -> bool {
    required(CERT_FILE, &mut info.dev_cert_file_name) && required(KEY_FILE, &mut info.dev_key_file_name)
}

/// Copies the text of a key into an array of a C structure, terminator included.
pub fn text(object: Object<'_>, key: Key, array: &mut [c_char]) -> Result<(), Problem> {
    let mut space = [0; LONGEST];
    let limit = array.len().saturating_sub(1);
    let text = value(object, key, space.get_mut(..limit).unwrap_or_default())?;
    set_field(array, text);
    Ok(())
}

/// The text of a key, at most as long as `space`. An empty text counts as missing.
fn value<'s>(object: Object<'_>, key: Key, space: &'s mut [u8]) -> Result<&'s [u8], Problem> {
    let holder = match key.section {
        None => Some(object),
        Some(section) => object.get(section).and_then(|member| member.object()),
    };
    let member = holder.and_then(|holder| holder.get(key.name)).ok_or(Problem::Missing)?;
    let limit = space.len();
    match member.text(space) {
        Ok(0) => Err(Problem::Missing),
        Ok(len) => Ok(space.get(..len).unwrap_or_default()),
        Err(TextError::TooLong) => Err(Problem::TooLong(limit)),
        Err(TextError::NotText) if member.value == b"null" => Err(Problem::Missing),
        Err(TextError::NotText) => Err(Problem::NotText),
    }
}
