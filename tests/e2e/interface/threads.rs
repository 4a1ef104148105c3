//! Several threads on one client, and the loop thread (`mqtt.md` §§12, 13).

use super::driver::{Driver, Session, field, took, value};
use super::programs::{driver, no_thread_driver, session};
use crate::support::peer::*;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Names of the threads of a process.
fn threads(device: &Driver) -> Vec<String> {
    let folder = format!("/proc/{}/task", device.pid());
    let tasks = std::fs::read_dir(folder).expect("a running process").filter_map(Result::ok);
    tasks
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .collect()
}

fn loop_threads(device: &Driver) -> usize {
    threads(device).iter().filter(|name| name.starts_with("MQTT_yield")).count()
}

/// Detached threads vanish a moment after they have said their last word.
#[track_caller]
pub fn wait_for_loop_threads(device: &mut Driver, count: usize) {
    let deadline = Instant::now() + LIMIT;
    while loop_threads(device) != count {
        if Instant::now() >= deadline {
            device.fail(&format!("{} loop threads instead of {count}", loop_threads(device)));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The next message; acknowledgements before it are collected.
fn next_publish(link: &mut Connection, acks: &mut Vec<u16>) -> Packet {
    loop {
        let packet = link.packet();
        match packet.kind() {
            PUBACK => acks.push(packet.id()),
            _ => return packet,
        }
    }
}

#[test]
fn two_threads_publish_while_one_yields() {
    const EACH: usize = 3000;
    for (transport, with_loop) in
        [(Transport::WebSocket, false), (Transport::WebSocket, true), (Transport::Tcp, false)]
    {
        let mut session = session(transport, "timeout=20000");
        if with_loop {
            session.device.run("startloop", "startloop = 0");
        } else {
            session.device.send("thread spin");
        }
        session.device.send(&format!("thread burst one {EACH} 300"));
        session.device.send(&format!("thread burst two {EACH} 3000"));
        let mut seen: HashMap<String, usize> = HashMap::new();
        let (mut asked, mut acks) = (Vec::new(), Vec::new());
        for i in 0..2 * EACH {
            // The peer checks that frames and packets are whole; each thread's messages keep their order.
            let packet = next_publish(&mut session.link, &mut acks);
            let text = std::str::from_utf8(packet.payload()).expect("text");
            let mut words = text.split(' ');
            let (name, number) = (words.next().expect("name"), words.next().expect("number"));
            let expected = seen.entry(name.into()).or_default();
            assert_eq!(number.parse(), Ok(*expected), "{name}");
            *expected += 1;
            assert!(words.next().is_some_and(|rest| rest.bytes().all(|byte| byte == b'x')), "intact");
            if i % 50 == 0 {
                // Pings and messages make the reading thread write between them.
                if transport == Transport::WebSocket {
                    session.link.send_raw(&frame(0x89, b"ping"));
                }
                asked.push((i + 1) as u16);
                session.link.send(&publish(2, "down", (i + 1) as u16, b"x"));
            }
        }
        while acks.len() < asked.len() {
            acks.push(session.link.expect(PUBACK).id());
        }
        assert_eq!(acks, asked);
        assert_eq!((seen["one"], seen["two"]), (EACH, EACH));
        session.device.send("stopspin");
        session.device.send("join");
        session.device.wait_for("join = 0");
        session.close();
    }
}

#[test]
fn defect_29_four_loops_started_at_once_serve_four_clients() {
    let mut device = driver();
    let mut sessions = Vec::new();
    for number in 1..=4 {
        let peer = Peer::listen(if number % 2 == 0 { Transport::Tcp } else { Transport::WebSocket });
        device.send(&format!("@{number} construct url={}", peer.url()));
        let link = peer.accept_session();
        device.expect(&format!("@{number} construct = client"));
        sessions.push((peer, link));
    }
    for number in 1..=4 {
        device.send(&format!("thread @{number} startloop"));
    }
    device.send("join");
    let (started, _) = device.wait_for("join = 0");
    assert_eq!(started.iter().filter(|line| line.ends_with("startloop = 0")).count(), 4, "{started:?}");
    wait_for_loop_threads(&mut device, 4);
    for (index, (_, link)) in sessions.iter_mut().enumerate() {
        link.send(&publish(0, "hello", 0, b"x"));
        device.expect(&format!("@{} message default topic=hello", index + 1));
    }
    for number in 1..=4 {
        device.run(&format!("@{number} destroy"), &format!("@{number} destroy = 0"));
    }
    wait_for_loop_threads(&mut device, 0);
    device.finish();
}

#[test]
fn the_loop_delivers_at_once_and_yield_only_sleeps() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.device.run("startloop", "startloop = 0");
        session.device.run("startloop", "startloop = 0");
        wait_for_loop_threads(&mut session.device, 1);
        session.device.run("loopstatus", "loopstatus = 1 code=0");
        let line = session.device.run("yield 300", "yield = 0 ");
        assert!((295..3000).contains(&took(&line)), "{line}");
        session.device.run("yield 0", "yield = 0 ");
        let start = Instant::now();
        for _ in 0..20 {
            session.link.send(&publish(0, "a", 0, b"x"));
            session.device.expect("message default topic=a");
        }
        assert!(start.elapsed() < Duration::from_secs(2), "no pause of 200 ms: {:?}", start.elapsed());
        assert_eq!(loop_threads(&session.device), 1, "no second thread");
        let line = session.device.run("subscribe a/b 0", "subscribe = ");
        let id = session.link.expect(SUBSCRIBE).id();
        assert_eq!(value(&line), i32::from(id));
        session.link.send(&suback(id, 0));
        session.device.expect(&format!("event 3 id={id}"));
        session.device.expect("topic-event 3");
        session.close();
    }
}

#[test]
fn stop_waits_for_the_end_of_the_thread() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for _ in 0..5 {
            session.device.run("startloop", "startloop = 0");
            session.device.run("stoploop", "stoploop = 0");
            session.device.run("loopstatus", "loopstatus = 0 code=0");
            wait_for_loop_threads(&mut session.device, 0);
        }
        session.link.send(&publish(0, "a", 0, b"x"));
        session.device.run("yield 200", "message default topic=a");
        session.device.expect("yield = 0 ");
        session.close();
    }
}

