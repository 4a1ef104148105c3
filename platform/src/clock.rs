//! The monotonic clock and deadlines on it.

use core::ffi::c_int;

/// Microseconds since an arbitrary start; never set back.
pub fn now_us() -> u64 {
    let now = monotonic();
    now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1000
}

/// Reads `CLOCK_MONOTONIC`.
pub fn monotonic() -> libc::timespec {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is writable. The clock exists on every Linux, so the call cannot fail.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    now
}

/// Seconds of the wall clock since 1970.
pub fn wall_seconds() -> libc::time_t {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: as above.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    now.tv_sec
}

/// A point in time, in microseconds of [`now_us`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    /// `ms` milliseconds from now.
    pub fn after_ms(ms: u32) -> Self {
        Self(now_us() + u64::from(ms) * 1000)
    }

    /// Microseconds left, 0 when reached.
    pub fn remaining_us(self) -> u64 {
        self.0.saturating_sub(now_us())
    }

    /// What `poll` takes: milliseconds left, rounded up so that the wait never ends early.
    pub fn poll_ms(self) -> c_int {
        c_int::try_from(self.remaining_us().div_ceil(1000)).unwrap_or(c_int::MAX)
    }

    /// A fair part of the time left when `shares` attempts must fit into it.
    pub fn share(self, shares: usize) -> Self {
        let part = self.remaining_us() / (shares.max(1) as u64);
        Self(now_us() + part)
    }

    /// The same moment for calls that take an absolute time of `CLOCK_MONOTONIC`.
    pub fn as_timespec(self) -> libc::timespec {
        libc::timespec {
            tv_sec: (self.0 / 1_000_000) as libc::time_t,
            tv_nsec: ((self.0 % 1_000_000) * 1000) as _,
        }
    }
}
