//! What comes from a client, packet by packet and in order: faults, CONNECT, and then the broker.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rmqtt_codec::v3::{Connect, Packet};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep_until};

use crate::auth::{self, Refusal};
use crate::codec::{self, Decoded, Malformed};
use crate::connection::{OPENING, Opened, note_fault};
use crate::faults::{Action, Direction, Stage, When};
use crate::hub::Hub;
use crate::link::{Link, Out};
use crate::reader::{Arrived, Source};
use crate::registry::DeviceId;
use crate::ws_tap::Frame;

/// Time for a client that sent DISCONNECT to close by itself.
const LEAVING: Duration = Duration::from_secs(2);
/// Far enough for "no limit".
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Where the conversation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connect,
    Connected {
        keep_alive: Duration,
    },
    /// DISCONNECT came.
    Leaving,
}

/// Reads and acts, one packet after the other.
pub struct Dialogue<'a> {
    hub: &'a Arc<Hub>,
    link: &'a Arc<Link>,
    opened: Opened,
    source: Source,
    phase: Phase,
    deadline: Instant,
}

impl<'a> Dialogue<'a> {
    pub fn new(hub: &'a Arc<Hub>, link: &'a Arc<Link>, opened: Opened, source: Source) -> Dialogue<'a> {
        Dialogue { hub, link, opened, source, phase: Phase::Connect, deadline: Instant::now() + OPENING }
    }

    /// Reads until the end and returns its cause.
    pub async fn run(&mut self) -> String {
        let link = self.link.clone();
        let mut ended = pin!(link.ended());
        let mut buffer = BytesMut::with_capacity(4096);
        loop {
            if let Some(time) = link.take_stall() {
                tokio::select! {
                    () = self.stalled(time) => {}
                    cause = &mut ended => return cause.text,
                }
            }
            // What is there already is taken first: no timer is set for it, and an end is looked for behind each packet.
            let arrived = tokio::select! {
                biased;
                arrived = self.source.read(&mut buffer) => arrived,
                cause = &mut ended => return cause.text,
                () = sleep_until(self.deadline) => return self.time_over(),
            };
            let step = tokio::select! {
                biased;
                step = self.take(arrived, &mut buffer) => step,
                cause = &mut ended => return cause.text,
            };
            // Why the hub ended it counts, also where the client left at the same time.
            if let Some(cause) = link.cause() {
                return cause.text;
            }
            if let Err(cause) = step {
                return cause;
            }
        }
    }

    fn time_over(&self) -> String {
        match self.phase {
            Phase::Connect => "no CONNECT within 10 s".into(),
            Phase::Connected { .. } => "keep-alive: nothing for 1.5 times its length".into(),
            Phase::Leaving => "client disconnected, but did not close".into(),
        }
    }

    /// Reads nothing for a time, or until faults are cleared.
    async fn stalled(&mut self, time: Option<Duration>) {
        let before = Instant::now();
        let mut cleared = self.hub.faults.cleared();
        cleared.mark_unchanged();
        tokio::select! {
            () = tokio::time::sleep(time.unwrap_or(FOREVER)) => {}
            _ = cleared.changed() => {}
        }
        // What the hub did not read must not count against the client.
        self.deadline += before.elapsed();
    }

    /// Reads and forgets until the peer closes.
    pub async fn drain(&mut self) {
        let mut buffer = BytesMut::new();
        while !matches!(self.source.read(&mut buffer).await, Arrived::End(_)) {
            buffer.clear();
        }
    }

    /// Takes what arrived; an error ends the connection.
    async fn take(&mut self, arrived: Arrived, buffer: &mut BytesMut) -> Result<(), String> {
        self.link.set_heard();
        match arrived {
            Arrived::Bytes => self.take_packets(buffer, None).await,
            Arrived::Message { frames, started_clean } => {
                let decoded = decode_all(buffer);
                let alone = frames.len() == 1 && started_clean && buffer.is_empty();
                let count = decoded.iter().filter(|d| d.is_ok()).count();
                for frame in &frames {
                    self.note_frame(frame, |fields| {
                        fields.insert("packets".into(), count.into());
                        fields.insert("one_packet".into(), (alone && count == 1).into());
                    });
                }
                for packet in decoded {
                    self.take_packet(packet, Some(alone && count == 1)).await?;
                }
                Ok(())
            }
            Arrived::Control { frame, payload } => {
                self.take_control(frame, &payload);
                Ok(())
            }
            Arrived::Text { frames } => {
                for frame in &frames {
                    self.note_frame(frame, |_| {});
                }
                self.link.push(Out::CloseFrame(1003, "MQTT needs binary frames".into()));
                Err("text frame from the client".into())
            }
            Arrived::End(end) => {
                for frame in &end.frames {
                    self.note_frame(frame, |_| {});
                }
                let left = self.phase == Phase::Leaving;
                Err(if left { format!("client disconnected ({})", end.how) } else { end.how })
            }
        }
    }

    fn note_frame(&self, frame: &Frame, add: impl FnOnce(&mut Map<String, Value>)) {
        if !self.hub.options.event_packets {
            return;
        }
        let mut fields = frame.describe();
        add(&mut fields);
        self.hub.note(self.link, "ws_frame", Value::Object(fields));
    }

    fn take_control(&self, frame: Option<Frame>, payload: &[u8]) {
        let Some(frame) = frame else { return };
        self.note_frame(&frame, |fields| {
            fields.insert("payload".into(), String::from_utf8_lossy(payload).into());
            if frame.opcode == 8 {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                fields.insert("code".into(), code.into());
            }
        });
        if frame.opcode == 10 {
            let found = self.link.pong_received(payload);
            self.hub.note(
                self.link,
                "pong",
                json!({
                    "payload": String::from_utf8_lossy(payload),
                    "matched": found.is_some(),
                    "latency_ms": found.map(|(age, _)| age.as_secs_f64() * 1000.0),
                    "superseded": found.map(|(_, earlier)| earlier),
                }),
            );
        }
    }

    async fn take_packets(
        &mut self,
        buffer: &mut BytesMut,
        one_per_frame: Option<bool>,
    ) -> Result<(), String> {
        loop {
            match codec::decode(buffer) {
                Ok(None) => return Ok(()),
                Ok(Some(decoded)) => self.take_packet(Ok(decoded), one_per_frame).await?,
                Err(e) => return self.take_packet(Err(e), one_per_frame).await,
            }
        }
    }

    async fn take_packet(
        &mut self,
        packet: Result<Decoded, Malformed>,
        one: Option<bool>,
    ) -> Result<(), String> {
        let Decoded { packet, size } = match packet {
            Ok(decoded) => decoded,
            Err(malformed) => return self.malformed(malformed),
        };
        self.note_packet(&packet, size, one);
        if let (Phase::Connect, Packet::Connect(connect)) = (self.phase, &packet)
            && let Some(id) = DeviceId::from_client_id(&connect.client_id)
        {
            self.link.set_device(id);
        }
        if let Phase::Connected { keep_alive } = self.phase {
            self.deadline = Instant::now() + keep_alive;
        }
        self.apply_faults(packet).await?;
        // Packets behind one that ends the connection are not looked at.
        self.link.cause().map_or(Ok(()), |cause| Err(cause.text))
    }

    fn note_packet(&self, packet: &Packet, size: usize, one_per_frame: Option<bool>) {
        if !self.hub.options.event_packets {
            return;
        }
        let mut fields = codec::describe(packet, size);
        fields.insert("dir".into(), "in".into());
        if let Some(one) = one_per_frame {
            fields.insert("one_per_frame".into(), one.into());
        }
        self.hub.note(self.link, "packet", Value::Object(fields));
    }

    fn malformed(&mut self, malformed: Malformed) -> Result<(), String> {
        self.hub.note(self.link, "malformed", json!({"cause": format!("{malformed:?}")}));
        let codes = &self.hub.options.auth_codes;
        match (self.phase, malformed) {
            (Phase::Connect, Malformed::Protocol) => {
                self.refuse(Refusal { code: codes.protocol, cause: "unknown protocol".into() }, Value::Null)
            }
            (Phase::Connect, Malformed::EmptyClientId) => self
                .refuse(Refusal { code: codes.client_id, cause: "client id is empty".into() }, Value::Null),
            (_, other) => Err(format!("malformed packet: {other:?}")),
        }
    }

    async fn apply_faults(&mut self, mut packet: Packet) -> Result<(), String> {
        let name = codec::name(&packet);
        let topics = codec::topics(&packet);
        let stage = Stage::Packet { direction: Direction::In, name, topics: &topics };
        let mut times = 1;
        let mut refused = None;
        let mut after = Vec::new();
        for hit in self.hub.faults.hits(&self.link.traffic(stage)) {
            note_fault(self.hub, self.link, name, &hit);
            match hit.action {
                Action::Drop => times = 0,
                Action::Duplicate => times *= 2,
                Action::Delay(time) => tokio::time::sleep(time).await,
                Action::Corrupt => corrupt(&mut packet),
                Action::Refuse(code) => refused = Some(code),
                Action::Close(When::Before) => return Err("fault: close".into()),
                Action::WsClose { when: When::Before, code, reason } => {
                    times = 0;
                    self.link.push(Out::CloseFrame(code, reason));
                }
                Action::HalfClose(When::Before) => {
                    times = 0;
                    self.link.push(Out::HalfClose);
                }
                other => after.push(other),
            }
        }
        for _ in 0..times {
            self.handle(&packet, refused)?;
        }
        for action in after {
            self.apply_after(action)?;
        }
        Ok(())
    }

    fn apply_after(&self, action: Action) -> Result<(), String> {
        match action {
            Action::Close(_) => {
                self.link.end("fault: close", false);
                return Err("fault: close".into());
            }
            Action::HalfClose(_) => self.link.push(Out::HalfClose),
            Action::WsClose { code, reason, .. } => self.link.push(Out::CloseFrame(code, reason)),
            Action::Stall(time) => self.link.stall(time),
            Action::Fragment { size, pause } => self.link.push(Out::Fragment(size, pause)),
            Action::WsPing { every, payload } => self.link.push(Out::PingEvery(every, payload)),
            _ => {}
        }
        Ok(())
    }

    fn handle(&mut self, packet: &Packet, refused: Option<u8>) -> Result<(), String> {
        let (hub, link) = (self.hub, self.link);
        match (self.phase, packet) {
            (Phase::Connect, Packet::Connect(connect)) => return self.connect(connect, refused),
            (Phase::Connect, other) => return Err(format!("first packet is {}", codec::name(other))),
            (Phase::Leaving, other) => return Err(format!("{} after DISCONNECT", codec::name(other))),
            (_, Packet::Publish(publish)) => hub.broker.publish(hub, link, publish),
            (_, Packet::Subscribe { packet_id, topic_filters }) => {
                hub.broker.subscribe(hub, link, *packet_id, topic_filters, refused.is_some());
            }
            (_, Packet::Unsubscribe { packet_id, topic_filters }) => {
                hub.broker.unsubscribe(hub, link, *packet_id, topic_filters);
            }
            (_, Packet::PublishAck { packet_id }) => hub.broker.acknowledged(hub, link, *packet_id),
            (_, Packet::PingRequest) => link.send(hub, Packet::PingResponse),
            (_, Packet::Disconnect) => {
                // The session ends here; the client is given time to close, so that its last frames are seen.
                hub.broker.disconnected(hub, link);
                self.phase = Phase::Leaving;
                self.deadline = Instant::now() + LEAVING;
            }
            // [MQTT-3.1.0-2]
            (_, Packet::Connect(_)) => return Err("second CONNECT".into()),
            (_, other) => return Err(format!("unexpected packet {}", codec::name(other))),
        }
        Ok(())
    }

    fn connect(&mut self, connect: &Connect, refused: Option<u8>) -> Result<(), String> {
        let described = Value::Object(codec::describe(&Packet::Connect(Box::new(connect.clone())), 0));
        let hub = self.hub;
        let checked = match refused {
            Some(code) => Err(Refusal { code, cause: "fault: refuse".into() }),
            None => auth::check(connect, &self.opened.proof, &hub.registry, &hub.options, hub.clock.now_ms()),
        };
        let limited = |id: &DeviceId| hub.options.connect_rate_limit && !hub.broker.connect_allowed(id);
        let device = match checked {
            Ok(device) if limited(&device.id) => {
                let refusal =
                    Refusal { code: hub.options.auth_codes.rate, cause: "connects too often".into() };
                return self.refuse(refusal, described);
            }
            Ok(device) => device,
            Err(refusal) => return self.refuse(refusal, described),
        };
        self.note_connect(0, Value::Null, described);
        let keep_alive = match connect.keep_alive {
            0 => FOREVER,
            seconds => Duration::from_millis(u64::from(seconds) * 1500), // [MQTT-3.1.2-24]
        };
        self.phase = Phase::Connected { keep_alive };
        self.deadline = Instant::now() + keep_alive;
        hub.broker.connect(hub, self.link, connect, device);
        Ok(())
    }

    fn refuse(&mut self, refusal: Refusal, connect: Value) -> Result<(), String> {
        let Refusal { code, cause } = refusal;
        tracing::info!(conn = self.link.id, code, cause, "CONNECT refused");
        self.note_connect(code, cause.clone().into(), connect);
        self.link.send(self.hub, codec::connack(code, false));
        let cause = format!("CONNECT refused with {code}: {cause}");
        self.link.end(cause.clone(), true);
        Err(cause)
    }

    fn note_connect(&self, code: u8, cause: Value, connect: Value) {
        let Opened { tls, upgrade, .. } = &self.opened;
        let listener = self.link.listener;
        self.hub.note(self.link, "connect", json!({"code": code, "cause": cause, "listener": listener, "peer": self.link.peer.to_string(), "tls": tls, "upgrade": upgrade, "connect": connect}));
    }
}

fn decode_all(buffer: &mut BytesMut) -> Vec<Result<Decoded, Malformed>> {
    let mut all = Vec::new();
    loop {
        match codec::decode(buffer) {
            Ok(None) => return all,
            Ok(Some(decoded)) => all.push(Ok(decoded)),
            Err(e) => {
                all.push(Err(e));
                return all;
            }
        }
    }
}

fn corrupt(packet: &mut Packet) {
    if let Packet::Publish(publish) = packet {
        publish.payload = crate::link::corrupted(&publish.payload);
    }
}
