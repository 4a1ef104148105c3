//! Gateways and their sub-devices. [gateway.md §§5-8, 10]

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::client::{Client, Connect, KEY_2, LAMP_KEY, parts, puback, publish, subscribe};
use crate::hub::{Hub, start};

const GATEWAY: &str = "A1B2C3D4E5/lamp-01";
const OTHER: &str = "A1B2C3D4E5/lamp-02";
const PROBE: &str = "Z9Y8X7W6V5/probe-7";
/// Of the published vector.
const PROBE_SECRET: &str = "MDEyMzQ1Njc4OTo7PD0+Pw==";

fn registry(options: &str, bind: &str) -> String {
    let device = |product: &str, name: &str, secret: &str, more: &str| {
        format!("[[device]]\nproduct = \"{product}\"\nname = \"{name}\"\nsecret = \"{secret}\"\n{more}\n")
    };
    let product = |id: &str, more: &str| format!("[[product]]\nid = \"{id}\"\n{more}\n");
    [
        "[server]\nstate_dir = \"state\"\nports = { mqtt = 0, mqtts = \"off\", ws = \"off\", wss = \"off\", admin = 0 }\n",
        &format!("[options]\n{options}\n"),
        &product("A1B2C3D4E5", "type = \"gateway\"\nsubproducts = [\"Z9Y8X7W6V5\", \"CERTPROBE1\"]"),
        &product("LONELYGATE", "type = \"gateway\""),
        &product("Z9Y8X7W6V5", "type = \"subdevice\"\ntopics = [ { name = \"alarm\", perm = \"pub\" } ]"),
        &product("OTHERPROBE", "type = \"subdevice\""),
        &product("CERTPROBE1", "type = \"subdevice\"\nauth = \"cert\""),
        &product("7CN3UQ4VGT", ""),
        &device("A1B2C3D4E5", "lamp-01", LAMP_KEY, &format!("bind = {bind}")),
        &device("A1B2C3D4E5", "lamp-02", KEY_2, ""),
        &device("LONELYGATE", "alone", KEY_2, ""),
        &device("Z9Y8X7W6V5", "probe-7", PROBE_SECRET, ""),
        &device("Z9Y8X7W6V5", "probe-8", PROBE_SECRET, ""),
        &device("Z9Y8X7W6V5", "probe-9", PROBE_SECRET, "enabled = false"),
        &device("OTHERPROBE", "o", PROBE_SECRET, ""),
        &device("7CN3UQ4VGT", "direct", PROBE_SECRET, ""),
        "[[device]]\nproduct = \"CERTPROBE1\"\nname = \"c\"\nissue = true\n",
    ]
    .concat()
}

fn hub() -> Hub {
    start(&registry("", "[]"))
}

fn hub_bound() -> Hub {
    start(&registry("", "[\"Z9Y8X7W6V5/probe-7\", \"Z9Y8X7W6V5/probe-8\", \"Z9Y8X7W6V5/probe-9\"]"))
}

/// A gateway that listens to its results.
struct Gateway {
    client: Client,
    device: &'static str,
}

impl Gateway {
    fn connect(hub: &Hub) -> Gateway {
        Gateway::named(hub, GATEWAY, LAMP_KEY)
    }

    fn named(hub: &Hub, device: &'static str, key: &str) -> Gateway {
        let client = Client::connected(hub, "mqtt", &device.replace('/', ""), key);
        let mut gateway = Gateway { client, device };
        assert_eq!(gateway.subscribe(&format!("$gateway/operation/result/{device}"), 1), 1);
        gateway
    }

    fn subscribe(&mut self, filter: &str, qos: u8) -> u8 {
        self.client.send(&subscribe(1, filter, qos));
        let suback = self.client.packet();
        assert_eq!(suback[..4], [0x90, 3, 0, 1]);
        suback[4]
    }

    fn send(&mut self, text: &str) {
        self.client.send(&publish(&format!("$gateway/operation/{}", self.device), text.as_bytes(), None));
    }

    /// The next message, acknowledged.
    fn receive(&mut self) -> String {
        let (topic, id, payload) = parts(&self.client.packet());
        assert_eq!(topic, format!("$gateway/operation/result/{}", self.device));
        self.client.send(&puback(id.expect("results come with QoS 1")));
        payload
    }

    fn ask(&mut self, text: &str) -> String {
        self.send(text);
        self.receive()
    }

