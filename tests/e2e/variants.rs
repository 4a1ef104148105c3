//! Variants of the reference session: what slow, broken and unfriendly servers make of it. [samples.md §§2.2 – 2.4]

use serde_json::json;

use crate::session::{MESSAGE, Transport, downlink, loop_script, refused_script, script};
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::{Finished, Launch, Program};
use crate::support::sdk::{self, Config};

/// Runs of a test that looks at times below a tenth of a second, before it fails: the machine may be busy.
const ATTEMPTS: usize = 5;

fn device() -> Device {
    Device::key("7CN3UQ4VGT", "test1")
}

/// The build whose default is this transport.
fn config(transport: Transport) -> &'static Config {
    match transport {
        Transport::Wss => &sdk::KEY,
        Transport::Ws => &sdk::KEY_PLAIN,
        Transport::Mqtts => &sdk::KEY_TCP,
        Transport::Mqtt => &sdk::KEY_TCP_PLAIN,
    }
}

fn launch(transport: Transport, device: &Device, hub: &Hub) -> Launch {
    let sample = sdk::reference_sample(config(transport));
    let launch = Launch::new(&sample).device(device).public_names(hub);
    if transport.is_tls() { launch.trusting(hub) } else { launch }
}

/// Step 10': the second SUBSCRIBE, 100 ms after the first, whose answer takes 120 ms.
fn late_suback(transport: Transport) {
    let mut texts = Vec::new();
    for _ in 0..ATTEMPTS {
        let device = device();
        let hub = Hub::start(&[&device]);
        hub.fault(json!({"action": "delay", "packet": "suback", "ms": 120, "count": 1}));
        let finished = launch(transport, &device, &hub).run();
        script(transport, &device).check(&finished.entries);
        finished.expect(0);
        if !finished.with("Identical topic found").is_empty() {
            script(transport, &device).require("sys subscribe again").check(&finished.entries);
            return;
        }
        texts.push(finished.output);
    }
    panic!("the subscription was never repeated\n{}", texts.join("\n"));
}

#[test]
fn late_suback_over_wss() {
    late_suback(Transport::Wss);
}

#[test]
fn late_suback_over_ws() {
    late_suback(Transport::Ws);
}

