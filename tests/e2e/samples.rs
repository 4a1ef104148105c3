//! The other samples, what all of them owe their callers, and the clock of the device. [samples.md §§2.1, 3, 4]

use crate::session::Transport;
use crate::support::device::Device;
use crate::support::event::{Event, Query};
use crate::support::hub::Hub;
use crate::support::program::{Finished, Launch};
use crate::support::sdk;

/// The published Python session by our interface: PUBLISH does not wait for SUBACK. [samples.md §3]
fn python_session(transport: Transport) {
    let device = Device::key("UJDZES2SR2", "test1");
    let hub = Hub::start(&[&device]);
    // SUBACK comes late, so that a PUBLISH that waited for it would come after it.
    hub.fault(serde_json::json!({"action": "delay", "packet": "suback", "ms": 500}));
    let config = if transport.is_tls() { &sdk::KEY } else { &sdk::KEY_PLAIN };
    let sample = sdk::sample_with_local_names(config, "ws_session_sample");
    let finished = Launch::new(&sample).device(&device).trusting(&hub).public_names(&hub).run();
    finished.expect(0);
    let id = subscribed(&finished);
    check_wire(&hub, &device, id);
    check_events(&device, id, &finished);
}

/// Id of the subscription.
fn subscribed(finished: &Finished) -> u64 {
    let found = finished.with("subscribe success, packet-id=");
    let text = found.first().unwrap_or_else(|| panic!("no subscription\n{}", finished.output)).text.as_str();
    text.rsplit('=').next().and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id in {text}"))
}

