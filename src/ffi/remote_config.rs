//! C interface: `qcloud_iot_export_remote_config.h`.
#![allow(non_snake_case)]

use super::guard::guard;
use super::types::remote_config::ConfigSubscirbeUserData;
use super::{handle, ptr};
use crate::client::Client;
use crate::error::Error;
use crate::services::remote_config::{self, NoRoom, REQUEST, Receiver};
use core::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

/// Has configurations delivered: those that the platform pushes, and the answers to IOT_Get_Config.
///
/// Subscribes to the topic of the configuration and waits for the answer, serving the connection meanwhile, so handlers
/// may be called. Each call asks anew, and replaces handler and buffer. The subscription ends with IOT_MQTT_Unsubscribe of
/// $config/operation/result/ProductId/DeviceName and with the client; a lost connection renews it.
///
/// @param client               MQTT client
/// @param config_sub_userdata  handler and buffer; used as long as the subscription lasts, not copied. After an error it is
///                             not used any more
/// @param subscribe_timeout    how long the answer is waited for, ms
/// @return packet id, 0 or more; QCLOUD_ERR_INVAL for NULL, also in config_sub_userdata;
///         QCLOUD_ERR_MQTT_REQUEST_TIMEOUT; QCLOUD_ERR_MQTT_SUB when the platform refused; QCLOUD_ERR_MQTT_NO_CONN; the
///         other failures of IOT_MQTT_Subscribe
///
/// # Safety
/// `client` is NULL or a live client, `config_sub_userdata` NULL or valid as long as the subscription, and so is its buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Subscribe_Config(
    client: *mut c_void,
    config_sub_userdata: *mut ConfigSubscirbeUserData,
    subscribe_timeout: c_int,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, NULL or valid, as promised by the caller.
        let (client, user) = unsafe { (handle::client(client), config_sub_userdata.as_ref()) };
        let is_usable = user.is_some_and(|user| user.on_config_proc.is_some() && !user.json_buffer.is_null());
        let Some(client) = client.filter(|_| is_usable) else {
            return Error::Inval.code();
        };
        let receiver = Arc::new(CReceiver(config_sub_userdata));
        let subscribed = remote_config::subscribe(&client, receiver, ms(subscribe_timeout));
        subscribed.map_or_else(Error::code, c_int::from)
    })
}

/// Asks for the configuration and waits for the answer, serving the connection meanwhile; the handler of
/// IOT_Subscribe_Config has been called with the answer when this returns 0.
///
/// Other handlers, and this one with pushed configurations, may be called before. Not to be called from the handler of
/// IOT_Subscribe_Config itself, whose buffer is in use.
///
/// @param client         MQTT client
/// @param json_buffer    work space, takes the request
/// @param buffer_size    bytes of json_buffer, 15 at least
/// @param reply_timeout  how long the answer is waited for, ms
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without a subscription, and inside the handler
///         of IOT_Subscribe_Config; QCLOUD_ERR_JSON_BUFFER_TRUNCATED when json_buffer is too small for the request, or the
///         buffer of the subscription for the answer; QCLOUD_ERR_JSON when the answer has no result;
///         QCLOUD_ERR_MQTT_REQUEST_TIMEOUT; QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT or QCLOUD_ERR_MQTT_NO_CONN when the
///         connection was lost before the answer; QCLOUD_ERR_MALLOC, also when a message was dropped for want of memory
///         that may have been the answer; the other failures of IOT_MQTT_Publish
///
/// # Safety
/// `client` is NULL or a live client, `json_buffer` NULL or of `buffer_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Get_Config(
    client: *mut c_void,
    json_buffer: *mut c_char,
    buffer_size: c_int,
    reply_timeout: c_int,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, as promised by the caller.
        let client = unsafe { handle::client(client) };
        let Some(client) = client.filter(|_| !json_buffer.is_null()) else {
            return Error::Inval.code();
        };
        if !remote_config::is_subscribed(&client) {
            return Error::Failure.code();
        }
        if usize::try_from(buffer_size).unwrap_or(0) <= REQUEST.len() {
            return Error::JsonBufferTruncated.code();
        }
        // SAFETY: room for the request and its terminator, as promised by the caller and just compared.
        unsafe { ptr::fill(json_buffer.cast(), REQUEST.iter().copied().chain([0])) };
        remote_config::get(&client, ms(reply_timeout)).map_or_else(Error::code, |()| 0)
    })
}

/// A time that C gives as an int.
fn ms(timeout: c_int) -> u32 {
    u32::try_from(timeout).unwrap_or(0)
}

/// Handler and buffer of the application, which may change them between two messages.
struct CReceiver(*const ConfigSubscirbeUserData);

// SAFETY: the application promises that they may be used from every thread that yields.
unsafe impl Send for CReceiver {}
// SAFETY: as above; calls of one client never overlap.
unsafe impl Sync for CReceiver {}

impl Receiver for CReceiver {
    fn take(&self, client: &Client, errcode: i32, document: &[u8], message_len: usize) -> Result<(), NoRoom> {
        // SAFETY: valid as long as the subscription, as promised by the application.
        let user = unsafe { self.0.read() };
        let room = usize::try_from(user.json_buffer_len).unwrap_or(0);
        if message_len >= room || user.json_buffer.is_null() {
            return Err(NoRoom);
        }
        // SAFETY: the document is a part of the message, which has room in the buffer, and lies elsewhere.
        unsafe { ptr::fill(user.json_buffer.cast(), document.iter().copied().chain([0])) };
        if let Some(function) = user.on_config_proc {
            let len = c_int::try_from(document.len()).unwrap_or(c_int::MAX);
            // SAFETY: the handler and its buffer are valid as long as the subscription.
            unsafe { function(handle::of(client), errcode, user.json_buffer, len) };
        }
        Ok(())
    }
}
