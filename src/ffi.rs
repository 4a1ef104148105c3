//! The C interface: thin wrappers, one file per public header.
mod callback;
mod device_info;
pub mod getopt;
mod guard;
mod handle;
pub mod lite;
pub mod log;
pub mod mqtt;
mod ptr;
#[cfg(feature = "system_comm")]
pub mod system;
pub mod types;
