//! Device identity as the C interface lays it out (`qcloud_iot_export.h`).
//!
//! The port reads and writes these structures too: `platform/` compiles this very file.

use core::ffi::c_char;

/// Longest product id, terminator not counted.
pub const MAX_SIZE_OF_PRODUCT_ID: usize = 10;
/// Longest device name, terminator not counted.
pub const MAX_SIZE_OF_DEVICE_NAME: usize = 48;
/// Longest client id, terminator not counted.
pub const MAX_SIZE_OF_CLIENT_ID: usize = 80;
/// Longest device secret (base64 text), terminator not counted.
pub const MAX_SIZE_OF_DEVICE_SECRET: usize = 64;
/// Longest certificate file name, terminator not counted.
pub const MAX_SIZE_OF_DEVICE_CERT_FILE_NAME: usize = 128;
/// Longest private key file name, terminator not counted.
pub const MAX_SIZE_OF_DEVICE_SECRET_FILE_NAME: usize = 128;
/// Longest product secret, terminator not counted.
pub const MAX_SIZE_OF_PRODUCT_SECRET: usize = 32;
/// Size of the region array, terminator included.
pub const MAX_SIZE_OF_REGION: usize = 64;

/// Identity of a device: NUL-terminated texts in fixed arrays.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(all(not(feature = "auth_mode_cert"), not(feature = "dev_dyn_reg_enabled")))]
pub struct DeviceInfo {
    /// Product id.
    pub product_id: [c_char; 11],
    /// Device name.
    pub device_name: [c_char; 49],
    /// Product id followed by device name; filled by the SDK.
    pub client_id: [c_char; 81],
    /// Device secret, base64.
    pub device_secret: [c_char; 65],
    /// Region of the platform or URL of a server, as in MQTTInitParams; empty: the default region.
    pub region: [c_char; 64],
}

/// Identity of a device: NUL-terminated texts in fixed arrays.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(all(not(feature = "auth_mode_cert"), feature = "dev_dyn_reg_enabled"))]
pub struct DeviceInfo {
    /// Product id.
    pub product_id: [c_char; 11],
    /// Device name.
    pub device_name: [c_char; 49],
    /// Product id followed by device name; filled by the SDK.
    pub client_id: [c_char; 81],
    /// Device secret, base64.
    pub device_secret: [c_char; 65],
    /// Product secret, for dynamic registration.
    pub product_secret: [c_char; 33],
    /// Region of the platform or URL of a server, as in MQTTInitParams; empty: the default region.
    pub region: [c_char; 64],
}

/// Identity of a device: NUL-terminated texts in fixed arrays.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(all(feature = "auth_mode_cert", not(feature = "dev_dyn_reg_enabled")))]
pub struct DeviceInfo {
    /// Product id.
    pub product_id: [c_char; 11],
    /// Device name.
    pub device_name: [c_char; 49],
    /// Product id followed by device name; filled by the SDK.
    pub client_id: [c_char; 81],
    /// Name of the certificate file (PEM).
    pub dev_cert_file_name: [c_char; 129],
    /// Name of the private key file (PEM).
    pub dev_key_file_name: [c_char; 129],
    /// Region of the platform or URL of a server, as in MQTTInitParams; empty: the default region.
    pub region: [c_char; 64],
}

/// Identity of a device: NUL-terminated texts in fixed arrays.
#[repr(C)]
#[derive(Clone, Copy)]
#[cfg(all(feature = "auth_mode_cert", feature = "dev_dyn_reg_enabled"))]
pub struct DeviceInfo {
    /// Product id.
    pub product_id: [c_char; 11],
    /// Device name.
    pub device_name: [c_char; 49],
    /// Product id followed by device name; filled by the SDK.
    pub client_id: [c_char; 81],
    /// Name of the certificate file (PEM).
    pub dev_cert_file_name: [c_char; 129],
    /// Name of the private key file (PEM).
    pub dev_key_file_name: [c_char; 129],
    /// Product secret, for dynamic registration.
    pub product_secret: [c_char; 33],
    /// Region of the platform or URL of a server, as in MQTTInitParams; empty: the default region.
    pub region: [c_char; 64],
}

/// Identity of a gateway and of the sub-devices it speaks for.
#[repr(C)]
#[cfg(feature = "gateway_enabled")]
pub struct GatewayDeviceInfo {
    /// The gateway itself.
    pub gw_info: DeviceInfo,
    /// `sub_dev_num` sub-devices in one `HAL_Malloc` block that the caller frees.
    pub sub_dev_info: *mut DeviceInfo,
    /// Count of `sub_dev_info`.
    pub sub_dev_num: core::ffi::c_uint,
}
