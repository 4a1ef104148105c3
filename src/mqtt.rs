//! Sans-IO MQTT 3.1.1 client session: reads no clock, no random source and no socket.
