//! `qcloud_iot_export_mqtt.h`.

use super::raw;
use core::ffi::{c_char, c_int, c_void};

/// Quality of service of a message or of a subscription.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QoS {
    /// At most once: sent, not acknowledged.
    QOS0 = 0,
    /// At least once: acknowledged by the other side.
    QOS1 = 1,
    /// Exactly once: not offered by the platform, refused with QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT.
    QOS2 = 2,
}

/// What an event handler is told, and what `MQTTEventMsg.msg` is then.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MQTTEventType {
    /// Never delivered.
    MQTT_EVENT_UNDEF = 0,
    /// The connection was lost; once per loss. msg: NULL.
    MQTT_EVENT_DISCONNECT = 1,
    /// Connected again and the subscriptions are on their way; once per reconnection. msg: NULL.
    MQTT_EVENT_RECONNECT = 2,
    /// The server granted a subscription. msg: packet id as integer.
    MQTT_EVENT_SUBCRIBE_SUCCESS = 3,
    /// No answer to a subscription within the command timeout. msg: packet id as integer.
    MQTT_EVENT_SUBCRIBE_TIMEOUT = 4,
    /// The server refused a subscription. msg: packet id as integer.
    MQTT_EVENT_SUBCRIBE_NACK = 5,
    /// The server ended a subscription as asked. msg: packet id as integer.
    MQTT_EVENT_UNSUBCRIBE_SUCCESS = 6,
    /// No answer to an unsubscription within the command timeout. msg: packet id as integer.
    MQTT_EVENT_UNSUBCRIBE_TIMEOUT = 7,
    /// Never delivered: MQTT 3.1.1 has no refusal of an unsubscription.
    MQTT_EVENT_UNSUBCRIBE_NACK = 8,
    /// The server has a QOS1 message. msg: packet id as integer.
    MQTT_EVENT_PUBLISH_SUCCESS = 9,
    /// No acknowledgement of a QOS1 message within the command timeout; not sent again. msg: packet id as integer.
    MQTT_EVENT_PUBLISH_TIMEOUT = 10,
    /// The server refused a QOS1 message. msg: packet id as integer.
    MQTT_EVENT_PUBLISH_NACK = 11,
    /// A message came that no message handler took. msg: MQTTMessage *, valid during the call.
    MQTT_EVENT_PUBLISH_RECVEIVED = 12,
    /// The client is being destroyed; to the event handlers of subscriptions only.
    MQTT_EVENT_CLIENT_DESTROY = 13,
    /// The subscription was removed with IOT_MQTT_Unsubscribe; to its own event handler only.
    MQTT_EVENT_UNSUBSCRIBE = 14,
    /// The platform asks the gateway to search for sub-devices. msg: int32_t *, valid during the call.
    MQTT_EVENT_GATEWAY_SEARCH = 15,
    /// The platform has unbound all sub-devices of the gateway. msg: NULL.
    MQTT_EVENT_GATEWAY_UNBIND_ALL = 16,
}

/// A message to publish or received.
///
/// In a received message all pointers are valid during the handler only. Topic and payload are each followed by a NUL
/// byte that is not counted, and both may be changed in place.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MQTTMessage {
    /// QOS0 or QOS1.
    pub qos: raw::QoS,
    /// 1: the server keeps the message for later subscribers.
    pub retained: u8,
    /// Received: 1 if the server sent it before. Ignored when publishing.
    pub dup: u8,
    /// Packet id: received with QOS1, or written by IOT_MQTT_Publish with QOS1.
    pub id: u16,
    /// Received: topic of the message. Ignored when publishing.
    pub ptopic: *const c_char,
    /// Bytes of ptopic, terminator not counted.
    pub topic_len: usize,
    /// Content; any bytes. Must not be NULL when publishing, also if payload_len is 0.
    pub payload: *mut c_void,
    /// Bytes of payload.
    pub payload_len: usize,
}

/// What IOT_MQTT_Publish takes; see DEFAULT_PUB_PARAMS.
pub type PublishParams = MQTTMessage;

/// Takes the messages of a subscription.
///
/// Runs in the thread that calls IOT_MQTT_Yield, or in the loop thread. All functions of the client may be called.
///
/// @param pClient    client that received the message
/// @param message    the message; valid during the call only
/// @param pUserData  SubscribeParams.user_data
pub type OnMessageHandler =
    Option<unsafe extern "C" fn(pClient: *mut c_void, message: *mut MQTTMessage, pUserData: *mut c_void)>;

