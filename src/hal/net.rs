//! TCP and TLS connections of the port.

use super::clock::Clock;
use super::symbols;
use super::waiter::{SLICE_MS, Waiter};
use crate::error::Error;
use core::ffi::{CStr, c_int};
#[cfg(not(feature = "auth_with_notls"))]
use core::ffi::{c_char, c_void};

/// Which family of port functions serves a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tcp,
    #[cfg(not(feature = "auth_with_notls"))]
    Tls,
}

/// An open connection. Copies share it; [`close`](Link::close) is called once, when nobody uses it any more.
///
/// One thread may read while another writes.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    kind: Kind,
    handle: usize,
    /// The port can read what is there instead of an exact count.
    reads_available: bool,
}

/// How the server is verified.
#[cfg(not(feature = "auth_with_notls"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// Not at all.
    Off,
    /// Checked and reported, but the connection goes on.
    Report,
    /// A failure ends the connection.
    Require,
}

/// Which cipher suites are offered.
#[cfg(not(feature = "auth_with_notls"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suites {
    /// Pre-shared key only.
    Psk,
    /// Certificate suites without RSA key exchange.
    Modern,
    /// RSA key exchange last.
    Compatible,
}

/// A TLS session kept for the next connection to the same server.
#[cfg(not(feature = "auth_with_notls"))]
#[derive(Debug)]
pub struct TlsSession(*mut c_void);

#[cfg(not(feature = "auth_with_notls"))]
// SAFETY: an opaque block of the port, used by one connection attempt at a time.
unsafe impl Send for TlsSession {}

#[cfg(not(feature = "auth_with_notls"))]
impl TlsSession {
    /// No session yet.
    pub fn none() -> TlsSession {
        TlsSession(std::ptr::null_mut())
    }
}

#[cfg(not(feature = "auth_with_notls"))]
impl Drop for TlsSession {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by the port's HAL_TLS_Open, which has HAL_TLS_FreeSession beside it.
            unsafe { symbols::iot_hal_tls_free_session(self.0) }
        }
    }
}

/// What a TLS connection needs besides host and port.
#[cfg(not(feature = "auth_with_notls"))]
pub struct TlsSettings<'a> {
    /// Pre-shared key and identity.
    pub psk: Option<(&'a [u8], &'a CStr)>,
    /// Paths of device certificate and private key (PEM).
    pub certificate: Option<(&'a CStr, &'a CStr)>,
    /// Trust anchors as PEM text.
    pub ca_pem: Option<&'a CStr>,
    /// File with further trust anchors; `None`: the system's.
    pub ca_file: Option<&'a CStr>,
    /// How the server is verified.
    pub verify: Verify,
    /// Which suites are offered.
    pub suites: Suites,
    /// Limit for name look-up and TCP connect.
    pub connect_timeout_ms: u32,
    /// Limit for the handshake.
    pub handshake_timeout_ms: u32,
}

impl Link {
    /// Opens a TCP connection within `timeout_ms`, where the port can limit it.
    pub fn open_tcp(host: &CStr, port: u16, timeout_ms: u32, waiter: &Waiter) -> Result<Link, Error> {
        // SAFETY: texts are NUL-terminated, the out parameter outlives the call, and the fast functions are
        // called only if the port has them.
        unsafe {
            if symbols::iot_hal_tcp_is_fast() {
                let mut handle = 0;
                let status =
                    symbols::iot_hal_tcp_open(host.as_ptr(), port, timeout_ms, waiter.as_ptr(), &mut handle);
                success(status, Error::TcpConnect)?;
                return Ok(Link { kind: Kind::Tcp, handle, reads_available: true });
            }
            match symbols::HAL_TCP_Connect(host.as_ptr(), port) {
                0 => Err(Error::TcpConnect),
                handle => Ok(Link { kind: Kind::Tcp, handle, reads_available: false }),
            }
        }
    }

