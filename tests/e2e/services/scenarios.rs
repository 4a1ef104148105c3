//! Samples that tell a story: a door and an air conditioner, several shadows in one process.

use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::{Launch, Program};
use crate::support::sdk::{self, Config};
use serde_json::json;

/// What the platform does with the door's events.
const RULE: &str = r#"
[[rule]]
from = "DOORPROD01/front/event"
to = "AIRCON0001/{targetDevice}/control"
payload = "original"
"#;

/// The hub with both devices and the rule between them.
struct House {
    hub: Hub,
    door: Device,
    cooler: Device,
}

impl House {
    fn new(make: fn(&str, &str) -> Device) -> House {
        let (door, cooler) = (make("DOORPROD01", "front"), make("AIRCON0001", "cooler-2"));
        let hub = Hub::with(&[&door, &cooler], &[RULE]);
        House { hub, door, cooler }
    }

    /// The door tells the air conditioner, and knows that the platform has taken it.
    fn tell(&self, config: &Config, listener: &str, action: &str) {
        let launch =
            Launch::new(&config.sample("door_mqtt_sample")).device(&self.door).url(&self.hub, listener);
        let finished = launch.arg("-t").arg(&self.cooler.name).arg("-a").arg(action).run();
        finished.expect(0);
        assert_eq!(finished.with("publish success, packet-id=").len(), 1, "{}", finished.output);
    }

    fn air_conditioner(&self, config: &Config, sample: &str, listener: &str) -> Program {
        let launch = Launch::new(&config.sample(sample)).device(&self.cooler).url(&self.hub, listener);
        let mut run = launch.start();
        run.wait_for("listening to control messages");
        run
    }
}

#[test]
fn the_door_tells_in_one_message() {
    let house = House::new(Device::key);
    house.tell(&sdk::KEY, "mqtt", "come_home");
    let event = Query::packet("publish").topic("DOORPROD01/front/event").by_device();
    let sent = house.hub.wait(&event);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].text("payload"), r#"{"action": "come_home", "targetDevice": "cooler-2"}"#);
    assert_eq!(sent[0].number("qos"), 1);
}

#[test]
fn the_door_wants_a_target_and_a_known_action() {
    for options in [&["-a", "come_home"][..], &["-t", "x", "-a", "ring"], &["-t", ""], &["-x"]] {
        let launch = Launch::new(&sdk::KEY.sample("door_mqtt_sample"));
        let finished = options.iter().fold(launch, |launch, option| launch.arg(option)).run();
        finished.expect(255);
        assert!(finished.output.contains("usage: "), "{options:?}: {}", finished.output);
    }
}

/// A platform that does not take the event is an error of the program.
#[test]
fn the_door_notices_that_it_is_not_heard() {
    let house = House::new(Device::key);
    house.hub.fault(json!({"action": "drop", "packet": "puback", "direction": "out"}));
    let launch = Launch::new(&sdk::KEY.sample("door_mqtt_sample")).device(&house.door).url(&house.hub, "ws");
    let finished = launch.arg("-t").arg("cooler-2").run();
    finished.expect(23);
    assert_eq!(finished.with("publish got no answer in time").len(), 1, "{}", finished.output);
}

