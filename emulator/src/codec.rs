//! MQTT packets to and from bytes: rmqtt-codec for the packets, with the checks it leaves to its caller.
//!
//! rmqtt-codec reads both `MQTT`/4 and `MQIsdp`/3, checks every length before it reads and hands out shared buffers. It does not
//! look at bytes left over behind a packet's last field, at the upper bits of a requested QoS, or at NUL in strings: that is done here.

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use rmqtt_codec::error::DecodeError;
pub use rmqtt_codec::types::QoS;
use rmqtt_codec::types::{Protocol, Publish};
pub use rmqtt_codec::v3::Packet;
use rmqtt_codec::v3::{Codec, Connect, ConnectAck, ConnectAckReason};
use serde_json::{Map, Value};
use std::num::NonZeroU16;
use tokio_util::codec::{Decoder, Encoder};

/// Largest packet read. A payload above 16 KiB closes the connection anyway; the room above tells which packet it was.
pub const MAX_PACKET: usize = 128 * 1024;

/// A decoded packet with its size on the wire.
pub struct Decoded {
    pub packet: Packet,
    pub size: usize,
}

/// Why bytes are not a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// CONNECT with another protocol name or level.
    Protocol,
    /// CONNECT without client id and without clean session. [MQTT-3.1.3-8]
    EmptyClientId,
    Other(String),
}

impl Malformed {
    fn other(text: &str) -> Malformed {
        Malformed::Other(text.into())
    }
}

/// Takes the first packet off the buffer; None while it is incomplete.
pub fn decode(buffer: &mut BytesMut) -> Result<Option<Decoded>, Malformed> {
    let Some((header, body)) = frame_size(buffer)? else { return Ok(None) };
    let size = header + body;
    if size > MAX_PACKET {
        return Err(Malformed::Other(format!("packet of {size} bytes")));
    }
    if buffer.len() < size {
        return Ok(None);
    }
    let frame = buffer.split_to(size).freeze();
    let packet = match Codec::new(MAX_PACKET as u32).decode(&mut BytesMut::from(frame.as_ref())) {
        Ok(Some((packet, _))) => packet,
        Ok(None) => return Err(Malformed::other("incomplete packet")),
        Err(DecodeError::InvalidProtocol | DecodeError::UnsupportedProtocolLevel) => {
            return Err(Malformed::Protocol);
        }
        Err(DecodeError::InvalidClientId) => return Err(Malformed::EmptyClientId),
        Err(e) => return Err(Malformed::Other(e.to_string())),
    };
    check(&packet, frame.get(header..).unwrap_or_default())?;
    Ok(Some(Decoded { packet, size }))
}

/// Sizes of the fixed header and of the rest; None while the header is incomplete. [MQTT-2.2.3]
fn frame_size(buffer: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let mut body = 0;
    for (place, byte) in buffer.iter().skip(1).take(4).enumerate() {
        body |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((place + 2, body)));
        }
    }
    if buffer.len() >= 5 { Err(Malformed::other("remaining length of more than 4 bytes")) } else { Ok(None) }
}

fn check(packet: &Packet, body: &[u8]) -> Result<(), Malformed> {
    let expected = match packet {
        Packet::Connect(connect) => {
            check_connect(connect, body)?;
            connect_size(connect)
        }
        Packet::Subscribe { topic_filters, .. } => {
            check_requested_qos(topic_filters, body)?;
            body.len()
        }
        Packet::PingRequest | Packet::Disconnect => 0,
        _ => body.len(),
    };
    if expected != body.len() {
        return Err(Malformed::other("bytes behind the last field"));
    }
    if strings(packet).any(|s| s.contains('\0')) {
        return Err(Malformed::other("NUL in a string")); // [MQTT-1.5.3-2]
    }
    Ok(())
}

fn check_connect(connect: &Connect, body: &[u8]) -> Result<(), Malformed> {
    // The crate takes MQTT/3 and MQIsdp/4 as well; only the two published pairs are protocols.
    let name = connect.protocol.name().as_bytes();
    if body.get(2..2 + name.len()) != Some(name) {
        return Err(Malformed::Protocol);
    }
    Ok(())
}

