//! The cases of the Autobahn client suite as a table, with what this client must do.
//!
//! The suite itself drives an echo client; here the decoder gets the server's side of each case. Text cases expect
//! the documented close code 1003 (MQTT forbids text); cases about performance, compression and UTF-8 of text do not
//! apply.

use super::*;

/// What the decoder reported, with the pieces of a message joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Message(Vec<u8>),
    /// Payload of a message that has not ended.
    Partial(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>, String),
    Violation(u16, &'static str),
}

/// A small generator (xorshift), so that every run tests the same.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit
    }
}

/// Feeds `stream` in pieces whose sizes `size` gives, and collects the events.
pub(super) fn decode(max: usize, stream: &[u8], mut size: impl FnMut() -> usize) -> Vec<Event> {
    let mut decoder = Decoder::new(max);
    let mut events = Vec::new();
    let mut message = Vec::new();
    let mut rest = stream;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(size().min(rest.len()));
        rest = after;
        decoder.feed(piece).unwrap();
        if !drain(&mut decoder, &mut message, &mut events) {
            break;
        }
    }
    if !message.is_empty() {
        events.push(Event::Partial(message));
    }
    events
}

/// Collects what is there; `false` after a violation.
fn drain(decoder: &mut Decoder, message: &mut Vec<u8>, events: &mut Vec<Event>) -> bool {
    loop {
        match decoder.next() {
            Ok(None) => return true,
            Ok(Some(Incoming::Data { bytes, end_of_message, message_len })) => {
                message.extend_from_slice(bytes);
                assert_eq!(message.len(), message_len);
                assert!(end_of_message || !bytes.is_empty());
                if end_of_message {
                    events.push(Event::Message(std::mem::take(message)));
                }
            }
            Ok(Some(Incoming::Ping(payload))) => events.push(Event::Ping(payload.to_vec())),
            Ok(Some(Incoming::Pong)) => events.push(Event::Pong),
            Ok(Some(Incoming::Close { code, reason })) => events.push(Event::Close(code, reason.to_owned())),
            Err(violation) => {
                assert_eq!(decoder.next(), Err(violation), "a violation is final");
                events.push(Event::Violation(violation.close_code, violation.cause));
                return false;
            }
        }
    }
}

