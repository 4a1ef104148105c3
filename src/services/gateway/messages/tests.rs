use super::*;

fn device(name: &str) -> Identity {
    Identity::new(Some(b"Z9Y8X7W6V5"), Some(name.as_bytes())).unwrap()
}

fn text(message: Result<Vec<u8>, Error>) -> String {
    String::from_utf8(message.unwrap()).unwrap()
}

/// `gateway.md` §5, byte for byte.
#[test]
fn requests_are_those_of_the_original() {
    for (operation, kind) in
        [(Operation::Online, "online"), (Operation::Offline, "offline"), (Operation::Unbind, "unbind")]
    {
        let expected =
            r#"{"type":"KIND","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"}]}}"#;
        assert_eq!(text(request(operation, &device("probe-7"))), expected.replace("KIND", kind));
    }
    let proof = Proof {
        signature: "biPaSw4mGzcY/ADWbaZkY4+lsR8=",
        random: 72_158_314,
        timestamp: 1_760_000_000,
        auth_type: "psk",
    };
    assert_eq!(
        text(bind_request(&device("probe-7"), &proof)),
        r#"{"type":"bind","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","signature":"biPaSw4mGzcY/ADWbaZkY4+lsR8=","random":72158314,"timestamp":1760000000,"signmethod":"hmacsha1","authtype":"psk"}]}}"#
    );
    let in_2100 = Proof { timestamp: 4_102_444_800, ..proof };
    assert!(text(bind_request(&device("probe-7"), &in_2100)).contains(r#""timestamp":4102444800,"#));
}

#[test]
fn acknowledgements_are_those_of_the_original() {
    assert_eq!(text(search_ack(1)), r#"{"type":"search_devices", "payload":{"status":1, "result":0}}"#);
    assert_eq!(
        text(change_ack(1, &[device("probe-7")])),
        r#"{"type":"change", "payload":{"status":1, "devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":0}]}}"#
    );
    assert_eq!(
        text(change_ack(0, &[device("a"), device("b")])),
        r#"{"type":"change", "payload":{"status":0, "devices":[{"product_id":"Z9Y8X7W6V5","device_name":"a","result":0},{"product_id":"Z9Y8X7W6V5","device_name":"b","result":0}]}}"#
    );
    assert_eq!(text(change_ack(1, &[])), r#"{"type":"change", "payload":{"status":1, "devices":[]}}"#);
}

#[test]
fn names_are_escaped() {
    let message = text(request(Operation::Online, &device("a\"b\\c\n")));
    let document: serde_json::Value = serde_json::from_str(&message).unwrap();
    assert_eq!(document["payload"]["devices"][0]["device_name"], "a\"b\\c\n");
}

fn result(operation: Operation, name: &str, result: i32) -> Result<Incoming, &'static str> {
    Ok(Incoming::Result { operation, sub_device: device(name), result })
}

#[test]
fn replies_in_any_spelling() {
    let reply = |text: &str| Incoming::parse(text.as_bytes());
    assert_eq!(
        reply(
            r#"{"type":"online","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":0}]}}"#
        ),
        result(Operation::Online, "probe-7", 0)
    );
    assert_eq!(
        reply(
            "{ \"payload\" : {\"devices\": [ {\"result\":\"-1\", \"device_name\":\"probe\\u002d7\", \"more\":[1],\n\
             \"product_id\":\"Z9Y8X7W6V5\"}, {} ]}, \"type\": \"bi\\u006ed\" }"
        ),
        result(Operation::Bind, "probe-7", -1)
    );
    for (operation, kind) in [(Operation::Offline, "offline"), (Operation::Unbind, "unbind")] {
        let text = r#"{"type":"KIND","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"a","result":806}]}}"#;
        assert_eq!(reply(&text.replace("KIND", kind)), result(operation, "a", 806));
    }
}

#[test]
fn lists_of_any_length_in_the_platforms_order() {
    for count in [0, 1, 40, 700] {
        let devices: Vec<Identity> = (0..count).map(|number| device(&format!("probe-{number}"))).collect();
        let json: Vec<_> = devices
            .iter()
            .map(|device| {
                serde_json::json!({"product_id": device.product_id(), "device_name": device.device_name()})
            })
            .collect();
        let message =
            serde_json::json!({"type": "describe_sub_devices", "payload": {"devices": json}}).to_string();
        assert_eq!(Incoming::parse(message.as_bytes()), Ok(Incoming::List(Some(devices))));
    }
}

#[test]
fn names_beyond_the_interface_are_cut() {
    let message = serde_json::json!({
        "type": "describe_sub_devices",
        "payload": {"devices": [{"product_id": "Z9Y8X7W6V5more", "device_name": "x".repeat(60)}]},
    });
    let Ok(Incoming::List(Some(list))) = Incoming::parse(message.to_string().as_bytes()) else { panic!() };
    assert_eq!((list[0].product_id(), list[0].device_name()), ("Z9Y8X7W6V5", &*"x".repeat(48)));
}

#[test]
fn pushes() {
    let push = |text: &str| Incoming::parse(text.as_bytes());
    assert_eq!(push(r#"{"type":"search_devices","payload":{"status":1}}"#), Ok(Incoming::Search(1)));
    assert_eq!(push(r#"{"type":"search_devices","payload":{"status":"0"}}"#), Ok(Incoming::Search(0)));
    assert_eq!(push(r#"{"type":"unbind_all"}"#), Ok(Incoming::UnbindAll));
    assert_eq!(push(r#"{"type":"unbind_all","payload":null}"#), Ok(Incoming::UnbindAll));
    let two = r#"{"type":"change","payload":{"status":0,"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"a"},{"product_id":"Z9Y8X7W6V5","device_name":"b"}]}}"#;
    assert_eq!(push(two), Ok(Incoming::Change { status: 0, sub_devices: vec![device("a"), device("b")] }));
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    for (text, problem) in [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("unbind_all", "no JSON object"),
        (r#"{"type":"unbind_all""#, "no JSON object"),
        (r#"{"type":"unbind_all","payload":}"#, "no JSON object"),
        ("{}", "no type"),
        (r#"{"type":3}"#, "no type"),
        (r#"{"type":"unbind_all_of_them"}"#, "unknown type"),
        (r#"{"type":"unbind_al"}"#, "unknown type"),
        (r#"{"type":"onlines","payload":{"devices":[]}}"#, "unknown type"),
        (r#"{"type":"search_devices"}"#, "no status"),
        (r#"{"type":"search_devices","payload":{}}"#, "no status"),
        (r#"{"type":"search_devices","payload":{"status":"on"}}"#, "no status"),
        (r#"{"type":"search_devices","payload":{"status":99999999999}}"#, "no status"),
        (r#"{"type":"change","payload":{"devices":[]}}"#, "no status"),
        (r#"{"type":"change","payload":{"status":1}}"#, "no devices"),
        (r#"{"type":"change","payload":{"status":1,"devices":{}}}"#, "no devices"),
        (
            r#"{"type":"change","payload":{"status":1,"devices":[{"product_id":"P"}]}}"#,
            "a device without names",
        ),
        (r#"{"type":"online","payload":{}}"#, "no devices"),
        (r#"{"type":"online","payload":{"devices":[]}}"#, "no device"),
        (r#"{"type":"online","payload":{"devices":[7]}}"#, "a device without names"),
        (
            r#"{"type":"online","payload":{"devices":[{"product_id":"P","device_name":""}]}}"#,
            "a device without names",
        ),
        (r#"{"type":"online","payload":{"devices":[{"product_id":"P","device_name":"d"}]}}"#, "no result"),
        (r#"{"type":"describe_sub_devices"}"#, "no devices"),
        (r#"{"type":"describe_sub_devices","payload":{"devices":[null]}}"#, "a device without names"),
    ] {
        assert_eq!(Incoming::parse(text.as_bytes()), Err(problem), "{text}");
    }
}

/// What a server can send never panics: cut off, with any byte changed, and with any byte doubled.
#[test]
fn mutilated_messages_are_survived() {
    let list = r#"{"type":"describe_sub_devices","payload":{"devices":[{"product_id":"Z9\u0059","device_name":"a\n"}]}}"#;
    let change = r#"{"type":"change","payload":{"status":-1,"devices":[{"product_id":"P","device_name":"d","result":1e5}]}}"#;
    for text in [list, change] {
        let whole = text.as_bytes();
        assert!(Incoming::parse(whole).is_ok(), "{text}");
        for at in 0..whole.len() {
            assert!(Incoming::parse(&whole[..at]).is_err(), "cut off at {at}");
            for byte in (0..=255).step_by(5).chain(*b"{}[]\",:\\u0") {
                let mut changed = whole.to_vec();
                changed[at] = byte;
                // Good or bad does not matter here.
                let _ = Incoming::parse(&changed);
                changed.insert(at, whole[at]);
                let _ = Incoming::parse(&changed);
            }
        }
    }
}
