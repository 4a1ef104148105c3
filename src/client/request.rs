//! What the application asks for: publish, subscribe, unsubscribe (`mqtt.md` §§5, 7, 8).

use super::callback::{Handler, Target, TopicEvent};
use super::{Client, lock};
use crate::error::Error;
use crate::hal::reserve;
use crate::log::{Hold, Level, Payload, log};
use crate::mqtt::packet::{self, PublishFrame};
use crate::mqtt::requests::decimal;
use crate::mqtt::topic;
use std::sync::Arc;

/// Largest payload of an outgoing message, in bytes. The platform takes no more.
///
/// `IOT_MQTT_MAX_PAYLOAD` at build time sets another limit.
pub const MAX_PAYLOAD: usize = match option_env!("IOT_MQTT_MAX_PAYLOAD") {
    Some(text) => decimal(text.as_bytes()),
    None => 16 * 1024,
};

const PUBLISH_FILE: &str = "mqtt_client_publish.c";
const PUBLISH: &str = "qcloud_iot_mqtt_publish";

impl Client {
    /// Sends a message; the packet id for QoS 1, 0 for QoS 0. Returns when the message is written, within the
    /// command timeout. Topic and payload are not kept.
    pub fn publish(&self, topic: &[u8], qos: u8, retain: bool, payload: &[u8]) -> Result<u16, Error> {
        reserve::admit()?;
        let _call = self.gate.enter()?;
        if payload.len() > MAX_PAYLOAD {
            return Err(Error::BufTooShort);
        }
        let (id, deadline) = self.start_message(qos)?;
        if let Err(error) = self.send_message(topic, id, retain, payload) {
            self.cancel(id, error);
            return Err(error);
        }
        self.wake_before(deadline);
        Ok(id.unwrap_or(0))
    }

    /// Subscribes; the packet id. The answer comes as an event from Yield.
    pub fn subscribe(&self, filter: &str, qos: u8, handler: Arc<dyn Handler>) -> Result<u16, Error> {
        reserve::admit()?;
        let _call = self.gate.enter()?;
        if !topic::is_valid_filter(filter.as_bytes()) {
            return Err(Error::Inval);
        }
        let now = self.clock.now();
        let id = {
            let mut core = self.core();
            core.check_connected()?;
            core.session.subscribe(now, filter, qos, Target(handler))?
        };
        log!(
            Level::Debug,
            "mqtt_client_subscribe.c",
            "qcloud_iot_mqtt_subscribe",
            "topicName={filter}|packet_id={id}"
        );
        self.send_request(now, id, packet::subscribe(id, filter, qos))
    }

    /// Removes the subscriptions with this filter, tells their handlers in the calling thread, and asks the
    /// server to forget them; the packet id.
    pub fn unsubscribe(&self, filter: &str) -> Result<u16, Error> {
        reserve::admit()?;
        let _call = self.gate.enter()?;
        let removed = self.core().session.remove_subscriptions(filter)?;
        if removed.is_empty() {
            return Err(Error::UnsubFail);
        }
        for entry in removed.iter().take_while(|_| !self.gate.is_closing()) {
            entry.subscriber.0.on_event(self, TopicEvent::Unsubscribed);
        }
        let now = self.clock.now();
        let id = {
            let mut core = self.core();
            core.check_connected()?;
            core.session.unsubscribe(now)?
        };
        log!(
            Level::Debug,
            "mqtt_client_unsubscribe.c",
            "qcloud_iot_mqtt_unsubscribe",
            "topicName={filter}|packet_id={id}"
        );
        self.send_request(now, id, packet::unsubscribe(id, filter))
    }

    /// Drops the subscription of `handler` to `filter`, granted or asked for: it gets no messages and no events any more.
    /// Nothing is sent; what the server still sends goes to the event handler of the client.
    pub fn drop_subscription(&self, filter: &str, handler: Arc<dyn Handler>) {
        self.core().session.drop_subscription(filter, &Target(handler));
    }

    /// Writes a message, whatever the state of the connection; with a packet id its QoS is 1.
    pub(super) fn send_message(
        &self,
        topic: &[u8],
        id: Option<u16>,
        retain: bool,
        payload: &[u8],
    ) -> Result<(), Error> {
        log_message(topic, id, payload);
        let frame = PublishFrame::new(topic, id, retain, payload.len()).ok_or(Error::BufTooShort)?;
        let parts = [frame.head(), topic, frame.id(), payload];
        self.send_packet(&parts, self.config.command_timeout_ms)
    }

    /// Sends a packet, given in parts, with one write. After an error the connection is as good as lost: the
    /// reading thread takes it down.
    pub(super) fn send_packet(&self, parts: &[&[u8]], timeout_ms: u32) -> Result<(), Error> {
        let _hold = Hold::start();
        lock(&self.sender).send(parts, timeout_ms, &self.clock)
    }

    /// Registers a message before it is written: its PUBACK may be faster than we are.
    fn start_message(&self, qos: u8) -> Result<(Option<u16>, u64), Error> {
        let now = self.clock.now();
        let mut core = self.core();
        core.check_connected()?;
        core.session.on_sent(now);
        match qos {
            0 => Ok((None, u64::MAX)),
            _ => Ok((Some(core.session.publish(now)?), now + u64::from(self.config.command_timeout_ms))),
        }
    }

    fn send_request(&self, now: u64, id: u16, packet: Result<Vec<u8>, Error>) -> Result<u16, Error> {
        let sent = packet.and_then(|packet| self.send_packet(&[&packet], self.config.command_timeout_ms));
        if let Err(error) = sent {
            self.cancel(Some(id), error);
            return Err(error);
        }
        self.core().session.on_sent(now);
        self.wake_before(now + u64::from(self.config.command_timeout_ms));
        Ok(id)
    }

    /// A packet could not be written: no event will come for it, and the next Yield takes the link down.
    fn cancel(&self, id: Option<u16>, error: Error) {
        let mut core = self.core();
        if let Some(id) = id {
            core.session.cancel(id);
        }
        // Without a link the loss has been noticed already; without memory nothing was written.
        let has_failed =
            !matches!(error, Error::MaxTopicLength | Error::BufTooShort | Error::NoConn | Error::Malloc);
        if core.lifecycle.is_connected() && has_failed {
            core.broken = Some(error);
            drop(core);
            self.waiter.wake();
        }
    }
}

impl super::Core {
    fn check_connected(&self) -> Result<(), Error> {
        if self.lifecycle.is_connected() && self.broken.is_none() { Ok(()) } else { Err(Error::NoConn) }
    }
}

fn log_message(topic: &[u8], id: Option<u16>, payload: &[u8]) {
    let topic = Payload(topic);
    let payload = Payload(payload);
    match id {
        Some(id) => log!(
            Level::Debug,
            PUBLISH_FILE,
            PUBLISH,
            "publish topic seq={id}|topicName={topic}|payload={payload}"
        ),
        None => log!(
            Level::Debug,
            PUBLISH_FILE,
            PUBLISH,
            "publish packetID=0|topicName={topic}|payload={payload}"
        ),
    }
}
