//! The device shadow. [shadow.md §§5, 8]

use serde_json::{Value, json};

use crate::client::{Client, KEY_2, LAMP, LAMP_2, LAMP_KEY, parts, publish, subscribe};
use crate::hub::{Hub, hub, hub_with, start};

const DEVICE: &str = "A1B2C3D4E5/lamp-01";
const START: i64 = 1_760_000_000_000;

/// A device that listens to the answers of one flavour.
struct Lamp {
    client: Client,
    flavour: &'static str,
}

impl Lamp {
    fn connect(hub: &Hub) -> Lamp {
        Lamp::with_flavour(hub, "$shadow")
    }

    fn with_flavour(hub: &Hub, flavour: &'static str) -> Lamp {
        Lamp::over(hub, "mqtt", flavour)
    }

    fn over(hub: &Hub, listener: &str, flavour: &'static str) -> Lamp {
        let mut client = Client::connected(hub, listener, LAMP, LAMP_KEY);
        client.send(&subscribe(1, &format!("{flavour}/operation/result/{DEVICE}"), 0));
        assert_eq!(client.packet(), [0x90, 3, 0, 1, 0]);
        Lamp { client, flavour }
    }

    fn send(&mut self, text: &str) {
        let topic = format!("{}/operation/{DEVICE}", self.flavour);
        self.client.send(&publish(&topic, text.as_bytes(), None));
    }

    fn receive(&mut self) -> String {
        let (topic, id, payload) = parts(&self.client.packet());
        assert_eq!((topic, id), (format!("{}/operation/result/{DEVICE}", self.flavour), None));
        payload
    }

    fn ask(&mut self, text: &str) -> String {
        self.send(text);
        self.receive()
    }

