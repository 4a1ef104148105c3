//! The console's commands for the services. [emulator.md §7]

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::{Router, get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Console, JsonBody, find};
use crate::registry::DeviceId;
use crate::shadow::Change;

type Device = Path<(String, String)>;

/// Commands below a service's name.
pub fn router() -> Router<Console> {
    Router::new()
        .route("/shadow/{product}/{name}", get(shadow).delete(delete_shadow))
        .route("/shadow/{product}/{name}/desired", post(set_desired).delete(clear_desired))
        .route("/gateway/{product}/{name}", get(gateway))
        .route("/gateway/{product}/{name}/bind", post(bind))
        .route("/gateway/{product}/{name}/unbind", post(unbind))
        .route("/gateway/{product}/{name}/search", post(search))
        .route("/gateway/{product}/{name}/unbind-all", post(unbind_all))
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
