//! Return values of the port, as `qcloud_iot_export_error.h` numbers them.

use core::ffi::c_int;

pub const SUCCESS: c_int = 0;
pub const FAILURE: c_int = -1001;
#[cfg(any(feature = "multithread_enabled", not(feature = "debug_dev_info_used")))]
pub const INVAL: c_int = -1002;
pub const DEV_INFO: c_int = -1003;

pub const TCP_SOCKET_FAILED: c_int = -601;
pub const TCP_UNKNOWN_HOST: c_int = -602;
pub const TCP_CONNECT: c_int = -603;
pub const TCP_READ_TIMEOUT: c_int = -604;
pub const TCP_WRITE_TIMEOUT: c_int = -605;
pub const TCP_READ_FAIL: c_int = -606;
pub const TCP_WRITE_FAIL: c_int = -607;
pub const TCP_PEER_SHUTDOWN: c_int = -608;
pub const TCP_NOTHING_TO_READ: c_int = -609;

#[cfg(not(feature = "auth_with_notls"))]
pub use tls::*;

#[cfg(not(feature = "auth_with_notls"))]
mod tls {
    use super::c_int;

    pub const SSL_INIT: c_int = -701;
    pub const SSL_CERT: c_int = -702;
    pub const SSL_CONNECT: c_int = -703;
    pub const SSL_CONNECT_TIMEOUT: c_int = -704;
    pub const SSL_WRITE_TIMEOUT: c_int = -705;
    pub const SSL_WRITE: c_int = -706;
    pub const SSL_READ_TIMEOUT: c_int = -707;
    pub const SSL_READ: c_int = -708;
    pub const SSL_NOTHING_TO_READ: c_int = -709;
}
