//! What a client sends to the local hub on its WebSocket port: the HTTP request, then frames.
//!
//! Input: eight sizes of pieces, then bytes. Every connection comes to an end, and the pieces make no difference to the
//! answer. An answer is HTTP; a refusal says why; an accepted upgrade is accepted by the SDK's own parser as well, and all
//! that follows it is WebSocket to the SDK's decoder.
#![no_main]

use fuzz_support::hub::{converse, with_hub};
use iot_sdk::transport::websocket::{Decoder, Incoming, Progress, Upgrade};
use libfuzzer_sys::fuzz_target;

/// The value of a header, if it is there once.
fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| {
        line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let mut values = request.split("\r\n").skip(1).filter_map(value);
    values.next().filter(|_| values.next().is_none())
}

/// The bytes of a base64 text of 16 bytes.
fn nonce(key: &str) -> Option<[u8; 16]> {
    let digit = |b: u8| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits: Vec<u8> = key.trim().strip_suffix("==")?.bytes().map(digit).collect::<Option<_>>()?;
    let bits = |at: usize| -> Option<u32> { digits.get(at).map(|d| u32::from(*d)) };
    let byte = |at: usize| -> Option<u8> {
        let (first, shift) = (at * 8 / 6, at * 8 % 6);
        let pair = bits(first)? << 6 | bits(first + 1)?;
        Some((pair >> (4 - shift)) as u8)
    };
    let bytes: Vec<u8> = (0..16).map(byte).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

fn check(request: &str, answer: &[u8]) -> String {
    if answer.is_empty() {
        return String::new();
    }
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole header") + 4;
    let head = std::str::from_utf8(&answer[..end]).expect("an answer is ASCII").to_owned();
    if !head.starts_with("HTTP/1.1 101 ") {
        assert!(["400", "404", "426"].iter().any(|status| head[9..].starts_with(status)), "{head}");
        let len: usize = header(&head, "Content-Length").expect("a length").trim().parse().expect("a length");
        assert_eq!(len, answer.len() - end);
        return head;
    }
    if header(request, "Sec-WebSocket-Protocol").is_some()
        && let Some(nonce) = header(request, "Sec-WebSocket-Key").and_then(nonce)
    {
        let mut upgrade = Upgrade::new(&nonce);
        let Ok(Progress::Done { surplus }) = upgrade.feed(&answer[..end]) else { panic!("refused: {head}") };
        assert!(surplus.is_empty());
    }
    check_frames(&answer[end..]);
    head
}

fn check_frames(bytes: &[u8]) {
    let mut decoder = Decoder::new(1 << 20);
    decoder.feed(bytes).expect("memory");
    while let Some(incoming) = decoder.next().expect("WebSocket") {
        if let Incoming::Data { message_len, .. } = incoming {
            assert!(message_len > 0);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((sizes, bytes)) = data.split_first_chunk::<8>() else { return };
    let text = String::from_utf8_lossy(bytes);
    let request = text.split("\r\n\r\n").next().unwrap_or_default();
    let whole = with_hub(async |hub| converse(hub, "ws", std::iter::once(bytes)).await);
    let head = check(request, &whole);
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, behind) = rest.split_at(usize::from(*size).clamp(1, rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    let pieces = with_hub(async |hub| converse(hub, "ws", pieces.into_iter()).await);
    assert_eq!(check(request, &pieces), head);
});
