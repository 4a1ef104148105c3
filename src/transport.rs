//! How bytes travel: TCP or TLS, and WebSocket on either.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod receiver;
pub mod sender;
#[cfg(feature = "websocket_mqtt")]
pub mod upgrade;
#[cfg(feature = "websocket_mqtt")]
pub mod websocket;
