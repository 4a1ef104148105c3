//! What C really hands over where a header names one of these types.
//!
//! A C enumeration may hold any number, a Rust `enum` may not: structures and functions take these integers, the enums
//! of the same name in the other files give the values and the header text.

use core::ffi::{c_int, c_uint};

/// Integer of `QoS`.
pub type QoS = c_uint;
/// Integer of `MQTTEventType`.
pub type MQTTEventType = c_uint;
/// Integer of `eShadowType`.
pub type eShadowType = c_uint;
/// Integer of `RequestAck`.
pub type RequestAck = c_int;
/// Integer of `Method`.
pub type Method = c_uint;
/// Integer of `JsonDataType`.
pub type JsonDataType = c_uint;
/// Integer of `eDataState`.
pub type eDataState = c_uint;
/// Integer of `eRRPCReplyCode`.
pub type eRRPCReplyCode = c_int;
/// Integer of `IOT_OTA_CmdType`.
pub type IOT_OTA_CmdType = c_uint;
/// Integer of `QCLOUD_IOT_RESOURCE_CMDTYPE_E`.
pub type QCLOUD_IOT_RESOURCE_CMDTYPE_E = c_uint;
/// Integer of `LOG_LEVEL`.
pub type LOG_LEVEL = c_uint;
/// Integer of `CoAPEventType`.
pub type CoAPEventType = c_int;

/// `LogDelFunc`; the header declares it with an empty parameter list.
pub type LogDelFunc = Option<unsafe extern "C" fn() -> c_int>;
/// `LogGetSizeFunc`; the header declares it with an empty parameter list.
pub type LogGetSizeFunc = Option<unsafe extern "C" fn() -> usize>;

/// Link of a doubly linked list; `lite-list.h` writes this structure itself, beside its inline functions.
#[repr(C)]
#[derive(Debug)]
pub struct list_head_t {
    /// Following link; of an empty list: the head itself.
    pub next: *mut list_head_t,
    /// Preceding link; of an empty list: the head itself.
    pub prev: *mut list_head_t,
}
