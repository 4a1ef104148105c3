//! The console: HTTP with JSON on the admin port. [emulator.md §7]

mod services;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use crate::config::Device;
use crate::events::{About, Filter, members};
use crate::faults::Spec;
use crate::hub::{Hub, MAX_PAYLOAD};
use crate::registry::{DeviceId, Record, unknown};
use crate::service::json_warning;
use crate::topic;

/// Events in one answer at most.
const MAX_EVENTS: usize = 10_000;

/// What the console shows besides the hub itself.
#[derive(Clone)]
pub struct Console {
    pub hub: Arc<Hub>,
    /// Names and addresses of the listeners.
    pub listeners: Arc<Vec<(String, String)>>,
}

/// A refused command: always with the reason.
struct Failure(StatusCode, String);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"ok": false, "error": self.1}))).into_response()
    }
}

impl From<String> for Failure {
    fn from(error: String) -> Failure {
        let status = if error.ends_with("is not registered") {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_REQUEST
        };
        Failure(status, error)
    }
}

impl From<JsonRejection> for Failure {
    fn from(e: JsonRejection) -> Failure {
        Failure(StatusCode::BAD_REQUEST, e.body_text())
    }
}

impl From<QueryRejection> for Failure {
    fn from(e: QueryRejection) -> Failure {
        Failure(StatusCode::BAD_REQUEST, e.body_text())
    }
}

impl From<PathRejection> for Failure {
    fn from(e: PathRejection) -> Failure {
        Failure(e.status(), e.body_text())
    }
}

/// Parts of the path, whose rejection is an answer like any other.
struct Path<T>(T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path<T>, Failure> {
        let axum::extract::Path(found) = axum::extract::Path::from_request_parts(parts, state).await?;
        Ok(Path(found))
    }
}

type Answer = Result<Json<Value>, Failure>;
type JsonBody<T> = Result<Json<T>, JsonRejection>;

/// All commands.
pub fn router(console: Console) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/devices", get(devices).post(add_device))
        .route("/devices/{product}/{name}", get(show_device).delete(delete_device))
        .route("/devices/{product}/{name}/{command}", post(command_device))
        .route("/publish", post(publish))
        .route("/events", get(events))
        .route("/faults", get(list_faults).post(set_fault).delete(clear_faults))
        .route("/faults/{id}", axum::routing::delete(clear_fault))
        .route("/clock", get(show_clock).post(set_clock))
        .route("/stop", post(stop))
        .merge(services::router(&console))
        .fallback(|| async { Failure(StatusCode::NOT_FOUND, "no such command".into()) })
        .method_not_allowed_fallback(|| async {
            Failure(StatusCode::METHOD_NOT_ALLOWED, "no such command".into())
        })
        .with_state(console)
}

async fn status(State(console): State<Console>) -> Answer {
    let listeners: serde_json::Map<_, _> =
        console.listeners.iter().map(|(name, address)| (name.clone(), address.clone().into())).collect();
    let seq = console.hub.events.newest();
    Ok(Json(json!({"ok": true, "version": env!("CARGO_PKG_VERSION"), "listeners": listeners, "seq": seq})))
}

async fn devices(State(console): State<Console>) -> Answer {
    let list: Vec<Value> = console.hub.registry.devices().iter().map(|r| describe(&console.hub, r)).collect();
    Ok(Json(json!({"ok": true, "devices": list})))
}

fn describe(hub: &Hub, record: &Record) -> Value {
    let mut all = members(hub.broker.show(&record.id));
    all.insert("device".into(), record.id.to_string().into());
    all.insert("enabled".into(), record.enabled.into());
    all.insert("auth".into(), json!(record.auth));
    all.insert("type".into(), json!(record.kind));
    if let Some((certificate, key)) = &record.issued {
        all.insert("certificate_file".into(), certificate.display().to_string().into());
        all.insert("key_file".into(), key.display().to_string().into());
    }
    Value::Object(all)
}

fn find(hub: &Hub, product: &str, name: &str) -> Result<Record, Failure> {
    let id = DeviceId::parse(&format!("{product}/{name}"))?;
    hub.registry.device(&id).ok_or_else(|| unknown(&id).into())
}

async fn show_device(
    State(console): State<Console>,
    Path((product, name)): Path<(String, String)>,
) -> Answer {
    let record = find(&console.hub, &product, &name)?;
    Ok(Json(json!({"ok": true, "device": describe(&console.hub, &record)})))
}

