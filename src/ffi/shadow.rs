//! C interface: `qcloud_iot_export_shadow.h`, except the functions that write documents (`shadow/documents.rs`).
#![allow(non_snake_case)]

pub mod documents;
mod property;

use super::callback::CObserver;
use super::guard::guard;
use super::types::mqtt::{MQTTInitParams, PublishParams, SubscribeParams};
use super::types::raw;
use super::types::shadow::{
    DeviceProperty, Method as CMethod, OnPropRegCallback, OnRequestCallback, RequestAck, ShadowInitParams,
    eShadowType,
};
use super::{handle, mqtt, ptr};
use crate::client::Client;
use crate::error::Error;
use crate::hal;
use crate::services::shadow::{Ack, End, Flavour, Method, Outcome, Shadow};
use core::ffi::{CStr, c_char, c_int, c_void};
use property::Registered;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Makes a shadow client, connects it and subscribes to the answers of the platform.
///
/// Blocks as IOT_MQTT_Construct does, and up to the command timeout and a second more for the subscription. If the platform
/// does not grant that, the handle is good all the same: each request tries again.
///
/// @param pParams  parameters; nothing in it is needed after the return
/// @return handle, released with IOT_Shadow_Destroy; NULL on failure, whose cause IOT_MQTT_GetErrCode tells
///
/// # Safety
/// `pParams` is NULL or valid, and its texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Construct(pParams: *mut ShadowInitParams) -> *mut c_void {
    guard(std::ptr::null_mut(), || {
        // SAFETY: NULL or valid, as promised by the caller.
        let params = unsafe { pParams.as_ref() }.ok_or(Error::Inval);
        // SAFETY: the texts are NULL or NUL-terminated, as promised by the caller.
        params.and_then(|params| unsafe { construct(params) }).unwrap_or_else(|error| {
            mqtt::LAST_ERROR.set(error.code());
            std::ptr::null_mut()
        })
    })
}

/// # Safety
/// The texts of `params` are NULL or NUL-terminated.
unsafe fn construct(params: &ShadowInitParams) -> Result<*mut c_void, Error> {
    let flavour = if params.shadow_type == eShadowType::eTEMPLATE as raw::eShadowType {
        Flavour::Template
    } else {
        Flavour::Shadow
    };
    hal::reserve::admit()?;
    // Events name the shadow, which is there before the first of them.
    let subject = Arc::new(AtomicPtr::default());
    let observer = CObserver::with_subject(params.event_handle, Arc::clone(&subject));
    // SAFETY: as promised by the caller.
    let client = unsafe { mqtt::prepare(&mut mqtt_params(params), Box::new(observer)) }?;
    let shadow = Arc::new(Shadow::new(Arc::clone(&client), flavour));
    // C may know the client as well (IOT_Shadow_Get_Mqtt_Client): that handle has a reference of its own.
    let inner = handle::give(Arc::clone(&client));
    let handle = handle::give(Arc::clone(&shadow));
    subject.store(handle, Ordering::Release);
    if let Err(error) = client.open() {
        if client.abandon() {
            // SAFETY: the caller does not get the handles, and no callback has released them.
            unsafe { release(handle, inner) };
        }
        return Err(error);
    }
    shadow.listen();
    // A callback may have destroyed the shadow: its handle is gone.
    if client.is_destroyed() { Err(Error::NoConn) } else { Ok(handle) }
}

/// The members that both kinds of parameters have.
fn mqtt_params(params: &ShadowInitParams) -> MQTTInitParams {
    MQTTInitParams {
        region: params.region,
        product_id: params.product_id,
        device_name: params.device_name,
        #[cfg(not(feature = "auth_mode_cert"))]
        device_secret: params.device_secret,
        #[cfg(feature = "auth_mode_cert")]
        cert_file: params.cert_file,
        #[cfg(feature = "auth_mode_cert")]
        key_file: params.key_file,
        command_timeout: params.command_timeout,
        keep_alive_interval_ms: params.keep_alive_interval_ms,
        clean_session: params.clean_session,
        auto_connect_enable: params.auto_connect_enable,
        event_handle: params.event_handle,
        err_code: 0,
    }
}

/// # Safety
/// Both handles are live, and nobody uses them any more.
unsafe fn release(shadow: *mut c_void, client: *mut c_void) {
    // SAFETY: as promised by the caller.
    unsafe {
        handle::release::<Shadow>(shadow);
        handle::release::<Client>(client);
    }
}

