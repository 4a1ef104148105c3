//! Services on top of the MQTT client: topics and JSON.
#[cfg(feature = "system_comm")]
pub mod system;
