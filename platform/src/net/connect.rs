//! Connecting a TCP socket within a time limit, all addresses of the host included.

use super::resolve::{Failed, resolve};
use super::wait::{Ended, wait};
use crate::clock::Deadline;
use crate::codes::{TCP_CONNECT, TCP_SOCKET_FAILED, TCP_UNKNOWN_HOST};
use crate::log::{Errno, errno};
use core::ffi::{CStr, c_int, c_void};
use core::fmt;
use core::mem::size_of;

/// A connected, non-blocking socket; closed when dropped.
pub struct Socket(c_int);

impl Socket {
    /// The descriptor stays with this value.
    #[cfg(not(feature = "auth_with_notls"))]
    pub fn descriptor(&self) -> c_int {
        self.0
    }

    /// Hands the descriptor to the caller, who closes it.
    pub fn into_descriptor(self) -> c_int {
        core::mem::ManuallyDrop::new(self).0
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: the descriptor belongs to this value.
        unsafe { libc::close(self.0) };
    }
}

/// Why there is no connection.
pub enum ConnectError {
    /// The host has no address.
    Host(Failed),
    /// No socket could be made.
    Socket(c_int),
    /// Refused or unreachable.
    Refused(c_int),
    /// No answer in time.
    Late,
    /// The waiter was woken.
    Woken,
}

impl ConnectError {
    /// The QCLOUD code for it (websocket.md §7).
    pub fn code(&self) -> c_int {
        match self {
            Self::Host(Failed::Woken) => TCP_CONNECT,
            Self::Host(_) => TCP_UNKNOWN_HOST,
            Self::Socket(_) => TCP_SOCKET_FAILED,
            Self::Refused(_) | Self::Late | Self::Woken => TCP_CONNECT,
        }
    }

    /// True if the caller itself ended the attempt.
    pub fn is_interrupted(&self) -> bool {
        matches!(self, Self::Woken | Self::Host(Failed::Woken))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(cause) => write!(f, "host not resolved: {cause}"),
            Self::Socket(error) => write!(f, "no socket: {}", Errno(*error)),
            Self::Refused(error) => Errno(*error).fmt(f),
            Self::Late => f.write_str("no answer within the time limit"),
            Self::Woken => f.write_str("interrupted"),
        }
    }
}

/// Connects to the first address of `host` that answers. `deadline` covers the name look-up and all addresses: each
/// gets its share of the time left, so one that never answers does not use up the time of the others. A woken waiter
/// ends the attempt; its wake stays pending.
pub fn connect(
    host: &CStr,
    port: u16,
    deadline: Deadline,
    waiter: Option<c_int>,
) -> Result<Socket, ConnectError> {
    let addresses = resolve(host, port, deadline, waiter).map_err(ConnectError::Host)?;
    let count = addresses.iter().count();
    let mut cause = ConnectError::Late;
    for (tried, address) in addresses.iter().enumerate() {
        match connect_to(address, deadline.share(count - tried), waiter) {
            Err(ConnectError::Woken) => return Err(ConnectError::Woken),
            // An address family this system lacks says less than a refusal by another address.
            Err(ConnectError::Socket(_)) if matches!(cause, ConnectError::Refused(_)) => {}
            Err(error) => cause = error,
            Ok(socket) => return Ok(socket),
        }
    }
    Err(cause)
}

fn connect_to(
    address: &libc::addrinfo,
    deadline: Deadline,
    waiter: Option<c_int>,
) -> Result<Socket, ConnectError> {
    let socket = open(address)?;
    // SAFETY: the address came from getaddrinfo and has the length it says.
    if unsafe { libc::connect(socket.0, address.ai_addr, address.ai_addrlen) } != 0 {
        match errno() {
            libc::EINPROGRESS | libc::EINTR => finish(&socket, deadline, waiter)?,
            error => return Err(ConnectError::Refused(error)),
        }
    }
    // Small packets must not wait for acknowledgements, and a vanished peer must be noticed even on an idle line.
    enable(&socket, libc::IPPROTO_TCP, libc::TCP_NODELAY)?;
    enable(&socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE)?;
    Ok(socket)
}

fn open(address: &libc::addrinfo) -> Result<Socket, ConnectError> {
    let kind = address.ai_socktype | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no precondition.
    let fd = unsafe { libc::socket(address.ai_family, kind, address.ai_protocol) };
    if fd < 0 {
        return Err(ConnectError::Socket(errno()));
    }
    let socket = Socket(fd);
    if fd > libc::STDERR_FILENO {
        return Ok(socket);
    }
    // A program that closed its standard streams: descriptor 0 would look like a failure to the caller, and text
    // printed to 1 or 2 would go to the server.
    // SAFETY: the descriptor is open.
    match unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, libc::STDERR_FILENO + 1) } {
        -1 => Err(ConnectError::Socket(errno())),
        higher => Ok(Socket(higher)),
    }
}

/// Waits for a connect under way and reads its result.
fn finish(socket: &Socket, deadline: Deadline, waiter: Option<c_int>) -> Result<(), ConnectError> {
    match wait(socket.0, libc::POLLOUT, waiter, deadline) {
        Ended::Ready => {}
        Ended::Woken => return Err(ConnectError::Woken),
        Ended::Late => return Err(ConnectError::Late),
        Ended::Failed(error) => return Err(ConnectError::Refused(error)),
    }
    let mut error: c_int = 0;
    let mut size = size_of::<c_int>() as libc::socklen_t;
    let value = (&raw mut error).cast::<c_void>();
    // SAFETY: `value` and `size` describe one writable int.
    let asked = unsafe { libc::getsockopt(socket.0, libc::SOL_SOCKET, libc::SO_ERROR, value, &mut size) };
    match (asked, error) {
        (0, 0) => Ok(()),
        (0, error) => Err(ConnectError::Refused(error)),
        _ => Err(ConnectError::Refused(errno())),
    }
}

fn enable(socket: &Socket, level: c_int, option: c_int) -> Result<(), ConnectError> {
    let on: c_int = 1;
    let size = size_of::<c_int>() as libc::socklen_t;
    // SAFETY: one readable int of the size given.
    match unsafe { libc::setsockopt(socket.0, level, option, (&raw const on).cast(), size) } {
        0 => Ok(()),
        _ => Err(ConnectError::Socket(errno())),
    }
}
