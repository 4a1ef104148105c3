//! A TLS connection: handshake, reading, writing. One thread may read while another writes: the library's objects are
//! used under a lock, every wait happens without it, and writers take turns.

use super::bio::{Bio, FAILED};
use super::crypto::{NO_ENTROPY, exclusive};
use super::error::{Failure, TlsError};
use super::session::Session;
use super::setup::{Check, Parts};
use super::verify::Verifier;
use crate::clock::Deadline;
use crate::heap::Owned;
use crate::import::TLSConnectParams;
use crate::net::connect::Socket;
use crate::net::wait::{Ended, wait};
use crate::sync::{Lock, Semaphore};
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_int};
use core::mem::ManuallyDrop;
use mbedtls_rs_sys as mbed;

pub struct Connection {
    lock: Lock,
    /// One token: whoever holds it writes.
    turn: Owned<Semaphore>,
    fd: c_int,
    inner: UnsafeCell<Inner>,
}

// SAFETY: `inner` is touched under `lock` only.
unsafe impl Sync for Connection {}

struct Inner {
    bio: Bio,
    parts: ManuallyDrop<Parts>,
    session: Option<Session>,
    verified: bool,
    /// TLS 1.3 uses the shared state of the library when it reads.
    reads_share: bool,
    /// Bytes of a record that is sealed but not completely sent.
    pending: usize,
    /// Reading has come to its end.
    stopped: Option<Stop>,
}

/// How a read or write ended, besides success.
#[derive(Clone, Copy)]
pub enum Stop {
    Late,
    Woken,
    /// The session ended in an orderly way.
    Closed,
    Failed(Failure),
}

impl Inner {
    fn failure(&self, code: c_int) -> Failure {
        let mut alert = 0;
        if code == mbed::MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE && !self.parts.ssl.private_in_msg.is_null() {
            // SAFETY: the two bytes of the alert are still in the library's buffer (level, number).
            alert = unsafe { *self.parts.ssl.private_in_msg.add(1) };
        }
        Failure { code, error: self.bio.error, alert }
    }

    fn handshake_failure(&mut self, code: c_int) -> Failure {
        match self.bio.plain_alert() {
            Some(alert) if code == FAILED => {
                Failure { code: mbed::MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE, error: 0, alert }
            }
            _ => self.failure(code),
        }
    }

    /// Saves what a later connection may resume. The caller is exclusive.
    fn save_session(&mut self) {
        if let Some(session) = &self.session {
            // SAFETY: the handshake is over.
            unsafe { session.save(&self.parts.ssl, self.verified) };
        }
    }
}

impl Connection {
    /// A connection on `socket`, ready for its handshake.
    ///
    /// # Safety
    /// `params` holds NULLs or terminated texts.
    pub unsafe fn new(
        socket: Socket,
        params: &TLSConnectParams,
        suites: c_int,
        check: Check,
        session: Option<Session>,
    ) -> Result<Owned<Self>, TlsError> {
        let no_memory = || TlsError::Setup(mbed::MBEDTLS_ERR_SSL_ALLOC_FAILED);
        let fd = socket.descriptor();
        let resumable = session.is_some();
        let inner = Inner {
            bio: Bio::new(socket),
            parts: ManuallyDrop::new(Parts::empty()),
            session,
            verified: false,
            reads_share: false,
            pending: 0,
            stopped: None,
        };
        let turn = Semaphore::new(1).ok_or_else(no_memory)?;
        let connection = Self { lock: Lock::new(), turn, fd, inner: UnsafeCell::new(inner) };
        let mut connection = Owned::new(connection).ok_or_else(no_memory)?;
        let inner = connection.inner.get_mut();
        // SAFETY: both objects live in the block of the connection, which does not move.
        exclusive(|| unsafe { inner.parts.set_up(params, suites, check, resumable, &mut inner.bio) })?;
        Ok(connection)
    }

    /// Offers the session to resume; true if there is one. A resumed handshake shows no certificate, so `check` tells
    /// whether the server must have verified before.
    pub fn offer_session(&mut self, check: Check) -> bool {
        let inner = self.inner.get_mut();
        let ssl = &raw mut inner.parts.ssl;
        exclusive(|| match &inner.session {
            // SAFETY: set up, and the handshake has not begun.
            Some(session) => unsafe { session.offer(ssl, check != Check::Off) },
            None => false,
        })
    }

