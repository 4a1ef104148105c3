//! TLS by Mbed TLS 3.6 (hal.md §8).

mod anchors;
mod bio;
mod connection;
mod credential;
mod crt;
mod crypto;
mod error;
mod key;
mod open;
mod session;
mod setup;
mod suites;
mod verify;

use crate::clock::Deadline;
use crate::codes::*;
use crate::heap::Owned;
use crate::import::*;
use crate::log::{Label, Text};
use crate::waiter;
use connection::{Connection, Stop};
use core::ffi::{c_char, c_int, c_void};
use open::{Limits, Request, open};
use session::Session;
use setup::Check;

const CONNECT: Label = Label { file: c"HAL_TLS_mbedtls.c", func: c"HAL_TLS_Connect" };
const DISCONNECT: Label = Label { file: c"HAL_TLS_mbedtls.c", func: c"HAL_TLS_Disconnect" };
const READ: Label = Label { file: c"HAL_TLS_mbedtls.c", func: c"HAL_TLS_Read" };
const WRITE: Label = Label { file: c"HAL_TLS_mbedtls.c", func: c"HAL_TLS_Write" };

/// Limit of `HAL_TLS_Connect` when the parameters name none.
const DEFAULT_LIMIT_MS: u32 = 15_000;

/// `HAL_TLS_Connect`: a handle, or 0 with the cause in the log. `params.timeout_ms` limits connect and handshake
/// together. With `ca_crt` the server must verify; without it and with a pre-shared key only PSK suites are offered.
///
/// # Safety
/// `params` is NULL or filled, its pointers NULL or valid; `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_port_tls_connect(
    params: *mut TLSConnectParams,
    host: *const c_char,
    port: c_int,
) -> usize {
    // SAFETY: as the caller promised.
    let Some(params) = (unsafe { params.as_ref() }) else {
        log!(Err, CONNECT, "no TLS parameters");
        return 0;
    };
    let limit = if params.timeout_ms == 0 { DEFAULT_LIMIT_MS } else { params.timeout_ms };
    let verified = !params.ca_crt.is_null();
    let mut request = Request {
        params,
        limits: Limits::Total(Deadline::after_ms(limit)),
        check: if verified { Check::Require } else { Check::Off },
        suites: if !verified && has_psk(params) { HAL_TLS_SUITES_PSK } else { HAL_TLS_SUITES_COMPATIBLE },
        ca_file: core::ptr::null(),
        waiter: None,
        session: None,
        verify_failed: false,
        cause: Text::new(),
    };
    // SAFETY: as the caller promised.
    match unsafe { open(&mut request, host, port) } {
        Ok(connection) => connection.into_raw().expose_provenance(),
        Err(_) => 0,
    }
}

#[cfg(not(feature = "auth_mode_cert"))]
fn has_psk(params: &TLSConnectParams) -> bool {
    !params.psk.is_null()
}

#[cfg(feature = "auth_mode_cert")]
fn has_psk(_params: &TLSConnectParams) -> bool {
    false
}

/// Connects as `options` ask. 0 and the handle; -602, -601, -603 as `HAL_TCP_Open`; -701 set-up failed; -702 certificate
/// or key of this device not usable, or the server did not verify and must; -703 handshake failed or a woken waiter
/// ended it (its wake stays pending); -704 handshake too slow. The results in `options` are filled either way.
///
/// # Safety
/// `params` is NULL or filled, its pointers NULL or valid; `options` is filled, its session NULL, or a place with NULL
/// or a session of an earlier call; `host` is NULL or NUL-terminated; `handle` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TLS_Open(
    params: *mut TLSConnectParams,
    options: *mut TLSOpenParams,
    host: *const c_char,
    port: c_int,
    handle: *mut usize,
) -> c_int {
    // SAFETY: as the caller promised.
    let (params, options) = unsafe {
        handle.write(0);
        (params.as_ref(), options.as_mut())
    };
    let (Some(params), Some(options)) = (params, options) else {
        log!(Err, CONNECT, "no TLS parameters");
        return SSL_INIT;
    };
    // SAFETY: the place is NULL or writable, and what it holds is NULL or a session of this port.
    let slot = unsafe { options.session.as_mut() };
    let mut request = Request {
        params,
        limits: Limits::Parts {
            connect_ms: options.connect_timeout_ms,
            handshake_ms: options.handshake_timeout_ms,
        },
        check: match options.verify {
            HAL_TLS_VERIFY_OFF => Check::Off,
            HAL_TLS_VERIFY_REPORT => Check::Report,
            _ => Check::Require,
        },
        suites: options.suites,
        ca_file: options.ca_file,
        waiter: waiter::descriptor(options.waiter),
        session: slot,
        verify_failed: false,
        cause: Text::new(),
    };
    // SAFETY: as the caller promised.
    let result = unsafe { open(&mut request, host, port) };
    options.verify_failed = request.verify_failed;
    options.cause.fill(0);
    for (to, from) in options.cause.iter_mut().zip(request.cause.as_bytes()) {
        *to = *from as c_char;
    }
    match result {
        Ok(connection) => {
            // SAFETY: as the caller promised.
            unsafe { handle.write(connection.into_raw().expose_provenance()) };
            SUCCESS
        }
        Err(error) => error.code(),
    }
}

/// Frees a session that `HAL_TLS_Open` left with the caller; NULL is ignored.
///
/// # Safety
/// `session` is NULL or a session of this port and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TLS_FreeSession(session: *mut c_void) {
    // SAFETY: as the caller promised.
    drop(unsafe { Session::from_raw(session) });
}