#[test]
fn the_loop_thread_may_stop_itself_and_destroy_its_client() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.device.send("hook event:12 1 stoploop");
        session.device.run("startloop", "startloop = 0");
        session.link.send(&publish(0, "a", 0, b"x"));
        session.device.expect("message default topic=a");
        session.device.expect("> stoploop = 0");
        wait_for_loop_threads(&mut session.device, 0);
        session.device.run("loopstatus", "loopstatus = 0 code=0");
        session.device.send("hook event:12 1 destroy");
        session.device.run("startloop", "startloop = 0");
        session.link.send(&publish(0, "a", 0, b"x"));
        session.device.expect("message default topic=a");
        session.device.expect("> destroy = 0 left=0");
        session.end();
        wait_for_loop_threads(&mut session.device, 0);
        session.device.finish();
    }
}

#[test]
fn the_running_flag_alone_decides_who_works() {
    let mut session = session(Transport::WebSocket, "");
    session.device.run("setloop 1", "setloop = 0");
    session.device.run("loopstatus", "loopstatus = 1 code=0");
    session.link.send(&publish(0, "a", 0, b"x"));
    let line = session.device.run("yield 200", "yield = 0 ");
    assert!(took(&line) >= 195, "a plain sleep: {line}");
    session.device.run("setloop 0", "setloop = 0");
    session.device.run("yield 100", "message default topic=a");
    session.device.expect("yield = 0 ");
    session.device.run("startloop", "startloop = 0");
    session.device.run("setloop 0", "setloop = 0");
    wait_for_loop_threads(&mut session.device, 0);
    session.close();
}

#[test]
fn the_exit_code_says_why_the_loop_ended() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "auto=0");
        session.device.run("startloop", "startloop = 0");
        session.link.close();
        session.device.expect("event 1 id=0");
        wait_for_loop_threads(&mut session.device, 0);
        session.device.run("loopstatus", "loopstatus = 0 code=-103");
        session.device.run("destroy", "destroy = -103 left=0");
        session.device.finish();
    }
}

