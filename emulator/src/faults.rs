//! Faults on demand: which traffic one applies to, how often, and what it does. [emulator.md §9]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::registry::DeviceId;
use crate::service::ANSWERING;

/// A fault as the console gives it. Absent selectors match everything.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spec {
    // What it applies to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// `mqtt`, `mqtts`, `ws` or `wss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener: Option<String>,
    /// Filter for the topic of a PUBLISH, SUBSCRIBE or UNSUBSCRIBE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Packet name in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packet: Option<String>,
    /// A service that answers requests; the fault is then about its answers and takes no other selector but `device`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `in` (from the device) or `out`; needed only for PUBLISH and PUBACK, which go both ways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The first so many matches pass.
    #[serde(skip_serializing_if = "is_zero")]
    pub skip: u64,
    /// At most so many times; 0: always.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Seed of the dice for `probability`; the same seed gives the same run.
    pub seed: u64,

    // What it does.
    pub action: String,
    /// delay, stall: milliseconds. stall without it: until the fault is cleared or the connection ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// refuse: CONNACK code. ws_close: close code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// force_result: what the service answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<i64>,
    /// close, half_close, ws_close: `before` the packet (which is then not sent or not processed) or `after` it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// fragment, ws_split: bytes in a piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// fragment: milliseconds between two pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_ms: Option<u64>,
    /// ws_ping: milliseconds between two PINGs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_ms: Option<u64>,
    /// ws_ping: payload (a number is appended); ws_close: reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// handshake: HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// handshake: `none` or `wrong`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<String>,
    /// handshake: the whole answer, byte for byte, instead of the hub's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// ws_split: pieces as `messages` (default) or as `continuation` frames of one message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<String>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Direction of a packet, seen from the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    In,
    Out,
}

/// Before or after the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// What a fault does, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Drop,
    Delay(Duration),
    Duplicate,
    Corrupt,
    /// CONNACK with this code; SUBACK with 0x80 for other packets.
    Refuse(u8),
    Close(When),
    HalfClose(When),
    /// The hub stops reading.
    Stall(Option<Duration>),
    /// Every write in pieces, with pauses.
    Fragment {
        size: usize,
        pause: Duration,
    },
    NoPingresp,
    WsClose {
        code: u16,
        reason: String,
        when: When,
    },
    WsText,
    WsSplit {
        size: usize,
        continuation: bool,
    },
    WsPing {
        every: Duration,
        payload: Option<String>,
    },
    Handshake(Handshake),
    /// A service refuses the request with this result.
    ForceResult(i64),
}

/// What is wrong with the answer to the upgrade request.
#[derive(Debug, Clone, PartialEq)]
pub enum Handshake {
    Status(u16),
    NoAccept,
    WrongAccept,
    Raw(Bytes),
}

/// Traffic a fault may apply to.
#[derive(Debug, Clone, Copy)]
pub struct Traffic<'a> {
    pub listener: &'a str,
    pub device: Option<&'a DeviceId>,
    pub stage: Stage<'a>,
}

/// Where in a connection's life.
#[derive(Debug, Clone, Copy)]
pub enum Stage<'a> {
    /// TCP and TLS are up, nothing was read.
    Accepted,
    /// The upgrade request was read.
    Upgrade,
    Packet {
        direction: Direction,
        name: &'a str,
        topics: &'a [String],
    },
    /// A service is about to work on a request.
    Reply {
        service: &'a str,
    },
}

/// All faults that are set.
#[derive(Default)]
pub struct Faults {
    inner: Mutex<Inner>,
    /// Tells stalled connections that faults were cleared.
    cleared: tokio::sync::watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    next_id: u64,
    active: BTreeMap<u64, Fault>,
}

struct Fault {
    spec: Spec,
    action: Action,
    dice: fastrand::Rng,
    matched: u64,
    applied: u64,
}

/// A fault that applies now.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub id: u64,
    pub action: Action,
}

impl Faults {
    /// Sets a fault and returns its number.
    pub fn set(&self, spec: Spec) -> Result<u64, String> {
        let action = spec.checked()?;
        let mut inner = self.inner.lock();
        inner.next_id += 1;
        let id = inner.next_id;
        let dice = fastrand::Rng::with_seed(spec.seed);
        inner.active.insert(id, Fault { spec, action, dice, matched: 0, applied: 0 });
        Ok(id)
    }

    /// Clears one fault or all; returns how many.
    pub fn clear(&self, id: Option<u64>) -> usize {
        let mut inner = self.inner.lock();
        let before = inner.active.len();
        inner.active.retain(|key, _| id.is_some_and(|id| id != *key));
        self.cleared.send_modify(|n| *n += 1);
        before - inner.active.len()
    }

