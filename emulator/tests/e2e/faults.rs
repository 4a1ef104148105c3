//! Faults on demand. [emulator.md §9]

use std::time::Instant;

use serde_json::{Value, json};

use crate::client::{
    Client, Connect, KEY_2, LAMP, LAMP_2, LAMP_KEY, UPGRADE, parts, puback, publish, subscribe, tcp,
};
use crate::hub::{Hub, hub};

const DATA: &str = "A1B2C3D4E5/lamp-01/data";
const DEVICE: &str = "A1B2C3D4E5/lamp-01";

fn lamp(hub: &Hub, listener: &str) -> Client {
    Client::connected(hub, listener, LAMP, LAMP_KEY)
}

fn ping(client: &mut Client) {
    client.send(&[0xc0, 0]);
    assert_eq!(client.packet(), [0xd0, 0]);
}

/// A connected client that subscribed its data topic, and one message sent to it.
fn receiver(hub: &Hub, listener: &str) -> Client {
    let mut client = lamp(hub, listener);
    client.send(&subscribe(1, DATA, 0));
    assert_eq!(client.packet(), [0x90, 3, 0, 1, 0]);
    hub.publish(DATA, "message", 0);
    client
}

#[test]
fn a_suback_120_ms_late_keeps_its_place() {
    let hub = hub();
    hub.fault(json!({"action": "delay", "packet": "suback", "ms": 120, "device": DEVICE}));
    let mut client = lamp(&hub, "ws");
    let before = Instant::now();
    client.send(&subscribe(1, DATA, 0));
    client.send(&[0xc0, 0]);
    assert_eq!(client.packet(), [0x90, 3, 0, 1, 0]);
    let time = before.elapsed().as_millis();
    assert!((115..2000).contains(&time), "{time} ms");
    assert_eq!(client.packet(), [0xd0, 0]);
    assert_eq!(hub.events("type=fault").len(), 1);
}

#[test]
fn drop_and_duplicate() {
    let hub = hub();
    let id = hub.fault(json!({"action": "drop", "packet": "puback", "direction": "out", "count": 1}));
    let mut client = lamp(&hub, "mqtt");
    client.send(&publish(DATA, b"x", Some(1)));
    client.send(&publish(DATA, b"x", Some(2)));
    assert_eq!(client.packet(), puback(2));
    assert_eq!(hub.get("/faults")["faults"][0]["applied"], 1);
    assert_eq!(hub.delete(&format!("/faults/{id}"))["cleared"], 1);
    hub.fault(json!({"action": "duplicate", "packet": "puback"}));
    client.send(&publish(DATA, b"x", Some(3)));
    assert_eq!((client.packet(), client.packet()), (puback(3), puback(3)));
    // Incoming: processed twice, or not at all.
    hub.delete("/faults");
    hub.fault(
        json!({"action": "duplicate", "packet": "publish", "direction": "in", "topic": "A1B2C3D4E5/+/data"}),
    );
    client.send(&publish(DATA, b"x", Some(4)));
    assert_eq!((client.packet(), client.packet()), (puback(4), puback(4)));
    hub.delete("/faults");
    hub.fault(json!({"action": "drop", "packet": "publish", "direction": "in"}));
    client.send(&publish(DATA, b"x", Some(5)));
    ping(&mut client);
}

#[test]
fn corrupt() {
    let hub = hub();
    hub.fault(json!({"action": "corrupt", "packet": "publish", "direction": "out"}));
    let mut client = receiver(&hub, "mqtt");
    let packet = client.packet();
    assert_eq!(packet.len(), 2 + 2 + DATA.len() + "message".len());
    assert_ne!(&packet[packet.len() - 7..], b"message");
}

#[test]
fn refuse() {
    let hub = hub();
    for code in 1..=5 {
        let id = hub.fault(json!({"action": "refuse", "packet": "connect", "code": code, "device": DEVICE}));
        let mut client = Client::open(&hub, "ws");
        client.send(&Connect::signed(LAMP, LAMP_KEY).bytes());
        assert_eq!(client.packet(), [0x20, 2, 0, code]);
        client.expect_close();
        hub.delete(&format!("/faults/{id}"));
    }
    hub.fault(json!({"action": "refuse", "packet": "subscribe", "topic": DATA}));
    let mut client = lamp(&hub, "mqtt");
    client.send(&subscribe(1, DATA, 0));
    assert_eq!(client.packet(), [0x90, 3, 0, 1, 0x80]);
    client.send(&subscribe(2, "A1B2C3D4E5/lamp-01/control", 0));
    assert_eq!(client.packet(), [0x90, 3, 0, 2, 0]);
}

