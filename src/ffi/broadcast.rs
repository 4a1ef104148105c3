//! C interface: `qcloud_iot_export_broadcast.h`.
#![allow(non_snake_case)]

use super::callback::text_listener;
use super::guard::guard;
use super::handle;
use super::types::broadcast::OnBroadcastMessageCallback;
use crate::error::Error;
use crate::services::broadcast;
use core::ffi::{c_int, c_void};

/// Has broadcasts delivered: messages of the platform to all devices of a product that are online.
///
/// Subscribes to the broadcast topic with QOS1 and waits for the answer, serving the connection meanwhile, so handlers
/// may be called; in up to three rounds of 500 ms. The subscription ends with IOT_MQTT_Unsubscribe of
/// $broadcast/rxd/ProductId/DeviceName and with the client; a lost connection renews it. May be called again to
/// replace the callback, and from any thread and any callback.
///
/// @param pClient   MQTT client
/// @param callback  takes the messages; NULL lets them vanish
/// @return QCLOUD_RET_SUCCESS, also when it was subscribed before; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE when
///         the platform refused, did not answer, or could not be asked (the log says which)
///
/// # Safety
/// `pClient` is NULL or a live client, `callback` NULL or callable as long as the client lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Broadcast_Subscribe(
    pClient: *mut c_void,
    callback: OnBroadcastMessageCallback,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, as promised by the caller.
        let Some(client) = (unsafe { handle::client(pClient) }) else {
            return Error::Inval.code();
        };
        // SAFETY: callable as long as the client lives, as promised by the caller.
        let listener = callback.map(|function| unsafe { text_listener(function) });
        broadcast::subscribe(&client, listener).map_or(Error::Failure.code(), |()| 0)
    })
}
