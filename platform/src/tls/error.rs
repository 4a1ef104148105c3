//! Why a TLS connection could not be made, as code and text.

use super::bio::FAILED;
use super::crypto::NO_ENTROPY;
use crate::codes::*;
use crate::log::{Errno, Text};
use crate::net::connect::ConnectError;
use core::ffi::c_int;
use core::fmt;
use mbedtls_rs_sys as mbed;

/// Why there is no connection.
pub enum TlsError {
    /// The TCP connection failed.
    Tcp(ConnectError),
    /// The library could not be set up (its number).
    Setup(c_int),
    /// Certificate or key of this device cannot be used.
    Credential(Text<128>),
    /// The server's certificate was refused.
    Server(Text<128>),
    /// The handshake failed.
    Handshake(Failure),
    /// The handshake took too long.
    Late,
    /// The waiter was woken.
    Woken,
}

/// A failed handshake step.
#[derive(Clone, Copy)]
pub struct Failure {
    /// What Mbed TLS says.
    pub code: c_int,
    /// System error number, for a failed socket.
    pub error: c_int,
    /// Number of the alert the server sent.
    pub alert: u8,
}

impl TlsError {
    /// The QCLOUD code for it (websocket.md §7).
    pub fn code(&self) -> c_int {
        match self {
            Self::Tcp(error) if error.is_interrupted() => SSL_CONNECT,
            Self::Tcp(error) => error.code(),
            Self::Setup(_) => SSL_INIT,
            Self::Credential(_) | Self::Server(_) => SSL_CERT,
            Self::Handshake(_) | Self::Woken => SSL_CONNECT,
            Self::Late => SSL_CONNECT_TIMEOUT,
        }
    }

    /// True if the caller itself ended the attempt.
    pub fn is_interrupted(&self) -> bool {
        match self {
            Self::Tcp(error) => error.is_interrupted(),
            error => matches!(error, Self::Woken),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(error) => error.fmt(f),
            Self::Setup(code) => write!(f, "TLS set-up: {}", Cause(*code)),
            Self::Credential(cause) => cause.fmt(f),
            Self::Server(cause) => write!(f, "server refused: {cause}"),
            Self::Handshake(failure) => write!(f, "TLS handshake: {failure}"),
            Self::Late => f.write_str("TLS handshake: no answer within the time limit"),
            Self::Woken => f.write_str("interrupted"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            FAILED => Errno(self.error).fmt(f),
            mbed::MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE => {
                write!(f, "server sent alert {} ({})", self.alert, alert_name(self.alert))
            }
            code => Cause(code).fmt(f),
        }
    }
}

/// Text of a number of Mbed TLS.
pub struct Cause(pub c_int);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0 | mbed::MBEDTLS_ERR_SSL_CONN_EOF => "server closed the connection",
            mbed::MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY => "server ended the session",
            mbed::MBEDTLS_ERR_SSL_ALLOC_FAILED => "no memory",
            NO_ENTROPY => "no random numbers",
            mbed::MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE => "no common cipher suite or parameter",
            mbed::MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION => "no common protocol version",
            mbed::MBEDTLS_ERR_SSL_INVALID_RECORD => "server does not speak TLS",
            mbed::MBEDTLS_ERR_SSL_INVALID_MAC => "record damaged or wrong key",
            mbed::MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE => "unexpected message",
            code => return write!(f, "Mbed TLS error -0x{:04X}", code.unsigned_abs()),
        };
        f.write_str(text)
    }
}

/// Names of RFC 8446 §6.
fn alert_name(alert: u8) -> &'static str {
    match alert {
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => "unknown",
    }
}
