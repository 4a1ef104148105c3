//! The sending half of a connection: one MQTT packet, one write.

use crate::error::Error;
use crate::hal::clock::Clock;
use crate::hal::net::Link;
#[cfg(feature = "websocket_mqtt")]
use {super::websocket, crate::hal::random};

/// What the packet buffer keeps when nothing comes for a while, in bytes.
const SMALL: usize = 2048;

/// Sends packets on a connection, if there is one. Owned by one thread at a time.
#[derive(Debug, Default)]
pub struct Sender {
    link: Option<Link>,
    #[cfg(feature = "websocket_mqtt")]
    frames: Option<websocket::Closing>,
    #[cfg(feature = "websocket_mqtt")]
    masks: websocket::MaskSource,
    buffer: Vec<u8>,
}

impl Sender {
    /// Starts to send on `link`, in WebSocket messages or plain.
    pub fn attach(&mut self, link: Link, is_websocket: bool) {
        self.link = Some(link);
        #[cfg(feature = "websocket_mqtt")]
        {
            self.frames = is_websocket.then(websocket::Closing::default);
        }
        #[cfg(not(feature = "websocket_mqtt"))]
        let _ = is_websocket;
    }

    /// Stops sending; the caller closes the link.
    pub fn detach(&mut self) -> Option<Link> {
        self.link.take()
    }

    /// Whether there is a connection.
    pub fn is_attached(&self) -> bool {
        self.link.is_some()
    }

    /// Sends one MQTT packet, given in parts, with one write of the port. After an error the connection is of no
    /// use any more: part of the packet may be under way.
    pub fn send(&mut self, parts: &[&[u8]], timeout_ms: u32, clock: &Clock) -> Result<(), Error> {
        self.buffer.clear();
        #[cfg(feature = "websocket_mqtt")]
        if let Some(closing) = self.frames {
            if !closing.may_send() {
                return Err(Error::NoConn);
            }
            let mask = self.masks.next(random::fill)?;
            websocket::binary(&mut self.buffer, parts, mask)?;
            return self.write(timeout_ms, clock);
        }
        let len = parts.iter().map(|part| part.len()).sum();
        self.buffer.try_reserve(len).map_err(|_| Error::Malloc)?;
        for part in parts {
            self.buffer.extend_from_slice(part);
        }
        self.write(timeout_ms, clock)
    }

    /// Answers a WebSocket ping. Nothing is sent once a close frame is out.
    #[cfg(feature = "websocket_mqtt")]
    pub fn pong(&mut self, payload: &[u8], timeout_ms: u32, clock: &Clock) -> Result<(), Error> {
        if !self.frames.is_some_and(|closing| closing.may_send()) {
            return Ok(());
        }
        self.buffer.clear();
        let mask = self.masks.next(random::fill)?;
        websocket::pong(&mut self.buffer, payload, mask)?;
        self.write(timeout_ms, clock)
    }

    /// Sends the one WebSocket close frame of this side; `false` if there is none to send (any more).
    pub fn close(&mut self, code: Option<u16>, timeout_ms: u32, clock: &Clock) -> Result<bool, Error> {
        #[cfg(feature = "websocket_mqtt")]
        if let Some(closing) = &mut self.frames
            && closing.start()
        {
            self.buffer.clear();
            let mask = self.masks.next(random::fill)?;
            websocket::close(&mut self.buffer, code, mask)?;
            return self.write(timeout_ms, clock).map(|()| true);
        }
        let _ = (code, timeout_ms, clock);
        Ok(false)
    }

    /// Gives the memory of a large packet back.
    pub fn shrink(&mut self) {
        if self.buffer.capacity() > SMALL {
            self.buffer = Vec::new();
        }
    }

    fn write(&mut self, timeout_ms: u32, clock: &Clock) -> Result<(), Error> {
        let link = self.link.ok_or(Error::NoConn)?;
        link.write_all(&mut self.buffer, timeout_ms, clock)
    }
}
