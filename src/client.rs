//! A device client: identity, connection, callbacks, threads.
pub mod credentials;
pub mod endpoint;
pub mod identity;
pub mod notice;
