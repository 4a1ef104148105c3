//! Gateways on the local hub, which has bindings, rights and a console of its own.

use super::*;
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use serde_json::json;

const SECRET: &str = "MDEyMzQ1Njc4OTo7PD0+Pw==";
/// Of the driver's gateways.
const GATEWAY_SECRET: &str = "c2VjcmV0";

struct World {
    hub: Hub,
    gateway: Device,
    device: Driver,
}

fn sub_device(name: &str) -> Device {
    Device::with_secret("Z9Y8X7W6V5", name, SECRET)
}

/// Two gateways and so many sub-devices, `probe-0` and on, of which the first `bound` are bound to the first gateway,
/// which the driver has opened.
fn world(count: usize, bound: usize) -> World {
    let gateways = ["gw-0", "gw-1"].map(|name| Device::with_secret("A1B2C3D4E5", name, GATEWAY_SECRET));
    let sub_devices: Vec<Device> = (0..count).map(|number| sub_device(&format!("probe-{number}"))).collect();
    let ids: Vec<String> = sub_devices.iter().take(bound).map(Device::id).collect();
    let bind = format!("bind = {ids:?}");
    let lines = [
        ("A1B2C3D4E5", "type = \"gateway\"\nsubproducts = [\"Z9Y8X7W6V5\"]"),
        ("Z9Y8X7W6V5", "type = \"subdevice\""),
        ("A1B2C3D4E5/gw-0", bind.as_str()),
    ];
    let devices: Vec<&Device> = gateways.iter().chain(&sub_devices).collect();
    let hub = Hub::with_lines(&devices, &["echo_to_publisher = true"], &lines);
    let mut device = Driver::start(&[], &program());
    device.run(&format!("construct url={}", hub.url("ws")), "construct = gateway ");
    let [gateway, _] = gateways;
    World { hub, gateway, device }
}

impl World {
    #[track_caller]
    fn close(mut self) {
        self.device.send("destroy");
        self.device.wait_for("destroy = 0");
        self.device.finish();
    }
}

#[test]
fn bind_is_judged_by_signature_and_bindings() {
    let mut world = world(2, 0);
    let device = &mut world.device;
    device.run("bind probe-0 d3Jvbmc=", "bind probe-0 = 803 ");
    device.run(&format!("bind probe-0 {SECRET}"), "bind probe-0 = 0 ");
    device.run(&format!("bind probe-0 {SECRET}"), "bind probe-0 = 809 ");
    device.run(&format!("bind nobody {SECRET}"), "bind nobody = 802 ");
    device.run(&format!("@1 construct url={}", world.hub.url("mqtt")), "@1 construct = gateway ");
    device.run(&format!("@1 bind probe-0 {SECRET}"), "@1 bind probe-0 = 806 ");
    device.run("@1 online probe-0", "@1 online probe-0 = -1 ");
    device.run("@1 unbind probe-0", "@1 unbind probe-0 = -1 ");
    device.run("@1 destroy", "@1 destroy = 0");
    device.run("online probe-0", "online probe-0 = 0 ");
    device.run("unbind probe-0", "unbind probe-0 = 0 ");
    device.run("online probe-0", "online probe-0 = -1 ");
    world.close();
}

#[test]
fn lists_have_what_is_bound() {
    for bound in [0, 1, 40] {
        let mut world = world(41, bound);
        let line = world.device.run("list", &format!("list = 0 num={bound} names="));
        for number in 0..bound {
            assert!(line.contains(&format!("Z9Y8X7W6V5/probe-{number}")), "{line}");
        }
        world.close();
    }
}

