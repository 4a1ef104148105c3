//! What targets share: a port without a system below it, and a server for it.
#![deny(unsafe_code)]

pub mod broker;
#[allow(unsafe_code)]
mod ffi;
pub mod hub;
pub mod port;
