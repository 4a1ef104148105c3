//! TCP (hal.md §7). A handle is the descriptor of a non-blocking socket.

use super::connect::{ConnectError, Socket, connect};
use super::wait::{Ended, wait};
use crate::clock::Deadline;
use crate::codes::*;
use crate::log::{Errno, Label, c_text, errno};
use crate::os::HAL_SleepMs;
use crate::waiter;
use core::ffi::{CStr, c_char, c_int, c_void};

const CONNECT: Label = Label { file: c"HAL_TCP_linux.c", func: c"HAL_TCP_Connect" };
const READ: Label = Label { file: c"HAL_TCP_linux.c", func: c"HAL_TCP_Read" };
const WRITE: Label = Label { file: c"HAL_TCP_linux.c", func: c"HAL_TCP_Write" };

/// Limit of `HAL_TCP_Connect`, which has no time-out parameter.
const CONNECT_LIMIT_MS: u32 = 15_000;

/// `HAL_TCP_Connect`: the descriptor, or 0. At most 15 seconds for the name and all addresses.
///
/// # Safety
/// `host` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_port_tcp_connect(host: *const c_char, port: u16) -> usize {
    let mut fd = 0;
    // SAFETY: as the caller promised.
    unsafe { HAL_TCP_Open(host, port, CONNECT_LIMIT_MS, core::ptr::null_mut(), &mut fd) };
    fd
}

/// Connects within `timeout_ms`, which covers the name look-up and all addresses. 0 and the handle; -602 unknown host;
/// -601 no socket; -603 refused, unreachable, late, or `waiter` (NULL: none) was woken; its wake stays pending then.
///
/// # Safety
/// `host` is NULL or NUL-terminated, `fd` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TCP_Open(
    host: *const c_char,
    port: u16,
    timeout_ms: u32,
    waiter: *mut c_void,
    fd: *mut usize,
) -> c_int {
    // SAFETY: as the caller promised.
    let shown = unsafe { c_text(host) };
    // SAFETY: as the caller promised.
    match unsafe { connect_host(host, port, Deadline::after_ms(timeout_ms), waiter) } {
        Ok(socket) => {
            log!(Inf, CONNECT, "connected with TCP server: {shown}:{port}");
            // SAFETY: as the caller promised. Descriptors above 2 only, so the cast keeps the value.
            unsafe { fd.write(socket.into_descriptor() as usize) };
            SUCCESS
        }
        Err(error) => {
            if !error.is_interrupted() {
                log!(Err, CONNECT, "connect to TCP server {shown}:{port} failed: {error}");
            }
            // SAFETY: as the caller promised.
            unsafe { fd.write(0) };
            error.code()
        }
    }
}

/// As [`connect`], for a host from C.
///
/// # Safety
/// `host` is NULL or NUL-terminated.
pub unsafe fn connect_host(
    host: *const c_char,
    port: u16,
    deadline: Deadline,
    waiter: *mut c_void,
) -> Result<Socket, ConnectError> {
    // SAFETY: NULL is replaced, anything else is NUL-terminated.
    let host = if host.is_null() { c"" } else { unsafe { CStr::from_ptr(host) } };
    connect(host, port, deadline, waiter::descriptor(waiter))
}

/// `HAL_TCP_Disconnect`: 0, or -1 if shutting down or closing failed.
#[unsafe(no_mangle)]
extern "C" fn iot_port_tcp_disconnect(fd: usize) -> c_int {
    let fd = descriptor(fd);
    // SAFETY: no memory is involved; a number that is no socket is refused by the system.
    let failed = unsafe { libc::shutdown(fd, libc::SHUT_RDWR) != 0 } | unsafe { libc::close(fd) != 0 };
    if failed { -1 } else { 0 }
}

/// `HAL_TCP_Write`: writes `len` bytes within `timeout_ms` (0: what fits at once). 0 with the count, which is short when
/// time ran out or the line broke after some bytes; -605 time over with nothing written; -607 error with nothing written.
///
/// # Safety
/// `data` has `len` bytes, `written_len` is NULL or writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_port_tcp_write(
    fd: usize,
    data: *const u8,
    len: u32,
    timeout_ms: u32,
    written_len: *mut usize,
) -> c_int {
    let (fd, len) = (descriptor(fd), len as usize);
    // The clock is read only once there is something to wait for.
    let mut deadline = None;
    let mut written = 0;
    let mut code = SUCCESS;
    while written < len {
        // SAFETY: `written < len`, so the rest of the caller's bytes is readable.
        match unsafe { send(fd, data.add(written), len - written) } {
            Ok(count) => written += count,
            Err(libc::EAGAIN) => match wait(
                fd,
                libc::POLLOUT,
                None,
                *deadline.get_or_insert_with(|| Deadline::after_ms(timeout_ms)),
            ) {
                Ended::Ready => {}
                Ended::Failed(error) => {
                    code = write_failed(error);
                    break;
                }
                Ended::Late | Ended::Woken => {
                    code = TCP_WRITE_TIMEOUT;
                    break;
                }
            },
            Err(error) => {
                code = write_failed(error);
                break;
            }
        }
    }
    // SAFETY: as the caller promised.
    unsafe { report(written_len, written) };
    if written > 0 { SUCCESS } else { code }
}