fn connect_size(connect: &Connect) -> usize {
    let optional = |n: Option<usize>| n.map_or(0, |n| n + 2);
    let will = connect.last_will.as_ref().map_or(0, |w| 4 + w.topic.len() + w.message.len());
    // Protocol name, level, flags, keep-alive, client id, will, user name, password.
    let fixed = 2 + connect.protocol.name().len() + 1 + 1 + 2 + 2 + connect.client_id.len();
    let user = connect.username.as_ref().map(|u| u.len());
    let password = connect.password.as_ref().map(|p| p.len());
    fixed + will + optional(user) + optional(password)
}

/// The upper six bits of a requested QoS are reserved. [MQTT-3.8.3-4]
fn check_requested_qos(filters: &[(ByteString, QoS)], body: &[u8]) -> Result<(), Malformed> {
    let mut at = 2;
    for (filter, _) in filters {
        at += 2 + filter.len();
        if body.get(at).is_none_or(|qos| *qos > 2) {
            return Err(Malformed::other("reserved bits in a requested QoS"));
        }
        at += 1;
    }
    Ok(())
}

fn strings(packet: &Packet) -> impl Iterator<Item = &ByteString> {
    let list: Vec<&ByteString> = match packet {
        Packet::Connect(c) => [&c.client_id].into_iter().chain(c.username.as_ref()).collect(),
        Packet::Publish(p) => vec![&p.topic],
        Packet::Subscribe { topic_filters, .. } => topic_filters.iter().map(|(f, _)| f).collect(),
        Packet::Unsubscribe { topic_filters, .. } => topic_filters.iter().collect(),
        _ => Vec::new(),
    };
    list.into_iter()
}

/// The packet's bytes.
pub fn encode(packet: Packet) -> Result<Bytes, String> {
    let mut out = BytesMut::new();
    Codec::new(0).encode(packet, &mut out).map_err(|e| e.to_string())?;
    Ok(out.freeze())
}

/// A CONNACK.
pub fn connack(code: u8, session_present: bool) -> Packet {
    let return_code = match code {
        0 => ConnectAckReason::ConnectionAccepted,
        1 => ConnectAckReason::UnacceptableProtocolVersion,
        2 => ConnectAckReason::IdentifierRejected,
        3 => ConnectAckReason::ServiceUnavailable,
        4 => ConnectAckReason::BadUserNameOrPassword,
        _ => ConnectAckReason::NotAuthorized,
    };
    Packet::ConnectAck(ConnectAck { return_code, session_present })
}

/// A PUBLISH as the hub sends it: never retained. [emulator.md §2]
pub fn publish(topic: &str, payload: Bytes, id: Option<NonZeroU16>, dup: bool) -> Packet {
    let qos = if id.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
    let topic = ByteString::from(topic);
    Packet::Publish(Box::new(Publish {
        dup,
        retain: false,
        qos,
        topic,
        packet_id: id,
        payload,
        properties: None,
    }))
}

/// The packet's name, in lower case as in events and faults.
pub fn name(packet: &Packet) -> &'static str {
    match packet {
        Packet::Connect(_) => "connect",
        Packet::ConnectAck(_) => "connack",
        Packet::Publish(_) => "publish",
        Packet::PublishAck { .. } => "puback",
        Packet::PublishReceived { .. } => "pubrec",
        Packet::PublishRelease { .. } => "pubrel",
        Packet::PublishComplete { .. } => "pubcomp",
        Packet::Subscribe { .. } => "subscribe",
        Packet::SubscribeAck { .. } => "suback",
        Packet::Unsubscribe { .. } => "unsubscribe",
        Packet::UnsubscribeAck { .. } => "unsuback",
        Packet::PingRequest => "pingreq",
        Packet::PingResponse => "pingresp",
        Packet::Disconnect => "disconnect",
    }
}

/// All packet names, for checking what a fault asks for.
pub const NAMES: [&str; 14] = [
    "connect",
    "connack",
    "publish",
    "puback",
    "pubrec",
    "pubrel",
    "pubcomp",
    "subscribe",
    "suback",
    "unsubscribe",
    "unsuback",
    "pingreq",
    "pingresp",
    "disconnect",
];

