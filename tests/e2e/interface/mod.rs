//! The C interface under a scripted server.

mod arguments;
mod bursts;
mod callbacks;
mod connecting;
pub mod driver;
mod hostile;
mod memory;
mod ports;
mod process;
pub mod programs;
mod publishing;
mod reconnecting;
mod threads;
mod yielding;
