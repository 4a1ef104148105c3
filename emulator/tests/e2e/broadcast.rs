//! Broadcast. [broadcast.md §§5, 6]

use serde_json::{Value, json};

use crate::client::{Client, Connect, KEY_2, LAMP, LAMP_2, LAMP_KEY, parts, puback, subscribe};
use crate::hub::{Hub, hub};

fn lamp(hub: &Hub, client_id: &str, key: &str, qos: Option<u8>) -> Client {
    let mut client = Client::connected(hub, "mqtt", client_id, key);
    if let Some(qos) = qos {
        client.send(&subscribe(1, &topic(client_id), qos));
        assert_eq!(client.packet(), [0x90, 3, 0, 1, qos]);
    }
    client
}

fn topic(client_id: &str) -> String {
    format!("$broadcast/rxd/A1B2C3D4E5/{}", &client_id[10..])
}

fn send(hub: &Hub, payload: &str, qos: u8) -> Value {
    hub.post("/broadcast", json!({"product": "A1B2C3D4E5", "payload": payload, "qos": qos}))
}

fn expect_silence(client: &mut Client) {
    client.send(&[0xc0, 0]);
    assert_eq!(client.packet(), [0xd0, 0]);
}

#[test]
fn every_device_gets_it_on_its_own_topic() {
    let hub = hub();
    let mut first = lamp(&hub, LAMP, LAMP_KEY, Some(1));
    let mut second = lamp(&hub, LAMP_2, KEY_2, Some(0));
    let mut other_product =
        Client::connected(&hub, "mqtt", "7CN3UQ4VGTtest1", "c3VwZXItc2VjcmV0LWtleS0wMQ==");
    other_product.send(&subscribe(1, "$broadcast/rxd/7CN3UQ4VGT/test1", 1));
    other_product.packet();
    assert_eq!(send(&hub, "hello", 1), json!({"ok": true, "delivered": 2, "warning": null}));
    // Granted QoS is the upper limit.
    let (name, id, payload) = parts(&first.packet());
    assert_eq!((name, payload.as_str()), (topic(LAMP), "hello"));
    first.send(&puback(id.unwrap()));
    assert_eq!(parts(&second.packet()), (topic(LAMP_2), None, "hello".into()));
    assert_eq!(send(&hub, "", 0)["delivered"], 2);
    assert_eq!(parts(&first.packet()), (topic(LAMP), None, String::new()));
    assert_eq!(parts(&second.packet()), (topic(LAMP_2), None, String::new()));
    expect_silence(&mut other_product);
}

#[test]
fn not_to_who_has_not_subscribed_and_not_to_who_is_offline() {
    let hub = hub();
    let mut silent = lamp(&hub, LAMP_2, KEY_2, None);
    let mut client = Client::open(&hub, "mqtt");
    let connect = Connect { clean: false, ..Connect::signed(LAMP, LAMP_KEY) };
    client.send(&connect.bytes());
    assert_eq!(client.packet(), [0x20, 2, 0, 0]);
    client.send(&subscribe(1, &topic(LAMP), 1));
    assert_eq!(client.packet(), [0x90, 3, 0, 1, 1]);
    assert_eq!(send(&hub, "x", 1)["delivered"], 1);
    let (_, id, _) = parts(&client.packet());
    client.send(&puback(id.unwrap()));
    expect_silence(&mut client);
    drop(client);
    hub.wait("type=disconnect&dir=none", 1);
    assert_eq!(send(&hub, "nobody is there", 1)["delivered"], 0);
    let mut client = Client::open(&hub, "mqtt");
    client.send(&connect.bytes());
    assert_eq!(client.packet(), [0x20, 2, 1, 0]);
    expect_silence(&mut client);
    expect_silence(&mut silent);
    // Only the device's own topic can be subscribed.
    client.send(&subscribe(2, &topic(LAMP_2), 1));
    assert_eq!(client.packet(), [0x90, 3, 0, 2, 0x80]);
}

#[test]
fn from_the_command_line_with_any_bytes_and_warnings() {
    let hub = hub();
    let mut client = lamp(&hub, LAMP, LAMP_KEY, Some(0));
    let ctl = |words: &[&str]| -> Value {
        let output = hub.ctl(&[&["broadcast"], words].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    let file = hub.dir.path().join("payload");
    std::fs::write(&file, [0, 0xff, b'x', 0]).unwrap();
    let at_file = format!("@{}", file.display());
    assert_eq!(ctl(&["A1B2C3D4E5", &at_file, "--qos", "1"])["delivered"], 1);
    assert!(client.packet().ends_with(&[0, 0xff, b'x', 0]));
    let warning = |size: usize| send(&hub, &"x".repeat(size), 0)["warning"].clone();
    assert!(warning(2000).is_null());
    assert!(warning(2048).as_str().unwrap().contains("2048"));
    assert!(warning(8193).as_str().unwrap().contains("8192"));
    assert_eq!(send(&hub, &"x".repeat(16385), 0)["ok"], false);
    assert!(ctl(&["NOSUCHPROD", "x"])["error"].as_str().unwrap().contains("not registered"));
    assert_eq!(ctl(&["A1B2C3D4E5", "x", "--qos", "2"])["ok"], false);
}
