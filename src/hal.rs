//! Safe wrappers over the imported `HAL_*` functions of the port.
pub mod device_info;
pub mod import;
pub mod symbols;
