//! Answers to the upgrade that no careless client survives, and what the client itself sends. [websocket.md §§2, 3, 5.1]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::support::LIMIT;
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::{Finished, Launch};
use crate::support::sdk;

/// Parts of an answer, with a pause behind each.
type Parts = Vec<(String, Duration)>;

/// Stands between device and hub for one connection, and rewrites the hub's answer to the upgrade.
struct Gateway {
    address: SocketAddr,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Gateway {
    fn start(hub: &Hub, rewrite: impl Fn(&str) -> Parts + Send + 'static) -> Gateway {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let server = hub.address("ws").to_owned();
        let thread = std::thread::spawn(move || serve(&listener, &server, rewrite));
        Gateway { address, thread }
    }

    /// Waits for the end of the connection.
    fn finish(self) {
        let result = self.thread.join().expect("gateway");
        // A client that refuses the answer may reset the connection.
        if let Err(e) = result {
            println!("gateway: {e}");
        }
    }
}

fn serve(listener: &TcpListener, server: &str, rewrite: impl Fn(&str) -> Parts) -> std::io::Result<()> {
    let (mut client, _) = listener.accept()?;
    let mut server = TcpStream::connect(server)?;
    for socket in [&client, &server] {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(LIMIT))?;
    }
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let upwards = std::thread::spawn(move || pass_on(from, to));
    let head = read_head(&mut server)?;
    for (part, pause) in rewrite(&head) {
        client.write_all(part.as_bytes())?;
        // What is tested is a server that pauses here.
        std::thread::sleep(pause);
    }
    let result = pass_on(server, client);
    upwards.join().expect("the other direction").and(result)
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) -> std::io::Result<()> {
    let result = std::io::copy(&mut from, &mut to);
    // The other end may be gone already, then there is nothing to tell it.
    let _ = to.shutdown(Shutdown::Write);
    result.map(drop)
}

/// The hub's answer; it sends nothing behind it before the device has spoken.
fn read_head(from: &mut TcpStream) -> std::io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// `mqtt_sample` that gets this answer instead of the hub's.
fn answered(rewrite: impl Fn(&str) -> Parts + Send + 'static) -> Finished {
    let device = Device::key("7CN3UQ4VGT", "test1");
    let hub = Hub::start(&[&device]);
    let gateway = Gateway::start(&hub, rewrite);
    let url = format!("ws://{}", gateway.address);
    let launch = Launch::new(&sdk::KEY.sample("mqtt_sample")).device(&device);
    let finished = launch.env("QCLOUD_IOT_ENDPOINT", url).run();
    gateway.finish();
    finished
}

fn at_once(answer: String) -> Parts {
    vec![(answer, Duration::ZERO)]
}

/// Value of a header of the hub's answer.
fn value<'a>(head: &'a str, name: &str) -> &'a str {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
    let line = line.unwrap_or_else(|| panic!("no {name} in {head}"));
    line.split_once(':').map_or("", |(_, value)| value.trim())
}

fn refused(finished: &Finished, code: i32) {
    finished.expect(23);
    assert_eq!(finished.with(&format!("failed: {code}")).len(), 1, "{code}\n{}", finished.output);
}

#[test]
fn defect_13_header_names_in_lower_case() {
    let lower = |line: &str| match line.split_once(':') {
        Some((name, value)) => format!("{}:{value}", name.to_ascii_lowercase()),
        None => line.to_owned(),
    };
    answered(move |head| at_once(head.split("\r\n").map(lower).collect::<Vec<_>>().join("\r\n"))).expect(0);
}

#[test]
fn defect_13_no_blank_after_the_colon() {
    answered(|head| at_once(head.replace(": ", ":"))).expect(0);
}

#[test]
fn defect_14_long_header() {
    let padding = format!("\r\nX-Padding: {}\r\n", "x".repeat(4000));
    answered(move |head| at_once(head.replacen("\r\n", &padding, 1))).expect(0);
}

#[test]
fn defect_14_header_in_two_parts() {
    let pause = Duration::from_millis(700);
    answered(move |head| {
        let (first, second) = head.split_at(head.len() / 2);
        vec![(first.into(), pause), (second.into(), Duration::ZERO)]
    })
    .expect(0);
}

#[test]
fn defect_15_status_403_with_the_right_accept_value() {
    refused(&answered(|head| at_once(head.replace(" 101 ", " 403 ") + "no")), -9);
}

#[test]
fn defect_15_status_200_with_the_right_accept_value() {
    refused(&answered(|head| at_once(head.replace(" 101 ", " 200 "))), -8);
}

