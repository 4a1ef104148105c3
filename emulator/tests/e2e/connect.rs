//! CONNECT: the checks of the contract, their order, their codes. [emulator.md §2]

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::X509Builder;
use serde_json::json;

use crate::client::{Client, Connect, KEY_2, LAMP, LAMP_2, LAMP_KEY, packet, publish, sign, subscribe, tcp};
use crate::hub::{Hub, hub, hub_with, start, start_in};

/// Return code of the CONNACK; None if the hub closed without one.
fn code(hub: &Hub, listener: &str, connect: &Connect) -> Option<u8> {
    raw_code(hub, listener, &connect.bytes())
}

fn raw_code(hub: &Hub, listener: &str, bytes: &[u8]) -> Option<u8> {
    let mut client = Client::open(hub, listener);
    client.send(bytes);
    let answer = client.try_packet()?;
    assert_eq!(answer[..3], [0x20, 2, 0]);
    if answer[3] != 0 {
        client.expect_close();
    }
    Some(answer[3])
}

const VECTOR_DEVICES: &str = r#"
[server]
ports = { mqtt = 0, ws = 0, mqtts = "off", wss = "off", admin = 0 }
[[product]]
id = "ABCD1234EF"
[[device]]
product = "ABCD1234EF"
name = "dev_01"
secret = "AAECAwQFBgcICQoLDA0ODw=="
[[product]]
id = "Z9Z9Z9Z9Z9"
[[device]]
product = "Z9Z9Z9Z9Z9"
name = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
secret = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"
[[product]]
id = "7CN3UQ4VGT"
[[device]]
product = "7CN3UQ4VGT"
name = "test1"
secret = "c3VwZXItc2VjcmV0LWtleS0wMQ=="
[[product]]
id = "A1B2C3D4E5"
[[device]]
product = "A1B2C3D4E5"
name = "lamp-01"
secret = "EBESExQVFhcYGRobHB0eHw=="
"#;

/// Client id, user name behind it, password: auth.md §6 A to D, services/vectors.md §1.
const HMAC_VECTORS: [(&str, &str, &str); 9] = [
    (
        "ABCD1234EFdev_01",
        ";21010406;a1B2c;92233720368547758",
        "d4df6c60760815fc0ad5877f0982f2bf4267cfdf;hmacsha1",
    ),
    (
        "ABCD1234EFdev_01",
        ";21010406;a1B2c;92233720368547758",
        "523e1dbc278a6999eac561dfa656696151e9bdea14b4aa10b74b6e1bf75881a3;hmacsha256",
    ),
    ("ABCD1234EFdev_01", ";21010406;a1B2c;1700000000", "a2b7eda20870c17c35ca8869e2154e66764817d2;hmacsha1"),
    (
        "ABCD1234EFdev_01",
        ";21010406;a1B2c;1700000000",
        "c88459fb65788e722f9726f900677a6493dfbd67f91a048f75467a0c62e3baa6;hmacsha256",
    ),
    (
        "Z9Z9Z9Z9Z9xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ";21010406;ZZZZ9;92233720368547758",
        "781523c643f31aa142f9b18d442dbe92eec054f5;hmacsha1",
    ),
    (
        "Z9Z9Z9Z9Z9xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ";21010406;ZZZZ9;92233720368547758",
        "433a39f29f9e3441e85b3ead66401d64e80a1a3f51907e43a946333aa608e023;hmacsha256",
    ),
    (
        "7CN3UQ4VGTtest1",
        ";21010406;jig9c;92233720368547758",
        "15a51390973b9718249f67bf7cc22afef5d87101;hmacsha1",
    ),
    ("A1B2C3D4E5lamp-01", ";21010406;Q7xTz;4102444800", "f8e910dffcbde477d26eafe364a36a36fbaca4ca;hmacsha1"),
    (
        "A1B2C3D4E5lamp-01",
        ";21010406;Q7xTz;4102444800",
        "04a7344c850d4f0f01ef8a9593d5f2ad17a683304f841b84277a1d779d658d82;hmacsha256",
    ),
];

