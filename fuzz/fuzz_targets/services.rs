//! What the platform sends to the services of a client: shadow, gateway, broadcast, RRPC, remote configuration, time.
//!
//! Input: a byte of options, the size of pieces, then lines: the first byte names a service, the rest is a message. All of
//! it goes through the C interface, above a model port whose server is obedient otherwise. No byte is written behind a
//! variable or a buffer of the application, values agree with another JSON parser, what the client answers is JSON, and
//! afterwards it is as alive as before.
#![no_main]

mod ffi {
    pub mod services;
}

use ffi::services::{Gateway, Shadow, Variable, deltas, told};
use fuzz_support::broker::{self, Broker};
use fuzz_support::port;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::cell::RefCell;
use std::ffi::{CStr, CString};
use std::rc::Rc;

const PATH: &str = "A1B2C3D4E5/lamp-01";
/// Messages above this are no longer interesting, and lists above it slow.
const MAX_LINES: usize = 24;

/// The server sends a message in pieces of this size.
fn send(topic: &str, payload: &[u8], size: usize) {
    port::send(broker::publish(topic, payload).chunks(size).map(<[u8]>::to_vec));
}

/// Whole numbers by kind: size, least, greatest.
const INTEGERS: [(&CStr, u32, usize, i64, i64); 6] = [
    (c"i32", 0, 4, i32::MIN as i64, i32::MAX as i64),
    (c"i16", 1, 2, i16::MIN as i64, i16::MAX as i64),
    (c"i8", 2, 1, i8::MIN as i64, i8::MAX as i64),
    (c"u32", 3, 4, 0, u32::MAX as i64),
    (c"u16", 4, 2, 0, u16::MAX as i64),
    (c"u8", 5, 1, 0, u8::MAX as i64),
];
const OTHERS: [(&CStr, u32, usize); 5] =
    [(c"f", 6, 4), (c"d", 7, 8), (c"b", 8, 1), (c"s", 9, 8), (c"o.x", 10, 8)];

fn number(data: &[u8], is_signed: bool) -> i64 {
    let mut bytes = [if is_signed && data[data.len() - 1] & 0x80 != 0 { 0xFF } else { 0 }; 8];
    bytes[..data.len()].copy_from_slice(data);
    i64::from_le_bytes(bytes)
}

/// The integers of a delta as another parser sees them, compared with the variables.
fn check_delta(message: &[u8], variables: &[Variable]) {
    let Ok(document) = serde_json::from_slice::<Value>(message) else { return };
    // Of equal names the first counts here, the last there.
    let is_unique = |name: &str| {
        let quoted = format!("\"{name}\"");
        message.windows(quoted.len()).filter(|window| *window == quoted.as_bytes()).count() == 1
    };
    let brackets = message.iter().filter(|b| matches!(b, b'{' | b'[')).count();
    let is_simple =
        ["type", "payload", "state"].into_iter().all(is_unique) && brackets < 60 && !message.contains(&0);
    if !is_simple || document["type"] != "delta" || message.contains(&b'\\') {
        return;
    }
    for ((key, _, _, least, greatest), variable) in INTEGERS.iter().zip(variables) {
        let key = key.to_str().expect("ASCII");
        if let Some(wanted) = document["payload"]["state"][key].as_i64().filter(|_| is_unique(key)) {
            assert_eq!(number(&variable.data, *least < 0), wanted.clamp(*least, *greatest), "{key}");
        }
    }
}