    /// Opens a TLS connection. With [`Verify::Report`] the second value says why the server did not verify.
    #[cfg(not(feature = "auth_with_notls"))]
    pub fn open_tls(
        host: &CStr,
        port: u16,
        settings: &TlsSettings,
        waiter: &Waiter,
        session: &mut TlsSession,
    ) -> Result<(Link, Option<String>), Error> {
        let mut params = connect_params(settings)?;
        // SAFETY: texts are NUL-terminated, all pointers outlive the call, and the fast functions are called
        // only if the port has them.
        unsafe {
            if !symbols::iot_hal_tls_is_fast() {
                // Such a port verifies against the text it is given, and without one not at all.
                if settings.verify == Verify::Require && settings.ca_pem.is_none() {
                    return Err(Error::SslCert);
                }
                return match symbols::HAL_TLS_Connect(&mut params, host.as_ptr(), c_int::from(port)) {
                    0 => Err(Error::SslConnect),
                    handle => Ok((Link { kind: Kind::Tls, handle, reads_available: false }, None)),
                };
            }
            let mut open = open_params(settings, waiter, session);
            let mut handle = 0;
            let status = symbols::iot_hal_tls_open(
                &mut params,
                &mut open,
                host.as_ptr(),
                c_int::from(port),
                &mut handle,
            );
            success(status, Error::SslConnect)?;
            Ok((Link { kind: Kind::Tls, handle, reads_available: true }, verification_failure(&open)))
        }
    }

    /// Whether the port reads trust anchors from files; otherwise they have to be given as text.
    #[cfg(not(feature = "auth_with_notls"))]
    pub fn tls_reads_anchor_files() -> bool {
        // SAFETY: no arguments.
        unsafe { symbols::iot_hal_tls_is_fast() }
    }

    /// Whether [`read`](Self::read) returns what is there. Otherwise it waits for the exact count.
    pub fn reads_available(&self) -> bool {
        self.reads_available
    }

    /// Number that names the connection in logs.
    pub fn handle(&self) -> usize {
        self.handle
    }

    /// Reads into `buffer`, waiting up to `timeout_ms` for the first byte; 0 bytes when the time is over or the
    /// waiter was woken.
    ///
    /// A port without the fast functions waits for a full `buffer`, so give it only what must come.
    pub fn read(&self, buffer: &mut [u8], timeout_ms: u32, waiter: &Waiter) -> Result<usize, Error> {
        let mut count = 0;
        // Nobody can end a wait early without a waiter, which a port may fail to make when descriptors are short.
        let slice_ms = if waiter.is_real() { timeout_ms } else { timeout_ms.min(SLICE_MS) };
        let status = if self.reads_available {
            self.read_available(buffer, slice_ms, waiter, &mut count)
        } else {
            self.read_exact(buffer, timeout_ms.clamp(1, SLICE_MS), &mut count)
        };
        match Error::from_code(status) {
            _ if count > 0 => Ok(count.min(buffer.len())),
            None if status == 0 => Ok(0),
            Some(
                Error::TcpNothingToRead
                | Error::TcpReadTimeout
                | Error::SslNothingToRead
                | Error::SslReadTimeout,
            ) => Ok(0),
            Some(error) => Err(error),
            None => Err(self.read_failure()),
        }
    }

    /// Writes all of `data` within `timeout_ms`. After an error part of it may be under way: the connection is
    /// of no use any more.
    pub fn write_all(&self, data: &mut [u8], timeout_ms: u32, clock: &Clock) -> Result<(), Error> {
        let mut written = 0;
        let status = self.write_once(data, timeout_ms, &mut written);
        if written >= data.len() && status == 0 {
            return Ok(());
        }
        self.write_rest(data, written, status, timeout_ms, clock)
    }

    /// Closes the connection.
    pub fn close(self) {
        // SAFETY: the handle is open; the caller promises that this is its last use.
        unsafe {
            match self.kind {
                // The status says whether the peer was faster; the connection is gone in any case.
                Kind::Tcp => drop(symbols::HAL_TCP_Disconnect(self.handle)),
                #[cfg(not(feature = "auth_with_notls"))]
                Kind::Tls => symbols::HAL_TLS_Disconnect(self.handle),
            }
        }
    }

