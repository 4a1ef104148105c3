//! The services on top of MQTT: under a scripted server, and with the local hub.

mod broadcast;
mod gateway;
mod remote_config;
mod rrpc;
mod scenarios;
mod sessions;
