//! Calls the handlers that C has given.

use super::handle;
use super::types::mqtt::{
    MQTTEventHandler, MQTTEventMsg, MQTTEventType, MQTTMessage, OnMessageHandler, OnSubEventHandler,
    SubscribeParams,
};
use crate::client::Client;
use crate::client::callback::{ClientEvent, Handler, HandlerIdentity, Message, Observer, TopicEvent};
use core::ffi::c_void;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Event handler of a client.
pub struct CObserver {
    handler: MQTTEventHandler,
    /// Handle of the service that the handler knows instead of the client.
    subject: Option<Arc<AtomicPtr<c_void>>>,
}

// SAFETY: the application promises that its handler may be called from every thread that yields.
unsafe impl Send for CObserver {}
// SAFETY: as above; calls of one client never overlap.
unsafe impl Sync for CObserver {}

impl CObserver {
    /// Calls `handler`.
    pub fn new(handler: MQTTEventHandler) -> CObserver {
        CObserver { handler, subject: None }
    }

    /// Calls `handler` with the handle in `subject`, which is there before the first event.
    #[cfg(feature = "mqtt_device_shadow")]
    pub fn with_subject(handler: MQTTEventHandler, subject: Arc<AtomicPtr<c_void>>) -> CObserver {
        CObserver { handler, subject: Some(subject) }
    }

    fn subject(&self, client: &Client) -> *mut c_void {
        self.subject.as_ref().map_or_else(|| handle::of(client), |subject| subject.load(Ordering::Acquire))
    }
}

impl Observer for CObserver {
    fn on_event(&self, client: &Client, event: ClientEvent<'_>) {
        let Some(function) = self.handler.h_fp else {
            return;
        };
        // What the event points to has to live until the call returns.
        let mut received;
        #[cfg(feature = "gateway_enabled")]
        let mut status: i32;
        let (event_type, msg) = match event {
            ClientEvent::Disconnected => (MQTTEventType::MQTT_EVENT_DISCONNECT, id(0)),
            ClientEvent::Reconnected => (MQTTEventType::MQTT_EVENT_RECONNECT, id(0)),
            ClientEvent::Subscribed(packet) => (MQTTEventType::MQTT_EVENT_SUBCRIBE_SUCCESS, id(packet)),
            ClientEvent::SubscribeTimeout(packet) => (MQTTEventType::MQTT_EVENT_SUBCRIBE_TIMEOUT, id(packet)),
            ClientEvent::SubscribeRefused(packet) => (MQTTEventType::MQTT_EVENT_SUBCRIBE_NACK, id(packet)),
            ClientEvent::Unsubscribed(packet) => (MQTTEventType::MQTT_EVENT_UNSUBCRIBE_SUCCESS, id(packet)),
            ClientEvent::UnsubscribeTimeout(packet) => {
                (MQTTEventType::MQTT_EVENT_UNSUBCRIBE_TIMEOUT, id(packet))
            }
            ClientEvent::Published(packet) => (MQTTEventType::MQTT_EVENT_PUBLISH_SUCCESS, id(packet)),
            ClientEvent::PublishTimeout(packet) => (MQTTEventType::MQTT_EVENT_PUBLISH_TIMEOUT, id(packet)),
            ClientEvent::PublishRefused(packet) => (MQTTEventType::MQTT_EVENT_PUBLISH_NACK, id(packet)),
            ClientEvent::Message(message) => {
                received = c_message(message);
                (MQTTEventType::MQTT_EVENT_PUBLISH_RECVEIVED, (&raw mut received).cast())
            }
            #[cfg(feature = "gateway_enabled")]
            ClientEvent::GatewaySearch(value) => {
                status = value;
                (MQTTEventType::MQTT_EVENT_GATEWAY_SEARCH, (&raw mut status).cast())
            }
            #[cfg(feature = "gateway_enabled")]
            ClientEvent::GatewayUnbindAll => (MQTTEventType::MQTT_EVENT_GATEWAY_UNBIND_ALL, id(0)),
        };
        let mut event = MQTTEventMsg { event_type: event_type as _, msg };
        // SAFETY: the handler and its context are valid as long as the client, the event during the call.
        unsafe { function(self.subject(client), self.handler.context, &mut event) }
    }
}