    /// A port may take less than all; the rest follows until the time is over.
    #[cold]
    fn write_rest(
        &self,
        data: &mut [u8],
        mut written: usize,
        mut status: c_int,
        timeout_ms: u32,
        clock: &Clock,
    ) -> Result<(), Error> {
        let deadline = clock.now() + u64::from(timeout_ms);
        loop {
            let rest = data.get_mut(written..).unwrap_or_default();
            if status != 0 {
                return Err(Error::from_code(status).unwrap_or_else(|| self.write_failure()));
            }
            if rest.is_empty() {
                return Ok(());
            }
            let left = u32::try_from(deadline.saturating_sub(clock.now())).unwrap_or(u32::MAX);
            if left == 0 {
                return Err(self.write_timeout());
            }
            let mut count = 0;
            status = self.write_once(rest, left, &mut count);
            written += count;
        }
    }

    fn read_available(
        &self,
        buffer: &mut [u8],
        timeout_ms: u32,
        waiter: &Waiter,
        count: &mut usize,
    ) -> c_int {
        // SAFETY: buffer and count outlive the call; the handle is open; the port has the fast functions.
        unsafe {
            match self.kind {
                Kind::Tcp => symbols::iot_hal_tcp_read_available(
                    self.handle,
                    buffer.as_mut_ptr(),
                    u32::try_from(buffer.len()).unwrap_or(u32::MAX),
                    timeout_ms,
                    waiter.as_ptr(),
                    count,
                ),
                #[cfg(not(feature = "auth_with_notls"))]
                Kind::Tls => symbols::iot_hal_tls_read_available(
                    self.handle,
                    buffer.as_mut_ptr(),
                    buffer.len(),
                    timeout_ms,
                    waiter.as_ptr(),
                    count,
                ),
            }
        }
    }

    fn read_exact(&self, buffer: &mut [u8], timeout_ms: u32, count: &mut usize) -> c_int {
        // SAFETY: buffer and count outlive the call, and the handle is open.
        unsafe {
            match self.kind {
                Kind::Tcp => symbols::HAL_TCP_Read(
                    self.handle,
                    buffer.as_mut_ptr(),
                    u32::try_from(buffer.len()).unwrap_or(u32::MAX),
                    timeout_ms,
                    count,
                ),
                #[cfg(not(feature = "auth_with_notls"))]
                Kind::Tls => {
                    symbols::HAL_TLS_Read(self.handle, buffer.as_mut_ptr(), buffer.len(), timeout_ms, count)
                }
            }
        }
    }

    fn write_once(&self, data: &mut [u8], timeout_ms: u32, count: &mut usize) -> c_int {
        // SAFETY: data and count outlive the call, and the handle is open.
        unsafe {
            match self.kind {
                Kind::Tcp => symbols::HAL_TCP_Write(
                    self.handle,
                    data.as_ptr(),
                    u32::try_from(data.len()).unwrap_or(u32::MAX),
                    timeout_ms.max(1),
                    count,
                ),
                #[cfg(not(feature = "auth_with_notls"))]
                Kind::Tls => symbols::HAL_TLS_Write(
                    self.handle,
                    data.as_mut_ptr(),
                    data.len(),
                    timeout_ms.max(1),
                    count,
                ),
            }
        }
    }

    fn read_failure(&self) -> Error {
        match self.kind {
            Kind::Tcp => Error::TcpReadFail,
            #[cfg(not(feature = "auth_with_notls"))]
            Kind::Tls => Error::SslRead,
        }
    }

    fn write_failure(&self) -> Error {
        match self.kind {
            Kind::Tcp => Error::TcpWriteFail,
            #[cfg(not(feature = "auth_with_notls"))]
            Kind::Tls => Error::SslWrite,
        }
    }

