//! The C interface under a scripted server.

mod arguments;
mod bursts;
mod callbacks;
mod connecting;
mod driver;
mod memory;
mod ports;
mod process;
mod programs;
mod publishing;
mod reconnecting;
mod threads;
mod yielding;