/// Rounds of the loop, and the message of the console in the first of them.
fn loop_with_downlink(transport: Transport) {
    let device = device();
    let hub = Hub::start(&[&device]);
    let mut run = launch(transport, &device, &hub).arg("-l").start();
    run.wait_for("publish success");
    assert_eq!(hub.publish(&device.topic("data"), MESSAGE, 0), 1);
    run.wait_for("Receive Message With");
    run.wait_for(r#""count": "2""#);
    run.wait_for("publish success");
    let message = hub.events(&Query::packet("publish").topic(&device.topic("data")).by_hub()).remove(0);
    assert_eq!(message.number("size"), 63, "{}", message.0);
    let entries = run.stop().entries;
    let script =
        loop_script(transport, &device, 3).during("downlink", "round 0", &downlink(transport, &device));
    let bound = script.check_beginning(&entries);
    let ids: Vec<u16> = (0..3).map(|round| bound[&format!("round {round}")].parse().expect("id")).collect();
    let next = |id: u16| if id == u16::MAX { 1 } else { id + 1 };
    assert!(ids.windows(2).all(|pair| pair[1] == next(pair[0])), "packet ids {ids:?}");
}

#[test]
fn loop_with_downlink_over_wss() {
    loop_with_downlink(Transport::Wss);
}

#[test]
fn loop_with_downlink_over_ws() {
    loop_with_downlink(Transport::Ws);
}

#[test]
fn loop_with_downlink_over_tls() {
    loop_with_downlink(Transport::Mqtts);
}

/// CONNACK 5: the code reaches the log, and the program ends with -1001.
fn refused(transport: Transport) {
    let device = device();
    let hub = Hub::start(&[&device]);
    hub.disable(&device);
    let finished = launch(transport, &device, &hub).run();
    refused_script(transport, &device, -117).check(&finished.entries);
    finished.expect(23);
}

#[test]
fn refused_over_wss() {
    refused(Transport::Wss);
}

#[test]
fn refused_over_ws() {
    refused(Transport::Ws);
}

#[test]
fn refused_over_tcp() {
    refused(Transport::Mqtt);
}

/// Each CONNACK code has an error code of its own. [mqtt.md §1]
#[test]
fn connack_codes_are_told_apart() {
    for (connack, code) in [(1, -113), (2, -114), (3, -115), (4, -116), (5, -117)] {
        let device = device();
        let hub = Hub::start(&[&device]);
        hub.fault(json!({"action": "refuse", "packet": "connect", "code": connack}));
        let finished = launch(Transport::Wss, &device, &hub).run();
        refused_script(Transport::Wss, &device, code).check(&finished.entries);
        finished.expect(23);
    }
}

/// The server drops TCP instead of acknowledging: the loop goes on after a reconnect. [mqtt.md §4]
fn dropped_in_the_loop(transport: Transport) {
    let device = device();
    let hub = Hub::start(&[&device]);
    let mut run = launch(transport, &device, &hub).arg("-l").start();
    run.wait_for("publish success");
    hub.fault(json!({
        "action": "close", "packet": "puback", "direction": "out", "when": "before", "count": 1, "device": device.id(),
    }));
    run.wait_for("connection lost");
    if transport.is_websocket() {
        run.wait_for("websocket disconn");
    }
    run.wait_for("mqtt disconnect!");
    run.wait_for("attempt to reconnect...");
    run.wait_for("mqtt reconnect with id: ");
    run.wait_for("connection is back");
    let again = [run.wait_for("Identical topic found: "), run.wait_for("Identical topic found: ")];
    let topics = [device.sys_result_topic(), device.topic("data")];
    for topic in &topics {
        assert!(again.iter().any(|line| line.ends_with(&format!(": {topic}"))), "{topic}: {again:?}");
    }
    run.wait_for("publish topic seq");
    run.wait_for("publish success");
    assert_eq!(hub.publish(&device.topic("data"), "after", 0), 1);
    run.wait_for("payload:after");
    reconnect_is_a_fresh_start(transport, &device, &hub, run);
}

fn reconnect_is_a_fresh_start(transport: Transport, device: &Device, hub: &Hub, run: Program) {
    let connects = hub.events(&Query::kind("connect").device(device));
    assert_eq!(connects.len(), 2, "{connects:?}");
    assert_ne!(connects[0].0["connect"]["user_name"], connects[1].0["connect"]["user_name"], "connection id");
    let subscribes = hub.events(&Query::packet("subscribe").connection(connects[1].connection()));
    assert_eq!(subscribes.len(), 2, "{subscribes:?}");
    if transport.is_websocket() {
        let upgrades = hub.events(&Query::kind("upgrade"));
        assert_ne!(upgrades[0].text("request"), upgrades[1].text("request"), "WebSocket key");
    }
    let finished = run.stop();
    for event in ["connection lost", "connection is back"] {
        let told = finished.entries.iter().filter(|e| e.file == "mqtt_sample.c" && e.text == event);
        assert_eq!(told.count(), 1, "{event}\n{}", finished.output);
    }
}

#[test]
fn dropped_in_the_loop_over_wss() {
    dropped_in_the_loop(Transport::Wss);
}

#[test]
fn dropped_in_the_loop_over_ws() {
    dropped_in_the_loop(Transport::Ws);
}

#[test]
fn dropped_in_the_loop_over_tls() {
    dropped_in_the_loop(Transport::Mqtts);
}

#[test]
fn dropped_in_the_loop_over_tcp() {
    dropped_in_the_loop(Transport::Mqtt);
}

/// The upgrade is refused: every kind of answer has its code. [websocket.md §7]
#[test]
fn refused_upgrades_are_told_apart() {
    let answers = [(401, -9), (403, -9), (404, -10), (500, -8), (302, -8)];
    for transport in [Transport::Wss, Transport::Ws] {
        for (status, code) in answers {
            let device = device();
            let hub = Hub::start(&[&device]);
            hub.fault(json!({"action": "handshake", "status": status}));
            let finished = launch(transport, &device, &hub).run();
            assert_eq!(
                finished.with(&format!("websocket resp code :{status}")).len(),
                1,
                "{}",
                finished.output
            );
            failed_with(&finished, code);
        }
    }
}

fn failed_with(finished: &Finished, code: i32) {
    // No CONNECT was sent, so there is no connection id.
    let line = format!("mqtt connect with id:  failed: {code}");
    let found = finished.with(&line);
    assert_eq!(found.len(), 1, "\"{line}\"\n{}", finished.output);
    assert_eq!(found[0].level, "ERR");
    finished.expect(23);
}

/// PINGs with payload all the time: the log stays the same, each PONG comes at once.
fn pinged(transport: Transport) {
    let mut times = Vec::new();
    for _ in 0..ATTEMPTS {
        let device = device();
        let hub = Hub::start(&[&device]);
        hub.fault(json!({"action": "ws_ping", "every_ms": 100, "payload": "are you there?"}));
        let finished = launch(transport, &device, &hub).run();
        script(transport, &device).check(&finished.entries);
        finished.expect(0);
        let pongs = hub.wait(&Query::kind("pong").count(8));
        assert!(pongs.iter().all(|pong| pong.is("matched")), "{pongs:?}");
        let slowest = pongs.iter().filter_map(|pong| pong.0["latency_ms"].as_f64()).fold(0.0, f64::max);
        if slowest < 50.0 {
            return;
        }
        times.push(slowest);
    }
    panic!("slowest PONG of each run, in ms: {times:?}");
}

#[test]
fn defect_03_pings_are_no_mqtt_over_wss() {
    pinged(Transport::Wss);
}

#[test]
fn defect_04_pong_while_idle_over_ws() {
    pinged(Transport::Ws);
}

/// Every byte of the server comes by itself: nothing changes. [websocket.md §11]
fn byte_by_byte(transport: Transport) {
    let device = device();
    let hub = Hub::start(&[&device]);
    hub.fault(json!({"action": "fragment", "size": 1, "pause_ms": 1}));
    let finished = launch(transport, &device, &hub).run();
    script(transport, &device).check(&finished.entries);
    finished.expect(0);
}

#[test]
fn byte_by_byte_over_wss() {
    byte_by_byte(Transport::Wss);
}

#[test]
fn byte_by_byte_over_ws() {
    byte_by_byte(Transport::Ws);
}

#[test]
fn byte_by_byte_over_tcp() {
    byte_by_byte(Transport::Mqtt);
}
