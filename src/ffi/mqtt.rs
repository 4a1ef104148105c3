//! C interface: `qcloud_iot_export_mqtt.h`.
#![allow(non_snake_case)]

use super::callback::{CHandler, CObserver};
use super::guard::guard;
use super::types::mqtt::{MQTTInitParams, PublishParams, SubscribeParams};
use super::{device_info, handle, ptr};
use crate::client::Client;
use crate::client::MAX_PAYLOAD;
use crate::client::callback::Observer;
use crate::client::construct::{Parameters, Secret, corrected_timeout};
use crate::error::Error;
use crate::hal;
use crate::hal::device_info::DeviceInfo;
use crate::mqtt::topic::{MAX_TOPIC_LENGTH, is_valid_name};
use core::ffi::{c_char, c_int, c_void};
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    /// Code of the last Construct of this thread that failed.
    pub(super) static LAST_ERROR: Cell<c_int> = const { Cell::new(Error::Failure.code()) };
}

/// Creates a client and connects it; returns when the server has accepted the connection.
///
/// Blocks no longer than name look-up and TCP connect (command timeout, at least 5 s), TLS handshake (the same),
/// WebSocket upgrade (10 s) and the answer to CONNECT (command timeout) may take.
///
/// @param pParams  parameters; nothing in it is needed after the return. A command timeout outside 500…20000 ms is
///                 corrected in place; err_code is set when NULL is returned
/// @return client to be released with IOT_MQTT_Destroy, or NULL
///
/// # Safety
/// `pParams` is NULL or valid, and its texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Construct(pParams: *mut MQTTInitParams) -> *mut c_void {
    guard(std::ptr::null_mut(), || {
        // SAFETY: NULL or valid, as promised by the caller.
        let Some(params) = (unsafe { pParams.as_mut() }) else {
            LAST_ERROR.set(Error::Inval.code());
            return std::ptr::null_mut();
        };
        // SAFETY: the texts are NULL or NUL-terminated, as promised by the caller.
        match unsafe { construct(params) } {
            Ok(client) => client,
            Err(error) => {
                params.err_code = error.code();
                LAST_ERROR.set(error.code());
                std::ptr::null_mut()
            }
        }
    })
}

/// # Safety
/// The texts of `params` are NULL or NUL-terminated.
pub(super) unsafe fn construct(params: &mut MQTTInitParams) -> Result<*mut c_void, Error> {
    hal::reserve::admit()?;
    let observer = Box::new(CObserver::new(params.event_handle));
    // SAFETY: as promised by the caller.
    let client = unsafe { prepare(params, observer) }?;
    // The event handler may get a message before the connection is accepted, and learns the handle then.
    let handle = handle::give(Arc::clone(&client));
    client.open().map(|()| handle).inspect_err(|_| {
        if client.abandon() {
            // SAFETY: the caller does not get the handle, and no callback has released it.
            unsafe { handle::release::<Client>(handle) };
        }
    })
}

/// A client that is not connected yet, and whose events go to `observer`.
///
/// # Safety
/// The texts of `params` are NULL or NUL-terminated.
pub(super) unsafe fn prepare(
    params: &mut MQTTInitParams,
    observer: Box<dyn Observer>,
) -> Result<Arc<Client>, Error> {
    hal::ignore_sigpipe_by_default();
    params.command_timeout = corrected_timeout(params.command_timeout);
    // SAFETY: as promised by the caller; the texts are not used after the call.
    let (region, product_id, device_name) =
        unsafe { (ptr::text(params.region), ptr::text(params.product_id), ptr::text(params.device_name)) };
    #[cfg(not(feature = "auth_mode_cert"))]
    // SAFETY: as above.
    let secret = Secret::Key(unsafe { ptr::text(params.device_secret) });
    #[cfg(feature = "auth_mode_cert")]
    let paths = (device_info::path(&params.cert_file)?, device_info::path(&params.key_file)?);
    #[cfg(feature = "auth_mode_cert")]
    let secret = Secret::Certificate { cert_file: &paths.0, key_file: &paths.1 };
    let parameters = Parameters {
        region,
        product_id,
        device_name,
        secret,
        command_timeout_ms: params.command_timeout,
        keep_alive_ms: params.keep_alive_interval_ms,
        clean_session: params.clean_session != 0,
        auto_connect: params.auto_connect_enable != 0,
    };
    let client = Client::construct(&parameters, observer)?;
    hal::reserve::admit()?;
    device_info::fill(&client, &parameters);
    Ok(client)
}

