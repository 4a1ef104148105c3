//! MQTT control packets: what we send and what we understand.
//!
//! Packets of the rare kind (CONNECT, SUBSCRIBE, UNSUBSCRIBE) are encoded by `mqttbytes`. PUBLISH and the
//! acknowledgements are encoded and decoded here: `mqttbytes` copies the topic and the payload of each message
//! into fresh allocations, refuses the acknowledgements with a reason byte that a server may send, and accepts
//! reserved flags. Encoding fails where there is no memory, decoding takes none.

use super::topic::is_valid_text;
use crate::error::Error;
use bytes::BytesMut;
use mqttbytes::QoS;
use mqttbytes::v4::{Connect, Login, Subscribe, Unsubscribe};

/// Bytes of CONNECT beside its three texts: fixed header (at most 5), variable header (10), lengths of the texts (6).
const MAX_AROUND_TEXTS: usize = 21;

/// PINGREQ [MQTT 3.1.1 §3.12].
pub const PINGREQ: [u8; 2] = [0xC0, 0];
/// DISCONNECT [MQTT 3.1.1 §3.14].
pub const DISCONNECT: [u8; 2] = [0xE0, 0];

/// Largest remaining length that the protocol can express [MQTT 3.1.1 §2.2.3].
pub const MAX_REMAINING_LENGTH: usize = 268_435_455;

/// Fields of CONNECT. A will is never sent (`auth.md` §3).
#[derive(Debug)]
pub struct ConnectFields<'a> {
    /// Product id followed by the device name.
    pub client_id: &'a str,
    /// Signed user name.
    pub user_name: &'a str,
    /// Absent where TLS has authenticated the device.
    pub password: Option<&'a str>,
    /// Seconds, 0 for none.
    pub keep_alive_s: u16,
    /// Whether the server forgets the session.
    pub clean_session: bool,
}

/// Encodes CONNECT; `Failure` when a field is longer than the protocol allows.
pub fn connect(fields: &ConnectFields) -> Result<Vec<u8>, Error> {
    let password = fields.password.unwrap_or_default();
    let texts = [fields.client_id, fields.user_name, password];
    if texts.iter().any(|text| text.len() > 0xFFFF) {
        return Err(Error::Failure);
    }
    encode(texts.iter().map(|text| text.len()).sum(), |out| {
        let mut packet = Connect::new(fields.client_id);
        packet.keep_alive = fields.keep_alive_s;
        packet.clean_session = fields.clean_session;
        packet.login = Some(Login::new(fields.user_name, password));
        packet.write(out)
    })
}

/// Encodes SUBSCRIBE with one filter; `MaxTopicLength` when the filter is longer than the protocol allows.
pub fn subscribe(id: u16, filter: &str, qos: u8) -> Result<Vec<u8>, Error> {
    let qos = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
    if filter.len() > 0xFFFF {
        return Err(Error::MaxTopicLength);
    }
    encode(filter.len(), |out| {
        let mut packet = Subscribe::new(filter, qos);
        packet.pkid = id;
        packet.write(out)
    })
}

/// Encodes UNSUBSCRIBE with one filter; `MaxTopicLength` when the filter is longer than the protocol allows.
pub fn unsubscribe(id: u16, filter: &str) -> Result<Vec<u8>, Error> {
    if filter.len() > 0xFFFF {
        return Err(Error::MaxTopicLength);
    }
    encode(filter.len(), |out| {
        let mut packet = Unsubscribe::new(filter);
        packet.pkid = id;
        packet.write(out)
    })
}

/// Lets `mqttbytes` write a packet with texts of so many bytes.
///
/// It copies the texts and cannot fail where there is no memory: whether there is room for all of it is found out before.
/// If another thread takes that room, the reserve of `hal` has enough for the longest packet, which is CONNECT with a
/// signature of 1,035 bytes.
fn encode(
    texts: usize,
    write: impl FnOnce(&mut BytesMut) -> Result<usize, mqttbytes::Error>,
) -> Result<Vec<u8>, Error> {
    let len = MAX_AROUND_TEXTS + texts;
    let mut room = Vec::<u8>::new();
    room.try_reserve_exact(texts + len).map_err(|_| Error::Malloc)?;
    drop(room);
    let mut out = BytesMut::with_capacity(len);
    write(&mut out).map_err(|_| Error::Failure)?;
    Ok(out.into())
}

/// The bytes of a PUBLISH around topic and payload, without allocation.
///
/// The packet is `head`, topic, `id`, payload, in this order.
#[derive(Debug)]
pub struct PublishFrame {
    head: [u8; 7],
    head_len: usize,
    id: [u8; 2],
    id_len: usize,
}

