//! Links that break: at every byte, for a while, for good, before they exist.

mod broker;
mod bytes;
mod connecting;
mod crowd;
mod link;
mod memory;
mod storm;
mod stream;
mod transports;
