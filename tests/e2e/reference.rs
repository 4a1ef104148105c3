//! The published run of `mqtt_sample`, line by line and byte by byte. [samples.md §2.2]

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::json;

use crate::session::{Transport, script, upgrade_request};
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::{Finished, Launch};
use crate::support::sdk;

/// Identity of the published run, with a made-up secret. [auth.md §6 vector D]
fn key_device() -> Device {
    Device::with_secret("7CN3UQ4VGT", "test1", "c3VwZXItc2VjcmV0LWtleS0wMQ==")
}

/// A run to its end, with exit status 0, and the hub it met.
struct Run {
    hub: Hub,
    device: Device,
    transport: Transport,
    finished: Finished,
    /// What the placeholders of the script stood for.
    bound: BTreeMap<String, String>,
}

impl Run {
    /// The whole log must be that of the script.
    fn whole(sample: PathBuf, transport: Transport, device: Device, hub: Hub) -> Run {
        let finished = Launch::new(&sample).device(&device).trusting(&hub).public_names(&hub).run();
        let bound = script(transport, &device).check(&finished.entries);
        finished.expect(0);
        Run { hub, device, transport, finished, bound }
    }

    fn number(&self, label: &str) -> u64 {
        self.bound[label].parse().unwrap_or_else(|e| panic!("{label}: {e}"))
    }

    /// All that has to hold besides the order of lines.
    fn check_all(&self, password: Option<&str>) {
        self.check_packet_ids();
        self.check_time();
        self.check_connect(password);
        self.check_packets();
        if self.transport.is_websocket() {
            self.check_upgrade();
            self.check_frames();
        }
        if self.transport.is_tls() {
            self.check_tls();
        }
        assert!(self.finished.errors.is_empty(), "standard error: {}", self.finished.errors);
    }

    /// One counter for all requests that need an id. [mqtt.md §6]
    fn check_packet_ids(&self) {
        let sys = ["sys1", "sys2", "sys3"];
        let mut ids: Vec<u64> =
            sys.iter().filter(|id| self.bound.contains_key(**id)).map(|id| self.number(id)).collect();
        ids.extend(["data", "round 0"].map(|id| self.number(id)));
        let next = |id: u64| if id == 65535 { 1 } else { id + 1 };
        assert!(ids.windows(2).all(|pair| pair[1] == next(pair[0])), "packet ids {ids:?}");
    }

    /// The time shown is the platform's, and the clock is to be set to it plus half of the way. [system.md §4]
    fn check_time(&self) {
        assert_eq!(self.number("system time"), self.number("time time"));
        let sum = self.number("clock ntptime1") + self.number("clock ntptime2");
        let correction = self.number("timestamp") * 2 - sum;
        assert!(correction < 2000, "clock set {correction} half milliseconds beyond the platform's");
    }

    /// CONNECT as the platform knows it; that the signature is right is what the hub has found. [auth.md §§2, 3]
    fn check_connect(&self, password: Option<&str>) {
        // The hub's verdict; the packet itself came before it knew the device.
        let events = self.hub.wait(&Query::kind("connect").device(&self.device));
        assert_eq!(events.len(), 1, "{events:?}");
        let event = &events[0];
        assert_eq!((event.text("type"), event.number("code")), ("connect", 0), "{}", event.0);
        let connect = &event.0["connect"];
        let connection = &self.bound["connection"];
        let client_id = self.device.client_id();
        let expected = json!({
            "protocol": "MQTT", "level": 4, "client_id": client_id, "keep_alive": 120, "clean_session": true, "will": false,
            "user_name": format!("{client_id};21010406;{connection};92233720368547758"),
            "password": password.is_some(), "password_method": password,
        });
        for (name, value) in expected.as_object().into_iter().flatten() {
            assert_eq!(&connect[name], value, "{name} of {connect}");
        }
    }

