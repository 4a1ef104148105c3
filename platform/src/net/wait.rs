//! Waiting for a descriptor, a waiter and a deadline at once. `poll`, so descriptor numbers have no limit.

use crate::clock::Deadline;
use crate::log::errno;
use core::ffi::{c_int, c_short};

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The descriptor can be used, or reports its error when it is.
    Ready,
    /// The waiter was woken; the wake is still pending.
    Woken,
    /// The deadline was reached.
    Late,
    /// The wait itself failed, with the system's error number.
    Failed(c_int),
}

/// Waits until `fd` (−1: none) is ready for `events`, `waiter` is woken or `deadline` is reached; looks at least once.
/// A signal does not end the wait. When both are ready, `fd` counts.
pub fn wait(fd: c_int, events: c_short, waiter: Option<c_int>, deadline: Deadline) -> Ended {
    let mut set = [
        libc::pollfd { fd, events, revents: 0 },
        libc::pollfd { fd: waiter.unwrap_or(-1), events: libc::POLLIN, revents: 0 },
    ];
    let count = if waiter.is_some() { 2 } else { 1 };
    loop {
        // SAFETY: the set has at least `count` entries.
        let ready = unsafe { libc::poll(set.as_mut_ptr(), count, deadline.poll_ms()) };
        if ready < 0 && errno() != libc::EINTR {
            return Ended::Failed(errno());
        }
        if ready > 0 {
            let [handle, _] = set;
            return if handle.revents != 0 { Ended::Ready } else { Ended::Woken };
        }
        if deadline.remaining_us() == 0 {
            return Ended::Late;
        }
    }
}
