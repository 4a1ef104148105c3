//! Gateways and their sub-devices: `$gateway/operation/P/D` asks and acknowledges, `$gateway/operation/result/P/D` answers and
//! carries what the platform starts. [gateway.md]
//!
//! Which sub-device is bound to which gateway is kept here, across restarts. Which are online is part of the gateway's session
//! (`broker`), because it ends with the gateway's connection.

mod message;
mod signature;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::config::{ProductType, UnbindAll};
use crate::hub::Hub;
use crate::registry::{DeviceId, NotAllowed};
use crate::service::Request;
use crate::state::Store;
use message::{Entry, Message, Payload};
use signature::Bind;

// Results. [gateway.md §10]
const NOT_BOUND: i64 = -1;
const SYSTEM_ERROR: i64 = -2;
const PARAMETER: i64 = 801;
const UNKNOWN: i64 = 802;
const SIGNATURE: i64 = 803;
const METHOD: i64 = 804;
const EXPIRED: i64 = 805;
const BOUND_ELSEWHERE: i64 = 806;
const WRONG_KIND: i64 = 807;
const NOT_PERMITTED: i64 = 808;
const BOUND_HERE: i64 = 809;
const UNSUPPORTED: i64 = 810;

/// Sub-devices of one gateway. [gateway.md §9]
const MAX_BOUND: usize = 1500;
/// Acknowledgements kept for the console, for each gateway.
const MAX_ACKS: usize = 100;

/// Bindings of all gateways.
pub struct Gateways {
    // Held from deciding about a request to sending what came of it.
    inner: Mutex<Inner>,
    store: Store,
}

#[derive(Default)]
struct Inner {
    /// Sub-device -> gateway.
    bindings: BTreeMap<DeviceId, DeviceId>,
    acks: HashMap<DeviceId, VecDeque<Value>>,
    /// Gateways that are to acknowledge `unbind_all` before their bindings go.
    unbinding: HashSet<DeviceId>,
}

/// Answers a request of a gateway, or takes its acknowledgement.
pub fn handle(request: &Request) {
    let asked: Value = match serde_json::from_slice(request.payload) {
        Ok(asked) => asked,
        Err(e) => return request.note(&format!("bad JSON: {e}")),
    };
    let gateways = &request.hub.gateways;
    match asked.get("type").and_then(Value::as_str) {
        Some(kind @ ("bind" | "unbind" | "online" | "offline")) => gateways.serve(request, kind, &asked),
        Some("describe_sub_devices") => gateways.describe(request),
        Some(kind @ ("change" | "search_devices" | "unbind_all")) => {
            gateways.acknowledged(request, kind, &asked);
        }
        other => request.note(&format!("unknown type {other:?}")),
    }
}

fn result_topic(gateway: &DeviceId) -> String {
    format!("$gateway/operation/result/{gateway}")
}

fn members(entry: &Value) -> Option<DeviceId> {
    let member = |name: &str| entry.get(name).and_then(Value::as_str).map(String::from);
    Some(DeviceId { product: member("product_id")?, name: member("device_name")? })
}

/// For devices.
impl Gateways {
    fn serve(&self, request: &Request, kind: &str, asked: &Value) {
        let list = asked.get("payload").and_then(|p| p.get("devices")).and_then(Value::as_array);
        let Some(list) = list else {
            return request.note(&format!("{kind} without payload.devices"));
        };
        let mut inner = self.inner.lock();
        let mut results = Vec::new();
        let mut devices = Vec::new();
        for entry in list {
            let id = members(entry);
            let result = match (request.forced(), &id) {
                (Some(forced), _) => forced,
                (None, None) => PARAMETER,
                (None, Some(id)) => self.decide(&mut inner, request, kind, id, entry),
            };
            let id = id.unwrap_or_else(|| DeviceId { product: String::new(), name: String::new() });
            results.push(format!("{id} {result}"));
            devices.push(Entry { result: Some(result), ..Entry::of(&id) });
        }
        let payload = Payload { devices: Some(devices), ..Payload::default() };
        let answer = Message { kind, payload: Some(payload) }.text();
        request.answer(result_topic(request.device), answer, 1, format!("{kind}: {}", results.join(", ")));
    }