fn check_shadow(lines: &[&[u8]], flavour: u32, size: usize) {
    let name = if flavour == 0 { "shadow" } else { "template" };
    let topic = format!("${name}/operation/result/{PATH}");
    let integers = INTEGERS.iter().map(|(key, kind, size, ..)| (*key, *kind, *size));
    let variables = integers.chain(OTHERS).map(|(key, kind, size)| Variable::new(key, kind, size)).collect();
    let mut shadow = Shadow::open(flavour, variables);
    told();
    // Tokens count from A1B2C3D4E5-0; a message may answer any of them.
    let requests = 4;
    for _ in 0..requests {
        assert_eq!(shadow.get(3000), 0);
    }
    for line in lines {
        for variable in &mut shadow.variables {
            variable.data.fill(0);
        }
        send(&topic, line, size);
        shadow.run(10);
        assert!(port::is_read() && shadow.is_connected());
        check_delta(line, &shadow.variables);
    }
    assert!(deltas() <= lines.len() * shadow.variables.len());
    shadow.run(4000);
    assert_eq!(told().ends.len(), requests, "each request ends once");
    send(&topic, br#"{"type":"delta","payload":{"state":{"i32":-7}}}"#, size);
    shadow.run(10);
    assert_eq!(number(&shadow.variables[0].data, true), -7);
    assert_eq!(shadow.close(), 0);
}

/// A gateway with all other services, and the platform's side of them.
struct Application {
    gateway: Gateway,
    broker: Rc<RefCell<Broker>>,
    size: usize,
}

impl Application {
    /// The server sends a message; everything the client publishes on it.
    fn receive(&self, topic: &str, payload: &[u8]) -> Vec<(String, Vec<u8>)> {
        self.broker.borrow_mut().published.clear();
        told();
        send(topic, payload, self.size);
        self.gateway.run(10);
        assert!(port::is_read());
        std::mem::take(&mut self.broker.borrow_mut().published)
    }

    /// The next request to a service is answered like this.
    fn answer(&self, service: &str, payload: &[u8]) {
        let topics = (format!("${service}/operation/{PATH}"), format!("${service}/operation/result/{PATH}"));
        let mut broker = self.broker.borrow_mut();
        broker.answers.clear();
        broker.answers.push_back((topics.0, topics.1, payload.to_vec()));
    }

    fn check_broadcast(&self, payload: &[u8]) {
        self.receive(&format!("$broadcast/rxd/{PATH}"), payload);
        assert_eq!(told().texts, [payload]);
    }

    /// The id is what stands before the first blank.
    fn check_rrpc(&self, line: &[u8]) {
        let (id, payload) = line.split_at(line.iter().position(|b| *b == b' ').unwrap_or(line.len()));
        let Ok(id) = std::str::from_utf8(id) else { return };
        if id.contains(['\0', '/', '+', '#']) || id.is_empty() {
            return;
        }
        let published = self.receive(&format!("$rrpc/rxd/{PATH}/{id}"), payload);
        if id.len() <= 16 {
            let told = told();
            assert_eq!((told.texts.as_slice(), told.ends.as_slice()), (&[payload.to_vec()][..], &[0][..]));
            assert_eq!(published, [(format!("$rrpc/txd/{PATH}/{id}"), b"{\"ok\":1}".to_vec())]);
        } else {
            assert!(told().texts.is_empty() && published.is_empty());
        }
    }

    /// Pushed, and as an answer, into a buffer of the size that the first byte says.
    fn check_config(&self, line: &[u8]) {
        let (room, message) =
            line.split_first().map_or((0, line), |(first, rest)| (usize::from(*first), rest));
        let topic = format!("$config/operation/result/{PATH}");
        let c_topic = CString::new(topic.as_str()).expect("no NUL");
        self.gateway.with_configuration(room, &c_topic, |get| {
            told();
            self.answer("config", message);
            let code = get();
            let texts = told().texts;
            assert!(texts.len() <= 1 && (code == 0) <= (texts.len() == 1));
            if let (Some(text), Ok(document)) = (texts.first(), serde_json::from_slice::<Value>(message)) {
                assert!(text.len() < room);
                let payload = b"\"payload\"";
                let is_unique =
                    message.windows(payload.len()).filter(|window| window == payload).count() == 1;
                if is_unique && !message.contains(&0) && document["payload"].is_object() {
                    assert_eq!(serde_json::from_slice::<Value>(text).expect("JSON"), document["payload"]);
                }
            }
            self.receive(&topic, message);
            assert!(told().texts.len() <= 1);
        });
    }

    fn check_time(&self, line: &[u8]) {
        self.answer("sys", line);
        let (code, seconds) = self.gateway.time();
        let is_one = line.windows(6).filter(|window| window == b"\"time\"").count() == 1;
        if let (0, true, Ok(document)) = (code, is_one, serde_json::from_slice::<Value>(line))
            && let Some(time) = document["time"].as_i64()
        {
            assert_eq!(seconds, time);
        }
        assert!(code == 0 || seconds == 0, "no time without an answer");
        self.receive(&format!("$sys/operation/result/{PATH}"), line);
    }

    fn check_gateway(&self, line: &[u8]) {
        for (topic, payload) in self.receive(&format!("$gateway/operation/result/{PATH}"), line) {
            assert_eq!(topic, format!("$gateway/operation/{PATH}"));
            let text = std::str::from_utf8(&payload).expect("an acknowledgement is UTF-8");
            serde_json::from_str::<Value>(text).expect("an acknowledgement is JSON");
        }
        self.answer("gateway", line);
        self.gateway.set_online(true);
        self.answer("gateway", line);
        self.gateway.set_online(false);
        self.answer("gateway", line);
        self.gateway.list();
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(([options, size], text)) = data.split_first_chunk::<2>() else { return };
    let (is_minimal, flavour) = (options & 1 == 1, u32::from(options >> 1 & 1));
    let size = if *size == 0 { usize::MAX } else { usize::from(*size) };
    let lines: Vec<&[u8]> = text.split(|b| *b == b'\n').take(MAX_LINES).collect();
    let shadow_lines: Vec<&[u8]> = lines.iter().filter_map(|line| line.strip_prefix(b"s")).collect();
    if !shadow_lines.is_empty() {
        port::start(broker::new().0, is_minimal);
        check_shadow(&shadow_lines, flavour, size);
    }
    if shadow_lines.len() == lines.len() {
        return;
    }
    let (server, broker) = broker::new();
    port::start(server, is_minimal);
    let application = Application { gateway: Gateway::open(), broker, size };
    for line in lines {
        match line.split_first() {
            Some((b'b', message)) => application.check_broadcast(message),
            Some((b'r', message)) => application.check_rrpc(message),
            Some((b'c', message)) => application.check_config(message),
            Some((b'y', message)) => application.check_time(message),
            Some((b'g', message)) => application.check_gateway(message),
            _ => {}
        }
    }
    application.check_broadcast(b"alive");
    assert_eq!(application.gateway.close(), 0);
});