fn check_wire(hub: &Hub, device: &Device, id: u64) {
    let is_packet = |event: &&Event| event.text("type") == "packet";
    let events = hub.events(&Query::kind("packet").device(device));
    let packets: Vec<(&str, &str)> =
        events.iter().filter(is_packet).map(|event| (event.text("dir"), event.text("packet"))).collect();
    let expected = [
        ("out", "connack"),
        ("in", "subscribe"),
        ("in", "publish"),
        ("out", "suback"),
        ("out", "publish"),
        ("in", "unsubscribe"),
        ("out", "unsuback"),
        ("in", "disconnect"),
    ];
    assert_eq!(packets, expected);
    let of = |dir: &str, name: &str| {
        let found = events.iter().find(|e| (e.text("dir"), e.text("packet")) == (dir, name));
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let next = if id == 65535 { 1 } else { id + 1 };
    assert_eq!((of("in", "subscribe").number("id"), of("in", "unsubscribe").number("id")), (id, next));
    assert_eq!((of("in", "publish").number("qos"), of("in", "publish").number("length")), (0, 37));
    assert_eq!(of("out", "publish").number("length"), 82);
    let connect = &hub.events(&Query::kind("connect").device(device))[0].0["connect"];
    assert_eq!((&connect["keep_alive"], &connect["clean_session"]), (&60.into(), &true.into()));
}

/// Events 3, message of 82 bytes, topic event 14, event 6.
fn check_events(device: &Device, id: u64, finished: &Finished) {
    let next = if id == 65535 { 1 } else { id + 1 };
    let message = format!("Receive Message With topicName:{}, payload:", device.sys_result_topic());
    let mut rest = finished.entries.iter();
    for expected in [
        format!("subscribe success, packet-id={id}"),
        message.clone(),
        "topic event 14".into(),
        format!("unsubscribe success, packet-id={next}"),
        "mqtt disconnect!".into(),
        "mqtt release!".into(),
        "session complete".into(),
    ] {
        assert!(
            rest.any(|entry| entry.text.starts_with(&expected)),
            "\"{expected}\" is not in its place\n{}",
            finished.output
        );
    }
    let payload = finished.with(&message)[0].text.trim_start_matches(&message);
    assert_eq!(payload.len(), 82, "{payload}");
}

#[test]
fn python_session_over_wss() {
    python_session(Transport::Wss);
}

#[test]
fn python_session_over_ws() {
    python_session(Transport::Ws);
}

/// Five threads publish, one subscribes and unsubscribes, the SDK's own receives. [samples.md §4]
fn many_threads(listener: &str) {
    let device = Device::key("ABCD1234EF", "threads");
    let hub = Hub::with(&[&device], &["echo_to_publisher = true"]);
    let finished =
        Launch::new(&sdk::KEY.sample("multi_thread_mqtt_sample")).device(&device).url(&hub, listener).run();
    finished.expect(0);
    assert_eq!(finished.with("MQTT multi-thread test: SUCCESS").len(), 1, "{}", finished.output);
    let data = device.topic("data");
    let sent = hub.events(&Query::packet("publish").topic(&data).by_device());
    assert!(sent.len() >= 50, "{} messages", sent.len());
    assert!(sent.iter().all(|message| message.number("qos") == 1), "all with QoS 1");
}

#[test]
fn many_threads_over_wss() {
    many_threads("wss");
}

#[test]
fn many_threads_over_ws() {
    many_threads("ws");
}

#[test]
fn many_threads_over_tcp() {
    many_threads("mqtt");
}

#[test]
fn many_threads_over_tls() {
    many_threads("mqtts");
}

/// Three devices in one process. [samples.md §4]
fn many_clients(listener: &str) {
    let devices = ["one", "two", "three"].map(|name| Device::key("ABCD1234EF", name));
    let hub = Hub::with(&devices.each_ref(), &["echo_to_publisher = true"]);
    let mut launch = Launch::new(&sdk::KEY.sample("multi_client_mqtt_sample")).arg("-l").arg("3");
    for (number, device) in (1..).zip(&devices) {
        launch = launch.device_file(&format!("psk_device_info{number}.json"), device);
    }
    let finished = launch.url(&hub, listener).run();
    finished.expect(0);
    for device in &devices {
        let sent =
            hub.events(&Query::packet("publish").device(device).topic(&device.topic("data")).by_device());
        assert_eq!(sent.len(), 3, "{}", device.name);
    }
}

#[test]
fn many_clients_over_wss() {
    many_clients("wss");
}

#[test]
fn many_clients_over_ws() {
    many_clients("ws");
}

/// Exit rules. [samples.md §2.1]
#[test]
fn missing_device_file_is_21() {
    for sample in ["mqtt_sample", "ws_session_sample", "multi_thread_mqtt_sample"] {
        Launch::new(&sdk::KEY.sample(sample)).run().expect(21);
    }
}

#[test]
fn incomplete_device_file_is_21() {
    let file = r#"{"auth_mode": "KEY", "region": "china", "productId": "7CN3UQ4VGT", "deviceName": "test1"}"#;
    Launch::new(&sdk::KEY.sample("mqtt_sample")).file("device_info.json", file).run().expect(21);
}

#[test]
fn no_connection_is_23() {
    let device = Device::key("7CN3UQ4VGT", "test1");
    let mut hub = Hub::start(&[&device]);
    let launch = Launch::new(&sdk::KEY.sample("mqtt_sample")).device(&device).url(&hub, "wss");
    hub.stop();
    let finished = launch.run();
    finished.expect(23);
    assert_eq!(finished.with("failed: -603").len(), 1, "{}", finished.output);
    assert_eq!(finished.entries.last().map(|entry| entry.text.as_str()), Some("MQTT Construct failed!"));
}

#[test]
fn unknown_option_is_255_with_usage() {
    for option in ["-x", "-h", "--help"] {
        let finished = Launch::new(&sdk::KEY.sample("mqtt_sample")).arg(option).run();
        finished.expect(255);
        let options: Vec<&str> = finished.output.lines().filter(|line| line.contains("[-")).collect();
        assert_eq!(options.len(), 2, "{}", finished.output);
        assert!(options[0].contains("-c") && options[1].contains("-l"), "{}", finished.output);
    }
}

#[test]
fn device_file_is_an_option() {
    let device = Device::key("7CN3UQ4VGT", "test1");
    let hub = Hub::start(&[&device]);
    let launch = Launch::new(&sdk::KEY.sample("mqtt_sample")).device_file("other.json", &device);
    launch.arg("-c").arg("other.json").url(&hub, "ws").run().expect(0);
}

/// The region of the device file may be a URL. [decisions.md §6]
#[test]
fn region_may_be_a_url() {
    let device = Device::key("7CN3UQ4VGT", "test1");
    let hub = Hub::start(&[&device]);
    let launch = Launch::new(&sdk::KEY.sample("mqtt_sample")).device(&device);
    let finished = launch.region(&hub.url("wss")).trusting(&hub).run();
    finished.expect(0);
    let told = finished.with(hub.address("wss"));
    assert_eq!(told.iter().filter(|entry| entry.text.contains("endpoint override")).count(), 1);
}

/// With the right to set the clock it is set: here by a port function of the program. [system.md §4]
#[test]
fn clock_is_set_by_the_port() {
    let device = Device::key("7CN3UQ4VGT", "test1");
    let hub = Hub::start(&[&device]);
    let sources = ["c_samples/mqtt_sample/mqtt_sample.c", "tests/c/own_clock.c"];
    let program = sdk::KEY.compile_with("mqtt_sample-own-clock", &sources, &["-D_GNU_SOURCE"]);
    let finished = Launch::new(&program).device(&device).url(&hub, "wss").run();
    finished.expect(0);
    let found = finished.with("set systime ms success, timestamp ");
    assert_eq!(found.len(), 1, "{}", finished.output);
    assert_eq!((found[0].level.as_str(), found[0].function.as_str()), ("INF", "IOT_Sync_NTPTime"));
    let told = found[0].text.trim_start_matches("set systime ms success, timestamp ").trim_end_matches(" ms");
    assert!(finished.output.contains(&format!("clock set to {told} ms\n")), "{}", finished.output);
}

/// The longest identity and secret there are, on every transport. [auth.md §6 vector C]
#[test]
fn longest_identity() {
    let secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v";
    let device = Device::with_secret("Z9Z9Z9Z9Z9", &"x".repeat(48), secret);
    let hub = Hub::start(&[&device]);
    for listener in ["mqtt", "mqtts", "ws", "wss"] {
        let launch = Launch::new(&sdk::KEY.sample("ws_session_sample")).device(&device);
        launch.url(&hub, listener).run().expect(0);
    }
    assert_eq!(hub.events(&Query::kind("connect").device(&device)).len(), 4);
}

/// A wrong secret is refused where the signature is checked, and ends the handshake where it is the key.
#[test]
fn wrong_secret_is_refused() {
    let device = Device::key("7CN3UQ4VGT", "test1");
    let hub = Hub::start(&[&device]);
    let impostor = Device::key("7CN3UQ4VGT", "test1");
    for (listener, code) in [("mqtt", -116), ("ws", -116), ("wss", -116), ("mqtts", -703)] {
        let launch = Launch::new(&sdk::KEY.sample("mqtt_sample")).device(&impostor);
        let finished = launch.url(&hub, listener).run();
        finished.expect(23);
        let line = format!("failed: {code}");
        assert_eq!(finished.with(&line).len(), 1, "{listener}: {line}\n{}", finished.output);
    }
}