    /// Changes whenever faults are cleared.
    pub fn cleared(&self) -> tokio::sync::watch::Receiver<u64> {
        self.cleared.subscribe()
    }

    /// All faults with their counters.
    pub fn list(&self) -> Vec<serde_json::Value> {
        let describe = |(id, f): (&u64, &Fault)| serde_json::json!({"id": id, "matched": f.matched, "applied": f.applied, "spec": f.spec});
        self.inner.lock().active.iter().map(describe).collect()
    }

    /// The faults that apply to this traffic, in the order they were set. Counts and rolls the dice.
    pub fn hits(&self, traffic: &Traffic) -> Vec<Hit> {
        let mut inner = self.inner.lock();
        let hit = |(id, fault): (&u64, &mut Fault)| {
            fault.hits(traffic).then(|| Hit { id: *id, action: fault.action.clone() })
        };
        inner.active.iter_mut().filter_map(hit).collect()
    }
}

impl Fault {
    fn hits(&mut self, traffic: &Traffic) -> bool {
        if !self.spec.selects(traffic) || !self.action.belongs_to(&traffic.stage, &self.spec) {
            return false;
        }
        self.matched += 1;
        let exhausted = self.spec.count != 0 && self.applied >= self.spec.count;
        if self.matched <= self.spec.skip || exhausted {
            return false;
        }
        if self.spec.probability.is_some_and(|p| self.dice.f64() >= p) {
            return false;
        }
        self.applied += 1;
        true
    }
}

impl Action {
    /// At which stage the action takes place, given its selectors.
    fn belongs_to(&self, stage: &Stage, spec: &Spec) -> bool {
        let any_packet = spec.device.is_none() && spec.packet.is_none() && spec.topic.is_none();
        match (self, stage) {
            // `Spec::checked` lets only actions on answers through.
            (_, Stage::Reply { .. }) => true,
            (Action::Handshake(_), stage) => matches!(stage, Stage::Upgrade),
            // These shape a whole connection: from its start, or from the device's CONNECT, or from the packet named.
            (Action::Fragment { .. } | Action::WsPing { .. } | Action::Stall(_), Stage::Accepted) => {
                any_packet
            }
            (
                Action::Fragment { .. } | Action::WsPing { .. } | Action::Stall(_),
                Stage::Packet { name, .. },
            ) => !any_packet && (spec.packet.is_some() || spec.topic.is_some() || *name == "connect"),
            (Action::Close(_) | Action::HalfClose(_), Stage::Accepted) => any_packet,
            (Action::Close(_) | Action::HalfClose(_), Stage::Packet { .. }) => !any_packet,
            (Action::NoPingresp, Stage::Packet { name, .. }) => *name == "pingresp",
            (Action::Refuse(_), Stage::Packet { name, .. }) => *name == "connect" || *name == "subscribe",
            (Action::WsText | Action::WsSplit { .. }, Stage::Packet { direction, .. }) => {
                *direction == Direction::Out
            }
            (_, Stage::Packet { .. }) => true,
            _ => false,
        }
    }
}

impl Spec {
    fn selects(&self, traffic: &Traffic) -> bool {
        if self.listener.as_deref().is_some_and(|l| l != traffic.listener) {
            return false;
        }
        let device = traffic.device.map(DeviceId::to_string);
        if self.device.is_some() && self.device != device {
            return false;
        }
        let service = match traffic.stage {
            Stage::Reply { service } => Some(service),
            _ => None,
        };
        if self.service.as_deref() != service {
            return false;
        }
        let Stage::Packet { direction, name, topics } = traffic.stage else {
            return true;
        };
        let wanted = match self.direction.as_deref() {
            Some("in") => direction == Direction::In,
            Some("out") => direction == Direction::Out,
            _ => true,
        };
        wanted
            && self.packet.as_deref().is_none_or(|p| p == name)
            && self
                .topic
                .as_deref()
                .is_none_or(|f| topics.iter().any(|t| t == f || crate::topic::matches(f, t)))
    }

    /// Checks the description; the error says what is wrong with it.
    pub fn checked(&self) -> Result<Action, String> {
        if let Some(device) = &self.device {
            DeviceId::parse(device)?;
        }
        one_of("listener", self.listener.as_deref(), &["mqtt", "mqtts", "ws", "wss"])?;
        one_of("packet", self.packet.as_deref(), &crate::codec::NAMES)?;
        one_of("direction", self.direction.as_deref(), &["in", "out"])?;
        one_of("service", self.service.as_deref(), &ANSWERING)?;
        self.check_service()?;
        if let Some(filter) = &self.topic {
            crate::topic::check_filter(filter)?;
        }
        if self.probability.is_some_and(|p| !(0.0..=1.0).contains(&p)) {
            return Err("probability is not between 0 and 1".into());
        }
        self.action()
    }

