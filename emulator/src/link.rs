//! A connection as the broker sees it: a queue of what goes out, with faults applied, and a way to end it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use rmqtt_codec::v3::Packet;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};

use crate::codec;
use crate::events::About;
use crate::faults::{Action, Direction, Hit, Stage, Traffic, When};
use crate::hub::Hub;
use crate::registry::DeviceId;
use crate::stream::Shape;

/// Bytes that may wait for a slow client before its connection is closed.
const MAX_QUEUED: usize = 4 * 1024 * 1024;

/// Something for the writer.
pub enum Out {
    Packet(OutPacket),
    /// WebSocket: PING at this interval from now on.
    PingEvery(Duration, Option<String>),
    Fragment(usize, Duration),
    /// WebSocket close frame.
    CloseFrame(u16, String),
    /// Ends the sending side; reading goes on.
    HalfClose,
    /// The last thing: write what is queued, then close.
    End,
}

/// An encoded packet.
pub struct OutPacket {
    pub bytes: Bytes,
    /// Of its event; None where packets have none.
    pub fields: Option<Map<String, Value>>,
    pub due: Option<Instant>,
    pub form: Form,
}

/// How a packet is put into WebSocket frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Whole,
    Text,
    Split { size: usize, continuation: bool },
}

/// Why a connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    pub text: String,
    /// Tell a WebSocket client with a close frame first.
    pub close_frame: bool,
}

/// The connection's handle.
pub struct Link {
    pub id: u64,
    pub listener: &'static str,
    pub peer: SocketAddr,
    pub shape: Arc<Shape>,
    device: OnceLock<DeviceId>,
    out: mpsc::UnboundedSender<Out>,
    queued: AtomicUsize,
    end: watch::Sender<Option<Cause>>,
    /// Output that is delayed on purpose is waited for until here when the connection ends.
    drain_until: Mutex<Instant>,
    stall: Mutex<Option<Option<Duration>>>,
    pings: Mutex<VecDeque<(Bytes, Instant)>>,
    heard: AtomicBool,
}

impl Link {
    /// A handle and the writer's end of its queue.
    pub fn new(
        id: u64,
        listener: &'static str,
        peer: SocketAddr,
    ) -> (Arc<Link>, mpsc::UnboundedReceiver<Out>) {
        let (out, queue) = mpsc::unbounded_channel();
        let link = Link {
            id,
            listener,
            peer,
            shape: Arc::default(),
            device: OnceLock::new(),
            out,
            queued: AtomicUsize::new(0),
            end: watch::Sender::new(None),
            drain_until: Mutex::new(Instant::now()),
            stall: Mutex::new(None),
            pings: Mutex::default(),
            heard: AtomicBool::new(false),
        };
        (Arc::new(link), queue)
    }

    pub fn is_websocket(&self) -> bool {
        self.listener.starts_with("ws")
    }

    /// The device, once its CONNECT was accepted or at least named it.
    pub fn device(&self) -> Option<&DeviceId> {
        self.device.get()
    }

    /// Names the device; the first name stays.
    pub fn set_device(&self, id: DeviceId) {
        self.device.get_or_init(|| id);
    }

    /// Subject of this connection's events.
    pub fn about(&self) -> About {
        About { conn: Some(self.id), device: self.device().cloned() }
    }

    /// Ends the connection after what is queued was written. The first cause stays.
    pub fn end(&self, text: impl Into<String>, close_frame: bool) {
        let cause = Cause { text: text.into(), close_frame };
        self.end.send_if_modified(|end| {
            let first = end.is_none();
            if first {
                *end = Some(cause);
            }
            first
        });
        self.push(Out::End);
    }

