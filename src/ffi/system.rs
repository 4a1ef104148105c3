//! C interface: `qcloud_iot_export_system.h`.
#![allow(non_snake_case)]

use super::guard::guard;
use super::{handle, ptr};
use crate::error::Error;
use crate::services::system;
use core::ffi::{c_int, c_long, c_void};

/// Asks the platform for the time.
///
/// Serves the connection meanwhile, so handlers may be called. Waits up to about the command timeout for the
/// subscription, and the longer of 2 s and the command timeout for the reply.
///
/// @param pClient  client
/// @param time     out: seconds since the epoch; 0 when no reply came
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without reply; or the error of the publish
///
/// # Safety
/// `pClient` is NULL or a live client, `time` NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Get_SysTime(pClient: *mut c_void, time: *mut c_long) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, as promised by the caller.
        let client = unsafe { handle::client(pClient) };
        let Some(client) = client.filter(|_| !time.is_null()) else {
            return Error::Inval.code();
        };
        match system::get_time(&client) {
            Ok(seconds) => {
                // SAFETY: writable, as promised by the caller.
                unsafe { ptr::store(time, seconds as c_long) };
                0
            }
            Err(code) => {
                if code == Error::Failure.code() {
                    // SAFETY: writable, as promised by the caller.
                    unsafe { ptr::store(time, 0) };
                }
                code
            }
        }
    })
}

/// Asks the platform for the time and sets the system clock through HAL_Timer_set_systime_ms.
///
/// A clock that cannot be set, for lack of privilege, is logged and not an error.
///
/// @param pClient  client
/// @return QCLOUD_RET_SUCCESS; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE without a usable reply; or the error of
///         the publish
///
/// # Safety
/// `pClient` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Sync_NTPTime(pClient: *mut c_void) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, as promised by the caller.
        match unsafe { handle::client(pClient) } {
            Some(client) => system::sync_clock(&client).err().unwrap_or(0),
            None => Error::Inval.code(),
        }
    })
}

/// Tells the platform that this device can be asked for a remote login. The login itself is not part of this build.
///
/// @param pClient  client
/// @return 0 or more on success; QCLOUD_ERR_INVAL for NULL; QCLOUD_ERR_FAILURE; or the error of the publish
///
/// # Safety
/// `pClient` is NULL or a live client.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn IOT_Ssh_enable(pClient: *mut c_void) -> c_int {
    guard(Error::Failure.code(), || {
        // SAFETY: NULL or a live client, as promised by the caller.
        match unsafe { handle::client(pClient) } {
            Some(client) => system::enable_ssh(&client).unwrap_or_else(|code| code),
            None => Error::Inval.code(),
        }
    })
}
