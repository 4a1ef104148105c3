//! Sessions, subscriptions and the way of a message. Small on purpose; MQTT 3.1.1 clauses are cited where they decide.

mod presence;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use bytestring::ByteString;
use parking_lot::Mutex;
use rmqtt_codec::types::Publish;
use rmqtt_codec::v3::{Connect, Packet, SubscribeReturnCode};
use serde_json::json;

use crate::acl::{Access, Handler};
use crate::codec::{self, QoS};
use crate::config::PublishDenied;
use crate::hub::{Hub, MAX_PAYLOAD};
use crate::link::Link;
use crate::registry::{DeviceId, Record};
use crate::session::{Fate, LIFE_MS, Message, Session};
use crate::{rules, service, topic};

/// Least time between two CONNECTs of a device, if that limit is on.
const CONNECT_EVERY: Duration = Duration::from_secs(5);
/// Messages up and down per device and second, if that limit is on.
const MESSAGES_UP: usize = 30;
const MESSAGES_DOWN: usize = 50;
/// Real time between two stored messages, before scaling.
const STORED_EVERY_MS: f64 = 500.0;

/// All sessions by client id.
#[derive(Default)]
pub struct Broker {
    sessions: Mutex<BTreeMap<String, Session>>,
    connects: Mutex<HashMap<DeviceId, Instant>>,
    rates: Mutex<HashMap<(DeviceId, bool), VecDeque<Instant>>>,
}

/// How many sessions a message reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    pub sent: usize,
    /// Kept for a device that is offline.
    pub stored: usize,
    /// Sent to a client that speaks MQTT 3.1, as the Python SDK does.
    pub to_level_3: usize,
}

impl Broker {
    /// False if the device connected less than 5 s ago. Counts this CONNECT.
    pub fn connect_allowed(&self, id: &DeviceId) -> bool {
        let mut connects = self.connects.lock();
        let now = Instant::now();
        let allowed = connects.get(id).is_none_or(|last| now.duration_since(*last) >= CONNECT_EVERY);
        if allowed {
            connects.insert(id.clone(), now);
        }
        allowed
    }

    /// Takes an authenticated device in: take-over, session, CONNACK, what was stored.
    pub fn connect(&self, hub: &Arc<Hub>, link: &Arc<Link>, connect: &Connect, device: Record) {
        let mut sessions = self.sessions.lock();
        let now = hub.clock.now_ms();
        let client_id = connect.client_id.to_string();
        let level = connect.protocol.level();
        self.take_over(hub, sessions.get_mut(&client_id), link, now);
        let kept = sessions
            .remove(&client_id)
            .filter(|s| !connect.clean_session && !s.clean && !expired(hub, s, now));
        let present = kept.is_some();
        let mut session = kept.unwrap_or_else(|| Session::new(device.clone(), connect.clean_session, level));
        session.device = device;
        session.link = Some(link.clone());
        session.level = level;
        session.since_ms = now;
        // MQTT 3.1 has no such flag. [MQTT-3.2.2-2]
        link.send(hub, codec::connack(0, present && level >= 4));
        if present {
            session.resume(hub, link);
            spawn_stored(hub, &client_id, link);
        }
        sessions.insert(client_id, session);
    }

    fn take_over(&self, hub: &Hub, session: Option<&mut Session>, new: &Link, now: i64) {
        let Some(session) = session else { return };
        let Some(old) = session.link.clone() else { return };
        tracing::info!(device = %session.device.id, old = old.id, new = new.id, "take-over: two connections with one identity");
        hub.note(new, "take_over", json!({"old_conn": old.id}));
        session.went_offline(&hub.options, now);
        old.end("take-over", true);
    }

    /// The connection is gone: the session goes too, or waits for the device.
    pub fn disconnected(&self, hub: &Hub, link: &Link) {
        let mut sessions = self.sessions.lock();
        let Some(session) = own_session(&mut sessions, link) else { return };
        if session.clean {
            let client_id = session.device.id.client_id();
            sessions.remove(&client_id);
        } else {
            session.went_offline(&hub.options, hub.clock.now_ms());
        }
    }

    /// Answers a SUBSCRIBE. `refused` is a fault's wish.
    pub fn subscribe(
        &self,
        hub: &Hub,
        link: &Link,
        id: NonZeroU16,
        filters: &[(ByteString, QoS)],
        refused: bool,
    ) {
        let mut sessions = self.sessions.lock();
        let Some(session) = own_session(&mut sessions, link) else { return };
        let too_many = hub.options.strict_single_filter && filters.len() > 1;
        let mut status = Vec::with_capacity(filters.len());
        for (filter, qos) in filters {
            let denied = denied_filter(hub, session, filter).or(too_many.then_some("more than one filter"));
            let denied = denied.or(refused.then_some("fault: refuse"));
            if let Some(cause) = denied {
                hub.note(
                    link,
                    "denied",
                    json!({"access": "subscribe", "topic": filter.to_string(), "cause": cause}),
                );
                status.push(SubscribeReturnCode::Failure);
                continue;
            }
            let granted = qos.less_value(QoS::AtLeastOnce);
            session.subscriptions.insert(filter.to_string(), granted.value());
            status.push(SubscribeReturnCode::Success(granted));
        }
        link.send(hub, Packet::SubscribeAck { packet_id: id, status });
    }