    /// The handshake, within `deadline`; a woken waiter ends it, its wake stays pending.
    pub fn shake_hands(
        &mut self,
        host: &CStr,
        mut verifier: Option<&mut Verifier<'_>>,
        waiter: Option<c_int>,
        deadline: Deadline,
    ) -> Result<(), TlsError> {
        let fd = self.fd;
        let inner = self.inner.get_mut();
        let judge = verifier.as_deref_mut().map_or(core::ptr::null_mut(), |v| &raw mut *v);
        // SAFETY: set up; the verifier outlives this call, and the library asks it during the handshake only.
        exclusive(|| unsafe { inner.parts.set_server(host, judge) })?;
        loop {
            let ssl = &raw mut inner.parts.ssl;
            // SAFETY: a connection that is set up.
            let code = exclusive(|| unsafe { mbed::mbedtls_ssl_handshake(ssl) });
            let events = match code {
                0 => break,
                mbed::MBEDTLS_ERR_SSL_WANT_READ => libc::POLLIN,
                mbed::MBEDTLS_ERR_SSL_WANT_WRITE => libc::POLLOUT,
                mbed::MBEDTLS_ERR_X509_CERT_VERIFY_FAILED | mbed::MBEDTLS_ERR_SSL_BAD_CERTIFICATE => {
                    return Err(server_refused(inner, verifier));
                }
                // Not the server's fault (websocket.md §7).
                NO_ENTROPY => return Err(TlsError::Setup(NO_ENTROPY)),
                code => return Err(TlsError::Handshake(inner.handshake_failure(code))),
            };
            match wait(fd, events, waiter, deadline) {
                Ended::Ready => {}
                Ended::Woken => return Err(TlsError::Woken),
                Ended::Late => return Err(TlsError::Late),
                Ended::Failed(error) => {
                    let failure = Failure { code: FAILED, error, alert: 0 };
                    return Err(TlsError::Handshake(failure));
                }
            }
        }
        inner.established(verifier);
        Ok(())
    }

    /// Reads what is there, at most `len` bytes: waits until `deadline` for the first byte (`None`: looks once), then
    /// takes what was read ahead as well.
    ///
    /// # Safety
    /// `data` has room for `len` bytes.
    pub unsafe fn read(
        &self,
        data: *mut u8,
        len: usize,
        waiter: Option<c_int>,
        deadline: Option<Deadline>,
    ) -> Result<usize, Stop> {
        // What was read ahead needs no system call; only then it is worth waiting.
        let mut ask = deadline.is_none();
        loop {
            // SAFETY: as the caller promised.
            match self.lock.with(|| unsafe { (*self.inner.get()).read(data, len, ask) }) {
                Ok(count) => return Ok(count),
                Err(Next::Stop(stop)) => return Err(stop),
                Err(Next::Wait(events)) => {
                    let Some(deadline) = deadline else {
                        return Err(Stop::Late);
                    };
                    self.wait(events, waiter, deadline)?;
                    ask = true;
                }
            }
        }
    }

    /// Writes `len` bytes until `deadline` and returns how many were written, with the cause if not all.
    ///
    /// # Safety
    /// `data` has `len` bytes.
    pub unsafe fn write(&self, data: *const u8, len: usize, deadline: Deadline) -> (usize, Result<(), Stop>) {
        let mut written = 0;
        if !self.turn.take(Some(deadline)) {
            return (0, Err(Stop::Late));
        }
        let result = loop {
            if written == len {
                break Ok(());
            }
            // SAFETY: `written < len`, so the rest is readable.
            let step =
                self.lock.with(|| unsafe { (*self.inner.get()).write(data.add(written), len - written) });
            match step {
                Ok(count) => written += count,
                Err(Next::Stop(stop)) => break Err(stop),
                Err(Next::Wait(events)) => {
                    if let Err(stop) = self.wait(events, None, deadline) {
                        break Err(stop);
                    }
                }
            }
        };
        self.turn.post();
        (written, result)
    }

    /// Says good-bye without waiting; the connection is closed when dropped.
    pub fn close(&mut self) {
        let inner = self.inner.get_mut();
        // SAFETY: set up. A notice that cannot be sent at once is left out: the peer sees the end of the stream.
        unsafe { mbed::mbedtls_ssl_close_notify(&mut inner.parts.ssl) };
    }

    /// Forgets the session after a handshake that failed with it.
    pub fn forget_session(&mut self) {
        if let Some(session) = &self.inner.get_mut().session {
            exclusive(|| session.forget());
        }
    }