/// Disconnects and releases a client.
///
/// Ends the loop thread, waits until other threads have left the client, sends DISCONNECT, and tells each
/// subscription MQTT_EVENT_CLIENT_DESTROY in the calling thread. May be called from the client's own callbacks.
///
/// @param pClient  address of the client, which becomes NULL
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_MQTT_NO_CONN if it was not connected, or the
///         error of the last write: the client is released then too
///
/// # Safety
/// `pClient` is NULL or points to NULL or to a live client, which no later call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Destroy(pClient: *mut *mut c_void) -> c_int {
    guard(Error::Failure.code(), || {
        if pClient.is_null() {
            return Error::Inval.code();
        }
        // SAFETY: not NULL, so valid, as promised by the caller.
        let handle = unsafe { pClient.read() };
        // SAFETY: NULL or a live client, as promised by the caller.
        let Some(client) = (unsafe { handle::client(handle) }) else {
            return Error::Inval.code();
        };
        let result = client.destroy();
        // SAFETY: valid, as promised by the caller.
        unsafe { ptr::store(pClient, std::ptr::null_mut()) };
        // A callback of Destroy may call Destroy: the outer call releases the client.
        let Some(result) = result else {
            return Error::NoConn.code();
        };
        // SAFETY: the handle is live, and only the first Destroy gets here.
        unsafe { handle::release::<Client>(handle) };
        client.log_release();
        code(result)
    })
}

/// Serves the connection for a time: receives, calls handlers, reports time-outs, keeps alive, reconnects.
///
/// While a loop thread runs, or another thread is inside, it only sleeps and returns 0.
///
/// @param pClient     client
/// @param timeout_ms  how long; 0 is invalid unless a loop thread runs
/// @return QCLOUD_RET_SUCCESS; QCLOUD_RET_MQTT_RECONNECTED when the connection came back at the end of the time;
///         QCLOUD_RET_MQTT_MANUALLY_DISCONNECTED; QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT;
///         QCLOUD_ERR_MQTT_RECONNECT_TIMEOUT once for each series of attempts that failed; QCLOUD_ERR_MQTT_NO_CONN
///         without auto connect; QCLOUD_ERR_MQTT_SUB, QCLOUD_ERR_BUF_TOO_SHORT, QCLOUD_ERR_RX_MESSAGE_INVAL at
///         once when the server refused a subscription, sent too large a packet or an unexpected one;
///         QCLOUD_ERR_MALLOC when there was no memory for a message, or none for anything all the time;
///         QCLOUD_ERR_INVAL
///
/// # Safety
/// `pClient` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Yield(pClient: *mut c_void, timeout_ms: u32) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, as promised by the caller.
        match unsafe { handle::client(pClient) } {
            Some(client) => client.yield_for(timeout_ms),
            None => Error::Inval.code(),
        }
    })
}

/// Publishes a message; returns when it is written, within the command timeout.
///
/// A QOS1 message is reported by MQTT_EVENT_PUBLISH_SUCCESS or MQTT_EVENT_PUBLISH_TIMEOUT.
///
/// @param pClient    client
/// @param topicName  topic, at most 128 bytes, without wildcards; copied
/// @param pParams    qos, retained, payload and payload_len are used; id is written for QOS1. Nothing is kept
/// @return packet id for QOS1, the unchanged id of pParams for QOS0, or an error: QCLOUD_ERR_INVAL,
///         QCLOUD_ERR_MAX_TOPIC_LENGTH, QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT, QCLOUD_ERR_MQTT_NO_CONN,
///         QCLOUD_ERR_BUF_TOO_SHORT, QCLOUD_ERR_FAILURE when 20 messages are waiting, QCLOUD_ERR_MALLOC, or that of the write
///
/// # Safety
/// `pClient` is NULL or a live client, `topicName` NULL or NUL-terminated, `pParams` NULL or valid with a payload of
/// `payload_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Publish(
    pClient: *mut c_void,
    topicName: *mut c_char,
    pParams: *mut PublishParams,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let (client, topic, params) =
            unsafe { (handle::client(pClient), ptr::text(topicName), pParams.as_mut()) };
        let (Some(client), Some(params)) = (client, params) else {
            return Error::Inval.code();
        };
        // What is beyond the limit is not looked at, whatever the length says.
        let payload_len = params.payload_len.min(MAX_PAYLOAD + 1);
        // SAFETY: the payload has this many bytes, as promised by the caller.
        let payload = unsafe { ptr::bytes(params.payload.cast_const().cast(), payload_len) };
        let message = check_message(&client, topic, params.qos, payload);
        let published = message
            .and_then(|(topic, qos, payload)| client.publish(topic, qos, params.retained != 0, payload));
        match published {
            Ok(id) if params.qos != 0 => {
                params.id = id;
                c_int::from(id)
            }
            Ok(_) => c_int::from(params.id),
            Err(error) => error.code(),
        }
    })
}