    fn check_service(&self) -> Result<(), String> {
        let others = [&self.listener, &self.topic, &self.packet, &self.direction];
        match (&self.service, self.action.as_str()) {
            (None, "force_result") => Err("action \"force_result\" needs service".into()),
            (Some(service), "force_result") if service == "time" => {
                Err("answers of the time service have no result".into())
            }
            (Some(_), "drop" | "delay" | "duplicate" | "force_result")
                if others.iter().all(|o| o.is_none()) =>
            {
                Ok(())
            }
            (Some(_), "drop" | "delay" | "duplicate" | "force_result") => {
                Err("a fault of a service takes no listener, topic, packet or direction".into())
            }
            (Some(_), other) => Err(format!("action \"{other}\" is not one of a service")),
            (None, _) => Ok(()),
        }
    }

    fn action(&self) -> Result<Action, String> {
        let need = |value: Option<u64>, name: &str| {
            value.ok_or_else(|| format!("action \"{}\" needs {name}", self.action))
        };
        let size = || match self.size {
            Some(n) if n > 0 => Ok(n),
            _ => Err(format!("action \"{}\" needs size above 0", self.action)),
        };
        Ok(match self.action.as_str() {
            "drop" => Action::Drop,
            "delay" => Action::Delay(Duration::from_millis(need(self.ms, "ms")?)),
            "duplicate" => Action::Duplicate,
            "corrupt" => Action::Corrupt,
            "refuse" => {
                Action::Refuse(u8::try_from(self.code.unwrap_or(5)).map_err(|_| "code is above 255")?)
            }
            "close" => Action::Close(self.when()?),
            "half_close" => Action::HalfClose(self.when()?),
            "stall" => Action::Stall(self.ms.map(Duration::from_millis)),
            "fragment" => {
                Action::Fragment { size: size()?, pause: Duration::from_millis(self.pause_ms.unwrap_or(0)) }
            }
            "no_pingresp" => Action::NoPingresp,
            "ws_close" => Action::WsClose {
                code: self.code.unwrap_or(1001),
                reason: self.payload.clone().unwrap_or_default(),
                when: self.when()?,
            },
            "ws_text" => Action::WsText,
            "ws_split" => {
                one_of("pieces", self.pieces.as_deref(), &["messages", "continuation"])?;
                Action::WsSplit {
                    size: size()?,
                    continuation: self.pieces.as_deref() == Some("continuation"),
                }
            }
            "ws_ping" => Action::WsPing {
                every: Duration::from_millis(need(self.every_ms, "every_ms")?.max(1)),
                payload: self.payload.clone(),
            },
            "handshake" => Action::Handshake(self.handshake()?),
            "force_result" => match self.result {
                Some(result) if result != 0 => Action::ForceResult(result),
                _ => return Err("action \"force_result\" needs result, not 0".into()),
            },
            other => return Err(format!("unknown action \"{other}\"")),
        })
    }

    fn when(&self) -> Result<When, String> {
        one_of("when", self.when.as_deref(), &["before", "after"])?;
        Ok(if self.when.as_deref() == Some("before") { When::Before } else { When::After })
    }

    fn handshake(&self) -> Result<Handshake, String> {
        one_of("accept", self.accept.as_deref(), &["none", "wrong"])?;
        match (self.status, self.accept.as_deref(), &self.response) {
            (Some(status @ 100..=999), None, None) => Ok(Handshake::Status(status)),
            (None, Some("none"), None) => Ok(Handshake::NoAccept),
            (None, Some("wrong"), None) => Ok(Handshake::WrongAccept),
            (None, None, Some(raw)) => Ok(Handshake::Raw(Bytes::from(raw.clone()))),
            _ => Err("action \"handshake\" needs one of status (100 to 999), accept, response".into()),
        }
    }
}