/// The topics a packet names.
pub fn topics(packet: &Packet) -> Vec<String> {
    match packet {
        Packet::Publish(p) => vec![p.topic.to_string()],
        Packet::Subscribe { topic_filters, .. } => topic_filters.iter().map(|(f, _)| f.to_string()).collect(),
        Packet::Unsubscribe { topic_filters, .. } => topic_filters.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

/// Longest piece of a payload shown in an event.
const SHOWN: usize = 1024;

/// The packet's fields for an event; no password, and of the user name only what is no secret.
pub fn describe(packet: &Packet, size: usize) -> Map<String, Value> {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.into(), value);
    };
    put("packet", name(packet).into());
    put("size", size.into());
    match packet {
        Packet::Connect(c) => describe_connect(c, &mut put),
        Packet::ConnectAck(ack) => {
            put("code", u8::from(ack.return_code).into());
            put("session_present", ack.session_present.into());
        }
        Packet::Publish(p) => describe_publish(p, &mut put),
        Packet::PublishAck { packet_id }
        | Packet::PublishReceived { packet_id }
        | Packet::PublishRelease { packet_id }
        | Packet::PublishComplete { packet_id }
        | Packet::UnsubscribeAck { packet_id } => put("id", packet_id.get().into()),
        Packet::Subscribe { packet_id, topic_filters } => {
            put("id", packet_id.get().into());
            put("topic", topic_filters.first().map(|(f, _)| f.to_string()).into());
            put("qos", topic_filters.first().map(|(_, q)| q.value()).into());
            let all =
                topic_filters.iter().map(|(f, q)| serde_json::json!([f.to_string(), q.value()])).collect();
            put("filters", Value::Array(all));
        }
        Packet::SubscribeAck { packet_id, status } => {
            put("id", packet_id.get().into());
            put("codes", status.iter().map(suback_code).collect());
        }
        Packet::Unsubscribe { packet_id, topic_filters } => {
            put("id", packet_id.get().into());
            put("topic", topic_filters.first().map(ToString::to_string).into());
            put("filters", topic_filters.iter().map(ToString::to_string).collect());
        }
        Packet::PingRequest | Packet::PingResponse | Packet::Disconnect => {}
    }
    out
}

/// A SUBACK return code as a number.
pub fn suback_code(code: &rmqtt_codec::v3::SubscribeReturnCode) -> u8 {
    match code {
        rmqtt_codec::v3::SubscribeReturnCode::Success(qos) => qos.value(),
        rmqtt_codec::v3::SubscribeReturnCode::Failure => 0x80,
    }
}

fn describe_connect(connect: &Connect, put: &mut impl FnMut(&str, Value)) {
    let Protocol(level) = connect.protocol;
    put("protocol", connect.protocol.name().into());
    put("level", level.into());
    put("client_id", connect.client_id.to_string().into());
    put("keep_alive", connect.keep_alive.into());
    put("clean_session", connect.clean_session.into());
    put("will", connect.last_will.is_some().into());
    put("user_name", connect.username.as_ref().map(ToString::to_string).into());
    put("password", connect.password.is_some().into());
    put("password_length", connect.password.as_ref().map(Bytes::len).into());
    put("password_method", connect.password.as_ref().and_then(|p| password_method(p)).into());
}

/// The part behind the last semicolon of a password, if it is a known method: the rest is a credential.
fn password_method(password: &[u8]) -> Option<&'static str> {
    let at = password.iter().rposition(|b| *b == b';')?;
    let method = password.get(at + 1..)?;
    ["hmacsha1", "hmacsha256", "rsa-sha256"].into_iter().find(|known| method.starts_with(known.as_bytes()))
}