#[test]
fn a_second_yield_sleeps() {
    let mut session = session(Transport::WebSocket, "");
    session.link.send(&publish(0, "a", 0, b"x"));
    session.device.send("thread yield 3000");
    session.device.expect("& message default topic=a");
    let line = session.device.run("yield 300", "yield = 0 ");
    assert!((295..2500).contains(&took(&line)), "{line}");
    session.link.send(&publish(0, "b", 0, b"x"));
    session.device.expect("& message default topic=b");
    session.device.expect("& yield = 0 ");
    session.device.run("join", "join = 0");
    session.close();
}

#[test]
fn destroy_ends_a_yield_of_another_thread() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.link.send(&publish(0, "a", 0, b"x"));
        session.device.send("thread yield 60000");
        session.device.expect("& message default topic=a");
        let start = Instant::now();
        session.device.send("destroy");
        session.end();
        let (before, _) = session.device.wait_for("destroy = 0 left=0");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        assert!(before.iter().all(|line| line.starts_with("& yield = 2 ")), "{before:?}");
        session.device.send("join");
        session.device.wait_for("join = 0");
        session.device.finish();
    }
}

#[test]
fn destroy_waits_for_a_publish_of_another_thread() {
    for transport in TRANSPORTS {
        // The server reads nothing: the publisher blocks, at most for the command timeout.
        let mut session = session(transport, "timeout=1500");
        session.device.send("thread burst full 100000 16000");
        // It is blocked when the connection takes no more for a while.
        session.link.wait_until_full();
        session.device.send("destroy");
        let mut lines = Vec::new();
        while !lines.iter().any(|line: &String| line.starts_with("destroy = ")) || lines.len() < 2 {
            lines.push(session.device.line());
        }
        let burst = lines.iter().find(|line| line.starts_with("& burst")).expect("the publisher's end");
        assert!(field(burst, "result=").starts_with('-'), "{burst}");
        session.device.run("join", "join = 0");
        session.device.finish();
    }
}

#[test]
fn defect_28_destroy_ends_a_loop_that_reconnects() {
    for stage in ["refused", "no upgrade", "no CONNACK", "waiting"] {
        let transport = if stage == "no upgrade" { Transport::WebSocket } else { Transport::Tcp };
        let mut session = session(transport, "timeout=20000");
        session.subscribe("a 0");
        session.device.run("startloop", "startloop = 0");
        let Session { peer, link, mut device } = session;
        let mut held = None;
        let mut listening = Some(peer);
        if stage == "refused" {
            listening = None;
        }
        link.close();
        device.expect("event 1 id=0");
        match (&listening, stage) {
            (Some(peer), "no upgrade" | "no CONNACK") => {
                let mut link = Connection::new(peer.try_accept_tcp(LIMIT).expect("an attempt"), transport);
                if stage == "no CONNACK" {
                    link.expect(CONNECT);
                } else {
                    link.read_upgrade_request();
                }
                held = Some(link);
            }
            (_, "refused") => device.wait_for_log("attempt to reconnect failed"),
            _ => {}
        }
        let start = Instant::now();
        device.send("destroy");
        device.expect("topic-event 13");
        device.expect("destroy = -103 left=0");
        assert!(start.elapsed() < Duration::from_secs(5), "{stage}: {:?}", start.elapsed());
        wait_for_loop_threads(&mut device, 0);
        // Nothing comes afterwards, no RECONNECT either: the program has nothing left to say.
        if let Some(mut link) = held {
            link.wait_for_end();
        }
        device.finish();
    }
}

/// Serves the time until the connection ends; the number of requests.
fn serve_time(mut link: Connection) -> usize {
    let mut requests = 0;
    while let Some(packet) = link.try_packet(LIMIT) {
        match packet.kind() {
            SUBSCRIBE => link.send(&suback(packet.id(), 0)),
            PUBLISH => {
                requests += 1;
                link.send(&publish(
                    0,
                    "$sys/operation/result/PRODUCT_ID/device",
                    0,
                    br#"{"type":"get","time":1660189367}"#,
                ));
            }
            DISCONNECT => break,
            other => panic!("{other}"),
        }
    }
    requests
}