    /// The result for one sub-device; the checks are in the order of gateway.md §10.
    fn decide(&self, inner: &mut Inner, request: &Request, kind: &str, id: &DeviceId, entry: &Value) -> i64 {
        let (hub, gateway) = (request.hub, request.device);
        if kind == "bind" {
            return self.bind(inner, hub, gateway, id, entry).unwrap_or_else(|refused| refused);
        }
        if inner.bindings.get(id) != Some(gateway) {
            return NOT_BOUND;
        }
        if kind == "offline" {
            hub.broker.sub_device_offline(id);
            return 0;
        }
        let Some(record) = hub.registry.device(id) else { return UNKNOWN };
        match kind {
            "unbind" => self.unbind(inner, hub, id).map_or(SYSTEM_ERROR, |()| 0),
            _ if !record.enabled => NOT_PERMITTED,
            // The gateway may have gone in this moment.
            _ if !hub.broker.sub_device_online(gateway, record) => SYSTEM_ERROR,
            _ => 0,
        }
    }

    fn bind(
        &self,
        inner: &mut Inner,
        hub: &Hub,
        gateway: &DeviceId,
        id: &DeviceId,
        entry: &Value,
    ) -> Result<i64, i64> {
        let bind = Bind::read(entry).ok_or(PARAMETER)?;
        let record = hub.registry.device(id).ok_or(UNKNOWN)?;
        let method = bind.method().ok_or(METHOD)?;
        let window = hub.options.gateway_bind_window_s;
        if window > 0 && !bind.is_recent(hub.clock.now_ms().div_euclid(1000), window) {
            return Err(EXPIRED);
        }
        if !bind.is_signed_by(&record, method) {
            return Err(SIGNATURE);
        }
        hub.registry.may_bind(gateway, &record).map_err(code_of)?;
        match inner.bindings.get(id) {
            Some(other) if other != gateway => return Err(BOUND_ELSEWHERE),
            Some(_) => return Err(BOUND_HERE),
            None => {}
        }
        if inner.bindings.values().filter(|g| *g == gateway).count() >= MAX_BOUND {
            return Err(NOT_PERMITTED);
        }
        self.set(inner, id, Some(gateway)).map_err(|_| SYSTEM_ERROR)?;
        Ok(0)
    }

    fn unbind(&self, inner: &mut Inner, hub: &Hub, id: &DeviceId) -> Result<(), String> {
        self.set(inner, id, None)?;
        hub.broker.sub_device_offline(id);
        Ok(())
    }

    /// Saves a binding, or that there is none, and takes it over.
    fn set(&self, inner: &mut Inner, id: &DeviceId, gateway: Option<&DeviceId>) -> Result<(), String> {
        self.store.save(&id.file_stem(), &gateway.map(DeviceId::to_string)).inspect_err(|e| {
            tracing::error!("binding of {id}: {e}");
        })?;
        match gateway {
            Some(gateway) => inner.bindings.insert(id.clone(), gateway.clone()),
            None => inner.bindings.remove(id),
        };
        Ok(())
    }

    fn describe(&self, request: &Request) {
        let devices: Vec<_> = self.inner.lock().bound_to(request.device).map(Entry::of).collect();
        let result = format!("{} sub-devices", devices.len());
        let payload = Payload { devices: Some(devices), ..Payload::default() };
        let answer = Message { kind: "describe_sub_devices", payload: Some(payload) }.text();
        request.answer(result_topic(request.device), answer, 1, result);
    }

