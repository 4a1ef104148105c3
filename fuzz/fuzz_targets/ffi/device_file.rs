//! The port's functions for device files, as safe ones.

use iot_sdk::hal::device_info::{DeviceInfo, GatewayDeviceInfo};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr::null_mut;

unsafe extern "C" {
    fn HAL_Free(block: *mut c_void);
    fn HAL_GetDevInfo(info: *mut c_void) -> c_int;
    fn HAL_GetDevInfoFromFile(name: *const c_char, info: *mut c_void) -> c_int;
    fn HAL_GetGwDevInfo(info: *mut c_void) -> c_int;
    fn HAL_SetDevInfo(info: *mut c_void) -> c_int;
    fn HAL_SetDevInfoFile(name: *const c_char) -> c_int;
}

/// Names the file of the functions that take no name.
pub fn choose_file(name: &CStr) -> c_int {
    // SAFETY: a terminated name, which is copied.
    unsafe { HAL_SetDevInfoFile(name.as_ptr()) }
}

/// `HAL_GetDevInfo`.
pub fn read(info: &mut DeviceInfo) -> c_int {
    // SAFETY: a structure of the kind that the port fills.
    unsafe { HAL_GetDevInfo((&raw mut *info).cast()) }
}

/// `HAL_GetDevInfoFromFile`.
pub fn read_from(name: &CStr, info: &mut DeviceInfo) -> c_int {
    // SAFETY: a terminated name and a structure of the kind that the port fills.
    unsafe { HAL_GetDevInfoFromFile(name.as_ptr(), (&raw mut *info).cast()) }
}

/// `HAL_SetDevInfo`.
pub fn write(info: &mut DeviceInfo) -> c_int {
    // SAFETY: a structure of the kind that the port reads.
    unsafe { HAL_SetDevInfo((&raw mut *info).cast()) }
}

/// `HAL_GetGwDevInfo`: its code, the gateway and its sub-devices.
pub fn read_gateway(empty: DeviceInfo) -> (c_int, DeviceInfo, Vec<DeviceInfo>) {
    let mut gateway = GatewayDeviceInfo { gw_info: empty, sub_dev_info: null_mut(), sub_dev_num: 0 };
    // SAFETY: a structure of the kind that the port fills. The block has as many structures as it says, and is freed once.
    unsafe {
        let code = HAL_GetGwDevInfo((&raw mut gateway).cast());
        assert_eq!(gateway.sub_dev_num == 0, gateway.sub_dev_info.is_null());
        let count = gateway.sub_dev_num as usize;
        let devices = (0..count).map(|number| *gateway.sub_dev_info.add(number)).collect();
        HAL_Free(gateway.sub_dev_info.cast());
        (code, gateway.gw_info, devices)
    }
}
