//! WebSocket (RFC 6455) as MQTT needs it: upgrade and frames, without sockets.