fn one_of(name: &str, value: Option<&str>, allowed: &[&str]) -> Result<(), String> {
    match value {
        Some(v) if !allowed.contains(&v) => Err(format!("{name} \"{v}\" is none of {}", allowed.join(", "))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(value: serde_json::Value) -> Spec {
        serde_json::from_value(value).unwrap()
    }

    fn packet<'a>(name: &'a str, direction: Direction, topics: &'a [String]) -> Traffic<'a> {
        Traffic { listener: "ws", device: None, stage: Stage::Packet { direction, name, topics } }
    }

    #[test]
    fn a_suback_delayed_by_120_ms() {
        let faults = Faults::default();
        let id = faults.set(spec(json!({"action": "delay", "packet": "suback", "ms": 120}))).unwrap();
        let hit = Hit { id, action: Action::Delay(Duration::from_millis(120)) };
        assert_eq!(faults.hits(&packet("suback", Direction::Out, &[])), [hit]);
        assert_eq!(faults.hits(&packet("puback", Direction::Out, &[])), []);
        assert_eq!(faults.clear(Some(id)), 1);
        assert_eq!(faults.hits(&packet("suback", Direction::Out, &[])), []);
    }

    #[test]
    fn skip_and_count() {
        let faults = Faults::default();
        faults.set(spec(json!({"action": "drop", "packet": "puback", "skip": 1, "count": 2}))).unwrap();
        let hits: Vec<_> =
            (0..5).map(|_| faults.hits(&packet("puback", Direction::Out, &[])).len()).collect();
        assert_eq!(hits, [0, 1, 1, 0, 0]);
        assert_eq!(faults.list()[0]["applied"], 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        let run = |seed: u64| {
            let faults = Faults::default();
            faults.set(spec(json!({"action": "drop", "probability": 0.5, "seed": seed}))).unwrap();
            (0..64).map(|_| faults.hits(&packet("publish", Direction::Out, &[])).len()).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let hits: usize = run(7).iter().sum();
        assert!((10..54).contains(&hits), "{hits} of 64");
    }

    #[test]
    fn selectors() {
        let faults = Faults::default();
        faults
            .set(spec(json!({"action": "drop", "device": "A1B2C3D4E5/lamp", "topic": "A1B2C3D4E5/+/data",
                             "direction": "in", "listener": "ws"})))
            .unwrap();
        let lamp = DeviceId::parse("A1B2C3D4E5/lamp").unwrap();
        let other = DeviceId::parse("A1B2C3D4E5/other").unwrap();
        let topics = ["A1B2C3D4E5/lamp/data".to_string()];
        let hits = |device, listener, direction, topics| {
            let stage = Stage::Packet { direction, name: "publish", topics };
            faults.hits(&Traffic { listener, device: Some(device), stage }).len()
        };
        assert_eq!(hits(&lamp, "ws", Direction::In, &topics), 1);
        assert_eq!(hits(&other, "ws", Direction::In, &topics), 0);
        assert_eq!(hits(&lamp, "wss", Direction::In, &topics), 0);
        assert_eq!(hits(&lamp, "ws", Direction::Out, &topics), 0);
        assert_eq!(hits(&lamp, "ws", Direction::In, &[]), 0);
    }

    #[test]
    fn a_services_fault_is_about_its_answers_only() {
        let faults = Faults::default();
        let fault = json!({"action": "force_result", "service": "shadow", "result": 5003, "count": 1});
        faults.set(spec(fault)).unwrap();
        let lamp = DeviceId::parse("A1B2C3D4E5/lamp").unwrap();
        let reply = |service| Traffic { listener: "", device: Some(&lamp), stage: Stage::Reply { service } };
        assert!(faults.hits(&reply("time")).is_empty());
        assert!(faults.hits(&packet("publish", Direction::Out, &[])).is_empty());
        assert_eq!(faults.hits(&reply("shadow"))[0].action, Action::ForceResult(5003));
        assert!(faults.hits(&reply("shadow")).is_empty(), "once was asked for");
        // And one about packets is not about answers.
        faults.set(spec(json!({"action": "drop"}))).unwrap();
        assert!(faults.hits(&reply("shadow")).is_empty());
    }

    #[test]
    fn a_wrong_description_is_explained() {
        let bad = |value| spec(value).checked().unwrap_err();
        assert!(bad(json!({"action": "explode"})).contains("explode"));
        assert!(bad(json!({"action": "delay"})).contains("needs ms"));
        assert!(bad(json!({"action": "fragment", "size": 0})).contains("size"));
        assert!(bad(json!({"action": "drop", "packet": "PUBLISH"})).contains("PUBLISH"));
        assert!(bad(json!({"action": "handshake"})).contains("status"));
        assert!(bad(json!({"action": "drop", "probability": 2})).contains("probability"));
        assert!(bad(json!({"action": "drop", "service": "weather"})).contains("weather"));
        assert!(bad(json!({"action": "stall", "service": "shadow"})).contains("stall"));
        assert!(bad(json!({"action": "drop", "service": "shadow", "topic": "x"})).contains("topic"));
        assert!(bad(json!({"action": "force_result", "result": 1})).contains("service"));
        assert!(bad(json!({"action": "force_result", "service": "time", "result": 1})).contains("time"));
        assert!(bad(json!({"action": "force_result", "service": "shadow"})).contains("result"));
        assert!(serde_json::from_value::<Spec>(json!({"action": "drop", "tipoc": "x"})).is_err());
    }
}
