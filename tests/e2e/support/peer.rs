//! A scripted server on loopback: does what the test says, byte by byte, and checks what the SDK sends.
//!
//! Plain TCP or WebSocket without TLS. Every wait ends after [`LIMIT`] with a panic that says what was expected.
//! Shares no code with the SDK.

use base64::Engine;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use sha1::{Digest, Sha1};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Longest wait for anything that has to happen; generous, as the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Whether this happens to a descriptor in time.
fn becomes(descriptor: &impl AsFd, flags: PollFlags, within: Duration) -> bool {
    let deadline = Instant::now() + within;
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).try_into().expect("a short time");
        match poll(&mut [PollFd::new(descriptor, flags)], Some(&left)) {
            Err(Errno::INTR) => {}
            count => return count.expect("poll") > 0,
        }
    }
}

/// How MQTT travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Plain TCP.
    Tcp,
    /// WebSocket without TLS.
    WebSocket,
}

/// Both transports, for scripts that hold for each.
pub const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::WebSocket];

/// A listening server.
pub struct Peer {
    listener: TcpListener,
    transport: Transport,
}

impl Peer {
    /// Listens on a free port of the loopback interface.
    pub fn listen(transport: Transport) -> Peer {
        Peer::listen_on(0, transport)
    }

    /// Listens on this port, where an earlier server was.
    pub fn listen_on(port: u16, transport: Transport) -> Peer {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("loopback port");
        Peer { listener, transport }
    }

    /// What the SDK takes as its region.
    pub fn url(&self) -> String {
        let scheme = match self.transport {
            Transport::Tcp => "mqtt",
            Transport::WebSocket => "ws",
        };
        format!("{scheme}://127.0.0.1:{}", self.port())
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("address").port()
    }

    /// The next TCP connection, before any upgrade; `None` if none comes in time.
    pub fn try_accept_tcp(&self, within: Duration) -> Option<TcpStream> {
        if !becomes(&self.listener, PollFlags::IN, within) {
            return None;
        }
        let (stream, _) = self.listener.accept().expect("accept");
        stream.set_nodelay(true).expect("TCP_NODELAY");
        stream.set_write_timeout(Some(LIMIT)).expect("write time-out");
        Some(stream)
    }

    /// The next connection, upgraded where the transport asks for it, before CONNECT.
    pub fn accept(&self) -> Connection {
        let stream = self.try_accept_tcp(LIMIT).expect("the SDK did not connect");
        let mut connection = Connection::new(stream, self.transport);
        if self.transport == Transport::WebSocket {
            connection.upgrade();
        }
        connection
    }

    /// The next connection, accepted with CONNACK 0.
    pub fn accept_session(&self) -> Connection {
        let mut connection = self.accept();
        connection.expect(CONNECT);
        connection.send(&connack(0));
        connection
    }
}

/// Types of MQTT control packets.
pub const CONNECT: u8 = 1;
/// PUBLISH.
pub const PUBLISH: u8 = 3;
/// PUBACK.
pub const PUBACK: u8 = 4;
/// PUBREC.
pub const PUBREC: u8 = 5;
/// PUBREL.
pub const PUBREL: u8 = 6;
/// PUBCOMP.
pub const PUBCOMP: u8 = 7;
/// SUBSCRIBE.
pub const SUBSCRIBE: u8 = 8;
/// UNSUBSCRIBE.
pub const UNSUBSCRIBE: u8 = 10;
/// PINGREQ.
pub const PINGREQ: u8 = 12;
/// DISCONNECT.
pub const DISCONNECT: u8 = 14;

/// An MQTT packet from the SDK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Type and flags.
    pub first: u8,
    /// What follows the remaining length.
    pub body: Vec<u8>,
}

impl Packet {
    /// Type of the packet.
    pub fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// Packet id of a packet that starts with it.
    pub fn id(&self) -> u16 {
        match self.kind() {
            PUBLISH => self.id_behind_topic(),
            _ => u16::from_be_bytes([self.body[0], self.body[1]]),
        }
    }

    /// Topic of a PUBLISH, first filter of a SUBSCRIBE or UNSUBSCRIBE.
    pub fn topic(&self) -> String {
        let at = if self.kind() == PUBLISH { 0 } else { 2 };
        let len = usize::from(u16::from_be_bytes([self.body[at], self.body[at + 1]]));
        String::from_utf8(self.body[at + 2..at + 2 + len].to_vec()).expect("UTF-8 topic")
    }

    /// QoS of a PUBLISH.
    pub fn qos(&self) -> u8 {
        self.first >> 1 & 3
    }

