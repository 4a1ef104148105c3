//! Several threads, and the loop thread.

use super::*;
use std::collections::BTreeSet;

#[test]
fn requests_work_beside_a_loop_thread() {
    for transport in TRANSPORTS {
        let mut gateway = Gateway::open(transport);
        gateway.device.run("startloop", "startloop = 0");
        gateway.online("probe-7");
        gateway.say(r#"{"type":"search_devices","payload":{"status":1}}"#);
        gateway.device.expect("event 15 status=1 client=mqtt");
        gateway.expect(r#"{"type":"search_devices", "payload":{"status":1, "result":0}}"#);
        gateway.ask("unbind probe-7", 0);
        gateway.device.send("list");
        gateway.expect(r#"{"type":"describe_sub_devices"}"#);
        gateway.say(r#"{"type":"describe_sub_devices","payload":{"devices":[]}}"#);
        gateway.device.expect("list = 0 num=0 ");
        gateway.close();
    }
}

/// In the loop thread a request would wait for itself.
#[test]
fn a_request_in_a_callback_of_the_loop_thread_fails_at_once() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.send("hook event:16 1 online probe-7");
    gateway.device.run("startloop", "startloop = 0");
    gateway.say(r#"{"type":"unbind_all"}"#);
    gateway.device.expect("event 16 ");
    gateway.device.expect("> online probe-7 = -1001 ");
    gateway.expect(r#"{"type":"unbind_all", "payload":{"result":0}}"#);
    gateway.close();
}

#[test]
fn a_callback_of_the_loop_thread_may_destroy_the_gateway() {
    let mut gateway = Gateway::open(Transport::WebSocket);
    gateway.device.send("hook event:16 1 destroy");
    gateway.device.run("startloop", "startloop = 0");
    gateway.say(r#"{"type":"unbind_all"}"#);
    gateway.device.expect("event 16 ");
    gateway.device.expect("> destroy = 0");
    gateway.expect(r#"{"type":"unbind_all", "payload":{"result":0}}"#);
    gateway.link.wait_for_end();
    gateway.device.finish();
}

/// Name of the device in a request.
fn name_in(packet: &Packet) -> String {
    let json: serde_json::Value = serde_json::from_slice(packet.payload()).expect("JSON");
    json["payload"]["devices"][0]["device_name"].as_str().expect("a name").to_owned()
}

/// One request of a kind is under way; the others wait for their turn, and all succeed.
#[test]
fn requests_of_one_kind_come_one_after_the_other() {
    for with_loop in [false, true] {
        let mut gateway = Gateway::open(Transport::WebSocket);
        if with_loop {
            gateway.device.run("startloop", "startloop = 0");
        }
        let names = ["a", "b", "c", "d"];
        for name in names {
            gateway.device.send(&format!("thread online {name}"));
        }
        let mut asked = BTreeSet::new();
        for _ in names {
            let packet = gateway.link.expect(PUBLISH);
            // Nobody else asks while this one is not answered.
            let early = gateway.link.try_packet(std::time::Duration::from_millis(300));
            assert!(early.is_none(), "{early:?}");
            let name = name_in(&packet);
            gateway.say(&reply("online", &name, 0));
            gateway.device.expect(&format!("& online {name} = 0 "));
            asked.insert(name);
        }
        assert_eq!(asked, names.map(String::from).into());
        gateway.device.run("join", "join = 0");
        gateway.close();
    }
}

#[test]
fn requests_of_different_kinds_run_side_by_side() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.online("c");
    for command in ["online a", "unbind b", "offline c", "list"] {
        gateway.device.send(&format!("thread {command}"));
    }
    let kinds: BTreeSet<String> = (0..4)
        .map(|_| {
            let packet = gateway.link.expect(PUBLISH);
            let json: serde_json::Value = serde_json::from_slice(packet.payload()).expect("JSON");
            json["type"].as_str().expect("a type").to_owned()
        })
        .collect();
    assert_eq!(kinds, ["describe_sub_devices", "offline", "online", "unbind"].map(String::from).into());
    gateway.say(&reply("offline", "c", 0));
    gateway.device.expect("& offline c = 0 ");
    gateway.say(r#"{"type":"describe_sub_devices","payload":{"devices":[]}}"#);
    gateway.device.expect("& list = 0 num=0 ");
    gateway.say(&reply("unbind", "b", -1));
    gateway.device.expect("& unbind b = -1 ");
    gateway.say(&reply("online", "a", 0));
    gateway.device.expect("& online a = 0 ");
    gateway.device.run("join", "join = 0");
    gateway.close();
}

/// Two threads bring up the same sub-device: one request, and the other is told that it is online.
#[test]
fn the_same_sub_device_is_asked_for_once() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.send("thread online a");
    gateway.device.send("thread online a");
    gateway.expect(&request("online", "a"));
    gateway.say(&reply("online", "a", 0));
    let mut lines = [gateway.device.line(), gateway.device.line()];
    lines.sort();
    assert!(
        lines[0].starts_with("& online a = -224 ") && lines[1].starts_with("& online a = 0 "),
        "{lines:?}"
    );
    gateway.device.run("join", "join = 0");
    gateway.close();
}

/// Requests of different kinds, so that both are seen to wait.
#[test]
fn destroy_ends_requests_that_wait_in_other_threads() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.send("thread online a");
    assert_eq!(name_in(&gateway.link.expect(PUBLISH)), "a");
    gateway.device.send("thread list");
    gateway.expect(r#"{"type":"describe_sub_devices"}"#);
    gateway.device.send("destroy");
    gateway.link.wait_for_end();
    let mut lines = [gateway.device.line(), gateway.device.line(), gateway.device.line()];
    lines.sort();
    assert!(
        lines[0].starts_with("& list = -1001") && lines[1].starts_with("& online a = -1001 "),
        "{lines:?}"
    );
    assert!(lines[2].starts_with("destroy = 0"), "{lines:?}");
    gateway.device.run("join", "join = 0");
    gateway.device.finish();
}
