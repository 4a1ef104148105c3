//! The receiving side: bytes of the transport in, pieces of messages and control frames out.
//!
//! Payload is handed over as it lies in the receive buffer, as soon as it is there: MQTT reads data messages as one
//! byte stream, so nothing is gained by collecting a message first. The buffer therefore stays small whatever the
//! size of a message is.

use super::closing::{
    CLOSE_NOT_UTF8, CLOSE_PROTOCOL_ERROR, CLOSE_TOO_BIG, CLOSE_UNSUPPORTED_DATA, valid_close_code,
};
use super::encoder::MAX_CONTROL_PAYLOAD;
use crate::error::Error;
use std::io::Cursor;
use std::ops::Range;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

mod buffer;
use buffer::Buffer;

/// The longest data message accepted by default, in bytes: an MQTT packet of 64 KiB and its header.
pub const DEFAULT_MAX_MESSAGE: usize = 64 * 1024 + 16;

/// The bytes every header of a server's frame has (RFC 6455 §5.2).
const MIN_HEADER: usize = 2;

/// What the decoder found. Slices live in the receive buffer until the next call.
#[derive(Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// Payload of a data message, in order. Empty messages are not reported.
    Data {
        /// The next bytes of the MQTT stream; empty only if an empty last fragment ends the message.
        bytes: &'a [u8],
        /// Whether the message ends with these bytes.
        end_of_message: bool,
        /// The bytes of this message so far, over all its fragments; its length once `end_of_message` is set.
        message_len: usize,
    },
    /// A ping; its payload (at most 125 bytes) is to be echoed in a pong.
    Ping(&'a [u8]),
    /// A pong, which needs no reaction.
    Pong,
    /// The peer closes. Whatever it sends afterwards is discarded.
    Close {
        /// The code to echo, `None` for an empty close frame.
        code: Option<u16>,
        /// The peer's reason, often empty.
        reason: &'a str,
    },
}

/// The peer broke the protocol: close with this code and drop the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The code of the close frame to send.
    pub close_code: u16,
    /// What was wrong, for the log.
    pub cause: &'static str,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (close code {})", self.cause, self.close_code)
    }
}

impl std::error::Error for Violation {}

/// Decodes the frames of a server. Not thread-safe; it belongs to the receiving side alone.
///
/// Per read: [`Decoder::space`], read into it, [`Decoder::filled`], then [`Decoder::next`] until it returns `None`.
#[derive(Debug)]
pub struct Decoder {
    max_message: usize,
    buffer: Buffer,
    state: State,
    /// Bytes announced by the frames of the message under way; `None` between messages.
    announced: Option<usize>,
    /// Bytes of the message under way handed over so far.
    delivered: usize,
    need: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// At the start of a frame.
    Header,
    /// Inside the payload of a data frame, `remaining` bytes before its end.
    Payload { remaining: usize, is_final: bool },
    /// The peer has closed.
    Closed,
    /// The peer broke the protocol.
    Failed(Violation),
}

/// One step of the decoder; ranges are places in the buffer.
enum Step {
    /// More bytes are needed.
    Wait,
    /// Something was consumed that is not reported.
    Skip,
    Data {
        bytes: Range<usize>,
        end_of_message: bool,
    },
    Ping(Range<usize>),
    Pong,
    Close {
        code: Option<u16>,
        reason: Range<usize>,
    },
}

impl Decoder {
    /// A decoder that accepts data messages of up to `max_message` bytes. Allocates nothing yet.
    pub fn new(max_message: usize) -> Self {
        Decoder {
            max_message,
            buffer: Buffer::default(),
            state: State::Header,
            announced: None,
            delivered: 0,
            need: MIN_HEADER,
        }
    }

    /// Room for at least `min` bytes of the transport, usually more. Fails with [`Error::Malloc`].
    ///
    /// A read that fills the whole room makes the next one larger, up to 16 KiB; [`Decoder::shrink`] gives the
    /// memory back.
    pub fn space(&mut self, min: usize) -> Result<&mut [u8], Error> {
        self.buffer.space(min)
    }