    /// Resolves when `end` was called.
    pub async fn ended(&self) -> Cause {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone().unwrap_or_else(unreachable_cause),
            Err(_) => unreachable_cause(),
        }
    }

    /// The cause given to `end`, if any.
    pub fn cause(&self) -> Option<Cause> {
        self.end.borrow().clone()
    }

    /// How long the writer may still take after the end: what is delayed on purpose, and at most 200 ms more.
    pub fn grace(&self) -> Duration {
        self.drain_until.lock().saturating_duration_since(Instant::now()) + Duration::from_millis(200)
    }

    /// Sends a packet, as the faults allow.
    pub fn send(&self, hub: &Hub, packet: Packet) {
        let name = codec::name(&packet);
        let topics = codec::topics(&packet);
        let hits = hub.faults.hits(&self.traffic(Stage::Packet {
            direction: Direction::Out,
            name,
            topics: &topics,
        }));
        let mut plan = self.plan(hub, name, hits);
        plan.before.drain(..).for_each(|out| self.push(out));
        if plan.close == Some(When::Before) {
            return self.end("fault: close", false);
        }
        for _ in 0..plan.copies {
            self.push_packet(hub, packet.clone(), &plan);
        }
        plan.after.drain(..).for_each(|out| self.push(out));
        if plan.close == Some(When::After) {
            self.end("fault: close", false);
        }
    }

    /// Traffic of this connection, for asking which faults apply.
    pub fn traffic<'a>(&'a self, stage: Stage<'a>) -> Traffic<'a> {
        Traffic { listener: self.listener, device: self.device(), stage }
    }

    fn plan(&self, hub: &Hub, name: &str, hits: Vec<Hit>) -> Plan {
        let mut plan = Plan::default();
        for hit in hits {
            hub.events.emit(
                "fault",
                &self.about(),
                json!({"id": hit.id, "dir": "out", "packet": name, "action": format!("{:?}", hit.action)}),
            );
            plan.add(self, hit.action);
        }
        plan
    }

    fn push_packet(&self, hub: &Hub, mut packet: Packet, plan: &Plan) {
        if let (true, Packet::Publish(publish)) = (plan.corrupt, &mut packet) {
            publish.payload = corrupted(&publish.payload);
        }
        let mut fields = hub.options.event_packets.then(|| codec::describe(&packet, 0));
        // Only a topic or payload beyond the protocol's limits cannot be encoded; both were checked where they came from.
        let Ok(bytes) = codec::encode(packet) else {
            return self.end("packet cannot be encoded", true);
        };
        if let Some(fields) = &mut fields {
            fields.insert("size".into(), bytes.len().into());
        }
        let due = plan.delay.map(|delay| Instant::now() + delay);
        if let Some(due) = due {
            let mut until = self.drain_until.lock();
            *until = (*until).max(due);
        }
        let queued = self.queued.fetch_add(bytes.len(), Ordering::Relaxed);
        if queued > MAX_QUEUED {
            return self.end("client is too slow", false);
        }
        self.push(Out::Packet(OutPacket { bytes, fields, due, form: plan.form }));
    }

    /// Queues something; after the connection's end it goes nowhere, which is right.
    pub fn push(&self, out: Out) {
        let _ = self.out.send(out);
    }

    /// The writer has written so many bytes.
    pub fn written(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Asks the reader to stop reading.
    pub fn stall(&self, time: Option<Duration>) {
        *self.stall.lock() = Some(time);
    }

    /// The reader's question whether to stop.
    pub fn take_stall(&self) -> Option<Option<Duration>> {
        self.stall.lock().take()
    }

    /// The client sent something after the handshake; before that the hub must be silent. [emulator.md §4]
    pub fn set_heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Whether the client sent something.
    pub fn heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    /// Notes a WebSocket PING.
    pub fn ping_sent(&self, payload: Bytes) {
        let mut pings = self.pings.lock();
        pings.push_back((payload, Instant::now()));
        if pings.len() > 1000 {
            pings.pop_front();
        }
    }

    /// Age of the PING this PONG answers, and how many earlier ones it answers with it (RFC 6455 §5.5.3).
    pub fn pong_received(&self, payload: &[u8]) -> Option<(Duration, usize)> {
        let mut pings = self.pings.lock();
        let at = pings.iter().position(|(sent, _)| sent == payload)?;
        let age = pings.drain(..=at).next_back().map(|(_, sent)| sent.elapsed())?;
        Some((age, at))
    }
}

fn unreachable_cause() -> Cause {
    // The sender lives in the link itself, so the wait always ends with a value.
    Cause { text: "ended".into(), close_frame: false }
}

/// The payload with one byte changed; an empty one stays.
pub fn corrupted(payload: &Bytes) -> Bytes {
    let mut bytes = payload.to_vec();
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 0xff;
    }
    bytes.into()
}

/// What the faults make of one packet.
struct Plan {
    copies: usize,
    delay: Option<Duration>,
    form: Form,
    corrupt: bool,
    close: Option<When>,
    before: Vec<Out>,
    after: Vec<Out>,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            copies: 1,
            delay: None,
            form: Form::Whole,
            corrupt: false,
            close: None,
            before: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl Plan {
    fn add(&mut self, link: &Link, action: Action) {
        match action {
            Action::Drop | Action::NoPingresp => self.copies = 0,
            Action::Duplicate => self.copies *= 2,
            Action::Delay(time) => self.delay = Some(self.delay.unwrap_or_default() + time),
            Action::Corrupt => self.corrupt = true,
            Action::Close(when) => self.close = Some(when),
            Action::HalfClose(when) => self.at(when, Out::HalfClose),
            Action::WsClose { code, reason, when } => self.at(when, Out::CloseFrame(code, reason)),
            Action::WsText => self.form = Form::Text,
            Action::WsSplit { size, continuation } => self.form = Form::Split { size, continuation },
            Action::Fragment { size, pause } => self.before.push(Out::Fragment(size, pause)),
            Action::WsPing { every, payload } => self.after.push(Out::PingEvery(every, payload)),
            Action::Stall(time) => link.stall(time),
            // Decided where the CONNECT or SUBSCRIBE is answered, or at the upgrade.
            Action::Refuse(_) | Action::Handshake(_) => {}
            // Decided by the service.
            Action::ForceResult(_) => {}
        }
    }

    fn at(&mut self, when: When, out: Out) {
        if when == When::Before {
            self.copies = 0;
        }
        self.after.push(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Arc<Link> {
        Link::new(1, "ws", SocketAddr::from(([127, 0, 0, 1], 1))).0
    }

    #[test]
    fn a_pong_answers_the_pings_before_it_too() {
        let link = link();
        for name in ["one", "two", "three"] {
            link.ping_sent(Bytes::from(name));
        }
        assert_eq!(link.pong_received(b"two").unwrap().1, 1);
        assert!(link.pong_received(b"one").is_none());
        assert_eq!(link.pong_received(b"three").unwrap().1, 0);
    }

    #[test]
    fn the_first_cause_stays() {
        let link = link();
        link.end("take-over", true);
        link.end("peer closed", false);
        assert_eq!(link.cause().unwrap().text, "take-over");
    }

    #[test]
    fn corruption_changes_one_byte() {
        assert_eq!(corrupted(&Bytes::from_static(b"abc")).as_ref(), b"a\x9dc");
        assert!(corrupted(&Bytes::new()).is_empty());
    }
}
