//! An obedient MQTT server for the model port: accepts everything, and answers requests of services as a target says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// What the server knows; shared with the target.
#[derive(Default)]
pub struct Broker {
    /// Bytes of the client that are no whole packet yet.
    pending: Vec<u8>,
    /// Messages of the client, in order: topic and payload.
    pub published: Vec<(String, Vec<u8>)>,
    /// What messages to a topic are answered with, one after the other: that topic, the topic of the answer, its payload.
    pub answers: VecDeque<(String, String, Vec<u8>)>,
}

/// A server for `port::start`, and what it knows.
pub fn new() -> (crate::port::Server, Rc<RefCell<Broker>>) {
    let broker = Rc::new(RefCell::new(Broker::default()));
    let known = Rc::clone(&broker);
    (Box::new(move |bytes| known.borrow_mut().take(bytes)), broker)
}

/// A PUBLISH with QoS 0.
pub fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x30];
    let mut rest = 2 + topic.len() + payload.len();
    loop {
        let digit = (rest % 128) as u8;
        rest /= 128;
        packet.push(if rest > 0 { digit | 0x80 } else { digit });
        if rest == 0 {
            break;
        }
    }
    packet.extend((topic.len() as u16).to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend(payload);
    packet
}

impl Broker {
    fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.pending.extend(bytes);
        let mut answers = Vec::new();
        while let Some((first, body)) = self.next_packet() {
            answers.extend(self.answer(first, &body));
        }
        answers
    }

    fn next_packet(&mut self) -> Option<(u8, Vec<u8>)> {
        let first = *self.pending.first()?;
        let digits = 1 + self.pending.iter().skip(1).position(|digit| digit & 0x80 == 0)?;
        let digit = |at: usize| usize::from(self.pending[at] & 0x7F) << (7 * (at - 1));
        let len = (1..=digits).map(digit).sum::<usize>();
        let end = digits + 1 + len;
        let body = self.pending.get(digits + 1..end)?.to_vec();
        self.pending.drain(..end);
        Some((first, body))
    }

    fn answer(&mut self, first: u8, body: &[u8]) -> Vec<Vec<u8>> {
        match first >> 4 {
            1 => vec![vec![0x20, 2, 0, 0]],
            3 => self.answer_message(first, body),
            8 => vec![vec![0x90, 3, body[0], body[1], body[body.len() - 1]]],
            10 => vec![vec![0xB0, 2, body[0], body[1]]],
            12 => vec![vec![0xD0, 0]],
            4..=7 | 14 => Vec::new(),
            kind => panic!("a client does not send packets of type {kind}"),
        }
    }

    fn answer_message(&mut self, first: u8, body: &[u8]) -> Vec<Vec<u8>> {
        let topic_len = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + topic_len].to_vec()).expect("a topic is UTF-8");
        let behind = &body[2 + topic_len..];
        let (id, payload) = behind.split_at(if first & 6 == 0 { 0 } else { 2 });
        let mut answers = Vec::new();
        if let [high, low] = id {
            answers.push(vec![0x40, 2, *high, *low]);
        }
        if let Some(at) = self.answers.iter().position(|(to, ..)| *to == topic) {
            let (_, on, answer) = self.answers.remove(at).expect("just found");
            answers.push(publish(&on, &answer));
        }
        self.published.push((topic, payload.to_vec()));
        answers
    }
}
