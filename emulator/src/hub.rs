//! The hub: everything that lives as long as the process, and the ways a message takes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::broker::{Broker, Delivered};
use crate::clock::Clock;
use crate::config::{Config, Options};
use crate::events::{About, Events};
use crate::faults::Faults;
use crate::gateway::Gateways;
use crate::link::Link;
use crate::registry::{DeviceId, Registry};
use crate::remote_config::RemoteConfigs;
use crate::rrpc::Calls;
use crate::shadow::Shadows;
use crate::state::Store;

/// Largest payload of a PUBLISH. [emulator.md §3]
pub const MAX_PAYLOAD: usize = 16 * 1024;

/// Shared by every connection and the console.
pub struct Hub {
    pub options: Options,
    pub clock: Arc<Clock>,
    pub events: Events,
    pub registry: Arc<Registry>,
    pub faults: Faults,
    pub broker: Broker,
    pub shadows: Shadows,
    pub gateways: Gateways,
    pub configs: RemoteConfigs,
    pub calls: Calls,
    stop: watch::Sender<bool>,
    connections: AtomicU64,
    open: watch::Sender<usize>,
}

/// Counts a connection as open while it exists.
pub struct Counted(Arc<Hub>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open -= 1);
    }
}

impl Hub {
    /// A hub with the state of earlier runs.
    pub fn new(config: &Config, registry: Arc<Registry>) -> Result<Arc<Hub>, String> {
        let clock = Arc::new(Clock::new());
        let store = |service| Store::new(&config.server.state_dir, service);
        Ok(Arc::new(Hub {
            options: config.options.clone(),
            events: Events::new(clock.clone()),
            clock,
            gateways: Gateways::open(store("gateway"), registry.bindings())?,
            configs: RemoteConfigs::open(store("config"), &registry)?,
            calls: Calls::default(),
            registry,
            faults: Faults::default(),
            broker: Broker::default(),
            shadows: Shadows::open(store("shadow"))?,
            stop: watch::Sender::new(false),
            connections: AtomicU64::new(0),
            open: watch::Sender::new(0),
        }))
    }

    /// A number for a new connection.
    pub fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a connection until the value is dropped.
    pub fn count_connection(self: &Arc<Self>) -> Counted {
        self.open.send_modify(|open| *open += 1);
        Counted(self.clone())
    }

    /// Resolves when no connection is open.
    pub async fn all_closed(&self) {
        let mut open = self.open.subscribe();
        // An error would mean that the hub itself is gone.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    /// Asks every part to come to an end.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Resolves when the hub is to stop.
    pub async fn stopped(&self) {
        let mut stop = self.stop.subscribe();
        // An error would mean that the hub itself is gone.
        let _ = stop.wait_for(|stop| *stop).await;
    }

    /// Emits an event about a connection.
    pub fn note(&self, link: &Link, kind: &'static str, fields: Value) {
        self.events.emit(kind, &link.about(), fields);
    }

    /// A message of the platform itself, to whoever subscribed.
    pub fn publish(self: &Arc<Self>, topic: &str, payload: Bytes, qos: u8) -> Delivered {
        let delivered = self.broker.deliver(self, topic, &payload, qos, None);
        self.events.emit("platform_publish", &About::default(), json!({"topic": topic, "qos": qos, "length": payload.len(), "delivered": delivered.sent, "stored": delivered.stored}));
        delivered
    }

    /// An event of a service.
    pub fn handled(&self, device: &DeviceId, service: &str, result: &str) {
        let about = About { conn: None, device: Some(device.clone()) };
        self.events.emit("handler", &about, json!({"service": service, "result": result}));
    }

    /// Ends every connection.
    pub fn end_all(&self, cause: &str) {
        for link in self.broker.links() {
            link.end(cause, true);
        }
    }
}