    /// The result of a request about one sub-device.
    fn result(&mut self, kind: &str, device: &str) -> i64 {
        let (product, name) = device.split_once('/').unwrap();
        let text = format!(
            r#"{{"type":"{kind}","payload":{{"devices":[{{"product_id":"{product}","device_name":"{name}"}}]}}}}"#
        );
        let answer: Value = serde_json::from_str(&self.ask(&text)).unwrap();
        assert_eq!(answer["type"], kind);
        assert_eq!(answer["payload"]["devices"][0]["device_name"], name);
        answer["payload"]["devices"][0]["result"].as_i64().unwrap()
    }

    fn bind(&mut self, members: Value) -> i64 {
        let answer = self.ask(&json!({"type": "bind", "payload": {"devices": [members]}}).to_string());
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["payload"]["devices"][0]["result"].as_i64().unwrap()
    }

    fn expect_silence(&mut self) {
        self.client.send(&[0xc0, 0]);
        assert_eq!(self.client.packet(), [0xd0, 0]);
    }
}

/// Members of a bind request, signed with a key (text).
fn signed(device: &str, key: &str, auth: &str) -> Value {
    let (product, name) = device.split_once('/').unwrap();
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(format!("{product}{name};5;1760000000").as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    json!({"product_id": product, "device_name": name, "signature": signature, "random": 5,
           "timestamp": 1_760_000_000, "signmethod": "hmacsha1", "authtype": auth})
}

fn psk(device: &str) -> Value {
    signed(device, PROBE_SECRET, "psk")
}

fn with(mut members: Value, key: &str, value: Value) -> Value {
    members[key] = value;
    members
}

#[test]
fn bind_online_publish_offline_unbind_in_the_documented_words() {
    let hub = hub();
    let mut gateway = Gateway::connect(&hub);
    // The published vector as the C SDK writes it.
    assert_eq!(
        gateway.ask(r#"{"type":"bind","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","signature":"biPaSw4mGzcY/ADWbaZkY4+lsR8=","random":72158314,"timestamp":1760000000,"signmethod":"hmacsha1","authtype":"psk"}]}}"#),
        r#"{"type":"bind","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":0}]}}"#
    );
    assert_eq!(
        gateway.ask(r#"{"type":"describe_sub_devices"}"#),
        r#"{"type":"describe_sub_devices","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"}]}}"#
    );
    // Not online yet: nothing may be done in its name.
    assert_eq!(gateway.subscribe("Z9Y8X7W6V5/probe-7/data", 1), 0x80);
    assert_eq!(
        gateway.ask(
            r#"{"type":"online","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"}]}}"#
        ),
        r#"{"type":"online","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":0}]}}"#
    );
    assert_eq!(gateway.result("online", PROBE), 0);
    assert_eq!(gateway.subscribe("Z9Y8X7W6V5/probe-7/data", 0), 0);
    assert_eq!(hub.publish("Z9Y8X7W6V5/probe-7/data", "down", 0)["delivered"], 1);
    assert_eq!(parts(&gateway.client.packet()).2, "down");
    gateway.client.send(&publish("Z9Y8X7W6V5/probe-7/alarm", b"up", Some(7)));
    assert_eq!(gateway.client.packet(), puback(7));
    let shown = hub.get(&format!("/devices/{PROBE}"))["device"].clone();
    assert_eq!((&shown["online"], &shown["gateway"]), (&json!(true), &json!(GATEWAY)));
    assert_eq!(hub.get(&format!("/devices/{GATEWAY}"))["device"]["sub_devices"], json!([PROBE]));

    assert_eq!(gateway.result("offline", PROBE), 0);
    assert_eq!(gateway.result("offline", PROBE), 0);
    // The subscription is still there, the right to it is not.
    assert_eq!(hub.publish("Z9Y8X7W6V5/probe-7/data", "down", 0)["delivered"], 0);
    gateway.client.send(&publish("Z9Y8X7W6V5/probe-7/alarm", b"up", Some(8)));
    gateway.expect_silence();
    assert_eq!(
        gateway.ask(
            r#"{"type":"unbind","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"}]}}"#
        ),
        r#"{"type":"unbind","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":0}]}}"#
    );
    assert_eq!(
        gateway.ask(r#"{"type":"describe_sub_devices"}"#),
        r#"{"type":"describe_sub_devices","payload":{"devices":[]}}"#
    );
}

#[test]
fn every_negative_result_of_bind_in_its_order() {
    let hub = start(&registry("gateway_bind_window_s = 300", "[]"));
    hub.post("/clock", json!({"set_ms": 1_760_000_000_000_i64, "scale": 0}));
    let mut gateway = Gateway::connect(&hub);
    let good = psk(PROBE);
    for key in ["product_id", "device_name", "signature", "random", "timestamp", "signmethod", "authtype"] {
        let mut members = good.clone();
        members.as_object_mut().unwrap().remove(key);
        assert_eq!(gateway.bind(members), 801, "{key}");
    }
    // Each of these has the faults that are checked later, too: what is checked first decides.
    let old = with(with(good.clone(), "timestamp", json!(1)), "signature", json!("x"));
    let unknown = with(with(old.clone(), "signmethod", json!("md5")), "device_name", json!("nobody"));
    assert_eq!(gateway.bind(unknown), 802);
    assert_eq!(gateway.bind(with(old.clone(), "product_id", json!("NOSUCHPROD"))), 802);
    assert_eq!(gateway.bind(with(old.clone(), "signmethod", json!("md5"))), 804);
    assert_eq!(gateway.bind(with(old.clone(), "authtype", json!("password"))), 804);
    assert_eq!(gateway.bind(old), 805);
    assert_eq!(gateway.bind(signed("7CN3UQ4VGT/direct", "wrong", "psk")), 803);
    assert_eq!(gateway.bind(with(good.clone(), "authtype", json!("certificate"))), 803);
    assert_eq!(gateway.bind(psk("7CN3UQ4VGT/direct")), 807);
    assert_eq!(gateway.bind(psk("OTHERPROBE/o")), 808);
    assert_eq!(gateway.bind(good.clone()), 0);
    assert_eq!(gateway.bind(good.clone()), 809);
    let mut other = Gateway::named(&hub, OTHER, KEY_2);
    assert_eq!(other.bind(good.clone()), 806);
    let mut alone = Gateway::named(&hub, "LONELYGATE/alone", KEY_2);
    assert_eq!(alone.bind(good.clone()), 810);
    // A refused request changed nothing.
    assert_eq!(gateway.result("unbind", PROBE), 0);
    assert_eq!(other.bind(good), 0);
}

#[test]
fn every_negative_result_of_the_other_requests() {
    let hub = hub_bound();
    let mut gateway = Gateway::connect(&hub);
    for kind in ["unbind", "online", "offline"] {
        assert_eq!(gateway.result(kind, "OTHERPROBE/o"), -1);
        assert_eq!(gateway.result(kind, "Z9Y8X7W6V5/nobody"), -1);
    }
    assert_eq!(gateway.result("online", "Z9Y8X7W6V5/probe-9"), 808);
    let mut other = Gateway::named(&hub, OTHER, KEY_2);
    for kind in ["unbind", "online", "offline"] {
        assert_eq!(other.result(kind, PROBE), -1);
    }
    // A sub-device that is bound and not registered any more.
    assert_eq!(gateway.result("online", PROBE), 0);
    hub.delete(&format!("/devices/{PROBE}"));
    assert_eq!(hub.get(&format!("/devices/{GATEWAY}"))["device"]["sub_devices"], json!([]));
    assert_eq!(gateway.result("online", PROBE), 802);
    assert_eq!(gateway.result("unbind", PROBE), 802);
    let text = r#"{"type":"online","payload":{"devices":[{"product_id":"Z9Y8X7W6V5"},5]}}"#;
    let answer: Value = serde_json::from_str(&gateway.ask(text)).unwrap();
    let results: Vec<_> =
        answer["payload"]["devices"].as_array().unwrap().iter().map(|d| d["result"].clone()).collect();
    assert_eq!(results, [801, 801]);
}

#[test]
fn several_devices_in_one_request() {
    let hub = hub_bound();
    let mut gateway = Gateway::connect(&hub);
    assert_eq!(
        gateway.ask(r#"{"type":"online","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-8"},{"product_id":"Z9Y8X7W6V5","device_name":"x"},{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"}]}}"#),
        r#"{"type":"online","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-8","result":0},{"product_id":"Z9Y8X7W6V5","device_name":"x","result":-1},{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":0}]}}"#
    );
    assert_eq!(
        hub.get(&format!("/devices/{GATEWAY}"))["device"]["sub_devices"],
        json!([PROBE, "Z9Y8X7W6V5/probe-8"])
    );
}

#[test]
fn certificates_sign_with_a_digest() {
    let hub = hub();
    let mut gateway = Gateway::connect(&hub);
    let file = std::fs::read(hub.state("devices/CERTPROBE1_c.cert.pem")).unwrap();
    let der = openssl::x509::X509::from_pem(&file).unwrap().to_der().unwrap();
    let digest = |method, bytes: &[u8]| hex::encode(openssl::hash::hash(method, bytes).unwrap());
    let (md5, sha1) = (openssl::hash::MessageDigest::md5(), openssl::hash::MessageDigest::sha1());
    for key in [digest(md5, &file), digest(sha1, &file), digest(sha1, &der)] {
        assert_eq!(gateway.bind(signed("CERTPROBE1/c", &key, "certificate")), 0);
        assert_eq!(gateway.result("unbind", "CERTPROBE1/c"), 0);
    }
    assert_eq!(gateway.bind(signed("CERTPROBE1/c", &digest(md5, &der), "certificate")), 803);
    assert_eq!(gateway.bind(signed("CERTPROBE1/c", &digest(md5, &file), "psk")), 803);
}

#[test]
fn what_makes_no_sense_is_noted_and_not_answered() {
    let hub = hub_bound();
    let mut gateway = Gateway::connect(&hub);
    let since = hub.now();
    let nonsense = [
        "",
        "{",
        "[]",
        "5",
        "{}",
        r#"{"type":5}"#,
        r#"{"type":"dance"}"#,
        r#"{"type":"online"}"#,
        r#"{"type":"online","payload":{"devices":{}}}"#,
    ];
    for text in nonsense {
        gateway.send(text);
    }
    gateway.expect_silence();
    assert_eq!(hub.events(&format!("since={since}&type=handler")).len(), nonsense.len());
}

#[test]
fn a_device_that_is_no_gateway_may_not_use_the_topics() {
    let hub = hub();
    let mut client = Client::connected(&hub, "mqtt", "7CN3UQ4VGTdirect", PROBE_SECRET);
    client.send(&subscribe(1, "$gateway/operation/result/7CN3UQ4VGT/direct", 1));
    assert_eq!(client.packet(), [0x90, 3, 0, 1, 0x80]);
    client.send(&publish("$gateway/operation/7CN3UQ4VGT/direct", b"{}", None));
    hub.wait("type=denied&topic=$gateway/operation/7CN3UQ4VGT/direct", 1);
}

#[test]
fn the_services_of_a_sub_device_come_through_its_gateway() {
    let hub = start(&registry("rrpc_timeout_ms = 30000", "[\"Z9Y8X7W6V5/probe-7\"]"));
    let mut gateway = Gateway::connect(&hub);
    let text = br#"{"type":"update","state":{"reported":{"t":1}},"clientToken":"x"}"#;
    let topic = format!("$shadow/operation/{PROBE}");
    gateway.client.send(&publish(&topic, text, None));
    hub.wait(&format!("type=denied&topic={topic}"), 1);
    assert_eq!(gateway.result("online", PROBE), 0);
    assert_eq!(gateway.subscribe(&format!("$shadow/operation/result/{PROBE}"), 0), 0);
    gateway.client.send(&publish(&topic, text, None));
    let (topic, _, payload) = parts(&gateway.client.packet());
    assert_eq!(topic, format!("$shadow/operation/result/{PROBE}"));
    assert!(payload.contains(r#""result":0"#), "{payload}");
    assert_eq!(hub.get(&format!("/shadow/{PROBE}"))["shadow"]["version"], 1);
    // What the platform starts finds the way, too.
    for filter in ["$broadcast/rxd/{}", "$config/operation/result/{}", "$rrpc/rxd/{}/+"] {
        assert_eq!(gateway.subscribe(&filter.replace("{}", PROBE), 0), 0);
    }
    assert_eq!(hub.post("/broadcast", json!({"product": "Z9Y8X7W6V5", "payload": "all"}))["delivered"], 1);
    assert_eq!(parts(&gateway.client.packet()), (format!("$broadcast/rxd/{PROBE}"), None, "all".into()));
    hub.post("/config/Z9Y8X7W6V5/enable", json!({}));
    hub.post("/config/Z9Y8X7W6V5", json!({"content": {"a": 1}}));
    assert_eq!(hub.post("/config/Z9Y8X7W6V5/push", json!({"device": "probe-7"}))["delivered"], 1);
    assert_eq!(parts(&gateway.client.packet()).0, format!("$config/operation/result/{PROBE}"));
    std::thread::scope(|scope| {
        let calling = scope.spawn(|| hub.post("/rrpc", json!({"device": PROBE, "payload": "call"})));
        let (topic, _, _) = parts(&gateway.client.packet());
        gateway.client.send(&publish(&topic.replace("rxd", "txd"), b"reply", None));
        assert_eq!(calling.join().unwrap()["payload"], "reply");
    });
    assert_eq!(gateway.result("offline", PROBE), 0);
    assert_eq!(hub.post("/broadcast", json!({"product": "Z9Y8X7W6V5", "payload": "all"}))["delivered"], 0);
    let refused = hub.post("/rrpc", json!({"device": PROBE, "payload": "call"}));
    assert!(refused["error"].as_str().unwrap().contains("offline"), "{refused}");
    assert_eq!(gateway.result("online", PROBE), 0);
    // Time is the gateway's own business.
    assert_eq!(gateway.subscribe(&format!("$sys/operation/result/{PROBE}"), 0), 0x80);
}

#[test]
fn the_end_of_the_connection_takes_sub_devices_offline() {
    let hub = hub_bound();
    let data = "Z9Y8X7W6V5/probe-7/data";
    let online = || hub.get(&format!("/devices/{PROBE}"))["device"]["online"].clone();
    // A kept session: the subscriptions stay, what was online does not.
    let mut client = Client::open(&hub, "mqtt");
    let connect = Connect { clean: false, ..Connect::signed("A1B2C3D4E5lamp-01", LAMP_KEY) };
    client.send(&connect.bytes());
    assert_eq!(client.packet(), [0x20, 2, 0, 0]);
    let mut gateway = Gateway { client, device: GATEWAY };
    gateway.subscribe(&format!("$gateway/operation/result/{GATEWAY}"), 1);
    assert_eq!(gateway.result("online", PROBE), 0);
    assert_eq!(gateway.subscribe(data, 1), 1);
    assert_eq!(online(), true);
    // On its way when the connection ends: not for a sub-device that is offline.
    assert_eq!(hub.publish(data, "never acknowledged", 1)["delivered"], 1);
    assert_eq!(parts(&gateway.client.packet()).2, "never acknowledged");
    drop(gateway);
    hub.wait("type=disconnect&dir=none", 1);
    assert_eq!(online(), false);
    assert_eq!(hub.publish(data, "x", 1), json!({"ok": true, "delivered": 0, "stored": 0, "warning": null}));
    let mut client = Client::open(&hub, "mqtt");
    client.send(&connect.bytes());
    assert_eq!(client.packet(), [0x20, 2, 1, 0]);
    let mut gateway = Gateway { client, device: GATEWAY };
    assert_eq!(hub.publish(data, "x", 0)["delivered"], 0);
    assert_eq!(gateway.result("online", PROBE), 0);
    assert_eq!(hub.publish(data, "again", 0)["delivered"], 1);
    assert_eq!(parts(&gateway.client.packet()).2, "again");
    // A take-over is a new connection, too.
    let mut gateway = Gateway::connect(&hub);
    assert_eq!(online(), false);
    // So is being disabled, for the sub-device.
    assert_eq!(gateway.result("online", PROBE), 0);
    assert_eq!(hub.post(&format!("/devices/{PROBE}/disable"), json!({}))["kicked"], true);
    assert_eq!(online(), false);
    assert_eq!(gateway.result("online", PROBE), 808);
}

#[test]
fn a_sub_device_connects_by_itself_only_by_option() {
    for (options, code) in [("", 5), ("subdevice_login = true", 0)] {
        let hub = start(&registry(options, "[]"));
        let mut client = Client::open(&hub, "mqtt");
        client.send(&Connect::signed("Z9Y8X7W6V5probe-7", PROBE_SECRET).bytes());
        assert_eq!(client.packet(), [0x20, 2, 0, code]);
    }
}

#[test]
fn the_console_pushes_and_the_acknowledgements_are_shown() {
    let hub = hub();
    let mut gateway = Gateway::connect(&hub);
    let ctl = |words: &[&str]| -> Value {
        let output = hub.ctl(&[&["gw"], words].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    };
    assert_eq!(ctl(&["bind", GATEWAY, PROBE, "Z9Y8X7W6V5/probe-8"]), json!({"ok": true, "delivered": 1}));
    assert_eq!(
        gateway.receive(),
        r#"{"type":"change","payload":{"status":1,"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"},{"product_id":"Z9Y8X7W6V5","device_name":"probe-8"}]}}"#
    );
    let ack = r#"{"type":"change", "payload":{"status":1, "devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":0}]}}"#;
    gateway.send(ack);
    gateway.send(r#"{"type":"change","result":0}"#);
    assert_eq!(gateway.result("online", PROBE), 0);
    let list = ctl(&["list", GATEWAY]);
    assert_eq!(
        list["devices"],
        json!([{"device": PROBE, "online": true}, {"device": "Z9Y8X7W6V5/probe-8", "online": false}])
    );
    assert_eq!(list["acks"][0]["ack"], serde_json::from_str::<Value>(ack).unwrap());
    assert_eq!(list["acks"][1]["ack"], json!({"type": "change", "result": 0}));

    assert_eq!(ctl(&["unbind", GATEWAY, PROBE])["delivered"], 1);
    assert_eq!(
        gateway.receive(),
        r#"{"type":"change","payload":{"status":0,"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"}]}}"#
    );
    assert_eq!(gateway.result("online", PROBE), -1);
    ctl(&["search", GATEWAY, "start"]);
    assert_eq!(gateway.receive(), r#"{"type":"search_devices","payload":{"status":1}}"#);
    ctl(&["search", GATEWAY, "stop"]);
    assert_eq!(gateway.receive(), r#"{"type":"search_devices","payload":{"status":0}}"#);
    assert_eq!(ctl(&["unbind-all", GATEWAY])["unbound"], 1);
    assert_eq!(gateway.receive(), r#"{"type":"unbind_all"}"#);
    assert_eq!(ctl(&["list", GATEWAY])["devices"], json!([]));
    for (words, cause) in [
        (&["bind", GATEWAY, "7CN3UQ4VGT/direct"][..], "subdevice"),
        (&["bind", GATEWAY, "OTHERPROBE/o"], "subproducts"),
        (&["bind", "LONELYGATE/alone", PROBE], "no subproducts"),
        (&["bind", "7CN3UQ4VGT/direct", PROBE], "no gateway"),
        (&["bind", GATEWAY, "Z9Y8X7W6V5/nobody"], "not registered"),
        (&["unbind", GATEWAY, PROBE], "not bound"),
        (&["list", PROBE], "no gateway"),
    ] {
        let refused = ctl(words);
        assert_eq!(refused["ok"], false);
        assert!(refused["error"].as_str().unwrap().contains(cause), "{refused}");
    }
    // All or nothing.
    assert_eq!(ctl(&["bind", GATEWAY, PROBE, "OTHERPROBE/o"])["ok"], false);
    assert_eq!(ctl(&["list", GATEWAY])["devices"], json!([]));
    assert_eq!(ctl(&["bind", GATEWAY, PROBE])["ok"], true);
    assert!(ctl(&["bind", OTHER, PROBE])["error"].as_str().unwrap().contains("bound to"));
    // A deleted gateway sets its sub-devices free.
    hub.delete(&format!("/devices/{GATEWAY}"));
    assert_eq!(ctl(&["bind", OTHER, PROBE])["ok"], true);
}

#[test]
fn unbind_all_may_wait_for_the_acknowledgement() {
    let bind = "[\"Z9Y8X7W6V5/probe-7\"]";
    let hub = start(&registry("gateway_unbind_all = \"on_ack\"", bind));
    let mut gateway = Gateway::connect(&hub);
    let bound = || hub.get(&format!("/gateway/{GATEWAY}"))["devices"].as_array().unwrap().len();
    // One nobody asked for is only noted.
    gateway.send(r#"{"type":"unbind_all", "payload":{"result":0}}"#);
    gateway.expect_silence();
    assert_eq!(bound(), 1);
    assert_eq!(hub.post(&format!("/gateway/{GATEWAY}/unbind-all"), json!({}))["unbound"], 0);
    assert_eq!(gateway.receive(), r#"{"type":"unbind_all"}"#);
    assert_eq!(bound(), 1);
    gateway.send(r#"{"type":"unbind_all", "payload":{"result":0}}"#);
    gateway.expect_silence();
    assert_eq!(bound(), 0);
}

// covers: Hub / kill -9 and restart: bindings of gateways | tcp | 1
#[test]
fn bindings_survive_a_kill_and_the_registry_file_stays() {
    let mut hub = hub_bound();
    let mut gateway = Gateway::connect(&hub);
    assert_eq!(gateway.result("unbind", PROBE), 0);
    let mut other = Gateway::named(&hub, OTHER, KEY_2);
    assert_eq!(other.bind(psk(PROBE)), 0);
    hub.kill_and_restart();
    let devices = |gateway: &str| hub.get(&format!("/gateway/{gateway}"))["devices"].clone();
    let entry = |device: &str| json!({"device": device, "online": false});
    assert_eq!(devices(OTHER), json!([entry(PROBE)]));
    assert_eq!(devices(GATEWAY), json!([entry("Z9Y8X7W6V5/probe-8"), entry("Z9Y8X7W6V5/probe-9")]));
}

#[test]
fn forty_sub_devices_in_order() {
    let hub = hub();
    let mut gateway = Gateway::connect(&hub);
    let names: Vec<String> = (10..50).rev().map(|n| format!("p{n}")).collect();
    for name in &names {
        hub.post("/devices", json!({"product": "Z9Y8X7W6V5", "name": name, "secret": PROBE_SECRET}));
        assert_eq!(gateway.bind(psk(&format!("Z9Y8X7W6V5/{name}"))), 0);
    }
    let list: Value = serde_json::from_str(&gateway.ask(r#"{"type":"describe_sub_devices"}"#)).unwrap();
    let listed: Vec<_> =
        list["payload"]["devices"].as_array().unwrap().iter().map(|d| d["device_name"].clone()).collect();
    assert_eq!(listed, (10..50).map(|n| json!(format!("p{n}"))).collect::<Vec<_>>());
}

#[test]
fn a_gateway_has_1500_sub_devices_at_most() {
    let names: Vec<String> = (0..1501).map(|n| format!("n{n:04}")).collect();
    let device = |n: &String| {
        format!("[[device]]\nproduct = \"Z9Y8X7W6V5\"\nname = \"{n}\"\nsecret = \"{PROBE_SECRET}\"\n")
    };
    let devices: String = names.iter().map(device).collect();
    let bind: Vec<String> = names[..1500].iter().map(|n| format!("Z9Y8X7W6V5/{n}")).collect();
    let hub = start(&(registry("", &format!("{bind:?}")) + &devices));
    let mut gateway = Gateway::connect(&hub);
    assert_eq!(gateway.bind(psk("Z9Y8X7W6V5/n1500")), 808);
    let list: Value = serde_json::from_str(&gateway.ask(r#"{"type":"describe_sub_devices"}"#)).unwrap();
    assert_eq!(list["payload"]["devices"].as_array().unwrap().len(), 1500);
    assert_eq!(gateway.result("unbind", "Z9Y8X7W6V5/n0000"), 0);
    assert_eq!(gateway.bind(psk("Z9Y8X7W6V5/n1500")), 0);
}

#[test]
fn faults_of_the_service() {
    let hub = hub_bound();
    let mut gateway = Gateway::connect(&hub);
    hub.fault(
        json!({"action": "force_result", "service": "gateway", "device": GATEWAY, "result": -2, "count": 1}),
    );
    assert_eq!(gateway.result("online", PROBE), -2);
    assert_eq!(hub.get(&format!("/devices/{PROBE}"))["device"]["online"], false);
    hub.fault(json!({"action": "drop", "service": "gateway", "count": 1}));
    gateway.send(r#"{"type":"describe_sub_devices"}"#);
    gateway.expect_silence();
    assert_eq!(gateway.result("online", PROBE), 0);
}

#[test]
fn a_registry_file_that_binds_what_cannot_be_bound() {
    for (bind, cause) in [
        ("[\"7CN3UQ4VGT/direct\"]", "subdevice"),
        ("[\"OTHERPROBE/o\"]", "subproducts"),
        ("[\"Z9Y8X7W6V5/nobody\"]", "not registered"),
        ("[\"Z9Y8X7W6V5/probe-7\", \"Z9Y8X7W6V5/probe-7\"]", "twice"),
        ("[\"probe-7\"]", "bind"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("hub.toml"), registry("", bind)).unwrap();
        let output = crate::hub::command(dir.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("lamp-01") && error.contains(cause), "{error}");
    }
}
