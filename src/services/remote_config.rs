//! Remote configuration: a JSON document that the platform keeps for a product (`remote_config.md`).

use super::downlink::{Downlink, Patience, Service};
use super::requests::{Waited, wait};
use crate::client::Client;
use crate::client::callback::Message;
use crate::error::Error;
use crate::json::{self, Kind};
use crate::log::{Level, log};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// What asks for the configuration.
pub const REQUEST: &[u8] = br#"{"type":"get"}"#;

const FILE: &str = "remote_config_mqtt.c";
const ON_MESSAGE: &str = "_on_remote_config_message";

/// The application's side. Called without locks, from the thread that yields.
pub trait Receiver: Send + Sync {
    /// Takes a document, empty if there is none, which came in a message of `message_len` bytes. `Err`: the application has
    /// no room for such a message.
    fn take(&self, client: &Client, errcode: i32, document: &[u8], message_len: usize) -> Result<(), NoRoom>;
}

/// The application's buffer is too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// What a client knows of its configuration.
#[derive(Default)]
pub struct RemoteConfig(Mutex<State>);

#[derive(Default)]
struct State {
    receiver: Option<Arc<dyn Receiver>>,
    /// The thread inside the application's handler, and how deep.
    inside: Vec<ThreadId>,
    /// Counts the replies, so that each request sees one that is newer than itself.
    replies: u64,
    /// What the last reply means to those who wait for it.
    outcome: Option<Error>,
}

/// Has configurations delivered to `receiver`. Asks for the subscription each time and waits up to `timeout_ms` for the
/// answer; the packet id.
pub fn subscribe(client: &Client, receiver: Arc<dyn Receiver>, timeout_ms: u32) -> Result<u16, Error> {
    let downlink = client.attachment::<Downlink<RemoteConfig>>();
    downlink.service.state().receiver = Some(receiver);
    let filter = format!("$config/operation/result/{}", device_path(client));
    let subscribed = downlink.renew(client, &filter, 0, &Patience::rounds(&[timeout_ms]));
    if subscribed.is_err() {
        // The application may release its buffer now.
        downlink.service.state().receiver = None;
    }
    subscribed
}

/// Whether configurations are delivered.
pub fn is_subscribed(client: &Client) -> bool {
    client.attachment::<Downlink<RemoteConfig>>().is_granted()
}

/// Asks for the configuration and waits up to `timeout_ms` until the receiver has it.
///
/// `Failure` in the receiver's own call: its buffer is in use. A lost connection ends the wait, since the reply went down
/// with it.
pub fn get(client: &Client, timeout_ms: u32) -> Result<(), Error> {
    let downlink = client.attachment::<Downlink<RemoteConfig>>();
    let config = &downlink.service;
    let seen = {
        let state = config.state();
        if state.inside.contains(&thread::current().id()) {
            return Err(Error::Failure);
        }
        state.replies
    };
    let losses = client.losses();
    client.publish(format!("$config/operation/{}", device_path(client)).as_bytes(), 0, false, REQUEST)?;
    let is_answered = || config.state().replies != seen;
    let waited = wait(client, timeout_ms, &|| is_answered() || client.losses() != losses);
    match waited {
        _ if is_answered() => config.state().outcome.map_or(Ok(()), Err),
        Waited::Done if client.reconnects() => Err(Error::AttemptingReconnect),
        Waited::Done | Waited::Offline => Err(Error::NoConn),
        Waited::NoMemory => Err(Error::Malloc),
        Waited::TimeOver => Err(Error::RequestTimeout),
    }
}

fn device_path(client: &Client) -> String {
    format!("{}/{}", client.identity().product_id(), client.identity().device_name())
}

