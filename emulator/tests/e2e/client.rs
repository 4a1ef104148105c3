//! A device that says exactly what it is told, over any transport.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};

use crate::hub::Hub;

pub const LAMP: &str = "A1B2C3D4E5lamp-01";
pub const LAMP_KEY: &str = "EBESExQVFhcYGRobHB0eHw==";
pub const LAMP_2: &str = "A1B2C3D4E5lamp-02";
/// Has `KEY_2` as well.
pub const GATEWAY: &str = "A1B2C3D4E6gw";
pub const KEY_2: &str = "AAECAwQFBgcICQoLDA0ODw==";

pub trait ReadWrite: Read + Write + Send {}
impl<T: Read + Write + Send> ReadWrite for T {}

/// Packets over a stream or over WebSocket frames.
pub struct Client {
    pub io: Box<dyn ReadWrite>,
    websocket: bool,
    mask: u32,
    received: Vec<u8>,
    /// Frames of a WebSocket in the order they came: opcode, final, payload.
    pub frames: Vec<(u8, bool, Vec<u8>)>,
}

impl Client {
    pub fn over(io: impl ReadWrite + 'static, websocket: bool) -> Client {
        Client { io: Box::new(io), websocket, mask: 0x1234_5678, received: Vec::new(), frames: Vec::new() }
    }

    /// Opens a transport: `mqtt`, `mqtts` (no client certificate), `ws` or `wss`.
    pub fn open(hub: &Hub, listener: &str) -> Client {
        let tcp = tcp(hub, listener);
        let mut client = match listener {
            "mqtt" => return Client::over(tcp, false),
            "mqtts" => return Client::over(tls(tcp), false),
            "ws" => Client::over(tcp, true),
            "wss" => Client::over(tls(tcp), true),
            other => panic!("{other}"),
        };
        let head = client.upgrade(UPGRADE);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// A device of the registry, connected with a clean session.
    pub fn connected(hub: &Hub, listener: &str, client_id: &str, key: &str) -> Client {
        let mut client = Client::open(hub, listener);
        client.send(&Connect::signed(client_id, key).bytes());
        assert_eq!(client.packet(), [0x20, 2, 0, 0]);
        client
    }

    /// Sends a request and returns the answer's header.
    pub fn upgrade(&mut self, request: &str) -> String {
        self.io.write_all(request.as_bytes()).unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && read(&mut self.io, &mut byte) == 1 {
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    /// Sends MQTT bytes: one write, or one masked binary frame.
    pub fn send(&mut self, bytes: &[u8]) {
        if self.websocket {
            self.send_frame(0x82, bytes);
        } else {
            self.io.write_all(bytes).unwrap();
        }
    }

    /// Sends a frame with the next mask.
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.mask = self.mask.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let key = self.mask.to_be_bytes();
        let mut frame = vec![first];
        match payload.len() {
            n @ 0..=125 => frame.push(0x80 | n as u8),
            n => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(n).unwrap().to_be_bytes());
            }
        }
        frame.extend(key);
        frame.extend(payload.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
        self.io.write_all(&frame).unwrap();
    }

    /// The next packet, whole.
    pub fn packet(&mut self) -> Vec<u8> {
        self.try_packet().expect("the hub closed instead of sending a packet")
    }

    /// The next packet; None if the hub closed.
    pub fn try_packet(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(size) = packet_size(&self.received).filter(|n| *n <= self.received.len()) {
                return Some(self.received.drain(..size).collect());
            }
            if !self.read_more() {
                return None;
            }
        }
    }

    /// Waits until the hub closes; nothing else may come.
    pub fn expect_close(&mut self) {
        assert_eq!(self.try_packet(), None);
    }

    /// The next WebSocket frame that is no data frame.
    pub fn control(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let Some(at) = self.frames.iter().position(|f| f.0 >= 8) {
                let (opcode, _, payload) = self.frames.remove(at);
                return (opcode, payload);
            }
            assert!(self.read_more(), "the hub closed instead of sending a control frame");
        }
    }

    fn read_more(&mut self) -> bool {
        if !self.websocket {
            let mut buffer = [0; 65536];
            let count = read(&mut self.io, &mut buffer);
            self.received.extend(&buffer[..count]);
            return count > 0;
        }
        let Some(head) = self.exactly(2) else { return false };
        assert_eq!(head[1] & 0x80, 0, "a server frame is masked");
        let length = match head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.exactly(2).unwrap().try_into().unwrap())),
            127 => u64::from_be_bytes(self.exactly(8).unwrap().try_into().unwrap()),
            n => u64::from(n),
        };
        let payload = self.exactly(length as usize).unwrap();
        if head[0] & 0x0f < 8 {
            self.received.extend(&payload);
        }
        self.frames.push((head[0] & 0x0f, head[0] & 0x80 != 0, payload));
        true
    }

    fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        let mut done = 0;
        while done < count {
            match read(&mut self.io, &mut bytes[done..]) {
                0 if done == 0 => return None,
                0 => panic!("the hub closed inside a frame"),
                n => done += n,
            }
        }
        Some(bytes)
    }
}

