//! The console over HTTP and as `ctl`, and what it leaves in the state directory. [emulator.md §§6, 7]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::client::{Client, Connect, LAMP, LAMP_KEY, parts, subscribe};
use crate::hub::{Hub, PROGRAM, hub, start_in};

const DATA: &str = "A1B2C3D4E5/lamp-01/data";

fn code(hub: &Hub, client_id: &str, key: &str) -> u8 {
    let mut client = Client::open(hub, "mqtt");
    client.send(&Connect::signed(client_id, key).bytes());
    client.packet()[3]
}

/// The answer of a command that must succeed.
fn good(output: Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["ok"], true);
    answer
}

/// The reason of a command that must be refused.
fn refused(output: Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["ok"], false);
    answer["error"].as_str().unwrap().to_owned()
}

#[test]
fn ready_lines_in_the_order_of_the_contract() {
    let hub = hub();
    let names: Vec<_> = hub.ready.iter().map(|l| l.split(' ').nth(1).unwrap()).collect();
    assert_eq!(names, ["mqtt", "mqtts", "ws", "wss", "admin", "all"]);
    assert!(hub.ready[0].starts_with("ready mqtt 127.0.0.1:"));
    let status = good(hub.ctl(&["status"]));
    assert_eq!(status["listeners"]["ws"], format!("127.0.0.1:{}", hub.port("ws")));
}

/// Found by the fuzz target `hub_console`: the HTTP library refused these itself, as plain text.
#[test]
fn paths_that_cannot_be_read_are_refused_like_everything_else() {
    let hub = hub();
    for request in [
        "DELETE /faults/one",
        "DELETE /faults/-1",
        "GET /devices/A1B2C3D4E5/%ff",
        "GET /shadow/%ff/x",
        "POST /config/%ff",
    ] {
        let mut console = TcpStream::connect(("127.0.0.1", hub.port("admin"))).unwrap();
        write!(console, "{request} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        console.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 400 "), "{request}: {head}");
        let body: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{request}: {e}: {body}"));
        assert_eq!(body["ok"], false);
        assert!(!body["error"].as_str().unwrap().is_empty(), "{request}");
    }
}

#[test]
fn devices_and_their_state() {
    let hub = hub();
    let mut client = Client::connected(&hub, "wss", LAMP, LAMP_KEY);
    client.send(&subscribe(1, DATA, 1));
    client.packet();
    let all = good(hub.ctl(&["devices"]));
    assert_eq!(all["devices"].as_array().unwrap().len(), 8);
    let device = &good(hub.ctl(&["device", "show", "A1B2C3D4E5/lamp-01"]))["device"];
    assert_eq!((&device["online"], &device["transport"]), (&json!(true), &json!("wss")));
    assert_eq!(device["subscriptions"], json!({DATA: 1}));
    assert!(refused(hub.ctl(&["device", "show", "A1B2C3D4E5/nobody"])).contains("not registered"));
    assert!(refused(hub.ctl(&["device", "show", "nonsense/x"])).contains("product id"));
}

#[test]
fn publish_from_the_console() {
    let hub = hub();
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    client.send(&subscribe(1, DATA, 1));
    client.packet();
    assert_eq!(good(hub.ctl(&["publish", DATA, "mqtt over websocket cloud publish data"]))["delivered"], 1);
    assert_eq!(parts(&client.packet()), (DATA.into(), None, "mqtt over websocket cloud publish data".into()));
    let file = hub.dir.path().join("payload");
    std::fs::write(&file, [0, 0xff, b'x']).unwrap();
    good(hub.ctl(&["publish", DATA, &format!("@{}", file.display()), "--qos", "1"]));
    assert!(client.packet().ends_with(&[0, 0xff, b'x']));
    assert_eq!(hub.publish("A1B2C3D4E5/lamp-02/data", "x", 0)["delivered"], 0);
    assert!(refused(hub.ctl(&["publish", "a/#", "x"])).contains("wildcard"));
    assert!(refused(hub.ctl(&["publish", DATA, "x", "--qos", "2"])).contains("qos"));
    assert_eq!(hub.publish(DATA, &"x".repeat(16385), 0)["ok"], false);
}