/// Frames of a server.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        length @ 0..=125 => out.push(length as u8),
        length @ 126..=65535 => {
            out.push(126);
            out.extend((length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

const FIN: u8 = 0x80;
const CONTINUE: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

fn final_frame(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FIN | opcode, payload.as_ref())
}

fn fragment(opcode: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(opcode, payload.as_ref())
}

fn message(payload: impl AsRef<[u8]>) -> Event {
    Event::Message(payload.as_ref().to_vec())
}

fn ping(payload: impl AsRef<[u8]>) -> Event {
    Event::Ping(payload.as_ref().to_vec())
}

fn closed(code: u16) -> Event {
    Event::Close(Some(code), String::new())
}

fn violation(cause: &'static str) -> Event {
    Event::Violation(1002, cause)
}

const TEXT_REFUSED: Event = Event::Violation(1003, "text message");
const RESERVED_BIT: &str = "reserved bit set";
const RESERVED_OPCODE: &str = "reserved opcode";
const FRAGMENTED_CONTROL: &str = "fragmented control frame";
const OVERSIZE_CONTROL: &str = "control frame above 125 bytes";
const NO_MESSAGE: &str = "continuation without a message";
const NEW_MESSAGE: &str = "new message inside a fragmented one";

/// Runs a case in bulk, frame by frame and byte by byte.
fn check(case: &str, frames: &[Vec<u8>], expected: &[Event]) {
    let stream = frames.concat();
    let limit = 32 << 20;
    assert_eq!(decode(limit, &stream, || usize::MAX), expected, "case {case}, bulk");
    let mut sizes = frames.iter().map(Vec::len);
    assert_eq!(decode(limit, &stream, || sizes.next().unwrap()), expected, "case {case}, frame by frame");
    if stream.len() < 300_000 {
        assert_eq!(decode(limit, &stream, || 1), expected, "case {case}, byte by byte");
    }
}

fn normal_close() -> Vec<u8> {
    final_frame(CLOSE, 1000u16.to_be_bytes())
}

#[test]
fn section_1_framing() {
    for (case, length) in [0, 125, 126, 127, 128, 65535, 65536].into_iter().enumerate() {
        let payload = vec![0xfe; length];
        check(&format!("1.1.{}", case + 1), &[final_frame(TEXT, &payload)], &[TEXT_REFUSED]);
        let expected = if length == 0 { vec![] } else { vec![message(&payload)] };
        check(&format!("1.2.{}", case + 1), &[final_frame(BINARY, &payload)], &expected);
    }
    let payload = vec![0xfe; 65536];
    let stream = final_frame(BINARY, &payload);
    assert_eq!(decode(DEFAULT_MAX_MESSAGE, &stream, || 997), [message(&payload)], "case 1.2.8");
}

#[test]
fn section_2_pings_and_pongs() {
    check("2.1", &[final_frame(PING, "")], &[ping("")]);
    check("2.2", &[final_frame(PING, "Hello, world!")], &[ping("Hello, world!")]);
    check("2.3", &[final_frame(PING, [0, 255, 254, 253])], &[ping([0, 255, 254, 253])]);
    check("2.4", &[final_frame(PING, [0xfe; 125])], &[ping([0xfe; 125])]);
    check("2.5", &[final_frame(PING, [0xfe; 126])], &[violation(OVERSIZE_CONTROL)]);
    check("2.6", &[final_frame(PING, [0xfe; 125]), normal_close()], &[ping([0xfe; 125]), closed(1000)]);
    check("2.7", &[final_frame(PONG, ""), normal_close()], &[Event::Pong, closed(1000)]);
    check("2.8", &[final_frame(PONG, "unsolicited"), normal_close()], &[Event::Pong, closed(1000)]);
    let frames = [final_frame(PONG, "unsolicited"), final_frame(PING, "our own"), normal_close()];
    check("2.9", &frames, &[Event::Pong, ping("our own"), closed(1000)]);
    let payloads: Vec<String> = (0..10).map(|i| format!("payload-{i}")).collect();
    let frames: Vec<_> = payloads.iter().map(|payload| final_frame(PING, payload)).collect();
    let expected: Vec<_> = payloads.iter().map(ping).collect();
    check("2.10 and 2.11", &frames, &expected);
}

#[test]
fn section_3_reserved_bits() {
    for (case, rsv) in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70].into_iter().enumerate() {
        let case = format!("3.{}", case + 1);
        for opcode in [CONTINUE, TEXT, BINARY, CLOSE, PING, PONG] {
            let frames = [final_frame(BINARY, "ok"), final_frame(rsv | opcode, "x"), final_frame(PING, "")];
            check(&case, &frames, &[message("ok"), violation(RESERVED_BIT)]);
        }
        check(&case, &[final_frame(rsv | BINARY, "")], &[violation(RESERVED_BIT)]);
    }
}

#[test]
fn section_4_reserved_opcodes() {
    for opcode in (3..=7).chain(11..=15) {
        let case = format!("4, opcode {opcode}");
        for payload in ["", "reserved opcode payload"] {
            let frames = [final_frame(BINARY, "ok"), final_frame(opcode, payload), final_frame(PING, "")];
            check(&case, &frames, &[message("ok"), violation(RESERVED_OPCODE)]);
        }
        check(&case, &[final_frame(opcode, [0; 70000])], &[violation(RESERVED_OPCODE)]);
    }
}

#[test]
fn section_5_fragmentation() {
    let (one, two) = ("fragment1", "fragment2");
    check("5.1", &[fragment(PING, one), final_frame(CONTINUE, two)], &[violation(FRAGMENTED_CONTROL)]);
    check("5.2", &[fragment(PONG, one), final_frame(CONTINUE, two)], &[violation(FRAGMENTED_CONTROL)]);
    let both = message("fragment1fragment2");
    check("5.3 to 5.5", &[fragment(BINARY, one), final_frame(CONTINUE, two)], std::slice::from_ref(&both));
    let frames = [fragment(BINARY, one), final_frame(PING, "p"), final_frame(CONTINUE, two)];
    check("5.6 to 5.8", &frames, &[ping("p"), both.clone()]);
    check("5.3, text", &[fragment(TEXT, one), final_frame(CONTINUE, two)], &[TEXT_REFUSED]);
    for first in [final_frame(CONTINUE, "non-continuation"), fragment(CONTINUE, "non-continuation")] {
        check("5.9 to 5.14", &[first, final_frame(BINARY, "x")], &[violation(NO_MESSAGE)]);
    }
    let frames = [
        fragment(BINARY, one),
        final_frame(CONTINUE, two),
        fragment(CONTINUE, "fragment3"),
        final_frame(BINARY, "fragment4"),
    ];
    check("5.15", &frames, &[both.clone(), violation(NO_MESSAGE)]);
    let frames = [fragment(CONTINUE, one), fragment(BINARY, two), final_frame(CONTINUE, "fragment3")];
    check("5.16 and 5.17", &frames, &[violation(NO_MESSAGE)]);
    for (first, last) in [(BINARY, BINARY), (BINARY, TEXT)] {
        let expected = [violation(NEW_MESSAGE), Event::Partial(one.into())];
        check("5.18", &[fragment(first, one), final_frame(last, two)], &expected);
    }
    let frames = [
        fragment(BINARY, one),
        fragment(CONTINUE, two),
        final_frame(PING, "1"),
        fragment(CONTINUE, "fragment3"),
        fragment(CONTINUE, "fragment4"),
        final_frame(PING, "2"),
        final_frame(CONTINUE, "fragment5"),
    ];
    let expected = [ping("1"), ping("2"), message("fragment1fragment2fragment3fragment4fragment5")];
    check("5.19 and 5.20", &frames, &expected);
}

#[test]
fn section_6_empty_fragments_as_binary() {
    let empty = [fragment(BINARY, ""), fragment(CONTINUE, ""), final_frame(CONTINUE, "")];
    check("6.1.2", &empty, &[]);
    let middle = [fragment(BINARY, ""), fragment(CONTINUE, "middle"), final_frame(CONTINUE, "")];
    check("6.1.3", &middle, &[message("middle")]);
    check("6.1.3, next message", &[empty.concat(), final_frame(BINARY, "x")], &[message("x")]);
}

#[test]
fn section_7_closing() {
    check("7.1.1", &[final_frame(BINARY, "x"), normal_close()], &[message("x"), closed(1000)]);
    check("7.1.2", &[normal_close(), normal_close()], &[closed(1000)]);
    check("7.1.3", &[normal_close(), final_frame(PING, "")], &[closed(1000)]);
    check("7.1.4", &[normal_close(), final_frame(BINARY, "x")], &[closed(1000)]);
    let frames = [fragment(BINARY, "fragment1"), normal_close(), final_frame(CONTINUE, "fragment2")];
    check("7.1.5", &frames, &[closed(1000), Event::Partial(b"fragment1".to_vec())]);
    let large = vec![0x2a; 256 << 10];
    let frames = [final_frame(BINARY, &large), normal_close(), final_frame(PING, "")];
    check("7.1.6", &frames, &[message(&large), closed(1000)]);

    check("7.3.1", &[final_frame(CLOSE, "")], &[Event::Close(None, String::new())]);
    check("7.3.2", &[final_frame(CLOSE, "a")], &[violation("close payload of one byte")]);
    check("7.3.3", &[normal_close()], &[closed(1000)]);
    let reason = |reason: &str| [&1000u16.to_be_bytes(), reason.as_bytes()].concat();
    let close = Event::Close(Some(1000), "Hello World!".into());
    check("7.3.4", &[final_frame(CLOSE, reason("Hello World!"))], &[close]);
    let longest = "*".repeat(123);
    let close = Event::Close(Some(1000), longest.clone());
    check("7.3.5", &[final_frame(CLOSE, reason(&longest))], &[close]);
    check("7.3.6", &[final_frame(CLOSE, reason(&"*".repeat(124)))], &[violation(OVERSIZE_CONTROL)]);
    let not_utf8 = [0x03, 0xe8, 0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xed, 0xa0, 0x80, 0x65];
    let expected = Event::Violation(1007, "close reason is not UTF-8");
    check("7.5.1", &[final_frame(CLOSE, not_utf8)], &[expected]);

    let valid =
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    for code in valid {
        check("7.7", &[final_frame(CLOSE, u16::to_be_bytes(code))], &[closed(code)]);
    }
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        let expected = [violation("invalid close code")];
        check("7.9 and 7.13", &[final_frame(CLOSE, u16::to_be_bytes(code))], &expected);
    }
}

