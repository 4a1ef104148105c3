//! MQTT device SDK for IoT Hub behind the C interface of the original SDK.
//!
//! `docs/architecture.md` shows the way of a message through these modules. Arrows only point down:
//! `ffi -> services -> client -> transport, mqtt -> hal`; `error`, `log` and the
//! other files of this directory are open to all.
#![deny(unsafe_code)]

pub mod error;
#[allow(unsafe_code)]
pub mod ffi;
#[allow(unsafe_code)]
pub mod hal;
pub mod json;
pub mod log;
pub mod memory;
pub mod mqtt;
pub mod number;

pub mod client;
pub mod services;
pub mod transport;

// Unit tests link the default port in place of a firmware's own.
#[cfg(test)]
extern crate iot_platform as _;