impl PublishFrame {
    /// Describes a message; `id` goes with QoS 1 and is `None` for QoS 0. `None` when it is too long.
    pub fn new(topic: &[u8], id: Option<u16>, retain: bool, payload_len: usize) -> Option<PublishFrame> {
        let topic_len = u16::try_from(topic.len()).ok()?;
        let id_len = if id.is_some() { 2 } else { 0 };
        let remaining = 2 + topic.len() + id_len + payload_len;
        if remaining > MAX_REMAINING_LENGTH {
            return None;
        }
        let mut head = [0; 7];
        let mut head_len = 0;
        let mut put = |byte| {
            if let Some(slot) = head.get_mut(head_len) {
                *slot = byte;
                head_len += 1;
            }
        };
        put(0x30 | u8::from(id.is_some()) << 1 | u8::from(retain));
        let mut rest = remaining;
        loop {
            let digit = (rest % 128) as u8;
            rest /= 128;
            put(if rest > 0 { digit | 0x80 } else { digit });
            if rest == 0 {
                break;
            }
        }
        topic_len.to_be_bytes().into_iter().for_each(&mut put);
        Some(PublishFrame { head, head_len, id: id.unwrap_or_default().to_be_bytes(), id_len })
    }

    /// Fixed header and topic length.
    pub fn head(&self) -> &[u8] {
        self.head.get(..self.head_len).unwrap_or_default()
    }

    /// Packet id, empty for QoS 0.
    pub fn id(&self) -> &[u8] {
        self.id.get(..self.id_len).unwrap_or_default()
    }
}

/// An acknowledgement that we send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Answer to a QoS 1 message.
    PubAck(u16),
    /// First answer to a QoS 2 message.
    PubRec(u16),
    /// Answer to PUBREC.
    PubRel(u16),
    /// Last answer to a QoS 2 message.
    PubComp(u16),
}

impl Ack {
    /// The packet.
    pub fn encode(self) -> [u8; 4] {
        let (first, id) = match self {
            Ack::PubAck(id) => (0x40, id),
            Ack::PubRec(id) => (0x50, id),
            Ack::PubRel(id) => (0x62, id),
            Ack::PubComp(id) => (0x70, id),
        };
        let [high, low] = id.to_be_bytes();
        [first, 2, high, low]
    }
}

/// A message as it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// 0, 1 or 2.
    pub qos: u8,
    /// Sent before, as the server says.
    pub dup: bool,
    /// Stored by the server before we subscribed.
    pub retain: bool,
    /// UTF-8 without U+0000, not empty.
    pub topic: &'a [u8],
    /// 0 for QoS 0.
    pub id: u16,
    /// May be empty.
    pub payload: &'a [u8],
}

/// A packet from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// Answer to CONNECT.
    ConnAck {
        /// The server kept a session.
        session_present: bool,
        /// 0 accepts the connection.
        code: u8,
    },
    /// A message.
    Publish(Publish<'a>),
    /// Answer to our QoS 1 message; a reason other than 0 refuses it.
    PubAck {
        /// Packet id.
        id: u16,
        /// Third byte, 0 where it is missing.
        reason: u8,
    },
    /// First answer to a QoS 2 message.
    PubRec(u16),
    /// Release of a QoS 2 message.
    PubRel(u16),
    /// Last answer to a QoS 2 message.
    PubComp(u16),
    /// Answer to SUBSCRIBE.
    SubAck {
        /// Packet id.
        id: u16,
        /// Granted QoS, above 2 a refusal.
        code: u8,
    },
    /// Answer to UNSUBSCRIBE.
    UnsubAck(u16),
    /// Answer to PINGREQ.
    PingResp,
}

/// Why a packet cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// A type that a server does not send; the stream stays in step.
    UnexpectedType(u8),
    /// The packet breaks the protocol; nothing after it can be trusted.
    Malformed(&'static str),
}

/// Decodes a complete packet from its first byte and its body (what follows the remaining length).
pub fn decode(first: u8, body: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let (kind, flags) = (first >> 4, first & 0x0F);
    let expected_flags = if kind == 6 { 2 } else { 0 };
    match kind {
        3 => decode_publish(flags, body).map(Packet::Publish),
        2 | 4..=7 | 9 | 11 | 13 if flags != expected_flags => Err(DecodeError::Malformed("reserved flags")),
        2 => match body {
            &[present, code] => Ok(Packet::ConnAck { session_present: present & 1 == 1, code }),
            _ => Err(DecodeError::Malformed("CONNACK whose length is not 2")),
        },
        4 => {
            let (id, rest) = split_id(body)?;
            Ok(Packet::PubAck { id, reason: rest.first().copied().unwrap_or(0) })
        }
        5 => split_id(body).map(|(id, _)| Packet::PubRec(id)),
        6 => split_id(body).map(|(id, _)| Packet::PubRel(id)),
        7 => split_id(body).map(|(id, _)| Packet::PubComp(id)),
        9 => match split_id(body)? {
            (id, &[code]) => Ok(Packet::SubAck { id, code }),
            _ => Err(DecodeError::Malformed("SUBACK without exactly one return code")),
        },
        11 => split_id(body).map(|(id, _)| Packet::UnsubAck(id)),
        13 => Ok(Packet::PingResp),
        _ => Err(DecodeError::UnexpectedType(kind)),
    }
}

