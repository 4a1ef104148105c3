//! The console's commands for the services. [emulator.md §7]

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::routing::{Router, get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Answer, Console, JsonBody, find};
use crate::shadow::Change;

type Device = Path<(String, String)>;

/// Commands below a service's name.
pub fn router() -> Router<Console> {
    Router::new()
        .route("/shadow/{product}/{name}", get(shadow).delete(delete_shadow))
        .route("/shadow/{product}/{name}/desired", post(set_desired).delete(clear_desired))
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
