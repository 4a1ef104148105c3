//! The port interface as the C header `qcloud_iot_import.h` declares it.
//!
//! The port compiles the types of this file too, so that both sides have one definition.

#[cfg(not(feature = "auth_with_notls"))]
use core::ffi::c_int;
use core::ffi::{c_char, c_void};

/// Body of a thread started with [`HAL_ThreadCreate`].
pub type ThreadRunFunc = Option<unsafe extern "C" fn(arg: *mut c_void)>;

/// Description of a thread to start; copied by `HAL_ThreadCreate` before it returns.
#[repr(C)]
pub struct ThreadParams {
    /// Name of the thread, NUL-terminated; may be NULL.
    pub thread_name: *mut c_char,
    /// Out: low 32 bits of the port's thread id.
    pub thread_id: u32,
    /// Runs once in the new thread.
    pub thread_func: ThreadRunFunc,
    /// Handed to `thread_func`.
    pub user_arg: *mut c_void,
    /// Port specific; ignored on Linux.
    pub priority: u16,
    /// Bytes; raised to the platform's minimum.
    pub stack_size: u32,
}

/// A deadline. Allocated by the caller, no resources attached, may be copied.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub struct Timer {
    /// Opaque: a point in time of the port's clock.
    pub end_time: libc::timeval,
}

/// A deadline. Allocated by the caller, no resources attached, may be copied.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub struct Timer {
    /// Opaque: a point in time of the port's clock.
    pub end_time: u64,
}

/// What a TLS connection needs besides host and port.
#[repr(C)]
#[cfg(all(not(feature = "auth_with_notls"), not(feature = "auth_mode_cert")))]
pub struct SSLConnectParams {
    /// PEM certificates to trust, or NULL: the server is not verified.
    pub ca_crt: *const c_char,
    /// Bytes of `ca_crt`, terminator included.
    pub ca_crt_len: u16,
    /// Pre-shared key, or NULL.
    pub psk: *const c_char,
    /// Identity that goes with `psk`.
    pub psk_id: [c_char; 81],
    /// Bytes of `psk`.
    pub psk_length: usize,
    /// Limit in ms.
    pub timeout_ms: u32,
}

/// What a TLS connection needs besides host and port.
#[repr(C)]
#[cfg(all(not(feature = "auth_with_notls"), feature = "auth_mode_cert"))]
pub struct SSLConnectParams {
    /// PEM certificates to trust, or NULL: the server is not verified.
    pub ca_crt: *const c_char,
    /// Bytes of `ca_crt`, terminator included.
    pub ca_crt_len: u16,
    /// Path of the device certificate (PEM), or NULL.
    pub cert_file: *const c_char,
    /// Path of the device private key (PEM), or NULL.
    pub key_file: *const c_char,
    /// Bytes of a pre-shared key; unused with certificates.
    pub psk_length: usize,
    /// Limit in ms.
    pub timeout_ms: u32,
}

/// Other name of [`SSLConnectParams`].
#[cfg(not(feature = "auth_with_notls"))]
pub type TLSConnectParams = SSLConnectParams;

/// Server is not verified.
#[cfg(not(feature = "auth_with_notls"))]
pub const HAL_TLS_VERIFY_OFF: c_int = 0;
/// Server is verified; a failure is reported in [`TLSOpenParams`] and the connection goes on.
#[cfg(not(feature = "auth_with_notls"))]
pub const HAL_TLS_VERIFY_REPORT: c_int = 1;
/// A server that does not verify is refused with `QCLOUD_ERR_SSL_CERT`.
#[cfg(not(feature = "auth_with_notls"))]
pub const HAL_TLS_VERIFY_REQUIRE: c_int = 2;

/// Offer only pre-shared key suites.
#[cfg(not(feature = "auth_with_notls"))]
pub const HAL_TLS_SUITES_PSK: c_int = 0;
/// Offer certificate suites, forward secret ones first and no RSA key exchange.
#[cfg(not(feature = "auth_with_notls"))]
pub const HAL_TLS_SUITES_MODERN: c_int = 1;
/// As [`HAL_TLS_SUITES_MODERN`], then RSA key exchange (0x009C, 0x002F) as the last resort.
#[cfg(not(feature = "auth_with_notls"))]
pub const HAL_TLS_SUITES_COMPATIBLE: c_int = 2;

/// What [`HAL_TLS_Open`](super::symbols) takes and reports beyond [`SSLConnectParams`].
#[repr(C)]
#[cfg(not(feature = "auth_with_notls"))]
pub struct TLSOpenParams {
    /// Limit in ms for name look-up and TCP connect, all addresses together.
    pub connect_timeout_ms: u32,
    /// Limit in ms for the whole handshake.
    pub handshake_timeout_ms: u32,
    /// `HAL_TLS_VERIFY_*`.
    pub verify: c_int,
    /// `HAL_TLS_SUITES_*`.
    pub suites: c_int,
    /// PEM file with further trust anchors, or NULL: the file named by `SSL_CERT_FILE`, else the system's bundle.
    pub ca_file: *const c_char,
    /// Waiter that interrupts the call, or NULL.
    pub waiter: *mut c_void,
    /// In and out: session to resume, kept by the caller, freed with `HAL_TLS_FreeSession`; NULL: no resumption.
    pub session: *mut *mut c_void,
    /// Out: the server did not verify (only with `HAL_TLS_VERIFY_REPORT` does the call succeed then).
    pub verify_failed: bool,
    /// Out: cause of a failed verification or handshake as text, empty if none.
    pub cause: [c_char; 128],
}
