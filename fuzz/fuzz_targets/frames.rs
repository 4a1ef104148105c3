//! Arbitrary bytes in arbitrary pieces as the frames of a server.
//!
//! No panic, no message above the limit, and the pieces make no difference. The first eight bytes of the input are
//! the sizes of the pieces.
#![no_main]

use fuzz_support as _;
use iot_sdk::transport::websocket::{Decoder, Incoming, Violation};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1000;

#[derive(Debug, Default, PartialEq)]
struct Outcome {
    stream: Vec<u8>,
    /// Ends of messages, as places in `stream`.
    ends: Vec<usize>,
    pings: Vec<Vec<u8>>,
    pongs: usize,
    close: Option<(Option<u16>, String)>,
    violation: Option<Violation>,
}

fn outcome(stream: &[u8], mut size: impl FnMut() -> usize) -> Outcome {
    let mut decoder = Decoder::new(LIMIT);
    let mut outcome = Outcome::default();
    let mut rest = stream;
    while !rest.is_empty() && outcome.violation.is_none() {
        let (piece, after) = rest.split_at(size().clamp(1, rest.len()));
        rest = after;
        decoder.feed(piece).expect("room");
        drain(&mut decoder, &mut outcome);
    }
    outcome
}

fn drain(decoder: &mut Decoder, outcome: &mut Outcome) {
    loop {
        match decoder.next() {
            Ok(None) => break assert!((1..=16 * 1024).contains(&decoder.need())),
            Ok(Some(Incoming::Data { bytes, end_of_message, message_len })) => {
                assert!(message_len <= LIMIT && (end_of_message || !bytes.is_empty()));
                outcome.stream.extend_from_slice(bytes);
                if end_of_message {
                    outcome.ends.push(outcome.stream.len());
                }
            }
            Ok(Some(Incoming::Ping(payload))) => {
                assert!(payload.len() <= 125);
                outcome.pings.push(payload.to_vec());
            }
            Ok(Some(Incoming::Pong)) => outcome.pongs += 1,
            Ok(Some(Incoming::Close { code, reason })) => {
                assert_eq!(outcome.close, None, "nothing follows a close");
                outcome.close = Some((code, reason.to_owned()));
            }
            Err(violation) => break outcome.violation = Some(violation),
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((sizes, stream)) = data.split_at_checked(8) else { return };
    let mut sizes = sizes.iter().cycle();
    assert_eq!(outcome(stream, || usize::MAX), outcome(stream, || usize::from(*sizes.next().unwrap())));
});
