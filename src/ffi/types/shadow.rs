//! `qcloud_iot_export_shadow.h`.

use super::mqtt::MQTTEventHandler;
use super::raw;
use core::ffi::{c_char, c_void};

/// Which document a shadow client works on.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eShadowType {
    /// The device shadow: topics $shadow/operation/...
    eSHADOW = 0,
    /// The data template: topics $template/operation/...
    eTEMPLATE = 1,
}

/// How a request ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestAck {
    /// Not answered yet.
    ACK_NONE = -3,
    /// No answer in time.
    ACK_TIMEOUT = -2,
    /// The platform refused the request.
    ACK_REJECTED = -1,
    /// The platform accepted the request.
    ACK_ACCEPTED = 0,
}

/// Kind of a request.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// IOT_Shadow_Get.
    GET = 0,
    /// IOT_Shadow_Update.
    UPDATE = 1,
}

/// Kind of the variable that DeviceProperty.data points to.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonDataType {
    /// int32_t.
    JINT32 = 0,
    /// int16_t.
    JINT16 = 1,
    /// int8_t.
    JINT8 = 2,
    /// uint32_t.
    JUINT32 = 3,
    /// uint16_t.
    JUINT16 = 4,
    /// uint8_t.
    JUINT8 = 5,
    /// float.
    JFLOAT = 6,
    /// double.
    JDOUBLE = 7,
    /// bool.
    JBOOL = 8,
    /// char array, NUL-terminated.
    JSTRING = 9,
    /// JSON text of an object, NUL-terminated.
    JOBJECT = 10,
}

/// Whether a data point has to be reported.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eDataState {
    /// Unchanged since the last report.
    eNOCHANGE = 0,
    /// Changed.
    eCHANGED = 1,
}

/// What IOT_Shadow_Construct takes; see DEFAULT_SHAWDOW_INIT_PARAMS. The members are those of MQTTInitParams.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(not(feature = "auth_mode_cert"))]
pub struct ShadowInitParams {
    /// Region or server URL.
    pub region: *mut c_char,
    /// Product id.
    pub product_id: *mut c_char,
    /// Device name.
    pub device_name: *mut c_char,
    /// Device secret, base64.
    pub device_secret: *mut c_char,
    /// ms.
    pub command_timeout: u32,
    /// ms.
    pub keep_alive_interval_ms: u32,
    /// 0 or 1.
    pub clean_session: u8,
    /// 0 or 1.
    pub auto_connect_enable: u8,
    /// Takes the events of the connection; the first argument is the shadow handle.
    pub event_handle: MQTTEventHandler,
    /// Document to work on.
    pub shadow_type: raw::eShadowType,
}

/// What IOT_Shadow_Construct takes; see DEFAULT_SHAWDOW_INIT_PARAMS. The members are those of MQTTInitParams.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(feature = "auth_mode_cert")]
pub struct ShadowInitParams {
    /// Region or server URL.
    pub region: *mut c_char,
    /// Product id.
    pub product_id: *mut c_char,
    /// Device name.
    pub device_name: *mut c_char,
    /// Path of the device certificate (PEM).
    pub cert_file: [c_char; 256],
    /// Path of the device's private key (PEM).
    pub key_file: [c_char; 256],
    /// ms.
    pub command_timeout: u32,
    /// ms.
    pub keep_alive_interval_ms: u32,
    /// 0 or 1.
    pub clean_session: u8,
    /// 0 or 1.
    pub auto_connect_enable: u8,
    /// Takes the events of the connection; the first argument is the shadow handle.
    pub event_handle: MQTTEventHandler,
    /// Document to work on.
    pub shadow_type: raw::eShadowType,
}

/// A property of the device, tied to a variable of the program.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DeviceProperty {
    /// Name in the document, NUL-terminated.
    pub key: *mut c_char,
    /// The variable; its kind is given by `type`.
    pub data: *mut c_void,
    /// Kind of the variable.
    pub r#type: raw::JsonDataType,
    /// For the program's own use.
    pub delta_arrived: bool,
}

/// A property and whether it has to be reported.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sDataPoint {
    /// The property.
    pub data_property: DeviceProperty,
    /// Whether it changed.
    pub state: raw::eDataState,
}

/// C type of an integer of a data template.
pub type TYPE_DEF_TEMPLATE_INT = i32;
/// C type of an enumeration of a data template.
pub type TYPE_DEF_TEMPLATE_ENUM = i32;
/// C type of a floating point number of a data template.
pub type TYPE_DEF_TEMPLATE_FLOAT = f32;
/// C type of a truth value of a data template.
pub type TYPE_DEF_TEMPLATE_BOOL = c_char;
/// C type of the characters of a text of a data template.
pub type TYPE_DEF_TEMPLATE_STRING = c_char;
/// C type of a point in time of a data template, seconds.
pub type TYPE_DEF_TEMPLATE_TIME = u32;
/// C type of an object of a data template.
pub type TYPE_DEF_TEMPLATE_OBJECT = *mut c_void;

/// Takes the end of a request. Runs in the thread that yields.
///
/// @param pClient        shadow handle
/// @param method         kind of the request
/// @param requestAck     how it ended
/// @param pJsonDocument  answer of the platform, NUL-terminated, empty on a time-out; valid during the call
/// @param userContext    as given with the request
pub type OnRequestCallback = Option<
    unsafe extern "C" fn(
        pClient: *mut c_void,
        method: raw::Method,
        requestAck: raw::RequestAck,
        pJsonDocument: *const c_char,
        userContext: *mut c_void,
    ),
>;

/// Takes a change of a registered property that the platform asks for. Runs in the thread that yields.
///
/// The new value is in the property's variable already, unless its kind is JSTRING or JOBJECT: take those from the text.
///
/// @param pClient           shadow handle
/// @param pJsonValueBuffer  all changes as JSON text of an object, NUL-terminated; valid during the call
/// @param valueLength       bytes of pJsonValueBuffer
/// @param pProperty         the registered property
pub type OnPropRegCallback = Option<
    unsafe extern "C" fn(
        pClient: *mut c_void,
        pJsonValueBuffer: *const c_char,
        valueLength: u32,
        pProperty: *mut DeviceProperty,
    ),
>;
