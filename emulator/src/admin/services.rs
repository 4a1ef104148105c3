//! The console's commands for the services. [emulator.md §7]

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{Router, get, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Console, Failure, JsonBody, Path, check_qos, find, payload_of};
use crate::events::About;
use crate::registry::DeviceId;
use crate::shadow::Change;
use crate::{broadcast, rrpc};

type Device = Path<(String, String)>;

/// Commands below a service's name.
pub fn router(console: &Console) -> Router<Console> {
    Router::new()
        .route("/shadow/{product}/{name}", get(shadow).delete(delete_shadow))
        .route("/shadow/{product}/{name}/desired", post(set_desired).delete(clear_desired))
        .route("/broadcast", post(send_broadcast))
        .route("/rrpc", post(call))
        .route("/config/{product}", get(config).post(set_config))
        .route("/config/{product}/{command}", post(command_config))
        .route("/gateway/{product}/{name}", get(gateway))
        .route("/gateway/{product}/{name}/bind", post(bind))
        .route("/gateway/{product}/{name}/unbind", post(unbind))
        .route("/gateway/{product}/{name}/search", post(search))
        .route("/gateway/{product}/{name}/unbind-all", post(unbind_all))
        .route_layer(from_fn_with_state(console.clone(), noted))
}

/// Leaves an event of every command that may change something.
async fn noted(State(console): State<Console>, request: Request, next: Next) -> Response {
    let changes = request.method() != Method::GET;
    let command = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    if changes {
        let fields = json!({"command": command, "status": response.status().as_u16()});
        console.hub.events.emit("console", &About::default(), fields);
    }
    response
}