/// The checks of Publish in the order that callers know (`mqtt.md` §5).
fn check_message<'a>(
    client: &Client,
    topic: Option<&'a [u8]>,
    qos: u32,
    payload: Option<&'a [u8]>,
) -> Result<(&'a [u8], u8, &'a [u8]), Error> {
    let topic = check_topic(topic)?;
    let qos = check_qos(qos)?;
    if !is_valid_name(topic) {
        return Err(Error::Inval);
    }
    if !client.is_connected() {
        return Err(Error::NoConn);
    }
    Ok((topic, qos, payload.ok_or(Error::Inval)?))
}

/// Subscribes to a topic filter. The answer comes as MQTT_EVENT_SUBCRIBE_SUCCESS, _NACK or _TIMEOUT.
///
/// Messages that arrive before the answer reach the handler already.
///
/// @param pClient      client
/// @param topicFilter  filter, at most 128 bytes; copied
/// @param pParams      handlers may be NULL; copied, but user_data must live as long as the subscription
/// @return packet id, or an error: QCLOUD_ERR_INVAL, QCLOUD_ERR_MAX_TOPIC_LENGTH, QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT,
///         QCLOUD_ERR_MQTT_NO_CONN, QCLOUD_ERR_MQTT_MAX_SUBSCRIPTIONS, QCLOUD_ERR_MALLOC, or that of the write
///
/// # Safety
/// `pClient` is NULL or a live client, `topicFilter` NULL or NUL-terminated, `pParams` NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Subscribe(
    pClient: *mut c_void,
    topicFilter: *mut c_char,
    pParams: *mut SubscribeParams,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let (client, filter, params) =
            unsafe { (handle::client(pClient), ptr::text(topicFilter), pParams.as_ref()) };
        let (Some(client), Some(params)) = (client, params) else {
            return Error::Inval.code();
        };
        let subscribed = check_topic(filter).and_then(|filter| {
            let qos = check_qos(params.qos)?;
            hal::reserve::admit()?;
            client.subscribe(utf8(filter)?, qos, Arc::new(CHandler::new(params)))
        });
        id_or_code(subscribed)
    })
}

/// Removes all subscriptions with this filter and asks the server to forget them.
///
/// Each removed subscription is told MQTT_EVENT_UNSUBSCRIBE in the calling thread, before anything is sent. The answer
/// comes as MQTT_EVENT_UNSUBCRIBE_SUCCESS or _TIMEOUT.
///
/// @param pClient      client
/// @param topicFilter  exactly the text subscribed with
/// @return packet id, or an error: QCLOUD_ERR_INVAL, QCLOUD_ERR_MAX_TOPIC_LENGTH, QCLOUD_ERR_MQTT_UNSUB_FAIL when there
///         is no such subscription, QCLOUD_ERR_MQTT_NO_CONN, QCLOUD_ERR_MQTT_MAX_SUBSCRIPTIONS, QCLOUD_ERR_MALLOC, or that of
///         the write
///
/// # Safety
/// `pClient` is NULL or a live client, `topicFilter` NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_Unsubscribe(pClient: *mut c_void, topicFilter: *mut c_char) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let (client, filter) = unsafe { (handle::client(pClient), ptr::text(topicFilter)) };
        let Some(client) = client else {
            return Error::Inval.code();
        };
        id_or_code(check_topic(filter).and_then(|filter| client.unsubscribe(utf8(filter)?)))
    })
}

/// Whether the server has granted a subscription with exactly this filter and it was not removed since.
///
/// It stays true while the connection is lost.
///
/// # Safety
/// `pClient` is NULL or a live client, `topicFilter` NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_IsSubReady(pClient: *mut c_void, topicFilter: *mut c_char) -> bool {
    guard(false, || {
        // SAFETY: as promised by the caller.
        let (client, filter) = unsafe { (handle::client(pClient), ptr::text(topicFilter)) };
        let filter = check_topic(filter).and_then(utf8);
        client.zip(filter.ok()).is_some_and(|(client, filter)| client.is_subscribed(filter))
    })
}

