//! The states of a client between Construct and Destroy (`mqtt.md` §4.1).

use super::Millis;
use super::backoff::Backoff;

/// Where a client stands.
#[derive(Debug)]
pub enum State {
    /// First connection under way, inside Construct.
    Connecting,
    /// CONNACK was good.
    Connected,
    /// The connection broke; the application is being told.
    Lost,
    /// Lost, and reconnecting is switched off.
    Offline,
    /// Waiting for the next attempt.
    Waiting {
        /// When to try.
        attempt_at: Millis,
        /// The series of waits.
        backoff: Backoff,
    },
    /// The last attempt of the series failed; reported once.
    Exhausted,
    /// Destroyed or disconnected by the application.
    Closed,
}

/// What a client that is not connected does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing to do: connected.
    None,
    /// Try to connect now.
    Attempt,
    /// Wait until then.
    WaitUntil(Millis),
    /// Stay offline.
    StayOffline,
    /// Report that the series of attempts is over.
    GiveUp,
    /// Nothing ever again.
    Closed,
}

/// State machine of a client.
#[derive(Debug)]
pub struct Lifecycle {
    state: State,
    auto_connect: bool,
    losses: u32,
}

impl Lifecycle {
    /// A client inside Construct.
    pub fn new(auto_connect: bool) -> Lifecycle {
        Lifecycle { state: State::Connecting, auto_connect, losses: 0 }
    }

    /// Where the client stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether requests can be sent.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// Connections lost so far.
    pub fn losses(&self) -> u32 {
        self.losses
    }

    /// CONNACK was good.
    pub fn on_connected(&mut self) {
        if !matches!(self.state, State::Closed) {
            self.state = State::Connected;
        }
    }

    /// The connection broke. `true` exactly once per loss.
    pub fn on_lost(&mut self) -> bool {
        let was_connected = self.is_connected();
        if was_connected {
            self.state = State::Lost;
            self.losses = self.losses.saturating_add(1);
        }
        was_connected
    }

    /// An attempt failed.
    pub fn on_attempt_failed(&mut self, now: Millis) {
        if let State::Waiting { attempt_at, backoff } = &mut self.state {
            if backoff.double() {
                *attempt_at = now + u64::from(backoff.wait_ms());
            } else {
                self.state = State::Exhausted;
            }
        }
    }

    /// Closes for good.
    pub fn close(&mut self) {
        self.state = State::Closed;
    }

    /// What to do at `now`. Leaves `Lost` and `Exhausted`; `random` draws the first wait of a series.
    pub fn step(&mut self, now: Millis, random: impl FnOnce() -> u32) -> Step {
        match &self.state {
            State::Connecting | State::Connected => Step::None,
            State::Closed => Step::Closed,
            State::Offline => Step::StayOffline,
            State::Lost if !self.auto_connect => {
                self.state = State::Offline;
                Step::StayOffline
            }
            State::Lost => self.start_series(now, random()),
            State::Exhausted => {
                // Reported once; a caller that goes on gets a fresh series instead of a dead client.
                self.start_series(now, random());
                Step::GiveUp
            }
            State::Waiting { attempt_at, .. } if now >= *attempt_at => Step::Attempt,
            State::Waiting { attempt_at, .. } => Step::WaitUntil(*attempt_at),
        }
    }

    fn start_series(&mut self, now: Millis, random: u32) -> Step {
        let backoff = Backoff::new(random);
        let attempt_at = now + u64::from(backoff.wait_ms());
        self.state = State::Waiting { attempt_at, backoff };
        Step::WaitUntil(attempt_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(auto_connect: bool) -> Lifecycle {
        let mut lifecycle = Lifecycle::new(auto_connect);
        lifecycle.on_connected();
        assert!(lifecycle.on_lost());
        lifecycle
    }

    /// Plays failing attempts until the series ends; returns the times of the attempts and of giving up.
    fn play_outage(lifecycle: &mut Lifecycle, mut now: Millis, random: u32) -> (Vec<Millis>, Millis) {
        let mut attempts = vec![];
        loop {
            match lifecycle.step(now, || random) {
                Step::WaitUntil(at) => now = at,
                Step::Attempt => {
                    attempts.push(now);
                    lifecycle.on_attempt_failed(now);
                }
                Step::GiveUp => return (attempts, now),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn waits_double_and_end_after_six_attempts() {
        let (attempts, end) = play_outage(&mut lost(true), 0, 0);
        assert_eq!(attempts, [1000, 3000, 7000, 15_000, 31_000, 63_000]);
        assert_eq!(end, 63_000);
        let (attempts, end) = play_outage(&mut lost(true), 0, 99);
        assert_eq!(attempts.len(), 5);
        assert_eq!(end, 31 * 1990);
    }

    // covers: Time / outage of 24 h, virtual time | - | more than 500 series of attempts
    #[test]
    fn defect_19_an_outage_of_a_day_ends_in_a_fresh_series_each_time() {
        let mut lifecycle = lost(true);
        let (mut now, mut given_up, mut all) = (0, 0, 0);
        while now < 24 * 3600 * 1000 {
            let (attempts, end) = play_outage(&mut lifecycle, now, given_up);
            assert!(attempts.windows(2).all(|pair| pair[1] - pair[0] >= 1000));
            (now, given_up, all) = (end, given_up + 1, all + attempts.len());
        }
        assert!(given_up > 500 && all > 3000, "{given_up} series, {all} attempts");
        // The link is back: the next attempt succeeds.
        while lifecycle.step(now, || 0) != Step::Attempt {
            now += 100;
        }
        lifecycle.on_connected();
        assert!(lifecycle.is_connected());
    }

    #[test]
    fn a_loss_is_reported_once() {
        let mut lifecycle = Lifecycle::new(true);
        assert!(!lifecycle.on_lost());
        lifecycle.on_connected();
        assert!(lifecycle.on_lost());
        assert!(!lifecycle.on_lost());
        assert_eq!(lifecycle.losses(), 1);
    }

    #[test]
    fn without_auto_connect_it_stays_offline() {
        let mut lifecycle = lost(false);
        for now in [0, 1_000_000] {
            assert_eq!(lifecycle.step(now, || 0), Step::StayOffline);
        }
    }

    #[test]
    fn closed_is_final() {
        let mut lifecycle = lost(true);
        lifecycle.close();
        lifecycle.on_connected();
        lifecycle.on_attempt_failed(5);
        assert_eq!(lifecycle.step(10, || 0), Step::Closed);
        assert!(!lifecycle.is_connected());
    }
}
