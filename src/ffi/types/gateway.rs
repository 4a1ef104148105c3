//! `qcloud_iot_export_gateway.h`.

use super::mqtt::MQTTInitParams;
use core::ffi::{c_char, c_int, c_void};

/// Which gateway and which sub-device a function works on; see DEFAULT_GATEWAY_PARAMS. Nothing is kept.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct GatewayParam {
    /// Product id of the gateway.
    pub product_id: *mut c_char,
    /// Device name of the gateway.
    pub device_name: *mut c_char,
    /// Product id of the sub-device.
    pub subdev_product_id: *mut c_char,
    /// Device name of the sub-device.
    pub subdev_device_name: *mut c_char,
}

/// Never called: events of a gateway go to init_param.event_handle.
pub type GatewayEventHandleFun =
    Option<unsafe extern "C" fn(client: *mut c_void, context: *mut c_void, msg: *mut c_void)>;

/// What IOT_Gateway_Construct takes; see DEFAULT_GATEWAY_INIT_PARAMS.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct GatewayInitParam {
    /// Connection of the gateway. Its event handler gets the events, with the MQTT client as first argument.
    pub init_param: MQTTInitParams,
    /// Not used.
    pub event_context: *mut c_void,
    /// Not used.
    pub event_handler: GatewayEventHandleFun,
}

/// A sub-device bound to the gateway.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SubdevBindInfo {
    /// Product id, NUL-terminated.
    pub product_id: [c_char; 11],
    /// Device name, NUL-terminated.
    pub device_name: [c_char; 49],
    /// Next of the list, NULL: the last.
    pub next: *mut SubdevBindInfo,
}

/// All sub-devices bound to a gateway; released with IOT_Gateway_Subdev_DestoryBindList.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SubdevBindList {
    /// First of the list, NULL: the list is empty. Each node is a HAL_Malloc block of its own.
    pub bindlist_head: *mut SubdevBindInfo,
    /// Count of the list.
    pub bind_num: c_int,
}
