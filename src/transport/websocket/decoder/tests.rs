use super::super::autobahn::{Event, Random, decode, frame};
use super::*;

const TOO_BIG: Event = Event::Violation(CLOSE_TOO_BIG, "message above the limit");

fn bulk(stream: &[u8]) -> Vec<Event> {
    decode(DEFAULT_MAX_MESSAGE, stream, || usize::MAX)
}

fn violation(stream: &[u8]) -> (u16, &'static str) {
    let events = bulk(stream);
    assert_eq!(events, decode(DEFAULT_MAX_MESSAGE, stream, || 1));
    match events[..] {
        [Event::Violation(code, cause)] => (code, cause),
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn every_violation_has_its_close_code() {
    let minimal = "length not in its shortest form";
    let top_bit = "length with the top bit set";
    let cases: [(&[u8], u16, &str); 22] = [
        (b"\xc2\x01x", 1002, "reserved bit set"),
        (b"\xa2\x01x", 1002, "reserved bit set"),
        (b"\x92\x01x", 1002, "reserved bit set"),
        (b"\x83\x00", 1002, "reserved opcode"),
        (b"\x8b\x00", 1002, "reserved opcode"),
        (b"\x82\x81\x01\x02\x03\x04x", 1002, "masked frame from the server"),
        (b"\x89\x80\x01\x02\x03\x04", 1002, "masked frame from the server"),
        (b"\x80\x01x", 1002, "continuation without a message"),
        (b"\x00\x00", 1002, "continuation without a message"),
        (b"\x02\x00\x82\x00", 1002, "new message inside a fragmented one"),
        (b"\x02\x00\x81\x00", 1002, "new message inside a fragmented one"),
        (b"\x09\x00", 1002, "fragmented control frame"),
        (b"\x89\x7e\x00\x7e", 1002, "control frame above 125 bytes"),
        (b"\x88\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 1002, "control frame above 125 bytes"),
        (b"\x82\x7e\x00\x7d", 1002, minimal),
        (b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff", 1002, minimal),
        (b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00", 1002, top_bit),
        (b"\x88\x01x", 1002, "close payload of one byte"),
        (b"\x88\x02\x03\xed", 1002, "invalid close code"),
        (b"\x88\x03\x03\xe8\xff", 1007, "close reason is not UTF-8"),
        (b"\x81\x01x", 1003, "text message"),
        (b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 1009, "message above the limit"),
    ];
    for (stream, code, cause) in cases {
        assert_eq!(violation(stream), (code, cause), "{stream:02x?}");
    }
}

#[test]
fn a_violation_is_named_for_the_log() {
    let violation = Violation { close_code: 1003, cause: "text message" };
    assert_eq!(violation.to_string(), "text message (close code 1003)");
}

#[test]
fn lengths_at_the_edges_of_their_forms() {
    for length in [1, 125, 126, 127, 128, 65534, 65535, 65536, 65537, DEFAULT_MAX_MESSAGE] {
        let payload: Vec<u8> = (0..length).map(|i| i as u8).collect();
        let stream = frame(0x82, &payload);
        let expected = [Event::Message(payload)];
        assert_eq!(bulk(&stream), expected, "length {length}");
        assert_eq!(decode(DEFAULT_MAX_MESSAGE, &stream, || 1), expected, "length {length}, byte by byte");
    }
    assert_eq!(bulk(&frame(0x82, &vec![0; DEFAULT_MAX_MESSAGE + 1])), [TOO_BIG]);
}

#[test]
fn empty_messages_are_ignored() {
    assert_eq!(bulk(b"\x82\x00\x82\x00\x82\x01x\x82\x00"), [Event::Message(b"x".to_vec())]);
    assert_eq!(bulk(b"\x02\x00\x80\x00"), []);
}

/// The length is judged with the header alone: nothing is stored for a message that will be refused.
#[test]
fn the_limit_is_checked_before_any_payload() {
    for (header, limit) in [
        (&b"\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00"[..], DEFAULT_MAX_MESSAGE),
        (&b"\x82\x7f\x00\x00\x00\x00\xc0\x00\x00\x00"[..], DEFAULT_MAX_MESSAGE),
        (&b"\x82\x0b"[..], 10),
        (&b"\x02\x05hello\x00\x05world\x80\x01"[..], 10),
    ] {
        let events = decode(limit, header, || 1);
        assert_eq!(
            events.last().filter(|event| matches!(event, Event::Partial(_))).is_some(),
            limit == 10 && header.len() > 2
        );
        assert!(events.contains(&TOO_BIG), "{header:02x?}");
    }
    let fits = decode(10, b"\x02\x05hello\x00\x04worl\x80\x01d", || 1);
    assert_eq!(fits, [Event::Message(b"helloworld".to_vec())]);
}

#[test]
fn a_sum_of_fragments_cannot_overflow() {
    let mut decoder = Decoder::new(usize::MAX);
    decoder.feed(b"\x02\x01a\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xff").unwrap();
    let first = Incoming::Data { bytes: b"a", end_of_message: false, message_len: 1 };
    assert_eq!(decoder.next(), Ok(Some(first)));
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(decoder.need(), Buffer::MAX);
}

#[test]
fn payload_is_handed_over_as_it_arrives_and_in_place() {
    let mut decoder = Decoder::default();
    decoder.feed(b"\x82\x05he").unwrap();
    let piece = Incoming::Data { bytes: b"he", end_of_message: false, message_len: 2 };
    assert_eq!(decoder.next(), Ok(Some(piece)));
    assert_eq!(decoder.next(), Ok(None));
    assert_eq!(decoder.need(), 3);

    let space = decoder.space(3).unwrap();
    space[..5].copy_from_slice(b"llo\x8a\x00");
    let place = space.as_ptr();
    decoder.filled(5);
    let Ok(Some(Incoming::Data { bytes, end_of_message: true, message_len: 5 })) = decoder.next() else {
        panic!()
    };
    assert_eq!((bytes, bytes.as_ptr()), (&b"llo"[..], place));
    assert_eq!(decoder.next(), Ok(Some(Incoming::Pong)));
    assert_eq!(decoder.next(), Ok(None));
}

#[test]
fn control_frames_between_fragments_leave_the_stream_alone() {
    let stream = b"\x02\x02ab\x89\x02hi\x00\x02cd\x8a\x01z\x89\x00\x80\x02ef\x88\x02\x03\xe8";
    let expected = [
        Event::Ping(b"hi".to_vec()),
        Event::Pong,
        Event::Ping(vec![]),
        Event::Message(b"abcdef".to_vec()),
        Event::Close(Some(1000), String::new()),
    ];
    assert_eq!(bulk(stream), expected);
    assert_eq!(decode(DEFAULT_MAX_MESSAGE, stream, || 1), expected);
}

#[test]
fn nothing_is_stored_after_a_close_or_a_violation() {
    for end in [&b"\x88\x00"[..], b"\x83\x00"] {
        let mut decoder = Decoder::default();
        decoder.feed(end).unwrap();
        let first = decoder.next().map(|found| found.is_some());
        for _ in 0..100 {
            decoder.feed(&[0x82; 1000]).unwrap();
            let again = decoder.next();
            assert!(matches!(again, Ok(None)) == first.is_ok(), "{again:?}");
            assert!(decoder.buffer.pending().is_empty());
            assert_eq!(decoder.need(), 1);
        }
    }
}

/// A port whose read waits for the exact count must never be told to wait for bytes that may not come.
#[test]
fn reading_just_what_is_needed_never_passes_the_end_of_a_frame() {
    let frames = [
        frame(0x82, b"x"),
        frame(0x89, b""),
        frame(0x89, &[1; 125]),
        frame(0x82, &[2; 126]),
        frame(0x02, &[3; 40000]),
        frame(0x8a, b"pong"),
        frame(0x80, &[4; 20000]),
        frame(0x82, b""),
        frame(0x88, b"\x03\xe8bye"),
    ];
    let mut decoder = Decoder::default();
    let mut found = 0;
    for frame in frames {
        let mut rest = &frame[..];
        while !rest.is_empty() {
            let need = decoder.need();
            assert!(need <= Buffer::MAX);
            let (piece, after) = rest.split_at_checked(need).expect("asked for more than the frame has");
            rest = after;
            decoder.feed(piece).unwrap();
            while decoder.next().unwrap().is_some() {
                found += 1;
            }
        }
    }
    // Two pings, a pong, a close, one piece each of two messages, three and two pieces of the fragmented one.
    assert_eq!(found, 4 + 2 + 3 + 2);
}

/// A stream of frames, most of them sound.
fn random_stream(random: &mut Random) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut fragmented = false;
    for _ in 0..1 + random.below(12) {
        let length = match random.below(6) {
            0 => 0,
            1 => 125,
            2 => 126 + random.below(3),
            3 => random.below(5000),
            _ => random.below(40),
        };
        let payload: Vec<u8> = (0..length).map(|_| random.byte()).collect();
        let control = length <= 125 && random.below(4) == 0;
        let last = random.below(2) == 0;
        let first = match (control, fragmented, last) {
            (true, _, _) => [0x89, 0x8a][random.below(2)],
            (false, false, true) => 0x82,
            (false, false, false) => 0x02,
            (false, true, true) => 0x80,
            (false, true, false) => 0x00,
        };
        if !control {
            fragmented = !last;
        }
        stream.extend(frame(first, &payload));
        if random.below(40) == 0 {
            stream.push(random.byte());
        }
    }
    stream
}

#[test]
fn pieces_of_any_size_give_the_same_as_bulk() {
    let mut random = Random::new(1);
    let mut messages = 0;
    let streams = if cfg!(miri) { 5 } else { 3000 };
    for _ in 0..streams {
        let stream = random_stream(&mut random);
        let expected = bulk(&stream);
        messages += expected.iter().filter(|event| matches!(event, Event::Message(_))).count();
        assert_eq!(decode(DEFAULT_MAX_MESSAGE, &stream, || 1), expected);
        assert_eq!(decode(DEFAULT_MAX_MESSAGE, &stream, || 1 + random.below(200)), expected);
    }
    assert!(messages > streams, "{messages} messages are too few to prove anything");
}

#[test]
fn a_million_random_inputs_never_panic() {
    let mut random = Random::new(2);
    let mut violations = 0;
    let inputs = if cfg!(miri) { 50 } else { 1_000_000 };
    for _ in 0..inputs {
        let mut input = [0; 24];
        for eight in input.chunks_exact_mut(8) {
            eight.copy_from_slice(&random.next().to_le_bytes());
        }
        // Half of the inputs begin like a frame of a server, so that they come further.
        if random.below(2) == 0 {
            input[0] = 0x80 | [0x02, 0x08, 0x09, 0x0a][random.below(4)];
            input[1] &= 0x0f;
        }
        let used = random.below(input.len()) + 1;
        let mut decoder = Decoder::new(1000);
        for piece in input[..used].chunks(1 + random.below(24)) {
            decoder.feed(piece).unwrap();
            loop {
                match decoder.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => {
                        violations += 1;
                        break;
                    }
                }
            }
            assert!(decoder.need() >= 1);
        }
    }
    assert!(violations > inputs / 10);
}