async fn add_device(State(console): State<Console>, device: JsonBody<Device>) -> Answer {
    let Json(device) = device?;
    let hub = console.hub;
    if !device.bind.is_empty() {
        return Err("sub-devices are bound with a command of the gateway".to_string().into());
    }
    // Making a certificate takes a while; the connections go on meanwhile.
    let adding =
        tokio::task::spawn_blocking(move || hub.registry.add(device).map(|(r, s)| (describe(&hub, &r), s)));
    let (device, secret) = adding.await.map_err(|e| e.to_string())??;
    Ok(Json(json!({"ok": true, "device": device, "secret": secret})))
}

async fn delete_device(
    State(console): State<Console>,
    Path((product, name)): Path<(String, String)>,
) -> Answer {
    let record = find(&console.hub, &product, &name)?;
    console.hub.registry.delete(&record.id)?;
    let kicked = kick(&console.hub, &record.id, "device deleted", true);
    console.hub.broker.forget(&record.id);
    console.hub.shadows.delete(&record.id)?;
    console.hub.gateways.forget(&console.hub, &record.id)?;
    Ok(Json(json!({"ok": true, "kicked": kicked})))
}

async fn command_device(
    State(console): State<Console>,
    Path((product, name, command)): Path<(String, String, String)>,
) -> Answer {
    let hub = &console.hub;
    let id = find(hub, &product, &name)?.id;
    let kicked = match command.as_str() {
        "enable" => {
            hub.registry.set_enabled(&id, true)?;
            false
        }
        "disable" => {
            hub.registry.set_enabled(&id, false)?;
            kick(hub, &id, "device disabled", true)
        }
        "kick" => kick(hub, &id, "kicked", true),
        // As a broken network: a WebSocket gets no close frame.
        "drop" => kick(hub, &id, "dropped", false),
        other => return Err(Failure(StatusCode::NOT_FOUND, format!("no such command: {other}"))),
    };
    let about = About { conn: None, device: Some(id) };
    hub.events.emit("console", &about, json!({"command": command, "kicked": kicked}));
    Ok(Json(json!({"ok": true, "kicked": kicked})))
}

/// Takes a device offline: ends its connection, or ends what its gateway may do for it.
fn kick(hub: &Hub, id: &DeviceId, cause: &str, close_frame: bool) -> bool {
    let through_gateway = hub.broker.sub_device_offline(id);
    let Some(link) = hub.broker.link_of(id) else { return through_gateway };
    link.end(cause, close_frame);
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    topic: String,
    #[serde(default)]
    payload: Option<String>,
    #[serde(default)]
    payload_base64: Option<String>,
    #[serde(default)]
    qos: u8,
}

/// The payload of a command, as text or as base64, within the platform's limit.
fn payload_of(text: Option<String>, base64: Option<String>) -> Result<Bytes, Failure> {
    let payload = match (text, base64) {
        (Some(text), None) => Bytes::from(text),
        (None, Some(text)) => {
            BASE64.decode(text).map_err(|_| "payload_base64 is not base64".to_string())?.into()
        }
        (None, None) => Bytes::new(),
        _ => return Err("either payload or payload_base64".to_string().into()),
    };
    if payload.len() > MAX_PAYLOAD {
        return Err(format!("payload of {} bytes; at most {MAX_PAYLOAD}", payload.len()).into());
    }
    Ok(payload)
}

fn check_qos(qos: u8) -> Result<(), Failure> {
    if qos > 1 { Err("qos is 0 or 1".to_string().into()) } else { Ok(()) }
}