/// Takes the events of one subscription: 3, 4, 5, 13 and 14 of MQTTEventType.
///
/// Runs in the thread that calls IOT_MQTT_Yield, IOT_MQTT_Unsubscribe or IOT_MQTT_Destroy, or in the loop thread.
///
/// @param pClient     client of the subscription
/// @param event_type  what happened
/// @param pUserData   SubscribeParams.user_data
pub type OnSubEventHandler = Option<
    unsafe extern "C" fn(pClient: *mut c_void, event_type: raw::MQTTEventType, pUserData: *mut c_void),
>;

/// What IOT_MQTT_Subscribe takes; see DEFAULT_SUB_PARAMS. Copied before the call returns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SubscribeParams {
    /// Highest quality the server may deliver with: QOS0 or QOS1.
    pub qos: raw::QoS,
    /// Takes the messages; NULL: they go to the client's event handler as event 12.
    pub on_message_handler: OnMessageHandler,
    /// Takes the events of this subscription; may be NULL.
    pub on_sub_event_handler: OnSubEventHandler,
    /// Handed to both handlers; must stay valid until event 13 or 14.
    pub user_data: *mut c_void,
}

/// An event of a client.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MQTTEventMsg {
    /// What happened.
    pub event_type: raw::MQTTEventType,
    /// Depends on event_type: a packet id as `(uintptr_t)msg`, a pointer, or NULL.
    pub msg: *mut c_void,
}

/// Takes the events of a client.
///
/// Runs in the thread that calls IOT_MQTT_Yield, or in the loop thread. All functions of the client may be called.
///
/// @param pclient  client the event belongs to
/// @param context  MQTTEventHandler.context
/// @param msg      the event; valid during the call only
pub type MQTTEventHandleFun =
    Option<unsafe extern "C" fn(pclient: *mut c_void, context: *mut c_void, msg: *mut MQTTEventMsg)>;

/// Event handler of a client and its context.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct MQTTEventHandler {
    /// Takes the events; may be NULL.
    pub h_fp: MQTTEventHandleFun,
    /// Handed to h_fp; must stay valid as long as the client.
    pub context: *mut c_void,
}

/// What IOT_MQTT_Construct takes; see DEFAULT_MQTTINIT_PARAMS. All strings are copied before the call returns.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(not(feature = "auth_mode_cert"))]
pub struct MQTTInitParams {
    /// Region of the platform, such as "china"; or the URL of a server: ws://, wss://, mqtt:// or mqtts:// with
    /// host[:port][/path].
    pub region: *mut c_char,
    /// Product id.
    pub product_id: *mut c_char,
    /// Device name.
    pub device_name: *mut c_char,
    /// Device secret, base64.
    pub device_secret: *mut c_char,
    /// ms until an unanswered request counts as failed: 500 to 20000; other values are corrected here.
    pub command_timeout: u32,
    /// ms without traffic after which a ping is sent: up to 690000, below 1000 none.
    pub keep_alive_interval_ms: u32,
    /// 1: the server forgets the session when the connection ends.
    pub clean_session: u8,
    /// 1: a lost connection is made again inside IOT_MQTT_Yield or the loop thread.
    pub auto_connect_enable: u8,
    /// Takes the events of the client.
    pub event_handle: MQTTEventHandler,
    /// Out: why IOT_MQTT_Construct returned NULL (IoT_Return_Code).
    pub err_code: c_int,
}

/// What IOT_MQTT_Construct takes; see DEFAULT_MQTTINIT_PARAMS. All strings are copied before the call returns.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(feature = "auth_mode_cert")]
pub struct MQTTInitParams {
    /// Region of the platform, such as "china"; or the URL of a server: ws://, wss://, mqtt:// or mqtts:// with
    /// host[:port][/path].
    pub region: *mut c_char,
    /// Product id.
    pub product_id: *mut c_char,
    /// Device name.
    pub device_name: *mut c_char,
    /// Path of the device certificate (PEM), FILE_PATH_MAX_LEN bytes with the terminator.
    pub cert_file: [c_char; 256],
    /// Path of the device's private key (PEM), FILE_PATH_MAX_LEN bytes with the terminator.
    pub key_file: [c_char; 256],
    /// ms until an unanswered request counts as failed: 500 to 20000; other values are corrected here.
    pub command_timeout: u32,
    /// ms without traffic after which a ping is sent: up to 690000, below 1000 none.
    pub keep_alive_interval_ms: u32,
    /// 1: the server forgets the session when the connection ends.
    pub clean_session: u8,
    /// 1: a lost connection is made again inside IOT_MQTT_Yield or the loop thread.
    pub auto_connect_enable: u8,
    /// Takes the events of the client.
    pub event_handle: MQTTEventHandler,
    /// Out: why IOT_MQTT_Construct returned NULL (IoT_Return_Code).
    pub err_code: c_int,
}