    fn wait(&self, events: libc::c_short, waiter: Option<c_int>, deadline: Deadline) -> Result<(), Stop> {
        match wait(self.fd, events, waiter, deadline) {
            Ended::Ready => Ok(()),
            Ended::Late => Err(Stop::Late),
            Ended::Woken => {
                crate::waiter::consume(waiter);
                Err(Stop::Woken)
            }
            Ended::Failed(error) => Err(Stop::Failed(Failure { code: FAILED, error, alert: 0 })),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let inner = self.inner.get_mut();
        // SAFETY: dropped here and never again.
        exclusive(|| unsafe { ManuallyDrop::drop(&mut inner.parts) });
    }
}

/// What comes after one step of the library.
enum Next {
    Wait(libc::c_short),
    Stop(Stop),
}

impl Inner {
    fn established(&mut self, verifier: Option<&mut Verifier<'_>>) {
        let tls13 = mbed::mbedtls_ssl_protocol_version_MBEDTLS_SSL_VERSION_TLS1_3;
        self.reads_share = self.parts.ssl.private_tls_version == tls13;
        if let Some(verifier) = verifier {
            // A resumed session is one that verified before.
            // SAFETY: the handshake is over.
            let flags = unsafe { mbed::mbedtls_ssl_get_verify_result(&self.parts.ssl) };
            verifier.conclude(flags);
            self.verified = !verifier.failed;
        }
        exclusive(|| {
            self.parts.forget_server();
            self.save_session();
        });
    }

    /// # Safety
    /// `data` has room for `len` bytes.
    unsafe fn read(&mut self, data: *mut u8, len: usize, ask: bool) -> Result<usize, Next> {
        if let Some(stop) = self.stopped {
            return Err(Next::Stop(stop));
        }
        let mut read = 0;
        self.bio.may_ask = ask;
        while read < len {
            let ssl = &raw mut self.parts.ssl;
            // SAFETY: `read < len`, so the rest of the buffer is writable.
            let step = || unsafe { mbed::mbedtls_ssl_read(ssl, data.add(read), len - read) };
            let code = if self.reads_share { exclusive(step) } else { step() };
            match code {
                count @ 1.. => read += count as usize,
                mbed::MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET => {
                    exclusive(|| self.save_session());
                    continue;
                }
                // Also said when the next message, a ticket, is in the library already: no event would announce it.
                // SAFETY: a live connection.
                mbed::MBEDTLS_ERR_SSL_WANT_READ if unsafe { mbed::mbedtls_ssl_check_pending(ssl) } != 0 => {
                    continue;
                }
                // A ticket nobody wants: the system does not know of the bytes behind it, and would wait for more.
                _ if code == mbed::MBEDTLS_ERR_SSL_WANT_READ && self.bio.has_bytes() => continue,
                _ => {
                    let next = self.after_read(code);
                    if let Next::Stop(stop) = next {
                        self.stopped = Some(stop);
                    }
                    // What came before the end is handed over first.
                    return if read > 0 { Ok(read) } else { Err(next) };
                }
            }
            // One system call per burst: go on only with what is here.
            self.bio.may_ask = false;
            // SAFETY: a live connection.
            if unsafe { mbed::mbedtls_ssl_get_bytes_avail(ssl) } == 0 && !self.bio.has_bytes() {
                break;
            }
        }
        Ok(read)
    }

    fn after_read(&mut self, code: c_int) -> Next {
        match code {
            mbed::MBEDTLS_ERR_SSL_WANT_READ => Next::Wait(libc::POLLIN),
            mbed::MBEDTLS_ERR_SSL_WANT_WRITE => Next::Wait(libc::POLLOUT),
            0 | mbed::MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY | mbed::MBEDTLS_ERR_SSL_CONN_EOF => {
                Next::Stop(Stop::Closed)
            }
            code => Next::Stop(Stop::Failed(self.failure(code))),
        }
    }

    /// One record. After a wait the library must get the same bytes again; a caller that gave up in between and comes
    /// back with fewer bytes only completes the old record first.
    ///
    /// # Safety
    /// `data` has `len` bytes.
    unsafe fn write(&mut self, data: *const u8, len: usize) -> Result<usize, Next> {
        let offered = if self.pending > 0 { self.pending.min(len) } else { len };
        // SAFETY: as the caller promised.
        let code = unsafe { mbed::mbedtls_ssl_write(&mut self.parts.ssl, data, offered) };
        match usize::try_from(code) {
            Ok(count) => {
                self.pending = 0;
                Ok(count)
            }
            Err(_) => Err(match code {
                mbed::MBEDTLS_ERR_SSL_WANT_WRITE => {
                    self.pending = offered;
                    Next::Wait(libc::POLLOUT)
                }
                mbed::MBEDTLS_ERR_SSL_WANT_READ => Next::Wait(libc::POLLIN),
                code => Next::Stop(Stop::Failed(self.failure(code))),
            }),
        }
    }
}

fn server_refused(inner: &Inner, verifier: Option<&mut Verifier<'_>>) -> TlsError {
    let mut cause = crate::log::Text::new();
    if let Some(verifier) = verifier {
        // SAFETY: a live connection.
        verifier.conclude(unsafe { mbed::mbedtls_ssl_get_verify_result(&inner.parts.ssl) });
        cause.set(format_args!("{}", verifier.cause));
    }
    TlsError::Server(cause)
}
