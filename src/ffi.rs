//! The C interface: thin wrappers, one file per public header.
#[cfg(feature = "broadcast_enabled")]
pub mod broadcast;
mod callback;
mod device_info;
#[cfg(feature = "gateway_enabled")]
pub mod gateway;
pub mod getopt;
mod guard;
mod handle;
pub mod lite;
pub mod log;
pub mod mqtt;
mod ptr;
#[cfg(feature = "remote_config_mqtt")]
pub mod remote_config;
#[cfg(feature = "rrpc_enabled")]
pub mod rrpc;
#[cfg(feature = "mqtt_device_shadow")]
pub mod shadow;
#[cfg(feature = "system_comm")]
pub mod system;
pub mod types;