    /// Payload of a PUBLISH.
    pub fn payload(&self) -> &[u8] {
        let id_len = if self.qos() == 0 { 0 } else { 2 };
        &self.body[2 + self.topic().len() + id_len..]
    }

    fn id_behind_topic(&self) -> u16 {
        let at = 2 + self.topic().len();
        u16::from_be_bytes([self.body[at], self.body[at + 1]])
    }
}

/// A WebSocket frame from the SDK, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// Content.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Code of a close frame.
    pub fn close_code(&self) -> Option<u16> {
        self.payload.first_chunk().map(|code| u16::from_be_bytes(*code))
    }
}

/// A connection of the SDK.
pub struct Connection {
    stream: TcpStream,
    transport: Transport,
    raw: Vec<u8>,
    packets: VecDeque<Packet>,
    frames: VecDeque<Frame>,
    /// Head of the upgrade request.
    pub request: String,
}

impl Connection {
    /// Speaks on a stream; the upgrade has not been made.
    pub fn new(stream: TcpStream, transport: Transport) -> Connection {
        let (raw, packets, frames) = Default::default();
        Connection { stream, transport, raw, packets, frames, request: String::new() }
    }

    /// Stands in for a connection until the next one is there.
    pub fn none() -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback port");
        let stream = TcpStream::connect(listener.local_addr().expect("address")).expect("loopback");
        Connection::new(stream, Transport::Tcp)
    }

    /// Answers the upgrade request with 101.
    pub fn upgrade(&mut self) {
        let accept = self.read_upgrade_request();
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
        );
        self.send_raw(response.as_bytes());
    }

    /// Reads the upgrade request; returns the accept value that belongs to its key.
    pub fn read_upgrade_request(&mut self) -> String {
        let deadline = Instant::now() + LIMIT;
        let end = loop {
            if let Some(end) = self.raw.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.fill(deadline), "no complete upgrade request");
        };
        self.request = String::from_utf8(self.raw.drain(..end).collect()).expect("request in UTF-8");
        let key = self.request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let mut hash = Sha1::new();
        hash.update(key.expect("a key").as_bytes());
        hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        base64::engine::general_purpose::STANDARD.encode(hash.finalize())
    }

    /// Sends one MQTT packet (or several, in one WebSocket message).
    pub fn send(&mut self, mqtt: &[u8]) {
        match self.transport {
            Transport::Tcp => self.send_raw(mqtt),
            Transport::WebSocket => self.send_raw(&frame(0x82, mqtt)),
        }
    }

    /// Sends MQTT bytes in pieces; each piece travels in its own segment, and over WebSocket in its own message.
    pub fn send_in_pieces(&mut self, mqtt: &[u8], size: usize) {
        for piece in mqtt.chunks(size) {
            self.send(piece);
        }
    }

    /// Sends bytes as they are, without framing.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("write to the SDK");
    }

    /// As [`send`](Self::send) while the SDK may have closed the connection.
    pub fn try_send(&mut self, mqtt: &[u8]) -> std::io::Result<()> {
        match self.transport {
            Transport::Tcp => self.stream.write_all(mqtt),
            Transport::WebSocket => self.stream.write_all(&frame(0x82, mqtt)),
        }
    }

    /// The next packet, which must be of this type.
    #[track_caller]
    pub fn expect(&mut self, kind: u8) -> Packet {
        let packet = self.packet();
        assert_eq!(packet.kind(), kind, "{packet:?}");
        packet
    }

    /// The next packet.
    #[track_caller]
    pub fn packet(&mut self) -> Packet {
        self.try_packet(LIMIT).expect("no packet from the SDK")
    }

    /// Waits until the SDK can write no more, as nobody reads: the kernel holds as much as 50 ms before.
    pub fn wait_until_full(&self) {
        let mut before = 0;
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let now = self.unread();
            if now > 0 && now == before {
                return;
            }
            before = now;
        }
    }

    /// Bytes that the kernel has for us and that nobody has read.
    fn unread(&self) -> usize {
        let count = rustix::io::ioctl_fionread(&self.stream).expect("FIONREAD");
        usize::try_from(count).expect("a count")
    }

    /// The next packet if one comes in time and before the connection ends.
    pub fn try_packet(&mut self, within: Duration) -> Option<Packet> {
        let deadline = Instant::now() + within;
        loop {
            self.parse();
            if let Some(packet) = self.packets.pop_front() {
                return Some(packet);
            }
            if !self.fill(deadline) {
                return None;
            }
        }
    }

    /// The next WebSocket control frame.
    #[track_caller]
    pub fn control_frame(&mut self) -> Frame {
        let deadline = Instant::now() + LIMIT;
        loop {
            self.parse();
            if let Some(frame) = self.frames.pop_front() {
                return frame;
            }
            assert!(self.fill(deadline), "no control frame from the SDK");
        }
    }

    /// Waits for the end of the connection; returns the packets that still came.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> Vec<Packet> {
        let deadline = Instant::now() + LIMIT;
        while self.fill(deadline) {}
        assert!(Instant::now() < deadline, "the SDK did not close the connection");
        self.parse();
        self.packets.drain(..).collect()
    }

    /// The control frames that have come and were not asked for.
    pub fn other_frames(&mut self) -> Vec<Frame> {
        self.parse();
        self.frames.drain(..).collect()
    }

    /// Ends the connection in both directions; the SDK sees the end of the stream.
    pub fn close(self) {
        // The SDK may have been faster: then there is nothing left to shut down.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Resets the connection: the next write of the SDK fails at once.
    pub fn reset(self) {
        set_socket_linger(&self.stream, Some(Duration::ZERO)).expect("SO_LINGER");
    }

    /// Reads what is there; false at the end of the stream or of the time.
    fn fill(&mut self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        self.stream.set_read_timeout(Some(left)).expect("read time-out");
        let mut buffer = [0; 65_536];
        match self.stream.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.raw.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => true,
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionReset => false,
                _ => panic!("read from the SDK: {error}"),
            },
        }
    }

    fn parse(&mut self) {
        match self.transport {
            Transport::Tcp => {
                while let Some((packet, len)) = parse_packet(&self.raw) {
                    self.raw.drain(..len);
                    self.packets.push_back(packet);
                }
            }
            Transport::WebSocket => self.parse_frames(),
        }
    }

    /// Checks what the SDK promises: whole binary messages, each with exactly one packet (`websocket.md` §5.1).
    fn parse_frames(&mut self) {
        while let Some((frame, len)) = parse_frame(&self.raw) {
            self.raw.drain(..len);
            if frame.opcode >= 8 {
                self.frames.push_back(frame);
                continue;
            }
            assert_eq!(frame.opcode, 2, "data travels in binary messages");
            let (packet, len) = parse_packet(&frame.payload).expect("a whole packet in the message");
            assert_eq!(len, frame.payload.len(), "one packet per message");
            self.packets.push_back(packet);
        }
    }
}

