//! Remembers received messages, so that none is handed out twice (`mqtt.md` §10).

use super::packet::Publish;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// How many QoS 1 messages are remembered.
const REMEMBERED: usize = 10;
/// How many QoS 2 messages may wait for their release.
const UNRELEASED: usize = 64;

/// Memory of one session; forgotten when the server starts a new one.
#[derive(Debug, Default)]
pub struct Received {
    recent: VecDeque<(u16, u64)>,
    unreleased: Vec<u16>,
}

impl Received {
    /// Notes a message; `false` when it was handed out before.
    ///
    /// A QoS 1 message is the same one if id, topic and payload are the same: a server may use an id again for
    /// another message as soon as it has our PUBACK [MQTT-2.3.1-4].
    pub fn note(&mut self, message: &Publish) -> bool {
        match message.qos {
            0 => true,
            1 => self.note_recent(message.id, digest(message)),
            _ => self.note_unreleased(message.id),
        }
    }

    /// PUBREL: the id of a QoS 2 message is free again [MQTT-4.3.3-2].
    pub fn release(&mut self, id: u16) {
        self.unreleased.retain(|&unreleased| unreleased != id);
    }

    /// The server has forgotten the session, so its ids mean nothing any more.
    pub fn forget(&mut self) {
        self.recent.clear();
        self.unreleased.clear();
    }

    fn note_recent(&mut self, id: u16, digest: u64) -> bool {
        if self.recent.contains(&(id, digest)) {
            return false;
        }
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((id, digest));
        true
    }

    fn note_unreleased(&mut self, id: u16) -> bool {
        if self.unreleased.contains(&id) {
            return false;
        }
        if self.unreleased.len() == UNRELEASED {
            self.unreleased.remove(0);
        }
        self.unreleased.push(id);
        true
    }
}

fn digest(message: &Publish) -> u64 {
    let mut hasher = DefaultHasher::new();
    message.topic.hash(&mut hasher);
    message.payload.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(qos: u8, id: u16, payload: &[u8]) -> Publish<'_> {
        Publish { qos, dup: false, retain: false, topic: b"t", id, payload }
    }

    #[test]
    fn defect_09_reused_id_with_other_content_is_another_message() {
        let mut received = Received::default();
        for payload in [b"one", b"two", b"thr", b"fou"] {
            assert!(received.note(&message(1, 7, payload)));
        }
    }

    #[test]
    fn a_repeated_message_is_recognised_among_the_last_ten() {
        let mut received = Received::default();
        assert!(received.note(&message(1, 1, b"x")));
        assert!(!received.note(&message(1, 1, b"x")));
        for id in 2..=10 {
            assert!(received.note(&message(1, id, b"x")));
        }
        assert!(!received.note(&message(1, 1, b"x")));
        assert!(received.note(&message(1, 11, b"x")));
        assert!(received.note(&message(1, 1, b"x")), "the eleventh message pushed the first out");
    }

    #[test]
    fn qos0_is_never_suppressed() {
        let mut received = Received::default();
        assert!((0..3).all(|_| received.note(&message(0, 0, b"x"))));
    }

    #[test]
    fn qos2_is_handed_out_once_until_released() {
        let mut received = Received::default();
        assert!(received.note(&message(2, 5, b"a")));
        assert!(!received.note(&message(2, 5, b"b")));
        received.release(5);
        assert!(received.note(&message(2, 5, b"b")));
    }

    #[test]
    fn a_new_session_starts_empty() {
        let mut received = Received::default();
        received.note(&message(1, 1, b"x"));
        received.note(&message(2, 2, b"x"));
        received.forget();
        assert!(received.note(&message(1, 1, b"x")) && received.note(&message(2, 2, b"x")));
    }

    #[test]
    fn unreleased_messages_are_bounded() {
        let mut received = Received::default();
        for id in 1..=1000 {
            assert!(received.note(&message(2, id, b"x")));
        }
        assert_eq!(received.unreleased.len(), UNRELEASED);
    }
}
