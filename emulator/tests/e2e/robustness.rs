//! Any input, many clients, slow clients, signals, bad set-ups. [emulator.md §10]

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{
    Client, Connect, GATEWAY, KEY_2, LAMP, LAMP_2, LAMP_KEY, parts, puback, publish, subscribe, tcp,
};
use crate::hub::{REGISTRY, command, finish, hub, hub_with, start};

/// A small generator: the same seed gives the same bytes.
struct Dice(u64);

impl Dice {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 32) as u8).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0
    }
}

// covers: Hub / malformed input on every port | tcp, tls, ws, wss | 440
#[test]
fn nonsense_on_every_port() {
    let hub = hub();
    let mut dice = Dice(1);
    for listener in ["mqtt", "mqtts", "ws", "wss", "admin"] {
        for _ in 0..40 {
            let mut io = tcp(&hub, listener);
            let count = (dice.next() >> 40) as usize % 600;
            // The hub may close before everything is written.
            let _ = io.write_all(&dice.bytes(count));
        }
    }
    // Behind a good beginning.
    for listener in ["mqtt", "ws"] {
        for _ in 0..60 {
            let mut client = Client::connected(&hub, listener, LAMP, LAMP_KEY);
            let _ = client.io.write_all(&dice.bytes(200));
        }
    }
    // Good packets with one byte changed.
    for listener in ["mqtt", "wss"] {
        for n in 0..60 {
            let mut client = Client::connected(&hub, listener, LAMP, LAMP_KEY);
            let good = match n % 3 {
                0 => subscribe(1, "A1B2C3D4E5/lamp-01/data", 1),
                1 => publish("A1B2C3D4E5/lamp-01/data", b"payload", Some(3)),
                _ => Connect::signed(LAMP, LAMP_KEY).bytes(),
            };
            let mut bad = good.clone();
            let at = (dice.next() >> 33) as usize % bad.len();
            bad[at] ^= 1 << (dice.next() >> 61);
            client.send(&bad);
        }
    }
    let mut client = Client::connected(&hub, "wss", LAMP, LAMP_KEY);
    client.send(&[0xc0, 0]);
    assert_eq!(client.packet(), [0xd0, 0]);
    assert_eq!(hub.get("/status")["ok"], true);
}

