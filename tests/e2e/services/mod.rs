//! The services on top of MQTT: under a scripted server, and with the local hub and other brokers.

mod broadcast;
mod foreign_broker;
mod gateway;
mod remote_config;
mod rrpc;
mod scenarios;
mod sessions;
mod shadow;
