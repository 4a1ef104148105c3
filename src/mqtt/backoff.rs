//! Waits between attempts to reconnect (`mqtt.md` §4).

/// No doubled wait is longer than this, in ms: the first series of an outage ends there, a later one doubles no more.
pub const MAX_WAIT_MS: u32 = 60_000;

/// The waits of a series that does not end are spread over this time above [`MAX_WAIT_MS`], in ms.
const SPREAD_MS: u32 = 15_000;

/// A doubling series of waits that starts between 1000 and 1990 ms.
#[derive(Debug)]
pub struct Backoff {
    wait_ms: u32,
    ends: bool,
}

impl Backoff {
    /// Starts the first series of an outage; `random` picks the first wait.
    pub fn new(random: u32) -> Backoff {
        Backoff { wait_ms: 1000 + 10 * (random % 100), ends: true }
    }

    /// Starts the series after the first, which goes on at one attempt in a minute or a little more.
    pub fn endless(random: u32) -> Backoff {
        Backoff { ends: false, ..Backoff::new(random) }
    }

    /// The wait before the next attempt, in ms.
    pub fn wait_ms(&self) -> u32 {
        self.wait_ms
    }

    /// Doubles the wait after a failed attempt; `false` when the series is exhausted. `random` picks the waits of a series
    /// that doubles no more: devices that lost their server together come back one by one.
    pub fn double(&mut self, random: impl FnOnce() -> u32) -> bool {
        self.wait_ms = self.wait_ms.saturating_mul(2);
        if self.wait_ms <= MAX_WAIT_MS {
            return true;
        }
        if !self.ends {
            self.wait_ms = MAX_WAIT_MS + 10 * (random() % (SPREAD_MS / 10));
        }
        !self.ends
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
            while backoff.double(|| 0) {
                made += 1;
            }
            assert_eq!(made, attempts, "first wait {}", Backoff::new(random).wait_ms());
        }
    }

    #[test]
    fn an_endless_series_doubles_and_then_waits_a_minute_or_a_little_more() {
        let mut backoff = Backoff::endless(87);
        let waits: Vec<u32> = (0..9)
            .map(|number| {
                let wait = backoff.wait_ms();
                assert!(backoff.double(|| [0, 1, 1499, 1500, u32::MAX][number % 5]));
                wait
            })
            .collect();
        assert_eq!(waits, [1870, 3740, 7480, 14_960, 29_920, 59_840, 60_000, 60_010, 74_990]);
    }

    #[test]
    fn first_wait_is_a_multiple_of_ten_between_1000_and_1990() {
        for random in 0..1000 {
            let wait = Backoff::new(random * 7919).wait_ms();
            assert!((1000..=1990).contains(&wait) && wait.is_multiple_of(10), "{wait}");
        }
    }
}
