//! What the application asks for, and what becomes of it.

use super::*;
use crate::interface::driver::took;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};

/// Online, messages, offline: each once, and what a second one returns.
#[test]
fn the_life_of_a_sub_device() {
    for transport in TRANSPORTS {
        let mut gateway = Gateway::open(transport);
        gateway.online("probe-7");
        gateway.device.run("online probe-7", "online probe-7 = -224 ");
        gateway.device.run("subscribe Z9Y8X7W6V5/probe-7/data 0", "subscribe = ");
        grant(&mut gateway.link, "Z9Y8X7W6V5/probe-7/data", 0);
        let (before, _) = gateway.device.yield_until("topic-event 3", &[0]);
        assert!(
            before.iter().all(|line| line.starts_with("event 3 ") && line.ends_with("client=mqtt")),
            "{before:?}"
        );
        gateway.device.run("ready Z9Y8X7W6V5/probe-7/data", "ready = 1");
        gateway.device.run("publish Z9Y8X7W6V5/probe-7/data 1 up", "publish = ");
        let message = gateway.link.expect(PUBLISH);
        assert_eq!((message.topic().as_str(), message.payload()), ("Z9Y8X7W6V5/probe-7/data", &b"up"[..]));
        gateway.link.send(&answer(0x40, message.id()));
        gateway.device.yield_until(&format!("event 9 id={} client=mqtt", message.id()), &[0]);
        gateway.link.send(&publish(0, "Z9Y8X7W6V5/probe-7/data", 0, b"down"));
        gateway
            .device
            .yield_until("message first topic=Z9Y8X7W6V5/probe-7/data payload=down client=mqtt", &[0]);
        gateway.device.run("unsubscribe Z9Y8X7W6V5/probe-7/data", "topic-event 14");
        gateway.device.expect("unsubscribe = ");
        gateway.link.expect(UNSUBSCRIBE);
        gateway.ask("offline probe-7", 0);
        gateway.device.run("offline probe-7", "offline probe-7 = -222 ");
        gateway.close();
    }
}

#[test]
fn offline_without_online_asks_nobody() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.run("offline probe-7", "offline probe-7 = -222 ");
    gateway.close();
}

#[test]
fn the_platforms_codes_are_returned_as_they_are() {
    let mut gateway = Gateway::open(Transport::Tcp);
    for code in [806, -1, 808, -2] {
        gateway.ask("online probe-7", code);
        gateway.device.run("offline probe-7", "offline probe-7 = -222 ");
    }
    gateway.online("probe-7");
    gateway.ask("offline probe-7", -1);
    gateway.device.run("online probe-7", "online probe-7 = -224 ");
    gateway.ask("unbind probe-7", -1);
    gateway.device.run("online probe-7", "online probe-7 = -224 ");
    gateway.ask("unbind probe-7", 802);
    gateway.close();
}

#[test]
fn unbind_ends_the_session() {
    let mut gateway = Gateway::open(Transport::WebSocket);
    gateway.online("probe-7");
    gateway.online("probe-71");
    gateway.ask("unbind probe-7", 0);
    gateway.device.run("offline probe-7", "offline probe-7 = -222 ");
    gateway.online("probe-7");
    gateway.device.run("online probe-71", "online probe-71 = -224 ");
    gateway.close();
}

/// Checks the only parts of a bind that are not fixed, and the rest byte for byte; the time in it.
#[track_caller]
fn check_bind(payload: &[u8], name: &str, secret: &str) -> i64 {
    let text = std::str::from_utf8(payload).expect("UTF-8");
    let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let device = &json["payload"]["devices"][0];
    let (random, timestamp) =
        (device["random"].as_u64().expect("random"), device["timestamp"].as_i64().expect("time"));
    assert!(random < 1 << 31, "{random}");
    let mut mac = <Hmac<sha1::Sha1>>::new_from_slice(secret.as_bytes()).expect("any key");
    mac.update(format!("Z9Y8X7W6V5{name};{random};{timestamp}").as_bytes());
    let signature = BASE64.encode(mac.finalize().into_bytes());
    let expected = format!(
        r#"{{"type":"bind","payload":{{"devices":[{{"product_id":"Z9Y8X7W6V5","device_name":"{name}","signature":"{signature}","random":{random},"timestamp":{timestamp},"signmethod":"hmacsha1","authtype":"psk"}}]}}}}"#
    );
    assert_eq!(text, expected);
    timestamp
}

fn epoch_seconds() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_secs()).expect("seconds")
}

#[test]
fn bind_is_signed_with_the_secret_as_text() {
    const SECRET: &str = "MDEyMzQ1Njc4OTo7PD0+Pw==";
    let mut gateway = Gateway::open(Transport::Tcp);
    for code in [0, 809, 803, 806, -2] {
        gateway.device.send(&format!("bind probe-7 {SECRET}"));
        let message = gateway.link.expect(PUBLISH);
        assert_eq!((message.topic(), message.qos()), (operation("gw-0"), 0));
        let age = epoch_seconds() - check_bind(message.payload(), "probe-7", SECRET);
        assert!((0..60).contains(&age), "{age} s old");
        gateway.say(&reply("bind", "probe-7", code));
        gateway.device.expect(&format!("bind probe-7 = {code} "));
    }
    assert!(!gateway.device.log_has("MDEyMzQ1Njc4OTo7PD0"), "no secret in the log");
    gateway.close();
}

