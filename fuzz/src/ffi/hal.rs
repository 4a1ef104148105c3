//! The port (`HAL_*`) that the model of `port.rs` serves.

use crate::port;
use iot_sdk::error::Error;
use iot_sdk::hal::import::{ThreadParams, Timer};
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

/// The handle of the connection.
const HANDLE: usize = 1;

#[unsafe(no_mangle)]
extern "C" fn HAL_Malloc(size: u32) -> *mut c_void {
    // SAFETY: any size is allowed.
    unsafe { libc::malloc(size as usize) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Free(block: *mut c_void) {
    // SAFETY: NULL or a block of HAL_Malloc.
    unsafe { libc::free(block) }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_SleepMs(ms: u32) {
    port::pass(ms);
}

#[unsafe(no_mangle)]
extern "C" fn HAL_GetTimeMs() -> u32 {
    port::now_ms() as u32
}

/// Targets start no threads.
#[unsafe(no_mangle)]
extern "C" fn HAL_ThreadCreate(_params: *mut ThreadParams) -> c_int {
    -1
}

/// The end of a timer is a number of milliseconds, in the seconds of its `timeval`.
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Timer_init(timer: *mut Timer) {
    // SAFETY: a timer of the caller.
    unsafe { (*timer).end_time = libc::timeval { tv_sec: 0, tv_usec: 0 } };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Timer_countdown_ms(timer: *mut Timer, timeout_ms: c_uint) {
    // SAFETY: a timer of the caller.
    unsafe { (*timer).end_time.tv_sec = port::now_ms() as i64 + i64::from(timeout_ms) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Timer_remain(timer: *mut Timer) -> c_int {
    // SAFETY: a timer of the caller.
    let left = unsafe { (*timer).end_time.tv_sec } - port::now_ms() as i64;
    left.clamp(0, i64::from(c_int::MAX)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Timer_current(text: *mut c_char) -> *mut c_char {
    let time = c"2026-01-01 00:00:00";
    // SAFETY: the caller has room for a time, which is this long.
    unsafe { text.copy_from_nonoverlapping(time.as_ptr(), time.count_bytes() + 1) };
    text
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Timer_current_sec() -> c_long {
    1_767_225_600 + (port::now_ms() / 1000) as c_long
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Timer_set_systime_ms(_timestamp_ms: usize) -> c_int {
    0
}

/// With a waiter the SDK waits as long as it has to at once, without one in slices.
#[unsafe(no_mangle)]
extern "C" fn HAL_Waiter_Create() -> *mut c_void {
    if port::is_minimal() { std::ptr::null_mut() } else { std::ptr::dangling_mut::<u8>().cast() }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Waiter_Destroy(_waiter: *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn HAL_Waiter_Wake(_waiter: *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn HAL_Waiter_Sleep(_waiter: *mut c_void, ms: u32) -> c_int {
    HAL_SleepMs(ms);
    0
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TCP_Connect(_host: *const c_char, _port: u16) -> usize {
    port::connect();
    HANDLE
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TCP_Disconnect(_fd: usize) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Write(
    _fd: usize,
    data: *const u8,
    len: u32,
    _timeout_ms: u32,
    written: *mut usize,
) -> c_int {
    // SAFETY: `len` readable bytes of the caller.
    let data = unsafe { std::slice::from_raw_parts(data, len as usize) };
    port::write(data);
    // SAFETY: an out parameter of the caller.
    unsafe { *written = data.len() };
    0
}

/// Waits for an exact count, as the original's port does.
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Read(
    _fd: usize,
    data: *mut u8,
    len: u32,
    timeout_ms: u32,
    read: *mut usize,
) -> c_int {
    let mut count = 0;
    while count < len as usize {
        // SAFETY: `len` writable bytes of the caller.
        let room = unsafe { std::slice::from_raw_parts_mut(data.add(count), len as usize - count) };
        match port::take(room) {
            0 => break,
            some => count += some,
        }
    }
    // SAFETY: an out parameter of the caller.
    unsafe { *read = count };
    match count {
        _ if count == len as usize => 0,
        0 => nothing(timeout_ms),
        _ => {
            nothing(timeout_ms);
            Error::TcpReadTimeout.code()
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TCP_Serves(
    _connect: *const c_void,
    _disconnect: *const c_void,
    _write: *const c_void,
    _read: *const c_void,
) -> bool {
    !port::is_minimal()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Open(
    host: *const c_char,
    port: u16,
    _timeout_ms: u32,
    _waiter: *mut c_void,
    fd: *mut usize,
) -> c_int {
    // SAFETY: an out parameter of the caller.
    unsafe { *fd = HAL_TCP_Connect(host, port) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_ReadAvailable(
    _fd: usize,
    data: *mut u8,
    len: u32,
    timeout_ms: u32,
    _waiter: *mut c_void,
    read: *mut usize,
) -> c_int {
    // SAFETY: `len` writable bytes and an out parameter of the caller.
    let count = unsafe {
        *read = port::take(std::slice::from_raw_parts_mut(data, len as usize));
        *read
    };
    if count > 0 { 0 } else { nothing(timeout_ms) }
}

fn nothing(timeout_ms: u32) -> c_int {
    let error = if port::wait_in_vain(timeout_ms) { Error::TcpNothingToRead } else { Error::TcpPeerShutdown };
    error.code()
}

/// Targets speak without TLS.
#[unsafe(no_mangle)]
extern "C" fn HAL_TLS_Connect(_params: *mut c_void, _host: *const c_char, _port: c_int) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TLS_Disconnect(_handle: usize) {}

#[unsafe(no_mangle)]
extern "C" fn HAL_TLS_Write(
    _handle: usize,
    _data: *mut u8,
    _len: usize,
    _timeout_ms: u32,
    _written: *mut usize,
) -> c_int {
    Error::SslWrite.code()
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TLS_Read(
    _handle: usize,
    _data: *mut u8,
    _len: usize,
    _timeout_ms: u32,
    _read: *mut usize,
) -> c_int {
    Error::SslRead.code()
}
