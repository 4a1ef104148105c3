//! Connecting: TCP, handshake, verification, and resumption with a second attempt if the server takes it badly.

use super::anchors::Sources;
use super::connection::Connection;
use super::error::TlsError;
use super::session::Session;
use super::setup::Check;
use super::verify::Verifier;
use super::{CONNECT, crypto};
use crate::clock::Deadline;
use crate::heap::Owned;
use crate::import::TLSConnectParams;
use crate::log::{Bytes, Text};
use crate::net::connect::{ConnectError, connect};
use core::ffi::{CStr, c_char, c_int, c_void};

/// Time limits of a connection.
#[derive(Clone, Copy)]
pub enum Limits {
    /// One for everything.
    Total(Deadline),
    /// One for name look-up and TCP, another for the handshake.
    Parts { connect_ms: u32, handshake_ms: u32 },
}

/// What a caller wants, and what it learns beside the result.
pub struct Request<'a> {
    pub params: &'a TLSConnectParams,
    pub limits: Limits,
    pub check: Check,
    /// `HAL_TLS_SUITES_*`.
    pub suites: c_int,
    /// PEM file, or NULL.
    pub ca_file: *const c_char,
    pub waiter: Option<c_int>,
    /// Where the caller keeps a session to resume.
    pub session: Option<&'a mut *mut c_void>,
    /// Out: the server did not verify.
    pub verify_failed: bool,
    /// Out: why not, or why the handshake failed.
    pub cause: Text<128>,
}

/// Makes a connection; the log tells what happened.
///
/// # Safety
/// The pointers of the request are NULL or valid; `host` is NULL or NUL-terminated.
pub unsafe fn open(
    request: &mut Request<'_>,
    host: *const c_char,
    port: c_int,
) -> Result<Owned<Connection>, TlsError> {
    // SAFETY: NULL is replaced, anything else is NUL-terminated.
    let host = if host.is_null() { c"" } else { unsafe { CStr::from_ptr(host) } };
    let shown = Bytes(host.to_bytes());
    log!(Dbg, CONNECT, "Setting up the SSL/TLS structure...");
    // SAFETY: as the caller promised.
    let result = match u16::try_from(port) {
        Ok(number) if crypto::prepare() => {
            log!(Dbg, CONNECT, "Performing the SSL/TLS handshake...");
            log!(Dbg, CONNECT, "Connecting to /{shown}/{port}...");
            // SAFETY: as the caller promised.
            unsafe { try_twice(request, host, number) }
        }
        Ok(_) => Err(TlsError::Setup(mbedtls_rs_sys::MBEDTLS_ERR_SSL_ALLOC_FAILED)),
        Err(_) => Err(TlsError::Tcp(ConnectError::Refused(libc::EINVAL))),
    };
    match &result {
        Ok(_) => log!(Inf, CONNECT, "connected with /{shown}/{port}..."),
        Err(error) => {
            if request.cause.as_bytes().is_empty() {
                request.cause.set(format_args!("{error}"));
            }
            if !error.is_interrupted() {
                log!(Err, CONNECT, "connect to /{shown}/{port} failed: {error}");
            }
        }
    }
    result
}

/// # Safety
/// As [`open`].
unsafe fn try_twice(
    request: &mut Request<'_>,
    host: &CStr,
    port: u16,
) -> Result<Owned<Connection>, TlsError> {
    let session = own_session(request, host, port);
    let (connect_by, handshake_ms) = match request.limits {
        Limits::Total(deadline) => (deadline, None),
        Limits::Parts { connect_ms, handshake_ms } => (Deadline::after_ms(connect_ms), Some(handshake_ms)),
    };
    let socket = connect(host, port, connect_by, request.waiter).map_err(TlsError::Tcp)?;
    let shake_by = handshake_ms.map_or(connect_by, Deadline::after_ms);
    // SAFETY: as the caller promised.
    let mut connection =
        unsafe { Connection::new(socket, request.params, request.suites, request.check, session)? };
    let resuming = connection.offer_session(request.check);
    let first = shake_hands(request, &mut connection, host, shake_by);
    let Err(error) = first else {
        return Ok(connection);
    };
    connection.forget_session();
    if !resuming || !matches!(error, TlsError::Handshake(_)) {
        return Err(error);
    }
    // A session must never be the reason for a failure: once more without it, in the time that is left.
    drop(connection);
    let session = own_session(request, host, port);
    let socket = connect(host, port, shake_by, request.waiter).map_err(TlsError::Tcp)?;
    // SAFETY: as the caller promised.
    let mut connection =
        unsafe { Connection::new(socket, request.params, request.suites, request.check, session)? };
    shake_hands(request, &mut connection, host, shake_by)?;
    Ok(connection)
}

/// The handshake with its verification, whose result goes to the request.
fn shake_hands(
    request: &mut Request<'_>,
    connection: &mut Connection,
    host: &CStr,
    deadline: Deadline,
) -> Result<(), TlsError> {
    let params = request.params;
    let sources =
        Sources { text: params.ca_crt, text_len: usize::from(params.ca_crt_len), file: request.ca_file };
    let mut verifier = Verifier::new(host, sources);
    let wanted = (request.check != Check::Off).then_some(&mut verifier);
    let result = connection.shake_hands(host, wanted, request.waiter, deadline);
    request.verify_failed = verifier.failed;
    request.cause = verifier.cause;
    result
}

/// The connection's share of the caller's session; a new one where there is none or it belongs to another server.
fn own_session(request: &mut Request<'_>, host: &CStr, port: u16) -> Option<Session> {
    let slot = request.session.as_deref_mut()?;
    // SAFETY: the place holds NULL or a session of this port, and gets the result below.
    let mut session = unsafe { Session::from_raw(*slot) };
    *slot = core::ptr::null_mut();
    if session.as_ref().is_none_or(|session| !session.is_for(host, port)) {
        session = Session::new(host, port);
    }
    let session = session?;
    let share = session.share();
    *slot = session.into_raw();
    Some(share)
}