/// `HAL_TLS_Disconnect`: says good-bye, closes and frees. 0 only leaves a line at DBG.
///
/// # Safety
/// `handle` is 0 or a handle that no thread uses any more.
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_port_tls_disconnect(handle: usize) {
    let raw = core::ptr::with_exposed_provenance_mut::<Connection>(handle);
    // SAFETY: as the caller promised.
    match unsafe { Owned::from_raw(raw) } {
        Some(mut connection) => connection.close(),
        None => log!(Dbg, DISCONNECT, "no TLS connection"),
    }
}

/// `HAL_TLS_Read`: waits up to `timeout_ms` (0: looks once) until `len` bytes are there. 0; -709 time over with nothing
/// read; -707 time over with a part; -708 the session ended or failed, with what was read before.
///
/// # Safety
/// `handle` is 0 or open; `data` has room for `len` bytes; `read_len` is NULL or writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_port_tls_read(
    handle: usize,
    data: *mut u8,
    len: usize,
    timeout_ms: u32,
    read_len: *mut usize,
) -> c_int {
    let deadline = Deadline::after_ms(timeout_ms);
    let mut read = 0;
    let mut code = SUCCESS;
    // SAFETY: as the caller promised.
    match unsafe { connection(handle) } {
        None => code = SSL_READ,
        Some(connection) => {
            while read < len && code == SUCCESS {
                let limit = (timeout_ms > 0).then_some(deadline);
                // SAFETY: `read < len`, so the rest of the caller's buffer is writable.
                match unsafe { connection.read(data.add(read), len - read, None, limit) } {
                    Ok(count) => read += count,
                    Err(Stop::Late | Stop::Woken) if read == 0 => code = SSL_NOTHING_TO_READ,
                    Err(Stop::Late | Stop::Woken) => code = SSL_READ_TIMEOUT,
                    Err(stop) => code = read_ended(stop),
                }
            }
        }
    }
    // SAFETY: as the caller promised.
    unsafe { report(read_len, read) };
    code
}

/// What is there, at most `len` bytes. 0 with at least one byte; -709 nothing within `timeout_ms` (0: looks once), or
/// `waiter` (NULL: none) was woken, which takes the wake; -708 the session ended or failed.
///
/// # Safety
/// `handle` is 0 or open; `data` has room for `len` bytes; `read_len` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TLS_ReadAvailable(
    handle: usize,
    data: *mut u8,
    len: usize,
    timeout_ms: u32,
    waiter: *mut c_void,
    read_len: *mut usize,
) -> c_int {
    let limit = (timeout_ms > 0).then(|| Deadline::after_ms(timeout_ms));
    // SAFETY: as the caller promised.
    let (code, read) = match unsafe { connection(handle) } {
        None => (SSL_READ, 0),
        // SAFETY: as the caller promised.
        Some(connection) => match unsafe { connection.read(data, len, waiter::descriptor(waiter), limit) } {
            Ok(0) | Err(Stop::Late | Stop::Woken) => (SSL_NOTHING_TO_READ, 0),
            Ok(count) => (SUCCESS, count),
            Err(stop) => (read_ended(stop), 0),
        },
    };
    // SAFETY: as the caller promised.
    unsafe { report(read_len, read) };
    code
}

/// `HAL_TLS_Write`: writes `len` bytes within `timeout_ms`. 0; -705 time over before all, or no time given; -706 error;
/// with the count written before. After -705 the caller goes on with the rest, or closes.
///
/// # Safety
/// `handle` is 0 or open; `data` has `len` bytes; `written_len` is NULL or writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_port_tls_write(
    handle: usize,
    data: *mut u8,
    len: usize,
    timeout_ms: u32,
    written_len: *mut usize,
) -> c_int {
    // SAFETY: as the caller promised.
    let (written, code) = match unsafe { connection(handle) } {
        None => (0, SSL_WRITE),
        Some(_) if timeout_ms == 0 => (0, SSL_WRITE_TIMEOUT),
        Some(connection) => {
            // SAFETY: as the caller promised.
            let (written, result) = unsafe { connection.write(data, len, Deadline::after_ms(timeout_ms)) };
            let code = match result {
                Ok(()) => SUCCESS,
                Err(Stop::Late | Stop::Woken) => SSL_WRITE_TIMEOUT,
                Err(Stop::Closed) => SSL_WRITE,
                Err(Stop::Failed(failure)) => {
                    log!(Err, WRITE, "write failed: {failure}");
                    SSL_WRITE
                }
            };
            (written, code)
        }
    };
    // SAFETY: as the caller promised.
    unsafe { report(written_len, written) };
    code
}

fn read_ended(stop: Stop) -> c_int {
    if let Stop::Failed(failure) = stop {
        log!(Err, READ, "read failed: {failure}");
    }
    SSL_READ
}

/// # Safety
/// `handle` is 0 or open, and stays so as long as the result is used.
unsafe fn connection<'a>(handle: usize) -> Option<&'a Connection> {
    // SAFETY: as the caller promised.
    unsafe { core::ptr::with_exposed_provenance::<Connection>(handle).as_ref() }
}

/// # Safety
/// `place` is NULL or writable.
unsafe fn report(place: *mut usize, count: usize) {
    if !place.is_null() {
        // SAFETY: not NULL, so writable.
        unsafe { place.write(count) };
    }
}
