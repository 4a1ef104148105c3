//! Watches the client's WebSocket frames beside the WebSocket library, which hides masks and fragments from its user.

use std::collections::VecDeque;
use std::io::Cursor;

use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::events::members;

/// Longest frame header: 2 bytes, 8 of length, 4 of mask.
const MAX_HEADER: usize = 14;

/// What a frame's header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub fin: bool,
    pub length: u64,
    pub mask: Option<[u8; 4]>,
    /// The key differs from that of the frame before; None for the first or without a key.
    pub mask_changed: Option<bool>,
}

/// Collects frame headers from the bytes that pass.
#[derive(Default)]
pub struct Tap {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    header: Vec<u8>,
    /// Payload bytes of the current frame still to come.
    payload: u64,
    last_mask: Option<[u8; 4]>,
    data: VecDeque<Frame>,
    control: VecDeque<Frame>,
    /// A header that cannot be read ends the watching; the library will refuse it too.
    broken: bool,
}

impl Tap {
    /// Takes the next bytes of the stream.
    pub fn observe(&self, mut bytes: &[u8]) {
        let mut state = self.state.lock();
        while !bytes.is_empty() && !state.broken {
            bytes = state.advance(bytes);
        }
    }

    /// Frames of the next data message: up to the final one.
    pub fn take_message(&self) -> Vec<Frame> {
        let mut state = self.state.lock();
        let end = state.data.iter().position(|f| f.fin).map_or(state.data.len(), |at| at + 1);
        state.data.drain(..end).collect()
    }

    /// The next control frame.
    pub fn take_control(&self) -> Option<Frame> {
        self.state.lock().control.pop_front()
    }

    /// What is left when the connection ends in an error: the frames the library did not accept.
    pub fn take_rest(&self) -> Vec<Frame> {
        let mut state = self.state.lock();
        let State { data, control, .. } = &mut *state;
        data.drain(..).chain(control.drain(..)).collect()
    }
}

impl State {
    fn advance<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if self.payload > 0 {
            let skip = usize::try_from(self.payload).unwrap_or(usize::MAX).min(bytes.len());
            self.payload -= skip as u64;
            return bytes.get(skip..).unwrap_or_default();
        }
        let Some((first, rest)) = bytes.split_first() else { return &[] };
        self.header.push(*first);
        match FrameHeader::parse(&mut Cursor::new(&self.header)) {
            Ok(Some((header, length))) => self.finish(header, length),
            Ok(None) => self.broken = self.header.len() >= MAX_HEADER,
            Err(_) => self.broken = true,
        }
        rest
    }

    fn finish(&mut self, header: FrameHeader, length: u64) {
        self.header.clear();
        self.payload = length;
        let mask_changed = header.mask.and_then(|mask| self.last_mask.map(|last| last != mask));
        self.last_mask = header.mask.or(self.last_mask);
        let frame = Frame {
            opcode: u8::from(header.opcode),
            fin: header.is_final,
            length,
            mask: header.mask,
            mask_changed,
        };
        match header.opcode {
            OpCode::Data(Data::Continue | Data::Text | Data::Binary | Data::Reserved(_)) => {
                self.data.push_back(frame)
            }
            OpCode::Control(_) => self.control.push_back(frame),
        }
    }
}

impl Frame {
    /// Members of a frame's event.
    pub fn describe(&self) -> Map<String, Value> {
        members(json!({
            "dir": "in",
            "opcode": self.opcode,
            "fin": self.fin,
            "length": self.length,
            "masked": self.mask.is_some(),
            "mask": self.mask.map(hex::encode),
            "mask_changed": self.mask_changed,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A masked binary frame in two parts with a ping between, then a frame of 16-bit length.
    fn sample() -> Vec<u8> {
        let mut bytes = vec![
            0x02, 0x82, 1, 2, 3, 4, b'a', b'b', 0x89, 0x81, 5, 6, 7, 8, b'p', 0x80, 0x81, 5, 6, 7, 8, b'c',
        ];
        bytes.extend([0x82, 0xfe, 0x01, 0x00, 9, 9, 9, 9]);
        bytes.extend([0; 256]);
        bytes
    }

    #[test]
    fn frames_are_found_in_any_cut() {
        for piece in [1, 2, 3, 7, 1000] {
            let tap = Tap::default();
            sample().chunks(piece).for_each(|c| tap.observe(c));
            let message = tap.take_message();
            assert_eq!(message.len(), 2);
            assert_eq!((message[0].opcode, message[0].fin, message[0].mask), (2, false, Some([1, 2, 3, 4])));
            assert_eq!((message[1].opcode, message[1].fin, message[1].mask_changed), (0, true, Some(false)));
            let ping = tap.take_control().unwrap();
            assert_eq!((ping.opcode, ping.length, ping.mask_changed), (9, 1, Some(true)));
            let long = tap.take_message();
            assert_eq!((long[0].length, long[0].mask_changed), (256, Some(true)));
        }
    }

    #[test]
    fn an_unmasked_frame_is_told() {
        let tap = Tap::default();
        tap.observe(&[0x82, 0x01, b'x']);
        assert_eq!(tap.take_rest()[0].describe()["masked"], false);
    }

    #[test]
    fn nonsense_stops_the_watching() {
        let tap = Tap::default();
        tap.observe(&[0xff; 64]);
        tap.observe(&[0x83, 0x00]);
        assert!(tap.take_rest().len() <= 64);
    }
}
