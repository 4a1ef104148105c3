//! Broadcast, RRPC and remote configuration over a broker that others wrote; the platform is a second client.

use super::sessions::*;
use crate::support::broker::Broker;
use crate::support::secrets::Secrets;

const DEVICE: &str = "PRODUCT_ID/device";

fn services_over(url: &str) {
    let mut device = driver();
    device.run(&format!("construct url={url}"), "construct = client");
    device.run(&format!("@1 construct url={url} device=platform"), "@1 construct = client");
    for (command, answer) in
        [("broadcast", "subscribed = 0"), ("rrpc", "subscribed = 0"), ("config 5000", "configured = ")]
    {
        device.send(command);
        device.expect("event 3 id=");
        device.expect(answer);
    }
    device.run("startloop", "startloop = 0");
    device.run("@1 startloop", "@1 startloop = 0");
    for topic in ["$rrpc/txd/PRODUCT_ID/device/+", "$config/operation/PRODUCT_ID/device"] {
        device.send(&format!("@1 subscribe {topic} 0"));
        device.wait_for("@1 topic-event 3");
    }

    device.send(&format!("@1 publish $broadcast/rxd/{DEVICE} 1 to all of you"));
    device.wait_for(&arrival("broadcast", "first", b"to all of you"));

    device.send("hook rrpc 1 reply ok");
    device.send(&format!("@1 publish $rrpc/rxd/{DEVICE}/42 0 status"));
    let reply =
        format!("@1 message first topic=$rrpc/txd/{DEVICE}/42 qos=0 dup=0 retained=0 id=0 len=2 payload=ok");
    device.wait_for(&reply);

    let document = r#"{"interval":30}"#;
    device.send(&format!(
        r#"hook message 1 @1 publish $config/operation/result/{DEVICE} 0 {{"type":"reply","result":0,"payload":{document}}}"#
    ));
    device.send("getconfig 20000");
    let (before, _) = device.wait_for("got = 0 ");
    let taken = arrival("config", "first errcode=0", document.as_bytes());
    assert!(before.iter().any(|line| line.starts_with(&taken)), "{before:?}");

    device.send("@1 destroy");
    device.wait_for("@1 destroy = 0 left=0");
    device.send("destroy");
    device.wait_for("destroy = 0 left=0");
    device.finish();
}

#[test]
fn mosquitto_over_tcp() {
    let broker = Broker::mosquitto("", Secrets::default(), |_| {});
    services_over(&broker.url("mqtt"));
}

#[test]
fn mosquitto_over_websocket() {
    let broker = Broker::mosquitto_ws();
    services_over(&broker.url("ws"));
}
