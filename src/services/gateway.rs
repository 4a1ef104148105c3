//! Gateways: devices that speak for sub-devices over their own connection (`gateway.md`).
//!
//! Requests wait for their replies. Of each operation one request is under way, since a reply names no request; further
//! callers wait for their turn. A reply changes the table of sessions when it arrives, so that what the platform pushes
//! behind it is not undone by the caller that wakes up later.

mod messages;
mod sessions;
mod signature;

use crate::client::Client;
use crate::client::callback::{ClientEvent, Message, Publish};
use crate::client::identity::Identity;
use crate::error::Error;
use crate::hal::{clock, random};
use crate::log::{Level, Payload, log};
use crate::services::downlink::{Downlink, Patience, Service};
use crate::services::requests::{self, Waited};
use messages::{Incoming, Operation, Proof};
use sessions::{Reply, Sessions};
pub use signature::BindKey;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const FILE: &str = "gateway_api.c";

/// Longest wait for the subscription and for a reply, in ms.
const REPLY_MS: u32 = 20_200;
/// How long a caller whose turn has not come sleeps before it looks again, in ms.
const TURN_MS: u32 = 100;
/// Devices in one acknowledgement, so that it stays below the largest message.
const ACK_DEVICES: usize = 100;

/// A gateway on its client.
pub struct Gateway {
    client: Arc<Client>,
    link: Arc<Downlink<SubDevices>>,
}

/// What a gateway knows of its sub-devices.
#[derive(Debug, Default)]
pub struct SubDevices(Mutex<Sessions>);

impl SubDevices {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gateway {
    /// Listens to the platform on a connected client. The caller destroys the client after an error: `SubNack` when the
    /// platform refuses the topic, `RequestTimeout` when it does not answer, or why the connection ended.
    pub fn open(client: Arc<Client>) -> Result<Gateway, Error> {
        let link = Downlink::new(SubDevices::default());
        let filter = format!("$gateway/operation/result/{}", path(client.identity()));
        link.start(&client, &filter, 1, &Patience::rounds(&[REPLY_MS]))?;
        Ok(Gateway { client, link })
    }

    /// The client that the gateway speaks over.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Brings a sub-device online. The error is -224 if it is, -1004, the platform's code, or -1001.
    pub fn online(&self, gateway: &Identity, sub_device: &Identity) -> Result<(), i32> {
        let turn = self.turn(Operation::Online, Some(sub_device))?;
        self.sessions().begin(sub_device).map_err(Error::code)?;
        let answer = self.ask(turn, gateway, messages::request(Operation::Online, sub_device).as_deref());
        if answer.is_err() {
            self.sessions().give_up(sub_device);
        }
        succeeded(answer)
    }

    /// Takes a sub-device offline. The error is -222 if it is not online, -1004, the platform's code, or -1001.
    pub fn offline(&self, gateway: &Identity, sub_device: &Identity) -> Result<(), i32> {
        let turn = self.turn(Operation::Offline, Some(sub_device))?;
        if !self.sessions().contains(sub_device) {
            return Err(Error::GatewaySessionNoExist.code());
        }
        succeeded(self.ask(turn, gateway, messages::request(Operation::Offline, sub_device).as_deref()))
    }

    /// Binds a sub-device, which `key` vouches for. The error is -1004, the platform's code, or -1001.
    pub fn bind(&self, gateway: &Identity, sub_device: &Identity, key: &BindKey) -> Result<(), i32> {
        let turn = self.turn(Operation::Bind, Some(sub_device))?;
        // Half of the range: the platform may read it as a signed number.
        let random = random::number().map_err(Error::code)? >> 1;
        let timestamp = clock::epoch_seconds();
        let signature = key.sign(sub_device, random, timestamp);
        let proof = Proof { signature: &signature, random, timestamp, auth_type: AUTH_TYPE };
        succeeded(self.ask(turn, gateway, messages::bind_request(sub_device, &proof).as_deref()))
    }

    /// Ends the binding of a sub-device, and its session. The error is -1004, the platform's code, or -1001.
    pub fn unbind(&self, gateway: &Identity, sub_device: &Identity) -> Result<(), i32> {
        let turn = self.turn(Operation::Unbind, Some(sub_device))?;
        succeeded(self.ask(turn, gateway, messages::request(Operation::Unbind, sub_device).as_deref()))
    }

    /// What is bound to the gateway, in the platform's order. The error is -1004, or -1001.
    pub fn bind_list(&self, gateway: &Identity) -> Result<Vec<Identity>, i32> {
        let turn = self.turn(Operation::List, None)?;
        match self.ask(turn, gateway, Ok(messages::LIST_REQUEST))? {
            Reply::List(sub_devices) => Ok(sub_devices),
            Reply::NoMemory => Err(Error::Malloc.code()),
            Reply::Code(_) => Err(Error::Failure.code()),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.link.service.sessions()
    }

    /// Waits until no other request of this kind is under way.
    fn turn(&self, operation: Operation, sub_device: Option<&Identity>) -> Result<Turn<'_>, i32> {
        if self.client.is_in_callback() {
            log!(Level::Error, FILE, "turn", "{}: cannot wait for a reply in a callback", operation.name());
            return Err(Error::Failure.code());
        }
        let deadline = self.client.now() + u64::from(REPLY_MS);
        while !self.sessions().ask(operation, sub_device) {
            let is_free = || !self.sessions().is_asking(operation);
            let waited = requests::wait(&self.client, TURN_MS, &is_free);
            if waited == Waited::Offline || self.client.now() >= deadline {
                log!(Level::Error, FILE, "turn", "{}: another request is under way", operation.name());
                return Err(Error::Failure.code());
            }
        }
        Ok(Turn { sub_devices: &self.link.service, operation })
    }

