//! `qcloud_iot_export_coap.h`.

use super::raw;
use core::ffi::{c_char, c_uchar, c_void};

/// What an event handler is told, and what `CoAPEventMessage.message` is then.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoAPEventType {
    /// The server has a message. message: message id as integer.
    COAP_EVENT_RECEIVE_ACK = 0,
    /// The server sent response content. message: handle for IOT_COAP_GetMessage*, valid during the call.
    COAP_EVENT_RECEIVE_RESPCONTENT = 1,
    /// The server does not accept the access token. message: message id as integer.
    COAP_EVENT_UNAUTHORIZED = -1,
    /// The server refused a message. message: message id as integer.
    COAP_EVENT_FORBIDDEN = -2,
    /// The server failed. message: message id as integer.
    COAP_EVENT_INTERNAL_SERVER_ERROR = -3,
    /// No acknowledgement after all retransmissions. message: message id as integer.
    COAP_EVENT_ACK_TIMEOUT = -4,
    /// No response content in time. message: message id as integer.
    COAP_EVENT_SEPRESP_TIMEOUT = -5,
}

/// An event of a CoAP client.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CoAPEventMessage {
    /// What happened.
    pub event_type: raw::CoAPEventType,
    /// Depends on event_type: a message id as `(uintptr_t)message`, or a message handle.
    pub message: *mut c_void,
}

/// Takes the response to one message. Runs in the thread that yields.
///
/// @param message      handle for IOT_COAP_GetMessage*; valid during the call
/// @param userContext  SendMsgParams.user_context
pub type OnRespCallback = Option<unsafe extern "C" fn(message: *mut c_void, userContext: *mut c_void)>;

/// Takes the events of a client. Runs in the thread that yields.
///
/// @param pcontext  CoAPEventHandler.context
/// @param message   the event; valid during the call
pub type CoAPEventHandleFunc =
    Option<unsafe extern "C" fn(pcontext: *mut c_void, message: *mut CoAPEventMessage)>;

/// Event handler of a CoAP client and its context.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CoAPEventHandler {
    /// Takes the events; may be NULL.
    pub h_fp: CoAPEventHandleFunc,
    /// Handed to h_fp; must stay valid as long as the client.
    pub context: *mut c_void,
}

/// What IOT_COAP_SendMessage takes; see DEFAULT_SENDMSG_PARAMS.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SendMsgParams {
    /// true: the server is asked for response content.
    pub need_resp: bool,
    /// Content; copied.
    pub pay_load: *mut c_char,
    /// Bytes of pay_load.
    pub pay_load_len: usize,
    /// Handed to resp_callback; must stay valid until then.
    pub user_context: *mut c_void,
    /// Takes the response content; may be NULL.
    pub resp_callback: OnRespCallback,
}

/// What IOT_COAP_Construct takes; see DEFAULT_COAPINIT_PARAMS. All strings are copied before the call returns.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(not(feature = "auth_mode_cert"))]
pub struct CoAPInitParams {
    /// Region.
    pub region: *mut c_char,
    /// Product id.
    pub product_id: *mut c_char,
    /// Device name.
    pub device_name: *mut c_char,
    /// Device secret, base64.
    pub device_secret: *mut c_char,
    /// ms: 500 to 5000.
    pub command_timeout: u32,
    /// Retransmissions of an unacknowledged message.
    pub max_retry_count: c_uchar,
    /// Takes the events of the client.
    pub event_handle: CoAPEventHandler,
}

/// What IOT_COAP_Construct takes; see DEFAULT_COAPINIT_PARAMS. All strings are copied before the call returns.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(feature = "auth_mode_cert")]
pub struct CoAPInitParams {
    /// Region.
    pub region: *mut c_char,
    /// Product id.
    pub product_id: *mut c_char,
    /// Device name.
    pub device_name: *mut c_char,
    /// Path of the device certificate (PEM).
    pub cert_file: [c_char; 256],
    /// Path of the device's private key (PEM).
    pub key_file: [c_char; 256],
    /// ms: 500 to 5000.
    pub command_timeout: u32,
    /// Retransmissions of an unacknowledged message.
    pub max_retry_count: c_uchar,
    /// Takes the events of the client.
    pub event_handle: CoAPEventHandler,
}
