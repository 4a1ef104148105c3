//! Waits between attempts to reconnect (`mqtt.md` §4).

/// No wait is longer than this, in ms: the doubled wait that would exceed it ends the series.
pub const MAX_WAIT_MS: u32 = 60_000;

/// A doubling series of waits that starts between 1000 and 1990 ms.
#[derive(Debug)]
pub struct Backoff {
    wait_ms: u32,
}

impl Backoff {
    /// Starts a series; `random` picks the first wait.
    pub fn new(random: u32) -> Backoff {
        Backoff { wait_ms: 1000 + 10 * (random % 100) }
    }

    /// The wait before the next attempt, in ms.
    pub fn wait_ms(&self) -> u32 {
        self.wait_ms
    }

    /// Doubles the wait after a failed attempt; `false` when the series is exhausted.
    pub fn double(&mut self) -> bool {
        self.wait_ms = self.wait_ms.saturating_mul(2);
        self.wait_ms <= MAX_WAIT_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_or_six_attempts_then_exhausted() {
        for (random, attempts) in [(0, 6), (87, 6), (88, 5), (99, 5), (100, 6), (u32::MAX, 5)] {
            let mut backoff = Backoff::new(random);
            let mut made = 1;
            while backoff.double() {
                made += 1;
            }
            assert_eq!(made, attempts, "first wait {}", Backoff::new(random).wait_ms());
        }
    }

    #[test]
    fn first_wait_is_a_multiple_of_ten_between_1000_and_1990() {
        for random in 0..1000 {
            let wait = Backoff::new(random * 7919).wait_ms();
            assert!((1000..=1990).contains(&wait) && wait.is_multiple_of(10), "{wait}");
        }
    }
}
