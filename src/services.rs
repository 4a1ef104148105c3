//! Services on top of the MQTT client: topics and JSON.
//!
//! [`downlink`] and [`requests`] are what all of them stand on: a topic that is subscribed and listened to, and
//! requests that wait for their answers.
#[cfg(feature = "broadcast_enabled")]
pub mod broadcast;
pub mod downlink;
#[cfg(feature = "gateway_enabled")]
pub mod gateway;
#[cfg(any(feature = "broadcast_enabled", feature = "rrpc_enabled"))]
pub mod listener;
#[cfg(feature = "remote_config_mqtt")]
pub mod remote_config;
pub mod requests;
#[cfg(feature = "rrpc_enabled")]
pub mod rrpc;
#[cfg(feature = "mqtt_device_shadow")]
pub mod shadow;
#[cfg(feature = "system_comm")]
pub mod system;
