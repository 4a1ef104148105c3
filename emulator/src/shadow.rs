//! The device shadow: `$shadow/operation/P/D` asks, `$shadow/operation/result/P/D` answers and pushes `delta`; `$template/…` the same. [shadow.md]

mod document;

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::hub::Hub;
use crate::registry::DeviceId;
use crate::service::Request;
use crate::state::Store;
pub use document::Change;
use document::Document;

const FLAVOURS: [&str; 2] = ["$shadow", "$template"];

// Results of a refused request. The evidence fixes only VERSION_CONFLICT.
const BAD_REQUEST: i64 = 5001;
const MISSING_MEMBER: i64 = 5002;
const TOO_LARGE: i64 = 5003;
const DISABLED: i64 = 5004;
const VERSION_CONFLICT: i64 = 5005;
/// The hub could not save the document.
const NOT_SAVED: i64 = 5006;

/// The shadows of all devices.
pub struct Shadows {
    // Held from reading a document to sending what came of it, so that a device sees the versions in order.
    documents: Mutex<HashMap<DeviceId, Document>>,
    store: Store,
}

/// A checked request.
enum Asked {
    Get,
    Update(Update),
}

struct Update {
    /// The version the sender knows; 0: it does not matter.
    version: i64,
    reported: Change,
    desired: Change,
    /// The halves as they were sent, for the answer.
    state: Map<String, Value>,
}

/// A refused request: result, `payload` of the answer, cause for the event.
struct Refusal {
    result: i64,
    payload: Map<String, Value>,
    cause: String,
}

impl Refusal {
    fn new(result: i64, cause: impl Into<String>) -> Refusal {
        Refusal { result, payload: Map::new(), cause: cause.into() }
    }
}

/// Answers a request of a device.
pub fn handle(request: &Request) {
    let (envelope, asked) = read(request.payload);
    let Some(token) = &envelope.token else {
        // Without it a device cannot tell what is answered.
        let cause = asked.err().map_or("".into(), |r| r.cause);
        return request.note(&format!("no clientToken, no answer {cause}"));
    };
    let hub = request.hub;
    let mut documents = hub.shadows.documents.lock();
    let before = documents.get(request.device).cloned().unwrap_or_default();
    let outcome = asked.and_then(|asked| answer(request, &before, &asked).map(|(p, next)| (p, asked, next)));
    let now = hub.clock.now_ms();
    let (result, payload, cause) = match &outcome {
        Ok((payload, _, next)) => (0, payload, format!("version {}", next.version)),
        Err(refusal) => (refusal.result, &refusal.payload, refusal.cause.clone()),
    };
    let kind = envelope.kind.as_deref().unwrap_or("error");
    let text = json!({"clientToken": token, "payload": payload, "result": result, "timestamp": now.div_euclid(1000), "type": kind});
    let flavour = flavour(request.topic);
    let topic = result_topic(flavour, request.device);
    request.answer(topic, text.to_string(), 0, format!("{kind}: result {result}, {cause}"));
    if let Ok((_, Asked::Update(update), next)) = outcome {
        let desired = update.desired != Change::Keep;
        documents.insert(request.device.clone(), next.clone());
        if desired {
            push_delta(hub, request.device, &[flavour], &next);
        }
    }
}

/// `payload` of the answer and the document afterwards, which is saved.
fn answer(
    request: &Request,
    before: &Document,
    asked: &Asked,
) -> Result<(Map<String, Value>, Document), Refusal> {
    let hub = request.hub;
    let now = hub.clock.now_ms();
    if !hub.registry.shadow_enabled(request.device) {
        return Err(Refusal::new(DISABLED, "shadow is disabled for the product"));
    }
    if let Some(result) = request.forced() {
        return Err(Refusal::new(result, "forced"));
    }
    let update = match asked {
        Asked::Get => return Ok((before.payload(hub.options.shadow_metadata, now), before.clone())),
        Asked::Update(update) => update,
    };
    if let Err(cause) = check_version(before, update.version) {
        let payload = before.payload(hub.options.shadow_metadata, now);
        return Err(Refusal { result: VERSION_CONFLICT, payload, cause });
    }
    let next = before
        .changed(&update.reported, &update.desired, now)
        .map_err(|cause| Refusal::new(TOO_LARGE, cause))?;
    hub.shadows.save(request.device, &next).map_err(|cause| Refusal::new(NOT_SAVED, cause))?;
    Ok((next.envelope(update.state.clone().into(), now), next))
}

fn check_version(document: &Document, expected: i64) -> Result<(), String> {
    if expected == 0 || expected == i64::from(document.version) {
        return Ok(());
    }
    Err(format!("version conflict: {expected} was expected, the document has {}", document.version))
}

