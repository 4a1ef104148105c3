//! The TLS functions of the port as C sees them.
#![allow(dead_code, reason = "each test uses a part")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr;

use crate::support::c;

#[repr(C)]
#[cfg(not(feature = "auth_mode_cert"))]
pub struct Params {
    pub ca_crt: *const c_char,
    pub ca_crt_len: u16,
    pub psk: *const c_char,
    pub psk_id: [c_char; 81],
    pub psk_length: usize,
    pub timeout_ms: c_uint,
}

#[repr(C)]
#[cfg(feature = "auth_mode_cert")]
pub struct Params {
    pub ca_crt: *const c_char,
    pub ca_crt_len: u16,
    pub cert_file: *const c_char,
    pub key_file: *const c_char,
    pub psk_length: usize,
    pub timeout_ms: c_uint,
}

#[repr(C)]
pub struct Options {
    pub connect_timeout_ms: u32,
    pub handshake_timeout_ms: u32,
    pub verify: c_int,
    pub suites: c_int,
    pub ca_file: *const c_char,
    pub waiter: *mut c_void,
    pub session: *mut *mut c_void,
    pub verify_failed: bool,
    pub cause: [c_char; 128],
}

pub const OFF: c_int = 0;
pub const REPORT: c_int = 1;
pub const REQUIRE: c_int = 2;
pub const SUITES_PSK: c_int = 0;
pub const SUITES_MODERN: c_int = 1;
pub const SUITES_COMPATIBLE: c_int = 2;

unsafe extern "C" {
    pub fn HAL_TLS_Connect(params: *mut Params, host: *const c_char, port: c_int) -> usize;
    pub fn HAL_TLS_Disconnect(handle: usize);
    pub fn HAL_TLS_Write(h: usize, data: *mut u8, len: usize, timeout_ms: u32, written: *mut usize) -> c_int;
    pub fn HAL_TLS_Read(h: usize, data: *mut u8, len: usize, timeout_ms: u32, read: *mut usize) -> c_int;
    pub fn HAL_TLS_Serves(c: *const c_void, d: *const c_void, w: *const c_void, r: *const c_void) -> bool;
    pub fn HAL_TLS_Open(
        params: *mut Params,
        options: *mut Options,
        host: *const c_char,
        port: c_int,
        handle: *mut usize,
    ) -> c_int;
    pub fn HAL_TLS_ReadAvailable(
        handle: usize,
        data: *mut u8,
        len: usize,
        timeout_ms: u32,
        waiter: *mut c_void,
        read: *mut usize,
    ) -> c_int;
    pub fn HAL_TLS_FreeSession(session: *mut c_void);
}

pub fn params() -> Params {
    // SAFETY: zeroes are "nothing given".
    let mut params = unsafe { std::mem::zeroed::<Params>() };
    params.timeout_ms = 5000;
    params
}

pub fn options(verify: c_int, suites: c_int) -> Options {
    Options {
        connect_timeout_ms: 5000,
        handshake_timeout_ms: 5000,
        verify,
        suites,
        ca_file: ptr::null(),
        waiter: ptr::null_mut(),
        session: ptr::null_mut(),
        verify_failed: true,
        cause: [0x41; 128],
    }
}

/// A connection that closes itself.
#[derive(Debug)]
pub struct Tls(pub usize);

impl Tls {
    /// `HAL_TLS_Open`; the results are in `options`.
    pub fn open(params: &mut Params, options: &mut Options, host: &str, port: u16) -> Result<Self, c_int> {
        let mut handle = usize::MAX;
        // SAFETY: live structures and a terminated host.
        let code = unsafe { HAL_TLS_Open(params, options, c(host).as_ptr(), port.into(), &mut handle) };
        assert_eq!(code == 0, handle != 0);
        if code == 0 { Ok(Self(handle)) } else { Err(code) }
    }

    /// `HAL_TLS_Connect`.
    pub fn connect(params: &mut Params, host: &str, port: u16) -> Option<Self> {
        // SAFETY: as above.
        let handle = unsafe { HAL_TLS_Connect(params, c(host).as_ptr(), port.into()) };
        (handle != 0).then_some(Self(handle))
    }

    pub fn read(&self, len: usize, timeout_ms: u32) -> (c_int, Vec<u8>) {
        let (mut data, mut read) = (vec![0; len], usize::MAX);
        // SAFETY: the buffer has `len` bytes.
        let code = unsafe { HAL_TLS_Read(self.0, data.as_mut_ptr(), len, timeout_ms, &mut read) };
        data.truncate(read);
        (code, data)
    }

    pub fn read_available(&self, timeout_ms: u32, waiter: *mut c_void) -> (c_int, Vec<u8>) {
        let (mut data, mut read) = (vec![0; 65536], usize::MAX);
        let (place, len) = (data.as_mut_ptr(), data.len());
        // SAFETY: the buffer has `len` bytes.
        let code = unsafe { HAL_TLS_ReadAvailable(self.0, place, len, timeout_ms, waiter, &mut read) };
        data.truncate(read);
        (code, data)
    }

    pub fn write(&self, data: &[u8], timeout_ms: u32) -> (c_int, usize) {
        let mut written = usize::MAX;
        let place = data.as_ptr().cast_mut();
        // SAFETY: the port only reads the bytes, although the prototype has no const.
        let code = unsafe { HAL_TLS_Write(self.0, place, data.len(), timeout_ms, &mut written) };
        (code, written)
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        // SAFETY: an open handle.
        unsafe { HAL_TLS_Disconnect(self.0) };
    }
}

pub fn cause(options: &Options) -> String {
    // SAFETY: the port terminates the text.
    unsafe { CStr::from_ptr(options.cause.as_ptr()) }.to_str().unwrap().to_owned()
}

/// Where a caller keeps a session.
pub struct Kept(pub *mut c_void);

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: NULL or a session of the port.
        unsafe { HAL_TLS_FreeSession(self.0) };
    }
}
