//! What the platform starts, and how it is acknowledged.

use super::*;

fn change(status: i32, names: &[&str]) -> String {
    let device = |name: &&str| format!(r#"{{"product_id":"Z9Y8X7W6V5","device_name":"{name}"}}"#);
    let devices: Vec<String> = names.iter().map(device).collect();
    format!(r#"{{"type":"change","payload":{{"status":{status},"devices":[{}]}}}}"#, devices.join(","))
}

#[test]
fn a_search_is_acknowledged_and_told() {
    for transport in TRANSPORTS {
        let mut gateway = Gateway::open(transport);
        for status in [1, 0] {
            gateway.say(&format!(r#"{{"type":"search_devices","payload":{{"status":{status}}}}}"#));
            gateway.device.yield_until(&format!("event 15 status={status} client=mqtt"), &[0]);
            gateway.expect(&format!(
                r#"{{"type":"search_devices", "payload":{{"status":{status}, "result":0}}}}"#
            ));
        }
        gateway.close();
    }
}

#[test]
fn unbind_all_ends_all_sessions() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.online("probe-7");
    gateway.online("probe-8");
    gateway.say(r#"{"type":"unbind_all"}"#);
    gateway.device.yield_until("event 16 id=0 client=mqtt", &[0]);
    gateway.expect(r#"{"type":"unbind_all", "payload":{"result":0}}"#);
    gateway.device.run("offline probe-7", "offline probe-7 = -222 ");
    gateway.online("probe-8");
    gateway.close();
}

/// No event comes for a change: the next line of the driver is that of its next command.
#[test]
fn change_is_acknowledged_for_each_device_and_ends_sessions() {
    let mut gateway = Gateway::open(Transport::WebSocket);
    for name in ["a", "b", "c"] {
        gateway.online(name);
    }
    for status in [1, 0] {
        gateway.say(&change(status, &["a", "b"]));
        gateway.settle();
        gateway.expect(&format!(
            r#"{{"type":"change", "payload":{{"status":{status}, "devices":[{{"product_id":"Z9Y8X7W6V5","device_name":"a","result":0}},{{"product_id":"Z9Y8X7W6V5","device_name":"b","result":0}}]}}}}"#
        ));
        let code = if status == 1 { "-224" } else { "-222" };
        let command = if status == 1 { "online" } else { "offline" };
        for name in ["a", "b"] {
            gateway.device.run(&format!("{command} {name}"), &format!("{command} {name} = {code} "));
        }
    }
    gateway.device.run("online c", "online c = -224 ");
    gateway.online("a");
    gateway.close();
}

#[test]
fn a_change_of_many_devices_has_acknowledgements_of_a_bearable_size() {
    let names: Vec<String> = (0..250).map(|number| format!("{number:048}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.say(&change(1, &names));
    gateway.settle();
    for part in names.chunks(100) {
        let entry =
            |name: &&str| format!(r#"{{"product_id":"Z9Y8X7W6V5","device_name":"{name}","result":0}}"#);
        let entries: Vec<String> = part.iter().map(entry).collect();
        gateway.expect(&format!(
            r#"{{"type":"change", "payload":{{"status":1, "devices":[{}]}}}}"#,
            entries.join(",")
        ));
    }
    gateway.close();
}

/// A push behind a reply, in one burst: the reply has been taken when the push ends the session again.
#[test]
fn a_push_right_behind_a_reply_is_not_undone() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.send("online probe-7");
    gateway.expect(&request("online", "probe-7"));
    let burst: Vec<u8> = [reply("online", "probe-7", 0), change(0, &["probe-7"])]
        .iter()
        .flat_map(|text| publish(0, &result("gw-0"), 0, text.as_bytes()))
        .collect();
    gateway.link.send(&burst);
    gateway.device.expect("online probe-7 = 0 ");
    assert!(gateway.link.expect(PUBLISH).payload().starts_with(br#"{"type":"change", "#));
    gateway.device.run("offline probe-7", "offline probe-7 = -222 ");
    gateway.close();
}

#[test]
fn what_cannot_be_used_is_logged_and_dropped() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.online("probe-7");
    for (message, cause) in [
        (r#"{"type":"search_devices"}"#, "no status"),
        (r#"{"type":"search_devices","payload":{}}"#, "no status"),
        (r#"{"type":"search_devices_now","payload":{"status":1}}"#, "unknown type"),
        (r#"{"type":"unbind_all"#, "no JSON object"),
        (r#"{"type":"unbind_all_of_them"}"#, "unknown type"),
        (r#"{"type":"change","payload":{"status":0}}"#, "no devices"),
        (r#"{"type":"change","payload":{"devices":[]}}"#, "no status"),
        (r#"{"payload":{"status":1}}"#, "no type"),
        ("", "no JSON object"),
        ("[1,2]", "no JSON object"),
        ("\0\u{1}\u{2}", "no JSON object"),
    ] {
        gateway.say(message);
        gateway.settle();
        gateway.device.wait_for_log(&format!("message dropped: {cause}"));
    }
    gateway.device.run("online probe-7", "online probe-7 = -224 ");
    gateway.close();
}
