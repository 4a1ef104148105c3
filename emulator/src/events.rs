//! Everything that happens, one JSON object per line, numbered, kept for a while and waited for.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::registry::DeviceId;

/// Events kept for later questions; older ones are forgotten.
const KEPT: usize = 50_000;

/// One event. Every line has `seq`, `ts_ms` and `type`; `conn` and `device` where there is one.
pub struct Event {
    pub seq: u64,
    pub kind: &'static str,
    pub conn: Option<u64>,
    pub device: Option<String>,
    /// The remaining members.
    pub fields: Map<String, Value>,
}

/// Who an event is about.
#[derive(Default, Clone)]
pub struct About {
    pub conn: Option<u64>,
    pub device: Option<DeviceId>,
}

/// The event log.
pub struct Events {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
    clock: Arc<crate::clock::Clock>,
}

struct Inner {
    next: u64,
    kept: VecDeque<Arc<Event>>,
}

/// The answer to a question.
pub struct Found {
    pub events: Vec<Arc<Event>>,
    /// Events after `since` that are already forgotten.
    pub lost: u64,
    /// Everything up to this number was looked at.
    pub seen: u64,
}

/// Which events a question is about; an absent member does not restrict.
#[derive(Debug, Default, Clone)]
pub struct Filter {
    /// Only events with a larger number.
    pub since: u64,
    /// Any of these, as event type or as packet name.
    pub kinds: Vec<String>,
    pub device: Option<String>,
    /// Packet name; unlike in `kinds` it never means an event type.
    pub packet: Option<String>,
    pub conn: Option<u64>,
    /// `in`, `out`, or `none` for events that have no direction.
    pub dir: Option<String>,
    pub topic: Option<String>,
}

impl Events {
    pub fn new(clock: Arc<crate::clock::Clock>) -> Events {
        Events {
            inner: Mutex::new(Inner { next: 1, kept: VecDeque::new() }),
            newest: watch::Sender::new(0),
            clock,
        }
    }

    /// Appends an event. `fields` must be a JSON object.
    pub fn emit(&self, kind: &'static str, about: &About, fields: Value) {
        let Value::Object(mut fields) = fields else { return };
        fields.insert("ts_ms".into(), self.clock.now_ms().into());
        let device = about.device.as_ref().map(DeviceId::to_string);
        let mut inner = self.inner.lock();
        let seq = inner.next;
        inner.next += 1;
        if inner.kept.len() == KEPT {
            inner.kept.pop_front();
        }
        inner.kept.push_back(Arc::new(Event { seq, kind, conn: about.conn, device, fields }));
        // Told under the lock, so that the number never goes back.
        self.newest.send_replace(seq);
    }

    /// Number of the newest event, 0 before the first.
    pub fn newest(&self) -> u64 {
        *self.newest.borrow()
    }

    /// Tells of new events.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Matching events in order.
    pub fn query(&self, filter: &Filter, limit: usize) -> Found {
        let inner = self.inner.lock();
        let oldest = inner.kept.front().map_or(inner.next, |e| e.seq);
        let lost = oldest.saturating_sub(filter.since.saturating_add(1));
        let skip =
            usize::try_from(filter.since.saturating_add(1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        let matching = inner.kept.iter().skip(skip).filter(|e| filter.matches(e));
        let events: Vec<_> = matching.take(limit).cloned().collect();
        let all = if events.len() < limit { Some(inner.next - 1) } else { events.last().map(|e| e.seq) };
        Found { events, lost, seen: all.unwrap_or(0).max(filter.since) }
    }
}

/// The members of a JSON object, for adding more; anything else has none.
pub fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

impl Filter {
    fn matches(&self, event: &Event) -> bool {
        let member = |name: &str| event.fields.get(name).and_then(Value::as_str);
        let equal =
            |asked: &Option<String>, there: Option<&str>| asked.as_deref().is_none_or(|a| there == Some(a));
        let kind = |k: &String| k == event.kind || member("packet") == Some(k);
        event.seq > self.since
            && (self.kinds.is_empty() || self.kinds.iter().any(kind))
            && equal(&self.device, event.device.as_deref())
            && self.conn.is_none_or(|c| event.conn == Some(c))
            && equal(&self.packet, member("packet"))
            && equal(&self.dir, Some(member("dir").unwrap_or("none")))
            && equal(&self.topic, member("topic"))
    }
}

impl Event {
    /// The event as one line of JSON, without the line end.
    pub fn line(&self) -> String {
        let mut all = self.fields.clone();
        all.insert("seq".into(), self.seq.into());
        all.insert("type".into(), self.kind.into());
        if let Some(conn) = self.conn {
            all.insert("conn".into(), conn.into());
        }
        if let Some(device) = &self.device {
            all.insert("device".into(), device.clone().into());
        }
        Value::Object(all).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn log() -> Events {
        Events::new(Arc::new(crate::clock::Clock::new()))
    }

    #[test]
    fn questions_by_number_type_and_packet() {
        let log = log();
        let about = About { conn: Some(7), device: Some(DeviceId::parse("A1B2C3D4E5/lamp").unwrap()) };
        log.emit("accept", &About::default(), json!({}));
        log.emit("packet", &about, json!({"packet": "publish", "dir": "in", "topic": "t"}));
        log.emit("packet", &about, json!({"packet": "puback", "dir": "out"}));
        let ask = |f: Filter| log.query(&f, 100).events.iter().map(|e| e.seq).collect::<Vec<_>>();
        assert_eq!(ask(Filter::default()), [1, 2, 3]);
        assert_eq!(ask(Filter { since: 1, ..Default::default() }), [2, 3]);
        assert_eq!(ask(Filter { kinds: vec!["publish".into()], ..Default::default() }), [2]);
        assert_eq!(
            ask(Filter { kinds: vec!["packet".into()], dir: Some("out".into()), ..Default::default() }),
            [3]
        );
        assert_eq!(
            ask(Filter { device: Some("A1B2C3D4E5/lamp".into()), conn: Some(7), ..Default::default() }),
            [2, 3]
        );
        assert_eq!(ask(Filter { packet: Some("puback".into()), ..Default::default() }), [3]);
        assert_eq!(ask(Filter { dir: Some("none".into()), ..Default::default() }), [1]);
        assert_eq!(log.newest(), 3);
        let line: Value = serde_json::from_str(&log.query(&Filter::default(), 2).events[1].line()).unwrap();
        assert_eq!((&line["type"], &line["conn"], &line["seq"]), (&json!("packet"), &json!(7), &json!(2)));
    }

    #[test]
    fn forgotten_events_are_counted() {
        let log = log();
        for _ in 0..KEPT + 10 {
            log.emit("accept", &About::default(), json!({}));
        }
        let found = log.query(&Filter { since: 4, ..Default::default() }, 1);
        assert_eq!((found.events[0].seq, found.lost, found.seen), (11, 6, 11));
        assert_eq!(log.query(&Filter { since: 100_000, ..Default::default() }, 1).events.len(), 0);
    }
}