/// MQTT client of a shadow client, for services that need one. It ends with the shadow client and is not to be destroyed.
///
/// # Safety
/// `handle` is NULL or a live shadow client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Get_Mqtt_Client(handle: *mut c_void) -> *mut c_void {
    guard(std::ptr::null_mut(), || {
        // SAFETY: as promised by the caller.
        unsafe { shadow(handle) }.map_or(std::ptr::null_mut(), |shadow| handle::of(shadow.client()))
    })
}

/// As IOT_MQTT_Publish.
///
/// # Safety
/// `pClient` is NULL or a live shadow client; otherwise as IOT_MQTT_Publish.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Publish(
    pClient: *mut c_void,
    topicName: *mut c_char,
    pParams: *mut PublishParams,
) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { with_client(pClient, |client| mqtt::IOT_MQTT_Publish(client, topicName, pParams)) }
}

/// As IOT_MQTT_Subscribe; the handlers get the MQTT client.
///
/// # Safety
/// `pClient` is NULL or a live shadow client; otherwise as IOT_MQTT_Subscribe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Subscribe(
    pClient: *mut c_void,
    topicFilter: *mut c_char,
    pParams: *mut SubscribeParams,
) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { with_client(pClient, |client| mqtt::IOT_MQTT_Subscribe(client, topicFilter, pParams)) }
}

/// As IOT_MQTT_Unsubscribe.
///
/// # Safety
/// `pClient` is NULL or a live shadow client; otherwise as IOT_MQTT_Unsubscribe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Unsubscribe(pClient: *mut c_void, topicFilter: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe { with_client(pClient, |client| mqtt::IOT_MQTT_Unsubscribe(client, topicFilter)) }
}

/// As IOT_MQTT_IsConnected; false for NULL.
///
/// # Safety
/// `pClient` is NULL or a live shadow client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_IsConnected(pClient: *mut c_void) -> bool {
    // SAFETY: as promised by the caller.
    guard(false, || unsafe { inner(pClient) }.is_some_and(|client| client.is_connected()))
}

/// Unsubscribes, disconnects and releases a shadow client and its MQTT client.
///
/// Requests without an answer end without their callbacks. Waits until other threads have left; may be called from
/// callbacks of the client.
///
/// @param pClient  handle, not valid any more
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL
///
/// # Safety
/// `pClient` is NULL or a live shadow client, which no later call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Destroy(pClient: *mut c_void) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let Some(shadow) = (unsafe { shadow(pClient) }) else {
            return Error::Inval.code();
        };
        let inner = handle::of(shadow.client());
        if shadow.destroy() {
            // SAFETY: both handles are live, and only the first Destroy gets here.
            unsafe { release(pClient, inner) };
            shadow.client().log_release();
        }
        0
    })
}

/// As IOT_MQTT_Yield; also ends requests whose time is over, which the thread of IOT_MQTT_StartLoop does as well.
///
/// @param pClient     handle
/// @param timeout_ms  how long, more than 0
/// @return as IOT_MQTT_Yield
///
/// # Safety
/// `pClient` is NULL or a live shadow client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Yield(pClient: *mut c_void, timeout_ms: u32) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        match unsafe { inner(pClient) } {
            Some(client) if timeout_ms > 0 => client.yield_for(timeout_ms),
            _ => Error::Inval.code(),
        }
    })
}

/// Sends a document made with IOT_Shadow_JSON_Construct*. At most 10 requests wait for their answers.
///
/// Returns when it is written; callback runs in the thread that yields, once, also when no answer comes in time. Any
/// thread may call it, and callbacks too.
///
/// @param pClient       handle
/// @param pJsonDoc      document with a member clientToken; the member type is inserted in place when it has been sent
/// @param sizeOfBuffer  bytes of pJsonDoc, at least 19 more than the document has characters
/// @param callback      takes the answer; may be NULL
/// @param userContext   handed to callback; must stay valid until then
/// @param timeout_ms    ms for the answer, more than 0
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_MQTT_NO_CONN; QCLOUD_ERR_MAX_APPENDING_REQUEST and
///         QCLOUD_ERR_MALLOC, with nothing sent; the failures of IOT_MQTT_Publish and IOT_MQTT_Subscribe
///
/// # Safety
/// `pClient` is NULL or a live shadow client, `pJsonDoc` NULL or NUL-terminated text in a buffer of this size.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Update(
    pClient: *mut c_void,
    pJsonDoc: *mut c_char,
    sizeOfBuffer: usize,
    callback: OnRequestCallback,
    userContext: *mut c_void,
    timeout_ms: u32,
) -> c_int {
    guard(Error::Failure.code(), || {
        let end = end(pClient, callback, userContext);
        // SAFETY: as promised by the caller.
        let sent = unsafe { shadow(pClient) }
            .ok_or(Error::Inval)
            .and_then(|shadow| unsafe { update(&shadow, pJsonDoc, sizeOfBuffer, timeout_ms, end) });
        sent.map_or_else(Error::code, |_| 0)
    })
}