    fn update(&mut self, members: &str) -> Value {
        serde_json::from_str(&self.ask(&format!(r#"{{"type":"update", {members}, "clientToken":"t"}}"#)))
            .unwrap()
    }

    /// Nothing came that was not taken.
    fn expect_silence(&mut self) {
        self.client.send(&[0xc0, 0]);
        assert_eq!(self.client.packet(), [0xd0, 0]);
    }
}

fn set_time(hub: &Hub, ms: i64) {
    hub.post("/clock", json!({"set_ms": ms, "scale": 0}));
}

fn set_desired(hub: &Hub, desired: Value) -> Value {
    let answer = hub.post(&format!("/shadow/{DEVICE}/desired"), json!({"desired": desired}));
    assert_eq!(answer["ok"], true, "{answer}");
    answer
}

#[test]
fn answers_byte_for_byte() {
    let hub = hub_with("[options]\nshadow_metadata = true\n");
    let mut lamp = Lamp::connect(&hub);
    set_time(&hub, START);
    assert_eq!(
        lamp.ask(r#"{"type":"get", "clientToken":"A1B2C3D4E5-0"}"#),
        r#"{"clientToken":"A1B2C3D4E5-0","payload":{"metadata":{"reported":{}},"state":{"reported":{}},"timestamp":1760000000000,"version":0},"result":0,"timestamp":1760000000,"type":"get"}"#
    );
    set_time(&hub, START + 100_000);
    assert_eq!(
        lamp.ask(
            r#"{"type":"update", "state":{"reported":{"t":21,"on":true}}, "clientToken":"A1B2C3D4E5-1"}"#
        ),
        r#"{"clientToken":"A1B2C3D4E5-1","payload":{"state":{"reported":{"on":true,"t":21}},"timestamp":1760000100000,"version":1},"result":0,"timestamp":1760000100,"type":"update"}"#
    );
    set_time(&hub, START + 123_456);
    assert_eq!(set_desired(&hub, json!({"on": false}))["delivered"], 1);
    assert_eq!(
        lamp.receive(),
        r#"{"type":"delta","timestamp":1760000123,"payload":{"state":{"on":false},"version":2,"timestamp":1760000123456}}"#
    );
    set_time(&hub, START + 130_000);
    assert_eq!(
        lamp.ask(r#"{"type":"get", "clientToken":"A1B2C3D4E5-2"}"#),
        r#"{"clientToken":"A1B2C3D4E5-2","payload":{"metadata":{"desired":{"on":{"timestamp":1760000123456}},"reported":{"on":{"timestamp":1760000100000},"t":{"timestamp":1760000100000}}},"state":{"delta":{"on":false},"desired":{"on":false},"reported":{"on":true,"t":21}},"timestamp":1760000123456,"version":2},"result":0,"timestamp":1760000130,"type":"get"}"#
    );
    lamp.expect_silence();
}

#[test]
fn without_the_option_there_is_no_metadata() {
    let hub = hub();
    set_time(&hub, START);
    let mut lamp = Lamp::connect(&hub);
    assert_eq!(
        lamp.ask(r#"{"type":"get", "clientToken":"A1B2C3D4E5-0"}"#),
        r#"{"clientToken":"A1B2C3D4E5-0","payload":{"state":{"reported":{}},"timestamp":1760000000000,"version":0},"result":0,"timestamp":1760000000,"type":"get"}"#
    );
    lamp.update(r#""state":{"reported":{"on":true,"t":21}}"#);
    set_time(&hub, START + 1000);
    // The whole document comes with a version conflict.
    let text =
        r#"{"type":"update", "state":{"reported":{"t":1}}, "version":7, "clientToken":"A1B2C3D4E5-1"}"#;
    assert_eq!(
        lamp.ask(text),
        r#"{"clientToken":"A1B2C3D4E5-1","payload":{"state":{"reported":{"on":true,"t":21}},"timestamp":1760000000000,"version":1},"result":5005,"timestamp":1760000001,"type":"update"}"#
    );
}

#[test]
fn a_desire_is_pushed_met_and_cleared() {
    let hub = hub();
    let mut lamp = Lamp::connect(&hub);
    lamp.update(r#""state":{"reported":{"on":true,"nested":{"a":1,"b":2}}}"#);
    set_desired(&hub, json!({"on": false, "nested": {"a": 5, "b": 2}}));
    let delta: Value = serde_json::from_str(&lamp.receive()).unwrap();
    assert_eq!(delta["payload"]["state"], json!({"on": false, "nested": {"a": 5}}));
    let answer = lamp.update(r#""state":{"reported":{"on":false,"nested":{"a":5}},"desired": null}"#);
    assert_eq!(
        answer["payload"]["state"],
        json!({"desired": null, "reported": {"on": false, "nested": {"a": 5}}})
    );
    let shadow = hub.get(&format!("/shadow/{DEVICE}"))["shadow"].clone();
    assert_eq!(shadow["state"], json!({"reported": {"on": false, "nested": {"a": 5, "b": 2}}}));
    assert_eq!(shadow["version"], 3);
    // What is desired and there already is not pushed; nor is a report that differs from a desire.
    assert_eq!(set_desired(&hub, json!({"on": false}))["delivered"], 0);
    lamp.update(r#""state":{"reported":{"on":true}}"#);
    lamp.expect_silence();
    // A device may desire something itself; the push comes behind the answer.
    let answer = lamp.update(r#""state":{"desired":{"on":1}}"#);
    assert_eq!(answer["payload"]["version"], 6);
    let delta: Value = serde_json::from_str(&lamp.receive()).unwrap();
    assert_eq!((&delta["payload"]["state"], &delta["payload"]["version"]), (&json!({"on": 1}), &json!(6)));
    lamp.expect_silence();
}

#[test]
fn merge_overwrite_and_version() {
    let hub = hub();
    let mut lamp = Lamp::connect(&hub);
    lamp.update(r#""state":{"reported":{"a":1,"b":{"c":2,"d":3},"list":[1,2]}}"#);
    lamp.update(r#""state":{"reported":{"a":null,"b":{"c":4},"list":[]}},"version":1"#);
    let state = || hub.get(&format!("/shadow/{DEVICE}"))["shadow"]["state"]["reported"].clone();
    assert_eq!(state(), json!({"b": {"c": 4, "d": 3}, "list": []}));
    let answer = lamp.update(r#""overwriteUpdate":true, "state":{"reported":{"x":1}}"#);
    assert_eq!(answer["payload"]["version"], 3);
    assert_eq!(state(), json!({"x": 1}));
    assert_eq!(lamp.update(r#""state":{"reported":{"x":2}},"version":2"#)["result"], 5005);
    assert_eq!(lamp.update(r#""state":{"reported":{"x":2}},"version":0"#)["result"], 0);
    assert_eq!(lamp.update(r#""state":{"reported":null}"#)["result"], 0);
    assert_eq!(state(), json!({}));
}

#[test]
fn every_negative_answer() {
    let hub = hub_with("");
    let mut lamp = Lamp::connect(&hub);
    let mut result = |text: &str| -> Value {
        let answer: Value = serde_json::from_str(&lamp.ask(text)).unwrap();
        assert_eq!(answer["payload"], json!({}), "{answer}");
        assert_eq!(answer["clientToken"], "t");
        answer["result"].clone()
    };
    assert_eq!(result(r#"{"clientToken":"t","type":"update","state":{"#), 5001);
    assert_eq!(result(r#"{"clientToken":"t"}"#), 5001);
    assert_eq!(result(r#"{"clientToken":"t","type":"remove"}"#), 5001);
    assert_eq!(result(r#"{"clientToken":"t","type":"update"}"#), 5002);
    let deep = r#"{"clientToken":"t","type":"update","state":{"reported":{"a":{"b":{"c":{"d":{"e":{}}}}}}}}"#;
    assert_eq!(result(deep), 5003);
    let half = "x".repeat(9000);
    for (key, expected) in [("a", 0), ("b", 5003)] {
        let text =
            format!(r#"{{"clientToken":"t","type":"update","state":{{"reported":{{"{key}":"{half}"}}}}}}"#);
        let answer: Value = serde_json::from_str(&lamp.ask(&text)).unwrap();
        assert_eq!(answer["result"], expected);
    }
    // Without a token that can be read there is no answer, but an event.
    let since = hub.now();
    for text in ["", "{", "[]", r#"{"type":"get"}"#, r#"{"type":"get","clientToken":5}"#, "\u{0}\u{1}"] {
        lamp.send(text);
    }
    lamp.expect_silence();
    let events = hub.events(&format!("since={since}&type=handler"));
    assert_eq!(events.len(), 6);
    assert!(events.iter().all(|e| e["result"].as_str().unwrap().starts_with("no clientToken")), "{events:?}");
}

#[test]
fn a_product_without_shadow() {
    let hub = start(
        "[server]\nports = { mqtt = 0, mqtts = \"off\", ws = \"off\", wss = \"off\", admin = 0 }\n\
         [[product]]\nid = \"A1B2C3D4E5\"\nshadow = false\n\
         [[device]]\nproduct = \"A1B2C3D4E5\"\nname = \"lamp-01\"\nsecret = \"EBESExQVFhcYGRobHB0eHw==\"\n",
    );
    let mut lamp = Lamp::connect(&hub);
    assert_eq!(lamp.update(r#""state":{"reported":{"a":1}}"#)["result"], 5004);
    let answer = hub.post(&format!("/shadow/{DEVICE}/desired"), json!({"desired": {"a": 1}}));
    assert!(answer["error"].as_str().unwrap().contains("disabled"), "{answer}");
}

#[test]
fn both_flavours_share_the_document() {
    let hub = hub();
    let mut lamp = Lamp::with_flavour(&hub, "$template");
    lamp.update(r#""state":{"reported":{"on":true}}"#);
    set_desired(&hub, json!({"on": false}));
    assert!(lamp.receive().starts_with(r#"{"type":"delta""#));
    lamp.expect_silence();
    let mut lamp = Lamp::connect(&hub);
    let shown: Value = serde_json::from_str(&lamp.ask(r#"{"type":"get", "clientToken":"x"}"#)).unwrap();
    assert_eq!(shown["payload"]["state"]["delta"], json!({"on": false}));
}

#[test]
fn over_every_transport() {
    let hub = hub();
    for (n, listener) in ["mqtt", "mqtts", "ws", "wss"].into_iter().enumerate() {
        let mut lamp = Lamp::over(&hub, listener, "$shadow");
        // The largest document there may be, in both directions.
        let value = "x".repeat(16_000 + n);
        lamp.update(&format!(r#""overwriteUpdate":true,"state":{{"reported":{{"v":"{value}"}}}}"#));
        let shown: Value = serde_json::from_str(&lamp.ask(r#"{"type":"get", "clientToken":"x"}"#)).unwrap();
        assert_eq!(shown["payload"]["state"]["reported"]["v"], value, "{listener}");
        set_desired(&hub, json!({"n": n}));
        assert!(lamp.receive().contains(&format!(r#""state":{{"n":{n}}}"#)));
    }
}

#[test]
fn the_answer_goes_only_to_a_device_that_subscribed() {
    let hub = hub();
    let mut client = Client::connected(&hub, "mqtt", LAMP, LAMP_KEY);
    let mut other = Client::connected(&hub, "mqtt", LAMP_2, KEY_2);
    other.send(&subscribe(1, "$shadow/operation/result/A1B2C3D4E5/lamp-02", 0));
    assert_eq!(other.packet(), [0x90, 3, 0, 1, 0]);
    let text = br#"{"type":"update","state":{"reported":{"a":1}},"clientToken":"x"}"#;
    client.send(&publish(&format!("$shadow/operation/{DEVICE}"), text, None));
    for client in [&mut client, &mut other] {
        client.send(&[0xc0, 0]);
        assert_eq!(client.packet(), [0xd0, 0]);
    }
    let events = hub.wait("type=handler", 1);
    assert!(events[0]["result"].as_str().unwrap().contains("did not subscribe"), "{events:?}");
    assert_eq!(hub.get(&format!("/shadow/{DEVICE}"))["shadow"]["version"], 1);
}

#[test]
fn what_was_answered_survives_a_kill() {
    let mut hub = hub();
    let mut lamp = Lamp::connect(&hub);
    for burst in 0..10 {
        let update =
            |n: u32| format!(r#"{{"type":"update","state":{{"reported":{{"n":{n}}}}},"clientToken":"{n}"}}"#);
        let range = burst * 100 + 1..=burst * 100 + 100;
        range.clone().for_each(|n| lamp.send(&update(n)));
        for n in range {
            let answer: Value = serde_json::from_str(&lamp.receive()).unwrap();
            assert_eq!(
                (&answer["clientToken"], &answer["payload"]["version"]),
                (&json!(n.to_string()), &json!(n))
            );
        }
    }
    set_desired(&hub, json!({"on": true}));
    let before = hub.get(&format!("/shadow/{DEVICE}"));
    hub.kill_and_restart();
    assert_eq!(hub.get(&format!("/shadow/{DEVICE}")), before);
    assert_eq!(before["shadow"]["state"]["reported"], json!({"n": 1000}));
    let mut lamp = Lamp::connect(&hub);
    assert_eq!(lamp.update(r#""state":{"reported":{"n":0}}"#)["payload"]["version"], 1002);
}

// covers: Hub / kill -9 in the middle of updates of a shadow, and restart | tcp | 3 kills
#[test]
fn a_kill_in_the_middle_of_updates() {
    let mut hub = hub();
    for round in 0..3 {
        let mut lamp = Lamp::connect(&hub);
        // Many on their way when the hub is killed.
        let many: Vec<u8> = (0..400)
            .flat_map(|n| {
                let text = format!(
                    r#"{{"type":"update","state":{{"reported":{{"n":{n},"r":{round}}}}},"clientToken":"t"}}"#
                );
                publish(&format!("$shadow/operation/{DEVICE}"), text.as_bytes(), None)
            })
            .collect();
        lamp.client.send(&many);
        let answered = (0..100).map(|_| lamp.receive()).last().unwrap();
        hub.kill_and_restart();
        let answered: Value = serde_json::from_str(&answered).unwrap();
        let shadow = hub.get(&format!("/shadow/{DEVICE}"))["shadow"].clone();
        assert!(shadow["version"].as_u64() >= answered["payload"]["version"].as_u64(), "{shadow} {answered}");
        assert_eq!(shadow["state"]["reported"]["r"], round);
    }
}

#[test]
fn what_cannot_be_saved_is_refused() {
    let hub = hub();
    let mut lamp = Lamp::connect(&hub);
    // A file where the directory of the service would be.
    for service in ["shadow", "config", "gateway"] {
        std::fs::write(hub.state(service), "").unwrap();
    }
    assert_eq!(lamp.update(r#""state":{"reported":{"a":1}}"#)["result"], 5006);
    let refused = [
        hub.post(&format!("/shadow/{DEVICE}/desired"), json!({"desired": {"a": 1}})),
        hub.post("/config/A1B2C3D4E5", json!({"content": {}})),
        hub.post("/gateway/A1B2C3D4E6/gw/bind", json!({"devices": ["Z9Y8X7W6V5/probe-7"]})),
    ];
    for answer in refused {
        assert!(answer["error"].as_str().unwrap().contains("state/"), "{answer}");
    }
    assert_eq!(hub.get(&format!("/shadow/{DEVICE}"))["shadow"]["version"], 0);
    assert_eq!(hub.get("/config/A1B2C3D4E5")["content"], json!(null));
    assert_eq!(hub.get("/gateway/A1B2C3D4E6/gw")["devices"], json!([]));
    std::fs::remove_file(hub.state("shadow")).unwrap();
    assert_eq!(lamp.update(r#""state":{"reported":{"a":1}}"#)["payload"]["version"], 1);
}

#[test]
fn the_console() {
    let hub = hub();
    let ctl = |words: &[&str]| -> Value {
        let output = hub.ctl(&[&["shadow"], words].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    let answer = ctl(&["set-desired", DEVICE, r#"{"a":1,"b":2}"#]);
    assert_eq!((&answer["version"], &answer["delivered"]), (&json!(1), &json!(0)));
    assert_eq!(
        ctl(&["set-desired", DEVICE, r#"{"b":null,"c":3}"#, "--merge", "--version", "1"])["version"],
        2
    );
    assert_eq!(ctl(&["get", DEVICE])["shadow"]["state"]["desired"], json!({"a": 1, "c": 3}));
    assert_eq!(ctl(&["set-desired", DEVICE, r#"{"d":4}"#])["delta"], json!({"d": 4}));
    let refused = ctl(&["clear-desired", DEVICE, "--version", "1"]);
    assert_eq!(refused["ok"], false);
    assert!(refused["error"].as_str().unwrap().contains("the document has 3"), "{refused}");
    assert_eq!(ctl(&["clear-desired", DEVICE])["version"], 4);
    let commands = hub.events("type=console");
    assert_eq!(commands.len(), 5);
    assert_eq!(commands[4]["command"], format!("DELETE /shadow/{DEVICE}/desired"));
    assert_eq!((&commands[3]["status"], &commands[4]["status"]), (&json!(400), &json!(200)));
    let state = ctl(&["get", DEVICE])["shadow"]["state"].clone();
    assert_eq!(state, json!({"reported": {}}));
    assert_eq!(ctl(&["delete", DEVICE])["deleted"], true);
    assert_eq!(ctl(&["delete", DEVICE])["deleted"], false);
    assert_eq!(ctl(&["get", DEVICE])["shadow"]["version"], 0);
    assert!(ctl(&["get", "A1B2C3D4E5/nobody"])["error"].as_str().unwrap().contains("not registered"));
    let file = hub.dir.path().join("desired.json");
    std::fs::write(&file, r#"{"from": "file"}"#).unwrap();
    let at_file = format!("@{}", file.display());
    assert_eq!(ctl(&["set-desired", DEVICE, &at_file])["delta"], json!({"from": "file"}));
    // Not JSON: refused before anything is sent.
    assert_eq!(hub.ctl(&["shadow", "set-desired", DEVICE, "{"]).status.code(), Some(1));
    assert_eq!(hub.post(&format!("/shadow/{DEVICE}/desired"), json!({"desired": 1}))["ok"], false);
    // The document goes with its device.
    hub.delete(&format!("/devices/{DEVICE}"));
    hub.post("/devices", json!({"product": "A1B2C3D4E5", "name": "lamp-01"}));
    assert_eq!(ctl(&["get", DEVICE])["shadow"]["version"], 0);
}

#[test]
fn faults_of_the_service() {
    let hub = hub();
    let mut lamp = Lamp::connect(&hub);
    hub.fault(json!({"action": "drop", "service": "shadow", "device": DEVICE, "count": 1}));
    lamp.send(r#"{"type":"update", "state":{"reported":{"a":1}}, "clientToken":"lost"}"#);
    // The change took place, only its answer is lost.
    let shown: Value = serde_json::from_str(&lamp.ask(r#"{"type":"get","clientToken":"next"}"#)).unwrap();
    assert_eq!((&shown["clientToken"], &shown["payload"]["version"]), (&json!("next"), &json!(1)));

    hub.fault(json!({"action": "force_result", "service": "shadow", "result": 5003, "count": 1}));
    let answer = lamp.update(r#""state":{"reported":{"a":2}}"#);
    assert_eq!((&answer["result"], &answer["payload"]), (&json!(5003), &json!({})));
    assert_eq!(hub.get(&format!("/shadow/{DEVICE}"))["shadow"]["version"], 1);

    // A late answer does not hold back what is not the service's.
    hub.fault(json!({"action": "delay", "service": "shadow", "ms": 300, "count": 1}));
    let before = std::time::Instant::now();
    lamp.send(r#"{"type":"get","clientToken":"late"}"#);
    lamp.expect_silence();
    assert!(lamp.receive().contains("late"));
    assert!(before.elapsed().as_millis() >= 300);

    hub.fault(json!({"action": "duplicate", "service": "shadow", "count": 1}));
    let first = lamp.ask(r#"{"type":"get","clientToken":"twice"}"#);
    assert_eq!(lamp.receive(), first);
    let faults = hub.get("/faults");
    assert!(faults["faults"].as_array().unwrap().iter().all(|f| f["applied"] == 1), "{faults}");
}