#[test]
fn section_9_limits_and_performance() {
    let message_of = |length: usize| -> Vec<u8> { (0..length).map(|i| (i % 251) as u8).collect() };
    for (case, length) in [64 << 10, 256 << 10, 1 << 20, 4 << 20].into_iter().enumerate() {
        let payload = message_of(length);
        let bulk = final_frame(BINARY, &payload);
        let case = format!("9.2.{}", case + 1);
        check(&case, std::slice::from_ref(&bulk), &[message(&payload)]);
        let refused = [Event::Violation(1009, "message above the limit")];
        let above_limit = length > DEFAULT_MAX_MESSAGE;
        let events = decode(DEFAULT_MAX_MESSAGE, &bulk, || 4096);
        assert_eq!(events == refused, above_limit, "case {case} with the default limit");
    }
    let payload = message_of(1 << 20);
    for size in [64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20] {
        let mut frames: Vec<_> = payload.chunks(size).map(|piece| fragment(CONTINUE, piece)).collect();
        frames[0][0] |= BINARY;
        frames.last_mut().unwrap()[0] |= FIN;
        check(&format!("9.4, fragments of {size}"), &frames, &[message(&payload)]);
        let stream = final_frame(BINARY, &payload);
        assert_eq!(decode(1 << 20, &stream, || size), [message(&payload)], "9.6, pieces of {size}");
    }
}

#[test]
fn section_10_automatic_fragmentation() {
    let payload: Vec<u8> = (0..=255).cycle().take(65536).collect();
    let mut frames: Vec<_> = payload.chunks(1300).map(|piece| fragment(CONTINUE, piece)).collect();
    frames[0][0] |= BINARY;
    frames.last_mut().unwrap()[0] |= FIN;
    check("10.1.1", &frames, &[message(&payload)]);
}