    /// Gives the memory of bursts back, unless part of a frame is in it. The owner calls it when nothing comes.
    pub fn shrink(&mut self) {
        self.buffer.shrink();
    }

    /// Tells that the first `count` bytes of the last [`Decoder::space`] were written.
    pub fn filled(&mut self, count: usize) {
        self.buffer.filled(count);
    }

    /// Copies bytes in that were read elsewhere, such as the surplus of the upgrade. Fails with [`Error::Malloc`].
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        if let Some(room) = self.buffer.space(bytes.len())?.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.buffer.filled(bytes.len());
        Ok(())
    }

    /// How many further bytes the peer is sure to send before [`Decoder::next`] can report something.
    ///
    /// Valid once `next` has returned `None`. Ports whose read waits for an exact count read this many. At least 1.
    pub fn need(&self) -> usize {
        self.need
    }

    /// Whether the rest of a frame is on its way. Valid once `next` has returned `None`.
    pub fn is_mid_frame(&self) -> bool {
        !self.buffer.pending().is_empty() || matches!(self.state, State::Payload { .. })
    }

    /// The next piece of a message or the next control frame; `None` if more bytes are needed.
    ///
    /// A violation is final: every later call reports it again. Lengths are checked when the header is complete,
    /// before any payload is awaited or stored.
    #[allow(clippy::should_implement_trait)] // The items borrow the decoder, which an iterator cannot express.
    pub fn next(&mut self) -> Result<Option<Incoming<'_>>, Violation> {
        let step = loop {
            match self.step() {
                Ok(Step::Skip) => {}
                Ok(step) => break step,
                Err(violation) => return Err(self.fail(violation)),
            }
        };
        Ok(match step {
            Step::Wait | Step::Skip => None,
            Step::Data { bytes, end_of_message } => Some(Incoming::Data {
                bytes: self.buffer.get(bytes),
                end_of_message,
                message_len: self.delivered,
            }),
            Step::Ping(payload) => Some(Incoming::Ping(self.buffer.get(payload))),
            Step::Pong => Some(Incoming::Pong),
            Step::Close { code, reason } => Some(Incoming::Close {
                code,
                // `close` has checked that it is UTF-8.
                reason: std::str::from_utf8(self.buffer.get(reason)).unwrap_or_default(),
            }),
        })
    }

    fn step(&mut self) -> Result<Step, Violation> {
        match self.state {
            State::Header => self.header(),
            State::Payload { remaining, is_final } => Ok(self.payload(remaining, is_final)),
            State::Closed => {
                self.buffer.clear();
                self.need = 1;
                Ok(Step::Wait)
            }
            State::Failed(violation) => Err(violation),
        }
    }

    fn fail(&mut self, violation: Violation) -> Violation {
        self.buffer.clear();
        self.need = 1;
        self.state = State::Failed(violation);
        violation
    }

    fn header(&mut self) -> Result<Step, Violation> {
        let pending = self.buffer.pending();
        let missing = header_len(pending).saturating_sub(pending.len());
        if missing > 0 {
            self.need = missing;
            return Ok(Step::Wait);
        }
        let mut cursor = Cursor::new(pending);
        let Ok(Some((header, length))) = FrameHeader::parse(&mut cursor) else {
            return Err(protocol_error("reserved opcode"));
        };
        let header_len = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
        check_frame(&header, length, header_len)?;
        match header.opcode {
            OpCode::Control(control) => self.control(control, header_len, length),
            OpCode::Data(data) => self.data(data, header.is_final, header_len, length),
        }
    }

    /// A control frame is taken out of the buffer as a whole; it is at most 127 bytes long.
    fn control(&mut self, control: Control, header_len: usize, length: u64) -> Result<Step, Violation> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let frame_len = header_len.saturating_add(length);
        let missing = frame_len.saturating_sub(self.buffer.pending().len());
        if missing > 0 {
            self.need = missing;
            return Ok(Step::Wait);
        }
        self.buffer.take(header_len);
        let payload = self.buffer.take(length);
        match control {
            Control::Ping => Ok(Step::Ping(payload)),
            Control::Pong => Ok(Step::Pong),
            Control::Close => self.close(payload),
            Control::Reserved(_) => Err(protocol_error("reserved opcode")),
        }
    }

    fn close(&mut self, payload: Range<usize>) -> Result<Step, Violation> {
        self.state = State::Closed;
        let (code, reason) = match self.buffer.get(payload.clone()) {
            [] => (None, &[][..]),
            [_] => return Err(protocol_error("close payload of one byte")),
            [high, low, reason @ ..] => (Some(u16::from_be_bytes([*high, *low])), reason),
        };
        if code.is_some_and(|code| !valid_close_code(code)) {
            return Err(protocol_error("invalid close code"));
        }
        if std::str::from_utf8(reason).is_err() {
            return Err(Violation { close_code: CLOSE_NOT_UTF8, cause: "close reason is not UTF-8" });
        }
        let reason = payload.end.saturating_sub(reason.len())..payload.end;
        Ok(Step::Close { code, reason })
    }

    fn data(
        &mut self,
        data: Data,
        is_final: bool,
        header_len: usize,
        length: u64,
    ) -> Result<Step, Violation> {
        match (data, self.announced) {
            (Data::Continue, None) => return Err(protocol_error("continuation without a message")),
            (Data::Text | Data::Binary, Some(_)) => {
                return Err(protocol_error("new message inside a fragmented one"));
            }
            (Data::Text, None) => {
                return Err(Violation { close_code: CLOSE_UNSUPPORTED_DATA, cause: "text message" });
            }
            (Data::Continue, Some(_)) | (Data::Binary, None) => {}
            (Data::Reserved(_), _) => return Err(protocol_error("reserved opcode")),
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let announced = self.announced.unwrap_or(0).saturating_add(length);
        if announced > self.max_message {
            return Err(Violation { close_code: CLOSE_TOO_BIG, cause: "message above the limit" });
        }
        if self.announced.is_none() {
            self.delivered = 0;
        }
        self.announced = Some(announced);
        self.buffer.take(header_len);
        self.state = State::Payload { remaining: length, is_final };
        Ok(Step::Skip)
    }

    fn payload(&mut self, remaining: usize, is_final: bool) -> Step {
        let bytes = self.buffer.take(remaining);
        let remaining = remaining.saturating_sub(bytes.len());
        self.delivered = self.delivered.saturating_add(bytes.len());
        if remaining > 0 {
            self.state = State::Payload { remaining, is_final };
            self.need = remaining.min(Buffer::MAX);
            return if bytes.is_empty() { Step::Wait } else { Step::Data { bytes, end_of_message: false } };
        }
        self.state = State::Header;
        if is_final {
            self.announced = None;
        }
        let reports_end = is_final && self.delivered > 0;
        if bytes.is_empty() && !reports_end {
            return Step::Skip;
        }
        Step::Data { bytes, end_of_message: is_final }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_MESSAGE)
    }
}