fn parse_packet(bytes: &[u8]) -> Option<(Packet, usize)> {
    let (&first, rest) = bytes.split_first()?;
    let mut body_len = 0;
    for (position, &digit) in rest.iter().enumerate() {
        assert!(position < 4, "remaining length of more than four bytes");
        body_len |= usize::from(digit & 0x7f) << (7 * position);
        if digit & 0x80 == 0 {
            let start = 2 + position;
            let body = bytes.get(start..start + body_len)?.to_vec();
            return Some((Packet { first, body }, start + body_len));
        }
    }
    None
}

fn parse_frame(bytes: &[u8]) -> Option<(Frame, usize)> {
    let [first, second, rest @ ..] = bytes else { return None };
    assert_eq!(first & 0xf0, 0x80, "one unfragmented frame without extension bits");
    assert_eq!(second & 0x80, 0x80, "frames of a client are masked");
    let (len, head) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let minimal = match len {
        0..126 => 2,
        126..65_536 => 4,
        _ => 10,
    };
    assert_eq!(head, minimal, "shortest form of the length");
    let mask = bytes.get(head..head + 4)?;
    let masked = bytes.get(head + 4..head + 4 + len)?;
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    Some((Frame { opcode: first & 0x0f, payload }, head + 4 + len))
}

/// A frame of the server with this first byte, not masked.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        len @ 0..126 => out.push(len as u8),
        len @ 126..65_536 => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
    out
}

/// A packet from its first byte and body.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
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
    out.extend_from_slice(body);
    out
}

/// CONNACK.
pub fn connack(code: u8) -> Vec<u8> {
    packet(0x20, &[0, code])
}

/// SUBACK with one return code.
pub fn suback(id: u16, code: u8) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    packet(0x90, &[high, low, code])
}

/// A packet that is only an id: PUBACK 0x40, PUBREC 0x50, PUBREL 0x62, PUBCOMP 0x70, UNSUBACK 0xb0.
pub fn answer(first: u8, id: u16) -> Vec<u8> {
    packet(first, &id.to_be_bytes())
}

/// PUBLISH; the flags hold DUP, QoS and RETAIN, the id counts above QoS 0.
pub fn publish(flags: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    if flags & 6 != 0 {
        body.extend_from_slice(&id.to_be_bytes());
    }
    body.extend_from_slice(payload);
    packet(0x30 | flags, &body)
}