#[test]
fn hmac_vectors() {
    let hub = start(VECTOR_DEVICES);
    // Vector B expires in 2023.
    assert_eq!(hub.post("/clock", json!({"set_ms": 1_600_000_000_000_i64}))["ok"], true);
    for (client_id, rest, password) in HMAC_VECTORS {
        let user = format!("{client_id}{rest}");
        let connect = |p: &str| Connect::with(client_id, Some(&user), Some(p));
        assert_eq!(code(&hub, "mqtt", &connect(password)), Some(0), "{user} {password}");
        let (digits, method) = password.split_once(';').unwrap();
        let upper = format!("{};{method}", digits.to_uppercase());
        assert_eq!(code(&hub, "ws", &connect(&upper)), Some(0), "{user} {upper}");
        let last = if digits.ends_with('0') { '1' } else { '0' };
        let wrong = format!("{}{last};{method}", &digits[..digits.len() - 1]);
        assert_eq!(code(&hub, "mqtt", &connect(&wrong)), Some(4), "{user} {wrong}");
    }
}

#[test]
fn rsa_vectors() {
    let vectors = [
        ("ABCD1234EF", "dev_01", ";21010406;a1B2c;92233720368547758", include_str!("vectors/auth_e")),
        ("A1B2C3D4E5", "lamp-01", ";21010406;Q7xTz;4102444800", include_str!("vectors/services_1")),
    ];
    for (product, name, rest, file) in vectors {
        let (key, signature) = file.split_once("-----END RSA PRIVATE KEY-----\n").unwrap();
        let key = format!("{key}-----END RSA PRIVATE KEY-----\n");
        let signature: String = signature.split_whitespace().collect();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("device.pem"), certificate(&key)).unwrap();
        let registry = format!(
            "[server]\nports = {{ mqtt = 0, ws = 0, mqtts = \"off\", wss = \"off\", admin = 0 }}\n\
             [[product]]\nid = \"{product}\"\nauth = \"cert\"\n\
             [[device]]\nproduct = \"{product}\"\nname = \"{name}\"\ncert = \"device.pem\"\n"
        );
        std::fs::write(dir.path().join("hub.toml"), registry).unwrap();
        let hub = start_in(dir);
        let client_id = format!("{product}{name}");
        let user = format!("{client_id}{rest}");
        let connect = |p: String| Connect::with(&client_id, Some(&user), Some(&p));
        assert_eq!(code(&hub, "ws", &connect(format!("{signature};rsa-sha256"))), Some(0), "{client_id}");
        // Old library builds send what lies behind an unterminated buffer.
        assert_eq!(code(&hub, "ws", &connect(format!("{signature};rsa-sha256\u{1}junk"))), Some(0));
        assert_eq!(code(&hub, "ws", &connect(format!("00{};rsa-sha256", &signature[2..]))), Some(4));
        assert_eq!(
            code(&hub, "ws", &connect(sign(KEY_2, &user))),
            Some(4),
            "a certificate device with an HMAC"
        );
        assert_eq!(code(&hub, "mqtt", &connect(format!("{signature};rsa-sha256"))), Some(4), "plain port");
    }
}

/// A self-signed certificate for a key.
fn certificate(key: &str) -> Vec<u8> {
    let key = PKey::private_key_from_pem(key.as_bytes()).unwrap();
    let mut builder = X509Builder::new().unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build().to_pem().unwrap()
}

