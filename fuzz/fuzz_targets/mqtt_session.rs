//! The client's MQTT core: a server's bytes in arbitrary pieces between calls of the application, under a model clock.
//!
//! Input: eight sizes of pieces, then commands. The session is driven as the client drives it, twice: each batch of
//! bytes once whole and once in pieces, which must make no difference. Besides: limits are kept, every request ends at
//! most once, acknowledgements belong to what was received, a QoS 2 message comes once, and time never stands still.
#![no_main]

use fuzz_support as _;
use iot_sdk::mqtt::keepalive::Due;
use iot_sdk::mqtt::packet::{self, Ack, Packet, Publish};
use iot_sdk::mqtt::requests::MAX_IN_FLIGHT;
use iot_sdk::mqtt::session::{Event, Handled, Session};
use iot_sdk::mqtt::stream::{Frame, PacketStream};
use iot_sdk::mqtt::table::{CAPACITY, Subscriber};
use iot_sdk::mqtt::topic;
use libfuzzer_sys::fuzz_target;
use std::collections::HashMap;

const LIMIT: usize = 300;
const COMMAND_TIMEOUT_MS: u32 = 5000;
const FILTERS: [&str; 8] = ["a", "a/b", "a/+", "a/#", "+/b", "#", "$sys/x", "ä"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Who(u8);

impl Subscriber for Who {
    fn takes_messages(&self) -> bool {
        !self.0.is_multiple_of(4)
    }
    fn is_same_handler(&self, other: &Who) -> bool {
        self.0 / 2 == other.0 / 2
    }
    fn is_same_data(&self, other: &Who) -> bool {
        self == other
    }
}

/// What a packet id was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Subscribe,
    Unsubscribe,
    Publish,
}

/// Commands, read byte by byte.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// The client around the core, and what it saw.
struct Client {
    session: Session<Who>,
    stream: PacketStream,
    now: u64,
    is_connected: bool,
    waiting: HashMap<u16, Request>,
    /// QoS 2 messages that were delivered and not released.
    unreleased: Vec<u16>,
    story: Vec<String>,
}

impl Client {
    fn new() -> Client {
        let mut client = Client {
            session: Session::new(65_530, COMMAND_TIMEOUT_MS),
            stream: PacketStream::new(LIMIT),
            now: 0,
            is_connected: false,
            waiting: HashMap::new(),
            unreleased: Vec::new(),
            story: Vec::new(),
        };
        client.connect(0);
        client
    }

    fn connect(&mut self, argument: u8) {
        if self.is_connected {
            self.lose();
        }
        let is_present = argument & 1 == 1;
        if !is_present {
            self.unreleased.clear();
        }
        self.is_connected = true;
        self.session.on_connected(self.now, is_present, u16::from(argument >> 1));
        let mut number = 0;
        while let Some((packet, _)) = self.session.resubscribe(self.now, number).expect("memory") {
            assert_eq!(packet[0], 0x82);
            self.ask(u16::from_be_bytes([packet[2], packet[3]]), Request::Subscribe);
            number += 1;
        }
        assert_eq!(number, self.session.subscriptions().count());
    }

    fn ask(&mut self, id: u16, request: Request) {
        assert_ne!(id, 0);
        assert_eq!(self.waiting.insert(id, request), None, "id {id} is in use");
    }

    fn lose(&mut self) {
        self.is_connected = false;
        self.session.on_lost();
        self.stream.clear();
        assert!(!self.stream.is_mid_packet());
        self.story.push("lost".into());
    }

    fn subscribe(&mut self, argument: u8) {
        let filter = FILTERS[usize::from(argument) % FILTERS.len()];
        if let Ok(id) = self.session.subscribe(self.now, filter, argument & 1, Who(argument / 8)) {
            self.ask(id, Request::Subscribe);
            let packet = packet::subscribe(id, filter, argument & 1).expect("a short filter");
            assert_eq!(packet[2..4], id.to_be_bytes());
        }
    }

