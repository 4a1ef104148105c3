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
    /// The last attempt of the first series failed; reported once.
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
    /// Report that the first series of attempts is over.
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
    /// Whether this outage was reported as lasting.
    has_given_up: bool,
}

impl Lifecycle {
    /// A client inside Construct.
    pub fn new(auto_connect: bool) -> Lifecycle {
        Lifecycle { state: State::Connecting, auto_connect, losses: 0, has_given_up: false }
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
            self.has_given_up = false;
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

    /// An attempt failed; `random` draws the next wait where it is not doubled.
    pub fn on_attempt_failed(&mut self, now: Millis, random: impl FnOnce() -> u32) {
        if let State::Waiting { attempt_at, backoff } = &mut self.state {
            if backoff.double(random) {
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
                // Reported once in an outage; a caller that goes on gets a fresh series instead of a dead client.
                self.has_given_up = true;
                self.start_series(now, random());
                Step::GiveUp
            }
            State::Waiting { attempt_at, .. } if now >= *attempt_at => Step::Attempt,
            State::Waiting { attempt_at, .. } => Step::WaitUntil(*attempt_at),
        }
    }

    fn start_series(&mut self, now: Millis, random: u32) -> Step {
        let backoff = if self.has_given_up { Backoff::endless(random) } else { Backoff::new(random) };
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
                    lifecycle.on_attempt_failed(now, || random);
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

    /// Behind the second series an attempt comes once in a minute or a little more, and not at the same time for two devices.
    // covers: Time / outage of 24 h, virtual time | - | given up once, at most 1,440 attempts, later ones 60 to 75 s apart
    #[test]
    fn defect_19_an_outage_of_a_day_is_given_up_once_and_takes_an_attempt_a_minute() {
        const DAY: Millis = 24 * 3600 * 1000;
        let mut lifecycle = lost(true);
        let (first, mut now) = play_outage(&mut lifecycle, 0, 87);
        assert_eq!(now, 63 * 1870);
        let (mut second, mut random) = (vec![], 0);
        while now < DAY {
            match lifecycle.step(now, || 87) {
                Step::WaitUntil(at) => now = at,
                Step::Attempt => {
                    second.push(now);
                    random += 7919;
                    lifecycle.on_attempt_failed(now, || random);
                }
                other => panic!("{other:?}"),
            }
        }
        let waits: Vec<Millis> = second.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (doubled, steady) = waits.split_at(5);
        assert_eq!((second[0], doubled), (64 * 1870, &[3740, 7480, 14_960, 29_920, 59_840][..]));
        assert!(steady.iter().all(|wait| (60_000..75_000).contains(wait)), "{steady:?}");
        let different: std::collections::BTreeSet<&Millis> = steady.iter().collect();
        assert!(
            different.len() > steady.len() / 2,
            "{} different waits of {}",
            different.len(),
            steady.len()
        );
        let all = first.len() + second.len();
        assert!((DAY / 75_000..=DAY / 60_000).contains(&(all as Millis)), "{all} attempts");
        // The link is back: the next attempt succeeds, and the next outage starts anew.
        while lifecycle.step(now, || 0) != Step::Attempt {
            now += 100;
        }
        lifecycle.on_connected();
        assert!(lifecycle.is_connected() && lifecycle.on_lost());
        assert_eq!(play_outage(&mut lifecycle, now, 0).1, now + 63_000);
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
        lifecycle.on_attempt_failed(5, || 0);
        assert_eq!(lifecycle.step(10, || 0), Step::Closed);
        assert!(!lifecycle.is_connected());
    }
}