/// Tells the device what is desired and not reported; nothing if there is nothing.
fn push_delta(hub: &Arc<Hub>, device: &DeviceId, flavours: &[&str], document: &Document) -> usize {
    let state = document.delta();
    if state.is_empty() {
        return 0;
    }
    let now = hub.clock.now_ms();
    let timestamp = document.timestamp(now);
    let payload = DeltaPayload { state, version: document.version, timestamp };
    let delta = Delta { kind: "delta", timestamp: now.div_euclid(1000), payload };
    // A map of JSON values with text keys always serialises.
    let Ok(text) = serde_json::to_vec(&delta).map(Bytes::from) else { return 0 };
    let push = |flavour: &&str| hub.broker.deliver(hub, &result_topic(flavour, device), &text, 0, None).sent;
    let sent = flavours.iter().map(push).sum();
    hub.handled(device, "shadow", &format!("delta: version {}, {sent} delivered", document.version));
    sent
}

/// The push, members in the documented order.
#[derive(Serialize)]
struct Delta {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: i64,
    payload: DeltaPayload,
}

#[derive(Serialize)]
struct DeltaPayload {
    state: Map<String, Value>,
    version: u32,
    timestamp: i64,
}

fn flavour(topic: &str) -> &str {
    topic.split('/').next().unwrap_or_default()
}

fn result_topic(flavour: &str, device: &DeviceId) -> String {
    format!("{flavour}/operation/result/{device}")
}

/// What an answer needs of a request, even of one that is refused.
#[derive(Default)]
struct Envelope {
    token: Option<String>,
    kind: Option<String>,
}

/// Reads a request as far as it can be read.
fn read(payload: &[u8]) -> (Envelope, Result<Asked, Refusal>) {
    let envelope = RefCell::default();
    let mut json = serde_json::Deserializer::from_slice(payload);
    let members = Members(&envelope).deserialize(&mut json).and_then(|m| json.end().map(|()| m));
    let bad = |e: serde_json::Error| Refusal::new(BAD_REQUEST, format!("bad JSON: {e}"));
    let asked = members.map_err(bad).and_then(|members| checked(&members));
    (envelope.into_inner(), asked)
}

/// The members of an object; `clientToken` and `type` are noted even if what follows them is broken.
struct Members<'a>(&'a RefCell<Envelope>);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Map::new();
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            let text = value.as_str().map(String::from);
            match key.as_str() {
                "clientToken" => self.0.borrow_mut().token = text,
                "type" => self.0.borrow_mut().kind = text,
                _ => {}
            }
            members.insert(key, value);
        }
        Ok(members)
    }
}

fn checked(members: &Map<String, Value>) -> Result<Asked, Refusal> {
    match members.get("type").and_then(Value::as_str) {
        Some("get") => Ok(Asked::Get),
        Some("update") => update(members).map(Asked::Update),
        _ => Err(Refusal::new(BAD_REQUEST, "type is neither get nor update")),
    }
}

fn update(members: &Map<String, Value>) -> Result<Update, Refusal> {
    let state = members.get("state").and_then(Value::as_object);
    let state = state.ok_or_else(|| Refusal::new(MISSING_MEMBER, "state is missing"))?;
    let bad = |cause: &str| Refusal::new(BAD_REQUEST, cause);
    let version = match members.get("version") {
        None | Some(Value::Null) => 0,
        Some(version) => version.as_i64().ok_or_else(|| bad("version is not an integer"))?,
    };
    let overwrite = match members.get("overwriteUpdate") {
        None | Some(Value::Null) => false,
        Some(overwrite) => overwrite.as_bool().ok_or_else(|| bad("overwriteUpdate is not a truth value"))?,
    };
    let half = |name: &str| match state.get(name) {
        None => Ok(Change::Keep),
        Some(Value::Null) => Ok(Change::Clear),
        Some(Value::Object(half)) if overwrite => Ok(Change::Replace(half.clone())),
        Some(Value::Object(half)) => Ok(Change::Merge(half.clone())),
        Some(_) => Err(bad("reported and desired are objects or null")),
    };
    let (reported, desired) = (half("reported")?, half("desired")?);
    let halves = state.iter().filter(|(key, _)| matches!(key.as_str(), "reported" | "desired"));
    let state = halves.map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok(Update { version, reported, desired, state })
}

/// For the console.
impl Shadows {
    /// The shadows of earlier runs.
    pub fn open(store: Store) -> Result<Shadows, String> {
        let saved = store.load::<Document>()?;
        let named = saved.into_iter().filter_map(|(key, d)| Some((DeviceId::from_file_stem(&key)?, d)));
        Ok(Shadows { documents: Mutex::new(named.collect()), store })
    }

