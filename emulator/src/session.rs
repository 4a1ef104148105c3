//! What the hub keeps for one client id: subscriptions, unacknowledged messages, messages for an offline device.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU16;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::acl::{Access, Granted, Rights};
use crate::codec;
use crate::config::Options;
use crate::hub::Hub;
use crate::link::Link;
use crate::registry::{DeviceId, Record};

/// Unacknowledged QoS 1 messages on the way; more wait. [emulator.md §3]
const WINDOW: usize = 20;
/// QoS 1 messages waiting for the window; then the oldest goes.
const MAX_WAITING: usize = 200;
/// QoS 1 messages kept for an offline device; then the oldest goes.
const MAX_STORED: usize = 150;
/// A stored message and an offline session live this long, in ms of session time.
pub const LIFE_MS: i64 = 24 * 3600 * 1000;

/// A message on its way to one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Bytes,
    /// Delivery QoS, 0 or 1.
    pub qos: u8,
}

/// A message that waits for the device to come back, or behind such a message.
struct Stored {
    message: Message,
    /// When it was stored; None for one that only waits behind stored ones.
    since_ms: Option<i64>,
}

/// The session.
pub struct Session {
    pub device: Record,
    pub clean: bool,
    pub subscriptions: BTreeMap<String, u8>,
    /// Of a gateway: the sub-devices it has brought online. They go offline with its connection.
    pub sub_devices: BTreeMap<DeviceId, Record>,
    /// The connection while online.
    pub link: Option<Arc<Link>>,
    /// Virtual time of the last change between online and offline.
    pub since_ms: i64,
    /// MQTT protocol level of the latest CONNECT.
    pub level: u8,
    next_id: u16,
    in_flight: VecDeque<(NonZeroU16, Message)>,
    waiting: VecDeque<Message>,
    stored: VecDeque<Stored>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Sent,
    Waiting,
    Stored,
    /// QoS 0 for an offline device.
    Lost,
    /// Kept, but the oldest one had to go.
    DroppedOldest,
}

impl Session {
    pub fn new(device: Record, clean: bool, level: u8) -> Session {
        Session {
            device,
            clean,
            subscriptions: BTreeMap::new(),
            sub_devices: BTreeMap::new(),
            link: None,
            since_ms: 0,
            level,
            next_id: 0,
            in_flight: VecDeque::new(),
            waiting: VecDeque::new(),
            stored: VecDeque::new(),
        }
    }

    /// Granted QoS of the best subscription that matches.
    pub fn granted(&self, topic: &str) -> Option<u8> {
        self.subscriptions.iter().filter(|(f, _)| crate::topic::matches(f, topic)).map(|(_, qos)| *qos).max()
    }

    /// Subscribed topics, wildcards left out, that begin with `prefix`, and their granted QoS.
    pub fn subscribed_below(&self, prefix: &str) -> Vec<(String, u8)> {
        let from = self.subscriptions.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        let below = from.take_while(|(filter, _)| filter.starts_with(prefix));
        below.filter(|(f, _)| !f.contains(['+', '#'])).map(|(f, qos)| (f.clone(), *qos)).collect()
    }

    /// The right to a topic, of the device itself or of a sub-device that is online.
    pub fn right<'a>(&'a self, options: &'a Options, access: Access, topic: &str) -> Option<Granted<'a>> {
        Rights { device: &self.device, sub_devices: &self.sub_devices, options }.check(access, topic)
    }

    /// Sends, queues or stores a message.
    pub fn deliver(&mut self, hub: &Hub, message: Message, now_ms: i64) -> Fate {
        let Some(link) = self.link.clone() else { return self.store(message, now_ms) };
        if !self.stored.is_empty() {
            // Stored messages go before new ones.
            self.stored.push_back(Stored { message, since_ms: None });
            return Fate::Waiting;
        }
        self.transmit(hub, &link, message)
    }

    fn store(&mut self, message: Message, now_ms: i64) -> Fate {
        if self.clean || message.qos == 0 {
            return Fate::Lost;
        }
        let full = self.stored.len() >= MAX_STORED;
        if full {
            self.stored.pop_front();
        }
        self.stored.push_back(Stored { message, since_ms: Some(now_ms) });
        if full { Fate::DroppedOldest } else { Fate::Stored }
    }

