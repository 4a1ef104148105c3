//! When to send PINGREQ and when to give a link up (`mqtt.md` §11, MQTT 3.1.1 §3.1.2.10).

use super::Millis;

/// Pings sent without any answer before the link counts as lost.
const MAX_UNANSWERED: u8 = 2;

/// What is due now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// A PINGREQ; the caller reports it with [`KeepAlive::on_ping`].
    Ping,
    /// The server has been silent for too long.
    Lost,
}

/// Keep-alive timers of one connection.
#[derive(Debug)]
pub struct KeepAlive {
    interval_ms: u64,
    last_sent: Millis,
    last_received: Millis,
    last_ping: Millis,
    unanswered: u8,
}

impl KeepAlive {
    /// Starts at CONNACK. `interval_s` is the value in CONNECT, 0 switches pings off.
    pub fn new(interval_s: u16, now: Millis) -> KeepAlive {
        KeepAlive {
            interval_ms: u64::from(interval_s) * 1000,
            last_sent: now,
            last_received: now,
            last_ping: now,
            unanswered: 0,
        }
    }

    /// Any packet was written: the server's own clock starts again [MQTT-3.1.2-23].
    pub fn on_sent(&mut self, now: Millis) {
        self.last_sent = now;
    }

    /// Any packet arrived: a sign of life.
    pub fn on_received(&mut self, now: Millis) {
        self.last_received = now;
        self.unanswered = 0;
    }

    /// A PINGREQ was written.
    pub fn on_ping(&mut self, now: Millis) {
        self.last_sent = now;
        self.last_ping = now;
        self.unanswered += 1;
    }

    /// What has to happen at `now`.
    pub fn due(&self, now: Millis) -> Due {
        match self.deadline() {
            Some(deadline) if now >= deadline && self.unanswered >= MAX_UNANSWERED => Due::Lost,
            Some(deadline) if now >= deadline => Due::Ping,
            _ => Due::Nothing,
        }
    }

    /// When [`due`](Self::due) changes its answer; `None` without keep-alive.
    pub fn deadline(&self) -> Option<Millis> {
        if self.interval_ms == 0 {
            return None;
        }
        // A ping is due K after the last packet sent, so that the server keeps the link, and K after the last
        // one received, so that a dead link is noticed even while the application keeps publishing.
        Some(match self.unanswered {
            0 => self.last_sent.min(self.last_received) + self.interval_ms,
            _ => self.last_ping + self.patience_ms(),
        })
    }

    /// How long a ping may stay unanswered: min(5, K/2) seconds, as firmware knows it.
    fn patience_ms(&self) -> u64 {
        (self.interval_ms / 2000 * 1000).clamp(500, 5000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a server that never answers; returns the times of the pings and of the loss.
    fn silent_server(interval_s: u16) -> (Vec<Millis>, Millis) {
        let mut keepalive = KeepAlive::new(interval_s, 0);
        let mut pings = vec![];
        for now in (0..).step_by(100) {
            match keepalive.due(now) {
                Due::Ping => {
                    keepalive.on_ping(now);
                    pings.push(now);
                }
                Due::Lost => return (pings, now),
                Due::Nothing => assert!(now < 10_000_000),
            }
        }
        unreachable!()
    }

    #[test]
    fn dead_link_is_noticed_as_measured_on_the_original() {
        assert_eq!(silent_server(12), (vec![12_000, 17_000], 22_000));
        assert_eq!(silent_server(4), (vec![4_000, 6_000], 8_000));
        assert_eq!(silent_server(3), (vec![3_000, 4_000], 5_000));
        assert_eq!(silent_server(120), (vec![120_000, 125_000], 130_000));
        assert_eq!(silent_server(1), (vec![1_000, 1_500], 2_000));
        assert_eq!(silent_server(690), (vec![690_000, 695_000], 700_000));
    }

    #[test]
    fn any_answer_starts_again() {
        let mut keepalive = KeepAlive::new(10, 0);
        keepalive.on_ping(10_000);
        keepalive.on_received(10_050);
        assert_eq!(keepalive.due(20_000 - 1), Due::Nothing);
        assert_eq!(keepalive.due(20_050), Due::Ping);
    }

    #[test]
    fn publishing_into_a_dead_link_does_not_postpone_its_detection() {
        let mut keepalive = KeepAlive::new(10, 0);
        for now in (0..10_000).step_by(500) {
            keepalive.on_sent(now);
            assert_eq!(keepalive.due(now), Due::Nothing);
        }
        assert_eq!(keepalive.due(10_000), Due::Ping);
        keepalive.on_ping(10_000);
        keepalive.on_sent(14_999);
        assert_eq!(keepalive.due(15_000), Due::Ping);
        keepalive.on_ping(15_000);
        assert_eq!(keepalive.due(20_000), Due::Lost);
    }

    #[test]
    fn a_flood_of_messages_still_leaves_a_ping_for_the_server() {
        // [MQTT-3.1.2-23]: the client must send something within K even if it receives all the time.
        let mut keepalive = KeepAlive::new(10, 0);
        for now in (0..=10_000).step_by(100) {
            keepalive.on_received(now);
        }
        assert_eq!(keepalive.due(10_000), Due::Ping);
    }

    #[test]
    fn zero_switches_pings_off() {
        let keepalive = KeepAlive::new(0, 0);
        assert_eq!(keepalive.deadline(), None);
        assert_eq!(keepalive.due(u64::MAX), Due::Nothing);
    }

    #[test]
    fn fifty_days_of_uptime_do_not_wrap() {
        let start = u64::from(u32::MAX) - 3_000;
        let mut keepalive = KeepAlive::new(60, start);
        for i in 1..=100_000u64 {
            let now = start + i * 60_000;
            assert_eq!(keepalive.due(now - 1), Due::Nothing);
            assert_eq!(keepalive.due(now), Due::Ping);
            keepalive.on_ping(now);
            keepalive.on_received(now);
        }
    }
}
