//! Brokers that others wrote: a whole session, and another one after the broker was killed and started again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::support::broker::Broker;
use crate::support::device::Device;
use crate::support::nginx::Nginx;
use crate::support::program::Launch;
use crate::support::sdk;
use crate::support::secrets::Secrets;

/// Sources of the program, and the options they need: C99 alone has no monotonic clock.
const SOURCES: [&str; 2] = ["tests/c/peer_session.c", "tests/c/session_client.c"];
const OPTIONS: [&str; 1] = ["-D_GNU_SOURCE"];

/// connect, subscribe, QoS 0, QoS 1 and back; kill, restart, recover, QoS 1 and back; destroy.
/// The program itself checks each step and ends with 0 only if nothing else happened.
fn whole_session(device: &Device, broker: &mut Broker, url: &str, authority: Option<&std::path::Path>) {
    let program = sdk::KEY.compile_with("peer_session", &SOURCES, &OPTIONS);
    let secret = device.secret.clone().expect("a key device");
    let mut launch = Launch::new(&program).device(device).env("QCLOUD_IOT_ENDPOINT", url);
    if let Some(authority) = authority {
        launch = launch.env("QCLOUD_IOT_CA_FILE", authority);
    }
    let mut run = launch.arg(&device.product).arg(&device.name).arg(&secret).start();
    run.wait_for("construct = 0");
    run.wait_for("session done");
    broker.stop();
    run.wait_for("lost");
    broker.start();
    run.wait_for("reconnected");
    run.wait_for("received third, after the restart qos=1");
    let done = run.finish();
    done.expect(0);
    let lines = story(&done.output);
    let second = lines.iter().position(|line| *line == "session done").map_or(0, |at| at + 1);
    let count = |lines: &[&str], start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(count(&lines, "received "), 3, "{lines:?}");
    for (part, acks, grants) in [(&lines[..second], 1, 1), (&lines[second..], 1, 1)] {
        assert_eq!((count(part, "acked"), count(part, "granted")), (acks, grants), "{lines:?}");
    }
    assert_eq!((count(&lines, "lost"), count(&lines, "reconnected")), (1, 1), "{lines:?}");
    assert!(lines.last().is_some_and(|line| line.starts_with("destroy = 0")), "{lines:?}");
}

/// What the program itself said, without the log.
fn story(output: &str) -> Vec<&str> {
    let starts = [
        "construct",
        "granted",
        "acked",
        "received",
        "session done",
        "lost",
        "reconnected",
        "destroy",
        "failed",
    ];
    output.lines().filter(|line| starts.iter().any(|start| line.starts_with(start))).collect()
}

#[test]
fn mosquitto_over_websocket() {
    let mut broker = Broker::mosquitto_ws();
    let url = broker.url("ws");
    whole_session(&Device::key("PEERWS0001", "mosquitto"), &mut broker, &url, None);
}

#[test]
fn mosquitto_over_tcp() {
    let mut broker = Broker::mosquitto("", Secrets::default(), |_| {});
    let url = broker.url("mqtt");
    whole_session(&Device::key("PEERTCP001", "mosquitto"), &mut broker, &url, None);
}

#[test]
fn mosquitto_over_tls_with_a_pre_shared_key() {
    let device = Device::key("PEERPSK001", "mosquitto");
    let mut secrets = Secrets::default();
    secrets.add_device(&device);
    let key = hex::encode(BASE64.decode(device.secret.as_deref().expect("a key device")).expect("base64"));
    let line = format!("{}:{key}\n", device.client_id());
    let mut broker = Broker::mosquitto("psk_hint test\npsk_file {dir}/psk", secrets, |directory| {
        std::fs::write(directory.join("psk"), line).expect("file of keys");
    });
    let url = broker.url("mqtts");
    whole_session(&device, &mut broker, &url, None);
}

#[test]
fn mosquitto_over_secure_websocket() {
    let mut broker = Broker::mosquitto_wss();
    let (url, authority) = (broker.url("wss"), broker.directory.path().join("ca.pem"));
    whole_session(&Device::key("PEERWSS001", "mosquitto"), &mut broker, &url, Some(&authority));
}

/// nginx ends the TLS connection; its answers and errors are its own.
#[test]
fn mosquitto_behind_nginx() {
    let mut broker = Broker::mosquitto_ws();
    let nginx = Nginx::before(broker.port);
    let authority = nginx.authority.clone();
    whole_session(&Device::key("PEERNGX001", "mosquitto"), &mut broker, &nginx.url(), Some(&authority));
}

/// Needs Node.js, which not every machine has: `tests/steps/aedes.sh` runs it or says that it is skipped.
#[test]
#[ignore = "needs node and `npm ci` in tests/node; tests/steps/aedes.sh runs it"]
fn aedes_over_websocket() {
    let mut broker = Broker::aedes().expect("node, and `npm ci` in tests/node");
    let url = broker.url("ws");
    whole_session(&Device::key("PEERAED001", "aedes"), &mut broker, &url, None);
}