/// `HAL_TCP_Read`: waits up to `timeout_ms` (0: looks once) until `len` bytes are there. 0; -609 time over with nothing
/// read; -604 time over with a part, which is consumed; -608 the peer closed; -606 error.
///
/// # Safety
/// `data` has room for `len` bytes, `read_len` is NULL or writable.
#[unsafe(no_mangle)]
unsafe extern "C" fn iot_port_tcp_read(
    fd: usize,
    data: *mut u8,
    len: u32,
    timeout_ms: u32,
    read_len: *mut usize,
) -> c_int {
    let (fd, len) = (descriptor(fd), len as usize);
    let deadline = Deadline::after_ms(timeout_ms);
    let mut read = 0;
    let mut code = SUCCESS;
    if len == 0 {
        // Part of the contract: a read of nothing lasts as long as the time-out (hal.md §7).
        HAL_SleepMs(timeout_ms);
    }
    while read < len && code == SUCCESS {
        // SAFETY: `read < len`, so the rest of the caller's buffer is writable.
        match unsafe { receive(fd, data.add(read), len - read) } {
            Ok(0) => code = TCP_PEER_SHUTDOWN,
            Ok(count) => read += count,
            Err(libc::EAGAIN) => match wait(fd, libc::POLLIN, None, deadline) {
                Ended::Ready => {}
                Ended::Failed(error) => code = read_failed(error),
                Ended::Late | Ended::Woken if read == 0 => code = TCP_NOTHING_TO_READ,
                Ended::Late | Ended::Woken => code = TCP_READ_TIMEOUT,
            },
            Err(error) => code = read_failed(error),
        }
    }
    // SAFETY: as the caller promised.
    unsafe { report(read_len, read) };
    code
}

/// One read of what is there, at most `len` bytes. 0 with at least one byte; -609 nothing within `timeout_ms` (0: looks
/// once), or `waiter` (NULL: none) was woken, which takes the wake; -608 the peer closed; -606 error.
///
/// # Safety
/// `data` has room for `len` bytes, `read_len` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TCP_ReadAvailable(
    fd: usize,
    data: *mut u8,
    len: u32,
    timeout_ms: u32,
    waiter: *mut c_void,
    read_len: *mut usize,
) -> c_int {
    // SAFETY: as the caller promised.
    let (code, read) = match unsafe { read_once(descriptor(fd), data, len as usize, timeout_ms, waiter) } {
        Ok(0) if len > 0 => (TCP_PEER_SHUTDOWN, 0),
        Ok(0) | Err(None | Some(libc::EAGAIN)) => (TCP_NOTHING_TO_READ, 0),
        Ok(count) => (SUCCESS, count),
        Err(Some(error)) => (read_failed(error), 0),
    };
    // SAFETY: as the caller promised.
    unsafe { report(read_len, read) };
    code
}

/// Waits if there is time to, then reads once. `None`: time over or woken.
///
/// # Safety
/// `data` has room for `len` bytes.
unsafe fn read_once(
    fd: c_int,
    data: *mut u8,
    len: usize,
    timeout_ms: u32,
    waiter: *mut c_void,
) -> Result<usize, Option<c_int>> {
    if timeout_ms > 0 {
        let waiter = waiter::descriptor(waiter);
        match wait(fd, libc::POLLIN, waiter, Deadline::after_ms(timeout_ms)) {
            Ended::Ready => {}
            Ended::Late => return Err(None),
            Ended::Failed(error) => return Err(Some(error)),
            Ended::Woken => {
                waiter::consume(waiter);
                return Err(None);
            }
        }
    }
    // SAFETY: as the caller promised.
    unsafe { receive(fd, data, len) }.map_err(Some)
}

/// One `recv` that does not wait: the count, 0 at the end of the stream, or the error number.
///
/// # Safety
/// `data` has room for `len` bytes.
pub unsafe fn receive(fd: c_int, data: *mut u8, len: usize) -> Result<usize, c_int> {
    loop {
        // SAFETY: as the caller promised.
        let count = unsafe { libc::recv(fd, data.cast(), len, libc::MSG_DONTWAIT) };
        match usize::try_from(count) {
            Ok(count) => return Ok(count),
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(errno()),
        }
    }
}

/// One `send` that does not wait and raises no SIGPIPE: the count or the error number.
///
/// # Safety
/// `data` has `len` bytes.
pub unsafe fn send(fd: c_int, data: *const u8, len: usize) -> Result<usize, c_int> {
    loop {
        // SAFETY: as the caller promised.
        let count = unsafe { libc::send(fd, data.cast(), len, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) };
        match usize::try_from(count) {
            Ok(count) => return Ok(count),
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(errno()),
        }
    }
}

/// A handle as a descriptor; one that cannot be a descriptor becomes a number that the system refuses everywhere
/// (`poll` would ignore a negative one).
fn descriptor(handle: usize) -> c_int {
    c_int::try_from(handle).ok().filter(|fd| *fd > 0).unwrap_or(c_int::MAX)
}

fn read_failed(error: c_int) -> c_int {
    log!(Err, READ, "read failed: {}", Errno(error));
    TCP_READ_FAIL
}

fn write_failed(error: c_int) -> c_int {
    log!(Err, WRITE, "write failed: {}", Errno(error));
    TCP_WRITE_FAIL
}

/// # Safety
/// `place` is NULL or writable.
unsafe fn report(place: *mut usize, count: usize) {
    if !place.is_null() {
        // SAFETY: not NULL, so writable.
        unsafe { place.write(count) };
    }
}
