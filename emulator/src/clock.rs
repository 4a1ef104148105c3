//! The hub's idea of the time of day. It can be set and made to run faster, for expiry, sessions and the time service.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// Virtual wall clock. Network time limits (keep-alive, handshakes) do not follow it: they stay real.
pub struct Clock {
    line: Mutex<Line>,
}

/// now = origin + (real time since start) × scale
struct Line {
    origin_ms: f64,
    start: Instant,
    scale: f64,
}

impl Clock {
    /// Starts at the machine's time of day, at normal speed.
    pub fn new() -> Clock {
        Clock { line: Mutex::new(Line { origin_ms: real_ms(), start: Instant::now(), scale: 1.0 }) }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.line.lock().now_ms() as i64
    }

    /// How many virtual seconds pass in a real one.
    pub fn scale(&self) -> f64 {
        self.line.lock().scale
    }

    /// Sets the time of day; `None` is the machine's.
    pub fn set(&self, ms: Option<i64>) {
        let mut line = self.line.lock();
        *line = Line {
            origin_ms: ms.map_or_else(real_ms, |ms| ms as f64),
            start: Instant::now(),
            scale: line.scale,
        };
    }

    /// Changes the speed from now on; must be finite and not negative.
    pub fn set_scale(&self, scale: f64) -> Result<(), String> {
        if !scale.is_finite() || scale < 0.0 {
            return Err(format!("a clock cannot run at {scale} times its speed"));
        }
        let mut line = self.line.lock();
        *line = Line { origin_ms: line.now_ms(), start: Instant::now(), scale };
        Ok(())
    }
}

impl Line {
    fn now_ms(&self) -> f64 {
        self.origin_ms + self.start.elapsed().as_secs_f64() * 1000.0 * self.scale
    }
}

fn real_ms() -> f64 {
    // A machine clock before 1970 reads as 1970.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_and_frozen() {
        let clock = Clock::new();
        clock.set_scale(0.0).unwrap();
        clock.set(Some(1_760_000_000_123));
        assert_eq!(clock.now_ms(), 1_760_000_000_123);
    }

    #[test]
    fn speed_changes_keep_the_time() {
        let clock = Clock::new();
        clock.set(Some(1_000_000));
        clock.set_scale(1e6).unwrap();
        std::thread::yield_now();
        assert!(clock.now_ms() >= 1_000_000);
        assert!(clock.set_scale(f64::NAN).is_err() && clock.set_scale(-1.0).is_err());
    }
}
