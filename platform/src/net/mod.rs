//! The network: name look-up, TCP, byte order.

mod byteorder;
pub mod connect;
mod resolve;
pub mod tcp;
pub mod wait;
