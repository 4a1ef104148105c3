//! C interface: mqtt.