/// Handlers of a subscription.
pub struct CHandler {
    on_message: OnMessageHandler,
    on_event: OnSubEventHandler,
    user_data: *mut c_void,
}

// SAFETY: the application promises that its handlers may be called from every thread that yields.
unsafe impl Send for CHandler {}
// SAFETY: as above; calls of one client never overlap.
unsafe impl Sync for CHandler {}

impl CHandler {
    /// Calls the handlers of `params`.
    pub fn new(params: &SubscribeParams) -> CHandler {
        CHandler {
            on_message: params.on_message_handler,
            on_event: params.on_sub_event_handler,
            user_data: params.user_data,
        }
    }
}

impl Handler for CHandler {
    fn on_message(&self, client: &Client, message: &mut Message) {
        if let Some(function) = self.on_message {
            let mut message = c_message(message);
            // SAFETY: handler and user data are valid until the subscription ends, the message during the call.
            unsafe { function(handle::of(client), &mut message, self.user_data) }
        }
    }

    fn on_event(&self, client: &Client, event: TopicEvent) {
        let event_type = match event {
            TopicEvent::Subscribed => MQTTEventType::MQTT_EVENT_SUBCRIBE_SUCCESS,
            TopicEvent::SubscribeTimeout => MQTTEventType::MQTT_EVENT_SUBCRIBE_TIMEOUT,
            TopicEvent::SubscribeRefused => MQTTEventType::MQTT_EVENT_SUBCRIBE_NACK,
            TopicEvent::Unsubscribed => MQTTEventType::MQTT_EVENT_UNSUBSCRIBE,
            TopicEvent::ClientDestroyed => MQTTEventType::MQTT_EVENT_CLIENT_DESTROY,
        };
        if let Some(function) = self.on_event {
            // SAFETY: handler and user data are valid until the subscription ends.
            unsafe { function(handle::of(client), event_type as _, self.user_data) }
        }
    }

    fn takes_messages(&self) -> bool {
        self.on_message.is_some()
    }

    fn identity(&self) -> HandlerIdentity {
        HandlerIdentity {
            message: self.on_message.map_or(0, |function| function as usize),
            event: self.on_event.map_or(0, |function| function as usize),
            data: self.user_data.addr(),
        }
    }
}

/// A C function that takes the content of a message.
#[cfg(any(feature = "broadcast_enabled", feature = "rrpc_enabled"))]
pub type TextFunction = unsafe extern "C" fn(client: *mut c_void, msg: *const core::ffi::c_char, len: u32);

/// Calls `function` with the content of messages.
///
/// # Safety
/// `function` may be called as long as the client lives, from every thread that yields.
#[cfg(any(feature = "broadcast_enabled", feature = "rrpc_enabled"))]
pub unsafe fn text_listener(function: TextFunction) -> std::sync::Arc<crate::services::listener::Callback> {
    std::sync::Arc::new(move |client: &Client, message: &mut Message| {
        // What was received is at most 64 KiB.
        let len = u32::try_from(message.payload().len()).unwrap_or(u32::MAX);
        let (_, payload) = message.parts_mut();
        // SAFETY: callable as long as the client, as promised by the caller; the payload is valid during the call.
        unsafe { function(handle::of(client), payload.as_ptr().cast(), len) }
    })
}

/// A packet id as the value of a pointer.
fn id(packet: u16) -> *mut c_void {
    std::ptr::without_provenance_mut(usize::from(packet))
}

fn c_message(message: &mut Message) -> MQTTMessage {
    let (qos, dup, retained, id) = (message.qos, message.dup, message.retain, message.id);
    let (topic, payload) = message.parts_mut();
    MQTTMessage {
        qos: qos.into(),
        retained: retained.into(),
        dup: dup.into(),
        id,
        ptopic: topic.as_mut_ptr().cast(),
        topic_len: topic.len().saturating_sub(1),
        payload: payload.as_mut_ptr().cast(),
        payload_len: payload.len().saturating_sub(1),
    }
}