    fn write_timeout(&self) -> Error {
        match self.kind {
            Kind::Tcp => Error::TcpWriteTimeout,
            #[cfg(not(feature = "auth_with_notls"))]
            Kind::Tls => Error::SslWriteTimeout,
        }
    }
}

fn success(status: c_int, otherwise: Error) -> Result<(), Error> {
    if status == 0 { Ok(()) } else { Err(Error::from_code(status).unwrap_or(otherwise)) }
}

#[cfg(not(feature = "auth_with_notls"))]
fn connect_params(settings: &TlsSettings) -> Result<super::import::SSLConnectParams, Error> {
    let (ca_crt, ca_crt_len) = match settings.ca_pem {
        Some(pem) => (pem.as_ptr(), u16::try_from(pem.count_bytes() + 1).map_err(|_| Error::SslInit)?),
        None => (std::ptr::null(), 0),
    };
    #[cfg(not(feature = "auth_mode_cert"))]
    {
        let mut psk_id = [0 as c_char; 81];
        let (psk, identity) = settings.psk.unwrap_or((&[], c""));
        if identity.count_bytes() >= psk_id.len() {
            return Err(Error::SslInit);
        }
        for (slot, byte) in psk_id.iter_mut().zip(identity.to_bytes()) {
            *slot = *byte as c_char;
        }
        Ok(super::import::SSLConnectParams {
            ca_crt,
            ca_crt_len,
            psk: settings.psk.map_or(std::ptr::null(), |_| psk.as_ptr().cast()),
            psk_id,
            psk_length: psk.len(),
            timeout_ms: settings.handshake_timeout_ms,
        })
    }
    #[cfg(feature = "auth_mode_cert")]
    {
        let path =
            |pick: fn((&CStr, &CStr)) -> *const c_char| settings.certificate.map_or(std::ptr::null(), pick);
        Ok(super::import::SSLConnectParams {
            ca_crt,
            ca_crt_len,
            cert_file: path(|(certificate, _)| certificate.as_ptr()),
            key_file: path(|(_, key)| key.as_ptr()),
            psk_length: 0,
            timeout_ms: settings.handshake_timeout_ms,
        })
    }
}

#[cfg(not(feature = "auth_with_notls"))]
fn open_params(
    settings: &TlsSettings,
    waiter: &Waiter,
    session: &mut TlsSession,
) -> super::import::TLSOpenParams {
    use super::import::*;
    TLSOpenParams {
        connect_timeout_ms: settings.connect_timeout_ms,
        handshake_timeout_ms: settings.handshake_timeout_ms,
        verify: match settings.verify {
            Verify::Off => HAL_TLS_VERIFY_OFF,
            Verify::Report => HAL_TLS_VERIFY_REPORT,
            Verify::Require => HAL_TLS_VERIFY_REQUIRE,
        },
        suites: match settings.suites {
            Suites::Psk => HAL_TLS_SUITES_PSK,
            Suites::Modern => HAL_TLS_SUITES_MODERN,
            Suites::Compatible => HAL_TLS_SUITES_COMPATIBLE,
        },
        ca_file: settings.ca_file.map_or(std::ptr::null(), CStr::as_ptr),
        waiter: waiter.as_ptr(),
        session: &mut session.0,
        verify_failed: false,
        cause: [0; 128],
    }
}

#[cfg(not(feature = "auth_with_notls"))]
fn verification_failure(open: &super::import::TLSOpenParams) -> Option<String> {
    let cause: Vec<u8> = open.cause.iter().map(|&c| c as u8).take_while(|&c| c != 0).collect();
    open.verify_failed.then(|| String::from_utf8_lossy(&cause).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn without_a_waiter_waits_are_cut_in_slices() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let waiter = Waiter::none();
        let port = listener.local_addr().unwrap().port();
        let link = Link::open_tcp(c"127.0.0.1", port, 5000, &waiter).unwrap();
        let start = Instant::now();
        assert_eq!(link.read(&mut [0; 16], 60_000, &waiter), Ok(0));
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
        link.close();
    }
}