/// As IOT_Shadow_Update, and serves the connection until the answer has come.
///
/// @param pClient       handle
/// @param pJsonDoc      as of IOT_Shadow_Update
/// @param sizeOfBuffer  as of IOT_Shadow_Update
/// @param timeout_ms    ms for the answer, more than 0
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_SHADOW_UPDATE_TIMEOUT; QCLOUD_ERR_SHADOW_UPDATE_REJECTED; QCLOUD_ERR_FAILURE from
///         a callback of the client; the failures of IOT_Shadow_Update, QCLOUD_ERR_MQTT_NO_CONN also when the connection
///         is lost for good meanwhile, QCLOUD_ERR_MALLOC also when a message was dropped for want of memory that may
///         have been the answer
///
/// # Safety
/// As IOT_Shadow_Update.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Update_Sync(
    pClient: *mut c_void,
    pJsonDoc: *mut c_char,
    sizeOfBuffer: usize,
    timeout_ms: u32,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let done = unsafe { shadow(pClient) }.ok_or(Error::Inval).and_then(|shadow| {
            check_may_wait(&shadow)?;
            let outcome = Outcome::default();
            // SAFETY: as promised by the caller.
            let ticket = unsafe { update(&shadow, pJsonDoc, sizeOfBuffer, timeout_ms, Some(outcome.end())) }?;
            shadow.wait_for(ticket, &outcome, Method::Update, timeout_ms)
        });
        mqtt::code(done)
    })
}

/// Asks for the document. What is desired of registered properties is delivered before callback runs.
///
/// @param pClient      handle
/// @param callback     takes the answer; must not be NULL
/// @param userContext  handed to callback; must stay valid until then
/// @param timeout_ms   ms for the answer, more than 0
/// @return as IOT_Shadow_Update
///
/// # Safety
/// `pClient` is NULL or a live shadow client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Get(
    pClient: *mut c_void,
    callback: OnRequestCallback,
    userContext: *mut c_void,
    timeout_ms: u32,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let (Some(shadow), Some(end)) = (unsafe { shadow(pClient) }, end(pClient, callback, userContext))
        else {
            return Error::Inval.code();
        };
        shadow.get(timeout_ms, end).map_or_else(Error::code, |_| 0)
    })
}

/// As IOT_Shadow_Get, and serves the connection until the answer has come and registered properties have their values.
///
/// @param pClient     handle
/// @param timeout_ms  ms for the answer, more than 0
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_SHADOW_GET_TIMEOUT; QCLOUD_ERR_SHADOW_GET_REJECTED; otherwise as
///         IOT_Shadow_Update_Sync
///
/// # Safety
/// `pClient` is NULL or a live shadow client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Get_Sync(pClient: *mut c_void, timeout_ms: u32) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let done = unsafe { shadow(pClient) }.ok_or(Error::Inval).and_then(|shadow| {
            check_may_wait(&shadow)?;
            let outcome = Outcome::default();
            let ticket = shadow.get(timeout_ms, outcome.end())?;
            shadow.wait_for(ticket, &outcome, Method::Get, timeout_ms)
        });
        mqtt::code(done)
    })
}

/// Has what is desired of a property delivered: by the platform's pushes and by the answers to IOT_Shadow_Get.
///
/// @param pClient    handle
/// @param pProperty  property with key and data; it is not copied and must stay valid until it is unregistered. A key with
///                   dots names a member of nested objects
/// @param callback   takes the changes, in the thread that yields; all functions may be called in it
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_MQTT_NO_CONN; QCLOUD_ERR_SHADOW_PROPERTY_EXIST when this
///         structure is registered already; QCLOUD_ERR_MALLOC
///
/// # Safety
/// `pClient` is NULL or a live shadow client, `pProperty` NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_Register_Property(
    pClient: *mut c_void,
    pProperty: *mut DeviceProperty,
    callback: OnPropRegCallback,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let Some(shadow) = (unsafe { shadow(pClient) }) else {
            return Error::Inval.code();
        };
        if !shadow.client().is_connected() {
            return Error::NoConn.code();
        }
        // SAFETY: NULL or valid, as promised by the caller.
        let is_complete = unsafe { pProperty.as_ref() }.is_some_and(|property| {
            !property.key.is_null() && !property.data.is_null() && callback.is_some()
        });
        if !is_complete {
            return Error::Inval.code();
        }
        mqtt::code(shadow.register(Arc::new(Registered::new(pClient, pProperty, callback))))
    })
}