    fn transmit(&mut self, hub: &Hub, link: &Link, message: Message) -> Fate {
        if message.qos == 0 {
            link.send(hub, codec::publish(&message.topic, message.payload, None, false));
            return Fate::Sent;
        }
        if self.in_flight.len() < WINDOW {
            self.transmit_qos1(hub, link, message);
            return Fate::Sent;
        }
        let full = self.waiting.len() >= MAX_WAITING;
        if full {
            self.waiting.pop_front();
        }
        self.waiting.push_back(message);
        if full { Fate::DroppedOldest } else { Fate::Waiting }
    }

    fn transmit_qos1(&mut self, hub: &Hub, link: &Link, message: Message) {
        let id = self.fresh_id();
        link.send(hub, codec::publish(&message.topic, message.payload.clone(), Some(id), false));
        self.in_flight.push_back((id, message));
    }

    /// The next packet id that is not in use; the window is far smaller than the range, so there is one.
    fn fresh_id(&mut self) -> NonZeroU16 {
        loop {
            self.next_id = self.next_id.wrapping_add(1);
            match NonZeroU16::new(self.next_id) {
                Some(id) if self.in_flight.iter().all(|(used, _)| *used != id) => return id,
                _ => {}
            }
        }
    }

    /// A PUBACK came; the window moves on. False if nothing had this id.
    pub fn acknowledged(&mut self, hub: &Hub, id: NonZeroU16) -> bool {
        let Some(at) = self.in_flight.iter().position(|(used, _)| *used == id) else { return false };
        self.in_flight.remove(at);
        if let (Some(link), Some(next)) = (self.link.clone(), self.waiting.pop_front()) {
            self.transmit_qos1(hub, &link, next);
        }
        true
    }

    /// The device went away: what waited for the window joins the stored messages, behind what is unacknowledged. Its
    /// sub-devices went with it, and what was for them is not kept.
    pub fn went_offline(&mut self, options: &Options, now_ms: i64) {
        self.link = None;
        if !self.sub_devices.is_empty() {
            self.sub_devices.clear();
            self.forget_messages_of_others(options);
        }
        self.since_ms = now_ms;
        for stored in &mut self.stored {
            stored.since_ms.get_or_insert(now_ms);
        }
        self.stored.retain(|s| s.message.qos == 1);
        let waiting: Vec<_> = self.waiting.drain(..).collect();
        for message in waiting.into_iter().rev() {
            self.stored.push_front(Stored { message, since_ms: Some(now_ms) });
        }
        while self.stored.len() > MAX_STORED {
            self.stored.pop_front();
        }
    }

    fn forget_messages_of_others(&mut self, options: &Options) {
        let rights = Rights { device: &self.device, sub_devices: &self.sub_devices, options };
        let own = |message: &Message| rights.check(Access::Subscribe, &message.topic).is_some();
        self.in_flight.retain(|(_, message)| own(message));
        self.waiting.retain(own);
        self.stored.retain(|stored| own(&stored.message));
    }

    /// The device came back: unacknowledged messages again, as duplicates. [MQTT-4.4.0-1]
    pub fn resume(&mut self, hub: &Hub, link: &Link) {
        for (id, message) in &self.in_flight {
            link.send(hub, codec::publish(&message.topic, message.payload.clone(), Some(*id), true));
        }
    }

    /// Sends the next stored message, and those that only waited behind it. True: more to come.
    pub fn send_stored(&mut self, hub: &Hub, now_ms: i64, life_ms: i64) -> bool {
        let Some(link) = self.link.clone() else { return false };
        let alive = |s: &Stored| s.since_ms.is_none_or(|since| now_ms - since < life_ms);
        self.stored.retain(alive);
        if let Some(first) = self.stored.pop_front() {
            self.transmit(hub, &link, first.message);
        }
        while self.stored.front().is_some_and(|s| s.since_ms.is_none()) {
            if let Some(new) = self.stored.pop_front() {
                self.transmit(hub, &link, new.message);
            }
        }
        !self.stored.is_empty()
    }

    /// Numbers for the console.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.in_flight.len(), self.waiting.len(), self.stored.len())
    }
}
