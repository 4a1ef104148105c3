//! Timers and the clock (hal.md §§4, 5). Timers follow the monotonic clock: setting the wall clock does not move them.

use crate::clock::{now_us, wall_seconds};
use crate::import::Timer;
use core::ffi::{c_char, c_int, c_long, c_uint};
use core::mem::MaybeUninit;
use core::ptr;

/// Size of the text `HAL_Timer_current` writes, terminator included (`TIME_FORMAT_STR_LEN`).
const TIME_TEXT: usize = 20;

/// Milliseconds of the monotonic clock; wraps at 2³². Only differences mean something.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_GetTimeMs() -> u32 {
    (now_us() / 1000) as u32
}

/// Makes an expired timer; NULL is ignored.
///
/// # Safety
/// `timer` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_Timer_init(timer: *mut Timer) {
    // SAFETY: as the caller promised.
    unsafe { set_end(timer, 0) };
}

/// Lets the timer expire `timeout_ms` milliseconds from now; NULL is ignored.
///
/// # Safety
/// `timer` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_Timer_countdown_ms(timer: *mut Timer, timeout_ms: c_uint) {
    // SAFETY: as the caller promised.
    unsafe { set_end(timer, now_us() + u64::from(timeout_ms) * 1000) };
}

/// Lets the timer expire `timeout` seconds from now; NULL is ignored.
///
/// # Safety
/// `timer` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_Timer_countdown(timer: *mut Timer, timeout: c_uint) {
    // SAFETY: as the caller promised.
    unsafe { set_end(timer, now_us() + u64::from(timeout) * 1_000_000) };
}

/// True once the time has come; also for NULL.
///
/// # Safety
/// `timer` is NULL or was set by one of the functions above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_Timer_expired(timer: *mut Timer) -> bool {
    // SAFETY: as the caller promised.
    unsafe { end(timer) }.is_none_or(|end| now_us() >= end)
}

/// Whole milliseconds left, rounded down and at most `INT_MAX`; 0 when expired or NULL.
///
/// # Safety
/// `timer` is NULL or was set by one of the functions above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_Timer_remain(timer: *mut Timer) -> c_int {
    // SAFETY: as the caller promised.
    let left = unsafe { end(timer) }.map_or(0, |end| end.saturating_sub(now_us()));
    c_int::try_from(left / 1000).unwrap_or(c_int::MAX)
}

/// Seconds of the wall clock since 1970.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_Timer_current_sec() -> c_long {
    wall_seconds() as c_long
}

/// Writes the local time, `YYYY-MM-DD hh:mm:ss`, and returns `time_str`; for NULL a constant text of one blank.
/// May be called from several threads.
///
/// # Safety
/// `time_str` is NULL or has room for 20 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_Timer_current(time_str: *mut c_char) -> *mut c_char {
    if time_str.is_null() {
        return c" ".as_ptr().cast_mut();
    }
    let text = time_text(local_time());
    // SAFETY: the caller's buffer has 20 bytes.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr().cast(), time_str, TIME_TEXT) };
    time_str
}

/// Sets the wall clock to seconds since 1970: 0, or -1 (privilege missing, or a time the system cannot express).
#[unsafe(no_mangle)]
pub extern "C" fn HAL_Timer_set_systime_sec(timestamp_sec: usize) -> c_int {
    set_wall_clock(timestamp_sec as u64, 0)
}

/// Sets the wall clock to milliseconds since 1970: 0, or -1. On 32-bit systems `size_t` cannot hold today's time.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_Timer_set_systime_ms(timestamp_ms: usize) -> c_int {
    let ms = timestamp_ms as u64;
    set_wall_clock(ms / 1000, ms % 1000)
}

fn set_wall_clock(sec: u64, ms: u64) -> c_int {
    let Ok(tv_sec) = libc::time_t::try_from(sec) else {
        return -1;
    };
    let time = libc::timespec { tv_sec, tv_nsec: (ms * 1_000_000) as _ };
    // SAFETY: `time` is a valid time.
    if unsafe { libc::clock_settime(libc::CLOCK_REALTIME, &time) } != 0 {
        return -1;
    }
    0
}

fn local_time() -> libc::tm {
    let now = wall_seconds();
    // SAFETY: `local` is writable; on failure (a year beyond int) the zeroed structure is kept.
    unsafe {
        let mut local = MaybeUninit::<libc::tm>::zeroed();
        libc::localtime_r(&now, local.as_mut_ptr());
        local.assume_init()
    }
}

fn time_text(t: libc::tm) -> [u8; TIME_TEXT] {
    let mut text = *b"0000-00-00 00:00:00\0";
    digits(&mut text, 0, 4, t.tm_year.saturating_add(1900));
    digits(&mut text, 5, 2, t.tm_mon + 1);
    digits(&mut text, 8, 2, t.tm_mday);
    digits(&mut text, 11, 2, t.tm_hour);
    digits(&mut text, 14, 2, t.tm_min);
    digits(&mut text, 17, 2, t.tm_sec);
    text
}

/// Writes the last `width` decimal digits of `value` at `at`.
fn digits(text: &mut [u8; TIME_TEXT], at: usize, width: usize, value: c_int) {
    let mut rest = value.unsigned_abs();
    for digit in text.iter_mut().skip(at).take(width).rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

/// # Safety
/// `timer` is NULL or writable.
unsafe fn set_end(timer: *mut Timer, end_us: u64) {
    if !timer.is_null() {
        // SAFETY: not NULL, so writable.
        unsafe { timer.write(Timer { end_time: pack(end_us) }) };
    }
}

/// # Safety
/// `timer` is NULL or readable.
unsafe fn end(timer: *const Timer) -> Option<u64> {
    // SAFETY: as the caller promised.
    unsafe { timer.as_ref() }.map(|timer| unpack(timer.end_time))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn pack(us: u64) -> libc::timeval {
    let tv_sec = libc::time_t::try_from(us / 1_000_000).unwrap_or(libc::time_t::MAX);
    libc::timeval { tv_sec, tv_usec: (us % 1_000_000) as _ }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn unpack(end: libc::timeval) -> u64 {
    end.tv_sec as u64 * 1_000_000 + end.tv_usec as u64
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn pack(us: u64) -> u64 {
    us
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn unpack(end: u64) -> u64 {
    end
}
