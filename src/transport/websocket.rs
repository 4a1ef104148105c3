//! WebSocket (RFC 6455) as MQTT needs it: upgrade and frames, without sockets, clock or random source.
//!
//! Receiving ([`Decoder`]) and sending ([`binary`], [`pong`], [`close`]) share no state, so that one thread may
//! receive while another sends. The owner of the connection keeps the states of the connection and the order of
//! frames on the wire.
//!
//! Deliberately absent: extensions, text messages, fragmented sending and redirects.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod closing;
mod decoder;
mod encoder;
mod upgrade;

#[cfg(test)]
mod autobahn;

pub use closing::{
    CLOSE_NORMAL, CLOSE_NOT_UTF8, CLOSE_PROTOCOL_ERROR, CLOSE_TOO_BIG, CLOSE_UNSUPPORTED_DATA, Closing,
    valid_close_code,
};
pub use decoder::{DEFAULT_MAX_MESSAGE, Decoder, Incoming, Violation};
pub use encoder::{MAX_CONTROL_PAYLOAD, MaskSource, binary, close, encode, pong};
pub use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
pub use upgrade::{Progress, Refusal, Upgrade, UpgradeError, UpgradeRequest};
