//! C interface: `qcloud_iot_export_rrpc.h`.
#![allow(non_snake_case)]

use super::callback::text_listener;
use super::guard::guard;
use super::types::rrpc::{OnRRPCMessageCallback, sRRPCReplyPara};
use super::{handle, ptr};
use crate::error::Error;
use crate::services::rrpc;
use core::ffi::{c_char, c_int, c_void};

/// Has calls of the platform delivered, which waits a few seconds (4 to 10) for the reply to each.
///
/// Subscribes to the call topic and waits for the answer, serving the connection meanwhile, so handlers may be called; in
/// up to three rounds of 500 ms. The subscription ends with IOT_MQTT_Unsubscribe of $rrpc/rxd/ProductId/DeviceName/+ and
/// with the client; a lost connection renews it. May be called again to replace the callback, and from any thread and any
/// callback.
///
/// @param pClient   MQTT client
/// @param callback  takes the calls; NULL lets them pass, to be replied to all the same
/// @return QCLOUD_RET_SUCCESS, also when it was subscribed before; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE when
///         the platform refused, did not answer, or could not be asked (the log says which)
///
/// # Safety
/// `pClient` is NULL or a live client, `callback` NULL or callable as long as the client lives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_RRPC_Init(pClient: *mut c_void, callback: OnRRPCMessageCallback) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, as promised by the caller.
        let Some(client) = (unsafe { handle::client(pClient) }) else {
            return Error::Inval.code();
        };
        // SAFETY: callable as long as the client lives, as promised by the caller.
        let listener = callback.map(|function| unsafe { text_listener(function) });
        rrpc::init(&client, listener).map_or(Error::Failure.code(), |()| 0)
    })
}

/// Replies to a call. The text is published as it is, with QOS0; nothing is kept.
///
/// Inside the callback it goes to the call being delivered. Outside, or from another thread, it goes to the oldest call of
/// the last 10 s without a reply; if there is none, to the call of the last reply once more, until another call comes.
/// A reply that could not be sent leaves its call waiting.
///
/// @param pClient       MQTT client
/// @param pJsonDoc      reply, NUL-terminated, at most 16 KiB; any text
/// @param sizeOfBuffer  not used
/// @param replyPara     not used, may be NULL
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_RRPC_REPLY_ERR without a call to reply to, and when
///         the reply could not be sent (the log says why)
///
/// # Safety
/// `pClient` is NULL or a live client, `pJsonDoc` NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_RRPC_Reply(
    pClient: *mut c_void,
    pJsonDoc: *mut c_char,
    sizeOfBuffer: usize,
    replyPara: *mut sRRPCReplyPara,
) -> c_int {
    let _not_used = (sizeOfBuffer, replyPara);
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, NULL or NUL-terminated, as promised by the caller.
        let (client, text) = unsafe { (handle::client(pClient), ptr::text(pJsonDoc)) };
        let (Some(client), Some(text)) = (client, text) else {
            return Error::Inval.code();
        };
        rrpc::reply(&client, text).map_or_else(Error::code, |()| 0)
    })
}