/// A reset is a close too; a time-out is a failed test.
fn read(io: &mut dyn ReadWrite, buffer: &mut [u8]) -> usize {
    match io.read(buffer) {
        Ok(count) => count,
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            panic!("nothing came in 10 s")
        }
        Err(_) => 0,
    }
}

pub const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: hub:80\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-Websocket-Protocol: mqtt\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MGFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n\r\n";

pub fn tcp(hub: &Hub, listener: &str) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", hub.port(listener))).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    tcp
}

/// TLS as the original SDK does it on 443: nothing is verified.
fn tls(tcp: TcpStream) -> openssl::ssl::SslStream<TcpStream> {
    // One for all: it reads the system's authorities.
    static CONNECTOR: LazyLock<SslConnector> = LazyLock::new(|| {
        let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
        builder.set_verify(SslVerifyMode::NONE);
        builder.build()
    });
    let configuration = CONNECTOR.configure().unwrap().verify_hostname(false);
    configuration.connect("localhost", tcp).unwrap()
}

fn packet_size(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(length + place + 2);
        }
    }
    None
}

/// The fields of a CONNECT.
#[derive(Clone)]
pub struct Connect {
    pub name: &'static str,
    pub level: u8,
    pub clean: bool,
    pub keep_alive: u16,
    pub client_id: String,
    pub user: Option<String>,
    pub password: Option<String>,
}

impl Connect {
    /// As a key device signs it, never expiring.
    pub fn signed(client_id: &str, key: &str) -> Connect {
        let user = format!("{client_id};21010406;a1B2c;92233720368547758");
        let password = sign(key, &user);
        Connect::with(client_id, Some(&user), Some(&password))
    }

    pub fn with(client_id: &str, user: Option<&str>, password: Option<&str>) -> Connect {
        Connect {
            name: "MQTT",
            level: 4,
            clean: true,
            keep_alive: 60,
            client_id: client_id.into(),
            user: user.map(String::from),
            password: password.map(String::from),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut body = string(self.name);
        let flag = |on: bool, bit: u8| if on { bit } else { 0 };
        let flags =
            flag(self.user.is_some(), 0x80) | flag(self.password.is_some(), 0x40) | flag(self.clean, 2);
        body.extend([self.level, flags]);
        body.extend(self.keep_alive.to_be_bytes());
        body.extend(string(&self.client_id));
        for field in [&self.user, &self.password].into_iter().flatten() {
            body.extend(string(field));
        }
        packet(0x10, &body)
    }
}

pub fn sign(key: &str, user: &str) -> String {
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&BASE64.decode(key).unwrap()).unwrap();
    mac.update(user.as_bytes());
    hex::encode(mac.finalize().into_bytes()) + ";hmacsha1"
}

pub fn string(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let more = rest > 0x7f;
        bytes.push((rest & 0x7f) as u8 | if more { 0x80 } else { 0 });
        rest >>= 7;
        if !more {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

pub fn subscribe(id: u16, filter: &str, qos: u8) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(string(filter));
    body.push(qos);
    packet(0x82, &body)
}

pub fn unsubscribe(id: u16, filter: &str) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    body.extend(string(filter));
    packet(0xa2, &body)
}

/// A PUBLISH: QoS 0 without, QoS 1 with an id.
pub fn publish(topic: &str, payload: &[u8], id: Option<u16>) -> Vec<u8> {
    let mut body = string(topic);
    body.extend(id.into_iter().flat_map(u16::to_be_bytes));
    body.extend(payload);
    packet(if id.is_some() { 0x32 } else { 0x30 }, &body)
}

pub fn puback(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

/// Topic, id and payload of a PUBLISH.
pub fn parts(packet: &[u8]) -> (String, Option<u16>, String) {
    assert_eq!(packet[0] >> 4, 3, "{packet:x?} is no PUBLISH");
    let at = packet.iter().skip(1).position(|b| b & 0x80 == 0).unwrap() + 2;
    let length = usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    let topic = String::from_utf8(packet[at + 2..at + 2 + length].to_vec()).unwrap();
    let mut rest = &packet[at + 2 + length..];
    let id = (packet[0] & 0x06 != 0).then(|| u16::from_be_bytes([rest[0], rest[1]]));
    if id.is_some() {
        rest = &rest[2..];
    }
    (topic, id, String::from_utf8_lossy(rest).into_owned())
}
