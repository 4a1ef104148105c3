//! Broadcast: messages of the platform to all devices of a product that are online (`broadcast.md`).

use super::downlink::{Downlink, Patience, Service};
use super::listener::{Callback, Listener};
use crate::client::Client;
use crate::client::callback::Message;
use crate::error::Error;
use std::sync::Arc;

/// Rounds of the subscription, in ms.
const ROUNDS_MS: [u32; 3] = [500; 3];

/// What a client knows of broadcasts.
#[derive(Default)]
pub struct Broadcast {
    listener: Listener,
}

/// Has broadcasts delivered to `callback`; without one they vanish. Subscribes and waits for the answer, unless that is
/// done already.
pub fn subscribe(client: &Client, callback: Option<Arc<Callback>>) -> Result<(), Error> {
    let downlink = client.attachment::<Downlink<Broadcast>>();
    downlink.service.listener.set(callback);
    let identity = client.identity();
    let filter = format!("$broadcast/rxd/{}/{}", identity.product_id(), identity.device_name());
    downlink.start(client, &filter, 1, &Patience::rounds(&ROUNDS_MS)).map(drop)
}

impl Service for Broadcast {
    const FILE: &'static str = "broadcast.c";

    fn on_message(&self, client: &Client, message: &mut Message) {
        self.listener.call(client, message);
    }
}
