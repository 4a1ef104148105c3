//! Device information in the program (`DEBUG_DEV_INFO_USED`): what the application sets is kept until the process ends.

use super::{GET, SET, SET_FILE, field};
use crate::codes::*;
use crate::device_info::DeviceInfo;
use crate::sync::Lock;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int, c_void};
use core::mem::MaybeUninit;

struct Device {
    lock: Lock,
    info: UnsafeCell<MaybeUninit<DeviceInfo>>,
}

// SAFETY: `info` is touched under `lock` only.
unsafe impl Sync for Device {}

static DEVICE: Device = Device { lock: Lock::new(), info: UnsafeCell::new(MaybeUninit::zeroed()) };

/// Fills a `DeviceInfo` with what was set. 0; -1003 for NULL or before anything was set.
///
/// # Safety
/// `dev_info` is NULL or points to a `DeviceInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_GetDevInfo(dev_info: *mut c_void) -> c_int {
    // SAFETY: as the caller promised.
    let Some(info) = (unsafe { dev_info.cast::<DeviceInfo>().as_mut() }) else {
        return DEV_INFO;
    };
    // SAFETY: under the lock; zeroes are a valid DeviceInfo.
    *info = DEVICE.lock.with(|| unsafe { (*DEVICE.info.get()).assume_init() });
    if field(&info.product_id).is_empty() || field(&info.device_name).is_empty() {
        log!(Err, GET, "no device information set in this program");
        return DEV_INFO;
    }
    SUCCESS
}

/// Keeps a copy of a `DeviceInfo`. 0; -1003 for NULL or a field without terminator.
///
/// # Safety
/// `dev_info` is NULL or points to a `DeviceInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SetDevInfo(dev_info: *mut c_void) -> c_int {
    // SAFETY: as the caller promised.
    let Some(info) = (unsafe { dev_info.cast::<DeviceInfo>().as_ref() }) else {
        return DEV_INFO;
    };
    let mut ok = true;
    for (name, array) in fields(info) {
        if field(array).len() == array.len() {
            log!(Err, SET, "{name}: longer than {} bytes", array.len().saturating_sub(1));
            ok = false;
        }
    }
    if !ok {
        return DEV_INFO;
    }
    // SAFETY: under the lock.
    DEVICE.lock.with(|| unsafe { (*DEVICE.info.get()).write(*info) });
    SUCCESS
}

/// Only warns: there is no device file in this build. Always 0.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_SetDevInfoFile(_file_name: *const c_char) -> c_int {
    log!(Wrn, SET_FILE, "device information is part of this program, the file is not read");
    SUCCESS
}

#[cfg(not(feature = "auth_mode_cert"))]
fn fields(info: &DeviceInfo) -> [(&'static str, &[c_char]); 4] {
    [
        ("product_id", &info.product_id),
        ("device_name", &info.device_name),
        ("device_secret", &info.device_secret),
        ("region", &info.region),
    ]
}

#[cfg(feature = "auth_mode_cert")]
fn fields(info: &DeviceInfo) -> [(&'static str, &[c_char]); 5] {
    [
        ("product_id", &info.product_id),
        ("device_name", &info.device_name),
        ("dev_cert_file_name", &info.dev_cert_file_name),
        ("dev_key_file_name", &info.dev_key_file_name),
        ("region", &info.region),
    ]
}
