//! What a response must contain to be accepted, and what its failure is called.

use crate::error::Error;
use httparse::{EMPTY_HEADER, Header, Response, Status};
use std::fmt;

/// The most header lines looked at; a bound on the memory a server can make us use.
const MAX_LINES: usize = 512;

/// How much of the reason phrase is kept for the log, in bytes.
const MAX_REASON: usize = 128;

/// A response other than 101.
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// The beginning of the reason phrase, printable ASCII or empty.
    pub reason: String,
    /// The first bytes of the body, at most 256.
    pub body: Vec<u8>,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(f, "Refusal({} {:?}, body {body:?})", self.status, self.reason)
    }
}

/// Why there is no WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpgradeError {
    /// Status 401 or 403.
    Auth(Refusal),
    /// Status 404.
    NotFound(Refusal),
    /// Any other status than 101; redirects are not followed.
    Status(Refusal),
    /// The response breaks HTTP or WebSocket rules.
    Protocol(&'static str),
    /// The connection ended before the response was complete.
    Closed,
    /// No memory for the response.
    Memory,
    /// The time was over before the response was complete.
    TimedOut,
}

impl UpgradeError {
    /// The server's refusal, if there was one, for the log.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            UpgradeError::Auth(refusal) | UpgradeError::NotFound(refusal) | UpgradeError::Status(refusal) => {
                Some(refusal)
            }
            UpgradeError::Protocol(_)
            | UpgradeError::Closed
            | UpgradeError::Memory
            | UpgradeError::TimedOut => None,
        }
    }
}

impl From<Refusal> for UpgradeError {
    fn from(refusal: Refusal) -> Self {
        match refusal.status {
            401 | 403 => UpgradeError::Auth(refusal),
            404 => UpgradeError::NotFound(refusal),
            _ => UpgradeError::Status(refusal),
        }
    }
}

impl From<&UpgradeError> for Error {
    fn from(error: &UpgradeError) -> Self {
        match error {
            UpgradeError::Auth(_) => Error::HttpAuth,
            UpgradeError::NotFound(_) => Error::HttpNotFound,
            UpgradeError::Status(_) => Error::HttpConn,
            UpgradeError::Protocol(_) => Error::HttpProtocol,
            UpgradeError::Closed => Error::HttpClosed,
            UpgradeError::Memory => Error::Malloc,
            UpgradeError::TimedOut => Error::HttpTimeout,
        }
    }
}

impl From<UpgradeError> for Error {
    fn from(error: UpgradeError) -> Self {
        Error::from(&error)
    }
}

impl fmt::Display for UpgradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UpgradeError::Auth(refusal) | UpgradeError::NotFound(refusal) | UpgradeError::Status(refusal) => {
                write!(f, "server refuses the upgrade: {} {}", refusal.status, refusal.reason)
            }
            UpgradeError::Protocol(cause) => f.write_str(cause),
            UpgradeError::Closed => f.write_str("connection closed before the response was complete"),
            UpgradeError::Memory => f.write_str("no memory for the response"),
            UpgradeError::TimedOut => f.write_str("no complete response in time"),
        }
    }
}

impl std::error::Error for UpgradeError {}

/// Code, whether the version is HTTP/1.1, and reason of a complete status line.
pub(super) fn status_line(line: &[u8]) -> Result<(u16, bool, String), UpgradeError> {
    let mut response = Response::new(&mut []);
    let parsed = response.parse(line);
    match (parsed, response.version, response.code, response.reason) {
        (Ok(Status::Partial), Some(version), Some(code), Some(reason)) => {
            Ok((code, version == 1, reason.get(..MAX_REASON).unwrap_or(reason).to_owned()))
        }
        _ => Err(UpgradeError::Protocol("malformed status line")),
    }
}

/// The checks on the header of a 101 response (RFC 6455 §4.1, last part).
pub(super) fn check_accepted(header: &[u8], accept: &str) -> Result<(), UpgradeError> {
    with_headers(header, |headers| {
        if !has_token(headers, "upgrade", "websocket") {
            return Err(UpgradeError::Protocol("no Upgrade: websocket"));
        }
        if !has_token(headers, "connection", "upgrade") {
            return Err(UpgradeError::Protocol("no Connection: upgrade"));
        }
        let mut values = values(headers, "sec-websocket-accept");
        match (values.next(), values.next()) {
            (None, _) => return Err(UpgradeError::Protocol("no Sec-WebSocket-Accept")),
            (Some(_), Some(_)) => return Err(UpgradeError::Protocol("Sec-WebSocket-Accept more than once")),
            (Some(value), None) if value != accept.as_bytes() => {
                return Err(UpgradeError::Protocol("wrong Sec-WebSocket-Accept"));
            }
            (Some(_), None) => {}
        }
        check_protocol(headers)?;
        if self::values(headers, "sec-websocket-extensions").any(|value| !value.is_empty()) {
            return Err(UpgradeError::Protocol("extension that was not offered"));
        }
        Ok(())
    })?
}

/// Some gateways omit the protocol; one that names another does not speak MQTT.
fn check_protocol(headers: &[Header<'_>]) -> Result<(), UpgradeError> {
    let mut values = values(headers, "sec-websocket-protocol");
    match (values.next(), values.next()) {
        (None, _) | (Some(b"mqtt"), None) => Ok(()),
        _ => Err(UpgradeError::Protocol("Sec-WebSocket-Protocol is not mqtt")),
    }
}

/// The announced length of the body; `None` if there is none to rely on.
pub(super) fn content_length(header: &[u8]) -> Option<usize> {
    let length = with_headers(header, |headers| {
        let value = values(headers, "content-length").next()?;
        std::str::from_utf8(value).ok()?.parse().ok()
    });
    length.ok().flatten()
}

/// Parses a complete header and hands its lines to `look`.
fn with_headers<T>(header: &[u8], look: impl FnOnce(&[Header<'_>]) -> T) -> Result<T, UpgradeError> {
    let lines = header.iter().filter(|byte| **byte == b'\n').count();
    let mut headers = Vec::new();
    headers.try_reserve_exact(lines.min(MAX_LINES)).map_err(|_| UpgradeError::Memory)?;
    headers.resize(lines.min(MAX_LINES), EMPTY_HEADER);
    let mut response = Response::new(&mut headers);
    match response.parse(header) {
        Ok(Status::Complete(length)) if length == header.len() => Ok(look(response.headers)),
        Err(httparse::Error::TooManyHeaders) => Err(UpgradeError::Protocol("more than 512 header lines")),
        _ => Err(UpgradeError::Protocol("malformed response header")),
    }
}

/// The values of all lines named `name`, without blanks and tabs around them.
fn values<'h>(headers: &'h [Header<'_>], name: &'static str) -> impl Iterator<Item = &'h [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| trim(header.value))
}

/// Whether a comma-separated list, possibly over several lines, contains `token`.
fn has_token(headers: &[Header<'_>], name: &'static str, token: &str) -> bool {
    values(headers, name)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|item| trim(item).eq_ignore_ascii_case(token.as_bytes()))
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}
