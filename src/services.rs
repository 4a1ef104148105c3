//! Services on top of the MQTT client: topics and JSON.
//!
//! [`downlink`] and [`requests`] are what all of them stand on: a topic that is subscribed and listened to, and
//! requests that wait for their answers.
pub mod downlink;
pub mod requests;
#[cfg(feature = "system_comm")]
pub mod system;