    /// Sends a request and waits for its reply. Without a connection there will be none: then it fails at once. An error
    /// of `request` is that it could not be written.
    fn ask(&self, turn: Turn, gateway: &Identity, request: Result<&[u8], &Error>) -> Result<Reply, i32> {
        const FUNCTION: &str = "_gateway_publish_and_wait";
        let kind = turn.operation.name();
        let losses = self.client.losses();
        let topic = format!("$gateway/operation/{}", path(gateway));
        let sent = request
            .map_err(|error| *error)
            .and_then(|request| self.client.publish(topic.as_bytes(), 0, false, request));
        if let Err(error) = sent {
            log!(Level::Error, FILE, FUNCTION, "{kind}: publish failed: {error}");
            return Err(if error == Error::Malloc { error.code() } else { Error::Failure.code() });
        }
        let is_lost = || self.client.losses() != losses || !self.client.is_connected();
        let is_answered = || self.sessions().is_answered(turn.operation);
        let waited = requests::wait(&self.client, REPLY_MS, &|| is_answered() || is_lost());
        let reply = self.sessions().take_reply(turn.operation);
        reply.ok_or_else(|| {
            let (cause, error) = match waited {
                _ if is_lost() => ("connection lost", Error::Failure),
                Waited::NoMemory => ("no memory", Error::Malloc),
                _ => ("timeout", Error::Failure),
            };
            log!(Level::Error, FILE, FUNCTION, "{kind}: no reply: {cause}");
            error.code()
        })
    }
}

#[cfg(not(feature = "auth_mode_cert"))]
const AUTH_TYPE: &str = "psk";
#[cfg(feature = "auth_mode_cert")]
const AUTH_TYPE: &str = "certificate";

fn succeeded(reply: Result<Reply, i32>) -> Result<(), i32> {
    match reply? {
        Reply::Code(0) => Ok(()),
        Reply::Code(code) => Err(code),
        Reply::List(_) | Reply::NoMemory => Err(Error::Failure.code()),
    }
}

fn path(identity: &Identity) -> String {
    format!("{}/{}", identity.product_id(), identity.device_name())
}

/// The request of its kind that is under way, until this is dropped.
struct Turn<'a> {
    sub_devices: &'a SubDevices,
    operation: Operation,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.sub_devices.sessions().end(self.operation);
    }
}

impl Service for SubDevices {
    const FILE: &'static str = FILE;
    /// The original keeps the answers to its own SUBSCRIBE from the application.
    const HIDES_ANSWERS: bool = true;

    fn on_message(&self, client: &Client, message: &mut Message) {
        const FUNCTION: &str = "_gateway_message_handler";
        log!(
            Level::Debug,
            FILE,
            FUNCTION,
            "Recv Msg Topic:{}, payload:{}",
            Payload(message.topic()),
            Payload(message.payload())
        );
        match Incoming::parse(message.payload()) {
            Ok(Incoming::Result { operation, sub_device, result }) => {
                self.sessions().take_result(operation, &sub_device, result);
            }
            Ok(Incoming::List(sub_devices)) => self.sessions().take_list(sub_devices),
            Ok(Incoming::Search(status)) => {
                acknowledge(client, messages::search_ack(status).as_deref());
                client.tell_application(ClientEvent::GatewaySearch(status));
            }
            Ok(Incoming::UnbindAll) => {
                self.sessions().clear();
                acknowledge(client, Ok(messages::UNBIND_ALL_ACK));
                client.tell_application(ClientEvent::GatewayUnbindAll);
            }
            Ok(Incoming::Change { status, sub_devices }) => {
                if status == 0 {
                    self.sessions().remove(&sub_devices);
                }
                // One message, also for none.
                for some in sub_devices.chunks(ACK_DEVICES).chain(sub_devices.is_empty().then_some(&[][..])) {
                    acknowledge(client, messages::change_ack(status, some).as_deref());
                }
            }
            Err(problem) => log!(Level::Error, FILE, FUNCTION, "message dropped: {problem}"),
        }
    }

    /// The platform takes sub-devices offline with their gateway. They come back before the subscriptions that were
    /// made for them are renewed, and behind ours, which brings the replies.
    fn on_renewed(&self, client: &Client, publish: &mut Publish) -> Result<(), Error> {
        let topic = format!("$gateway/operation/{}", path(client.identity()));
        let sub_devices = self.sessions().renew()?;
        sub_devices.iter().try_for_each(|sub_device| {
            publish(topic.as_bytes(), &messages::request(Operation::Online, sub_device)?)
        })
    }
}

fn acknowledge(client: &Client, message: Result<&[u8], &Error>) {
    let topic = format!("$gateway/operation/{}", path(client.identity()));
    let sent = message
        .map_err(|error| *error)
        .and_then(|message| client.publish(topic.as_bytes(), 0, false, message));
    if let Err(error) = sent {
        log!(Level::Error, FILE, "acknowledge", "acknowledgement not sent: {error}");
    }
}