    /// The packets and their order. [samples.md §2.2]
    fn check_packets(&self) {
        let sent = self.hub.events(&Query::kind("packet").device(&self.device).by_device());
        let names: Vec<&str> = sent.iter().map(|event| event.text("packet")).collect();
        let mut expected = vec!["subscribe", "publish", "publish", "subscribe", "publish", "disconnect"];
        let again = ["sys2", "sys3"].iter().filter(|id| self.bound.contains_key(**id)).count();
        expected.splice(0..0, std::iter::repeat_n("subscribe", again));
        assert_eq!(names, expected);
        for request in sent.iter().filter(|event| event.text("topic") == self.device.sys_topic()) {
            let (payload, length) = (request.text("payload"), request.number("length"));
            assert_eq!((payload, length), (r#"{"type": "get", "resource": ["time"]}"#, 37));
        }
    }

    /// The request line by line; the key is fresh. [websocket.md §2]
    fn check_upgrade(&self) {
        // The device is not known yet when its upgrade is.
        let upgrades = self.hub.wait(&Query::kind("upgrade"));
        assert_eq!(upgrades.len(), 1);
        let (host, port) = self.transport.public_host(&self.device);
        let key = &self.bound["websocket"];
        assert_eq!(upgrades[0].text("request"), upgrade_request(&format!("{host}:{port}"), key));
        assert_ne!(key, "MTIzNDU2Nzg5MGFiY2RlZg==", "the constant key");
    }

    /// One packet per masked binary frame, a new mask for each, CLOSE 1000 at the end. [websocket.md §§5.1, 5.4]
    fn check_frames(&self) {
        let mut frames = self.hub.wait(&Query::kind("ws_frame").by_device().count(8));
        let close = frames.pop().expect("a close frame");
        assert_eq!((close.number("opcode"), close.number("code")), (8, 1000), "{}", close.0);
        for frame in &frames {
            assert_eq!((frame.number("opcode"), frame.is("fin")), (2, true), "{}", frame.0);
        }
        let mut masks: Vec<&str> =
            frames.iter().chain([&close]).filter(|f| f.is("masked")).map(|f| f.text("mask")).collect();
        assert_eq!(masks.len(), frames.len() + 1, "every frame is masked");
        masks.sort_unstable();
        masks.dedup();
        assert_eq!(masks.len(), frames.len() + 1, "every mask is new");
        let packets = self.hub.events(&Query::kind("packet").by_device());
        assert_eq!(packets.len(), frames.len());
        assert!(packets.iter().all(|packet| packet.is("one_per_frame")), "{packets:?}");
    }

    /// The name is sent in the hello. [websocket.md §6]
    fn check_tls(&self) {
        let handshakes = self.hub.wait(&Query::kind("tls"));
        assert_eq!(handshakes[0].text("sni"), self.transport.public_host(&self.device).0);
    }
}

#[test]
fn key_device_over_wss() {
    let device = key_device();
    let hub = Hub::start(&[&device]);
    Run::whole(sdk::reference_sample(&sdk::KEY), Transport::Wss, device, hub).check_all(Some("hmacsha1"));
}

#[test]
fn key_device_over_ws() {
    let device = key_device();
    let hub = Hub::start(&[&device]);
    Run::whole(sdk::reference_sample(&sdk::KEY_PLAIN), Transport::Ws, device, hub)
        .check_all(Some("hmacsha1"));
}

#[test]
fn certificate_device_over_wss() {
    let device = Device::cert("CERTDEMO01", "lock1");
    let hub = Hub::start(&[&device]);
    Run::whole(sdk::reference_sample(&sdk::CERT), Transport::Wss, device, hub).check_all(Some("rsa-sha256"));
}

#[test]
fn key_device_over_tcp() {
    let device = key_device();
    let hub = Hub::start(&[&device]);
    let run = Run::whole(sdk::reference_sample(&sdk::KEY_TCP_PLAIN), Transport::Mqtt, device, hub);
    run.check_all(Some("hmacsha1"));
}

#[test]
fn key_device_over_tls_with_pre_shared_key() {
    let device = key_device();
    let hub = Hub::start(&[&device]);
    let run = Run::whole(sdk::reference_sample(&sdk::KEY_TCP), Transport::Mqtts, device, hub);
    run.check_all(None);
    let handshake = run.hub.wait(&Query::kind("tls")).remove(0);
    assert_eq!(handshake.text("psk_identity"), run.device.client_id());
    assert!(handshake.text("suite").contains("PSK"), "{}", handshake.0);
}

#[test]
fn certificate_device_over_tls() {
    let device = Device::cert("CERTDEMO01", "lock1");
    let hub = Hub::start(&[&device]);
    let run = Run::whole(sdk::reference_sample(&sdk::CERT_TCP), Transport::Mqtts, device, hub);
    run.check_all(None);
    let handshake = run.hub.wait(&Query::kind("tls")).remove(0);
    assert!(handshake.0["client_certificate"].is_string(), "{}", handshake.0);
}

#[test]
fn build_without_threads() {
    let device = key_device();
    let hub = Hub::start(&[&device]);
    Run::whole(sdk::reference_sample(&sdk::NO_THREADS), Transport::Wss, device, hub)
        .check_all(Some("hmacsha1"));
}

/// Besides the sample's own two Yields nothing takes half a second, where the original stalled three times. A busy
/// machine may stall a run, but hardly five.
fn no_stalls(config: &sdk::Config, transport: Transport) {
    let mut stalls = Vec::new();
    for _ in 0..5 {
        let device = key_device();
        let hub = Hub::start(&[&device]);
        let run = Run::whole(sdk::reference_sample(config), transport, device, hub);
        if run.finished.stalls <= 2 {
            return;
        }
        stalls.push((run.finished.stalls, run.finished.time));
    }
    panic!("stalls and time of each run: {stalls:?}");
}

#[test]
fn no_stalls_over_wss() {
    no_stalls(&sdk::KEY, Transport::Wss);
}

#[test]
fn no_stalls_over_ws() {
    no_stalls(&sdk::KEY_PLAIN, Transport::Ws);
}
