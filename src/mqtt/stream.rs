//! Cuts the byte stream of the transport into MQTT packets.
//!
//! The buffer grows with the packet that arrives, up to a limit; a larger packet is skipped without being
//! stored, so that the stream stays in step (`mqtt.md` §10).

use super::packet::publish_id;
use crate::error::Error;

/// What the buffer keeps when nothing comes for a while, and begins with where it is read into, in bytes.
const SMALL: usize = 2048;

/// A complete packet, or what is known of one that is too large.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// First byte and body of a packet.
    Packet {
        /// Type and flags.
        first: u8,
        /// Everything behind the remaining length.
        body: &'a [u8],
    },
    /// A packet above the limit; its bytes are being skipped.
    Oversize {
        /// Type and flags.
        first: u8,
        /// Packet id of a PUBLISH above QoS 0, otherwise 0.
        id: u16,
        /// Length of its body.
        body_len: usize,
    },
}

/// The remaining length has more than four bytes [MQTT 3.1.1 §2.2.3].
#[derive(Debug, PartialEq, Eq)]
pub struct MalformedLength;

/// Bytes received and not yet handed out as packets.
#[derive(Debug)]
pub struct PacketStream {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    skip: usize,
    limit: usize,
}

impl PacketStream {
    /// An empty stream for packets with bodies of up to `limit` bytes.
    pub fn new(limit: usize) -> PacketStream {
        PacketStream { buffer: Vec::new(), start: 0, end: 0, skip: 0, limit }
    }

    /// Free space of at least `min` bytes to read into; report what was written with [`filled`](Self::filled).
    pub fn space(&mut self, min: usize) -> Result<&mut [u8], Error> {
        if self.buffer.is_empty() {
            self.grow(SMALL.max(min))?;
        }
        self.make_room(min)?;
        Ok(self.buffer.get_mut(self.end..).unwrap_or_default())
    }

    fn grow(&mut self, size: usize) -> Result<(), Error> {
        self.buffer.try_reserve(size.saturating_sub(self.buffer.len())).map_err(|_| Error::Malloc)?;
        self.buffer.resize(size, 0);
        Ok(())
    }

    fn make_room(&mut self, min: usize) -> Result<(), Error> {
        if self.buffer.len() - self.end < min {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.buffer.len() - self.end < min {
            self.grow(self.end + min)?;
        }
        Ok(())
    }

    /// `len` bytes were written to the space handed out last.
    pub fn filled(&mut self, len: usize) {
        self.end = (self.end + len).min(self.buffer.len());
        self.discard_skipped();
    }

    /// Appends bytes, in a buffer that holds no more than they need: over WebSocket they were read into another.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let skipped = bytes.len().min(if self.start == self.end { self.skip } else { 0 });
        self.skip -= skipped;
        let bytes = bytes.get(skipped..).unwrap_or_default();
        self.make_room(bytes.len())?;
        if let Some(space) = self.buffer.get_mut(self.end..self.end + bytes.len()) {
            space.copy_from_slice(bytes);
            self.filled(bytes.len());
        }
        Ok(())
    }

