//! C interface: `qcloud_iot_export_gateway.h`.
#![allow(non_snake_case)]

use super::guard::guard;
use super::types::gateway::{GatewayInitParam, GatewayParam, SubdevBindInfo, SubdevBindList};
use super::types::mqtt::{PublishParams, SubscribeParams};
use super::{device_info, handle, mqtt, ptr};
use crate::client::Client;
use crate::client::identity::Identity;
use crate::error::Error;
use crate::hal;
use crate::hal::device_info::DeviceInfo;
use crate::services::gateway::{BindKey, Gateway};
use core::ffi::{c_char, c_int, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a gateway handle stands for.
struct Handle {
    gateway: Gateway,
    /// IOT_Gateway_Destroy has been called: only the first call releases.
    is_released: AtomicBool,
}

/// Creates a gateway client, connects it and subscribes to what the platform has to say to the gateway.
///
/// Blocks as long as IOT_MQTT_Construct, then up to 20 s for the answer to the subscription; handlers may be called
/// meanwhile. All events of init_param.event_handle are delivered with the MQTT client as first argument, except the
/// answers to this subscription.
///
/// @param init_param  parameters; nothing in it is needed after the return, and nothing is changed but
///                    init_param.err_code when NULL is returned
/// @return handle to be released with IOT_Gateway_Destroy, or NULL
///
/// # Safety
/// `init_param` is NULL or valid, and its texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Construct(init_param: *mut GatewayInitParam) -> *mut c_void {
    guard(std::ptr::null_mut(), || {
        // SAFETY: NULL or valid, as promised by the caller.
        let Some(init) = (unsafe { init_param.as_mut() }) else {
            mqtt::LAST_ERROR.set(Error::Inval.code());
            return std::ptr::null_mut();
        };
        // SAFETY: the texts are NULL or NUL-terminated, as promised by the caller.
        match unsafe { construct(init) } {
            Ok(handle) => handle,
            Err(error) => {
                init.init_param.err_code = error.code();
                mqtt::LAST_ERROR.set(error.code());
                std::ptr::null_mut()
            }
        }
    })
}

/// # Safety
/// The texts of `init` are NULL or NUL-terminated.
unsafe fn construct(init: &GatewayInitParam) -> Result<*mut c_void, Error> {
    // A copy, for the command timeout is corrected in place.
    let mut params = init.init_param;
    // SAFETY: as promised by the caller.
    let mqtt = unsafe { mqtt::construct(&mut params) }?;
    // SAFETY: a live client.
    let client = unsafe { handle::client(mqtt) }.ok_or(Error::Failure)?;
    let gateway = Gateway::open(Arc::clone(&client)).inspect_err(|_| {
        // SAFETY: the client has a handle.
        unsafe { destroy_client(&client) };
    })?;
    Ok(handle::give(Arc::new(Handle { gateway, is_released: AtomicBool::new(false) })))
}

/// Releases a gateway client, also inside its callbacks. The platform takes its sub-devices offline.
///
/// Ends the loop thread and waits until other threads have left the client, as IOT_MQTT_Destroy does.
///
/// @param client  gateway
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL
///
/// # Safety
/// `client` is NULL or a live gateway, which no later call uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Destroy(client: *mut c_void) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live gateway, as promised by the caller.
        let Some(handle) = (unsafe { shared(client) }) else {
            return Error::Inval.code();
        };
        // A callback of Destroy may call Destroy.
        if !handle.is_released.swap(true, Ordering::SeqCst) {
            // SAFETY: the client has a handle, and this is the one call that releases the gateway.
            unsafe {
                destroy_client(handle.gateway.client());
                handle::release::<Handle>(client);
            }
        }
        0
    })
}

/// Brings a sub-device online: from then on the gateway may publish and subscribe on its topics.
///
/// It comes back by itself when the connection was lost and is back, before the subscriptions are renewed.
///
/// Like all functions that ask the platform it serves the connection while it waits, so handlers may be called, and
/// works beside a loop thread. Of each kind of request one is under way; another thread waits for its turn, up to 20 s.
///
/// @param client  gateway
/// @param param   gateway and sub-device, all four names; not kept
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL, empty or over-long names; QCLOUD_ERR_GATEWAY_SUBDEV_ONLINE if
///         it is online, without asking; the platform's result code; QCLOUD_ERR_MALLOC, also when a message was dropped
///         for want of memory that may have been the answer; QCLOUD_ERR_FAILURE without an answer in 20 s, at once
///         without a connection, when the connection is lost meanwhile, and inside a callback of the client
///
/// # Safety
/// `client` is NULL or a live gateway, `param` NULL or valid, and its texts are NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Subdev_Online(client: *mut c_void, param: *mut GatewayParam) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        match unsafe { (shared(client), own_names(param), sub_device_names(param)) } {
            (Some(handle), Some(gateway), Some(sub_device)) => {
                code(handle.gateway.online(&gateway, &sub_device))
            }
            _ => Error::Inval.code(),
        }
    })
}