    /// Answers an UNSUBSCRIBE.
    pub fn unsubscribe(&self, hub: &Hub, link: &Link, id: NonZeroU16, filters: &[ByteString]) {
        let mut sessions = self.sessions.lock();
        let Some(session) = own_session(&mut sessions, link) else { return };
        for filter in filters {
            session.subscriptions.remove(&**filter);
        }
        link.send(hub, Packet::UnsubscribeAck { packet_id: id });
    }

    /// Takes a PUBACK.
    pub fn acknowledged(&self, hub: &Hub, link: &Link, id: NonZeroU16) {
        let mut sessions = self.sessions.lock();
        let Some(session) = own_session(&mut sessions, link) else { return };
        if !session.acknowledged(hub, id) {
            hub.note(link, "unknown_puback", json!({"id": id.get()}));
        }
    }

    /// Takes a PUBLISH of a device: rights, PUBACK, then handler, rules and subscribers. [emulator.md §3]
    pub fn publish(&self, hub: &Arc<Hub>, link: &Link, publish: &Publish) {
        let Some((device, right)) = self.publisher(hub, link, &publish.topic) else { return };
        if publish.qos == QoS::ExactlyOnce {
            return link.end("PUBLISH of QoS 2", true);
        }
        if publish.payload.len() > MAX_PAYLOAD {
            return link.end("payload above 16 KiB", true);
        }
        if hub.options.message_rate_limit && !self.rate_allows(&device, true) {
            return hub.note(
                link,
                "denied",
                json!({"access": "publish", "topic": publish.topic.to_string(), "cause": "rate"}),
            );
        }
        let (handler, subject) = match right {
            Ok(right) => right,
            Err(cause) => return deny_publish(hub, link, publish, cause),
        };
        puback(hub, link, publish);
        service::dispatch(hub, handler, &subject, &publish.topic, &publish.payload);
        rules::apply(hub, &subject, &publish.topic, &publish.payload);
        let qos = publish.qos.value();
        self.deliver(hub, &publish.topic, &publish.payload, qos, Some(link.id));
    }

    /// Hands a message to every session that subscribed; `publisher` is the connection it came from.
    pub fn deliver(
        &self,
        hub: &Hub,
        topic: &str,
        payload: &Bytes,
        qos: u8,
        publisher: Option<u64>,
    ) -> Delivered {
        let mut sessions = self.sessions.lock();
        let now = hub.clock.now_ms();
        let mut delivered = Delivered::default();
        for session in sessions.values_mut() {
            let own = session.link.as_ref().is_some_and(|l| Some(l.id) == publisher);
            if own && !hub.options.echo_to_publisher {
                continue;
            }
            let Some(granted) = session.granted(topic) else { continue };
            let message = Message { topic: topic.into(), payload: payload.clone(), qos: qos.min(granted) };
            self.hand_over(hub, session, message, now, &mut delivered);
        }
        delivered
    }

    /// Hands a message to every session that is online, on each topic below `prefix` that it subscribed. Nothing is stored.
    pub fn deliver_below(&self, hub: &Hub, prefix: &str, payload: &Bytes, qos: u8) -> Delivered {
        let mut sessions = self.sessions.lock();
        let now = hub.clock.now_ms();
        let mut delivered = Delivered::default();
        for session in sessions.values_mut().filter(|s| s.link.is_some()) {
            for (topic, granted) in session.subscribed_below(prefix) {
                let message = Message { topic, payload: payload.clone(), qos: qos.min(granted) };
                self.hand_over(hub, session, message, now, &mut delivered);
            }
        }
        delivered
    }

    /// Gives a session a message it subscribed to, if it still may have it.
    fn hand_over(
        &self,
        hub: &Hub,
        session: &mut Session,
        message: Message,
        now: i64,
        delivered: &mut Delivered,
    ) {
        let right = session.right(&hub.options, Access::Subscribe, &message.topic);
        if right.is_none() || !self.may_receive(hub, session) {
            return;
        }
        let topic = message.topic.clone();
        let fate = session.deliver(hub, message, now);
        count(hub, session, &topic, fate, delivered);
    }

    fn may_receive(&self, hub: &Hub, session: &Session) -> bool {
        let allowed = !hub.options.message_rate_limit || self.rate_allows(&session.device.id, false);
        if !allowed {
            tracing::info!(device = %session.device.id, "more than {MESSAGES_DOWN} messages in a second: dropped");
            hub.handled(&session.device.id, "rate", "downlink message dropped");
        }
        allowed
    }

