//! Remote configuration. [remote_config.md §§5-7]

use serde_json::{Value, json};

use crate::client::{Client, KEY_2, LAMP, LAMP_2, LAMP_KEY, parts, publish, subscribe};
use crate::hub::{Hub, hub, hub_with, start_in};

const RESULT: &str = "$config/operation/result/A1B2C3D4E5/lamp-01";
const PRODUCT: &str = "/config/A1B2C3D4E5";

fn lamp(hub: &Hub, topic: &str) -> Client {
    let mut client = Client::connected(hub, "mqtt", LAMP, LAMP_KEY);
    client.send(&subscribe(1, topic, 0));
    assert_eq!(client.packet(), [0x90, 3, 0, 1, 0]);
    client
}

fn get(client: &mut Client) -> String {
    client.send(&publish("$config/operation/A1B2C3D4E5/lamp-01", br#"{"type":"get"}"#, None));
    let (topic, id, payload) = parts(&client.packet());
    assert_eq!((topic.as_str(), id), (RESULT, None));
    payload
}

fn expect_silence(client: &mut Client) {
    client.send(&[0xc0, 0]);
    assert_eq!(client.packet(), [0xd0, 0]);
}

fn ctl(hub: &Hub, words: &[&str]) -> Value {
    let output = hub.ctl(&[&["config"], words].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn every_result_of_a_get() {
    let hub = hub();
    let mut client = lamp(&hub, RESULT);
    assert_eq!(get(&mut client), r#"{"type":"reply","result":1001,"payload":{}}"#);
    assert_eq!(ctl(&hub, &["enable", "A1B2C3D4E5"])["ok"], true);
    assert_eq!(get(&mut client), r#"{"type":"reply","result":1002,"payload":{}}"#);
    let file = hub.dir.path().join("lamp.json");
    std::fs::write(&file, "{\n  \"unit\": \"C\",\n  \"interval\": 30\n}\n").unwrap();
    let at_file = format!("@{}", file.display());
    assert_eq!(ctl(&hub, &["set", "A1B2C3D4E5", &at_file]), json!({"ok": true, "warning": null}));
    assert_eq!(get(&mut client), r#"{"type":"reply","result":0,"payload":{"unit":"C","interval":30}}"#);
    let warning = ctl(&hub, &["set", "A1B2C3D4E5", "[1]"])["warning"].clone();
    assert!(warning.as_str().unwrap().contains("1003"), "{warning}");
    assert_eq!(get(&mut client), r#"{"type":"reply","result":1003,"payload":{}}"#);
    assert_eq!(ctl(&hub, &["disable", "A1B2C3D4E5"])["ok"], true);
    assert_eq!(get(&mut client), r#"{"type":"reply","result":1001,"payload":{}}"#);
    let shown = ctl(&hub, &["show", "A1B2C3D4E5"]);
    assert_eq!(shown, json!({"ok": true, "enabled": false, "content": "[1]", "result": 1001}));
    // Nonsense is noted and not answered.
    let since = hub.now();
    for text in ["", "{", "[]", "{}", r#"{"type":"set"}"#, r#"{"type":5}"#] {
        client.send(&publish("$config/operation/A1B2C3D4E5/lamp-01", text.as_bytes(), None));
    }
    expect_silence(&mut client);
    assert_eq!(hub.events(&format!("since={since}&type=handler")).len(), 6);
}

#[test]
fn push_to_one_and_to_all() {
    let hub = hub();
    let mut first = lamp(&hub, RESULT);
    let mut second = Client::connected(&hub, "mqtt", LAMP_2, KEY_2);
    for (setting, cause) in [(json!({}), "disabled"), (json!({"enable": 1}), "no configuration")] {
        if setting["enable"] == 1 {
            hub.post(&format!("{PRODUCT}/enable"), json!({}));
        }
        let refused = hub.post(&format!("{PRODUCT}/push"), json!({}));
        assert!(refused["error"].as_str().unwrap().contains(cause), "{refused}");
    }
    hub.post(PRODUCT, json!({"content": "nonsense"}));
    assert!(ctl(&hub, &["push", "A1B2C3D4E5"])["error"].as_str().unwrap().contains("JSON object"));
    hub.post(PRODUCT, json!({"content": {"interval": 30, "unit": "C"}}));
    let pushed = r#"{"type":"push","payload":{"interval":30,"unit":"C"}}"#;
    // The second has not subscribed.
    assert_eq!(ctl(&hub, &["push", "A1B2C3D4E5"])["delivered"], 1);
    assert_eq!(parts(&first.packet()).2, pushed);
    second.send(&subscribe(1, "$config/operation/result/A1B2C3D4E5/lamp-02", 1));
    assert_eq!(second.packet(), [0x90, 3, 0, 1, 1]);
    assert_eq!(ctl(&hub, &["push", "A1B2C3D4E5"])["delivered"], 2);
    assert_eq!(parts(&first.packet()).2, pushed);
    assert_eq!(parts(&second.packet()).2, pushed);
    assert_eq!(ctl(&hub, &["push", "A1B2C3D4E5", "lamp-02"])["delivered"], 1);
    assert_eq!(parts(&second.packet()).2, pushed);
    expect_silence(&mut first);
    assert!(
        ctl(&hub, &["push", "A1B2C3D4E5", "nobody"])["error"].as_str().unwrap().contains("not registered")
    );
    assert!(ctl(&hub, &["push", "NOSUCHPROD"])["error"].as_str().unwrap().contains("not registered"));
    assert!(ctl(&hub, &["set", "NOSUCHPROD", "{}"])["error"].as_str().unwrap().contains("not registered"));
}

#[test]
fn the_spelling_of_the_documents_by_option() {
    let hub = hub_with("[options]\nacl_config_report = true\n");
    hub.post(&format!("{PRODUCT}/enable"), json!({}));
    hub.post(PRODUCT, json!({"content": {"a": 1}}));
    let mut client = lamp(&hub, "$config/update/A1B2C3D4E5/lamp-01");
    client.send(&publish("$config/report/A1B2C3D4E5/lamp-01", br#"{"type":"get"}"#, None));
    let (topic, _, payload) = parts(&client.packet());
    assert_eq!(topic, "$config/update/A1B2C3D4E5/lamp-01");
    assert_eq!(payload, r#"{"type":"reply","result":0,"payload":{"a":1}}"#);
    assert_eq!(ctl(&hub, &["push", "A1B2C3D4E5"])["delivered"], 1);
    assert_eq!(parts(&client.packet()).2, r#"{"type":"push","payload":{"a":1}}"#);
    assert_eq!(ctl(&hub, &["push", "A1B2C3D4E5", "lamp-01"])["delivered"], 1);
    assert_eq!(parts(&client.packet()).2, r#"{"type":"push","payload":{"a":1}}"#);
}

// covers: Hub / kill -9 and restart: remote configuration | tcp | 1
#[test]
fn the_file_of_the_registry_until_the_console_says_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("lamp-config.json"), "{ \"from\": \"file\" }").unwrap();
    std::fs::write(
        dir.path().join("hub.toml"),
        "[server]\nstate_dir = \"state\"\nports = { mqtt = 0, mqtts = \"off\", ws = \"off\", wss = \"off\", admin = 0 }\n\
         [[product]]\nid = \"A1B2C3D4E5\"\nconfig = { enabled = true, file = \"lamp-config.json\" }\n\
         [[device]]\nproduct = \"A1B2C3D4E5\"\nname = \"lamp-01\"\nsecret = \"EBESExQVFhcYGRobHB0eHw==\"\n",
    )
    .unwrap();
    let mut hub = start_in(dir);
    let mut client = lamp(&hub, RESULT);
    assert_eq!(get(&mut client), r#"{"type":"reply","result":0,"payload":{"from":"file"}}"#);
    ctl(&hub, &["set", "A1B2C3D4E5", r#"{"from":"console"}"#]);
    hub.kill_and_restart();
    let mut client = lamp(&hub, RESULT);
    assert_eq!(get(&mut client), r#"{"type":"reply","result":0,"payload":{"from":"console"}}"#);
}

#[test]
fn sizes() {
    let hub = hub();
    let set =
        |size: usize| hub.post(PRODUCT, json!({"content": format!(r#"{{"x":"{}"}}"#, "y".repeat(size))}));
    assert!(set(1000)["warning"].is_null());
    assert!(set(2000)["warning"].as_str().unwrap().contains("2048"));
    assert!(set(20_000)["warning"].as_str().unwrap().contains("16384"));
    assert!(set(140_000)["error"].as_str().unwrap().contains("131072"));
}

#[test]
fn faults_of_the_service() {
    let hub = hub();
    hub.post(&format!("{PRODUCT}/enable"), json!({}));
    hub.post(PRODUCT, json!({"content": {"a": 1}}));
    let mut client = lamp(&hub, RESULT);
    hub.fault(json!({"action": "force_result", "service": "config", "result": 1003, "count": 1}));
    assert_eq!(get(&mut client), r#"{"type":"reply","result":1003,"payload":{}}"#);
    hub.fault(json!({"action": "drop", "service": "config", "count": 1}));
    client.send(&publish("$config/operation/A1B2C3D4E5/lamp-01", br#"{"type":"get"}"#, None));
    expect_silence(&mut client);
    assert_eq!(get(&mut client), r#"{"type":"reply","result":0,"payload":{"a":1}}"#);
}