    fn acknowledged(&self, request: &Request, kind: &str, ack: &Value) {
        let mut inner = self.inner.lock();
        let acks = inner.acks.entry(request.device.clone()).or_default();
        if acks.len() == MAX_ACKS {
            acks.pop_front();
        }
        acks.push_back(json!({"ts_ms": request.hub.clock.now_ms(), "ack": ack}));
        request.note(&format!("ack {kind}: {ack}"));
        if kind == "unbind_all" && inner.unbinding.remove(request.device) {
            let released = self.release(&mut inner, request.hub, request.device);
            request.note(&format!("unbind_all: {released:?}"));
        }
    }

    fn release(&self, inner: &mut Inner, hub: &Hub, gateway: &DeviceId) -> Result<usize, String> {
        let bound: Vec<_> = inner.bound_to(gateway).cloned().collect();
        for id in &bound {
            self.unbind(inner, hub, id)?;
        }
        Ok(bound.len())
    }
}

impl Inner {
    /// Sub-devices of a gateway, in order.
    fn bound_to(&self, gateway: &DeviceId) -> impl Iterator<Item = &DeviceId> {
        self.bindings.iter().filter(move |(_, g)| *g == gateway).map(|(id, _)| id)
    }
}

fn code_of(cause: NotAllowed) -> i64 {
    match cause {
        NotAllowed::WrongKind => WRONG_KIND,
        NotAllowed::OtherProduct => NOT_PERMITTED,
        NotAllowed::NoSubDevices => UNSUPPORTED,
    }
}

/// For the console.
impl Gateways {
    /// The bindings of the registry file, with the changes of earlier runs.
    pub fn open(store: Store, registered: &[(DeviceId, DeviceId)]) -> Result<Gateways, String> {
        let mut bindings: BTreeMap<_, _> = registered.iter().cloned().collect();
        for (key, gateway) in store.load::<Option<String>>()? {
            let Some(id) = DeviceId::from_file_stem(&key) else { continue };
            match gateway {
                Some(gateway) => bindings.insert(id, DeviceId::parse(&gateway)?),
                None => bindings.remove(&id),
            };
        }
        Ok(Gateways { inner: Mutex::new(Inner { bindings, ..Inner::default() }), store })
    }

    /// Sub-devices of a gateway with their state, and what the gateway acknowledged.
    pub fn show(&self, hub: &Hub, gateway: &DeviceId) -> Result<Value, String> {
        check_gateway(hub, gateway)?;
        let inner = self.inner.lock();
        let device =
            |id: &DeviceId| json!({"device": id.to_string(), "online": hub.broker.gateway_of(id).is_some()});
        let devices: Vec<_> = inner.bound_to(gateway).map(device).collect();
        let none = VecDeque::new();
        let acks = inner.acks.get(gateway).unwrap_or(&none);
        Ok(json!({"ok": true, "devices": devices, "acks": acks}))
    }

    /// Binds sub-devices to a gateway and tells it.
    pub fn bind_by_console(
        &self,
        hub: &Arc<Hub>,
        gateway: &DeviceId,
        subs: &[DeviceId],
    ) -> Result<Value, String> {
        check_gateway(hub, gateway)?;
        let mut inner = self.inner.lock();
        for id in subs {
            let record = hub.registry.device(id).ok_or_else(|| crate::registry::unknown(id))?;
            hub.registry.may_bind(gateway, &record).map_err(|e| format!("device {id} {e}"))?;
            if let Some(other) = inner.bindings.get(id) {
                return Err(format!("device {id} is bound to {other}"));
            }
        }
        for id in subs {
            self.set(&mut inner, id, Some(gateway))?;
        }
        Ok(change(hub, gateway, 1, subs))
    }

    /// Unbinds sub-devices of a gateway and tells it.
    pub fn unbind_by_console(
        &self,
        hub: &Arc<Hub>,
        gateway: &DeviceId,
        subs: &[DeviceId],
    ) -> Result<Value, String> {
        check_gateway(hub, gateway)?;
        let mut inner = self.inner.lock();
        for id in subs {
            if inner.bindings.get(id) != Some(gateway) {
                return Err(format!("device {id} is not bound to {gateway}"));
            }
        }
        for id in subs {
            self.unbind(&mut inner, hub, id)?;
        }
        Ok(change(hub, gateway, 0, subs))
    }

