//! The functions of the port (`qcloud_iot_import.h`), which a firmware may replace one by one.
#![allow(missing_docs)] // qcloud_iot_import.h describes them.

use super::import::*;
use core::ffi::{c_char, c_int, c_long, c_uint, c_void};

// `HAL_Printf`, `HAL_Snprintf` and `HAL_Vsnprintf` are C-variadic: see `ffi/variadic.c`.
unsafe extern "C" {
    pub fn HAL_Malloc(size: u32) -> *mut c_void;
    pub fn HAL_Free(ptr: *mut c_void);
    #[cfg(feature = "multithread_enabled")]
    pub fn HAL_SleepMs(ms: u32);
    pub fn HAL_GetTimeMs() -> u32;
    #[cfg(feature = "multithread_enabled")]
    pub fn HAL_ThreadCreate(params: *mut ThreadParams) -> c_int;

    pub fn HAL_Timer_init(timer: *mut Timer);
    pub fn HAL_Timer_countdown_ms(timer: *mut Timer, timeout_ms: c_uint);
    pub fn HAL_Timer_remain(timer: *mut Timer) -> c_int;
    pub fn HAL_Timer_current(time_str: *mut c_char) -> *mut c_char;
    pub fn HAL_Timer_current_sec() -> c_long;
    #[cfg(feature = "system_comm")]
    pub fn HAL_Timer_set_systime_ms(timestamp_ms: usize) -> c_int;

    pub fn HAL_TCP_Connect(host: *const c_char, port: u16) -> usize;
    pub fn HAL_TCP_Disconnect(fd: usize) -> c_int;
    pub fn HAL_TCP_Write(
        fd: usize,
        data: *const u8,
        len: u32,
        timeout_ms: u32,
        written_len: *mut usize,
    ) -> c_int;
    pub fn HAL_TCP_Read(fd: usize, data: *mut u8, len: u32, timeout_ms: u32, read_len: *mut usize) -> c_int;
}

#[cfg(not(feature = "auth_with_notls"))]
unsafe extern "C" {
    pub fn HAL_TLS_Connect(params: *mut TLSConnectParams, host: *const c_char, port: c_int) -> usize;
    pub fn HAL_TLS_Disconnect(handle: usize);
    pub fn HAL_TLS_Write(
        handle: usize,
        data: *mut u8,
        len: usize,
        timeout_ms: u32,
        written_len: *mut usize,
    ) -> c_int;
    pub fn HAL_TLS_Read(
        handle: usize,
        data: *mut u8,
        len: usize,
        timeout_ms: u32,
        read_len: *mut usize,
    ) -> c_int;
}

#[cfg(all(not(feature = "auth_with_notls"), feature = "auth_mode_cert"))]
unsafe extern "C" {
    pub fn HAL_TLS_Get_PrivateKey_FromFile(path: *const c_char) -> *mut c_void;
    pub fn HAL_TLS_Calc_Sign_RSASHA256(
        key: *mut c_void,
        inbuf: *mut c_char,
        len: c_int,
        out: *mut c_char,
    ) -> c_int;
    pub fn HAL_TLS_Get_RSASHA256_Result_Len(key: *mut c_void) -> c_int;
    pub fn HAL_TLS_Destory_PrivateKey(key: *mut c_void);
}

// Optional functions: `optional.c` refers to them weakly and says whether the port has them.
//
//   bool HAL_TCP_Serves(connect, disconnect, write, read)   true: these four are the port's own, none was replaced
//   int  HAL_TCP_Open(host, port, timeout_ms, waiter, &fd)  0, -602 unknown host, -601 no socket, -603 refused, unreachable or late
//   int  HAL_TCP_ReadAvailable(fd, data, len, timeout_ms, waiter, &read_len)
//   bool HAL_TLS_Serves(connect, disconnect, write, read)
//   int  HAL_TLS_Open(params, open, host, port, &handle)    0, the above, -701, -702, -703, -704
//   int  HAL_TLS_ReadAvailable(handle, data, len, timeout_ms, waiter, &read_len)
//   void HAL_TLS_FreeSession(session)
//   int  HAL_Timer_set_systime_sec(seconds)                 called where size_t cannot hold milliseconds
//   void *HAL_Waiter_Create(void), void HAL_Waiter_Destroy(w), void HAL_Waiter_Wake(w), int HAL_Waiter_Sleep(w, ms)
unsafe extern "C" {
    #[cfg(not(feature = "multithread_enabled"))]
    pub fn iot_hal_has_sleep() -> bool;
    #[cfg(not(feature = "multithread_enabled"))]
    pub fn iot_hal_sleep(ms: u32);
    #[cfg(feature = "system_comm")]
    pub fn iot_hal_set_system_seconds(seconds: usize) -> c_int;

    pub fn iot_hal_has_waiter() -> bool;
    pub fn iot_hal_waiter_create() -> *mut c_void;
    pub fn iot_hal_waiter_destroy(waiter: *mut c_void);
    pub fn iot_hal_waiter_wake(waiter: *mut c_void);
    pub fn iot_hal_waiter_sleep(waiter: *mut c_void, ms: u32) -> c_int;

    pub fn iot_hal_tcp_is_fast() -> bool;
    pub fn iot_hal_tcp_open(
        host: *const c_char,
        port: u16,
        timeout_ms: u32,
        waiter: *mut c_void,
        fd: *mut usize,
    ) -> c_int;
    pub fn iot_hal_tcp_read_available(
        fd: usize,
        data: *mut u8,
        len: u32,
        timeout_ms: u32,
        waiter: *mut c_void,
        read_len: *mut usize,
    ) -> c_int;
}

#[cfg(not(feature = "auth_with_notls"))]
unsafe extern "C" {
    pub fn iot_hal_tls_is_fast() -> bool;
    pub fn iot_hal_tls_open(
        params: *mut TLSConnectParams,
        open: *mut TLSOpenParams,
        host: *const c_char,
        port: c_int,
        handle: *mut usize,
    ) -> c_int;
    pub fn iot_hal_tls_read_available(
        handle: usize,
        data: *mut u8,
        len: usize,
        timeout_ms: u32,
        waiter: *mut c_void,
        read_len: *mut usize,
    ) -> c_int;
    pub fn iot_hal_tls_free_session(session: *mut c_void);
}

/// What `optional.c` says of a port without the fast family; Miri runs no C.
#[cfg(miri)]
mod basic_port {
    #[unsafe(no_mangle)]
    extern "C" fn iot_hal_has_sleep() -> bool {
        false
    }

    #[unsafe(no_mangle)]
    extern "C" fn iot_hal_has_waiter() -> bool {
        false
    }
}
