//! `qcloud_iot_export_broadcast.h`.

use core::ffi::{c_char, c_void};

/// Takes a broadcast. Runs in the thread that serves the connection (IOT_MQTT_Yield or the loop thread), with no lock held:
/// it may call any function of the client.
///
/// @param pClient  MQTT client
/// @param msg      content, any bytes, followed by a NUL; valid during the call
/// @param msgLen   bytes of msg, without that NUL
pub type OnBroadcastMessageCallback =
    Option<unsafe extern "C" fn(pClient: *mut c_void, msg: *const c_char, msgLen: u32)>;
