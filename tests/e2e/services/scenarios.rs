//! Samples that tell a story: a door that tells an air conditioner.

use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::Launch;
use crate::support::sdk::{self, Config};

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
    house.hub.fault(serde_json::json!({"action": "drop", "packet": "puback", "direction": "out"}));
    let launch = Launch::new(&sdk::KEY.sample("door_mqtt_sample")).device(&house.door).url(&house.hub, "ws");
    let finished = launch.arg("-t").arg("cooler-2").run();
    finished.expect(23);
    assert_eq!(finished.with("publish got no answer in time").len(), 1, "{}", finished.output);
}