    fn unsubscribe(&mut self, argument: u8) {
        let filter = FILTERS[usize::from(argument) % FILTERS.len()];
        let removed = self.session.remove_subscriptions(filter).expect("memory");
        assert!(removed.iter().all(|entry| entry.filter == filter) && !self.session.is_subscribed(filter));
        if let Ok(id) = self.session.unsubscribe(self.now) {
            self.ask(id, Request::Unsubscribe);
        }
    }

    fn publish(&mut self, count: u8) {
        for number in 0..count % 32 {
            match self.session.publish(self.now) {
                Ok(id) => self.ask(id, Request::Publish),
                Err(_) => assert_eq!(self.in_flight(), MAX_IN_FLIGHT, "message {number} was refused"),
            }
        }
    }

    fn in_flight(&self) -> usize {
        self.waiting.values().filter(|request| **request == Request::Publish).count()
    }

    /// Bytes of the server, in pieces of these sizes. What is behind a broken packet is lost with the connection.
    fn receive(&mut self, bytes: &[u8], mut size: impl FnMut() -> usize) {
        let mut rest = bytes;
        while !rest.is_empty() && self.is_connected {
            let (piece, behind) = rest.split_at(size().clamp(1, rest.len()));
            rest = behind;
            if piece.len().is_multiple_of(2) {
                self.stream.push(piece).expect("memory");
            } else {
                self.stream.space(piece.len()).expect("memory")[..piece.len()].copy_from_slice(piece);
                self.stream.filled(piece.len());
            }
            while self.is_connected && self.next_frame() {}
        }
        if !self.is_connected {
            self.connect(1);
        }
    }

    /// Handles a frame; `false` when there is none.
    fn next_frame(&mut self) -> bool {
        let is_announced = self.stream.has_frame();
        let missing = self.stream.missing();
        let frame = self.stream.next_frame();
        match (&is_announced, &frame) {
            (Err(_), Err(_)) => {}
            (Ok(is_there), Ok(frame)) => assert_eq!(*is_there, frame.is_some()),
            _ => panic!("{is_announced:?} but {frame:?}"),
        }
        match frame {
            Ok(None) => {
                assert!((1..=LIMIT.max(2048)).contains(&missing));
                false
            }
            Ok(Some(Frame::Packet { first, body })) => {
                assert!(body.len() <= LIMIT);
                let body = body.to_vec();
                self.handle(first, &body);
                true
            }
            Ok(Some(Frame::Oversize { first, id, body_len })) => {
                assert!(body_len > LIMIT);
                let (_, ack) = self.session.handle_oversize(self.now, first, id);
                assert!(ack.is_none() || id != 0);
                self.story.push(format!("oversize {first:02x} {id} {body_len} {ack:?}"));
                true
            }
            Err(_) => {
                self.lose();
                true
            }
        }
    }

    fn handle(&mut self, first: u8, body: &[u8]) {
        let decoded = packet::decode(first, body);
        let handled = self.session.handle(self.now, first, body);
        self.story.push(format!("{handled:?}"));
        match (&handled, decoded) {
            (Handled::Deliver { message, to, ack }, Ok(Packet::Publish(sent))) => {
                assert_eq!(*message, sent);
                self.delivered(&sent, *ack);
                self.check_route(&sent, to.as_ref());
            }
            (Handled::Send(Ack::PubComp(id)), Ok(Packet::PubRel(released))) => {
                assert_eq!(*id, released);
                self.unreleased.retain(|known| *known != released);
            }
            (Handled::Send(Ack::PubRel(id)), Ok(Packet::PubRec(asked))) => assert_eq!(*id, asked),
            (Handled::Send(Ack::PubAck(id) | Ack::PubRec(id)), Ok(Packet::Publish(again))) => {
                assert_eq!(*id, again.id);
            }
            (Handled::Broken(_) | Handled::Report(_), _) | (Handled::Done | Handled::Ignored(_), Ok(_)) => {}
            (other, decoded) => panic!("{other:?} for {decoded:?}"),
        }
        if matches!(handled, Handled::Broken(_)) {
            self.lose();
        }
        self.tell();
    }