fn come_and_go(config: &Config, make: fn(&str, &str) -> Device, listener: &str) {
    let house = House::new(make);
    let mut cooler = house.air_conditioner(config, "aircond_shadow_sample", listener);
    for (action, state) in [("come_home", "on"), ("leave_home", "off")] {
        house.tell(config, listener, action);
        cooler.wait_for(&format!(r#"control message: {{"action": "{action}", "targetDevice": "cooler-2"}}"#));
        cooler.wait_for(&format!("air conditioner is {state}"));
    }
    house.hub.publish(&house.cooler.topic("control"), r#"{"action": "dance"}"#, 0);
    cooler.wait_for("action dance is not known");
    cooler.wait_for("air conditioner is off");
    cooler.stop();
}

#[test]
fn the_door_switches_the_air_conditioner_over_ws() {
    come_and_go(&sdk::KEY_PLAIN, Device::key, "ws");
}

#[test]
fn the_door_switches_the_air_conditioner_over_tcp() {
    come_and_go(&sdk::KEY, Device::key, "mqtt");
}

#[test]
fn the_door_switches_the_air_conditioner_with_certificates_over_wss() {
    come_and_go(&sdk::CERT, Device::cert, "wss");
}

/// An application wants 22.5 degrees: the device takes that over, says so, and reports the energy it uses.
fn wanted_temperature(config: &Config, make: fn(&str, &str) -> Device, listener: &str) {
    let house = House::new(make);
    house.hub.shadow_set_desired(&house.cooler, json!({"temperatureDesire": 22.5}));
    let mut cooler = house.air_conditioner(config, "aircond_shadow_sample_v2", listener);
    cooler.wait_for(r#"desired: {"temperatureDesire":22.5}"#);
    cooler.wait_for("shadow get accepted");
    cooler.wait_for(r#""state":{"reported":{"temperatureDesire":22.500000},"desired": null}"#);
    cooler.wait_for("shadow update accepted");
    let state = house.hub.shadow(&house.cooler)["state"].take();
    assert_eq!((&state["reported"]["temperatureDesire"], &state["desired"]), (&22.5.into(), &json!(null)));
    house.tell(config, listener, "come_home");
    cooler.wait_for("air conditioner is on");
    cooler.wait_for("room 31, wanted 22, on");
    cooler.wait_for(r#""energyConsumption":1.000000"#);
    cooler.wait_for("shadow update accepted");
    let used = house.hub.shadow(&house.cooler)["state"]["reported"]["energyConsumption"].as_f64();
    assert!(used.is_some_and(|used| used >= 1.0), "{used:?}");
    house.hub.shadow_set_desired(&house.cooler, json!({"temperatureDesire": 24}));
    cooler.wait_for(r#"desired: {"temperatureDesire":24}"#);
    cooler.wait_for("wanted 24, on");
    let finished = cooler.stop();
    assert!(
        finished.with("rejected").is_empty() && finished.with("not sent").is_empty(),
        "{}",
        finished.output
    );
}

#[test]
fn the_wanted_temperature_over_ws() {
    wanted_temperature(&sdk::KEY_PLAIN, Device::key, "ws");
}

#[test]
fn the_wanted_temperature_over_tls() {
    wanted_temperature(&sdk::KEY, Device::key, "mqtts");
}

#[test]
fn the_wanted_temperature_with_certificates_over_wss() {
    wanted_temperature(&sdk::CERT, Device::cert, "wss");
}

/// Three devices in one process count; the platform's wish for the first is dropped before it counts on from there.
fn several_shadows(config: &Config, files: &str, make: fn(&str, &str) -> Device, listener: &str) {
    let devices = ["one", "two", "three"].map(|name| make("ABCD1234EF", name));
    let hub = Hub::start(&devices.each_ref());
    hub.shadow_set_desired(&devices[0], json!({"updateCount": 40}));
    let mut launch = Launch::new(&config.sample("multi_client_shadow_sample")).arg("-l").arg("3");
    for (number, device) in (1..).zip(&devices) {
        launch = launch.device_file(&format!("{files}_device_info{number}.json"), device);
    }
    let finished = launch.url(&hub, listener).run();
    finished.expect(0);
    assert_eq!(finished.with("3 of 3 reports accepted").len(), 3, "{}", finished.output);
    for (device, count) in devices.iter().zip([41, 2, 2]) {
        let state = hub.shadow(device)["state"].take();
        assert_eq!(state, json!({"reported": {"updateCount": count}}), "{}", device.name);
    }
}

#[test]
fn several_shadows_over_ws() {
    several_shadows(&sdk::KEY_PLAIN, "psk", Device::key, "ws");
}

#[test]
fn several_shadows_over_tcp() {
    several_shadows(&sdk::KEY, "psk", Device::key, "mqtt");
}

#[test]
fn several_shadows_with_certificates_over_wss() {
    several_shadows(&sdk::CERT, "cert", Device::cert, "wss");
}