/// The packet id of a PUBLISH of which only the start is there; `None` while `start` is too short for it.
///
/// Serves messages that are too large to be received: they are acknowledged all the same.
pub fn publish_id(first: u8, start: &[u8]) -> Option<u16> {
    let qos = first >> 1 & 3;
    if qos == 0 {
        return Some(0);
    }
    let (&topic_len, rest) = start.split_first_chunk::<2>()?;
    let after_topic = rest.get(usize::from(u16::from_be_bytes(topic_len))..)?;
    after_topic.first_chunk::<2>().map(|id| u16::from_be_bytes(*id))
}

fn decode_publish(flags: u8, body: &[u8]) -> Result<Publish<'_>, DecodeError> {
    let qos = flags >> 1 & 3;
    let short = DecodeError::Malformed("PUBLISH shorter than its fields");
    let (&topic_len, rest) = body.split_first_chunk::<2>().ok_or(short)?;
    let (topic, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(topic_len))).ok_or(short)?;
    let (id, payload) = match qos {
        0 => (0, rest),
        1 | 2 => split_id(rest)?,
        _ => return Err(DecodeError::Malformed("PUBLISH with QoS 3")),
    };
    if !is_valid_text(topic) {
        return Err(DecodeError::Malformed("PUBLISH with an unusable topic"));
    }
    Ok(Publish { qos, dup: flags & 8 != 0, retain: flags & 1 != 0, topic, id, payload })
}