#[test]
fn a_warning_for_clients_that_only_take_json() {
    let hub = hub();
    let mut client = Client::open(&hub, "mqtt");
    let mut connect = Connect::signed(LAMP, LAMP_KEY);
    (connect.name, connect.level) = ("MQIsdp", 3);
    client.send(&connect.bytes());
    client.packet();
    client.send(&subscribe(1, DATA, 0));
    client.packet();
    assert!(hub.publish(DATA, "not json", 0)["warning"].is_string());
    assert!(hub.publish(DATA, "{}", 0)["warning"].is_null());
}

#[test]
fn disable_enable_and_kick() {
    let hub = hub();
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    assert_eq!(good(hub.ctl(&["device", "kick", "A1B2C3D4E5/lamp-01"]))["kicked"], true);
    assert_eq!(client.control().0, 8);
    client.expect_close();
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    assert_eq!(good(hub.ctl(&["device", "drop", "A1B2C3D4E5/lamp-01"]))["kicked"], true);
    client.expect_close();
    assert!(client.frames.iter().all(|f| f.0 != 8), "a dropped connection says no goodbye");
    let mut client = Client::connected(&hub, "mqtt", LAMP, LAMP_KEY);
    good(hub.ctl(&["device", "disable", "A1B2C3D4E5/lamp-01"]));
    client.expect_close();
    assert_eq!(code(&hub, LAMP, LAMP_KEY), 5);
    good(hub.ctl(&["device", "enable", "A1B2C3D4E5/lamp-01"]));
    assert_eq!(code(&hub, LAMP, LAMP_KEY), 0);
    let causes: Vec<_> = hub.wait("type=disconnect&dir=none", 5).iter().map(|e| e["cause"].clone()).collect();
    assert!(causes.contains(&json!("kicked")) && causes.contains(&json!("device disabled")), "{causes:?}");
}

