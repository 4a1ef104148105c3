//! What a client sends to the local hub on its MQTT port.
//!
//! Input: a byte of options, seven sizes of pieces, then bytes; the options put a CONNECT before them that the hub
//! accepts. Every connection comes to an end, the pieces make no difference, answers answer something, and all that the
//! hub says is MQTT to the SDK's decoder, which shares no code with it.
#![no_main]

use fuzz_support::hub::{converse, signed_connect, with_hub};
use iot_sdk::mqtt::packet::{Packet, decode};
use iot_sdk::mqtt::stream::{Frame, PacketStream};
use libfuzzer_sys::fuzz_target;

/// Largest packet of the hub.
const LIMIT: usize = 256 * 1024;

/// What the hub said, without the times in its documents.
#[derive(Debug, Default, PartialEq)]
struct Story {
    kinds: Vec<u8>,
    topics: Vec<Vec<u8>>,
    acknowledged: Vec<u16>,
}

fn story(bytes: &[u8]) -> Story {
    let mut stream = PacketStream::new(LIMIT);
    stream.push(bytes).expect("memory");
    let mut story = Story::default();
    while let Some(frame) = stream.next_frame().expect("a length") {
        let Frame::Packet { first, body } = frame else { panic!("a packet of the hub is too large") };
        story.kinds.push(first >> 4);
        match decode(first, body) {
            Ok(Packet::Publish(message)) => {
                assert!(!message.retain && message.qos < 2);
                story.topics.push(message.topic.to_vec());
            }
            Ok(Packet::PubAck { id, reason: 0 } | Packet::SubAck { id, .. } | Packet::UnsubAck(id)) => {
                story.acknowledged.push(id);
            }
            // The SDK asks for one filter at a time.
            Err(_) if first == 0x90 => {
                assert!(body.len() > 3 && body[2..].iter().all(|code| matches!(code, 0..=1 | 0x80)));
                story.acknowledged.push(u16::from_be_bytes([body[0], body[1]]));
            }
            Ok(Packet::ConnAck { session_present: false, code }) => {
                assert_eq!((code == 0, story.kinds.len()), (code == 0, 1))
            }
            Ok(Packet::PingResp) => {}
            other => panic!("the hub said {other:?}"),
        }
    }
    assert!(!stream.is_mid_packet(), "the hub says whole packets");
    story
}

/// How many packets of these types the client sent, at most: a broken one ends the connection.
fn requests(bytes: &[u8]) -> usize {
    let mut stream = PacketStream::new(LIMIT);
    stream.push(bytes).expect("memory");
    let mut count = 0;
    while let Ok(Some(frame)) = stream.next_frame() {
        let (Frame::Packet { first, .. } | Frame::Oversize { first, .. }) = frame;
        count += usize::from(matches!(first >> 4, 3 | 8 | 10));
    }
    count
}

fuzz_target!(|data: &[u8]| {
    let Some((&[options, ref sizes @ ..], bytes)) = data.split_first_chunk::<8>() else { return };
    let mut sent =
        if options & 1 == 1 { signed_connect(options & 2 != 0, options & 4 != 0) } else { Vec::new() };
    sent.extend(bytes);
    let whole = with_hub(async |hub| converse(hub, "mqtt", std::iter::once(&sent[..])).await);
    let whole = story(&whole);
    assert!(whole.acknowledged.len() <= requests(&sent));
    assert!(options & 1 == 0 || whole.kinds.first() == Some(&2), "no CONNACK");
    let mut rest = &sent[..];
    let mut sizes = sizes.iter().cycle();
    let pieces = std::iter::from_fn(|| {
        let size = usize::from(*sizes.next().expect("seven sizes")).clamp(1, rest.len().max(1));
        let (piece, behind) = rest.split_at_checked(size)?;
        rest = behind;
        Some(piece)
    });
    let pieces: Vec<&[u8]> = pieces.collect();
    let pieces = with_hub(async |hub| converse(hub, "mqtt", pieces.into_iter()).await);
    assert_eq!(whole, story(&pieces));
});