/// Splits off a packet id, which is never 0 [MQTT-2.3.1-1].
fn split_id(body: &[u8]) -> Result<(u16, &[u8]), DecodeError> {
    match body.split_first_chunk::<2>() {
        Some((id, rest)) if *id != [0, 0] => Ok((u16::from_be_bytes(*id), rest)),
        Some(_) => Err(DecodeError::Malformed("packet id 0")),
        None => Err(DecodeError::Malformed("packet without its packet id")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vector A of `auth.md` §6.
    #[test]
    fn connect_is_byte_exact() {
        let fields = ConnectFields {
            client_id: "ABCD1234EFdev_01",
            user_name: "ABCD1234EFdev_01;21010406;a1B2c;92233720368547758",
            password: Some("d4df6c60760815fc0ad5877f0982f2bf4267cfdf;hmacsha1"),
            keep_alive_s: 120,
            clean_session: true,
        };
        let expected = "10820100044d51545404c200780010414243443132333445466465765f303100\
                        31414243443132333445466465765f30313b32313031303430363b6131423263\
                        3b39323233333732303336383534373735380031643464663663363037363038\
                        313566633061643538373766303938326632626634323637636664663b686d61\
                        6373686131";
        assert_eq!(hex::encode(connect(&fields).unwrap()), expected);
    }

    #[test]
    fn connect_flags_follow_credential_and_session() {
        let packet = |password, clean_session| {
            let fields =
                ConnectFields { client_id: "c", user_name: "u", password, keep_alive_s: 0, clean_session };
            connect(&fields).unwrap()[9]
        };
        assert_eq!(packet(Some("p"), true), 0xC2);
        assert_eq!(packet(None, true), 0x82);
        assert_eq!(packet(Some("p"), false), 0xC0);
        assert_eq!(packet(None, false), 0x80);
    }

    #[test]
    fn fields_too_long_for_the_protocol_are_refused() {
        let long = "x".repeat(0x10000);
        let fields = ConnectFields {
            client_id: "c",
            user_name: &long,
            password: None,
            keep_alive_s: 0,
            clean_session: true,
        };
        assert_eq!(connect(&fields), Err(Error::Failure));
        assert_eq!(subscribe(1, &long, 0), Err(Error::MaxTopicLength));
        assert_eq!(unsubscribe(1, &long), Err(Error::MaxTopicLength));
        assert!(PublishFrame::new(long.as_bytes(), None, false, 0).is_none());
        assert!(PublishFrame::new(b"t", None, false, MAX_REMAINING_LENGTH).is_none());
    }

    #[test]
    fn subscribe_and_unsubscribe_carry_one_filter() {
        assert_eq!(subscribe(0x1234, "a/b", 1).unwrap(), b"\x82\x08\x12\x34\x00\x03a/b\x01");
        assert_eq!(unsubscribe(0x1234, "a/b").unwrap(), b"\xa2\x07\x12\x34\x00\x03a/b");
    }

    fn publish(topic: &[u8], id: Option<u16>, retain: bool, payload: &[u8]) -> Vec<u8> {
        let frame = PublishFrame::new(topic, id, retain, payload.len()).unwrap();
        [frame.head(), topic, frame.id(), payload].concat()
    }

    #[test]
    fn publish_is_minimal() {
        assert_eq!(publish(b"t", None, false, b"hi"), b"\x30\x05\x00\x01thi");
        assert_eq!(publish(b"t", Some(0x0a0b), true, b"hi"), b"\x33\x07\x00\x01t\x0a\x0bhi");
        assert_eq!(publish(b"t", None, false, b""), b"\x30\x03\x00\x01t");
        for (payload_len, header_len) in [(124, 2), (125, 3), (16_380, 3), (16_381, 4), (2_097_149, 5)] {
            let frame = PublishFrame::new(b"t", None, false, payload_len).unwrap();
            assert_eq!(frame.head().len(), header_len + 2, "{payload_len}");
        }
    }

    #[test]
    fn publish_survives_a_round_trip() {
        for id in [None, Some(1), Some(0xFFFF)] {
            for len in [0, 1, 127, 128, 20_000] {
                let payload = vec![7; len];
                let packet = publish("tö/pic".as_bytes(), id, true, &payload);
                let body = &packet[packet.len() - 2 - 7 - id.map_or(0, |_| 2) - len..];
                let decoded = decode(packet[0], body).unwrap();
                let expected = Publish {
                    qos: u8::from(id.is_some()),
                    dup: false,
                    retain: true,
                    topic: "tö/pic".as_bytes(),
                    id: id.unwrap_or(0),
                    payload: &payload,
                };
                assert_eq!(decoded, Packet::Publish(expected));
            }
        }
    }

    #[test]
    fn broken_packets_are_malformed() {
        let malformed: &[(u8, &[u8])] = &[
            (0x21, &[0, 0]),                   // CONNACK with flags
            (0x20, &[0]),                      // CONNACK too short
            (0x20, &[0, 0, 0]),                // CONNACK too long
            (0x40, &[0]),                      // PUBACK too short
            (0x40, &[0, 0]),                   // packet id 0
            (0x41, &[0, 1]),                   // PUBACK with flags
            (0x60, &[0, 1]),                   // PUBREL without its flags
            (0x90, &[0, 1]),                   // SUBACK without code
            (0x90, &[0, 1, 0, 0]),             // SUBACK for two filters
            (0xb0, &[1]),                      // UNSUBACK too short
            (0x30, &[]),                       // PUBLISH without topic length
            (0x30, &[0, 5, b't']),             // topic longer than the packet
            (0x30, &[0, 0]),                   // empty topic
            (0x30, &[0, 1, 0]),                // U+0000 in the topic
            (0x30, &[0, 1, 0xff]),             // topic not UTF-8
            (0x32, &[0, 1, b't']),             // QoS 1 without packet id
            (0x32, &[0, 1, b't', 0]),          // QoS 1 with half a packet id
            (0x32, &[0, 1, b't', 0, 0]),       // QoS 1 with packet id 0
            (0x36, &[0, 1, b't', 0, 1, b'x']), // QoS 3
        ];
        for &(first, body) in malformed {
            assert!(matches!(decode(first, body), Err(DecodeError::Malformed(_))), "{first:#x} {body:?}");
        }
    }

    #[test]
    fn types_a_server_does_not_send_are_told_apart() {
        for kind in [0u8, 1, 8, 10, 12, 14, 15] {
            assert_eq!(decode(kind << 4, &[]), Err(DecodeError::UnexpectedType(kind)));
        }
    }

    #[test]
    fn defect_07_qos1_publish_without_packet_id_is_malformed_not_huge() {
        // The original handed out a payload length near 2^64 here.
        assert!(matches!(decode(0x32, b"\x00\x01t"), Err(DecodeError::Malformed(_))));
        assert!(matches!(decode(0x32, b"\x00\x01t\x07"), Err(DecodeError::Malformed(_))));
    }

    #[test]
    fn id_of_an_incomplete_publish() {
        assert_eq!(publish_id(0x30, b""), Some(0));
        assert_eq!(publish_id(0x32, b"\x00\x01t\x12\x34payload"), Some(0x1234));
        for len in 0..5 {
            assert_eq!(publish_id(0x32, &b"\x00\x01t\x12\x34"[..len]), None);
        }
    }
}
