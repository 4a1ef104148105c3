//! Who is there: connections, and the sub-devices that come through them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Broker;
use crate::link::Link;
use crate::registry::{DeviceId, Record};

impl Broker {
    /// Every connection that has a session.
    pub fn links(&self) -> Vec<Arc<Link>> {
        self.sessions.lock().values().filter_map(|s| s.link.clone()).collect()
    }

    /// The connection of a device.
    pub fn link_of(&self, id: &DeviceId) -> Option<Arc<Link>> {
        self.sessions.lock().get(&id.client_id()).and_then(|s| s.link.clone())
    }

    /// Brings a sub-device online through its gateway. False: the gateway is not connected.
    pub fn sub_device_online(&self, gateway: &DeviceId, sub: Record) -> bool {
        let mut sessions = self.sessions.lock();
        let Some(session) = sessions.get_mut(&gateway.client_id()).filter(|s| s.link.is_some()) else {
            return false;
        };
        session.sub_devices.insert(sub.id.clone(), sub);
        true
    }

    /// Takes a sub-device offline. False: it was not online through a gateway.
    pub fn sub_device_offline(&self, sub: &DeviceId) -> bool {
        let mut sessions = self.sessions.lock();
        sessions.values_mut().any(|session| session.sub_devices.remove(sub).is_some())
    }

    /// Is the device connected, by itself or through its gateway?
    pub fn is_online(&self, id: &DeviceId) -> bool {
        self.link_of(id).is_some() || self.gateway_of(id).is_some()
    }

    /// The gateway through which a sub-device is online.
    pub fn gateway_of(&self, sub: &DeviceId) -> Option<DeviceId> {
        let sessions = self.sessions.lock();
        sessions.values().find(|s| s.sub_devices.contains_key(sub)).map(|s| s.device.id.clone())
    }

    /// Forgets a device's session.
    pub fn forget(&self, id: &DeviceId) {
        self.sessions.lock().remove(&id.client_id());
    }

    /// A device's session for the console.
    pub fn show(&self, id: &DeviceId) -> Value {
        let gateway = self.gateway_of(id).map(|g| g.to_string());
        let sessions = self.sessions.lock();
        let Some(session) = sessions.get(&id.client_id()) else {
            return json!({"online": gateway.is_some(), "gateway": gateway});
        };
        let (in_flight, waiting, stored) = session.counts();
        json!({
            "online": session.link.is_some() || gateway.is_some(),
            "gateway": gateway,
            "sub_devices": session.sub_devices.keys().map(DeviceId::to_string).collect::<Vec<_>>(),
            "since_ms": session.since_ms,
            "conn": session.link.as_ref().map(|l| l.id),
            "transport": session.link.as_ref().map(|l| l.listener),
            "peer": session.link.as_ref().map(|l| l.peer.to_string()),
            "protocol_level": session.level,
            "clean_session": session.clean,
            "subscriptions": session.subscriptions,
            "in_flight": in_flight,
            "waiting": waiting,
            "stored": stored,
        })
    }
}
