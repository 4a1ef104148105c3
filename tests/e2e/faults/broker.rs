//! A broker that is killed under load, again and again. An observer of our own, which shares nothing with the SDK, hears
//! what the broker got.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::support::broker::Broker;
use crate::support::device::Device;
use crate::support::program::Launch;
use crate::support::secrets::Secrets;
use crate::support::{LIMIT, sdk};

use super::{by_run, over};

/// Messages, and how often the broker dies while they are sent.
fn size() -> (u32, u32) {
    by_run((2000, 5), (10_100, 100))
}

// covers: Server / killed at random points under QoS 1 load, and restarted | tcp, ws, wss | 5 kills, 2,000 messages each (full: 100 kills, 10,100 messages each)
#[test]
fn no_message_vanishes_when_the_broker_is_killed() {
    over(&["mqtt", "ws", "wss"], |scheme| {
        let broker = match scheme {
            "mqtt" => Broker::mosquitto("", Secrets::default(), |_| {}),
            "ws" => Broker::mosquitto_ws(),
            _ => Broker::mosquitto_wss(),
        };
        survive_kills(broker, scheme);
    });
}

/// Every message that was acknowledged was heard, exactly once; every other one was reported or refused.
fn survive_kills(mut broker: Broker, scheme: &str) {
    let (count, kills) = size();
    let device = Device::key("BROKERKILL", "steady");
    let (hearing, is_hearing) = channel();
    let (starting, has_started) = channel();
    let port = broker.plain_port;
    std::thread::scope(|scope| {
        let observer = scope.spawn(move || observe(port, &hearing, &has_started));
        starting.send(()).expect("an observer");
        is_hearing.recv_timeout(LIMIT).expect("the observer has subscribed");
        let sources = ["tests/c/broker_killed.c", "tests/c/session_client.c"];
        let program = sdk::KEY.compile_with("broker_killed", &sources, &["-D_GNU_SOURCE"]);
        let limit_ms = 10_000 * u64::from(kills) + 60_000;
        let mut launch = Launch::new(&program).device(&device).env("QCLOUD_IOT_ENDPOINT", broker.url(scheme));
        launch = launch.env("QCLOUD_IOT_CA_FILE", broker.directory.path().join("ca.pem"));
        let secret = device.secret.clone().expect("a key device");
        for arg in [&device.product, &device.name, &secret, &count.to_string(), &limit_ms.to_string()] {
            launch = launch.arg(arg);
        }
        let mut run = launch.start();
        let points = points(count, kills);
        assert_eq!(points.len() as u32, kills);
        for (at, pause) in points {
            run.wait_for(&format!("sent {at}\n"));
            // Somewhere in the next messages: the pause is what makes the point random.
            std::thread::sleep(pause);
            broker.stop();
            broker.start();
            starting.send(()).expect("an observer");
            wait_for_observer(&is_hearing);
        }
        let accounts = run.wait_for("accounted ");
        let finished = run.finish();
        drop(starting);
        broker.stop();
        finished.expect(0);
        let heard = observer.join().expect("the observer");
        println!("{scheme}, {kills} kills: {accounts}");
        check(count, &accounts, &finished.output, &heard);
    });
}

/// Multiples of 100 messages, spread evenly, and pauses behind them, made of a fixed seed.
fn points(count: u32, kills: u32) -> Vec<(u32, Duration)> {
    let mut seed = 0x2545_f491_u32;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        u64::from(seed)
    };
    let distance = count / (kills + 1) / 100 * 100;
    let distance = distance.max(100);
    (1..=kills)
        .map(|kill| kill * distance)
        .take_while(|at| *at < count)
        .map(|at| (at, Duration::from_micros(random() % 20_000)))
        .collect()
}

fn wait_for_observer(is_hearing: &Receiver<()>) {
    is_hearing.recv_timeout(LIMIT).expect("the observer has subscribed again");
}

fn check(count: u32, accounts: &str, output: &str, heard: &BTreeMap<u32, u32>) {
    let numbers = |how: &str| -> Vec<u32> {
        output.lines().filter_map(|line| line.strip_prefix(how)?.parse().ok()).collect()
    };
    let (acked, lost) = (numbers("acked "), numbers("lost "));
    let field = |name: &str| -> u32 {
        let value = accounts.split_whitespace().find_map(|word| word.strip_prefix(name));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {accounts}"))
    };
    let told: BTreeSet<u32> = acked.iter().chain(&lost).copied().collect();
    assert_eq!(told.len(), acked.len() + lost.len(), "each is told once");
    assert_eq!(told.len() as u32 + field("refused="), count, "none vanishes: {accounts}");
    let unheard: Vec<&u32> = acked.iter().filter(|number| heard.get(number) != Some(&1)).collect();
    assert!(unheard.is_empty(), "acknowledged, and not heard exactly once: {unheard:?}");
    assert!(heard.values().all(|times| *times == 1), "heard twice");
}

/// Subscribes to everything each time the broker has started, and counts how often it hears each number.
fn observe(port: u16, hearing: &Sender<()>, has_started: &Receiver<()>) -> BTreeMap<u32, u32> {
    let mut heard = BTreeMap::new();
    for () in has_started {
        let mut stream = subscribed(port).expect("a broker that has started");
        // The test may have ended.
        let _ = hearing.send(());
        while let Some((first, body)) = packet(&mut stream) {
            if first >> 4 == 3 {
                let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                let text = std::str::from_utf8(&body[2 + topic..]).expect("a number");
                *heard.entry(text.parse().expect("a number")).or_insert(0) += 1;
            }
        }
    }
    heard
}

fn subscribed(port: u16) -> Option<TcpStream> {
    const CONNECT: &[u8] = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x00\x00\x03ear";
    const SUBSCRIBE: &[u8] = b"\x82\x06\x00\x01\x00\x01#\x00";
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(&[CONNECT, SUBSCRIBE].concat()).ok()?;
    let answers = [packet(&mut stream)?, packet(&mut stream)?];
    assert_eq!(answers.map(|(first, _)| first), [0x20, 0x90]);
    Some(stream)
}

/// First byte and body of the next packet; `None` at the end of the connection.
fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = || {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok().map(|()| byte[0])
    };
    let first = byte()?;
    let (mut len, mut shift) = (0, 0);
    loop {
        let digit = byte()?;
        len |= usize::from(digit & 0x7f) << shift;
        shift += 7;
        if digit & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body).ok()?;
    Some((first, body))
}