/// Takes a sub-device offline.
///
/// @param client  gateway
/// @param param   gateway and sub-device, all four names; not kept
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_GATEWAY_SESSION_NO_EXIST if it is not online, without
///         asking; the platform's result code, QCLOUD_ERR_MALLOC, or QCLOUD_ERR_FAILURE as IOT_Gateway_Subdev_Online: it
///         stays online then
///
/// # Safety
/// As [`IOT_Gateway_Subdev_Online`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Subdev_Offline(client: *mut c_void, param: *mut GatewayParam) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        match unsafe { (shared(client), own_names(param), sub_device_names(param)) } {
            (Some(handle), Some(gateway), Some(sub_device)) => {
                code(handle.gateway.offline(&gateway, &sub_device))
            }
            _ => Error::Inval.code(),
        }
    })
}

/// Binds a sub-device to the gateway.
///
/// @param client           gateway
/// @param param            product_id and device_name of the gateway; not kept
/// @param pBindSubDevInfo  sub-device: product_id, device_name, and device_secret, or dev_cert_file_name as a path that is
///                         opened as it stands; not kept
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL, also without a secret or a name of a certificate; the platform's result
///         code, 809 if it is bound to this gateway already; QCLOUD_ERR_MALLOC; QCLOUD_ERR_FAILURE as
///         IOT_Gateway_Subdev_Online, and for a certificate that cannot be read
///
/// # Safety
/// `client` is NULL or a live gateway, `param` and `pBindSubDevInfo` are NULL or valid, and the texts of `param` are NULL
/// or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Subdev_Bind(
    client: *mut c_void,
    param: *mut GatewayParam,
    pBindSubDevInfo: *mut DeviceInfo,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let (handle, gateway, info) = unsafe { (shared(client), own_names(param), pBindSubDevInfo.as_ref()) };
        let sub_device = info.and_then(device_names);
        let (Some(handle), Some(gateway), Some(sub_device), Some(info)) = (handle, gateway, sub_device, info)
        else {
            return Error::Inval.code();
        };
        match bind_key(info) {
            Ok(key) => code(handle.gateway.bind(&gateway, &sub_device, &key)),
            Err(error) => error.code(),
        }
    })
}

/// Ends the binding of a sub-device; if it was online it is so no more.
///
/// @param client       gateway
/// @param param        product_id and device_name of the gateway; not kept
/// @param pSubDevInfo  product_id and device_name of the sub-device; not kept
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; the platform's result code, -1 if it is not bound to this gateway;
///         QCLOUD_ERR_MALLOC; or QCLOUD_ERR_FAILURE as IOT_Gateway_Subdev_Online
///
/// # Safety
/// As [`IOT_Gateway_Subdev_Bind`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Subdev_Unbind(
    client: *mut c_void,
    param: *mut GatewayParam,
    pSubDevInfo: *mut DeviceInfo,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let (handle, gateway, info) = unsafe { (shared(client), own_names(param), pSubDevInfo.as_ref()) };
        match (handle, gateway, info.and_then(device_names)) {
            (Some(handle), Some(gateway), Some(sub_device)) => {
                code(handle.gateway.unbind(&gateway, &sub_device))
            }
            _ => Error::Inval.code(),
        }
    })
}

/// As IOT_MQTT_Publish, also on topics of sub-devices that are online. It is the platform that checks whether they are.
///
/// @return as IOT_MQTT_Publish
///
/// # Safety
/// As [`IOT_MQTT_Publish`], with a gateway as `client`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Publish(
    client: *mut c_void,
    topic_name: *mut c_char,
    params: *mut PublishParams,
) -> c_int {
    // SAFETY: as promised by the caller; the client outlives the call.
    unsafe {
        with_client(client, Error::Inval.code(), |mqtt| mqtt::IOT_MQTT_Publish(mqtt, topic_name, params))
    }
}