async fn shadow(State(console): State<Console>, Path((product, name)): Device) -> Answer {
    let hub = &console.hub;
    let id = find(hub, &product, &name)?.id;
    let shown = hub.shadows.show(&id, hub.clock.now_ms());
    Ok(Json(json!({"ok": true, "shadow": shown})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Desired {
    desired: Map<String, Value>,
    /// Member by member, instead of in place of what was desired.
    #[serde(default)]
    merge: bool,
    #[serde(default)]
    version: u32,
}

async fn set_desired(
    State(console): State<Console>,
    Path((product, name)): Device,
    wish: JsonBody<Desired>,
) -> Answer {
    let Json(Desired { desired, merge, version }) = wish?;
    let id = find(&console.hub, &product, &name)?.id;
    let change = if merge { Change::Merge(desired) } else { Change::Replace(desired) };
    Ok(Json(console.hub.shadows.set_desired(&console.hub, &id, &change, version.into())?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    #[serde(default)]
    version: u32,
}

async fn clear_desired(
    State(console): State<Console>,
    Path((product, name)): Device,
    version: Result<Query<Version>, QueryRejection>,
) -> Answer {
    let Query(Version { version }) = version?;
    let id = find(&console.hub, &product, &name)?.id;
    Ok(Json(console.hub.shadows.set_desired(&console.hub, &id, &Change::Clear, version.into())?))
}

async fn delete_shadow(State(console): State<Console>, Path((product, name)): Device) -> Answer {
    let id = find(&console.hub, &product, &name)?.id;
    let deleted = console.hub.shadows.delete(&id)?;
    Ok(Json(json!({"ok": true, "deleted": deleted})))
}

async fn gateway(State(console): State<Console>, Path((product, name)): Device) -> Answer {
    let hub = &console.hub;
    Ok(Json(hub.gateways.show(hub, &find(hub, &product, &name)?.id)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubDevices {
    /// PRODUCT/NAME of each.
    devices: Vec<String>,
}

impl SubDevices {
    fn ids(&self) -> Result<Vec<DeviceId>, String> {
        if self.devices.is_empty() {
            return Err("no device is named".into());
        }
        self.devices.iter().map(|d| DeviceId::parse(d)).collect()
    }
}

async fn bind(
    State(console): State<Console>,
    Path((product, name)): Device,
    devices: JsonBody<SubDevices>,
) -> Answer {
    let Json(devices) = devices?;
    let hub = &console.hub;
    let gateway = find(hub, &product, &name)?.id;
    Ok(Json(hub.gateways.bind_by_console(hub, &gateway, &devices.ids()?)?))
}

async fn unbind(
    State(console): State<Console>,
    Path((product, name)): Device,
    devices: JsonBody<SubDevices>,
) -> Answer {
    let Json(devices) = devices?;
    let hub = &console.hub;
    let gateway = find(hub, &product, &name)?.id;
    Ok(Json(hub.gateways.unbind_by_console(hub, &gateway, &devices.ids()?)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    on: bool,
}

async fn search(
    State(console): State<Console>,
    Path((product, name)): Device,
    wish: JsonBody<Search>,
) -> Answer {
    let Json(Search { on }) = wish?;
    let hub = &console.hub;
    let gateway = find(hub, &product, &name)?.id;
    Ok(Json(hub.gateways.search(hub, &gateway, on)?))
}

async fn unbind_all(State(console): State<Console>, Path((product, name)): Device) -> Answer {
    let hub = &console.hub;
    let gateway = find(hub, &product, &name)?.id;
    Ok(Json(hub.gateways.unbind_all(hub, &gateway)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Broadcast {
    product: String,
    #[serde(default)]
    payload: Option<String>,
    #[serde(default)]
    payload_base64: Option<String>,
    #[serde(default)]
    qos: u8,
}

async fn send_broadcast(State(console): State<Console>, message: JsonBody<Broadcast>) -> Answer {
    let Json(message) = message?;
    check_qos(message.qos)?;
    let payload = payload_of(message.payload, message.payload_base64)?;
    Ok(Json(broadcast::send(&console.hub, &message.product, &payload, message.qos)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    device: String,
    #[serde(default)]
    payload: Option<String>,
    #[serde(default)]
    payload_base64: Option<String>,
    #[serde(default)]
    timeout_ms: Option<u64>,
}

async fn call(State(console): State<Console>, call: JsonBody<Call>) -> Answer {
    let Json(call) = call?;
    let hub = &console.hub;
    let (product, name) = call.device.split_once('/').unwrap_or((&call.device, ""));
    let id = find(hub, product, name)?.id;
    let payload = payload_of(call.payload, call.payload_base64)?;
    let limit = Duration::from_millis(call.timeout_ms.unwrap_or(hub.options.rrpc_timeout_ms));
    let reply = rrpc::call(hub, &id, &payload, limit).await.map_err(|failure| {
        let status = match failure {
            rrpc::Failure::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::CONFLICT,
        };
        Failure(status, format!("{id}: {failure}"))
    })?;
    let text = String::from_utf8_lossy(&reply.payload);
    let base64 = BASE64.encode(&reply.payload);
    Ok(Json(
        json!({"ok": true, "id": reply.id, "payload": text, "payload_base64": base64, "warning": reply.warning}),
    ))
}

async fn config(State(console): State<Console>, Path(product): Path<String>) -> Answer {
    Ok(Json(console.hub.configs.show(&console.hub, &product)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// An object, or text as it is, which need not be one.
    content: Value,
}

async fn set_config(
    State(console): State<Console>,
    Path(product): Path<String>,
    content: JsonBody<Content>,
) -> Answer {
    let content = match content?.0.content {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(Json(console.hub.configs.set(&console.hub, &product, content)?))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Push {
    /// Name of the only device to push to.
    device: Option<String>,
}

async fn command_config(
    State(console): State<Console>,
    Path((product, command)): Path<(String, String)>,
    push: JsonBody<Push>,
) -> Answer {
    let hub = &console.hub;
    let configs = &hub.configs;
    Ok(Json(match command.as_str() {
        "enable" => configs.enable(hub, &product, true)?,
        "disable" => configs.enable(hub, &product, false)?,
        "push" => match push?.0.device {
            Some(name) => configs.push(hub, &product, Some(&find(hub, &product, &name)?.id))?,
            None => configs.push(hub, &product, None)?,
        },
        other => return Err(Failure(StatusCode::NOT_FOUND, format!("no such command: {other}"))),
    }))
}
