//! Nothing is lost, and nothing foreign is touched (`mqtt.md` §17).

use super::driver::{Driver, Session, field};
use super::programs::{driver, driver_under_valgrind, has_valgrind};
use super::threads::wait_for_loop_threads;
use crate::support::peer::*;

/// Resident size in KiB and open descriptors.
fn size(device: &Driver) -> (u64, usize) {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", device.pid())).expect("a running process");
    let pages: u64 = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
    let files = std::fs::read_dir(format!("/proc/{}/fd", device.pid())).expect("a running process").count();
    (pages * 4, files)
}

/// Runs some 200 and then 1000 cycles, 100,000 in the full run; they must not need more than the first.
#[track_caller]
fn cycles_do_not_grow(mut device: Driver, options: &str, answer: &str) {
    // Returns the bytes in use on the heap.
    let run = |device: &mut Driver, count: usize| {
        device.send(&format!("cycles {count} {options}"));
        let line = device.expect(&answer.replace('N', &count.to_string()));
        field(&line, "heap=").to_owned()
    };
    run(&mut device, 200);
    // By now the program has a buffer for its output.
    let heap = run(&mut device, 1);
    let (kib, files) = size(&device);
    let thousands = if std::env::var_os("IOT_FULL").is_some() { 100 } else { 1 };
    for _ in 0..thousands {
        assert_eq!(run(&mut device, 1000), heap, "bytes in use");
    }
    let (kib_after, files_after) = size(&device);
    assert_eq!(files_after, files, "descriptors");
    // What the allocator keeps back may vary.
    assert!(kib_after < kib + 500, "{kib} KiB, then {kib_after} KiB");
    device.finish();
}

/// Serves connections with `serve` until none has come for a while; returns its URL. The driver has to be there by
/// then: building it may take longer than that while.
fn server(transport: Transport, serve: impl Fn(Connection) + Send + 'static) -> String {
    let peer = Peer::listen(transport);
    let url = peer.url();
    std::thread::spawn(move || {
        // Ends with the test program: after the last cycle nobody connects any more.
        while let Some(stream) = peer.try_accept_tcp(LIMIT) {
            serve(Connection::new(stream, transport));
        }
    });
    url
}

// covers: Memory / sessions leave neither memory nor descriptors | ws | 1,000 (full: 100,000)
#[test]
fn a_thousand_sessions_leave_nothing_behind() {
    let device = driver();
    let url = server(Transport::WebSocket, |mut link| {
        link.upgrade();
        link.expect(CONNECT);
        link.send(&connack(0));
        link.expect(DISCONNECT);
        link.control_frame();
        link.send_raw(&frame(0x88, &1000u16.to_be_bytes()));
        link.wait_for_end();
    });
    cycles_do_not_grow(device, &format!("url={url}"), "cycles = N last=0");
}

// covers: Memory / refused connections leave neither memory nor descriptors | tcp | 1,000 (full: 100,000)
#[test]
fn a_thousand_refused_connections_leave_nothing_behind() {
    let port = Peer::listen(Transport::Tcp).port();
    cycles_do_not_grow(driver(), &format!("url=mqtt://127.0.0.1:{port}"), "cycles = 0 last=-603");
}