#[test]
fn defect_15_empty_accept_value() {
    refused(&answered(|head| at_once(head.replace(value(head, "sec-websocket-accept"), ""))), -5);
}

#[test]
fn defect_15_beginning_of_the_accept_value() {
    let cut = |head: &str| {
        let accept = value(head, "sec-websocket-accept");
        at_once(head.replace(accept, &accept[..10]))
    };
    refused(&answered(cut), -5);
}

#[test]
fn another_subprotocol() {
    refused(&answered(|head| at_once(head.replace("mqtt", "chat"))), -5);
}

#[test]
fn no_upgrade() {
    refused(&answered(|head| at_once(head.replace("websocket\r\n", "h2c\r\n"))), -5);
}

/// A lost and a new connection: nothing that was random before is used again.
#[test]
fn defects_11_and_12_keys_and_masks_are_fresh() {
    let device = Device::key("7CN3UQ4VGT", "test1");
    let hub = Hub::start(&[&device]);
    let mut run =
        Launch::new(&sdk::KEY.sample("mqtt_sample")).device(&device).url(&hub, "ws").arg("-l").start();
    run.wait_for("publish success");
    assert!(hub.kick(&device));
    run.wait_for("connection is back");
    run.wait_for("publish success");
    let upgrades = hub.events(&Query::kind("upgrade"));
    let keys: Vec<&str> = upgrades.iter().map(|u| value(u.text("request"), "sec-websocket-key")).collect();
    assert!(keys.len() == 2 && keys[0] != keys[1], "{keys:?}");
    let frames = hub.events(&Query::kind("ws_frame").by_device());
    let mut masks: Vec<&str> = frames.iter().map(|frame| frame.text("mask")).collect();
    let count = masks.len();
    masks.sort_unstable();
    masks.dedup();
    assert!(count >= 10 && masks.len() == count, "a mask twice among {count}");
    let has_pattern = |mask: &&&str| mask.ends_with("00") && mask.starts_with('3');
    assert!(masks.iter().filter(has_pattern).count() < 3, "three digits and a zero: {masks:?}");
}

/// Forward secrecy and authenticated encryption for key devices too. [websocket.md §6]
#[test]
fn defect_17_modern_cipher_on_wss() {
    let device = Device::key("7CN3UQ4VGT", "test1");
    let hub = Hub::start(&[&device]);
    Launch::new(&sdk::KEY.sample("mqtt_sample")).device(&device).url(&hub, "wss").run().expect(0);
    let handshake = hub.wait(&Query::kind("tls")).remove(0);
    let (version, suite) = (handshake.text("version"), handshake.text("suite"));
    assert!(version == "TLSv1.3" || suite.starts_with("ECDHE"), "{}", handshake.0);
    assert!(suite.contains("GCM") || suite.contains("CHACHA20"), "{}", handshake.0);
    assert!(handshake.0["psk_identity"].is_null(), "no pre-shared key on 443: {}", handshake.0);
}

/// The harness looks for the secret in all that is printed. [auth.md §1]
#[test]
fn defect_32_undecodable_secret_is_not_printed() {
    let device = Device::with_secret("7CN3UQ4VGT", "test1", "this!is?no*base64*but=a$secret");
    let finished = Launch::new(&sdk::KEY.sample("mqtt_sample")).device(&device).run();
    finished.expect(23);
    assert!(!finished.output.contains("no*base64"), "{}", finished.output);
    assert_eq!(finished.with("MQTT Construct failed!").len(), 1, "{}", finished.output);
}

/// No leak and no bad access in a whole session. The hub may be slow to answer valgrind's slow client.
fn clean(sample: &std::path::Path, device: &Device) {
    let hub = Hub::start(&[device]);
    let checks = [
        "valgrind",
        "--quiet",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect",
        "--errors-for-leak-kinds=definite,indirect",
        "--error-exitcode=99",
    ];
    let finished = Launch::new(sample).device(device).url(&hub, "wss").under(&checks).run();
    finished.expect(0);
    assert!(finished.errors.is_empty(), "{}", finished.errors);
}

#[test]
fn defect_35_certificate_build_neither_leaks_nor_reads_beyond() {
    clean(&sdk::CERT.sample("mqtt_sample"), &Device::cert("CERTDEMO01", "lock1"));
}

#[test]
fn key_build_neither_leaks_nor_reads_beyond() {
    clean(&sdk::KEY.sample("mqtt_sample"), &Device::key("7CN3UQ4VGT", "test1"));
}
