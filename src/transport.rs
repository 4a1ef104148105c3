//! How bytes travel: TCP, TLS, and WebSocket on either.
#[cfg(feature = "websocket_mqtt")]
pub mod websocket;
