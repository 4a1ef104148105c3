//! What targets share: a port without a system below it, and a server for it.
pub mod broker;
pub mod hub;
pub mod port;
