//! `qcloud_iot_export_error.h`. Inside the SDK, `crate::error::Error` stands for these numbers.

/// Results of the functions of the SDK: 0 and above for success, negative for failure.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoT_Return_Code {
    /// The client is connected already.
    QCLOUD_RET_MQTT_ALREADY_CONNECTED = 4,
    /// The server accepted the connection.
    QCLOUD_RET_MQTT_CONNACK_CONNECTION_ACCEPTED = 3,
    /// The client itself closed the connection.
    QCLOUD_RET_MQTT_MANUALLY_DISCONNECTED = 2,
    /// The connection was lost and is there again.
    QCLOUD_RET_MQTT_RECONNECTED = 1,
    /// Done.
    QCLOUD_RET_SUCCESS = 0,
    /// Failed without a more precise reason.
    QCLOUD_ERR_FAILURE = -1001,
    /// An argument is NULL or not allowed.
    QCLOUD_ERR_INVAL = -1002,
    /// The device information is missing or not usable.
    QCLOUD_ERR_DEV_INFO = -1003,
    /// No memory.
    QCLOUD_ERR_MALLOC = -1004,
    /// HTTP: the server closed the connection.
    QCLOUD_ERR_HTTP_CLOSED = -3,
    /// HTTP: unknown error.
    QCLOUD_ERR_HTTP = -4,
    /// HTTP: the answer breaks the protocol.
    QCLOUD_ERR_HTTP_PRTCL = -5,
    /// HTTP: unknown host name.
    QCLOUD_ERR_HTTP_UNRESOLVED_DNS = -6,
    /// HTTP: the URL cannot be read.
    QCLOUD_ERR_HTTP_PARSE = -7,
    /// HTTP: no connection.
    QCLOUD_ERR_HTTP_CONN = -8,
    /// HTTP: not authorised (401, 403).
    QCLOUD_ERR_HTTP_AUTH = -9,
    /// HTTP: not found (404).
    QCLOUD_ERR_HTTP_NOT_FOUND = -10,
    /// HTTP: no answer in time.
    QCLOUD_ERR_HTTP_TIMEOUT = -11,
    /// MQTT: too many unanswered requests.
    QCLOUD_ERR_MQTT_PUSH_TO_LIST_FAILED = -102,
    /// MQTT: not connected, and not connecting again by itself.
    QCLOUD_ERR_MQTT_NO_CONN = -103,
    /// MQTT: unknown error.
    QCLOUD_ERR_MQTT_UNKNOWN = -104,
    /// MQTT: not connected, trying again.
    QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT = -105,
    /// MQTT: given up trying to connect; the next IOT_MQTT_Yield starts over.
    QCLOUD_ERR_MQTT_RECONNECT_TIMEOUT = -106,
    /// MQTT: too many subscriptions or unanswered subscription requests.
    QCLOUD_ERR_MQTT_MAX_SUBSCRIPTIONS = -107,
    /// MQTT: the server refused a subscription.
    QCLOUD_ERR_MQTT_SUB = -108,
    /// MQTT: nothing to read.
    QCLOUD_ERR_MQTT_NOTHING_TO_READ = -109,
    /// MQTT: a packet could not be read.
    QCLOUD_ERR_MQTT_PACKET_READ = -110,
    /// MQTT: no answer within the command timeout.
    QCLOUD_ERR_MQTT_REQUEST_TIMEOUT = -111,
    /// MQTT: the server refused the connection with an unknown code.
    QCLOUD_ERR_MQTT_CONNACK_UNKNOWN = -112,
    /// MQTT: the server refused the protocol version.
    QCLOUD_ERR_MQTT_CONNACK_UNACCEPTABLE_PROTOCOL_VERSION = -113,
    /// MQTT: the server refused the client id.
    QCLOUD_ERR_MQTT_CONNACK_IDENTIFIER_REJECTED = -114,
    /// MQTT: the server is not available.
    QCLOUD_ERR_MQTT_CONNACK_SERVER_UNAVAILABLE = -115,
    /// MQTT: the server refused user name or password; check device secret and clock.
    QCLOUD_ERR_MQTT_CONNACK_BAD_USERDATA = -116,
    /// MQTT: the server does not authorise the device.
    QCLOUD_ERR_MQTT_CONNACK_NOT_AUTHORIZED = -117,
    /// A received packet is malformed or unexpected.
    QCLOUD_ERR_RX_MESSAGE_INVAL = -118,
    /// A buffer is too small, or a message exceeds the largest packet.
    QCLOUD_ERR_BUF_TOO_SHORT = -119,
    /// MQTT: quality of service other than QOS0 and QOS1.
    QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT = -120,
    /// MQTT: no such subscription.
    QCLOUD_ERR_MQTT_UNSUB_FAIL = -121,
    /// JSON: text cannot be parsed.
    QCLOUD_ERR_JSON_PARSE = -132,
    /// JSON: text was cut.
    QCLOUD_ERR_JSON_BUFFER_TRUNCATED = -133,
    /// JSON: buffer too small.
    QCLOUD_ERR_JSON_BUFFER_TOO_SMALL = -134,
    /// JSON: other error.
    QCLOUD_ERR_JSON = -135,
    /// JSON: too many members.
    QCLOUD_ERR_MAX_JSON_TOKEN = -136,
    /// Too many unanswered requests of the shadow.
    QCLOUD_ERR_MAX_APPENDING_REQUEST = -137,
    /// Topic or filter too long.
    QCLOUD_ERR_MAX_TOPIC_LENGTH = -138,
    /// CoAP: NULL argument.
    QCLOUD_ERR_COAP_NULL = -150,
    /// CoAP: message too long.
    QCLOUD_ERR_COAP_DATA_SIZE = -151,
    /// CoAP: internal error.
    QCLOUD_ERR_COAP_INTERNAL = -152,
    /// CoAP: malformed message.
    QCLOUD_ERR_COAP_BADMSG = -153,
    /// DTLS: the server closed the session.
    QCLOUD_ERR_DTLS_PEER_CLOSE_NOTIFY = -160,
    /// Shadow: property registered already.
    QCLOUD_ERR_SHADOW_PROPERTY_EXIST = -201,
    /// Shadow: property not registered.
    QCLOUD_ERR_SHADOW_NOT_PROPERTY_EXIST = -202,
    /// Shadow: no answer to an update.
    QCLOUD_ERR_SHADOW_UPDATE_TIMEOUT = -203,
    /// Shadow: update refused.
    QCLOUD_ERR_SHADOW_UPDATE_REJECTED = -204,
    /// Shadow: no answer to a get.
    QCLOUD_ERR_SHADOW_GET_TIMEOUT = -205,
    /// Shadow: get refused.
    QCLOUD_ERR_SHADOW_GET_REJECTED = -206,
    /// Gateway: no memory for a session.
    QCLOUD_ERR_GATEWAY_CREATE_SESSION_FAIL = -221,
    /// Gateway: no session for the sub-device.
    QCLOUD_ERR_GATEWAY_SESSION_NO_EXIST = -222,
    /// Gateway: no answer to a session request.
    QCLOUD_ERR_GATEWAY_SESSION_TIMEOUT = -223,
    /// Gateway: the sub-device is online already.
    QCLOUD_ERR_GATEWAY_SUBDEV_ONLINE = -224,
    /// Gateway: the sub-device is offline already.
    QCLOUD_ERR_GATEWAY_SUBDEV_OFFLINE = -225,
    /// RRPC: no reply in time.
    QCLOUD_ERR_RRPC_REPLY_TIMEOUT = -230,
    /// RRPC: the reply could not be sent.
    QCLOUD_ERR_RRPC_REPLY_ERR = -231,
    /// TCP: no socket.
    QCLOUD_ERR_TCP_SOCKET_FAILED = -601,
    /// TCP: unknown host name.
    QCLOUD_ERR_TCP_UNKNOWN_HOST = -602,
    /// TCP: no connection: refused, unreachable or too late.
    QCLOUD_ERR_TCP_CONNECT = -603,
    /// TCP: only part was read in time.
    QCLOUD_ERR_TCP_READ_TIMEOUT = -604,
    /// TCP: nothing was written in time.
    QCLOUD_ERR_TCP_WRITE_TIMEOUT = -605,
    /// TCP: read error.
    QCLOUD_ERR_TCP_READ_FAIL = -606,
    /// TCP: write error.
    QCLOUD_ERR_TCP_WRITE_FAIL = -607,
    /// TCP: the peer closed the connection.
    QCLOUD_ERR_TCP_PEER_SHUTDOWN = -608,
    /// TCP: nothing to read in time.
    QCLOUD_ERR_TCP_NOTHING_TO_READ = -609,
    /// TLS: set-up failed.
    QCLOUD_ERR_SSL_INIT = -701,
    /// TLS: a certificate or key cannot be used, or the server does not verify.
    QCLOUD_ERR_SSL_CERT = -702,
    /// TLS: no connection, or the handshake failed.
    QCLOUD_ERR_SSL_CONNECT = -703,
    /// TLS: connection or handshake took too long.
    QCLOUD_ERR_SSL_CONNECT_TIMEOUT = -704,
    /// TLS: only part was written in time.
    QCLOUD_ERR_SSL_WRITE_TIMEOUT = -705,
    /// TLS: write error.
    QCLOUD_ERR_SSL_WRITE = -706,
    /// TLS: only part was read in time.
    QCLOUD_ERR_SSL_READ_TIMEOUT = -707,
    /// TLS: read error, or the peer closed the connection.
    QCLOUD_ERR_SSL_READ = -708,
    /// TLS: nothing to read in time.
    QCLOUD_ERR_SSL_NOTHING_TO_READ = -709,
}