#[test]
fn the_time_for_two_threads_at_once() {
    const EACH: usize = 200;
    for (transport, with_loop) in
        [(Transport::WebSocket, true), (Transport::WebSocket, false), (Transport::Tcp, false)]
    {
        let Session { peer: _peer, link, mut device } = session(transport, "");
        let server = std::thread::spawn(move || serve_time(link));
        if with_loop {
            device.run("startloop", "startloop = 0");
        }
        let start = Instant::now();
        device.send(&format!("thread systime {EACH}"));
        device.send(&format!("thread systime {EACH}"));
        device.send("join");
        let (answers, _) = device.wait_for("join = 0");
        assert_eq!(
            answers.iter().filter(|line| line.starts_with(&format!("& systime = 0 good={EACH} "))).count(),
            2,
            "{answers:?}"
        );
        assert!(start.elapsed() < Duration::from_secs(20), "no answer is missed: {:?}", start.elapsed());
        device.run("destroy", "destroy = 0");
        assert!((EACH..=2 * EACH).contains(&server.join().expect("server")), "requests are shared at most");
        device.finish();
    }
}

#[test]
fn handlers_never_overlap() {
    let mut session = session(Transport::WebSocket, "");
    session.device.send("hook event:12 1 hold");
    session.device.run("startloop", "startloop = 0");
    session.link.send(&publish(0, "slow", 0, b"x"));
    session.device.expect("message default topic=slow");
    let line = session.device.run("publish a 1 x", "publish = ");
    let id = session.link.expect(PUBLISH).id();
    assert_eq!(value(&line), i32::from(id));
    session.link.send(&answer(0x40, id));
    session.device.run("yield 50", "yield = 0 ");
    session.device.send("release");
    session.device.expect("> hold = 0");
    session.device.expect(&format!("event 9 id={id}"));
    session.close();
}

#[test]
fn a_loop_can_be_started_in_a_callback() {
    let mut session = session(Transport::WebSocket, "");
    session.device.send("hook event:12 1 startloop");
    session.link.send(&publish(0, "a", 0, b"x"));
    session.device.run("yield 20000", "message default topic=a");
    session.device.expect("> startloop = 0");
    let line = session.device.expect("yield = 0 ");
    assert!(took(&line) < 10_000, "the loop takes over: {line}");
    session.link.send(&publish(0, "b", 0, b"x"));
    session.device.expect("message default topic=b");
    session.close();
}

#[test]
fn the_loop_thread_may_stop_and_start_itself() {
    let mut session = session(Transport::Tcp, "");
    session.device.send("hook event:12 1 stoploop");
    session.device.send("hook event:12 1 startloop");
    session.device.run("startloop", "startloop = 0");
    session.link.send(&publish(0, "a", 0, b"x"));
    session.device.expect("message default topic=a");
    session.device.expect("> stoploop = 0");
    session.device.expect("> startloop = 0");
    session.link.send(&publish(0, "b", 0, b"x"));
    session.device.expect("message default topic=b");
    session.device.run("loopstatus", "loopstatus = 1 code=0");
    wait_for_loop_threads(&mut session.device, 1);
    session.close();
}

#[test]
fn without_a_thread_the_flag_stays_clear() {
    let device = Driver::start(&[], &no_thread_driver());
    let mut session = Session::open_with(device, Transport::Tcp, "");
    session.device.run("startloop", "startloop = -1001");
    session.device.run("loopstatus", "loopstatus = 0 code=0");
    session.link.send(&publish(0, "a", 0, b"x"));
    session.device.yield_until("message default topic=a", &[0]);
    session.device.run("stoploop", "stoploop = 0");
    session.close();
}

#[test]
fn a_callback_that_takes_long_is_reported() {
    let mut session = session(Transport::Tcp, "keepalive=2000");
    session.device.send("hook event:12 1 sleep 1100");
    session.link.send(&publish(0, "slow", 0, b"x"));
    session.device.yield_until("> sleep = 0", &[0]);
    session.device.wait_for_log("more than half of the keep-alive interval");
    session.close();
}
