//! Nothing is lost, under valgrind.

use super::*;
use crate::interface::programs::{CHECKED, has_valgrind};

fn checked_driver() -> Option<Driver> {
    if !has_valgrind() {
        eprintln!("left out: valgrind is not installed");
        return None;
    }
    Some(Driver::start(&CHECKED, &program()))
}

#[test]
fn valgrind_finds_nothing_in_a_session() {
    for transport in TRANSPORTS {
        let Some(device) = checked_driver() else { return };
        let mut gateway = Gateway::open_with(device, transport, "");
        gateway.online("probe-7");
        gateway.ask("online probe-8", 806);
        gateway.device.send("bind probe-9 secret");
        gateway.link.expect(PUBLISH);
        gateway.say(&reply("bind", "probe-9", 0));
        gateway.device.expect("bind probe-9 = 0 ");
        for command in ["list", "list free"] {
            gateway.device.send(command);
            gateway.expect(r#"{"type":"describe_sub_devices"}"#);
            let devices = vec![r#"{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"}"#; 40].join(",");
            gateway.say(&format!(r#"{{"type":"describe_sub_devices","payload":{{"devices":[{devices}]}}}}"#));
            gateway.device.expect("list = 0 num=40 ");
        }
        gateway.say(r#"{"type":"change","payload":{"status":0,"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"x"}]}}"#);
        gateway.say(r#"{"type":"search_devices","payload":{"status":1}}"#);
        gateway.device.yield_until("event 15 status=1 ", &[0]);
        assert_eq!(gateway.link.expect(PUBLISH).payload().len(), 111);
        gateway.link.expect(PUBLISH);
        let Gateway { peer, link, mut device } = gateway;
        link.close();
        device.run("await 2", "event 1 id=0");
        let mut link = accept(&peer, "gw-0");
        expect_message(&mut link, "gw-0", &request("online", "probe-7"));
        device.wait_for("await = ");
        Gateway { peer, link, device }.close();
    }
}

#[test]
fn valgrind_finds_nothing_when_gateways_fail_and_end_early() {
    let Some(mut device) = checked_driver() else { return };
    let peer = Peer::listen(Transport::Tcp);
    device.send(&format!("construct url={}", peer.url()));
    let mut link = peer.accept_session();
    let id = link.expect(SUBSCRIBE).id();
    link.send(&suback(id, 0x80));
    link.wait_for_end();
    device.expect("construct = null err=-108 ");

    device.send("hook event:16 1 destroy");
    let mut gateway = Gateway::open_with(device, Transport::WebSocket, "");
    gateway.device.send("online probe-7");
    gateway.expect(&request("online", "probe-7"));
    gateway.say(r#"{"type":"unbind_all"}"#);
    gateway.device.wait_for("> destroy = 0");
    gateway.device.expect("online probe-7 = -1001 ");

    let mut gateway = Gateway::open_with(gateway.device, Transport::Tcp, "");
    gateway.device.send("mqttdestroy");
    gateway.link.wait_for_end();
    gateway.device.expect("mqttdestroy = 0");
    gateway.device.run("destroy", "destroy = 0");
    gateway.device.finish();
}
