//! What callbacks may do: everything but wait for the platform.

use super::*;
use crate::interface::driver::took;

const SEARCH: &str = r#"{"type":"search_devices","payload":{"status":1}}"#;
const SEARCH_ACK: &str = r#"{"type":"search_devices", "payload":{"status":1, "result":0}}"#;

#[test]
fn a_request_inside_a_callback_fails_at_once() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.online("known");
    for command in ["online probe-7", "online known", "offline known", "unbind known", "list"] {
        gateway.device.send(&format!("hook event:15 1 {command}"));
        gateway.say(SEARCH);
        gateway.device.yield_until("event 15 ", &[0]);
        let line = gateway.device.expect(&format!("> {command} = -1001"));
        assert!(!line.contains("ms=") || took(&line) < 1000, "{line}");
        gateway.expect(SEARCH_ACK);
    }
    gateway.close();
}

#[test]
fn callbacks_may_publish_and_subscribe() {
    let mut gateway = Gateway::open(Transport::WebSocket);
    for command in ["publish Z9Y8X7W6V5/a/data 0 x", "subscribe Z9Y8X7W6V5/a/data 0", "yield 10", "ready a"] {
        gateway.device.send(&format!("hook event:15 1 {command}"));
        gateway.say(SEARCH);
        gateway.device.yield_until("event 15 ", &[0]);
        gateway.device.expect("> ");
        gateway.expect(SEARCH_ACK);
        match command.split(' ').next() {
            Some("publish") => assert_eq!(gateway.link.expect(PUBLISH).payload(), b"x"),
            Some("subscribe") => {
                grant(&mut gateway.link, "Z9Y8X7W6V5/a/data", 0);
                gateway.device.yield_until("topic-event 3", &[0]);
            }
            _ => {}
        }
    }
    gateway.close();
}

/// In a push, in a message, in the loss of the connection, and while a request waits.
#[test]
fn callbacks_may_destroy_the_gateway() {
    for trigger in ["event:15", "event:16", "message", "event:1"] {
        for command in ["yield 20000", "online probe-8"] {
            let mut gateway = Gateway::open(Transport::Tcp);
            gateway.online("probe-7");
            gateway.device.run("subscribe Z9Y8X7W6V5/probe-7/data 0", "subscribe = ");
            grant(&mut gateway.link, "Z9Y8X7W6V5/probe-7/data", 0);
            gateway.device.yield_until("topic-event 3", &[0]);
            gateway.device.send(&format!("hook {trigger} 1 destroy"));
            gateway.device.send(command);
            if command.starts_with("online") {
                gateway.expect(&request("online", "probe-8"));
            }
            match trigger {
                "event:15" => gateway.say(SEARCH),
                "event:16" => gateway.say(r#"{"type":"unbind_all"}"#),
                "message" => gateway.link.send(&publish(0, "Z9Y8X7W6V5/probe-7/data", 0, b"x")),
                _ => std::mem::replace(&mut gateway.link, Connection::none()).close(),
            }
            gateway.device.wait_for("> topic-event 13");
            gateway.device.expect("> destroy = 0");
            let result = if command.starts_with("online") { "online probe-8 = -1001 " } else { "yield = 2 " };
            let line = gateway.device.expect(result);
            assert!(took(&line) < 10_000, "{trigger}: {line}");
            gateway.device.finish();
        }
    }
}

/// A callback of Destroy itself: the gateway is still there, and the outer call releases it.
#[test]
fn destroy_inside_destroy_releases_once() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.run("subscribe a 0", "subscribe = ");
    grant(&mut gateway.link, "a", 0);
    gateway.device.yield_until("topic-event 3", &[0]);
    gateway.device.send("hook topic:13 1 again");
    gateway.device.send("destroy");
    gateway.link.wait_for_end();
    gateway.device.expect("topic-event 13");
    gateway.device.expect("> again = 0");
    gateway.device.expect("destroy = 0");
    gateway.device.finish();
}
