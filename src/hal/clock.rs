//! Time of a client, driven by the port's timers.

use super::import::Timer;
use super::symbols;
use core::ffi::c_long;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

/// How far ahead the timer is set that measures time; about twelve days.
const SPAN_MS: u32 = 0x3FFF_FFFF;

/// A monotonic 64-bit millisecond clock made of a port timer, so that a port that supplies its own timers
/// decides what time is (`hal.md` §2).
pub struct Clock(Mutex<Reading>);

struct Reading {
    timer: TimerRoom,
    /// Time when the timer was set.
    set_at: u64,
    /// Last time handed out.
    last: u64,
}

/// A timer and room behind it: on a 32-bit system a port may be compiled with 64-bit time (`_TIME_BITS`), and its `Timer`
/// is then eight bytes larger than ours.
#[repr(C, align(8))]
struct TimerRoom {
    timer: Timer,
    _room: [u8; 8],
}

impl Clock {
    /// A clock that starts at 0.
    pub fn start() -> Clock {
        Clock(Mutex::new(Reading { timer: started_timer(), set_at: 0, last: 0 }))
    }

    /// Milliseconds since the start; never goes back, whatever the port's clock does.
    pub fn now(&self) -> u64 {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the timer was set by the port and is not shared: the lock is held.
        let remaining = unsafe { symbols::HAL_Timer_remain((&raw mut reading.timer).cast()) };
        if reading.note(u32::try_from(remaining).unwrap_or(0)) {
            reading.timer = started_timer();
        }
        reading.last
    }

    /// Has [`recent`](Self::recent) tell the time of now, behind something that may have taken a while.
    pub fn refresh(&self) {
        self.now();
    }

    /// The time when it was last asked for, by whichever thread: for what happens right behind that.
    pub fn recent(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last
    }
}

impl Reading {
    /// Takes what the timer has left; whether it has to be set anew. Timers of a port may follow the wall clock: when
    /// that is set back, time goes on from where it was instead of standing still until the clock has caught up.
    fn note(&mut self, remaining: u32) -> bool {
        let now = SPAN_MS.checked_sub(remaining).map(|elapsed| self.set_at + u64::from(elapsed));
        let went_back = now.is_none_or(|now| now < self.last);
        self.last = self.last.max(now.unwrap_or(0));
        let sets_anew = went_back || remaining < SPAN_MS / 2;
        if sets_anew {
            self.set_at = self.last;
        }
        sets_anew
    }
}

/// Wall-clock seconds since the epoch.
pub fn epoch_seconds() -> i64 {
    // SAFETY: no arguments.
    let seconds: c_long = unsafe { symbols::HAL_Timer_current_sec() };
    #[allow(clippy::useless_conversion)] // `long` has 32 bits on some targets
    from_long(i64::from(seconds), size_of::<c_long>())
}

/// A `long` of four bytes is full in 2038; read without its sign it lasts until 2106.
fn from_long(seconds: i64, size: usize) -> i64 {
    if size == 4 { seconds & i64::from(u32::MAX) } else { seconds }
}

/// Sets the system clock to `ms` since the epoch; the port's status, 0 for success.
///
/// Where `size_t` has 32 bits the port takes whole seconds (`system.md` §4), by a function that not every port has: then
/// the clock cannot be set.
#[cfg(feature = "system_comm")]
pub fn set_system_time(ms: u64) -> i32 {
    // SAFETY: any value is allowed, the port checks it.
    unsafe {
        match usize::try_from(ms) {
            Ok(ms) => symbols::HAL_Timer_set_systime_ms(ms),
            Err(_) => symbols::iot_hal_set_system_seconds(usize::try_from(ms / 1000).unwrap_or(usize::MAX)),
        }
    }
}

/// Lets `ms` pass.
#[cfg(feature = "multithread_enabled")]
pub fn sleep(ms: u32) {
    // SAFETY: any value is allowed.
    unsafe { symbols::HAL_SleepMs(ms) }
}

/// Lets `ms` pass; by the system where a port without threads has no function for it.
#[cfg(not(feature = "multithread_enabled"))]
pub fn sleep(ms: u32) {
    // SAFETY: any value is allowed, and the function is called only if the port has it.
    unsafe {
        if symbols::iot_hal_has_sleep() {
            symbols::iot_hal_sleep(ms);
        } else {
            std::thread::sleep(std::time::Duration::from_millis(u64::from(ms)));
        }
    }
}

fn started_timer() -> TimerRoom {
    let mut room = MaybeUninit::<TimerRoom>::zeroed();
    // SAFETY: a zeroed room is valid (plain integers), and both functions only write to it.
    unsafe {
        symbols::HAL_Timer_init(room.as_mut_ptr().cast());
        symbols::HAL_Timer_countdown_ms(room.as_mut_ptr().cast(), SPAN_MS);
        room.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_never_back() {
        let clock = Clock::start();
        let start = clock.now();
        sleep(20);
        let later = clock.now();
        assert!((15..5000).contains(&(later - start)), "{}", later - start);
    }

    #[test]
    fn seconds_of_32_bits_last_beyond_2038() {
        let in_2100 = 4_102_444_800_i64;
        assert_eq!(from_long(i64::from(in_2100 as i32), 4), in_2100);
        assert_eq!(from_long(in_2100, 8), in_2100);
        assert_eq!(from_long(1_760_000_000, 4), 1_760_000_000);
    }

    #[test]
    fn defect_25_a_clock_set_back_by_less_than_it_ran_does_not_stop_time() {
        const HOUR: u32 = 3_600_000;
        let mut reading = Reading { timer: started_timer(), set_at: 0, last: 0 };
        assert!(!reading.note(SPAN_MS - 5 * HOUR));
        assert!(reading.note(SPAN_MS - 4 * HOUR), "one hour back: the timer is set anew");
        assert!(!reading.note(SPAN_MS - 10));
        assert_eq!(reading.last, u64::from(5 * HOUR + 10));
        assert!(reading.note(SPAN_MS + 1), "back behind the start of the timer");
        assert_eq!(reading.last, u64::from(5 * HOUR + 10));
    }

    #[test]
    fn the_timer_is_set_anew_before_it_ends() {
        let mut reading = Reading { timer: started_timer(), set_at: 0, last: 0 };
        assert!(reading.note(SPAN_MS / 2 - 1));
        assert!(!reading.note(SPAN_MS));
        assert_eq!(reading.last, u64::from(SPAN_MS - SPAN_MS / 2 + 1));
    }
}