impl RemoteConfig {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a document to the application.
    fn deliver(&self, client: &Client, errcode: i32, message: &[u8]) -> Result<(), NoRoom> {
        let receiver = {
            let mut state = self.state();
            state.inside.push(thread::current().id());
            state.receiver.clone()
        };
        let _inside = Inside(self);
        let document = json::find(b"payload", message).map(|value| value.text).unwrap_or_default();
        let taken =
            receiver.map_or(Ok(()), |receiver| receiver.take(client, errcode, document, message.len()));
        taken.inspect_err(|NoRoom| {
            log!(
                Level::Error,
                FILE,
                ON_MESSAGE,
                "message of {} bytes does not fit into the buffer",
                message.len()
            )
        })
    }

    /// Ends the requests that wait.
    fn reply(&self, outcome: Option<Error>) {
        let mut state = self.state();
        state.replies += 1;
        state.outcome = outcome;
    }
}

/// The application's handler runs until this is dropped, also by a panic.
struct Inside<'a>(&'a RemoteConfig);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.state().inside.pop();
    }
}

impl Service for RemoteConfig {
    const FILE: &'static str = FILE;

    fn on_message(&self, client: &Client, message: &mut Message) {
        let message = message.payload();
        match content(message) {
            Some(Content::Push) => {
                let _logged = self.deliver(client, 0, message);
            }
            Some(Content::Reply(Some(errcode))) => {
                let delivered = self.deliver(client, errcode, message);
                self.reply(delivered.err().map(|NoRoom| Error::JsonBufferTruncated));
            }
            Some(Content::Reply(None)) => {
                log!(Level::Error, FILE, ON_MESSAGE, "reply without result");
                self.reply(Some(Error::Json));
            }
            Some(Content::Unknown) => log!(Level::Debug, FILE, ON_MESSAGE, "message of unknown type ignored"),
            None => log!(Level::Error, FILE, ON_MESSAGE, "message is no JSON object with a type"),
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// A document that nobody asked for.
    Push,
    /// An answer, with its result.
    Reply(Option<i32>),
    /// Something of a later platform.
    Unknown,
}

fn content(message: &[u8]) -> Option<Content> {
    if !json::is_object(message) {
        return None;
    }
    let kind = json::find(b"type", message).filter(|kind| kind.kind == Kind::String)?;
    if kind.is(b"push") {
        return Some(Content::Push);
    }
    if kind.is(b"reply") {
        let result = json::find(b"result", message).and_then(|value| value.integer());
        return Some(Content::Reply(result.and_then(|result| i32::try_from(result).ok())));
    }
    Some(Content::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let push = Some(Content::Push);
        assert_eq!(content(br#"{"type":"push","payload":{"interval":30,"unit":"C"}}"#), push);
        assert_eq!(content(br#" { "payload" : {} , "result" : 0 , "type" : "push" } "#), push);
        let reply = |result| Some(Content::Reply(result));
        assert_eq!(content(br#"{"type":"reply","result":1001,"payload":{}}"#), reply(Some(1001)));
        assert_eq!(content(br#"{"type":"reply","result":"1002"}"#), reply(Some(1002)));
        for result in ["true", "\"x\"", "null", "4294967296"] {
            assert_eq!(content(format!(r#"{{"type":"reply","result":{result}}}"#).as_bytes()), reply(None));
        }
        assert_eq!(content(br#"{"type":"reply"}"#), reply(None));
        assert_eq!(content(br#"{"type":"news"}"#), Some(Content::Unknown));
    }

    #[test]
    fn what_is_no_whole_object_with_a_type_is_nothing() {
        for message in ["", "[]", "{}", "push", r#"{"type":1}"#, r#"{"payload":{}}"#, r#"["push"]"#] {
            assert_eq!(content(message.as_bytes()), None, "{message}");
        }
        let whole = r#"{"type":"reply","result":0,"payload":{"a":[1,{"b":"c"}]}}"#;
        assert!(content(whole.as_bytes()).is_some());
        for len in 0..whole.len() {
            assert_eq!(content(&whole.as_bytes()[..len]), None, "cut off at {len}");
        }
        assert_eq!(content(format!("{whole}}}").as_bytes()), None);
    }
}