    /// Asks a gateway to begin or to end its search for sub-devices.
    pub fn search(&self, hub: &Arc<Hub>, gateway: &DeviceId, on: bool) -> Result<Value, String> {
        check_gateway(hub, gateway)?;
        let payload = Payload { status: Some(on.into()), ..Payload::default() };
        let delivered = push(hub, gateway, &Message { kind: "search_devices", payload: Some(payload) });
        Ok(json!({"ok": true, "delivered": delivered}))
    }

    /// Tells a gateway that all its sub-devices are unbound; they are so at once or when it has acknowledged, by option.
    pub fn unbind_all(&self, hub: &Arc<Hub>, gateway: &DeviceId) -> Result<Value, String> {
        check_gateway(hub, gateway)?;
        let mut inner = self.inner.lock();
        let unbound = match hub.options.gateway_unbind_all {
            UnbindAll::AtOnce => self.release(&mut inner, hub, gateway)?,
            UnbindAll::OnAck => {
                inner.unbinding.insert(gateway.clone());
                0
            }
        };
        let delivered = push(hub, gateway, &Message { kind: "unbind_all", payload: None });
        Ok(json!({"ok": true, "unbound": unbound, "delivered": delivered}))
    }

    /// A gateway is deleted: its sub-devices are free. A deleted sub-device stays bound; requests about it get 802.
    pub fn forget(&self, hub: &Hub, device: &DeviceId) -> Result<(), String> {
        let mut inner = self.inner.lock();
        inner.acks.remove(device);
        inner.unbinding.remove(device);
        self.release(&mut inner, hub, device).map(|_| ())
    }
}

fn check_gateway(hub: &Hub, id: &DeviceId) -> Result<(), String> {
    match hub.registry.device(id) {
        Some(record) if record.kind == ProductType::Gateway => Ok(()),
        Some(_) => Err(format!("device {id} is no gateway: its product is of another type")),
        None => Err(crate::registry::unknown(id)),
    }
}

fn change(hub: &Arc<Hub>, gateway: &DeviceId, status: u8, subs: &[DeviceId]) -> Value {
    let devices = Some(subs.iter().map(Entry::of).collect());
    let payload = Payload { status: Some(status), devices };
    let delivered = push(hub, gateway, &Message { kind: "change", payload: Some(payload) });
    json!({"ok": true, "delivered": delivered})
}

fn push(hub: &Arc<Hub>, gateway: &DeviceId, message: &Message) -> usize {
    let payload = Bytes::from(message.text());
    let delivered = hub.broker.deliver(hub, &result_topic(gateway), &payload, 1, None);
    hub.handled(gateway, "gateway", &format!("push {}: {} delivered", message.kind, delivered.sent));
    delivered.sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_changes_come_on_top_of_the_registry_file() {
        let dir = tempfile::tempdir().unwrap();
        let id = |name: &str| DeviceId::parse(&format!("Z9Y8X7W6V5/{name}")).unwrap();
        let gateway = DeviceId::parse("A1B2C3D4E5/lamp-01").unwrap();
        let registered = [(id("a"), gateway.clone()), (id("b"), gateway.clone())];
        let open = || Gateways::open(Store::new(dir.path(), "gateway"), &registered).unwrap();
        let first = open();
        first.set(&mut first.inner.lock(), &id("a"), None).unwrap();
        first.set(&mut first.inner.lock(), &id("c"), Some(&gateway)).unwrap();
        let second = open();
        let inner = second.inner.lock();
        assert_eq!(inner.bound_to(&gateway).collect::<Vec<_>>(), [&id("b"), &id("c")]);
    }
}
