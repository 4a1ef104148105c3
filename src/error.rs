//! The one error type of the SDK and its `QCLOUD_*` numbers.
//!
//! Only this file knows the numbers of `IoT_Return_Code`; the cause of a failure (name look-up, TCP, TLS,
//! upgrade status, CONNACK code) is kept up to the C interface.

use std::fmt;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// What a function of the SDK reports when it does not succeed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(i32)]
        pub enum Error {
            $($(#[$doc])* $name = $code,)*
        }

        static ALL: &[Error] = &[$(Error::$name,)*];

        /// Their names, a NUL behind each: a table of texts would take more room, and has to be relocated.
        const NAMES: &[u8] = concat!($(stringify!($name), "\0",)*).as_bytes();
    };
}

errors! {
    /// The server closed the connection before its HTTP response was complete.
    HttpClosed = -3,
    /// An HTTP request failed.
    Http = -4,
    /// The HTTP response breaks the rules.
    HttpProtocol = -5,
    /// The server answered with a status that refuses.
    HttpConn = -8,
    /// The server answered 401 or 403.
    HttpAuth = -9,
    /// The server answered 404.
    HttpNotFound = -10,
    /// No complete HTTP response in time.
    HttpTimeout = -11,
    /// A failure without a code of its own.
    Failure = -1001,
    /// An argument that cannot be used.
    Inval = -1002,
    /// Device information that cannot be used.
    DevInfo = -1003,
    /// No memory.
    Malloc = -1004,
    /// Not connected.
    NoConn = -103,
    /// Connection lost, trying to get it back.
    AttemptingReconnect = -105,
    /// A series of attempts to reconnect has failed.
    ReconnectTimeout = -106,
    /// No room for another subscription or request.
    MaxSubscriptions = -107,
    /// The server refused a subscription.
    SubNack = -108,
    /// A packet could not be read.
    PacketRead = -110,
    /// No answer within the command timeout.
    RequestTimeout = -111,
    /// CONNACK with an unknown code.
    ConnackUnknown = -112,
    /// CONNACK 1: protocol version not accepted.
    ConnackProtocolVersion = -113,
    /// CONNACK 2: client id rejected.
    ConnackIdentifier = -114,
    /// CONNACK 3: server unavailable.
    ConnackServerUnavailable = -115,
    /// CONNACK 4: bad user name or password.
    ConnackUserData = -116,
    /// CONNACK 5: not authorised.
    ConnackNotAuthorized = -117,
    /// The server sent a packet that has no place here.
    RxMessageInvalid = -118,
    /// A packet above the limit.
    BufTooShort = -119,
    /// A quality of service other than 0 and 1.
    QosNotSupported = -120,
    /// No such subscription.
    UnsubFail = -121,
    /// A JSON text that was cut off at the end of its buffer.
    JsonBufferTruncated = -133,
    /// A buffer without room for a JSON text.
    JsonBufferTooSmall = -134,
    /// A JSON text that cannot be used.
    Json = -135,
    /// Too many requests wait for their answers.
    MaxAppendingRequest = -137,
    /// A topic above 128 bytes.
    MaxTopicLength = -138,
    /// A property that is registered already.
    ShadowPropertyExist = -201,
    /// A property that is not registered.
    ShadowNotPropertyExist = -202,
    /// No answer to an update of the shadow in time.
    ShadowUpdateTimeout = -203,
    /// The platform refused an update of the shadow.
    ShadowUpdateRejected = -204,
    /// No answer to a request for the shadow in time.
    ShadowGetTimeout = -205,
    /// The platform refused a request for the shadow.
    ShadowGetRejected = -206,
    /// A sub-device that has no session.
    GatewaySessionNoExist = -222,
    /// A sub-device that is online already.
    GatewaySubdevOnline = -224,
    /// No call to reply to, or a reply that could not be sent.
    RrpcReply = -231,
    /// No socket.
    TcpSocketFailed = -601,
    /// The host name cannot be resolved.
    TcpUnknownHost = -602,
    /// Refused, unreachable, or too late.
    TcpConnect = -603,
    /// TCP: part of the bytes did not come in time.
    TcpReadTimeout = -604,
    /// TCP: nothing could be written in time.
    TcpWriteTimeout = -605,
    /// TCP: reading failed.
    TcpReadFail = -606,
    /// TCP: writing failed.
    TcpWriteFail = -607,
    /// TCP: the server closed the connection.
    TcpPeerShutdown = -608,
    /// TCP: nothing came in time.
    TcpNothingToRead = -609,
    /// TLS could not be set up.
    SslInit = -701,
    /// A certificate or key that cannot be used, or a server that does not verify.
    SslCert = -702,
    /// The TLS handshake failed.
    SslConnect = -703,
    /// The TLS handshake took too long.
    SslConnectTimeout = -704,
    /// TLS: not all could be written in time.
    SslWriteTimeout = -705,
    /// TLS: writing failed.
    SslWrite = -706,
    /// TLS: part of the bytes did not come in time.
    SslReadTimeout = -707,
    /// TLS: reading failed, or the server closed the connection.
    SslRead = -708,
    /// TLS: nothing came in time.
    SslNothingToRead = -709,
}