// covers: Memory / refused upgrades leave neither memory nor descriptors | ws | 1,000 (full: 100,000)
#[test]
fn a_thousand_refused_upgrades_leave_nothing_behind() {
    let device = driver();
    let url = server(Transport::WebSocket, |mut link| {
        link.read_upgrade_request();
        link.send_raw(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    });
    cycles_do_not_grow(device, &format!("url={url}"), "cycles = 0 last=-9");
}

// covers: Memory / refused logins leave neither memory nor descriptors | tcp | 1,000 (full: 100,000)
#[test]
fn a_thousand_refused_logins_leave_nothing_behind() {
    let device = driver();
    let url = server(Transport::Tcp, |mut link| {
        link.expect(CONNECT);
        link.send(&connack(5));
    });
    cycles_do_not_grow(device, &format!("url={url}"), "cycles = 0 last=-117");
}

/// The driver under valgrind; `None`, and a word about it, where there is none.
fn checked_driver() -> Option<Driver> {
    if !has_valgrind() {
        eprintln!("left out: valgrind is not installed");
        return None;
    }
    Some(driver_under_valgrind())
}

#[test]
fn valgrind_finds_nothing_in_a_session() {
    for transport in TRANSPORTS {
        let Some(mut device) = checked_driver() else { return };
        // Defect 33: payloads without terminator are logged.
        device.run("loglevel 4", "loglevel = 4");
        let mut session = Session::open_with(device, transport, "");
        session.subscribe("a/# 1");
        session.subscribe("b 0");
        for size in [1, 3000, 16_384] {
            session.device.run(&format!("publish a/b 1 size={size}"), "publish = ");
            let id = session.link.expect(PUBLISH).id();
            session.link.send(&answer(0x40, id));
            session.device.yield_until(&format!("event 9 id={id}"), &[0]);
        }
        for size in [0, 128, 5000, 65_000] {
            session.link.send(&publish(2, "a/b", 9, &vec![b'x'; size]));
            session.device.yield_until("message first topic=a/b", &[0]);
            session.link.expect(PUBACK);
        }
        session.link.send_in_pieces(&publish(0, "large", 0, &vec![0; 70_000]), 35_000);
        while !session.device.run("yield 100", "yield = ").starts_with("yield = -119") {}
        session.device.run("unsubscribe b", "topic-event 14");
        session.device.expect("unsubscribe = ");
        session.link.expect(UNSUBSCRIBE);
        session.device.run("publish a 1 pending", "publish = ");
        session.device.run("subscribe pending 0", "subscribe = ");
        let Session { peer, link, mut device } = session;
        link.close();
        device.run("yield 10000", "event 1 id=0");
        let link = peer.accept_session();
        device.wait_for("event 2 id=0");
        device.wait_for("yield = 0 ");
        Session { peer, link, device }.close();
    }
}

#[test]
fn valgrind_finds_nothing_when_callbacks_destroy_their_client() {
    let Some(mut device) = checked_driver() else { return };
    for (trigger, transport) in [("event:12", Transport::WebSocket), ("event:1", Transport::Tcp)] {
        device.send(&format!("hook {trigger} 1 destroy"));
        let mut session = Session::open_with(device, transport, "");
        if trigger == "event:1" {
            session.link.close();
        } else {
            session.link.send(&publish(2, "a", 1, b"x"));
        }
        session.device.send("yield 20000");
        session.device.wait_for("> destroy = ");
        session.device.expect("yield = 2 ");
        device = session.device;
    }
    // Inside Construct, and inside Destroy.
    let peer = Peer::listen(Transport::Tcp);
    device.send("hook event:12 1 destroy");
    device.send(&format!("construct url={}", peer.url()));
    let mut link = peer.accept();
    link.expect(CONNECT);
    link.send(&publish(0, "queued", 0, b"early"));
    device.wait_for("construct = null err=-103");
    device.send("hook topic:13 1 destroy");
    let mut session = Session::open_with(device, Transport::WebSocket, "");
    session.subscribe("a 0");
    session.device.send("destroy");
    session.device.wait_for("> destroy = -103 left=0");
    session.device.expect("destroy = 0 left=0");
    session.device.finish();
}

#[test]
fn valgrind_finds_nothing_with_a_loop_thread() {
    let Some(mut device) = checked_driver() else { return };
    for transport in TRANSPORTS {
        let mut session = Session::open_with(device, transport, "");
        session.subscribe("a 0");
        session.device.run("startloop", "startloop = 0");
        session.device.send("thread burst one 200 100");
        session.device.send("thread burst two 200 3000");
        for _ in 0..400 {
            session.link.expect(PUBLISH);
        }
        session.link.send(&publish(0, "a", 0, b"x"));
        session.device.wait_for("message first topic=a");
        session.device.send("join");
        session.device.wait_for("join = 0");
        session.device.send("destroy");
        session.end();
        session.device.wait_for("destroy = 0 left=0");
        device = session.device;
    }
    // The last loop thread is detached; it must be gone before the heap is looked at.
    wait_for_loop_threads(&mut device, 0);
    device.finish();
}

#[test]
fn valgrind_finds_nothing_in_failed_connections() {
    let Some(mut device) = checked_driver() else { return };
    let port = Peer::listen(Transport::Tcp).port();
    device.send(&format!("cycles 3 url=ws://127.0.0.1:{port}"));
    device.expect("cycles = 0 last=-603");
    let refused = server(Transport::WebSocket, |mut link| {
        link.read_upgrade_request();
        link.send_raw(b"HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    device.send(&format!("cycles 3 url={refused}"));
    device.expect("cycles = 0 last=-9");
    let denied = server(Transport::WebSocket, |mut link| {
        link.upgrade();
        link.expect(CONNECT);
        link.send(&connack(5));
    });
    device.send(&format!("cycles 3 url={denied}"));
    device.expect("cycles = 0 last=-117");
    device.finish();
}
