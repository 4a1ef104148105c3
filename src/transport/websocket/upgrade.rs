//! The HTTP upgrade: request bytes out, response bytes in (RFC 6455 §4.1, §4.2.2).

use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest, Sha1};
use std::fmt::Write;

mod response;
pub use response::{Refusal, UpgradeError};
use response::{check_accepted, status_line};

/// More than the request has beside host and path, in bytes.
const REQUEST: usize = 192;
/// The longest response header, in bytes, with its empty line.
const MAX_HEADER: usize = 16 * 1024;
/// How much of the body of a refusal is kept for the log, in bytes.
const MAX_BODY: usize = 256;
/// The value every server mixes into the accept value (RFC 6455 §1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Nothing shorter is a response.
const SHORTEST_RESPONSE: usize = "HTTP/1.1 101\n\n".len();
/// Nothing shorter can be accepted: the accept value has 28 characters.
const SHORTEST_ACCEPTED: usize =
    "HTTP/1.1 101\nUpgrade:websocket\nConnection:upgrade\nSec-WebSocket-Accept:\n\n".len() + 28;

/// The request that asks a server to speak WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpgradeRequest {
    text: String,
}

impl UpgradeRequest {
    /// A request for `path` at `host` (`name:port`, the port is always given). `key` must be random and new for
    /// every attempt.
    ///
    /// Fails with [`Error::Inval`] if host or path would break out of its line or is not printable ASCII.
    pub fn new(host: &str, path: &str, key: &[u8; 16]) -> Result<Self, Error> {
        let host_fits = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
        let path_fits = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
        if !host_fits || !path_fits {
            return Err(Error::Inval);
        }
        // Order and spelling are those the platform is known to accept, the small `s` included.
        let mut text = String::new();
        text.try_reserve_exact(REQUEST + host.len() + path.len()).map_err(|_| Error::Malloc)?;
        let written = write!(
            text,
            "GET {path} HTTP/1.1\r\n\
             Host: {host}\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n\
             Sec-Websocket-Protocol: mqtt\r\n\
             Sec-WebSocket-Key: {}\r\n\
             Sec-WebSocket-Version: 13\r\n\
             \r\n",
            BASE64.encode(key)
        );
        written.map_or(Err(Error::Malloc), |()| Ok(UpgradeRequest { text }))
    }

    /// The bytes to send, in one write.
    pub fn into_bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }

    /// The same for the log.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// How far the response has come.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress<'a> {
    /// More bytes are needed.
    More,
    /// The server speaks WebSocket now.
    Done {
        /// The end of the bytes just fed: the first bytes of the first frame.
        surplus: &'a [u8],
    },
}

/// Reads the answer to an [`UpgradeRequest`]. How the bytes are cut into pieces makes no difference.
#[derive(Debug)]
pub struct Upgrade {
    accept: String,
    header: Vec<u8>,
    /// Where the line under way begins in `header`.
    line: usize,
    status: Option<u16>,
    reason: String,
    version_1_1: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Header,
    /// The server refuses; up to `wanted` bytes of its explanation are awaited.
    Body {
        refusal: Refusal,
        wanted: usize,
    },
    Done,
    Failed(UpgradeError),
}

impl Upgrade {
    /// Awaits the answer to the request made with `key`.
    pub fn new(key: &[u8; 16]) -> Self {
        Upgrade {
            accept: accept_value(&BASE64.encode(key)),
            header: Vec::new(),
            line: 0,
            status: None,
            reason: String::new(),
            version_1_1: false,
            state: State::Header,
        }
    }

