//! Device information of a gateway with one sub-device (hal.md §10.2).

use super::content::{Key, text};
use super::json::Object;
use super::{GET, stored};
use crate::codes::*;
use crate::device_info::{DeviceInfo, GatewayDeviceInfo};
use crate::heap::{allocate, release};
use crate::log::Bytes;
use core::ffi::{CStr, c_int, c_void};

const SUB_PRODUCT: Key = Key::within("subDev", "sub_productId");
const SUB_NAME: Key = Key::within("subDev", "sub_devName");

/// Fills a zeroed `GatewayDeviceInfo` from the device file, with one sub-device in a block of `HAL_Malloc` that the
/// caller frees. 0; -1003 for NULL or a sub-device that cannot be read; -1001 if the gateway's own part cannot. On
/// failure there is no block.
///
/// # Safety
/// `gw_info` is NULL or points to a `GatewayDeviceInfo`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_GetGwDevInfo(gw_info: *mut c_void) -> c_int {
    let gateway = gw_info.cast::<GatewayDeviceInfo>();
    if gateway.is_null() {
        return DEV_INFO;
    }
    // SAFETY: not NULL, so a GatewayDeviceInfo, for which zeroes are valid.
    let gateway = unsafe {
        gateway.write_bytes(0, 1);
        &mut *gateway
    };
    if !source::read(&mut gateway.gw_info) {
        return FAILURE;
    }
    match source::with_current(sub_device) {
        Some(sub_device) => {
            (gateway.sub_dev_info, gateway.sub_dev_num) = (sub_device, 1);
            SUCCESS
        }
        None => DEV_INFO,
    }
}

/// Devices are described in the device file of this process.
#[cfg(not(feature = "debug_dev_info_used"))]
mod source {
    pub use super::super::current::{read, with_current};
}

/// The gateway is described in the program; its sub-device still comes from the default file.
#[cfg(feature = "debug_dev_info_used")]
mod source {
    use super::*;

    pub fn read(info: &mut DeviceInfo) -> bool {
        // SAFETY: a live structure.
        unsafe { super::super::built_in::HAL_GetDevInfo((&raw mut *info).cast()) == SUCCESS }
    }

    pub fn with_current<R>(f: impl FnOnce(&CStr) -> R) -> R {
        f(c"./device_info.json")
    }
}

/// The sub-device in the file, in a block of its own; `None` after a line that says why not.
fn sub_device(name: &CStr) -> Option<*mut DeviceInfo> {
    let block = allocate(size_of::<DeviceInfo>())?.cast::<DeviceInfo>();
    // SAFETY: the block has the size of a DeviceInfo, for which zeroes are valid.
    let info = unsafe {
        block.write_bytes(0, 1);
        &mut *block.as_ptr()
    };
    if stored::with_object(name, |object| fill(object, name, info)) == Some(true) {
        return Some(block.as_ptr());
    }
    // SAFETY: the block was made above and is not used any more.
    unsafe { release(block.as_ptr().cast()) };
    None
}

fn fill(object: Object<'_>, name: &CStr, info: &mut DeviceInfo) -> bool {
    for (key, array) in [(SUB_PRODUCT, &mut info.product_id[..]), (SUB_NAME, &mut info.device_name[..])] {
        if let Err(problem) = text(object, key, array) {
            log!(Err, GET, "device file {}: {key}: {problem}", Bytes(name.to_bytes()));
            return false;
        }
    }
    true
}