    /// The next packet; `None` while it is incomplete.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, MalformedLength> {
        self.discard_skipped();
        let Some((header_len, first, body_len)) = parse_header(self.pending())? else {
            return Ok(None);
        };
        if body_len > self.limit {
            return Ok(self.next_oversize(header_len, first, body_len));
        }
        let packet_len = header_len + body_len;
        if self.pending().len() < packet_len {
            return Ok(None);
        }
        let from = self.start + header_len;
        self.start += packet_len;
        let body = self.buffer.get(from..self.start).unwrap_or_default();
        Ok(Some(Frame::Packet { first, body }))
    }

    /// Whether [`next_frame`](Self::next_frame) has something to hand out.
    pub fn has_frame(&self) -> Result<bool, MalformedLength> {
        let pending = self.pending();
        Ok(match parse_header(pending)? {
            Some((header_len, first, body_len)) if body_len > self.limit => {
                let start_of_body = pending.get(header_len..).unwrap_or_default();
                self.oversize_id(first, body_len, start_of_body).is_some()
            }
            Some((header_len, _, body_len)) => pending.len() >= header_len + body_len,
            None => false,
        })
    }

    /// How many bytes at least are missing before [`next_frame`](Self::next_frame) can get further.
    ///
    /// Serves ports that can only wait for an exact count.
    pub fn missing(&self) -> usize {
        let pending = self.pending();
        if self.skip > 0 {
            return self.skip.min(SMALL);
        }
        match parse_header(pending) {
            Ok(Some((header_len, _, body_len))) if body_len <= self.limit => {
                (header_len + body_len).saturating_sub(pending.len()).max(1)
            }
            Ok(None) if pending.is_empty() => 2,
            _ => 1,
        }
    }

    /// Whether part of a packet has arrived.
    pub fn is_mid_packet(&self) -> bool {
        self.start != self.end || self.skip > 0
    }

    /// Gives the memory of a large packet back once nothing is pending.
    pub fn shrink(&mut self) {
        if self.start == self.end && self.buffer.len() > SMALL {
            self.buffer = Vec::new();
            (self.start, self.end) = (0, 0);
        }
    }

    /// Forgets everything, for a new connection.
    pub fn clear(&mut self) {
        (self.start, self.end, self.skip) = (0, 0, 0);
        self.shrink();
    }

    fn next_oversize(&mut self, header_len: usize, first: u8, body_len: usize) -> Option<Frame<'_>> {
        let start_of_body = self.pending().get(header_len..).unwrap_or_default();
        let id = self.oversize_id(first, body_len, start_of_body)?;
        self.start += header_len;
        self.skip = body_len;
        self.discard_skipped();
        Some(Frame::Oversize { first, id, body_len })
    }

    /// Packet id of a packet that is too large, 0 if it has none; `None` while it has not arrived. It stands
    /// behind the topic; behind a topic above the limit it is not worth waiting for, and behind one that fills the
    /// body there is none.
    fn oversize_id(&self, first: u8, body_len: usize, start_of_body: &[u8]) -> Option<u16> {
        if first >> 4 != 3 {
            return Some(0);
        }
        let topic_len = usize::from(u16::from_be_bytes(*start_of_body.first_chunk::<2>()?));
        if topic_len > self.limit || topic_len + 4 > body_len {
            return Some(0);
        }
        publish_id(first, start_of_body)
    }

    fn discard_skipped(&mut self) {
        let skipped = self.skip.min(self.end - self.start);
        self.skip -= skipped;
        self.start += skipped;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

/// Length of the fixed header, first byte, remaining length; `None` while incomplete.
fn parse_header(bytes: &[u8]) -> Result<Option<(usize, u8, usize)>, MalformedLength> {
    let Some((&first, digits)) = bytes.split_first() else {
        return Ok(None);
    };
    let mut length = 0;
    for (position, &digit) in digits.iter().take(4).enumerate() {
        length |= usize::from(digit & 0x7F) << (7 * position);
        if digit & 0x80 == 0 {
            return Ok(Some((2 + position, first, length)));
        }
    }
    if digits.len() >= 4 { Err(MalformedLength) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(stream: &mut PacketStream) -> Vec<String> {
        let mut frames = vec![];
        loop {
            match stream.next_frame() {
                Ok(Some(frame)) => frames.push(format!("{frame:?}")),
                Ok(None) => return frames,
                Err(MalformedLength) => {
                    frames.push("malformed".into());
                    return frames;
                }
            }
        }
    }

    fn packet(first: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        let mut rest = body.len();
        loop {
            let digit = (rest % 128) as u8;
            rest /= 128;
            out.push(if rest > 0 { digit | 0x80 } else { digit });
            if rest == 0 {
                break;
            }
        }
        [out, body.to_vec()].concat()
    }

    #[test]
    fn any_cut_gives_the_same_packets() {
        let oversize = [&b"\x00\x01t\x12\x34"[..], &[9; 5000]].concat();
        let bytes = [
            packet(0x20, &[0, 0]),
            packet(0x30, &[b"\x00\x01t".as_slice(), &[7; 300]].concat()),
            packet(0x32, &oversize),
            packet(0xd0, &[]),
            packet(0x30, &[b"\x00\x01t".as_slice(), &[8; 3000]].concat()),
        ]
        .concat();
        let mut whole = PacketStream::new(4096);
        whole.push(&bytes).unwrap();
        let expected = drain(&mut whole);
        assert_eq!(expected.len(), 5);
        for size in if cfg!(miri) { vec![1000] } else { vec![1, 2, 3, 7, 64, 1000, 4096, 8000] } {
            let mut stream = PacketStream::new(4096);
            let mut frames = vec![];
            for chunk in bytes.chunks(size) {
                stream.push(chunk).unwrap();
                frames.extend(drain(&mut stream));
            }
            assert_eq!(frames, expected, "in pieces of {size}");
            assert!(!stream.is_mid_packet());
        }
    }

    #[test]
    fn exact_reads_never_ask_beyond_the_next_packet() {
        // A port that waits for the exact count must not be asked for bytes that no packet promises.
        let packets = [packet(0x20, &[0, 0]), packet(0x30, &[b"\x00\x01t".as_slice(), &[7; 300]].concat())];
        let mut stream = PacketStream::new(4096);
        for bytes in &packets {
            let mut rest = bytes.as_slice();
            while stream.next_frame().unwrap().is_none() {
                let missing = stream.missing();
                assert!(missing >= 1 && missing <= rest.len(), "{missing} of {}", rest.len());
                let (now, later) = rest.split_at(missing);
                stream.push(now).unwrap();
                rest = later;
            }
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_packet_above_the_limit_is_skipped_and_its_id_is_known() {
        let mut stream = PacketStream::new(100);
        let body = [&b"\x00\x01t\x12\x34"[..], &[9; 1000]].concat();
        stream.push(&packet(0x32, &body)).unwrap();
        stream.push(&packet(0xd0, &[])).unwrap();
        assert_eq!(
            stream.next_frame(),
            Ok(Some(Frame::Oversize { first: 0x32, id: 0x1234, body_len: 1005 }))
        );
        assert_eq!(stream.next_frame(), Ok(Some(Frame::Packet { first: 0xd0, body: &[] })));
        assert_eq!(stream.next_frame(), Ok(None));
    }

    /// The topic is above the limit, or leaves no room for the id, which must not be taken from the next packet then.
    #[test]
    fn an_id_that_is_out_of_reach_does_not_depend_on_the_pieces() {
        let beyond_limit = packet(0x32, &[&[0, 102][..], &[b't'; 102], &[0x12, 0x34], &[9; 50]].concat());
        let fills_body = packet(0x32, &[&[0, 99][..], &[b't'; 99]].concat());
        for oversize in [beyond_limit, fills_body] {
            let bytes = [oversize, packet(0x40, &[0x56, 0x78])].concat();
            for size in [1, 2, 3, 50, bytes.len()] {
                let mut stream = PacketStream::new(100);
                let mut frames = vec![];
                for chunk in bytes.chunks(size) {
                    stream.push(chunk).unwrap();
                    frames.extend(drain(&mut stream));
                }
                assert_eq!(frames.len(), 2, "{frames:?}");
                assert!(
                    frames[0].starts_with("Oversize { first: 50, id: 0,"),
                    "{} in pieces of {size}",
                    frames[0]
                );
                assert_eq!(frames[1], "Packet { first: 64, body: [86, 120] }");
            }
        }
    }

    #[test]
    fn a_length_that_lies_costs_no_memory() {
        let mut stream = PacketStream::new(65_536);
        stream.push(&[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b't']).unwrap();
        assert!(matches!(stream.next_frame(), Ok(Some(Frame::Oversize { body_len: 268_435_455, .. }))));
        for _ in 0..1000 {
            stream.space(1024).unwrap()[..1024].fill(0);
            stream.filled(1024);
            assert_eq!(stream.next_frame(), Ok(None));
        }
        assert!(stream.buffer.len() <= 4096, "{}", stream.buffer.len());
    }

    #[test]
    fn five_length_bytes_are_malformed() {
        let mut stream = PacketStream::new(65_536);
        stream.push(&[0x30, 0x80, 0x80, 0x80]).unwrap();
        assert_eq!(stream.next_frame(), Ok(None));
        stream.push(&[0x80]).unwrap();
        assert_eq!(stream.next_frame(), Err(MalformedLength));
    }

    #[test]
    fn memory_of_a_large_packet_is_given_back() {
        let mut stream = PacketStream::new(65_536);
        stream.push(&packet(0x30, &[7; 60_000])).unwrap();
        assert!(stream.next_frame().unwrap().is_some());
        assert!(stream.buffer.len() > 60_000);
        stream.shrink();
        assert_eq!(stream.next_frame(), Ok(None));
        stream.shrink();
        assert_eq!(stream.buffer.capacity(), 0);
    }
}