#[test]
fn a_bind_after_2038_has_its_time() {
    let program =
        build("gateway_2100", &["gateway_driver.c", "script.c", "clock_of_2100.c"], &ARCHIVES, &plain_sdk());
    let mut gateway = Gateway::open_with(Driver::start(&[], &program), Transport::Tcp, "");
    gateway.device.send("bind probe-7 secret");
    let message = gateway.link.expect(PUBLISH);
    assert_eq!(check_bind(message.payload(), "probe-7", "secret"), 4_102_444_800);
    gateway.say(&reply("bind", "probe-7", 0));
    gateway.device.expect("bind probe-7 = 0 ");
    gateway.close();
}

/// `{"type":"describe_sub_devices",…}` with so many entries.
fn list_of(count: usize) -> String {
    let entry = |number| format!(r#"{{"product_id":"Z9Y8X7W6V5","device_name":"probe-{number}"}}"#);
    let entries: Vec<String> = (0..count).map(entry).collect();
    format!(r#"{{"type":"describe_sub_devices","payload":{{"devices":[{}]}}}}"#, entries.join(","))
}

#[test]
fn lists_come_whole_and_in_the_known_order() {
    let mut gateway = Gateway::open(Transport::WebSocket);
    for (count, command) in [(0, "list"), (1, "list"), (2, "list free"), (40, "list"), (200, "list free")] {
        gateway.device.send(command);
        gateway.expect(r#"{"type":"describe_sub_devices"}"#);
        gateway.say(&list_of(count));
        let names: String = (0..count).rev().map(|number| format!(" Z9Y8X7W6V5/probe-{number}")).collect();
        let line = gateway.device.expect(&format!("list = 0 num={count} names="));
        assert_eq!(line, format!("list = 0 num={count} names={names}"));
    }
    gateway.close();
}

#[test]
fn names_in_a_list_are_cut_to_their_arrays() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.send("list");
    gateway.expect(r#"{"type":"describe_sub_devices"}"#);
    let name = "x".repeat(60);
    gateway.say(&format!(
        r#"{{"type":"describe_sub_devices","payload":{{"devices":[{{"product_id":"Z9Y8X7W6V5W4","device_name":"{name}"}}]}}}}"#
    ));
    gateway.device.expect(&format!("list = 0 num=1 names= Z9Y8X7W6V5/{}", &name[..48]));
    gateway.close();
}

/// Names are compared as a whole, types too, and only the first device of a reply counts.
#[test]
fn replies_for_others_are_not_taken() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.send("online probe-7");
    gateway.expect(&request("online", "probe-7"));
    for other in ["probe-71", "probe-", "probe", "Probe-7"] {
        gateway.say(&reply("online", other, 806));
    }
    gateway.say(&reply("offline", "probe-7", 806));
    gateway.say(&reply("online ", "probe-7", 806));
    gateway.say(&reply("onlin", "probe-7", 806));
    gateway.say(&reply("online", "probe-7", 806).replace("Z9Y8X7W6V5", "Z9Y8X7W6V"));
    gateway.say(
        &reply("online", "probe-8", 806)
            .replace("]}}", r#",{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":806}]}}"#),
    );
    gateway.link.send(&publish(
        0,
        "$gateway/operation/result/A1B2C3D4E5/gw-1",
        0,
        reply("online", "probe-7", 806).as_bytes(),
    ));
    gateway.device.expect("message default topic=$gateway/operation/result/A1B2C3D4E5/gw-1 ");
    gateway.say(&reply("online", "probe-7", 0));
    gateway.device.expect("online probe-7 = 0 ");
    gateway.close();
}

#[test]
fn without_a_reply_it_is_1001_after_20_s() {
    for transport in TRANSPORTS {
        let mut gateway = Gateway::open_fast(transport);
        gateway.online("kept");
        for command in ["online probe-7", "unbind probe-7", "offline kept"] {
            let kind = command.split(' ').next().expect("a kind");
            let name = command.split(' ').nth(1).expect("a name");
            gateway.device.send(command);
            gateway.expect(&request(kind, name));
            gateway.say(&reply(kind, "another", 0));
            let line = gateway.device.expect(&format!("{command} = -1001 "));
            // Twenty times faster.
            assert!((999..20_000).contains(&took(&line)), "{line}");
        }
        gateway.device.send("bind probe-7 secret");
        gateway.link.expect(PUBLISH);
        gateway.device.expect("bind probe-7 = -1001 ");
        gateway.device.send("list");
        gateway.expect(r#"{"type":"describe_sub_devices"}"#);
        gateway.device.expect("list = -1001");
        // What was not answered has changed nothing; a reply that comes too late does not either.
        gateway.say(&reply("online", "probe-7", 0));
        gateway.device.run("offline probe-7", "offline probe-7 = -222 ");
        gateway.device.run("online kept", "online kept = -224 ");
        gateway.close();
    }
}

/// Other things go wrong while it waits: that is no reason to give up.
#[test]
fn a_request_outlasts_what_concerns_others() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.run("subscribe refused 0", "subscribe = ");
    let subscribe = gateway.link.expect(SUBSCRIBE);
    gateway.device.send("online probe-7");
    gateway.expect(&request("online", "probe-7"));
    gateway.link.send(&suback(subscribe.id(), 0x80));
    gateway.device.expect(&format!("event 5 id={} ", subscribe.id()));
    gateway.device.expect("topic-event 5");
    gateway.link.send(&packet(0xf0, &[]));
    gateway.say("not for us");
    gateway.say(&reply("online", "probe-7", 0));
    gateway.device.expect("online probe-7 = 0 ");
    gateway.close();
}