/// Ends IOT_Shadow_Register_Property. Does not wait for a callback that another thread is in.
///
/// @param pClient    handle
/// @param pProperty  property, the structure that was registered
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_MQTT_NO_CONN; QCLOUD_ERR_SHADOW_NOT_PROPERTY_EXIST
///
/// # Safety
/// `pClient` is NULL or a live shadow client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Shadow_UnRegister_Property(
    pClient: *mut c_void,
    pProperty: *mut DeviceProperty,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let Some(shadow) = (unsafe { shadow(pClient) }) else {
            return Error::Inval.code();
        };
        if !shadow.client().is_connected() {
            return Error::NoConn.code();
        }
        if pProperty.is_null() {
            return Error::Inval.code();
        }
        mqtt::code(shadow.unregister(pProperty.addr()))
    })
}

/// # Safety
/// `handle` is NULL or a live shadow client.
unsafe fn shadow(handle: *mut c_void) -> Option<Arc<Shadow>> {
    // SAFETY: as promised by the caller.
    unsafe { handle::get(handle) }
}

/// # Safety
/// `handle` is NULL or a live shadow client.
unsafe fn inner(handle: *mut c_void) -> Option<Arc<Client>> {
    // SAFETY: as promised by the caller.
    unsafe { shadow(handle) }.map(|shadow| Arc::clone(shadow.client()))
}

/// Hands the handle of the MQTT client to a function of that.
///
/// # Safety
/// `handle` is NULL or a live shadow client.
unsafe fn with_client(handle: *mut c_void, call: impl FnOnce(*mut c_void) -> c_int) -> c_int {
    // SAFETY: as promised by the caller.
    let client = guard(None, || unsafe { inner(handle) });
    client.map_or(Error::Inval.code(), |client| call(handle::of(&client)))
}

/// Sends the document, and shows what was sent in its buffer.
///
/// # Safety
/// `document` is NULL or NUL-terminated text in a buffer of `size` bytes.
unsafe fn update(
    shadow: &Shadow,
    document: *mut c_char,
    size: usize,
    timeout_ms: u32,
    end: Option<End>,
) -> Result<crate::services::requests::Ticket, Error> {
    // SAFETY: as promised by the caller.
    let text = unsafe { ptr::text(document) }.ok_or(Error::Inval)?;
    let (sent, ticket) = shadow.update(text, size, timeout_ms, end)?;
    // SAFETY: the buffer has room for what was sent and for its terminator, or nothing would have been sent.
    unsafe { ptr::fill(document.cast(), sent.into_iter().chain([0])) };
    Ok(ticket)
}

/// A call that waits would wait for its own thread inside a callback.
fn check_may_wait(shadow: &Shadow) -> Result<(), Error> {
    if shadow.client().is_in_callback() { Err(Error::Failure) } else { Ok(()) }
}

/// C's callback for the end of a request; `None` for NULL.
fn end(shadow: *mut c_void, callback: OnRequestCallback, context: *mut c_void) -> Option<End> {
    let callback = CCallback { function: callback?, shadow, context };
    Some(Box::new(move |method, ack, text| callback.call(method, ack, text)))
}

struct CCallback {
    function: unsafe extern "C" fn(*mut c_void, raw::Method, raw::RequestAck, *const c_char, *mut c_void),
    shadow: *mut c_void,
    context: *mut c_void,
}

// SAFETY: the application promises that its callback may be called from every thread that yields.
unsafe impl Send for CCallback {}

impl CCallback {
    fn call(&self, method: Method, ack: Ack, text: &CStr) {
        let method = match method {
            Method::Get => CMethod::GET,
            Method::Update => CMethod::UPDATE,
        };
        let ack = match ack {
            Ack::Timeout => RequestAck::ACK_TIMEOUT,
            Ack::Rejected => RequestAck::ACK_REJECTED,
            Ack::Accepted => RequestAck::ACK_ACCEPTED,
        };
        // SAFETY: callback and context are valid until the request has ended, the handle until the shadow is destroyed,
        // which drops the request; the text is valid during the call.
        unsafe { (self.function)(self.shadow, method as _, ack as _, text.as_ptr(), self.context) }
    }
}