/// As IOT_MQTT_Subscribe, also for topics of sub-devices that are online. Handlers get the MQTT client.
///
/// @return as IOT_MQTT_Subscribe
///
/// # Safety
/// As [`IOT_MQTT_Subscribe`], with a gateway as `client`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Subscribe(
    client: *mut c_void,
    topic_filter: *mut c_char,
    params: *mut SubscribeParams,
) -> c_int {
    // SAFETY: as promised by the caller; the client outlives the call.
    unsafe {
        with_client(client, Error::Inval.code(), |mqtt| mqtt::IOT_MQTT_Subscribe(mqtt, topic_filter, params))
    }
}

/// As IOT_MQTT_Unsubscribe.
///
/// @return as IOT_MQTT_Unsubscribe
///
/// # Safety
/// As [`IOT_MQTT_Unsubscribe`], with a gateway as `client`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Unsubscribe(client: *mut c_void, topic_filter: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller; the client outlives the call.
    unsafe { with_client(client, Error::Inval.code(), |mqtt| mqtt::IOT_MQTT_Unsubscribe(mqtt, topic_filter)) }
}

/// As IOT_MQTT_IsSubReady.
///
/// @return 1 or 0; QCLOUD_ERR_INVAL for NULL as client
///
/// # Safety
/// As [`IOT_MQTT_IsSubReady`], with a gateway as `client`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_IsSubReady(client: *mut c_void, topic_filter: *mut c_char) -> c_int {
    // SAFETY: as promised by the caller; the client outlives the call.
    unsafe {
        with_client(client, Error::Inval.code(), |mqtt| mqtt::IOT_MQTT_IsSubReady(mqtt, topic_filter).into())
    }
}

/// As IOT_MQTT_Yield.
///
/// @return as IOT_MQTT_Yield
///
/// # Safety
/// `client` is NULL or a live gateway.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Yield(client: *mut c_void, timeout_ms: u32) -> c_int {
    // SAFETY: as promised by the caller; the client outlives the call.
    unsafe { with_client(client, Error::Inval.code(), |mqtt| mqtt::IOT_MQTT_Yield(mqtt, timeout_ms)) }
}

/// MQTT client of a gateway, for its loop thread and for services that need one.
///
/// It ends with the gateway. If IOT_MQTT_Destroy ends it first, IOT_Gateway_Destroy is still to be called.
///
/// @param handle  gateway
/// @return client; NULL for NULL
///
/// # Safety
/// `handle` is NULL or a live gateway.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Get_Mqtt_Client(handle: *mut c_void) -> *mut c_void {
    // SAFETY: as promised by the caller.
    unsafe { with_client(handle, std::ptr::null_mut(), |mqtt| mqtt) }
}

/// Asks for the sub-devices bound to the gateway.
///
/// @param client           gateway
/// @param param            product_id and device_name of the gateway; not kept
/// @param subdev_bindlist  out, on success: the list, the platform's last sub-device first; to be released with
///                         IOT_Gateway_Subdev_DestoryBindList, or each node with HAL_Free
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL; QCLOUD_ERR_MALLOC without memory; or QCLOUD_ERR_FAILURE as
///         IOT_Gateway_Subdev_Online
///
/// # Safety
/// `client` is NULL or a live gateway, `param` NULL or valid with texts that are NULL or NUL-terminated,
/// `subdev_bindlist` NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Subdev_GetBindList(
    client: *mut c_void,
    param: *mut GatewayParam,
    subdev_bindlist: *mut SubdevBindList,
) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: as promised by the caller.
        let (handle, gateway) = unsafe { (shared(client), own_names(param)) };
        let (Some(handle), Some(gateway), false) = (handle, gateway, subdev_bindlist.is_null()) else {
            return Error::Inval.code();
        };
        let sub_devices = match handle.gateway.bind_list(&gateway) {
            Ok(sub_devices) => sub_devices,
            Err(code) => return code,
        };
        let Some(list) = bind_list(&sub_devices) else {
            return Error::Malloc.code();
        };
        // SAFETY: writable, as promised by the caller.
        unsafe { ptr::store(subdev_bindlist, list) };
        0
    })
}

/// Releases the nodes of a list and makes it empty. Nothing happens for NULL and for an empty list.
///
/// # Safety
/// `subdev_bindlist` is NULL or a list of IOT_Gateway_Subdev_GetBindList, or one that is empty.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Gateway_Subdev_DestoryBindList(subdev_bindlist: *mut SubdevBindList) {
    guard((), || {
        // SAFETY: as promised by the caller.
        let Some(list) = (unsafe { subdev_bindlist.as_mut() }) else { return };
        let mut node = std::mem::replace(&mut list.bindlist_head, std::ptr::null_mut());
        list.bind_num = 0;
        while !node.is_null() {
            // SAFETY: a node of the list, which nobody else refers to any more.
            unsafe {
                let next = (*node).next;
                hal::free(node.cast());
                node = next;
            }
        }
    });
}