impl Error {
    /// The value of `IoT_Return_Code`.
    pub const fn code(self) -> i32 {
        self as i32
    }

    /// The error of a port's number, `None` for a number that is not an error of ours.
    pub fn from_code(code: i32) -> Option<Error> {
        if code == 0 {
            return None;
        }
        ALL.iter().copied().find(|error| error.code() == code)
    }

    fn name(self) -> &'static str {
        let names = NAMES.split(|&byte| byte == 0);
        let found = ALL.iter().zip(names).find(|(error, _)| **error == self);
        found.and_then(|(_, name)| std::str::from_utf8(name).ok()).unwrap_or_default()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.code())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::types::error::IoT_Return_Code as C;

    #[test]
    fn numbers_are_those_of_the_header() {
        let header = [
            (Error::HttpClosed, C::QCLOUD_ERR_HTTP_CLOSED),
            (Error::Http, C::QCLOUD_ERR_HTTP),
            (Error::HttpProtocol, C::QCLOUD_ERR_HTTP_PRTCL),
            (Error::HttpConn, C::QCLOUD_ERR_HTTP_CONN),
            (Error::HttpAuth, C::QCLOUD_ERR_HTTP_AUTH),
            (Error::HttpNotFound, C::QCLOUD_ERR_HTTP_NOT_FOUND),
            (Error::HttpTimeout, C::QCLOUD_ERR_HTTP_TIMEOUT),
            (Error::Failure, C::QCLOUD_ERR_FAILURE),
            (Error::Inval, C::QCLOUD_ERR_INVAL),
            (Error::DevInfo, C::QCLOUD_ERR_DEV_INFO),
            (Error::Malloc, C::QCLOUD_ERR_MALLOC),
            (Error::NoConn, C::QCLOUD_ERR_MQTT_NO_CONN),
            (Error::AttemptingReconnect, C::QCLOUD_ERR_MQTT_ATTEMPTING_RECONNECT),
            (Error::ReconnectTimeout, C::QCLOUD_ERR_MQTT_RECONNECT_TIMEOUT),
            (Error::MaxSubscriptions, C::QCLOUD_ERR_MQTT_MAX_SUBSCRIPTIONS),
            (Error::SubNack, C::QCLOUD_ERR_MQTT_SUB),
            (Error::PacketRead, C::QCLOUD_ERR_MQTT_PACKET_READ),
            (Error::RequestTimeout, C::QCLOUD_ERR_MQTT_REQUEST_TIMEOUT),
            (Error::ConnackUnknown, C::QCLOUD_ERR_MQTT_CONNACK_UNKNOWN),
            (Error::ConnackProtocolVersion, C::QCLOUD_ERR_MQTT_CONNACK_UNACCEPTABLE_PROTOCOL_VERSION),
            (Error::ConnackIdentifier, C::QCLOUD_ERR_MQTT_CONNACK_IDENTIFIER_REJECTED),
            (Error::ConnackServerUnavailable, C::QCLOUD_ERR_MQTT_CONNACK_SERVER_UNAVAILABLE),
            (Error::ConnackUserData, C::QCLOUD_ERR_MQTT_CONNACK_BAD_USERDATA),
            (Error::ConnackNotAuthorized, C::QCLOUD_ERR_MQTT_CONNACK_NOT_AUTHORIZED),
            (Error::RxMessageInvalid, C::QCLOUD_ERR_RX_MESSAGE_INVAL),
            (Error::BufTooShort, C::QCLOUD_ERR_BUF_TOO_SHORT),
            (Error::QosNotSupported, C::QCLOUD_ERR_MQTT_QOS_NOT_SUPPORT),
            (Error::UnsubFail, C::QCLOUD_ERR_MQTT_UNSUB_FAIL),
            (Error::JsonBufferTruncated, C::QCLOUD_ERR_JSON_BUFFER_TRUNCATED),
            (Error::JsonBufferTooSmall, C::QCLOUD_ERR_JSON_BUFFER_TOO_SMALL),
            (Error::Json, C::QCLOUD_ERR_JSON),
            (Error::MaxAppendingRequest, C::QCLOUD_ERR_MAX_APPENDING_REQUEST),
            (Error::ShadowPropertyExist, C::QCLOUD_ERR_SHADOW_PROPERTY_EXIST),
            (Error::ShadowNotPropertyExist, C::QCLOUD_ERR_SHADOW_NOT_PROPERTY_EXIST),
            (Error::ShadowUpdateTimeout, C::QCLOUD_ERR_SHADOW_UPDATE_TIMEOUT),
            (Error::ShadowUpdateRejected, C::QCLOUD_ERR_SHADOW_UPDATE_REJECTED),
            (Error::ShadowGetTimeout, C::QCLOUD_ERR_SHADOW_GET_TIMEOUT),
            (Error::ShadowGetRejected, C::QCLOUD_ERR_SHADOW_GET_REJECTED),
            (Error::GatewaySessionNoExist, C::QCLOUD_ERR_GATEWAY_SESSION_NO_EXIST),
            (Error::GatewaySubdevOnline, C::QCLOUD_ERR_GATEWAY_SUBDEV_ONLINE),
            (Error::MaxTopicLength, C::QCLOUD_ERR_MAX_TOPIC_LENGTH),
            (Error::RrpcReply, C::QCLOUD_ERR_RRPC_REPLY_ERR),
            (Error::TcpSocketFailed, C::QCLOUD_ERR_TCP_SOCKET_FAILED),
            (Error::TcpUnknownHost, C::QCLOUD_ERR_TCP_UNKNOWN_HOST),
            (Error::TcpConnect, C::QCLOUD_ERR_TCP_CONNECT),
            (Error::TcpReadTimeout, C::QCLOUD_ERR_TCP_READ_TIMEOUT),
            (Error::TcpWriteTimeout, C::QCLOUD_ERR_TCP_WRITE_TIMEOUT),
            (Error::TcpReadFail, C::QCLOUD_ERR_TCP_READ_FAIL),
            (Error::TcpWriteFail, C::QCLOUD_ERR_TCP_WRITE_FAIL),
            (Error::TcpPeerShutdown, C::QCLOUD_ERR_TCP_PEER_SHUTDOWN),
            (Error::TcpNothingToRead, C::QCLOUD_ERR_TCP_NOTHING_TO_READ),
            (Error::SslInit, C::QCLOUD_ERR_SSL_INIT),
            (Error::SslCert, C::QCLOUD_ERR_SSL_CERT),
            (Error::SslConnect, C::QCLOUD_ERR_SSL_CONNECT),
            (Error::SslConnectTimeout, C::QCLOUD_ERR_SSL_CONNECT_TIMEOUT),
            (Error::SslWriteTimeout, C::QCLOUD_ERR_SSL_WRITE_TIMEOUT),
            (Error::SslWrite, C::QCLOUD_ERR_SSL_WRITE),
            (Error::SslReadTimeout, C::QCLOUD_ERR_SSL_READ_TIMEOUT),
            (Error::SslRead, C::QCLOUD_ERR_SSL_READ),
            (Error::SslNothingToRead, C::QCLOUD_ERR_SSL_NOTHING_TO_READ),
        ];
        assert_eq!(header.len(), ALL.len());
        for (error, number) in header {
            assert_eq!(error.code(), number as i32, "{error}");
            assert_eq!(Error::from_code(number as i32), Some(error));
        }
        assert_eq!(Error::from_code(0), None);
    }

    #[test]
    fn every_error_tells_its_name_and_number() {
        for error in ALL {
            assert_eq!(error.to_string(), format!("{error:?} ({})", error.code()));
        }
    }
}
