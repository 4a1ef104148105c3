//! The port's functions as C sees them, and what several tests need.
#![allow(dead_code, reason = "each test uses a part")]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_long, c_uint, c_void};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

// The functions are found by their C names; this makes the linker see the library.
use iot_platform as _;

/// Whether the processor has instructions for AES and for its GCM mode.
pub fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

unsafe extern "C" {
    pub fn HAL_Malloc(size: u32) -> *mut c_void;
    pub fn HAL_Free(block: *mut c_void);
    pub fn HAL_Printf(fmt: *const c_char, ...);
    pub fn HAL_Snprintf(text: *mut c_char, len: c_int, fmt: *const c_char, ...) -> c_int;
    pub fn HAL_SleepMs(ms: u32);
    pub fn HAL_DelayMs(ms: u32);
    pub fn HAL_GetTimeMs() -> u32;
    pub fn HAL_MutexCreate() -> *mut c_void;
    pub fn HAL_MutexDestroy(mutex: *mut c_void);
    pub fn HAL_MutexLock(mutex: *mut c_void);
    pub fn HAL_MutexTryLock(mutex: *mut c_void) -> c_int;
    pub fn HAL_MutexUnlock(mutex: *mut c_void);
    pub fn HAL_SemaphoreCreate() -> *mut c_void;
    pub fn HAL_SemaphoreDestroy(sem: *mut c_void);
    pub fn HAL_SemaphorePost(sem: *mut c_void);
    pub fn HAL_SemaphoreWait(sem: *mut c_void, timeout_ms: u32) -> c_int;
    pub fn HAL_Timer_init(timer: *mut Timer);
    pub fn HAL_Timer_countdown(timer: *mut Timer, timeout: c_uint);
    pub fn HAL_Timer_countdown_ms(timer: *mut Timer, timeout_ms: c_uint);
    pub fn HAL_Timer_expired(timer: *mut Timer) -> bool;
    pub fn HAL_Timer_remain(timer: *mut Timer) -> c_int;
    pub fn HAL_Timer_current(text: *mut c_char) -> *mut c_char;
    pub fn HAL_Timer_current_sec() -> c_long;
    pub fn HAL_Timer_set_systime_sec(sec: usize) -> c_int;
    pub fn HAL_Timer_set_systime_ms(ms: usize) -> c_int;
    pub fn HAL_htons(value: u16) -> u16;
    pub fn HAL_ntohs(value: u16) -> u16;
    pub fn HAL_htonl(value: u32) -> u32;
    pub fn HAL_ntohl(value: u32) -> u32;

    pub fn HAL_TCP_Connect(host: *const c_char, port: u16) -> usize;
    pub fn HAL_TCP_Disconnect(fd: usize) -> c_int;
    pub fn HAL_TCP_Write(fd: usize, data: *const u8, len: u32, timeout_ms: u32, written: *mut usize)
    -> c_int;
    pub fn HAL_TCP_Read(fd: usize, data: *mut u8, len: u32, timeout_ms: u32, read: *mut usize) -> c_int;
    pub fn HAL_TCP_Serves(
        connect: *const c_void,
        disconnect: *const c_void,
        write: *const c_void,
        read: *const c_void,
    ) -> bool;
    pub fn HAL_TCP_Open(
        host: *const c_char,
        port: u16,
        timeout_ms: u32,
        waiter: *mut c_void,
        fd: *mut usize,
    ) -> c_int;
    pub fn HAL_TCP_ReadAvailable(
        fd: usize,
        data: *mut u8,
        len: u32,
        timeout_ms: u32,
        waiter: *mut c_void,
        read: *mut usize,
    ) -> c_int;
    pub fn HAL_Waiter_Create() -> *mut c_void;
    pub fn HAL_Waiter_Destroy(waiter: *mut c_void);
    pub fn HAL_Waiter_Wake(waiter: *mut c_void);
    pub fn HAL_Waiter_Sleep(waiter: *mut c_void, ms: u32) -> c_int;
}

