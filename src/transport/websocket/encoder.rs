//! The sending side: one masked frame per call, appended to a buffer that goes out in one write.

use crate::error::Error;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The longest payload of a ping, pong or close frame, in bytes (RFC 6455 §5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

/// The longest header of a masked frame, in bytes.
const MAX_HEADER: usize = 14;

/// Appends `parts`, joined, as one unfragmented binary message.
///
/// Does not allocate if `out` has room. Fails with [`Error::Malloc`] if `out` cannot grow; `out` is then unchanged.
pub fn binary(out: &mut Vec<u8>, parts: &[&[u8]], mask: [u8; 4]) -> Result<(), Error> {
    encode(out, OpCode::Data(Data::Binary), parts, mask)
}

/// Appends the answer to a ping: a pong that echoes `payload`.
///
/// Fails with [`Error::Inval`] if `payload` is longer than [`MAX_CONTROL_PAYLOAD`].
pub fn pong(out: &mut Vec<u8>, payload: &[u8], mask: [u8; 4]) -> Result<(), Error> {
    if payload.len() > MAX_CONTROL_PAYLOAD {
        return Err(Error::Inval);
    }
    encode(out, OpCode::Control(Control::Pong), &[payload], mask)
}

/// Appends a close frame with `code`, or an empty one.
///
/// The code is sent as it stands, so that an answer can echo what the peer sent.
pub fn close(out: &mut Vec<u8>, code: Option<u16>, mask: [u8; 4]) -> Result<(), Error> {
    let opcode = OpCode::Control(Control::Close);
    match code {
        Some(code) => encode(out, opcode, &[&code.to_be_bytes()], mask),
        None => encode(out, opcode, &[], mask),
    }
}

/// Appends one final frame: header with the shortest length form, then `parts`, joined and masked.
///
/// Every payload byte is read once and written once. Fails with [`Error::Malloc`] if `out` cannot grow or the
/// length does not fit in memory; `out` is then unchanged.
pub fn encode(out: &mut Vec<u8>, opcode: OpCode, parts: &[&[u8]], mask: [u8; 4]) -> Result<(), Error> {
    let length = total_length(parts).ok_or(Error::Malloc)?;
    let room = length.checked_add(MAX_HEADER).ok_or(Error::Malloc)?;
    out.try_reserve(room).map_err(|_| Error::Malloc)?;

    let header = FrameHeader { opcode, mask: Some(mask), ..FrameHeader::default() };
    header.format(length as u64, out).map_err(|_| Error::Malloc)?;

    let mut masked = 0;
    for part in parts.iter().filter(|part| !part.is_empty()) {
        append_masked(out, part, rotated(mask, masked));
        masked += part.len();
    }
    Ok(())
}

fn total_length(parts: &[&[u8]]) -> Option<usize> {
    parts.iter().try_fold(0usize, |sum, part| sum.checked_add(part.len()))
}

/// The mask as it applies from byte `offset` of the payload on (RFC 6455 §5.3).
fn rotated(mut mask: [u8; 4], offset: usize) -> [u8; 4] {
    mask.rotate_left(offset % 4);
    mask
}

/// Appends `part` xor `mask`, in blocks that the compiler keeps in registers; the last one is cut.
fn append_masked(out: &mut Vec<u8>, part: &[u8], mask: [u8; 4]) {
    let (blocks, rest) = part.as_chunks::<BLOCK>();
    for block in blocks {
        out.extend_from_slice(&masked(*block, mask));
    }
    let mut block = [0; BLOCK];
    if let Some(start) = block.get_mut(..rest.len()) {
        start.copy_from_slice(rest);
    }
    out.extend_from_slice(masked(block, mask).get(..rest.len()).unwrap_or_default());
}

/// Bytes that are masked at a time.
const BLOCK: usize = 64;

fn masked(mut block: [u8; BLOCK], mask: [u8; 4]) -> [u8; BLOCK] {
    let key = u32::from_ne_bytes(mask);
    for word in block.as_chunks_mut::<4>().0 {
        *word = (u32::from_ne_bytes(*word) ^ key).to_ne_bytes();
    }
    block
}

/// Masks for frames, taken from a block of random bytes: one call of the random source serves 256 frames.
///
/// A byte is used once and erased. Not thread-safe; it belongs under the lock of the sending side.
pub struct MaskSource {
    /// Empty until the first mask, then [`MaskSource::BLOCK`] bytes.
    block: Vec<u8>,
    used: usize,
}

impl MaskSource {
    /// Random bytes fetched at once.
    pub const BLOCK: usize = 1024;

    /// A source without stock: the first mask calls the random source.
    pub fn new() -> Self {
        MaskSource { block: Vec::new(), used: Self::BLOCK }
    }

    /// The next mask. `refill` must fill the whole slice from an unpredictable source (RFC 6455 §10.3).
    ///
    /// If `refill` fails, so does this call: no frame is ever sent with a mask that is not random.
    pub fn next(&mut self, refill: impl FnOnce(&mut [u8]) -> Result<(), Error>) -> Result<[u8; 4], Error> {
        if self.used >= Self::BLOCK {
            self.block.try_reserve_exact(Self::BLOCK - self.block.len()).map_err(|_| Error::Malloc)?;
            self.block.resize(Self::BLOCK, 0);
            refill(&mut self.block)?;
            self.used = 0;
        }
        let mut mask = [0; 4];
        for (to, from) in mask.iter_mut().zip(self.block.iter_mut().skip(self.used)) {
            *to = std::mem::take(from);
        }
        self.used += mask.len();
        Ok(mask)
    }
}

impl Default for MaskSource {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows no random bytes.
impl std::fmt::Debug for MaskSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MaskSource").field("left", &(Self::BLOCK - self.used)).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    fn frame(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        binary(&mut out, parts, MASK).unwrap();
        out
    }

    /// The masking of RFC 6455 §5.3, byte by byte.
    fn unmask(payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect()
    }

    /// The CONNECT packet of made-up vector A and its frame.
    #[test]
    fn connect_packet_as_one_masked_frame() {
        let connect = hex::decode(concat!(
            "10820100044d51545404c200780010414243443132333445466465765f303100",
            "31414243443132333445466465765f30313b32313031303430363b6131423263",
            "3b39323233333732303336383534373735380031643464663663363037363038",
            "313566633061643538373766303938326632626634323637636664663b686d61",
            "6373686131"
        ))
        .unwrap();
        assert_eq!(connect.len(), 133);
        let out = frame(&[&connect]);
        assert_eq!(out[..8], [0x82, 0xfe, 0x00, 0x85, 0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(hex::encode(&out[8..24]), "2778203d33b7706963fee33d4ffa317c");
        assert_eq!(out.len(), 8 + 133);
        assert_eq!(unmask(&out[8..], MASK), connect);
    }

    #[test]
    fn lengths_take_their_shortest_form() {
        let cases: [(usize, &[u8]); 9] = [
            (0, &[0x82, 0x80]),
            (1, &[0x82, 0x81]),
            (125, &[0x82, 0xfd]),
            (126, &[0x82, 0xfe, 0, 126]),
            (127, &[0x82, 0xfe, 0, 127]),
            (128, &[0x82, 0xfe, 0, 128]),
            (65535, &[0x82, 0xfe, 0xff, 0xff]),
            (65536, &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]),
            (65537, &[0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1]),
        ];
        for (length, header) in cases {
            let payload = vec![0xa5; length];
            let out = frame(&[&payload]);
            assert_eq!(&out[..header.len()], header, "length {length}");
            assert_eq!(out[header.len()..header.len() + 4], MASK);
            assert_eq!(unmask(&out[header.len() + 4..], MASK), payload);
        }
    }

    #[test]
    fn parts_are_masked_as_one_payload() {
        let payload: Vec<u8> = (0..=255).cycle().take(200).collect();
        let whole = frame(&[&payload]);
        for first in (0..=payload.len()).step_by(if cfg!(miri) { 67 } else { 1 }) {
            let (a, b) = payload.split_at(first);
            assert_eq!(frame(&[a, b]), whole, "split at {first}");
            let (b, c) = b.split_at(b.len() / 3);
            assert_eq!(frame(&[a, b, &[], c]), whole, "split at {first} and later");
        }
    }

    #[test]
    fn frames_are_appended() {
        let mut out = b"before".to_vec();
        binary(&mut out, &[b"x"], MASK).unwrap();
        close(&mut out, Some(1000), MASK).unwrap();
        assert_eq!(out.len(), 6 + 7 + 8);
        assert!(out.starts_with(b"before\x82\x81"));
        assert_eq!(out[13..15], [0x88, 0x82]);
    }

    #[test]
    fn a_pong_echoes_up_to_125_bytes() {
        for length in [0, 1, 2, 125] {
            let payload = vec![0x5a; length];
            let mut out = Vec::new();
            pong(&mut out, &payload, MASK).unwrap();
            assert_eq!(out[..2], [0x8a, 0x80 | length as u8]);
            assert_eq!(unmask(&out[6..], MASK), payload);
        }
        let mut out = Vec::new();
        assert_eq!(pong(&mut out, &[0; 126], MASK), Err(Error::Inval));
        assert!(out.is_empty());
    }

    #[test]
    fn a_close_carries_its_code_or_nothing() {
        let mut out = Vec::new();
        close(&mut out, Some(1002), [0; 4]).unwrap();
        assert_eq!(out, [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xea]);
        out.clear();
        close(&mut out, None, MASK).unwrap();
        assert_eq!(out, [0x88, 0x80, 0x37, 0xfa, 0x21, 0x3d]);
    }

    #[test]
    fn a_block_of_randomness_serves_256_frames_and_no_byte_twice() {
        let mut source = MaskSource::new();
        let mut calls = 0;
        let mut masks = Vec::new();
        for _ in 0..513 {
            let mask = source.next(|block| {
                calls += 1;
                assert_eq!(block.len(), MaskSource::BLOCK);
                assert!(block.iter().all(|byte| *byte == 0), "used bytes are erased");
                for (i, four) in block.chunks_exact_mut(4).enumerate() {
                    four.copy_from_slice(&(i as u32 + 1000 * calls).to_be_bytes());
                }
                Ok(())
            });
            masks.push(mask.unwrap());
        }
        assert_eq!(calls, 3);
        masks.sort_unstable();
        masks.dedup();
        assert_eq!(masks.len(), 513);
    }

    #[test]
    fn no_mask_without_randomness() {
        let mut source = MaskSource::new();
        assert_eq!(source.next(|_| Err(Error::Failure)), Err(Error::Failure));
        let fill = |block: &mut [u8]| {
            block.fill(7);
            Ok(())
        };
        assert_eq!(source.next(fill), Ok([7; 4]));
        assert_eq!(format!("{source:?}"), "MaskSource { left: 1020, .. }");
    }
}