#[test]
fn close_before_and_after_a_packet() {
    let hub = hub();
    for listener in ["mqtt", "wss"] {
        let before = hub.fault(json!({"action": "close", "packet": "puback", "when": "before"}));
        let mut client = lamp(&hub, listener);
        client.send(&publish(DATA, b"x", Some(1)));
        client.expect_close();
        hub.delete(&format!("/faults/{before}"));
        let after =
            hub.fault(json!({"action": "close", "packet": "publish", "direction": "in", "when": "after"}));
        let mut client = lamp(&hub, listener);
        client.send(&publish(DATA, b"x", Some(1)));
        assert_eq!(client.packet(), puback(1));
        client.expect_close();
        assert!(!client.frames.iter().any(|f| f.0 == 8), "a broken connection says no goodbye");
        hub.delete(&format!("/faults/{after}"));
    }
}

#[test]
fn close_at_once() {
    let hub = hub();
    hub.fault(json!({"action": "close", "listener": "ws"}));
    let mut client = Client::over(tcp(&hub, "ws"), true);
    assert_eq!(client.upgrade(UPGRADE), "");
    ping(&mut lamp(&hub, "mqtt"));
}

#[test]
fn half_close_ends_sending_but_not_reading() {
    let hub = hub();
    hub.fault(json!({"action": "half_close", "packet": "puback", "count": 1}));
    let mut client = lamp(&hub, "mqtt");
    client.send(&publish(DATA, b"x", Some(1)));
    assert_eq!(client.packet(), puback(1));
    client.expect_close();
    let since = hub.now();
    client.send(&publish(DATA, b"still read", None));
    let event = &hub.wait(&format!("since={since}&type=publish&dir=in"), 1)[0];
    assert_eq!(event["payload"], "still read");
}

#[test]
fn stall_stops_reading_until_cleared() {
    let hub = hub();
    let id = hub.fault(json!({"action": "stall", "packet": "publish", "direction": "in", "count": 1}));
    let mut client = lamp(&hub, "mqtt");
    client.send(&publish(DATA, b"x", Some(1)));
    assert_eq!(client.packet(), puback(1));
    hub.wait("type=fault", 1);
    let since = hub.now();
    client.send(&[0xc0, 0]);
    // Another client is not held up.
    ping(&mut Client::connected(&hub, "mqtt", LAMP_2, KEY_2));
    assert!(hub.events(&format!("since={since}&type=pingreq&device={DEVICE}")).is_empty());
    hub.delete(&format!("/faults/{id}"));
    assert_eq!(client.packet(), [0xd0, 0]);
}

#[test]
fn stall_for_a_time() {
    let hub = hub();
    hub.fault(json!({"action": "stall", "ms": 200, "device": DEVICE}));
    let mut client = lamp(&hub, "ws");
    let before = Instant::now();
    ping(&mut client);
    let time = before.elapsed().as_millis();
    assert!((150..3000).contains(&time), "{time} ms");
}

#[test]
fn every_byte_by_itself() {
    let hub = hub();
    for listener in ["mqtt", "mqtts", "ws", "wss"] {
        hub.fault(json!({"action": "fragment", "size": 1, "pause_ms": 1, "listener": listener}));
        let before = Instant::now();
        let mut client = receiver(&hub, listener);
        assert_eq!(parts(&client.packet()).2, "message");
        // CONNACK, SUBACK and PUBLISH have 43 bytes.
        assert!(before.elapsed().as_millis() >= 43, "{listener}: {:?}", before.elapsed());
        hub.delete("/faults");
    }
}

#[test]
fn pieces_arrive_one_by_one() {
    let hub = hub();
    hub.fault(
        json!({"action": "fragment", "size": 3, "pause_ms": 30, "packet": "publish", "direction": "out"}),
    );
    let mut client = receiver(&hub, "mqtt");
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 34 {
        let mut buffer = [0; 64];
        sizes.push(client.io.read(&mut buffer).unwrap());
    }
    assert!(sizes.iter().all(|n| *n <= 3) && sizes.len() == 12, "{sizes:?}");
}

#[test]
fn no_pingresp() {
    let hub = hub();
    hub.fault(json!({"action": "no_pingresp", "device": DEVICE}));
    let mut client = lamp(&hub, "mqtt");
    client.send(&[0xc0, 0]);
    client.send(&publish(DATA, b"x", Some(1)));
    assert_eq!(client.packet(), puback(1));
    ping(&mut Client::connected(&hub, "mqtt", LAMP_2, KEY_2));
}