    fn delivered(&mut self, message: &Publish, ack: Option<Ack>) {
        assert!(topic::is_valid_text(message.topic));
        match message.qos {
            0 => assert_eq!(ack, None),
            1 => assert_eq!(ack, Some(Ack::PubAck(message.id))),
            _ => {
                assert_eq!(ack, Some(Ack::PubRec(message.id)));
                assert!(!self.unreleased.contains(&message.id), "{} came twice", message.id);
                // The oldest of 64 is forgotten.
                if self.unreleased.len() == 64 {
                    self.unreleased.remove(0);
                }
                self.unreleased.push(message.id);
            }
        }
    }

    fn check_route(&self, message: &Publish, to: Option<&Who>) {
        let wanted = |filter: &str, who: &Who| {
            who.takes_messages() && topic::matches(filter.as_bytes(), message.topic)
        };
        let granted = self.session.subscriptions().find(|entry| wanted(&entry.filter, &entry.subscriber));
        if let Some(granted) = granted {
            assert_eq!(to, Some(&granted.subscriber));
        }
    }

    /// Events end requests, each at most once.
    fn tell(&mut self) {
        while let Some(event) = self.session.poll_event() {
            self.story.push(format!("{event:?}"));
            let (id, request) = match event {
                Event::Subscribed { id, .. }
                | Event::SubscribeRefused { id, .. }
                | Event::SubscribeTimeout { id, .. } => (id, Request::Subscribe),
                Event::Unsubscribed(id) | Event::UnsubscribeTimeout(id) => (id, Request::Unsubscribe),
                Event::Published(id) | Event::PublishRefused(id) | Event::PublishTimeout(id) => {
                    (id, Request::Publish)
                }
            };
            match self.waiting.get(&id) {
                Some(known) if *known == request => drop(self.waiting.remove(&id)),
                // The application hears of late and unknown acknowledgements too.
                _ => assert!(
                    matches!(event, Event::Published(_) | Event::PublishRefused(_)),
                    "{event:?} ends nothing"
                ),
            }
        }
        assert!(self.session.subscriptions().count() <= CAPACITY);
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        let due = self.session.handle_timeout(self.now);
        self.tell();
        match due {
            Due::Lost => {
                self.lose();
                self.connect(1);
            }
            Due::Ping => self.session.on_ping(self.now),
            Due::Nothing => {}
        }
        assert!(self.session.next_timeout().is_none_or(|at| at > self.now), "time stands still");
    }

    fn play(&mut self, commands: &[u8], mut size: impl FnMut() -> usize) {
        let mut script = Script(commands);
        while let Some(command) = script.byte() {
            let argument = script.byte().unwrap_or(0);
            match command & 7 {
                0 => self.subscribe(argument),
                1 => self.unsubscribe(argument),
                2 => self.publish(argument),
                3 => self.pass(u64::from(argument) * 100),
                4 => self.connect(argument),
                5 => {
                    let id = u16::from(argument);
                    self.session.cancel(id);
                    self.waiting.remove(&id);
                }
                // Up to 255 bytes, or up to 4 KiB of a pattern.
                6 => self.receive(script.bytes(usize::from(argument)), &mut size),
                _ => {
                    let pattern = script.bytes(8).to_vec();
                    let bytes: Vec<u8> =
                        pattern.iter().copied().cycle().take(usize::from(argument) * 16).collect();
                    self.receive(&bytes, &mut size);
                }
            }
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((sizes, commands)) = data.split_at_checked(8) else { return };
    let mut whole = Client::new();
    whole.play(commands, || usize::MAX);
    let mut pieces = Client::new();
    let mut sizes = sizes.iter().cycle();
    pieces.play(commands, || usize::from(*sizes.next().expect("eight sizes")));
    assert_eq!(whole.story, pieces.story);
});