#[test]
fn every_check_has_its_code() {
    let hub = hub();
    let good = Connect::signed(LAMP, LAMP_KEY);
    let changed = |change: &dyn Fn(&mut Connect)| {
        let mut connect = good.clone();
        change(&mut connect);
        code(&hub, "mqtt", &connect)
    };
    let user = |text: &str| {
        let connect = Connect::with(LAMP, Some(text), Some(&sign(LAMP_KEY, text)));
        code(&hub, "mqtt", &connect)
    };
    assert_eq!(changed(&|_| {}), Some(0));
    // 2: protocol
    assert_eq!(changed(&|c| c.level = 5), Some(1));
    assert_eq!(changed(&|c| c.level = 3), Some(1));
    assert_eq!(changed(&|c| c.name = "MQTTX"), Some(1));
    assert_eq!(changed(&|c| (c.name, c.level) = ("MQIsdp", 3)), Some(0));
    assert_eq!(changed(&|c| (c.name, c.level) = ("MQIsdp", 4)), Some(1));
    // 3: client id
    assert_eq!(changed(&|c| c.client_id.clear()), Some(2));
    assert_eq!(changed(&|c| (c.client_id, c.clean) = (String::new(), false)), Some(2));
    // 4: keep-alive
    assert_eq!(changed(&|c| c.keep_alive = 900), Some(0));
    assert_eq!(changed(&|c| c.keep_alive = 901), Some(2));
    assert_eq!(changed(&|c| c.keep_alive = 0), Some(0));
    // 5: user name
    assert_eq!(changed(&|c| (c.user, c.password) = (None, None)), Some(4));
    assert_eq!(user(&format!("{LAMP};21010406;a1B2c")), Some(4));
    assert_eq!(user(&format!("{LAMP};21010406;a1B2c;4102444800;x")), Some(4));
    assert_eq!(user(&format!("{LAMP};12010126;x;4102444800")), Some(0));
    assert_eq!(user(&format!("{LAMP};sdk;x;4102444800")), Some(4));
    assert_eq!(user(&format!("{LAMP};21010406;;4102444800")), Some(4));
    assert_eq!(user(&format!("{LAMP};21010406;x;never")), Some(4));
    assert_eq!(user(&format!("{LAMP};21010406;x;99999999999999999999")), Some(4));
    assert_eq!(user(&format!("{LAMP_2};21010406;x;4102444800")), Some(4));
    // 6: registered
    let stranger = Connect::signed("A1B2C3D4E5nobody", LAMP_KEY);
    assert_eq!(code(&hub, "mqtt", &stranger), Some(4));
    assert_eq!(code(&hub, "mqtt", &Connect::signed("A1B2C3D4E5", LAMP_KEY)), Some(4));
    // 7: credential
    assert_eq!(changed(&|c| c.password = None), Some(4));
    assert_eq!(changed(&|c| c.password = Some("f8e9;hmacsha1".into())), Some(4));
    assert_eq!(changed(&|c| c.password = Some("f8e;hmacsha1".into())), Some(4));
    assert_eq!(changed(&|c| c.password = c.password.take().map(|p| p.replace("sha1", "md5"))), Some(4));
    assert_eq!(changed(&|c| c.password = c.password.take().map(|p| p + "x")), Some(4));
    assert_eq!(code(&hub, "mqtt", &Connect::signed(LAMP, KEY_2)), Some(4));
    // 8: expiry in seconds, whatever the number of digits
    assert_eq!(user(&format!("{LAMP};21010406;x;1700000000")), Some(4));
    assert_eq!(user(&format!("{LAMP};21010406;x;1700000000000")), Some(0));
    assert_eq!(user(&format!("{LAMP};21010406;x;9223372036854775807")), Some(0));
    // 9: enabled, type
    assert_eq!(code(&hub, "mqtt", &Connect::signed("A1B2C3D4E5off", KEY_2)), Some(5));
    assert_eq!(code(&hub, "mqtt", &Connect::signed("Z9Y8X7W6V5probe-7", KEY_2)), Some(5));
}

#[test]
fn the_first_failed_check_decides() {
    let hub = hub();
    let mut connect = Connect::with("", Some("nonsense"), None);
    connect.keep_alive = 901;
    connect.level = 5;
    assert_eq!(code(&hub, "mqtt", &connect), Some(1));
    connect.level = 4;
    assert_eq!(code(&hub, "mqtt", &connect), Some(2));
    // Disabled and expired: 8 comes before 9. Wrong password and disabled: 7 comes before 9.
    let user = "A1B2C3D4E5off;21010406;x;1700000000";
    let expired = Connect::with("A1B2C3D4E5off", Some(user), Some(&sign(KEY_2, user)));
    assert_eq!(code(&hub, "mqtt", &expired), Some(4));
    assert_eq!(code(&hub, "mqtt", &Connect::signed("A1B2C3D4E5off", LAMP_KEY)), Some(4));
}

