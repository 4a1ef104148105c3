//! The C interface under a scripted server.

mod callbacks;
mod connecting;
mod driver;
mod programs;
mod publishing;
mod reconnecting;
mod threads;
mod yielding;