#[test]
fn websocket_close_frame() {
    let hub = hub();
    hub.fault(json!({"action": "ws_close", "packet": "puback", "code": 1012, "payload": "restart", "when": "before"}));
    let mut client = lamp(&hub, "ws");
    client.send(&publish(DATA, b"x", Some(1)));
    let (opcode, payload) = client.control();
    assert_eq!((opcode, payload.as_slice()), (8, &b"\x03\xf4restart"[..]));
    client.send_frame(0x88, &1012_u16.to_be_bytes());
    client.expect_close();
}

#[test]
fn websocket_text_and_pieces() {
    let hub = hub();
    hub.fault(json!({"action": "ws_text", "packet": "publish", "direction": "out"}));
    let mut client = receiver(&hub, "ws");
    client.packet();
    assert_eq!(client.frames.last().unwrap().0, 1);
    hub.delete("/faults");

    hub.fault(json!({"action": "ws_split", "size": 5, "packet": "publish", "direction": "out"}));
    hub.publish(DATA, "message", 0);
    client.frames.clear();
    assert_eq!(parts(&client.packet()).2, "message");
    let kinds: Vec<_> = client.frames.drain(..).map(|f| (f.0, f.1, f.2.len())).collect();
    assert_eq!(kinds, [[(2, true, 5); 6].as_slice(), &[(2, true, 4)]].concat());
    hub.delete("/faults");

    hub.fault(json!({"action": "ws_split", "size": 20, "pieces": "continuation", "packet": "publish", "direction": "out"}));
    hub.publish(DATA, "message", 0);
    assert_eq!(parts(&client.packet()).2, "message");
    let kinds: Vec<_> = client.frames.drain(..).map(|f| (f.0, f.1)).collect();
    assert_eq!(kinds, [(2, false), (0, true)]);
}

#[test]
fn websocket_pings_and_how_late_their_pongs_are() {
    let hub = hub();
    for selector in [json!({}), json!({"device": DEVICE})] {
        let mut spec = json!({"action": "ws_ping", "every_ms": 20, "payload": "are you there? "});
        spec.as_object_mut().unwrap().extend(selector.as_object().unwrap().clone());
        hub.fault(spec);
        let since = hub.now();
        let mut client = lamp(&hub, "ws");
        for _ in 0..3 {
            let (opcode, payload) = client.control();
            assert_eq!(opcode, 9);
            client.send_frame(0x8a, &payload);
        }
        let pongs = hub.wait(&format!("since={since}&type=pong"), 3);
        for (n, pong) in pongs.iter().enumerate() {
            assert_eq!(pong["payload"], format!("are you there? {}", n + 1));
            assert_eq!(pong["matched"], true);
            assert!(pong["latency_ms"].as_f64().unwrap() < 1000.0);
        }
        hub.delete("/faults");
    }
}

#[test]
fn handshake() {
    let hub = hub();
    let answer = |spec: Value| {
        let id = hub.fault(spec);
        let head = Client::over(tcp(&hub, "ws"), true).upgrade(UPGRADE);
        hub.delete(&format!("/faults/{id}"));
        head
    };
    for status in [200, 403, 404, 500, 503] {
        let head = answer(json!({"action": "handshake", "status": status}));
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")) && head.contains("\r\nContent-Length: "),
            "{head}"
        );
    }
    let none = answer(json!({"action": "handshake", "accept": "none"}));
    assert!(none.starts_with("HTTP/1.1 101 ") && !none.contains("Accept"), "{none}");
    let wrong = answer(json!({"action": "handshake", "accept": "wrong"}));
    assert!(
        wrong.contains("Sec-WebSocket-Accept: ") && !wrong.contains("SKslZF78GCkIO8xvldi3U6oimZ4="),
        "{wrong}"
    );
    let raw = answer(json!({"action": "handshake", "response": "HTTP/1.0 101 Old\r\n\r\n"}));
    assert_eq!(raw, "HTTP/1.0 101 Old\r\n\r\n");
}

#[test]
fn a_wrong_fault_is_refused_with_the_reason() {
    let hub = hub();
    for (spec, reason) in [
        (json!({"action": "explode"}), "explode"),
        (json!({"action": "delay", "packet": "suback"}), "ms"),
        (json!({"action": "drop", "colour": "red"}), "colour"),
    ] {
        let answer = hub.post("/faults", spec);
        assert_eq!(answer["ok"], false);
        assert!(answer["error"].as_str().unwrap().contains(reason), "{answer}");
    }
    assert_eq!(hub.delete("/faults/99")["ok"], false);
}