fn describe_publish(publish: &Publish, put: &mut impl FnMut(&str, Value)) {
    put("topic", publish.topic.to_string().into());
    put("qos", publish.qos.value().into());
    put("id", publish.packet_id.map(NonZeroU16::get).into());
    put("dup", publish.dup.into());
    put("retain", publish.retain.into());
    put("length", publish.payload.len().into());
    let shown = publish.payload.get(..SHOWN).unwrap_or(&publish.payload);
    match std::str::from_utf8(shown) {
        Ok(text) => put("payload", text.into()),
        Err(_) => put("payload_hex", hex::encode(shown).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(bytes: &[u8]) -> Result<Option<Packet>, Malformed> {
        decode(&mut BytesMut::from(bytes)).map(|d| d.map(|d| d.packet))
    }

    /// The CONNECT of auth.md vector A.
    const VECTOR_A: &str = "10820100044d51545404c200780010414243443132333445466465765f3031003141424344313233344546646576\
        5f30313b32313031303430363b61314232633b393232333337323033363835343737353800316434646636633630373630383135666330616435\
        3837376630393832663262663432363763666466 3b686d616373686131";

    #[test]
    fn connect_of_vector_a() {
        let bytes = hex::decode(VECTOR_A.replace(' ', "")).unwrap();
        let Some(Packet::Connect(connect)) = one(&bytes).unwrap() else { panic!("no CONNECT") };
        assert_eq!((connect.keep_alive, connect.clean_session, connect.protocol.level()), (120, true, 4));
        assert_eq!(&*connect.client_id, "ABCD1234EFdev_01");
        let fields = Value::Object(describe(&Packet::Connect(connect), bytes.len()));
        assert_eq!(fields["password_method"], "hmacsha1");
        assert_eq!(fields["password_length"], 49);
        assert!(!fields.to_string().contains("d4df6c60"), "the password is in the event");
    }

    #[test]
    fn connect_of_the_python_sdk() {
        // python-sdk.md §3: MQTT 3.1 with a client id of any length.
        let mut bytes =
            b"\x10\x25\x00\x06MQIsdp\x03\xc2\x00\x3c\x00\x11A1B2C3D4E5lamp-01\x00\x01u\x00\x01p".to_vec();
        assert_eq!(bytes.len(), 39);
        let Some(Packet::Connect(connect)) = one(&bytes).unwrap() else { panic!("no CONNECT") };
        assert_eq!((connect.protocol.name(), connect.protocol.level()), ("MQIsdp", 3));
        bytes[10] = 4;
        assert_eq!(one(&bytes), Err(Malformed::Protocol));
        bytes[10] = 9;
        assert_eq!(one(&bytes), Err(Malformed::Protocol));
    }

    #[test]
    fn every_prefix_waits_and_every_byte_may_be_anything() {
        let bytes = hex::decode(VECTOR_A.replace(' ', "")).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(one(&bytes[..end]), Ok(None), "{end} bytes");
        }
        let subscribe = b"\x82\x0a\x00\x01\x00\x05a/b/c\x01".to_vec();
        let publish = b"\x32\x09\x00\x03a/b\x00\x07hi".to_vec();
        for packet in [bytes, subscribe, publish] {
            for at in 0..packet.len() {
                for value in 0..=255 {
                    let mut changed = packet.clone();
                    changed[at] = value;
                    let mut buffer = BytesMut::from(changed.as_slice());
                    while let Ok(Some(_)) = decode(&mut buffer) {}
                }
            }
        }
    }

    #[test]
    fn what_the_crate_lets_through_is_malformed() {
        let bad: [(&[u8], &str); 10] = [
            (b"\xc0\x01\x00", "PINGREQ with a body"),
            (b"\xe0\x02\x00\x00", "DISCONNECT with a body"),
            (b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x01ab\x00", "CONNECT with bytes behind"),
            (b"\x82\x06\x00\x01\x00\x01a\x04", "reserved QoS bits"),
            (b"\x82\x06\x00\x01\x00\x01a\x03", "QoS 3"),
            (b"\x82\x02\x00\x01", "SUBSCRIBE without a filter"),
            (b"\x80\x06\x00\x01\x00\x01a\x01", "SUBSCRIBE with flags 0"),
            (b"\x30\x05\x00\x03a\0b", "NUL in a topic"),
            (b"\x36\x07\x00\x01a\x00\x01hi", "PUBLISH of QoS 3"),
            (b"\x30\xff\xff\xff\xff\x01", "five length bytes"),
        ];
        for (bytes, what) in bad {
            assert!(matches!(one(bytes), Err(Malformed::Other(_))), "{what}: {:?}", one(bytes));
        }
        assert_eq!(one(b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x3c\x00\x00"), Err(Malformed::EmptyClientId));
    }

    #[test]
    fn answers() {
        assert_eq!(encode(connack(4, false)).unwrap().as_ref(), b"\x20\x02\x00\x04");
        let id = NonZeroU16::new(7);
        assert_eq!(
            encode(publish("a/b", Bytes::from_static(b"hi"), id, true)).unwrap().as_ref(),
            b"\x3a\x09\x00\x03a/b\x00\x07hi"
        );
        assert_eq!(
            encode(publish("a/b", Bytes::from_static(b"hi"), None, false)).unwrap().as_ref(),
            b"\x30\x07\x00\x03a/bhi"
        );
    }
}