/// What a handle stands for; it lives as long as the result, even if another call releases the handle meanwhile.
///
/// # Safety
/// `handle` is NULL or a live gateway.
unsafe fn shared(handle: *mut c_void) -> Option<Arc<Handle>> {
    // SAFETY: as promised by the caller.
    unsafe { handle::get(handle) }
}

/// Runs `f` with the MQTT client of a gateway; `otherwise` for NULL.
///
/// # Safety
/// `handle` is NULL or a live gateway.
unsafe fn with_client<R>(handle: *mut c_void, otherwise: R, f: impl FnOnce(*mut c_void) -> R) -> R {
    // SAFETY: as promised by the caller.
    match unsafe { shared(handle) } {
        Some(handle) => f(handle::of(handle.gateway.client())),
        None => otherwise,
    }
}

/// Destroys a client and releases its handle, unless IOT_MQTT_Destroy has done so.
///
/// # Safety
/// `client` has been given a handle.
unsafe fn destroy_client(client: &Client) {
    // An error only says that the connection is gone already.
    if client.destroy().is_some() {
        // SAFETY: only the first Destroy gets here, and the caller has a reference of its own.
        unsafe { handle::release::<Client>(handle::of(client)) };
        client.log_release();
    }
}

/// Names of the gateway; `None` if one of them cannot be used.
///
/// # Safety
/// `param` is NULL or valid, and its texts are NULL or NUL-terminated.
unsafe fn own_names(param: *mut GatewayParam) -> Option<Identity> {
    // SAFETY: as promised by the caller.
    unsafe {
        let param = param.as_ref()?;
        Identity::new(ptr::text(param.product_id), ptr::text(param.device_name)).ok()
    }
}

/// Names of the sub-device; `None` if one of them cannot be used.
///
/// # Safety
/// As [`own_names`].
unsafe fn sub_device_names(param: *mut GatewayParam) -> Option<Identity> {
    // SAFETY: as promised by the caller.
    unsafe {
        let param = param.as_ref()?;
        Identity::new(ptr::text(param.subdev_product_id), ptr::text(param.subdev_device_name)).ok()
    }
}

fn device_names(info: &DeviceInfo) -> Option<Identity> {
    let (product_id, device_name) = (ptr::array_text(&info.product_id), ptr::array_text(&info.device_name));
    Identity::new(Some(product_id), Some(device_name)).ok()
}

#[cfg(not(feature = "auth_mode_cert"))]
fn bind_key(info: &DeviceInfo) -> Result<BindKey, Error> {
    BindKey::secret(ptr::array_text(&info.device_secret)).ok_or(Error::Inval)
}

#[cfg(feature = "auth_mode_cert")]
fn bind_key(info: &DeviceInfo) -> Result<BindKey, Error> {
    use std::os::unix::ffi::OsStrExt;
    let name = ptr::array_text(&info.dev_cert_file_name);
    if name.is_empty() || name.len() == info.dev_cert_file_name.len() {
        return Err(Error::Inval);
    }
    BindKey::certificate_file(std::ffi::OsStr::from_bytes(name).as_ref())
}

/// The list as C knows it, built from its end; `None` without memory.
fn bind_list(sub_devices: &[Identity]) -> Option<SubdevBindList> {
    let mut list = SubdevBindList { bindlist_head: std::ptr::null_mut(), bind_num: 0 };
    for sub_device in sub_devices {
        let node = hal::malloc(size_of::<SubdevBindInfo>()).cast::<SubdevBindInfo>();
        if node.is_null() {
            // SAFETY: a list of our own.
            unsafe { IOT_Gateway_Subdev_DestoryBindList(&mut list) };
            return None;
        }
        let mut info = SubdevBindInfo { product_id: [0; 11], device_name: [0; 49], next: list.bindlist_head };
        device_info::copy(&mut info.product_id, sub_device.product_id().as_bytes());
        device_info::copy(&mut info.device_name, sub_device.device_name().as_bytes());
        // SAFETY: the block has room for a node.
        unsafe { node.write(info) };
        list.bindlist_head = node;
        list.bind_num += 1;
    }
    Some(list)
}

fn code(result: Result<(), i32>) -> c_int {
    result.err().unwrap_or(0)
}
