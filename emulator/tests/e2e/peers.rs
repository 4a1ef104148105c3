//! Clients written by others. [emulator.md §11]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use serde_json::json;

use crate::client::{Connect, GATEWAY, KEY_2, LAMP, LAMP_KEY};
use crate::hub::{Hub, PROGRAM, finish, hub};

/// Longest run of a foreign client.
const LIMIT: Duration = Duration::from_secs(30);

/// Subscribes with one mosquitto client and sends it a message from the console; then publishes with another.
fn mosquitto(hub: &Hub, listener: &str, device: &str, more: &[String]) {
    let connect = Connect::signed(&device.replace('/', ""), LAMP_KEY);
    let port = hub.port(listener).to_string();
    let mut common =
        vec!["-h".to_owned(), "localhost".into(), "-p".into(), port, "-i".into(), connect.client_id.clone()];
    common.extend(["-u".to_owned(), connect.user.unwrap()]);
    common.extend_from_slice(more);
    let since = hub.now();
    let child = Command::new("mosquitto_sub")
        .args(&common)
        .args(["-t", &format!("{device}/data"), "-q", "1", "-C", "1", "-W", "20"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("mosquitto_sub is needed (package mosquitto-clients)");
    hub.wait(&format!("since={since}&type=suback&device={device}"), 1);
    hub.publish(&format!("{device}/data"), "from the platform", 1);
    let output = finish(child, LIMIT);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "from the platform\n", "{output:?}");

    let since = hub.now();
    let output = Command::new("mosquitto_pub")
        .args(&common)
        .args(["-t", &format!("{device}/event"), "-q", "1", "-m", "from the device"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let event = &hub.wait(&format!("since={since}&type=publish&dir=in"), 1)[0];
    assert_eq!(event["payload"], "from the device");
    hub.wait(&format!("since={since}&type=disconnect&dir=none"), 1);
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn mosquitto_over_tcp_and_tls_with_a_key() {
    let hub = hub();
    let password = Connect::signed(LAMP, LAMP_KEY).password.unwrap();
    mosquitto(&hub, "mqtt", "A1B2C3D4E5/lamp-01", &words(&["-P", &password]));
    mosquitto(&hub, "mqtt", "A1B2C3D4E5/lamp-01", &words(&["-P", &password, "-V", "mqttv31"]));
    let key = hex::encode(BASE64.decode(LAMP_KEY).unwrap());
    let psk = ["--psk", &key, "--psk-identity", LAMP];
    mosquitto(&hub, "mqtts", "A1B2C3D4E5/lamp-01", &words(&psk));
    let identities: Vec<_> = hub.events("type=tls").iter().map(|e| e["psk_identity"].clone()).collect();
    assert_eq!(identities, [LAMP, LAMP]);
}

#[test]
fn mosquitto_over_tls_with_a_certificate() {
    let hub = hub();
    let file = |name: &str| hub.state(name).display().to_string();
    let ca = file("ca/server-ca.cert.pem");
    let (certificate, key) =
        (file("devices/CERTDEMO01_lock-1.cert.pem"), file("devices/CERTDEMO01_lock-1.key.pem"));
    let files = ["--cafile", &ca, "--cert", &certificate, "--key", &key];
    mosquitto(&hub, "mqtts", "CERTDEMO01/lock-1", &words(&files));
}

#[test]
fn openssl_s_client_with_a_key() {
    let hub = hub();
    let key = hex::encode(BASE64.decode(LAMP_KEY).unwrap());
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{}", hub.port("mqtts")), "-tls1_2"])
        .args(["-psk", &key, "-psk_identity", LAMP, "-cipher", "PSK-AES128-CBC-SHA"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Cipher is PSK-AES128-CBC-SHA"), "{text}");
}

/// A Python with paho-mqtt 1.5.1, the version the Python SDK is bound to; None, with a line, if it cannot be had.
fn python() -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("paho-1.5.1");
    let python = place.join("bin/python");
    let has_paho = |python: &Path| {
        let check = "import paho.mqtt; assert paho.mqtt.__version__ == '1.5.1'";
        Command::new(python).args(["-c", check]).output().is_ok_and(|o| o.status.success())
    };
    if has_paho(&python) {
        return Some(python);
    }
    let run = |program: &Path, words: &[&str]| match Command::new(program).args(words).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(e) => Err(e.to_string()),
    };
    let made = run(Path::new("python3"), &["-m", "venv", &place.display().to_string()]).and_then(|()| {
        run(&python, &["-m", "pip", "install", "-q", "--disable-pip-version-check", "paho-mqtt==1.5.1"])
    });
    if let Err(error) = made {
        eprintln!(
            "SKIPPED: no Python with paho-mqtt 1.5.1 (needs python3-venv and the package registry): {error}"
        );
        return None;
    }
    assert!(has_paho(&python), "paho-mqtt was installed but is not there");
    Some(python)
}

fn paho(python: &Path, hub: &Hub, transport: &str, listener: &str) -> Output {
    // The last field is milliseconds, as the Python SDK writes it; the hub must read it as seconds.
    let user = format!("{LAMP};21010406;Q7xTz;1760000000000");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/python_sdk_session.py");
    let child = Command::new(python)
        .arg(script)
        .args([transport, &hub.port(listener).to_string(), "A1B2C3D4E5", "lamp-01", &user])
        .arg(crate::client::sign(LAMP_KEY, &user))
        .arg(hub.state("ca/server-ca.cert.pem"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    finish(child, LIMIT)
}

#[test]
fn the_python_sdks_session_over_every_transport() {
    let Some(python) = python() else { return };
    let hub = hub();
    for (transport, listener) in
        [("tcp", "mqtt"), ("tls", "mqtts"), ("websockets", "ws"), ("websockets-tls", "wss")]
    {
        let since = hub.now();
        let output = paho(&python, &hub, transport, listener);
        assert!(output.status.success(), "{transport}: {output:?}");
        let packets = hub.events(&format!("since={since}&type=packet"));
        let order: Vec<_> =
            packets.iter().map(|p| (p["dir"].as_str().unwrap(), p["packet"].as_str().unwrap())).collect();
        let expected = [
            ("in", "connect"),
            ("out", "connack"),
            ("in", "subscribe"),
            ("out", "suback"),
            ("in", "publish"),
            ("out", "publish"),
            ("in", "unsubscribe"),
            ("out", "unsuback"),
            ("in", "disconnect"),
        ];
        assert_eq!(order.len(), expected.len(), "{transport}: {order:?}");
        assert!(order.iter().all(|o| expected.contains(o)), "{transport}: {order:?}");
        assert_eq!((&packets[0]["protocol"], &packets[0]["level"]), (&"MQIsdp".into(), &3.into()));
        let answer = packets.iter().find(|p| p["packet"] == "publish" && p["dir"] == "out").unwrap();
        assert_eq!(answer["length"], 82);
        if listener.starts_with("ws") {
            let upgrade = &hub.events(&format!("since={since}&type=upgrade"))[0];
            let request = upgrade["request"].as_str().unwrap();
            assert!(
                request.starts_with("GET /mqtt HTTP/1.1\r\n") && request.contains("\r\nOrigin: https://"),
                "{request}"
            );
        }
    }
}

#[test]
fn services_with_paho() {
    let Some(python) = python() else { return };
    let hub = crate::hub::hub_with("[options]\nrrpc_timeout_ms = 30000\n");
    let user = format!("{GATEWAY};21010406;Q7xTz;1760000000000");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/python_services.py");
    let child = Command::new(&python)
        .arg(script)
        .args([&hub.port("mqtt").to_string(), "A1B2C3D4E6", "gw", &user])
        .arg(crate::client::sign(KEY_2, &user))
        .args(["Z9Y8X7W6V5", "probe-7", KEY_2])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    hub.wait("type=publish&dir=in&topic=A1B2C3D4E6/gw/event", 1);
    // What the platform starts, while the client listens.
    hub.post("/config/A1B2C3D4E6/enable", json!({}));
    hub.post("/config/A1B2C3D4E6", json!({"content": {"interval": 30}}));
    let desired = hub.post("/shadow/A1B2C3D4E6/gw/desired", json!({"desired": {"on": false}}));
    assert_eq!(desired["delivered"], 1, "{desired}");
    // The client met the desire; its update, too, is answered.
    hub.wait("type=publish&dir=out&topic=$shadow/operation/result/A1B2C3D4E6/gw", 4);
    let reply = hub.post("/rrpc", json!({"device": "A1B2C3D4E6/gw", "payload": r#"{"n":1}"#}));
    assert_eq!(reply["payload"], r#"{"reply": {"n": 1}}"#, "{reply}");
    assert_eq!(hub.post("/config/A1B2C3D4E6/push", json!({}))["delivered"], 1);
    let warning = |payload: &str| {
        hub.post("/broadcast", json!({"product": "A1B2C3D4E6", "payload": payload}))["warning"].clone()
    };
    assert!(warning("not JSON").as_str().unwrap().contains("JSON"));
    assert!(warning(r#"{"last": true}"#).is_null());
    let output = finish(child, LIMIT);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(hub.get("/gateway/A1B2C3D4E6/gw")["devices"][0]["device"], "Z9Y8X7W6V5/probe-7");
    let reported = hub.get("/shadow/A1B2C3D4E6/gw")["shadow"]["state"].clone();
    assert_eq!(reported, json!({"reported": {"on": false}}));
}

#[test]
fn the_ca_command_prints_a_certificate() {
    let hub = hub();
    let output =
        Command::new(PROGRAM).args(["ca", "--state-dir"]).arg(hub.dir.path().join("state")).output().unwrap();
    let file = std::fs::read(hub.state("ca/server-ca.cert.pem")).unwrap();
    assert_eq!(output.stdout, file);
}