    /// The whole document, time stamps included.
    pub fn show(&self, device: &DeviceId, now_ms: i64) -> Map<String, Value> {
        self.documents.lock().get(device).cloned().unwrap_or_default().payload(true, now_ms)
    }

    /// Changes what is desired of a device and tells it; the answer for the console. `version` as in a device's update.
    pub fn set_desired(
        &self,
        hub: &Arc<Hub>,
        device: &DeviceId,
        change: &Change,
        version: i64,
    ) -> Result<Value, String> {
        if !hub.registry.shadow_enabled(device) {
            return Err(format!("shadow is disabled for product {}", device.product));
        }
        let mut documents = self.documents.lock();
        let before = documents.get(device).cloned().unwrap_or_default();
        check_version(&before, version)?;
        let next = before.changed(&Change::Keep, change, hub.clock.now_ms())?;
        self.save(device, &next)?;
        documents.insert(device.clone(), next.clone());
        let delivered = push_delta(hub, device, &FLAVOURS, &next);
        Ok(json!({"ok": true, "version": next.version, "delta": next.delta(), "delivered": delivered}))
    }

    /// Forgets a device's document; the next one begins with version 0. False: there was none.
    pub fn delete(&self, device: &DeviceId) -> Result<bool, String> {
        let mut documents = self.documents.lock();
        self.store.remove(&device.file_stem())?;
        Ok(documents.remove(device).is_some())
    }

    fn save(&self, device: &DeviceId, document: &Document) -> Result<(), String> {
        self.store.save(&device.file_stem(), document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (i64, Option<String>) {
        let (envelope, asked) = read(text.as_bytes());
        (asked.err().map_or(0, |r| r.result), envelope.token)
    }

    #[test]
    fn requests_in_any_spelling() {
        for text in [
            r#"{"type":"get", "clientToken":"A1B2C3D4E5-0"}"#,
            r#"{ "clientToken" : "A1B2C3D4E5-0", "unknown": [1], "type" : "get" }"#,
        ] {
            let (envelope, asked) = read(text.as_bytes());
            assert!(matches!(asked, Ok(Asked::Get)));
            assert_eq!(envelope.token.as_deref(), Some("A1B2C3D4E5-0"));
        }
        let text = r#"{"type":"update", "state":{"reported":{"t":21},"desired": null,"other":1}, "clientToken":"x","version":3}"#;
        let Ok(Asked::Update(update)) = read(text.as_bytes()).1 else { panic!("{text}") };
        assert_eq!(update.version, 3);
        assert!(matches!(update.reported, Change::Merge(_)));
        assert_eq!(update.desired, Change::Clear);
        assert_eq!(Value::Object(update.state), json!({"desired": null, "reported": {"t": 21}}));
        let text = r#"{"type":"update","overwriteUpdate":true,"state":{"reported":{}},"clientToken":"x"}"#;
        let Ok(Asked::Update(update)) = read(text.as_bytes()).1 else { panic!("{text}") };
        assert!(matches!(update.reported, Change::Replace(_)) && update.desired == Change::Keep);
    }

    #[test]
    fn every_refusal_of_a_request() {
        let token = Some("x".to_string());
        // The token is found before the place where the JSON breaks, not behind it.
        assert_eq!(refused(r#"{"clientToken":"x","type":"update","state":{"#), (5001, token.clone()));
        assert_eq!(refused(r#"{"type":"update","state":{,"clientToken":"x"}"#), (5001, None));
        assert_eq!(refused(r#"{"clientToken":"x","type":"get"} more"#), (5001, token.clone()));
        assert_eq!(refused("[]"), (5001, None));
        assert_eq!(refused(""), (5001, None));
        assert_eq!(refused(r#"{"clientToken":"x"}"#), (5001, token.clone()));
        assert_eq!(refused(r#"{"clientToken":"x","type":"delete"}"#), (5001, token.clone()));
        assert_eq!(refused(r#"{"clientToken":7,"type":"get"}"#), (0, None));
        assert_eq!(refused(r#"{"clientToken":"x","type":"update"}"#), (5002, token.clone()));
        assert_eq!(refused(r#"{"clientToken":"x","type":"update","state":1}"#), (5002, token.clone()));
        for bad in
            [r#""state":{"reported":1}"#, r#""state":{},"version":"1""#, r#""state":{},"overwriteUpdate":1"#]
        {
            assert_eq!(
                refused(&format!(r#"{{"clientToken":"x","type":"update",{bad}}}"#)),
                (5001, token.clone())
            );
        }
        let deep = format!(r#"{{"clientToken":"x","type":"update","state":{}"#, r#"{"a":"#.repeat(5000));
        assert_eq!(refused(&deep), (5001, token));
    }
}
