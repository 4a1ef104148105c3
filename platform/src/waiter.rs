//! Waiters: let one thread end the wait of another. Optional additions to the port interface.

use crate::clock::Deadline;
use crate::log::errno;
use crate::net::wait::{Ended, wait};
use core::ffi::{c_int, c_void};
use core::ptr;

/// A new waiter (an `eventfd`); NULL on failure.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_Waiter_Create() -> *mut c_void {
    // SAFETY: no precondition.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    match usize::try_from(fd) {
        // The handle is the descriptor plus one, so that it is never NULL.
        Ok(fd) => ptr::without_provenance_mut(fd + 1),
        Err(_) => ptr::null_mut(),
    }
}

/// Frees a waiter nobody waits on; NULL is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_Waiter_Destroy(waiter: *mut c_void) {
    if let Some(fd) = descriptor(waiter) {
        // SAFETY: the descriptor belongs to the waiter alone.
        unsafe { libc::close(fd) };
    }
}

/// Ends the current or else the next wait that uses `waiter`. Any thread, also a signal handler; NULL is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_Waiter_Wake(waiter: *mut c_void) {
    if let Some(fd) = descriptor(waiter) {
        let one = 1u64;
        // SAFETY: eight readable bytes. EAGAIN means that a wake is pending already.
        while unsafe { libc::write(fd, (&raw const one).cast(), 8) } < 0 && errno() == libc::EINTR {}
    }
}

/// Waits for a wake: 1 woken, 0 after `ms` milliseconds. Without a waiter it only sleeps.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_Waiter_Sleep(waiter: *mut c_void, ms: u32) -> c_int {
    match wait(-1, 0, descriptor(waiter), Deadline::after_ms(ms)) {
        Ended::Woken => {
            consume(descriptor(waiter));
            1
        }
        _ => 0,
    }
}

/// The descriptor to poll for a wake; `None` for NULL.
pub fn descriptor(waiter: *mut c_void) -> Option<c_int> {
    c_int::try_from(waiter.addr().checked_sub(1)?).ok()
}

/// Takes a pending wake.
pub fn consume(waiter: Option<c_int>) {
    if let Some(fd) = waiter {
        let mut count = 0u64;
        // SAFETY: eight writable bytes. EAGAIN means that another wait took the wake, which is as good.
        while unsafe { libc::read(fd, (&raw mut count).cast(), 8) } < 0 && errno() == libc::EINTR {}
    }
}
