//! Sans-IO MQTT 3.1.1 client core [MQTT 3.1.1, OASIS 2014].
//!
//! Nothing here reads a clock, a random source or a socket: time (`now`, milliseconds of a monotonic 64-bit
//! clock) and randomness are parameters, bytes come in and go out through slices. That is why the tests can
//! play a day of outage in milliseconds.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod backoff;
pub mod keepalive;
pub mod lifecycle;
pub mod packet;
pub mod received;
pub mod requests;
pub mod session;
pub mod stream;
pub mod table;
pub mod topic;

/// Milliseconds of a monotonic 64-bit clock.
pub type Millis = u64;
