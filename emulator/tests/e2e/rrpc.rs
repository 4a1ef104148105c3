//! Synchronous calls of a device. [rrpc.md §§7, 8]

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use crate::client::{Client, KEY_2, LAMP, LAMP_2, LAMP_KEY, parts, publish, subscribe};
use crate::hub::{Hub, hub, hub_with};

const DEVICE: &str = "A1B2C3D4E5/lamp-01";

/// A hub that waits longer than any machine is slow.
fn patient_hub() -> Hub {
    hub_with("[options]\nrrpc_timeout_ms = 30000\n")
}

fn lamp(hub: &Hub) -> Client {
    let mut client = Client::connected(hub, "mqtt", LAMP, LAMP_KEY);
    client.send(&subscribe(1, "$rrpc/rxd/A1B2C3D4E5/lamp-01/+", 0));
    assert_eq!(client.packet(), [0x90, 3, 0, 1, 0]);
    client
}

fn call(hub: &Hub, payload: &str) -> Value {
    hub.post("/rrpc", json!({"device": DEVICE, "payload": payload}))
}

/// The next call: its id and payload.
fn take(client: &mut Client) -> (String, String) {
    let (topic, id, payload) = parts(&client.packet());
    assert_eq!(id, None, "calls have QoS 0");
    (topic.strip_prefix("$rrpc/rxd/A1B2C3D4E5/lamp-01/").unwrap().to_owned(), payload)
}

fn reply(client: &mut Client, id: &str, payload: &[u8]) {
    client.send(&publish(&format!("$rrpc/txd/A1B2C3D4E5/lamp-01/{id}"), payload, None));
}

#[test]
fn a_call_and_its_reply() {
    let hub = patient_hub();
    let mut client = lamp(&hub);
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| call(&hub, "reboot"));
        assert_eq!(take(&mut client), ("1".into(), "reboot".into()));
        reply(&mut client, "1", b"ok \xff/");
        let answer = calling.join().unwrap();
        assert_eq!((&answer["ok"], &answer["id"]), (&json!(true), &json!("1")));
        assert_eq!(answer["payload_base64"], "b2sg/y8=");
        // The same from the command line; ids count on.
        let calling = scope.spawn(|| hub.ctl(&["rrpc", DEVICE, "again", "--timeout", "10"]));
        assert_eq!(take(&mut client), ("2".into(), "again".into()));
        reply(&mut client, "2", b"");
        let answer: Value = serde_json::from_slice(&calling.join().unwrap().stdout).unwrap();
        assert_eq!(
            answer,
            json!({"ok": true, "id": "2", "payload": "", "payload_base64": "", "warning": null})
        );
    });
}

#[test]
fn several_calls_at_once_answered_in_another_order() {
    let hub = Arc::new(patient_hub());
    let mut client = lamp(&hub);
    let callers: Vec<_> = (0..20)
        .map(|n| {
            let hub = hub.clone();
            std::thread::spawn(move || (n, call(&hub, &n.to_string())))
        })
        .collect();
    let mut taken: Vec<_> = (0..20).map(|_| take(&mut client)).collect();
    taken.reverse();
    for (id, payload) in &taken {
        reply(&mut client, id, format!("reply to {payload}").as_bytes());
    }
    for caller in callers {
        let (n, answer) = caller.join().unwrap();
        assert_eq!(answer["payload"], format!("reply to {n}"));
    }
}

#[test]
fn who_cannot_be_called_is_told_at_once() {
    let hub = hub();
    let before = Instant::now();
    let error = |answer: Value| answer["error"].as_str().unwrap().to_owned();
    assert!(error(call(&hub, "x")).contains("offline"));
    let _client = Client::connected(&hub, "mqtt", LAMP, LAMP_KEY);
    assert!(error(call(&hub, "x")).contains("did not subscribe"));
    assert!(before.elapsed().as_millis() < 4000);
    for device in ["A1B2C3D4E5/nobody", "nonsense", ""] {
        assert_eq!(hub.post("/rrpc", json!({"device": device, "payload": "x"}))["ok"], false);
    }
    assert_eq!(hub.ctl(&["rrpc", DEVICE, "x"]).status.code(), Some(1));
    assert_eq!(hub.ctl(&["rrpc", DEVICE, "x", "--timeout", "-1"]).status.code(), Some(2));
}

#[test]
fn no_reply_in_time_and_a_late_one() {
    let hub = hub_with("[options]\nrrpc_timeout_ms = 200\n");
    let mut client = lamp(&hub);
    let before = Instant::now();
    let answer = call(&hub, "x");
    assert!(answer["error"].as_str().unwrap().contains("no reply within 200 ms"), "{answer}");
    assert!(before.elapsed().as_millis() >= 200);
    let since = hub.now();
    let (id, _) = take(&mut client);
    for id in [&id, "77", "", "seventeen-letters"] {
        reply(&mut client, id, b"late");
    }
    let events = hub.wait(&format!("since={since}&type=handler"), 4);
    assert!(
        events.iter().all(|e| e["result"].as_str().unwrap().starts_with("late or unknown")),
        "{events:?}"
    );
}

#[test]
fn another_device_cannot_answer_and_nobody_hears_the_reply() {
    let hub = patient_hub();
    let mut client = lamp(&hub);
    let mut other = Client::connected(&hub, "mqtt", LAMP_2, KEY_2);
    for filter in ["$rrpc/txd/A1B2C3D4E5/lamp-02/+", "$rrpc/rxd/A1B2C3D4E5/lamp-02/#"] {
        other.send(&subscribe(1, filter, 0));
        assert_eq!(other.packet(), [0x90, 3, 0, 1, 0x80]);
    }
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| call(&hub, "x"));
        let (id, _) = take(&mut client);
        // On its own topic with the id of the other's call.
        other.send(&publish(&format!("$rrpc/txd/A1B2C3D4E5/lamp-02/{id}"), b"forged", None));
        other.send(&publish(&format!("$rrpc/txd/A1B2C3D4E5/lamp-01/{id}"), b"forged", None));
        other.send(&[0xc0, 0]);
        assert_eq!(other.packet(), [0xd0, 0]);
        reply(&mut client, &id, b"true");
        assert_eq!(calling.join().unwrap()["payload"], "true");
    });
}