#[test]
fn codes_and_limits_are_options() {
    let hub = hub_with(
        "[options]\nconnect_rate_limit = true\nsubdevice_login = true\nauth_codes = { keep_alive = 3 }\n",
    );
    let mut long = Connect::signed(LAMP, LAMP_KEY);
    long.keep_alive = 901;
    assert_eq!(code(&hub, "mqtt", &long), Some(3));
    assert_eq!(code(&hub, "mqtt", &Connect::signed("Z9Y8X7W6V5probe-7", KEY_2)), Some(0));
    // 10: the second CONNECT within 5 s; a refused one does not count.
    assert_eq!(code(&hub, "mqtt", &Connect::signed(LAMP, LAMP_KEY)), Some(0));
    assert_eq!(code(&hub, "mqtt", &Connect::signed(LAMP, LAMP_KEY)), Some(3));
}

#[test]
fn expiry_follows_the_hubs_clock() {
    let hub = hub();
    let user = format!("{LAMP};21010406;x;1700000000");
    let connect = Connect::with(LAMP, Some(&user), Some(&sign(LAMP_KEY, &user)));
    hub.post("/clock", json!({"set_ms": 1_699_999_990_000_i64, "scale": 0}));
    assert_eq!(code(&hub, "mqtt", &connect), Some(0));
    hub.post("/clock", json!({"set_ms": 1_700_000_000_000_i64}));
    assert_eq!(code(&hub, "mqtt", &connect), Some(4));
}

#[test]
fn what_is_no_connect_gets_no_answer() {
    let hub = hub();
    for bytes in [
        vec![0xc0, 0],
        publish("A1B2C3D4E5/lamp-01/data", b"x", None),
        packet(0x10, b"\x00\x04MQTT\x04"),
        packet(0x11, &[0; 12]),
        vec![0x10, 0xff, 0xff, 0xff, 0xff, 0x7f],
        packet(0x10, b"\x00\x04MQTT\x04\xc3\x00\x3c\x00\x01a\x00\x01u\x00\x01p"),
    ] {
        assert_eq!(raw_code(&hub, "mqtt", &bytes), None, "{bytes:x?}");
        assert_eq!(raw_code(&hub, "ws", &bytes), None, "{bytes:x?}");
    }
}

#[test]
fn who_says_nothing_is_closed_after_10_s() {
    let hub = hub();
    let silent: Vec<_> = ["mqtt", "mqtts", "ws", "wss"].map(|l| (l, tcp(&hub, l))).into();
    let mut upgraded = Client::open(&hub, "ws");
    let before = Instant::now();
    for (listener, mut io) in silent {
        io.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
        // An error would be a reset, which is a close too; only a time-out is none.
        let end = io.read(&mut [0; 64]);
        assert!(end.as_ref().err().is_none_or(|e| e.kind() != ErrorKind::WouldBlock), "{listener}: {end:?}");
    }
    upgraded.expect_close();
    let time = before.elapsed().as_secs_f64();
    assert!((9.0..13.0).contains(&time), "{time} s");
    assert_eq!(hub.wait("type=disconnect&dir=none", 5).len(), 5);
}

#[test]
fn a_second_connect_closes() {
    let hub = hub();
    let mut client = Client::connected(&hub, "mqtt", LAMP, LAMP_KEY);
    client.send(&Connect::signed(LAMP, LAMP_KEY).bytes());
    client.expect_close();
    let end = &hub.wait("type=disconnect&dir=none", 1)[0];
    assert_eq!((&end["cause"], &end["device"]), (&json!("second CONNECT"), &json!("A1B2C3D4E5/lamp-01")));
}

