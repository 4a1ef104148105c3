//! Types of the public headers as C lays them out, one file per header. cbindgen reads these files for `include/`.
//!
//! Field and enumerator names are the interface, so they keep their C spelling.
#![allow(non_camel_case_types, non_snake_case)]

pub mod broadcast;
pub mod coap;
pub mod error;
pub mod gateway;
pub mod lite;
pub mod log;
pub mod mqtt;
pub mod ota;
pub mod raw;
pub mod remote_config;
pub mod resource;
pub mod rrpc;
pub mod shadow;