// covers: Hub / clients at the same time | tcp, tls, ws, wss | 1,000
#[test]
fn a_thousand_connections() {
    let devices: String = (0..1000)
        .map(|n| format!("[[device]]\nproduct = \"A1B2C3D4E5\"\nname = \"d{n}\"\nsecret = \"{KEY_2}\"\n"))
        .collect();
    let hub = start(&format!(
        "[server]\nports = {{ mqtt = 0, mqtts = 0, ws = 0, wss = 0, admin = 0 }}\n[[product]]\nid = \"A1B2C3D4E5\"\n{devices}"
    ));
    // This side needs as many descriptors.
    rlimit::increase_nofile_limit(4096).unwrap();
    let mut clients: Vec<_> = (0..1000)
        .map(|n| {
            let listener = ["mqtt", "mqtts", "ws", "wss"][n % 4];
            Client::connected(&hub, listener, &format!("A1B2C3D4E5d{n}"), KEY_2)
        })
        .collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&subscribe(1, &format!("A1B2C3D4E5/d{n}/data"), 0));
    }
    for client in &mut clients {
        assert_eq!(client.packet(), [0x90, 3, 0, 1, 0]);
    }
    let online =
        hub.get("/devices")["devices"].as_array().unwrap().iter().filter(|d| d["online"] == true).count();
    assert_eq!(online, 1000);
    assert_eq!(hub.publish("A1B2C3D4E5/d999/data", "last", 0)["delivered"], 1);
    assert!(clients[999].packet().ends_with(b"last"));
    // Services with as many at a time: each updates its shadow, all hear a broadcast.
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&subscribe(2, &format!("$broadcast/rxd/A1B2C3D4E5/d{n}"), 1));
        client.send(&subscribe(3, &format!("$shadow/operation/result/A1B2C3D4E5/d{n}"), 0));
        let update = format!(r#"{{"type":"update","state":{{"reported":{{"n":{n}}}}},"clientToken":"{n}"}}"#);
        client.send(&publish(&format!("$shadow/operation/A1B2C3D4E5/d{n}"), update.as_bytes(), None));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.packet(), [0x90, 3, 0, 2, 1]);
        assert_eq!(client.packet(), [0x90, 3, 0, 3, 0]);
        let (_, _, answer) = parts(&client.packet());
        assert!(answer.contains(&format!(r#""reported":{{"n":{n}}}"#)), "{answer}");
    }
    let sent = hub.post("/broadcast", json!({"product": "A1B2C3D4E5", "payload": "all", "qos": 1}));
    assert_eq!(sent["delivered"], 1000);
    for client in &mut clients {
        let (_, id, payload) = parts(&client.packet());
        assert_eq!(payload, "all");
        client.send(&puback(id.unwrap()));
    }
}

// covers: Hub / malformed requests for every service | - | each service
#[test]
fn nonsense_for_every_service() {
    let hub = hub_with("[options]\nacl_config_report = true\n");
    let mut dice = Dice(2);
    let good = [
        r#"{"type":"update","state":{"reported":{"a":{"b":[1,null]}},"desired":null},"version":1,"overwriteUpdate":true,"clientToken":"t"}"#,
        r#"{"type":"bind","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","signature":"AA==","random":1,"timestamp":2,"signmethod":"hmacsha1","authtype":"psk"}]}}"#,
        r#"{"type":"get","resource":["time"],"clientToken":"t"}"#,
        r#"{"type":"unbind_all","payload":{"result":0}}"#,
    ];
    let topics = [
        "$shadow/operation",
        "$template/operation",
        "$gateway/operation",
        "$config/operation",
        "$config/report",
        "$sys/operation",
        "$rrpc/txd",
        "$ota/report",
        "$resource/up/service",
    ];
    let mut client = Client::connected(&hub, "mqtt", GATEWAY, KEY_2);
    for round in 0..60 {
        for topic in topics {
            let end = if topic == "$rrpc/txd" { "/1" } else { "" };
            let topic = format!("{topic}/A1B2C3D4E6/gw{end}");
            let mut text = good[round % good.len()].as_bytes().to_vec();
            for _ in 0..dice.next() >> 62 {
                let at = (dice.next() >> 33) as usize % text.len();
                text[at] ^= 1 << (dice.next() >> 61);
            }
            text.truncate((dice.next() >> 40) as usize % (text.len() + 20));
            client.send(&publish(&topic, &text, None));
            let count = (dice.next() >> 40) as usize % 40;
            client.send(&publish(&topic, &dice.bytes(count), None));
        }
        client.send(&[0xc0, 0]);
        assert_eq!(client.packet(), [0xd0, 0]);
    }
    for (text, depth) in [("[", 100_000), (r#"{"a":"#, 3000)] {
        let deep = text.repeat(depth);
        for topic in topics {
            let end = if topic == "$rrpc/txd" { "/1" } else { "" };
            let deep = &deep.as_bytes()[..deep.len().min(16384)];
            client.send(&publish(&format!("{topic}/A1B2C3D4E6/gw{end}"), deep, None));
        }
    }
    client.send(&[0xc0, 0]);
    assert_eq!(client.packet(), [0xd0, 0]);
    // And the console.
    for path in [
        "/shadow/A1B2C3D4E5/lamp-01/desired",
        "/rrpc",
        "/broadcast",
        "/config/A1B2C3D4E5",
        "/gateway/A1B2C3D4E6/gw/bind",
        "/gateway/A1B2C3D4E6/gw/search",
    ] {
        for body in [json!(null), json!(5), json!({}), json!({"nonsense": 1}), json!({"devices": ["x"]})] {
            assert_eq!(hub.post(path, body)["ok"], false, "{path}");
        }
    }
}

// covers: Hub / slow reader | tcp, tls, ws, wss | 4
#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_is_closed() {
    for listener in ["mqtt", "mqtts", "ws", "wss"] {
        deaf_client_is_closed(listener);
    }
}

fn deaf_client_is_closed(listener: &str) {
    let hub = hub();
    let mut deaf = Client::connected(&hub, listener, LAMP, LAMP_KEY);
    deaf.send(&subscribe(1, "A1B2C3D4E5/lamp-01/data", 0));
    assert_eq!(deaf.packet(), [0x90, 3, 0, 1, 0]);
    let payload = "x".repeat(16384);
    let mut other = Client::connected(&hub, "mqtt", LAMP_2, KEY_2);
    let mut closed = false;
    for n in 0..4000 {
        hub.publish("A1B2C3D4E5/lamp-01/data", &payload, 0);
        if n % 100 == 0 {
            let before = Instant::now();
            other.send(&[0xc0, 0]);
            assert_eq!(other.packet(), [0xd0, 0]);
            assert!(before.elapsed() < Duration::from_secs(5));
            closed = !hub.events("type=disconnect&dir=none").is_empty();
            if closed {
                break;
            }
        }
    }
    assert!(closed, "{listener}: 64 MB wait for a client that does not read");
    assert_eq!(hub.events("type=disconnect&dir=none")[0]["cause"], "client is too slow");
}

#[test]
fn signals_end_with_0() {
    for signal in ["-INT", "-TERM"] {
        let hub = hub();
        let mut client = Client::connected(&hub, "mqtt", LAMP, LAMP_KEY);
        let sent = Command::new("kill").args([signal, &hub.pid().to_string()]).status().unwrap();
        assert!(sent.success());
        client.expect_close();
        assert_eq!(hub.exit_code(), Some(0));
    }
}

#[test]
fn a_hub_that_cannot_start_says_why_and_ends_with_2() {
    let fails = |registry: &str| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("hub.toml"), registry).unwrap();
        let child = command(dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = finish(child, Duration::from_secs(20));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let error = fails("[server]\nports = { mqtt = 0, mqtt2 = 1 }\n");
    assert!(error.contains("mqtt2") && error.contains("line 2"), "{error}");
    assert!(fails("[server]\nports = { coap = 5684 }\n").contains("CoAP"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let ports = "mqtts = \"off\", ws = \"off\", wss = \"off\", admin = 0";
    let error = fails(&format!("[server]\nports = {{ mqtt = {port}, {ports} }}\n"));
    assert!(error.contains("listener mqtt") && error.contains(&port.to_string()), "{error}");
    // An optional listener is left out instead.
    let hub =
        start(&format!("[server]\nports = {{ mqtt = {{ port = {port}, optional = true }}, {ports} }}\n"));
    assert_eq!(hub.ready.len(), 2, "{:?}", hub.ready);
}

#[test]
fn listeners_can_be_off_and_ports_overridden() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hub.toml"), REGISTRY).unwrap();
    let mut child = command(dir.path())
        .args(["--port", "wss=off", "--port", "mqtts=off", "--port", "ws=0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut stdout = child.stdout.take().unwrap();
    while !text.contains("ready all") {
        let mut buffer = [0; 256];
        let count = stdout.read(&mut buffer).unwrap();
        assert!(count > 0, "{text}");
        text += std::str::from_utf8(&buffer[..count]).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let names: Vec<_> = text.lines().map(|l| l.split(' ').nth(1).unwrap()).collect();
    assert_eq!(names, ["mqtt", "ws", "admin", "all"]);
}
