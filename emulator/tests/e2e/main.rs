//! The hub from outside: a real process on free ports, clients that say exact bytes, other people's clients.

#![allow(missing_docs, reason = "a test program has no users")]

mod broadcast;
mod client;
mod connect;
mod console;
mod faults;
mod gateway;
mod hub;
mod messages;
mod peers;
mod remote_config;
mod robustness;
mod rrpc;
mod shadow;
mod tls;
mod websocket;
