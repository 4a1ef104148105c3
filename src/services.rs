//! Services on top of the MQTT client.
