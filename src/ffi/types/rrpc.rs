//! `qcloud_iot_export_rrpc.h`.

use super::raw;
use core::ffi::{c_char, c_void};

/// Size of sRRPCReplyPara.status_msg.
pub const MAX_RRPC_REPLY_STATUS_LEN: usize = 64;
/// Longest process id in a request topic.
pub const MAX_RRPC_PROCESS_ID_LEN: usize = 16;

/// Result of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum eRRPCReplyCode {
    /// Done.
    eRRPC_SUCCESS = 0,
    /// Failed.
    eRRPC_FAIL = -1,
}

/// Result of a call; not sent, the reply text of IOT_RRPC_Reply is.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct sRRPCReplyPara {
    /// Result.
    pub code: raw::eRRPCReplyCode,
    /// Text for people.
    pub status_msg: [c_char; 64],
    /// Further data.
    pub user_data: *mut c_char,
    /// Bytes of user_data.
    pub user_data_len: usize,
}

/// Takes a call of the platform. Runs in the thread that serves the connection (IOT_MQTT_Yield or the loop thread), with no
/// lock held: it may call any function of the client, IOT_RRPC_Reply above all.
///
/// @param pClient  MQTT client
/// @param msg      request, any bytes, followed by a NUL; valid during the call
/// @param msgLen   bytes of msg, without that NUL
pub type OnRRPCMessageCallback =
    Option<unsafe extern "C" fn(pClient: *mut c_void, msg: *const c_char, msgLen: u32)>;