    fn rate_allows(&self, id: &DeviceId, up: bool) -> bool {
        let mut rates = self.rates.lock();
        let times = rates.entry((id.clone(), up)).or_default();
        let now = Instant::now();
        times.retain(|t| now.duration_since(*t) < Duration::from_secs(1));
        let allowed = times.len() < if up { MESSAGES_UP } else { MESSAGES_DOWN };
        if allowed {
            times.push_back(now);
        }
        allowed
    }

    /// The device behind a connection, and what takes its publish on a topic about whom, or why nothing does.
    fn publisher(&self, hub: &Hub, link: &Link, name: &str) -> Option<(DeviceId, PublishRight)> {
        let mut sessions = self.sessions.lock();
        let session = own_session(&mut sessions, link)?;
        Some((session.device.id.clone(), publish_right(hub, session, name)))
    }

    /// Forgets offline sessions whose time is over.
    pub fn sweep(&self, hub: &Hub) {
        let now = hub.clock.now_ms();
        self.sessions.lock().retain(|_, s| s.link.is_some() || !expired(hub, s, now));
    }
}

fn own_session<'a>(sessions: &'a mut BTreeMap<String, Session>, link: &Link) -> Option<&'a mut Session> {
    // A connection that was taken over has no session any more; what it still sends goes nowhere.
    let session = sessions.get_mut(&link.device()?.client_id())?;
    session.link.as_ref().is_some_and(|l| l.id == link.id).then_some(session)
}

/// A period of session time in ms of the virtual clock.
fn scaled_life(hub: &Hub) -> i64 {
    (LIFE_MS as f64 * hub.options.session_time_scale) as i64
}

fn expired(hub: &Hub, session: &Session, now: i64) -> bool {
    session.link.is_none() && now - session.since_ms >= scaled_life(hub)
}

fn denied_filter(hub: &Hub, session: &Session, filter: &str) -> Option<&'static str> {
    if let Err(cause) = topic::check_filter(filter) {
        return Some(cause);
    }
    let right = session.right(&hub.options, Access::Subscribe, filter);
    right.is_none().then_some("no right to subscribe")
}

type PublishRight = Result<(Handler, DeviceId), &'static str>;

fn publish_right(hub: &Hub, session: &Session, name: &str) -> PublishRight {
    topic::check_name(name)?;
    let granted = session.right(&hub.options, Access::Publish, name).ok_or("no right to publish")?;
    Ok((granted.handler, granted.subject.clone()))
}

fn deny_publish(hub: &Hub, link: &Link, publish: &Publish, cause: &str) {
    hub.note(
        link,
        "denied",
        json!({"access": "publish", "topic": publish.topic.to_string(), "cause": cause}),
    );
    match hub.options.acl_publish_denied {
        PublishDenied::Drop => {}
        PublishDenied::Ack => puback(hub, link, publish),
        PublishDenied::Close => link.end(format!("publish denied: {cause}"), true),
    }
}

fn puback(hub: &Hub, link: &Link, publish: &Publish) {
    if let (QoS::AtLeastOnce, Some(packet_id)) = (publish.qos, publish.packet_id) {
        link.send(hub, Packet::PublishAck { packet_id });
    }
}

fn count(hub: &Hub, session: &Session, topic: &str, fate: Fate, delivered: &mut Delivered) {
    match fate {
        Fate::Sent | Fate::Waiting => {
            delivered.sent += 1;
            delivered.to_level_3 += usize::from(session.level == 3);
        }
        Fate::Stored => delivered.stored += 1,
        Fate::Lost => {}
        Fate::DroppedOldest => {
            delivered.stored += 1;
            tracing::info!(device = %session.device.id, topic, "queue is full: the oldest message is dropped");
            hub.handled(&session.device.id, "queue", "oldest message dropped");
        }
    }
}

/// Sends the stored messages of a device that came back, half a second of session time apart.
fn spawn_stored(hub: &Arc<Hub>, client_id: &str, link: &Arc<Link>) {
    let (hub, client_id, link) = (hub.clone(), client_id.to_owned(), link.clone());
    // A clock that stands still does not hold them back.
    let speed = Some(hub.clock.scale()).filter(|scale| *scale > 0.0).unwrap_or(1.0);
    let pause = STORED_EVERY_MS * hub.options.session_time_scale / speed;
    let pause = Duration::from_secs_f64((pause / 1000.0).clamp(0.0, 3600.0));
    tokio::spawn(async move {
        while hub.broker.send_stored(&hub, &client_id, &link) {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = link.ended() => return,
            }
        }
    });
}

impl Broker {
    fn send_stored(&self, hub: &Hub, client_id: &str, link: &Link) -> bool {
        let mut sessions = self.sessions.lock();
        let Some(session) = sessions.get_mut(client_id) else { return false };
        let own = session.link.as_ref().is_some_and(|l| l.id == link.id);
        own && session.send_stored(hub, hub.clock.now_ms(), scaled_life(hub))
    }
}
