//! The receiving half of a connection: bytes of the link in, MQTT packets out.

#[cfg(feature = "websocket_mqtt")]
use super::websocket::{self, Decoder, Incoming};
use crate::error::Error;
use crate::hal::net::Link;
use crate::hal::waiter::Waiter;
use crate::mqtt::stream::{Frame, PacketStream};

/// Largest MQTT packet that is received, in bytes of its body; larger ones are skipped.
pub const MAX_PACKET: usize = 64 * 1024;

/// Least room for one read of a port that returns what is there.
const READ_SIZE: usize = 1024;

/// What has arrived. Slices live until the next call.
#[derive(Debug)]
pub enum Input<'a> {
    /// An MQTT packet.
    Frame(Frame<'a>),
    /// A WebSocket data message ended; its packets follow.
    Message {
        /// Bytes of the message.
        len: usize,
    },
    /// A WebSocket ping to be answered with [`Receiver::ping_payload`].
    Ping,
    /// The server closes the WebSocket.
    Closed(Option<u16>),
    /// The server broke the protocol; `close_code` is for WebSocket.
    Broken {
        /// Code of the close frame to send.
        close_code: u16,
        /// What was wrong.
        cause: &'static str,
    },
    /// No memory for a packet: the stream is out of step.
    OutOfMemory,
    /// Nothing complete: read more.
    Nothing,
}

/// Receives packets on a connection, if there is one. Owned by the reading thread.
#[derive(Debug)]
pub struct Receiver {
    link: Option<Link>,
    packets: PacketStream,
    #[cfg(feature = "websocket_mqtt")]
    decoder: Option<Decoder>,
    #[cfg(feature = "websocket_mqtt")]
    ping: Vec<u8>,
    /// The last read filled the room it had: more is probably there.
    read_was_full: bool,
}

impl Default for Receiver {
    fn default() -> Receiver {
        Receiver {
            link: None,
            packets: PacketStream::new(MAX_PACKET),
            #[cfg(feature = "websocket_mqtt")]
            decoder: None,
            #[cfg(feature = "websocket_mqtt")]
            ping: Vec::new(),
            read_was_full: false,
        }
    }
}

impl Receiver {
    /// Starts to receive on a plain link.
    pub fn attach(&mut self, link: Link) {
        self.detach();
        self.link = Some(link);
    }

    /// Starts to receive on a link that speaks WebSocket; `surplus` came behind the upgrade response.
    #[cfg(feature = "websocket_mqtt")]
    pub fn attach_websocket(&mut self, link: Link, surplus: &[u8]) -> Result<(), Error> {
        self.attach(link);
        let mut decoder = Decoder::new(websocket::DEFAULT_MAX_MESSAGE);
        decoder.feed(surplus)?;
        self.decoder = Some(decoder);
        Ok(())
    }

    /// Stops receiving and forgets what is incomplete.
    pub fn detach(&mut self) {
        self.link = None;
        self.packets.clear();
        self.read_was_full = false;
        #[cfg(feature = "websocket_mqtt")]
        {
            self.decoder = None;
        }
    }

    /// The next thing among the bytes already read.
    pub fn next_input(&mut self) -> Input<'_> {
        if self.packets.is_mid_packet() {
            match self.packets.has_frame() {
                Ok(true) => return self.next_frame(),
                Ok(false) => {}
                Err(_) => return broken("remaining length of more than four bytes"),
            }
        }
        self.next_from_link()
    }

    /// Payload of the last ping.
    pub fn ping_payload(&self) -> &[u8] {
        #[cfg(feature = "websocket_mqtt")]
        return &self.ping;
        #[cfg(not(feature = "websocket_mqtt"))]
        &[]
    }

    /// Waits up to `timeout_ms` for more bytes; 0 when none came.
    pub fn read(&mut self, timeout_ms: u32, waiter: &Waiter) -> Result<usize, Error> {
        let link = self.link.ok_or(Error::NoConn)?;
        let timeout_ms = if self.read_was_full { 0 } else { timeout_ms };
        let exact = (!link.reads_available()).then(|| self.missing());
        let room = self.room(exact.unwrap_or(READ_SIZE))?;
        let room = room.get_mut(..exact.unwrap_or(usize::MAX).min(room.len())).unwrap_or_default();
        let size = room.len();
        let count = link.read(room, timeout_ms, waiter)?;
        self.read_was_full = count == size && exact.is_none();
        self.filled(count);
        Ok(count)
    }

    /// Gives the memory of large packets back.
    pub fn shrink(&mut self) {
        self.packets.shrink();
        #[cfg(feature = "websocket_mqtt")]
        if let Some(decoder) = &mut self.decoder {
            decoder.shrink();
        }
    }

    /// Whether the rest of a packet or of a frame is on its way. Valid once [`next_input`](Self::next_input) has
    /// nothing left.
    pub fn is_mid_packet(&self) -> bool {
        #[cfg(feature = "websocket_mqtt")]
        if self.decoder.as_ref().is_some_and(Decoder::is_mid_frame) {
            return true;
        }
        self.packets.is_mid_packet()
    }

    fn next_frame(&mut self) -> Input<'_> {
        match self.packets.next_frame() {
            Ok(Some(frame)) => Input::Frame(frame),
            _ => Input::Nothing,
        }
    }

    #[cfg(feature = "websocket_mqtt")]
    fn next_from_link(&mut self) -> Input<'_> {
        let Some(decoder) = &mut self.decoder else {
            return Input::Nothing;
        };
        loop {
            match decoder.next() {
                Ok(None) => return Input::Nothing,
                Ok(Some(Incoming::Pong)) => {}
                Ok(Some(Incoming::Ping(payload))) => {
                    self.ping.clear();
                    self.ping.extend_from_slice(payload);
                    return Input::Ping;
                }
                Ok(Some(Incoming::Close { code, .. })) => return Input::Closed(code),
                Ok(Some(Incoming::Data { bytes, end_of_message, message_len })) => {
                    if self.packets.push(bytes).is_err() {
                        return Input::OutOfMemory;
                    }
                    if end_of_message {
                        return Input::Message { len: message_len };
                    }
                    if matches!(self.packets.has_frame(), Ok(true)) {
                        return self.next_frame();
                    }
                }
                Err(violation) => {
                    return Input::Broken { close_code: violation.close_code, cause: violation.cause };
                }
            }
        }
    }

    #[cfg(not(feature = "websocket_mqtt"))]
    fn next_from_link(&mut self) -> Input<'_> {
        Input::Nothing
    }

    /// Bytes that must still come before anything is complete, for ports that wait for an exact count.
    fn missing(&self) -> usize {
        #[cfg(feature = "websocket_mqtt")]
        if let Some(decoder) = &self.decoder {
            return decoder.need();
        }
        self.packets.missing()
    }

    fn room(&mut self, min: usize) -> Result<&mut [u8], Error> {
        #[cfg(feature = "websocket_mqtt")]
        if let Some(decoder) = &mut self.decoder {
            return decoder.space(min);
        }
        self.packets.space(min)
    }

    fn filled(&mut self, count: usize) {
        #[cfg(feature = "websocket_mqtt")]
        if let Some(decoder) = &mut self.decoder {
            return decoder.filled(count);
        }
        self.packets.filled(count);
    }
}

/// MQTT rules broken inside a WebSocket: the close code says so.
fn broken(cause: &'static str) -> Input<'static> {
    Input::Broken { close_code: 1002, cause }
}
