//! The byte stream of a session without faults: where its parts begin and end.

use crate::support::proxy::Side;

use super::crowd::Outcome;

/// Parts of a session, each with its own time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Until the answer to the upgrade request is complete.
    Upgrade,
    /// Until CONNACK is complete.
    Login,
    /// Until the last message is back.
    Session,
    /// DISCONNECT and the close frames.
    Leaving,
}

/// A ping that comes a moment later than in the session without faults moves the end of the last message by its frame.
const PING_FRAME: usize = 8;

/// Both directions of a whole session.
pub struct Stream {
    pub client: Direction,
    pub server: Direction,
}

/// One direction.
pub struct Direction {
    /// Bytes of the upgrade.
    pub upgrade: usize,
    /// Ends of the frames, the last one is the end of the stream.
    pub frames: Vec<usize>,
    /// Type of the MQTT packet in each; 0 for close frames.
    pub packets: Vec<u8>,
}

impl Stream {
    /// What the session's connection carried.
    pub fn of(outcome: &Outcome) -> Stream {
        let [link] = outcome.links.as_slice() else { panic!("{} connections", outcome.links.len()) };
        Stream { client: Direction::of(&link.from_client), server: Direction::of(&link.from_server) }
    }

    /// The same over plain TCP: packets are the frames.
    pub fn of_tcp(outcome: &Outcome) -> Stream {
        let [link] = outcome.links.as_slice() else { panic!("{} connections", outcome.links.len()) };
        Stream { client: Direction::of_tcp(&link.from_client), server: Direction::of_tcp(&link.from_server) }
    }

    pub fn side(&self, side: Side) -> &Direction {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    /// Where a session is that has seen so many bytes of one direction, and nothing that follows from them.
    pub fn phase(&self, side: Side, bytes: usize) -> Phase {
        let direction = self.side(side);
        // CONNECT and CONNACK are the first frames; the answer to a whole request is not there yet.
        let is_within = |end: usize| if side == Side::Client { bytes <= end } else { bytes < end };
        if direction.upgrade > 0 && is_within(direction.upgrade) {
            Phase::Upgrade
        } else if is_within(direction.frames[0]) {
            Phase::Login
        } else if is_within(direction.last_message() - PING_FRAME) {
            Phase::Session
        } else {
            Phase::Leaving
        }
    }
}

impl Direction {
    fn of(bytes: &[u8]) -> Direction {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("an HTTP head");
        let upgrade = head + 4;
        let (mut frames, mut packets) = (Vec::new(), Vec::new());
        let mut at = upgrade;
        while at < bytes.len() {
            let (packet, len) = frame(&bytes[at..]);
            at += len;
            frames.push(at);
            packets.push(packet);
        }
        Direction { upgrade, frames, packets }
    }

    fn of_tcp(bytes: &[u8]) -> Direction {
        let (mut frames, mut packets) = (Vec::new(), Vec::new());
        let mut at = 0;
        while at < bytes.len() {
            packets.push(bytes[at] >> 4);
            let digits = bytes[at + 1..].iter().position(|digit| digit & 0x80 == 0).expect("a length") + 1;
            let len = bytes[at + 1..=at + digits]
                .iter()
                .rev()
                .fold(0, |len, digit| len << 7 | usize::from(digit & 0x7f));
            at += 1 + digits + len;
            frames.push(at);
        }
        Direction { upgrade: 0, frames, packets }
    }

    pub fn len(&self) -> usize {
        *self.frames.last().expect("frames")
    }

    /// End of the last message: the program leaves when it is back, whatever becomes of the acknowledgement.
    fn last_message(&self) -> usize {
        let index = self.packets.iter().rposition(|packet| *packet == PUBLISH);
        index.map_or(self.upgrade, |index| self.frames[index])
    }
}

const PUBLISH: u8 = 3;

/// Type of the packet in the first frame, and the frame's length.
fn frame(bytes: &[u8]) -> (u8, usize) {
    let (opcode, len) = (bytes[0] & 0x0f, usize::from(bytes[1] & 0x7f));
    let (len, mut head) =
        if len == 126 { (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4) } else { (len, 2) };
    let mut mask = 0;
    if bytes[1] & 0x80 != 0 {
        mask = bytes[head];
        head += 4;
    }
    let packet = if opcode == 2 { (bytes[head] ^ mask) >> 4 } else { 0 };
    assert!([2, 8].contains(&opcode), "frames of data or the last one, not opcode {opcode}");
    (packet, head + len)
}