/// Whether the client is connected; false for NULL.
///
/// # Safety
/// `pClient` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_IsConnected(pClient: *mut c_void) -> bool {
    // SAFETY: as promised by the caller.
    guard(false, || unsafe { handle::client(pClient) }.is_some_and(|client| client.is_connected()))
}

/// Code of the last Construct of the calling thread that returned NULL, also of a service; QCLOUD_ERR_FAILURE if there
/// was none.
#[unsafe(no_mangle)]
pub extern "C" fn IOT_MQTT_GetErrCode() -> c_int {
    LAST_ERROR.get()
}

/// Identity of the client's device; NULL for NULL. Belongs to the client and ends with it.
///
/// # Safety
/// `pClient` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_GetDeviceInfo(pClient: *mut c_void) -> *mut DeviceInfo {
    guard(std::ptr::null_mut(), || {
        // SAFETY: as promised by the caller.
        match unsafe { handle::client(pClient) } {
            Some(client) => device_info::pointer(&client),
            None => std::ptr::null_mut(),
        }
    })
}

/// Starts a thread that serves the connection, so that nobody needs to call IOT_MQTT_Yield.
///
/// It ends with IOT_MQTT_StopLoop, IOT_MQTT_Destroy, or by itself when the client is disconnected for good or a series
/// of attempts to reconnect has failed.
///
/// @param pClient  client
/// @return QCLOUD_RET_SUCCESS, also if it runs already; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without a thread
///
/// # Safety
/// `pClient` is NULL or a live client.
#[cfg(feature = "multithread_enabled")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_StartLoop(pClient: *mut c_void) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        match unsafe { handle::client(pClient) } {
            Some(client) => code(client.start_loop()),
            None => Error::Inval.code(),
        }
    })
}

/// Ends the thread of IOT_MQTT_StartLoop and waits for its end; from inside that thread it only asks it to end.
///
/// # Safety
/// `pClient` is NULL or a live client.
#[cfg(feature = "multithread_enabled")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_StopLoop(pClient: *mut c_void) {
    guard((), || {
        // SAFETY: as promised by the caller.
        if let Some(client) = unsafe { handle::client(pClient) } {
            client.stop_loop();
        }
    })
}

/// Whether the loop thread runs.
///
/// @param pClient    client; false for NULL
/// @param exit_code  out, may be NULL: what the thread ended with: 0 when stopped, QCLOUD_ERR_MQTT_RECONNECT_TIMEOUT,
///                   QCLOUD_ERR_MQTT_NO_CONN or QCLOUD_RET_MQTT_MANUALLY_DISCONNECTED
///
/// # Safety
/// `pClient` is NULL or a live client, `exit_code` NULL or writable.
#[cfg(feature = "multithread_enabled")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_GetLoopStatus(pClient: *mut c_void, exit_code: *mut c_int) -> bool {
    guard(false, || {
        // SAFETY: as promised by the caller.
        let (running, code) = unsafe { handle::client(pClient) }.map_or((false, 0), |c| c.loop_status());
        // SAFETY: NULL or writable, as promised by the caller.
        unsafe { ptr::store(exit_code, code) };
        running
    })
}

/// Sets the running flag alone: true makes IOT_MQTT_Yield a plain sleep, false ends a running loop thread.
///
/// # Safety
/// `pClient` is NULL or a live client.
#[cfg(feature = "multithread_enabled")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_MQTT_SetLoopStatus(pClient: *mut c_void, loop_status: bool) {
    guard((), || {
        // SAFETY: as promised by the caller.
        if let Some(client) = unsafe { handle::client(pClient) } {
            client.set_loop_status(loop_status);
        }
    })
}

fn check_topic(topic: Option<&[u8]>) -> Result<&[u8], Error> {
    match topic {
        None | Some([]) => Err(Error::Inval),
        Some(topic) if topic.len() > MAX_TOPIC_LENGTH => Err(Error::MaxTopicLength),
        Some(topic) => Ok(topic),
    }
}

fn check_qos(qos: u32) -> Result<u8, Error> {
    match qos {
        0 => Ok(0),
        1 => Ok(1),
        _ => Err(Error::QosNotSupported),
    }
}

fn utf8(text: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(text).map_err(|_| Error::Inval)
}

fn id_or_code(result: Result<u16, Error>) -> c_int {
    result.map_or_else(Error::code, c_int::from)
}

pub(super) fn code(result: Result<(), Error>) -> c_int {
    result.map_or_else(Error::code, |()| 0)
}