#[test]
fn added_and_deleted_devices_survive_a_restart() {
    let first = hub();
    let answer = good(first.ctl(&["device", "add", "A1B2C3D4E5/new:1"]));
    let secret = answer["secret"].as_str().unwrap().to_owned();
    assert_eq!(code(&first, "A1B2C3D4E5new:1", &secret), 0);
    assert!(refused(first.ctl(&["device", "add", "A1B2C3D4E5/new:1"])).contains("twice"));
    assert!(refused(first.ctl(&["device", "add", "NOTTHERE01/x"])).contains("product"));
    assert!(refused(first.ctl(&["device", "add", "A1B2C3D4E5/x", "--secret", "*"])).contains("base64"));
    let issued = good(first.ctl(&["device", "add", "CERTDEMO01/lock-9", "--issue"]));
    let file = issued["device"]["certificate_file"].as_str().unwrap();
    assert!(std::fs::read_to_string(file).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    let mut client = Client::connected(&first, "mqtt", LAMP, LAMP_KEY);
    good(first.ctl(&["device", "delete", "A1B2C3D4E5/lamp-01"]));
    client.expect_close();
    assert_eq!(code(&first, LAMP, LAMP_KEY), 4);

    // The registry file is as it was; the state directory goes along.
    let dir = tempfile::tempdir().unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(first.dir.path().join(".")).arg(dir.path()).status().unwrap();
    assert!(copied.success());
    let second = start_in(dir);
    assert_eq!(code(&second, "A1B2C3D4E5new:1", &secret), 0);
    assert_eq!(code(&second, LAMP, LAMP_KEY), 4);

    // After a reset the registry file alone counts.
    let dir = tempfile::tempdir().unwrap();
    Command::new("cp").arg("-r").arg(second.dir.path().join(".")).arg(dir.path()).status().unwrap();
    let config = dir.path().join("hub.toml");
    let reset = Command::new(PROGRAM).args(["reset", "--keep-ca", "--config"]).arg(config).output().unwrap();
    assert!(reset.status.success(), "{reset:?}");
    assert!(dir.path().join("state/ca/server-ca.cert.pem").exists());
    let third = start_in(dir);
    assert_eq!(code(&third, "A1B2C3D4E5new:1", &secret), 4);
    assert_eq!(code(&third, LAMP, LAMP_KEY), 0);
}

#[test]
fn events_can_be_waited_for_and_followed() {
    let hub = hub();
    let mut follow = Command::new(PROGRAM)
        .args(["ctl", "--admin", &hub.admin(), "events", "--follow", "--type", "connect,disconnect"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let since = hub.now();
    let client = Client::connected(&hub, "mqtt", LAMP, LAMP_KEY);
    let connect = &hub.wait(&format!("since={since}&type=connect&dir=none&device=A1B2C3D4E5/lamp-01"), 1)[0];
    assert!(connect["seq"].as_u64().unwrap() > since);
    drop(client);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["packet"], "connect");
    assert_eq!(next()["type"], "connect");
    assert_eq!(next()["type"], "disconnect");
    follow.kill().unwrap();
    follow.wait().unwrap();
    let once = hub.ctl(&["events", "--type", "upgrade,tls", "--wait-ms", "10"]);
    assert!(once.status.success() && once.stdout.is_empty(), "{once:?}");
}

#[test]
fn the_clock() {
    let hub = hub();
    assert_eq!(good(hub.ctl(&["clock", "scale", "0"]))["scale"], 0.0);
    assert_eq!(good(hub.ctl(&["clock", "set", "1760000000"]))["now_ms"], 1_760_000_000_000_i64);
    assert_eq!(good(hub.ctl(&["clock", "show"]))["now_ms"], 1_760_000_000_000_i64);
    assert!(good(hub.ctl(&["clock", "set", "now"]))["now_ms"].as_i64().unwrap() > 1_760_000_000_000);
    assert!(refused(hub.ctl(&["clock", "scale", "-1"])).contains("-1"));
}

#[test]
fn faults_from_the_command_line() {
    let hub = hub();
    let id = good(hub.ctl(&["fault", "set", "action=delay", "packet=suback", "ms=120"]))["id"].clone();
    assert_eq!(good(hub.ctl(&["fault", "list"]))["faults"][0]["spec"]["ms"], 120);
    assert_eq!(good(hub.ctl(&["fault", "clear", &id.to_string()]))["cleared"], 1);
    assert!(refused(hub.ctl(&["fault", "set", "action=nonsense"])).contains("nonsense"));
}

#[test]
fn stop_ends_with_0() {
    let hub = hub();
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    good(hub.ctl(&["stop"]));
    assert_eq!(client.control().0, 8);
    client.expect_close();
    assert_eq!(hub.exit_code(), Some(0));
}

#[test]
fn unknown_commands() {
    let hub = hub();
    assert_eq!(hub.get("/nonsense")["ok"], false);
    assert_eq!(hub.post("/devices", json!({"nonsense": 1}))["ok"], false);
    assert_eq!(hub.delete("/publish")["ok"], false);
    assert_eq!(hub.get("/events?sinse=1")["ok"], false);
    let nobody =
        Command::new(PROGRAM).args(["ctl", "--admin", "http://127.0.0.1:1", "status"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8(nobody.stderr).unwrap().contains("no hub at http://127.0.0.1:1"));
}

#[test]
fn reset_forgets_what_the_services_keep() {
    let hub = hub();
    let shadow = "/shadow/A1B2C3D4E5/lamp-01";
    hub.post(&format!("{shadow}/desired"), json!({"desired": {"a": 1}}));
    hub.post("/config/A1B2C3D4E5", json!({"content": {"a": 1}}));
    hub.post("/gateway/A1B2C3D4E6/gw/bind", json!({"devices": ["Z9Y8X7W6V5/probe-7"]}));
    let dir = tempfile::tempdir().unwrap();
    Command::new("cp").arg("-r").arg(hub.dir.path().join(".")).arg(dir.path()).status().unwrap();
    let kept = |hub: &Hub| {
        let bound = hub.get("/gateway/A1B2C3D4E6/gw")["devices"].as_array().unwrap().len();
        (
            hub.get(shadow)["shadow"]["version"].clone(),
            hub.get("/config/A1B2C3D4E5")["content"].clone(),
            bound,
        )
    };
    assert_eq!(kept(&hub), (json!(1), json!(r#"{"a":1}"#), 1));
    let config = dir.path().join("hub.toml");
    let reset = Command::new(PROGRAM).args(["reset", "--keep-ca", "--config"]).arg(config).output().unwrap();
    assert!(reset.status.success(), "{reset:?}");
    assert_eq!(kept(&start_in(dir)), (json!(0), json!(null), 0));
}
