//! How a client reaches the application: traits that the C interface and the services implement.

use super::Client;
use crate::error::Error;
use crate::mqtt::packet;
use crate::mqtt::table::Subscriber;
use std::sync::Arc;

/// What is told about one topic filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicEvent {
    /// Granted.
    Subscribed,
    /// No answer in time.
    SubscribeTimeout,
    /// Refused.
    SubscribeRefused,
    /// Removed by the application.
    Unsubscribed,
    /// The client is going away.
    ClientDestroyed,
}

/// What is told about the client.
#[derive(Debug)]
pub enum ClientEvent<'a> {
    /// The connection is lost.
    Disconnected,
    /// The connection is back.
    Reconnected,
    /// Answer to a SUBSCRIBE, with its packet id.
    Subscribed(u16),
    /// No answer to a SUBSCRIBE in time.
    SubscribeTimeout(u16),
    /// SUBSCRIBE refused.
    SubscribeRefused(u16),
    /// Answer to an UNSUBSCRIBE.
    Unsubscribed(u16),
    /// No answer to an UNSUBSCRIBE in time.
    UnsubscribeTimeout(u16),
    /// QoS 1 message acknowledged.
    Published(u16),
    /// No acknowledgement in time.
    PublishTimeout(u16),
    /// QoS 1 message refused.
    PublishRefused(u16),
    /// A message that no subscription takes.
    Message(&'a mut Message),
    /// The platform starts (1) or stops (0) the search for sub-devices.
    #[cfg(feature = "gateway_enabled")]
    GatewaySearch(i32),
    /// The platform has unbound all sub-devices.
    #[cfg(feature = "gateway_enabled")]
    GatewayUnbindAll,
}

/// Sends a message with QoS 0: topic and payload.
pub type Publish<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Error> + 'a;

/// Gets the messages and events of a subscription. Called without locks, from the thread that yields (removal and
/// destruction: from the thread that asks for them).
pub trait Handler: Send + Sync {
    /// A message; it is gone when the call returns.
    fn on_message(&self, client: &Client, message: &mut Message);
    /// Something happened to the subscription.
    fn on_event(&self, client: &Client, event: TopicEvent);
    /// Whether messages go here at all.
    fn takes_messages(&self) -> bool;
    /// Addresses of the handlers and of the user data: equal ones are the same subscription.
    fn identity(&self) -> HandlerIdentity;
    /// Whether the answers to SUBSCRIBE are kept from the event handler of the client.
    fn hides_answers(&self) -> bool {
        false
    }
    /// The subscription has been asked for again on a new connection. What is published here goes out before the
    /// subscriptions behind this one are renewed and before anybody hears of the connection. An error gives it up.
    fn on_renewed(&self, _client: &Client, _publish: &mut Publish) -> Result<(), Error> {
        Ok(())
    }
}

/// Tells subscriptions to the same filter apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerIdentity {
    /// Address of the message handler.
    pub message: usize,
    /// Address of the event handler.
    pub event: usize,
    /// Address of the user data.
    pub data: usize,
}

/// Gets the events of a client.
pub trait Observer: Send + Sync {
    /// Something happened. Called without locks, from the thread that yields.
    fn on_event(&self, client: &Client, event: ClientEvent<'_>);
}

/// A shared [`Handler`].
#[derive(Clone)]
pub struct Target(pub Arc<dyn Handler>);

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Target({:?})", self.0.identity())
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Target) -> bool {
        self.0.identity() == other.0.identity()
    }
}

impl Subscriber for Target {
    fn takes_messages(&self) -> bool {
        self.0.takes_messages()
    }

    fn is_same_handler(&self, other: &Target) -> bool {
        let (own, other) = (self.0.identity(), other.0.identity());
        (own.message, own.event) == (other.message, other.event)
    }

    fn is_same_data(&self, other: &Target) -> bool {
        self.0.identity().data == other.0.identity().data
    }
}

/// What the buffer of a message keeps when nothing comes for a while, in bytes.
const SPARE_SIZE: usize = 4096;

/// A received message in a buffer of its own, which a nested Yield does not touch. Topic and payload are each
/// followed by a NUL byte, and the handler may write to both: JSON helpers do.
#[derive(Debug, Default)]
pub struct Message {
    bytes: Vec<u8>,
    topic_len: usize,
    payload_len: usize,
    /// 0, 1 or 2.
    pub qos: u8,
    /// The server sent it before.
    pub dup: bool,
    /// Stored by the server before we subscribed.
    pub retain: bool,
    /// Packet id, 0 for QoS 0.
    pub id: u16,
}

impl Message {
    /// A message for tests of services.
    #[cfg(test)]
    pub fn of(topic: &[u8], payload: &[u8]) -> Message {
        let mut message = Message::default();
        message.reserve(topic.len() + payload.len()).unwrap();
        message.fill(&packet::Publish { topic, payload, qos: 0, dup: false, retain: false, id: 0 });
        message
    }

    /// Makes room for a message of this length, topic and payload together.
    pub(super) fn reserve(&mut self, len: usize) -> Result<(), Error> {
        self.bytes.clear();
        self.bytes.try_reserve(len + 2).map_err(|_| Error::Malloc)
    }

    /// Takes a copy of `publish` into the buffer, which has room for it.
    pub(super) fn fill(&mut self, publish: &packet::Publish) {
        self.bytes.clear();
        self.bytes.extend_from_slice(publish.topic);
        self.bytes.push(0);
        self.bytes.extend_from_slice(publish.payload);
        self.bytes.push(0);
        self.topic_len = publish.topic.len();
        self.payload_len = publish.payload.len();
        (self.qos, self.dup, self.retain, self.id) = (publish.qos, publish.dup, publish.retain, publish.id);
    }

    /// Gives the memory of a large message back.
    pub(super) fn shrink(&mut self) {
        if self.bytes.capacity() > SPARE_SIZE {
            self.bytes = Vec::new();
        }
    }

    /// Topic without its terminator.
    pub fn topic(&self) -> &[u8] {
        self.bytes.get(..self.topic_len).unwrap_or_default()
    }

    /// Payload without its terminator.
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(self.topic_len + 1..self.topic_len + 1 + self.payload_len).unwrap_or_default()
    }

    /// Payload and its terminator.
    pub fn payload_with_nul(&self) -> &[u8] {
        self.bytes.get(self.topic_len + 1..).unwrap_or_default()
    }

    /// Topic and payload for a handler that may write to them, terminators included.
    pub fn parts_mut(&mut self) -> (&mut [u8], &mut [u8]) {
        self.bytes.split_at_mut_checked(self.topic_len + 1).unwrap_or_default()
    }
}
