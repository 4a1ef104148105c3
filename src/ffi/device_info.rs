//! The `DeviceInfo` that `IOT_MQTT_GetDeviceInfo` hands out.

use crate::client::Client;
use crate::client::construct::Parameters;
#[cfg(not(feature = "auth_mode_cert"))]
use crate::client::construct::Secret;
#[cfg(feature = "auth_mode_cert")]
use crate::error::Error;
use crate::hal::device_info::DeviceInfo;
use core::ffi::c_char;
use std::cell::UnsafeCell;
#[cfg(feature = "auth_mode_cert")]
use std::ffi::CString;

/// Lives as long as its client; C holds a pointer into it.
struct Slot(UnsafeCell<DeviceInfo>);

// SAFETY: written once, before the client is known to C; C may read and write it as its own structure.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

impl Default for Slot {
    fn default() -> Slot {
        // SAFETY: the structure has only arrays of characters, for which zero is a value.
        Slot(UnsafeCell::new(unsafe { std::mem::zeroed() }))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The structure may hold the device secret: it must not stay in freed memory.
        // SAFETY: zero is a value of every field, and nobody else sees the structure any more.
        unsafe { std::ptr::write_volatile(self.0.get(), std::mem::zeroed()) }
    }
}

/// Fills the structure of a new client.
pub fn fill(client: &Client, parameters: &Parameters) {
    let slot = client.attachment::<Slot>();
    // SAFETY: nobody else knows the structure yet.
    let info = unsafe { &mut *slot.0.get() };
    let identity = client.identity();
    copy(&mut info.product_id, identity.product_id().as_bytes());
    copy(&mut info.device_name, identity.device_name().as_bytes());
    copy(&mut info.client_id, identity.client_id().as_bytes());
    copy(&mut info.region, parameters.region.unwrap_or(b"china"));
    #[cfg(not(feature = "auth_mode_cert"))]
    if let Secret::Key(Some(secret)) = parameters.secret {
        copy(&mut info.device_secret, secret);
    }
}

/// The structure of a client, valid until the client is destroyed.
pub fn pointer(client: &Client) -> *mut DeviceInfo {
    client.attachment::<Slot>().0.get()
}

/// Path in an array of a C structure.
#[cfg(feature = "auth_mode_cert")]
pub fn path<const N: usize>(array: &[c_char; N]) -> Result<CString, Error> {
    CString::new(super::ptr::array_text(array)).map_err(|_| Error::Inval)
}

/// Copies text into an array, cut to leave room for the terminator.
pub fn copy<const N: usize>(array: &mut [c_char; N], text: &[u8]) {
    array.fill(0);
    for (slot, byte) in array.iter_mut().take(N - 1).zip(text) {
        *slot = *byte as c_char;
    }
}