    /// Takes bytes of the response.
    ///
    /// An error is final and repeated by later calls. A refusal whose header announces a body is reported once the
    /// part of the body that belongs in the log is complete; see [`Upgrade::closed`] and [`Upgrade::timed_out`].
    pub fn feed<'a>(&mut self, bytes: &'a [u8]) -> Result<Progress<'a>, UpgradeError> {
        match self.advance(bytes) {
            Err(error) => {
                self.state = State::Failed(error.clone());
                Err(error)
            }
            progress => progress,
        }
    }

    /// The status code, as soon as the status line is complete.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// How many further bytes the server is sure to send before [`Upgrade::feed`] can come to a result. At least 1.
    ///
    /// Ports whose read waits for an exact count read this many.
    pub fn need(&self) -> usize {
        let expected = match (&self.state, self.status) {
            (State::Body { refusal, wanted }, _) => return wanted.saturating_sub(refusal.body.len()).max(1),
            (_, None) => SHORTEST_RESPONSE,
            (_, Some(101)) => SHORTEST_ACCEPTED,
            (_, Some(_)) => 0,
        };
        expected.saturating_sub(self.header.len()).max(1)
    }

    /// What it means that the server closed the connection now.
    pub fn closed(&self) -> UpgradeError {
        self.interrupted(UpgradeError::Closed)
    }

    /// What it means that the time for the upgrade is over.
    pub fn timed_out(&self) -> UpgradeError {
        self.interrupted(UpgradeError::TimedOut)
    }

    fn interrupted(&self, cause: UpgradeError) -> UpgradeError {
        match &self.state {
            State::Header | State::Done => cause,
            State::Body { refusal, .. } => UpgradeError::from(refusal.clone()),
            State::Failed(error) => error.clone(),
        }
    }

    fn advance<'a>(&mut self, bytes: &'a [u8]) -> Result<Progress<'a>, UpgradeError> {
        let rest = match &self.state {
            State::Header => match self.take_header(bytes)? {
                Some(rest) => rest,
                None => return Ok(Progress::More),
            },
            State::Body { .. } => bytes,
            State::Done => return Ok(Progress::Done { surplus: bytes }),
            State::Failed(error) => return Err(error.clone()),
        };
        if self.status == Some(101) {
            self.check_accepted()?;
            self.state = State::Done;
            return Ok(Progress::Done { surplus: rest });
        }
        self.take_body(rest)
    }

    /// Consumes up to and including the empty line; returns what follows it, or `None` before the header is complete.
    fn take_header<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, UpgradeError> {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            if self.header.len() == MAX_HEADER {
                return Err(UpgradeError::Protocol("response header above 16 KiB"));
            }
            if self.header.len() == self.header.capacity() {
                // At least as much as an ordinary response has.
                let more = self.header.len().max(512);
                self.header.try_reserve_exact(more).map_err(|_| UpgradeError::Memory)?;
            }
            self.header.push(byte);
            if self.line == 0 && !begins_like_http(&self.header) {
                return Err(UpgradeError::Protocol("not an HTTP response"));
            }
            if byte == b'\n' && self.end_line()? {
                return Ok(Some(rest));
            }
        }
        Ok(None)
    }

    /// Ends the line under way; `true` if it was the empty one behind the header.
    fn end_line(&mut self) -> Result<bool, UpgradeError> {
        let line = self.header.get(self.line..).unwrap_or_default();
        if self.line == 0 {
            let (code, version_1_1, reason) = status_line(line)?;
            self.status = Some(code);
            self.version_1_1 = version_1_1;
            self.reason = reason;
        } else if matches!(line, b"\n" | b"\r\n") {
            return Ok(true);
        }
        self.line = self.header.len();
        Ok(false)
    }

    fn check_accepted(&self) -> Result<(), UpgradeError> {
        if !self.version_1_1 {
            return Err(UpgradeError::Protocol("101 from a server that does not speak HTTP/1.1"));
        }
        check_accepted(&self.header, &self.accept)
    }

    fn take_body(&mut self, bytes: &[u8]) -> Result<Progress<'static>, UpgradeError> {
        if let State::Header = self.state {
            let wanted = response::content_length(&self.header).unwrap_or(0).min(MAX_BODY);
            let refusal = Refusal {
                status: self.status.unwrap_or_default(),
                reason: std::mem::take(&mut self.reason),
                body: Vec::new(),
            };
            self.state = State::Body { refusal, wanted };
        }
        let State::Body { refusal, wanted } = &mut self.state else { return Ok(Progress::More) };
        let room = MAX_BODY.saturating_sub(refusal.body.len());
        refusal.body.extend(bytes.iter().take(room));
        if refusal.body.len() < *wanted {
            return Ok(Progress::More);
        }
        Err(UpgradeError::from(refusal.clone()))
    }
}

/// The value a server proves with that it understood the key (RFC 6455 §4.2.2 step 5.4).
fn accept_value(key: &str) -> String {
    BASE64.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

fn begins_like_http(bytes: &[u8]) -> bool {
    bytes.iter().zip(b"HTTP/").all(|(got, expected)| got == expected)
}

#[cfg(test)]
mod tests;