/// Topics of a sub-device are open while it is online.
#[test]
fn a_sub_device_speaks_while_it_is_online() {
    let mut world = world(1, 1);
    let topic = "Z9Y8X7W6V5/probe-0/data";
    let device = &mut world.device;
    // Offline: the subscription is refused, and the message goes nowhere.
    device.run(&format!("subscribe {topic} 0"), "subscribe = ");
    device.yield_until("topic-event 5", &[0, -108]);
    device.run(&format!("publish {topic} 0 too early"), "publish = ");
    device.run("online probe-0", "online probe-0 = 0 ");
    device.run(&format!("subscribe {topic} 0"), "subscribe = ");
    device.yield_until("topic-event 3", &[0, -108]);
    device.run(&format!("publish {topic} 0 hello"), "publish = ");
    device.yield_until(&format!("message first topic={topic} payload=hello client=mqtt"), &[0]);
    assert_eq!(world.hub.publish(topic, "from the console", 0), 1);
    device.yield_until(&format!("message first topic={topic} payload=from the console "), &[0]);
    device.run("offline probe-0", "offline probe-0 = 0 ");
    device.run("offline probe-0", "offline probe-0 = -222 ");
    assert_eq!(world.hub.publish(topic, "nobody is there", 0), 0);
    world.close();
}

#[test]
fn the_console_binds_unbinds_and_searches() {
    let mut world = world(3, 1);
    world.device.run("online probe-0", "online probe-0 = 0 ");
    for (on, status) in [(true, 1), (false, 0)] {
        assert_eq!(world.hub.gateway_search(&world.gateway, on), 1);
        world.device.yield_until(&format!("event 15 status={status} client=mqtt"), &[0]);
    }
    let [zero, one, two] = ["probe-0", "probe-1", "probe-2"].map(sub_device);
    assert_eq!(world.hub.gateway_bind(&world.gateway, &[&one, &two]), 1);
    world.device.run("online probe-1", "online probe-1 = 0 ");
    assert_eq!(world.hub.gateway_unbind(&world.gateway, &[&zero, &one]), 1);
    // The push is read before the reply to a later request.
    world.device.run("list", "list = 0 num=1 names= Z9Y8X7W6V5/probe-2");
    world.device.run("offline probe-0", "offline probe-0 = -222 ");
    world.device.run("online probe-1", "online probe-1 = -1 ");
    world.device.run("online probe-2", "online probe-2 = 0 ");
    assert_eq!(world.hub.gateway_unbind_all(&world.gateway), 1);
    world.device.yield_until("event 16 id=0 client=mqtt", &[0]);
    world.device.run("offline probe-2", "offline probe-2 = -222 ");
    world.device.run("list", "list = 0 num=0 ");
    let acks = world.hub.gateway(&world.gateway)["acks"].to_string();
    for kind in ["search_devices", "change", "unbind_all"] {
        assert!(acks.contains(kind), "{acks}");
    }
    world.close();
}

/// The hub takes the sub-device offline with the connection, and refuses what is asked for it before it is back.
#[test]
fn a_gateway_that_was_kicked_has_its_sub_devices_back() {
    let mut world = world(2, 2);
    let topic = "Z9Y8X7W6V5/probe-0/data";
    world.device.run("online probe-0", "online probe-0 = 0 ");
    world.device.run("online probe-1", "online probe-1 = 0 ");
    world.device.run(&format!("subscribe {topic} 1"), "subscribe = ");
    world.device.yield_until("topic-event 3", &[0]);
    assert!(world.hub.kick(&world.gateway));
    world.device.send("await 2");
    world.device.wait_for("event 2 id=0 client=mqtt");
    world.device.wait_for("await = ");
    // Two subscriptions, each made and renewed.
    world.hub.wait(&Query::packet("suback").device(&world.gateway).count(4));
    world.device.send("yield 200");
    world.device.wait_for("yield = 0 ");
    world.device.run(&format!("ready {topic}"), "ready = 1");
    assert_eq!(world.hub.publish(topic, "still there", 0), 1);
    world.device.yield_until(&format!("message first topic={topic} payload=still there "), &[0]);
    world.device.run("online probe-0", "online probe-0 = -224 ");
    world.device.run("online probe-1", "online probe-1 = -224 ");
    world.close();
}

#[test]
fn faults_of_the_platform_are_told() {
    let mut world = world(1, 1);
    world.hub.fault(json!({"action": "force_result", "service": "gateway", "result": -2, "count": 1}));
    world.device.run("online probe-0", "online probe-0 = -2 ");
    world.hub.fault(json!({"action": "delay", "service": "gateway", "ms": 700, "count": 1}));
    world.device.run("online probe-0", "online probe-0 = 0 ");
    world.close();
}
