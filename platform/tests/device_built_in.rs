//! Device information in the program: the last paragraph of hal.md §10.2.
#![cfg(all(feature = "debug_dev_info_used", not(feature = "auth_mode_cert")))]

mod support;

#[allow(dead_code, reason = "constants and gateway types")]
#[path = "../../src/hal/device_info.rs"]
mod device_info;

use device_info::DeviceInfo;
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use support::take_log;

unsafe extern "C" {
    fn HAL_GetDevInfo(info: *mut c_void) -> c_int;
    fn HAL_SetDevInfo(info: *mut c_void) -> c_int;
    fn HAL_SetDevInfoFile(name: *const c_char) -> c_int;
}

#[test]
fn what_was_set_is_read_back() {
    // SAFETY: live structures of plain bytes.
    unsafe {
        let mut info = std::mem::zeroed::<DeviceInfo>();
        let place = (&raw mut info).cast::<c_void>();
        assert_eq!(HAL_GetDevInfo(place), -1003, "nothing set yet");
        assert_eq!(HAL_SetDevInfoFile(c"/no/such/file".as_ptr()), 0);
        assert!(take_log().last().unwrap().starts_with("2|HAL_Device_linux.c|HAL_SetDevInfoFile: "));
        (info.product_id[0], info.device_name[0]) = (b'P' as c_char, b'D' as c_char);
        assert_eq!(HAL_SetDevInfo(place), 0);
        let mut read = std::mem::zeroed::<DeviceInfo>();
        assert_eq!(HAL_GetDevInfo((&raw mut read).cast()), 0);
        assert_eq!((read.product_id, read.device_name), (info.product_id, info.device_name));
        info.device_name.fill(b'x' as c_char);
        assert_eq!(HAL_SetDevInfo(place), -1003, "too long");
        assert_eq!(HAL_GetDevInfo((&raw mut read).cast()), 0);
        assert_eq!(read.device_name[1], 0, "the earlier value stays");
        assert_eq!(HAL_SetDevInfo(ptr::null_mut()), -1003);
        assert_eq!(HAL_GetDevInfo(ptr::null_mut()), -1003);
    }
}