/// A `Timer` of a glibc system.
pub type Timer = libc::timeval;

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Receives the port's log lines (tests/support/log_stub.c).
#[unsafe(no_mangle)]
extern "C" fn test_log_line(file: *const c_char, func: *const c_char, level: c_int, text: *const c_char) {
    // SAFETY: the stub hands over three terminated texts.
    let [file, func, text] = [file, func, text].map(|t| unsafe { CStr::from_ptr(t) }.to_string_lossy());
    LINES.with_borrow_mut(|lines| lines.push(format!("{level}|{file}|{func}: {text}")));
}

/// The lines this thread caused since the last call, as `level|file|function: text`.
pub fn take_log() -> Vec<String> {
    LINES.take()
}

/// A C text for a literal host or file name.
pub fn c(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// Runs `f` and tells how long it took.
pub fn timed<R>(f: impl FnOnce() -> R) -> (R, Duration) {
    let start = Instant::now();
    let result = f();
    (result, start.elapsed())
}

/// Asserts that something took `ms` milliseconds; late by at most 150 ms, since the machine may be busy.
pub fn assert_took(took: Duration, ms: u64) {
    assert!(took >= Duration::from_millis(ms), "too early: {took:?} instead of {ms} ms");
    assert!(took < Duration::from_millis(ms + 150), "too late: {took:?} instead of {ms} ms");
}

/// A handle of the port and the peer's end of the connection.
pub fn tcp_pair() -> (usize, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // SAFETY: a terminated host.
    let fd = unsafe { HAL_TCP_Connect(c"127.0.0.1".as_ptr(), port) };
    assert_ne!(fd, 0);
    (fd, listener.accept().unwrap().0)
}

/// `HAL_TCP_Read` into a buffer of `len` bytes: the code and what was read.
pub fn tcp_read(fd: usize, len: usize, timeout_ms: u32) -> (c_int, Vec<u8>) {
    let (mut data, mut read) = (vec![0; len], usize::MAX);
    // SAFETY: the buffer has `len` bytes.
    let code = unsafe { HAL_TCP_Read(fd, data.as_mut_ptr(), len as u32, timeout_ms, &mut read) };
    data.truncate(read);
    (code, data)
}

/// `HAL_TCP_Write`: the code and the count.
pub fn tcp_write(fd: usize, data: &[u8], timeout_ms: u32) -> (c_int, usize) {
    let mut written = usize::MAX;
    // SAFETY: the slice has the length given.
    let code = unsafe { HAL_TCP_Write(fd, data.as_ptr(), data.len() as u32, timeout_ms, &mut written) };
    (code, written)
}

/// `HAL_TCP_ReadAvailable` into 4096 bytes.
pub fn tcp_read_available(fd: usize, timeout_ms: u32, waiter: *mut c_void) -> (c_int, Vec<u8>) {
    let (mut data, mut read) = (vec![0; 4096], usize::MAX);
    // SAFETY: the buffer has the length given.
    let code = unsafe { HAL_TCP_ReadAvailable(fd, data.as_mut_ptr(), 4096, timeout_ms, waiter, &mut read) };
    data.truncate(read);
    (code, data)
}

/// Reads until the other side closes.
pub fn drain(mut peer: TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    peer.read_to_end(&mut all).unwrap();
    all
}

/// A waiter that frees itself and may be woken from any thread.
pub struct Waiter(pub *mut c_void);
// SAFETY: waiters are made for use from several threads.
unsafe impl Sync for Waiter {}
// SAFETY: as above.
unsafe impl Send for Waiter {}

impl Waiter {
    pub fn new() -> Self {
        // SAFETY: no precondition.
        let waiter = unsafe { HAL_Waiter_Create() };
        assert!(!waiter.is_null());
        Self(waiter)
    }
    pub fn wake(&self) {
        // SAFETY: the waiter is live.
        unsafe { HAL_Waiter_Wake(self.0) };
    }
    pub fn sleep(&self, ms: u32) -> c_int {
        // SAFETY: the waiter is live.
        unsafe { HAL_Waiter_Sleep(self.0, ms) }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // SAFETY: nobody waits any more.
        unsafe { HAL_Waiter_Destroy(self.0) };
    }
}