/// The length of the header that begins with `start`, as far as it can be known.
fn header_len(start: &[u8]) -> usize {
    let Some(second) = start.get(1) else { return MIN_HEADER };
    let extended = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    MIN_HEADER + extended + mask
}

/// The rules that hold for every frame of a server (RFC 6455 §5.1, §5.2, §5.5).
fn check_frame(header: &FrameHeader, length: u64, header_len: usize) -> Result<(), Violation> {
    if header.rsv1 || header.rsv2 || header.rsv3 {
        return Err(protocol_error("reserved bit set"));
    }
    if header.mask.is_some() {
        return Err(protocol_error("masked frame from the server"));
    }
    if length > i64::MAX as u64 {
        return Err(protocol_error("length with the top bit set"));
    }
    if header_len != header.len(length) {
        return Err(protocol_error("length not in its shortest form"));
    }
    if matches!(header.opcode, OpCode::Control(_)) {
        if !header.is_final {
            return Err(protocol_error("fragmented control frame"));
        }
        if length > MAX_CONTROL_PAYLOAD as u64 {
            return Err(protocol_error("control frame above 125 bytes"));
        }
    }
    Ok(())
}

fn protocol_error(cause: &'static str) -> Violation {
    Violation { close_code: CLOSE_PROTOCOL_ERROR, cause }
}

#[cfg(test)]
mod tests;
