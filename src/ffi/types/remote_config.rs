//! `qcloud_iot_export_remote_config.h`.

use core::ffi::{c_char, c_int, c_void};

/// config_reply_errcode: the document is valid.
pub const REMOTE_CONFIG_ERRCODE_SUCCESS: c_int = 0;
/// config_reply_errcode: remote configuration is switched off for the product.
pub const REMOTE_CONFIG_ERRCODE_DISABLE: c_int = 1001;
/// Bytes that ConfigSubscirbeUserData.json_buffer needs on top of the longest document.
pub const REMOTE_CONFIG_JSON_BUFFER_MIN_LEN: c_int = 60;

/// Takes a configuration. Runs in the thread that serves the connection (IOT_MQTT_Yield, the loop thread, or a function that
/// waits for an answer), with no lock held: it may call any function of the client but IOT_Get_Config. A nested
/// IOT_MQTT_Yield may bring another configuration into the same buffer.
///
/// @param client                MQTT client
/// @param config_reply_errcode  REMOTE_CONFIG_ERRCODE_SUCCESS for what was pushed; for an answer the code of the platform:
///                              REMOTE_CONFIG_ERRCODE_*, 1002 no configuration, 1003 configuration that is no JSON
/// @param config_json           document, NUL-terminated, empty if there is none; lies in json_buffer
/// @param config_json_len       bytes of config_json
pub type OnConfigProcHandler = Option<
    unsafe extern "C" fn(
        client: *mut c_void,
        config_reply_errcode: c_int,
        config_json: *mut c_char,
        config_json_len: c_int,
    ),
>;

/// What IOT_Subscribe_Config takes; must stay valid, with its buffer, as long as the subscription.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ConfigSubscirbeUserData {
    /// Takes the configurations.
    pub on_config_proc: OnConfigProcHandler,
    /// Bytes of json_buffer: REMOTE_CONFIG_JSON_BUFFER_MIN_LEN plus the longest document.
    pub json_buffer_len: c_int,
    /// Work space for received documents.
    pub json_buffer: *mut c_char,
}
