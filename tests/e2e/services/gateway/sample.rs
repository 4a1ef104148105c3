//! `gateway_sample` as users run it, with the console at the other end.

use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::Launch;
use crate::support::sdk::{self, Config};
use serde_json::json;

struct World {
    hub: Hub,
    gateway: Device,
    sub_device: Device,
}

/// A gateway and a sub-device that is not bound yet.
fn world(is_certificate: bool) -> World {
    let device = if is_certificate { Device::cert } else { Device::key };
    let (gateway, sub_device) = (device("A1B2C3D4E5", "gateway"), device("Z9Y8X7W6V5", "probe-7"));
    let lines = [
        ("A1B2C3D4E5", "type = \"gateway\"\nsubproducts = [\"Z9Y8X7W6V5\"]"),
        ("Z9Y8X7W6V5", "type = \"subdevice\""),
    ];
    let hub = Hub::with_lines(&[&gateway, &sub_device], &["echo_to_publisher = true"], &lines);
    World { hub, gateway, sub_device }
}

impl World {
    /// The sample with its two device files: `gateway.json` and `sub_device.json`.
    fn launch(&self, config: &Config, listener: &str) -> Launch {
        let mut file = self.gateway.file("china");
        file["subDev"] =
            json!({"sub_productId": self.sub_device.product, "sub_devName": self.sub_device.name});
        Launch::new(&config.sample("gateway_sample"))
            .device(&self.gateway)
            .device_file("sub_device.json", &self.sub_device)
            .file("gateway.json", file.to_string())
            .arg("-c")
            .arg("gateway.json")
            .url(&self.hub, listener)
    }
}

/// Binds, lists, comes online, speaks and listens, goes offline.
fn whole_session(config: &Config, listener: &str, is_certificate: bool) {
    let world = world(is_certificate);
    let data = world.sub_device.topic("data");
    let launch = world.launch(config, listener).arg("-b").arg("sub_device.json").arg("-l").arg("20");
    let mut run = launch.start();
    run.wait_for("Gateway Construct Success");
    run.wait_for("bound Z9Y8X7W6V5/probe-7");
    run.wait_for("1 sub-devices are bound");
    run.wait_for("Z9Y8X7W6V5/probe-7 is online");
    run.wait_for("publish success");
    assert_eq!(world.hub.publish(&data, "hello from the console", 0), 1);
    run.wait_for("payload:hello from the console");
    assert_eq!(world.hub.gateway_search(&world.gateway, true), 1);
    run.wait_for("platform asks to start the search");
    run.wait_for("Z9Y8X7W6V5/probe-7 is offline");
    run.finish().expect(0);
    let sent = world.hub.events(&Query::packet("publish").topic(&data).by_device());
    assert_eq!(sent.len(), 20);
    assert!(sent.iter().all(|message| message.number("qos") == 1));
}

#[test]
fn whole_session_over_ws() {
    whole_session(&sdk::KEY, "ws", false);
}

#[test]
fn whole_session_over_wss() {
    whole_session(&sdk::KEY, "wss", false);
}

#[test]
fn whole_session_over_tcp() {
    whole_session(&sdk::KEY, "mqtt", false);
}

#[test]
fn whole_session_over_ws_with_certificates() {
    whole_session(&sdk::CERT, "ws", true);
}

#[test]
fn whole_session_over_tls_with_certificates() {
    whole_session(&sdk::CERT, "mqtts", true);
}

/// The second run finds it bound, and binds it anew; without `-b` the binding serves.
#[test]
fn a_binding_outlasts_the_program() {
    let world = world(false);
    for (round, arguments) in
        [&["-b", "sub_device.json"][..], &["-b", "sub_device.json"], &[]].iter().enumerate()
    {
        let launch =
            arguments.iter().fold(world.launch(&sdk::KEY, "ws"), |launch, argument| launch.arg(argument));
        let finished = launch.run();
        finished.expect(0);
        assert_eq!(finished.with("is bound already").len(), usize::from(round == 1), "{}", finished.output);
    }
}

#[test]
fn an_unbound_sub_device_does_not_come_online() {
    let world = world(false);
    let finished = world.launch(&sdk::KEY, "ws").run();
    finished.expect(255); // -1, the platform's code
    assert_eq!(finished.with("does not come online: -1").len(), 1, "{}", finished.output);
}

#[test]
fn the_device_file_needs_a_sub_device() {
    let world = world(false);
    let launch = world.launch(&sdk::KEY, "ws").file("gateway.json", world.gateway.file("china").to_string());
    launch.run().expect(21);
}

#[test]
fn unknown_options_are_255_with_usage() {
    for arguments in [&["-x"][..], &["-l", "0"], &["-l", "many"]] {
        let launch = Launch::new(&sdk::KEY.sample("gateway_sample"));
        let finished = arguments.iter().fold(launch, |launch, argument| launch.arg(argument)).run();
        finished.expect(255);
        assert_eq!(
            finished.output.lines().filter(|line| line.contains("[-")).count(),
            3,
            "{}",
            finished.output
        );
    }
}
