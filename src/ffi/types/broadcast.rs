//! `qcloud_iot_export_broadcast.h`.

use core::ffi::{c_char, c_void};

/// Takes a broadcast. Runs in the thread that yields.
///
/// @param pClient  MQTT client
/// @param msg      content; valid during the call
/// @param msgLen   bytes of msg
pub type OnBroadcastMessageCallback =
    Option<unsafe extern "C" fn(pClient: *mut c_void, msg: *const c_char, msgLen: u32)>;