async fn publish(State(console): State<Console>, message: JsonBody<Publish>) -> Answer {
    let Json(message) = message?;
    topic::check_name(&message.topic).map_err(|e| format!("topic: {e}"))?;
    check_qos(message.qos)?;
    let payload = payload_of(message.payload, message.payload_base64)?;
    let delivered = console.hub.publish(&message.topic, payload.clone(), message.qos);
    let warning = json_warning(&delivered, &payload);
    Ok(Json(json!({"ok": true, "delivered": delivered.sent, "stored": delivered.stored, "warning": warning})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EventQuery {
    since: u64,
    wait_ms: u64,
    count: usize,
    limit: usize,
    follow: bool,
    /// Event types or packet names, comma-separated. `connect` and `disconnect` are both: `dir` or `packet` tells them apart.
    r#type: Option<String>,
    packet: Option<String>,
    device: Option<String>,
    conn: Option<u64>,
    dir: Option<String>,
    topic: Option<String>,
}

impl Default for EventQuery {
    fn default() -> EventQuery {
        EventQuery {
            since: 0,
            wait_ms: 0,
            count: 1,
            limit: MAX_EVENTS,
            follow: false,
            r#type: None,
            packet: None,
            device: None,
            conn: None,
            dir: None,
            topic: None,
        }
    }
}

impl EventQuery {
    fn filter(&self) -> Filter {
        Filter {
            since: self.since,
            kinds: self.r#type.iter().flat_map(|t| t.split(',')).map(String::from).collect(),
            packet: self.packet.clone(),
            device: self.device.clone(),
            conn: self.conn,
            dir: self.dir.clone(),
            topic: self.topic.clone(),
        }
    }
}

async fn events(
    State(console): State<Console>,
    query: Result<Query<EventQuery>, QueryRejection>,
) -> Result<Response, Failure> {
    let Query(query) = query?;
    let filter = query.filter();
    let limit = query.limit.min(MAX_EVENTS);
    let body = if query.follow {
        Body::from_stream(stream::unfold((console.hub, filter), follow))
    } else {
        let until = Instant::now() + Duration::from_millis(query.wait_ms);
        Body::from(wait_for(&console.hub, &filter, query.count.min(limit), limit, until).await)
    };
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// Lines of the events, once there are `count` of them or the time is over.
async fn wait_for(hub: &Hub, filter: &Filter, count: usize, limit: usize, until: Instant) -> String {
    let mut newest = hub.events.watch();
    let mut filter = filter.clone();
    let mut all = hub.events.query(&filter, limit);
    while all.events.len() < count && timeout_at(until, newest.changed()).await.is_ok_and(|r| r.is_ok()) {
        filter.since = all.seen;
        let more = hub.events.query(&filter, limit - all.events.len());
        all.events.extend(more.events);
        all.lost += more.lost;
        all.seen = more.seen;
    }
    lines(all.events.iter().map(|e| e.line()), all.lost)
}

fn lines(events: impl Iterator<Item = String>, lost: u64) -> String {
    let gap = (lost > 0).then(|| json!({"type": "gap", "lost": lost}).to_string());
    gap.into_iter().chain(events).map(|line| line + "\n").collect()
}

/// One piece of the endless answer: everything new, as soon as there is something.
async fn follow(
    (hub, mut filter): (Arc<Hub>, Filter),
) -> Option<(Result<String, std::io::Error>, (Arc<Hub>, Filter))> {
    let mut newest = hub.events.watch();
    loop {
        newest.mark_unchanged();
        let found = hub.events.query(&filter, MAX_EVENTS);
        filter.since = found.seen;
        if !found.events.is_empty() {
            return Some((Ok(lines(found.events.iter().map(|e| e.line()), found.lost)), (hub, filter)));
        }
        tokio::select! {
            changed = newest.changed() => changed.ok()?,
            () = hub.stopped() => return None,
        }
    }
}

async fn list_faults(State(console): State<Console>) -> Answer {
    Ok(Json(json!({"ok": true, "faults": console.hub.faults.list()})))
}

async fn set_fault(State(console): State<Console>, spec: JsonBody<Spec>) -> Answer {
    let Json(spec) = spec?;
    let id = console.hub.faults.set(spec.clone())?;
    console.hub.events.emit(
        "console",
        &About::default(),
        json!({"command": "fault set", "id": id, "spec": spec}),
    );
    Ok(Json(json!({"ok": true, "id": id})))
}

async fn clear_faults(State(console): State<Console>) -> Answer {
    Ok(Json(json!({"ok": true, "cleared": console.hub.faults.clear(None)})))
}

async fn clear_fault(State(console): State<Console>, Path(id): Path<u64>) -> Answer {
    match console.hub.faults.clear(Some(id)) {
        0 => Err(Failure(StatusCode::NOT_FOUND, format!("no fault {id}"))),
        cleared => Ok(Json(json!({"ok": true, "cleared": cleared}))),
    }
}

async fn show_clock(State(console): State<Console>) -> Answer {
    let clock = &console.hub.clock;
    Ok(Json(json!({"ok": true, "now_ms": clock.now_ms(), "scale": clock.scale()})))
}

/// Absent members stay as they are; `now` is the machine's time of day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockChange {
    #[serde(default)]
    set_ms: Option<i64>,
    #[serde(default)]
    now: bool,
    #[serde(default)]
    scale: Option<f64>,
}

async fn set_clock(state: State<Console>, change: JsonBody<ClockChange>) -> Answer {
    let Json(change) = change?;
    let clock = &state.hub.clock;
    if change.set_ms.is_some() || change.now {
        clock.set(change.set_ms);
    }
    if let Some(scale) = change.scale {
        clock.set_scale(scale)?;
    }
    show_clock(state).await
}

async fn stop(State(console): State<Console>) -> Answer {
    console.hub.stop();
    Ok(Json(json!({"ok": true})))
}
