//! RRPC: the platform calls the device and waits a few seconds for the reply (`rrpc.md`).

use super::downlink::{Downlink, Patience, Service};
use super::listener::{Callback, Listener};
use crate::client::Client;
use crate::client::callback::Message;
use crate::error::Error;
use crate::log::{Level, Payload, log};
use crate::mqtt::topic;
use calls::Calls;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

mod calls;

const FILE: &str = "rrpc_client.c";

/// Rounds of the subscription, in ms.
const ROUNDS_MS: [u32; 3] = [500; 3];
/// Longest process id, in bytes (`MAX_RRPC_PROCESS_ID_LEN` of the public header).
const MAX_ID_LEN: usize = 16;

/// What a client knows of calls.
#[derive(Default)]
pub struct Rrpc {
    listener: Listener,
    calls: Mutex<Calls>,
}

/// Has calls delivered to `callback`; without one they vanish. Subscribes and waits for the answer, unless that is done
/// already.
pub fn init(client: &Client, callback: Option<Arc<Callback>>) -> Result<(), Error> {
    let downlink = client.attachment::<Downlink<Rrpc>>();
    downlink.service.listener.set(callback);
    let filter = format!("$rrpc/rxd/{}/+", device_path(client));
    downlink.start(client, &filter, 0, &Patience::rounds(&ROUNDS_MS)).map(drop)
}

/// Publishes a reply: inside the callback of a call to that call, otherwise to the oldest one that waits.
pub fn reply(client: &Client, text: &[u8]) -> Result<(), Error> {
    const FUNCTION: &str = "IOT_RRPC_Reply";
    let downlink = client.attachment::<Downlink<Rrpc>>();
    let rrpc = &downlink.service;
    let chosen = rrpc.calls().choose(client.now(), thread::current().id());
    let Some(chosen) = chosen else {
        log!(Level::Error, FILE, FUNCTION, "no call waits for a reply");
        return Err(Error::RrpcReply);
    };
    let topic = format!("$rrpc/txd/{}/{}", device_path(client), chosen.id());
    match client.publish(topic.as_bytes(), 0, false, text) {
        Ok(_) => {
            rrpc.calls().answered(chosen);
            Ok(())
        }
        Err(error) => {
            log!(Level::Error, FILE, FUNCTION, "reply to call {} failed: {error}", chosen.id());
            rrpc.calls().put_back(chosen);
            Err(Error::RrpcReply)
        }
    }
}

fn device_path(client: &Client) -> String {
    format!("{}/{}", client.identity().product_id(), client.identity().device_name())
}

impl Rrpc {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service for Rrpc {
    const FILE: &'static str = FILE;

    fn on_message(&self, client: &Client, message: &mut Message) {
        let Some(id) = process_id(message.topic()) else {
            let topic = Payload(message.topic());
            log!(
                Level::Error,
                FILE,
                "_rrpc_message_callback",
                "call without usable process id dropped: {topic}"
            );
            return;
        };
        let begun = self.calls().begin(id, client.now(), thread::current().id());
        if let Err(error) = begun {
            log!(Level::Error, FILE, "_rrpc_message_callback", "call {id} dropped: {error}");
            return;
        }
        let _delivery = Delivery(self);
        self.listener.call(client, message);
    }
}

/// A callback runs until this is dropped, also by a panic.
struct Delivery<'a>(&'a Rrpc);

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        self.0.calls().end();
    }
}

/// The text behind the last `/`, if a reply can be published under it.
fn process_id(topic: &[u8]) -> Option<&str> {
    let id = topic.rsplit(|&b| b == b'/').next()?;
    let is_usable = id.len() <= MAX_ID_LEN && topic::is_valid_name(id);
    std::str::from_utf8(id).ok().filter(|_| is_usable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_ids_end_the_topic() {
        assert_eq!(process_id(b"$rrpc/rxd/P/D/1207"), Some("1207"));
        assert_eq!(process_id(b"$rrpc/rxd/P/D/0123456789abcdef"), Some("0123456789abcdef"));
        assert_eq!(process_id(b"$rrpc/rxd/P/D/0123456789abcdefg"), None);
        assert_eq!(process_id(b"$rrpc/rxd/P/D/"), None);
        assert_eq!(process_id(b"$rrpc/rxd/P/D/+"), None);
        assert_eq!(process_id(b"$rrpc/rxd/P/D/\xff"), None);
    }
}
