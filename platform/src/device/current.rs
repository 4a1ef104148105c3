//! The device file of this process: its name, reading it, replacing it (hal.md §10.2).

use super::file::{self, FileError};
use super::json::Object;
use super::stored::read_from;
use super::{SET, SET_FILE, compose, replace};
use crate::codes::*;
use crate::device_info::DeviceInfo;
use crate::heap::Buffer;
use crate::log::{Bytes, Errno, errno};
use crate::sync::Lock;
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char, c_int, c_void};

/// Longest name `HAL_SetDevInfoFile` takes.
const FILE_NAME: usize = 128;

/// Name of the device file, terminated, for the whole process.
struct FileName {
    lock: Lock,
    name: UnsafeCell<[u8; FILE_NAME + 1]>,
}

// SAFETY: `name` is touched under `lock` only.
unsafe impl Sync for FileName {}

static FILE: FileName = FileName { lock: Lock::new(), name: UnsafeCell::new(default_name()) };

/// Lets one writer at a time replace the file, so that none loses what another added.
static WRITING: Lock = Lock::new();

const fn default_name() -> [u8; FILE_NAME + 1] {
    let mut name = [0; FILE_NAME + 1];
    let (head, _) = name.split_at_mut(18);
    head.copy_from_slice(b"./device_info.json");
    name
}

/// A copy of the current name.
fn file_name() -> [u8; FILE_NAME + 1] {
    // SAFETY: under the lock.
    FILE.lock.with(|| unsafe { *FILE.name.get() })
}

/// Makes `name` the device file of this process. 0; -1002 for NULL or more than 128 bytes; -1001 if there is no such
/// file.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
unsafe fn set_file(name: *const c_char) -> c_int {
    if name.is_null() {
        log!(Err, SET_FILE, "no device file name");
        return INVAL;
    }
    // SAFETY: not NULL, so NUL-terminated.
    let name = unsafe { CStr::from_ptr(name) };
    let bytes = name.to_bytes();
    if bytes.len() > FILE_NAME {
        log!(Err, SET_FILE, "device file name longer than {FILE_NAME} bytes");
        return INVAL;
    }
    // SAFETY: a terminated path.
    if unsafe { libc::access(name.as_ptr(), libc::F_OK) } != 0 {
        log!(Err, SET_FILE, "device file {}: {}", Bytes(bytes), Errno(errno()));
        return FAILURE;
    }
    let mut copy = [0; FILE_NAME + 1];
    for (to, from) in copy.iter_mut().zip(bytes) {
        *to = *from;
    }
    // SAFETY: under the lock.
    FILE.lock.with(|| unsafe { *FILE.name.get() = copy });
    SUCCESS
}

/// Reads the device file of this process.
pub fn read(info: &mut DeviceInfo) -> bool {
    with_current(|name| read_from(name, info))
}

/// Runs `f` with the name of the device file of this process.
pub fn with_current<R>(f: impl FnOnce(&CStr) -> R) -> R {
    let name = file_name();
    f(CStr::from_bytes_until_nul(&name).unwrap_or_default())
}

/// Writes device information to the file of this process; false after a line that says why not.
pub fn write(info: &DeviceInfo) -> bool {
    with_current(|name| match WRITING.with(|| write_to(name, info)) {
        Ok(()) => {
            log!(Dbg, SET, "device file {} written", Bytes(name.to_bytes()));
            true
        }
        Err(error) => {
            log!(Err, SET, "device file {} not written: {error}", Bytes(name.to_bytes()));
            false
        }
    })
}

fn write_to(name: &CStr, info: &DeviceInfo) -> Result<(), FileError> {
    let old = match file::read(name) {
        Ok(text) => text,
        Err(FileError::System(libc::ENOENT)) => Buffer::new(),
        Err(error) => return Err(error),
    };
    let object = match Object::parse(&old) {
        Ok(object) => Some(object),
        Err(defect) if !old.is_empty() => {
            log!(Wrn, SET, "device file {} is replaced, it was not JSON: {defect}", Bytes(name.to_bytes()));
            None
        }
        Err(_) => None,
    };
    let text = compose::compose(info, object).ok_or(FileError::System(libc::ENOMEM))?;
    if text.len() > file::LIMIT {
        return Err(FileError::TooLarge);
    }
    replace::replace(name, &text)
}

/// Fills a zeroed `DeviceInfo` from the device file; `client_id` stays empty. 0, or -1003 after a line that says
/// why; fields read so far stay filled.
///
/// # Safety
/// `dev_info` is NULL or points to a `DeviceInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_GetDevInfo(dev_info: *mut c_void) -> c_int {
    let info = dev_info.cast::<DeviceInfo>();
    if info.is_null() {
        return DEV_INFO;
    }
    // SAFETY: not NULL, so a DeviceInfo, which is plain bytes.
    let info = unsafe {
        info.write_bytes(0, 1);
        &mut *info
    };
    if read(info) { SUCCESS } else { DEV_INFO }
}

/// Writes a `DeviceInfo` to the device file; other content of the file stays. 0, or -1003 after a line that says
/// why; the file is unchanged then.
///
/// # Safety
/// `dev_info` is NULL or points to a `DeviceInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SetDevInfo(dev_info: *mut c_void) -> c_int {
    // SAFETY: as the caller promised.
    match unsafe { dev_info.cast::<DeviceInfo>().as_ref() } {
        Some(info) if write(info) => SUCCESS,
        _ => DEV_INFO,
    }
}

/// Makes `file_name` the device file of this process; see [`set_file`].
///
/// # Safety
/// `file_name` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SetDevInfoFile(file_name: *const c_char) -> c_int {
    // SAFETY: as the caller promised.
    unsafe { set_file(file_name) }
}