#[test]
fn a_refusal_closes_within_200_ms() {
    let hub = hub();
    let once = || {
        let mut client = Client::open(&hub, "mqtt");
        client.send(&Connect::signed(LAMP, KEY_2).bytes());
        let before = Instant::now();
        assert_eq!(client.packet(), [0x20, 2, 0, 4]);
        client.expect_close();
        before.elapsed()
    };
    // The best of five: another program may take the processor away once, the hub would be late always.
    let time = (0..5).map(|_| once()).min().unwrap();
    assert!(time.as_millis() < 200, "{time:?}");
    let event = &hub.wait("type=connect&dir=none", 1)[0];
    assert_eq!((&event["code"], &event["cause"]), (&json!(4), &json!("wrong password")));
}

#[test]
fn take_over_closes_the_older_connection_after_the_newer_is_in() {
    let hub = hub();
    for (round, listener) in [(1, "mqtt"), (2, "ws")] {
        let mut old = Client::connected(&hub, listener, LAMP, LAMP_KEY);
        old.send(&subscribe(1, "A1B2C3D4E5/lamp-01/data", 0));
        assert_eq!(old.packet(), [0x90, 3, 0, 1, 0]);
        // A stranger with the same client id does not push it out.
        assert_eq!(code(&hub, "mqtt", &Connect::signed(LAMP, KEY_2)), Some(4));
        old.send(&[0xc0, 0]);
        assert_eq!(old.packet(), [0xd0, 0]);
        let mut new = Client::connected(&hub, "mqtt", LAMP, LAMP_KEY);
        old.expect_close();
        // The subscription went with the clean session.
        assert_eq!(hub.publish("A1B2C3D4E5/lamp-01/data", "{}", 0)["delivered"], 0);
        new.send(&[0xc0, 0]);
        assert_eq!(new.packet(), [0xd0, 0]);
        // The next round takes over from nobody: old one, stranger and new one have gone.
        drop(new);
        hub.wait("type=disconnect&dir=none", 3 * round);
    }
    assert_eq!(hub.events("type=take_over").len(), 2);
}

#[test]
fn keep_alive_is_one_and_a_half_times_its_length() {
    let hub = hub();
    let mut connect = Connect::signed(LAMP, LAMP_KEY);
    connect.keep_alive = 1;
    for listener in ["mqtt", "ws"] {
        let mut client = Client::open(&hub, listener);
        client.send(&connect.bytes());
        assert_eq!(client.packet(), [0x20, 2, 0, 0]);
        let before = Instant::now();
        client.expect_close();
        let time = before.elapsed().as_millis();
        assert!((1400..4000).contains(&time), "{listener}: closed after {time} ms");
    }
    let causes = hub.wait("type=disconnect&dir=none", 2);
    assert!(causes.iter().all(|e| e["cause"].as_str().unwrap().starts_with("keep-alive")), "{causes:#?}");
}

#[test]
fn a_ping_keeps_alive() {
    let hub = hub();
    let mut connect = Connect::signed(LAMP, LAMP_KEY);
    connect.keep_alive = 1;
    let mut client = Client::open(&hub, "mqtt");
    client.send(&connect.bytes());
    assert_eq!(client.packet(), [0x20, 2, 0, 0]);
    let before = Instant::now();
    while before.elapsed().as_millis() < 2500 {
        // The pause is what is tested: two thirds of the time allowed.
        std::thread::sleep(std::time::Duration::from_millis(1000));
        client.send(&[0xc0, 0]);
        assert_eq!(client.packet(), [0xd0, 0]);
    }
}

#[test]
fn no_secret_in_events_or_log() {
    let hub = hub();
    Client::connected(&hub, "mqtt", LAMP, LAMP_KEY);
    code(&hub, "mqtt", &Connect::signed(LAMP, KEY_2));
    hub.wait("type=disconnect&dir=none", 2);
    let all = format!("{:?}{}", hub.events(""), hub.get("/devices"));
    let password = Connect::signed(LAMP, LAMP_KEY).password.unwrap();
    for secret in [LAMP_KEY, KEY_2, &password[..40]] {
        assert!(!all.contains(secret), "{secret} is shown");
    }
}
