//! Ports in C: a whole one in place of ours, parts of one beside ours (`hal.md` §§1, 2, 5).

use super::driver::{Driver, Session, field, took, value};
use super::programs::{
    DRIVER, fast_clock_driver, own_port_driver, plain_sdk, replaced_tcp_driver, single_thread_driver,
    ticks_driver, try_build, wall_clock_driver,
};
use super::threads::wait_for_loop_threads;
use crate::support::peer::*;
use std::time::{Duration, Instant};

/// How much faster the clock of `port_fast_clock.c` is.
const SPEED: u64 = 20;

/// A session as the samples have it: time, subscriptions, messages both ways, a loss, the end.
fn reference_session(device: Driver, transport: Transport) -> Driver {
    let mut session = Session::open_with(device, transport, "timeout=3000");
    ask_time(&mut session);
    session.subscribe("PRODUCT_ID/device/data 1");
    exchange(&mut session);
    let Session { peer, link, mut device } = session;
    link.close();
    device.run("yield 4000", "event 1 id=0");
    let mut link = peer.accept_session();
    let again = [link.expect(SUBSCRIBE), link.expect(SUBSCRIBE)];
    for packet in &again {
        link.send(&suback(packet.id(), 0));
    }
    device.wait_for("event 2 id=0");
    device.wait_for("topic-event 3");
    device.wait_for("yield = 0 ");
    let mut session = Session { peer, link, device };
    session.device.wait_for_log("Identical topic found: PRODUCT_ID/device/data");
    exchange(&mut session);
    session.device.send("destroy");
    session.end();
    session.device.wait_for("destroy = 0 left=0");
    session.device
}

fn ask_time(session: &mut Session) {
    session.device.send("systime 1");
    let subscribe = session.link.expect(SUBSCRIBE);
    session.link.send(&suback(subscribe.id(), 0));
    // After 100 ms without an answer the SDK asks again, which is up to the machine here.
    let mut packet = session.link.packet();
    while packet.kind() == SUBSCRIBE {
        session.link.send(&suback(packet.id(), 0));
        packet = session.link.packet();
    }
    assert_eq!(packet.kind(), PUBLISH, "{packet:?}");
    session.link.send(&publish(0, &subscribe.topic(), 0, br#"{"type":"get","time":1660189367}"#));
    session.device.wait_for("systime = 0 good=1 time=1660189367");
}

/// Messages of many sizes and cuts in both directions.
fn exchange(session: &mut Session) {
    for size in [1, 200, 2048, 16_384] {
        let line = session.device.run(&format!("publish PRODUCT_ID/device/data 1 size={size}"), "publish = ");
        let packet = session.link.expect(PUBLISH);
        assert_eq!((packet.payload().len(), i32::from(packet.id())), (size, value(&line)));
        session.link.send(&answer(0x40, packet.id()));
        session.device.yield_until(&format!("event 9 id={}", packet.id()), &[0]);
    }
    for size in [0, 1, 100, 2047, 20_000, 65_000] {
        let message = publish(2, "PRODUCT_ID/device/data", 1 + size as u16, &vec![b'x'; size]);
        match size {
            100 => session.link.send_in_pieces(&message, 7),
            20_000 => session.link.send_in_pieces(&message, 3333),
            _ => session.link.send(&message),
        }
        let start = format!(
            "message first topic=PRODUCT_ID/device/data qos=1 dup=0 retained=0 id={} len={size} ",
            1 + size as u16
        );
        session.device.yield_until(&start, &[0]);
        assert_eq!(session.link.expect(PUBACK).id(), 1 + size as u16);
    }
    let burst: Vec<u8> = (0..300).flat_map(|i| publish(0, "other", 0, format!("{i}").as_bytes())).collect();
    session.link.send(&burst);
    for i in 0..300 {
        session.device.yield_until(
            &format!("message default topic=other qos=0 dup=0 retained=0 id=0 len={}", i.to_string().len()),
            &[0],
        );
    }
}

#[test]
fn a_port_without_threads_and_optional_functions_serves_a_session() {
    for transport in TRANSPORTS {
        reference_session(Driver::start(&[], &single_thread_driver()), transport).finish();
    }
}

#[test]
fn a_port_without_optional_functions_serves_a_session() {
    for transport in TRANSPORTS {
        let device = reference_session(Driver::start(&[], &own_port_driver()), transport);
        // The loop thread reads its parameters long after HAL_ThreadCreate has returned.
        let mut session = Session::open_with(device, transport, "");
        session.device.run("startloop", "startloop = 0");
        session.link.send(&publish(0, "a", 0, b"x"));
        session.device.expect("message default topic=a");
        session.device.run("publish a 1 x", "publish = ");
        let id = session.link.expect(PUBLISH).id();
        session.link.send(&answer(0x40, id));
        session.device.expect(&format!("event 9 id={id}"));
        session.device.run("stoploop", "stoploop = 0");
        session.device.run("startloop", "startloop = 0");
        session.close();
    }
}

#[test]
fn keep_alive_works_on_a_port_without_optional_functions() {
    for transport in TRANSPORTS {
        let device = Driver::start(&[], &single_thread_driver());
        let mut session = Session::open_with(device, transport, "keepalive=2000 auto=0");
        session.device.send("yield 20000");
        session.link.expect(PINGREQ);
        session.link.expect(PINGREQ);
        session.device.expect("event 1 id=0");
        session.device.expect("yield = -103 ");
        session.device.run("destroy", "destroy = -103 left=0");
        session.device.finish();
    }
}

#[test]
fn replaced_tcp_functions_are_used_although_ours_are_there() {
    for transport in TRANSPORTS {
        let mut device = reference_session(Driver::start(&[], &replaced_tcp_driver()), transport);
        let report = device.run("port", "port = ");
        assert_eq!((field(&report, "connects="), field(&report, "disconnects=")), ("2", "2"), "{report}");
        for name in ["reads=", "writes="] {
            assert!(field(&report, name).parse::<u32>().expect("a count") > 10, "{report}");
        }
        device.finish();
    }
}

/// A client of the fast port whose server has gone; the port of the server, which nobody listens on.
fn cut_off(transport: Transport) -> (Driver, u16) {
    let device = Driver::start(&[], &fast_clock_driver());
    let Session { peer, link, device } = Session::open_with(device, transport, "");
    let port = peer.port();
    drop(peer);
    link.close();
    (device, port)
}

// covers: Time / outage beyond a whole series of attempts, virtual time | tcp | 1
#[test]
fn defect_19_an_outage_is_given_up_once_and_survived() {
    let (mut device, port) = cut_off(Transport::Tcp);
    device.run("yield 100", "event 1 id=0");
    device.expect("yield = -105 ");
    let start = Instant::now();
    let mut calls = 0;
    loop {
        let line = device.run("yield 500", "yield = ");
        calls += 1;
        if value(&line) == -106 {
            break;
        }
        assert_eq!(value(&line), -105, "{line}");
    }
    // 31 or 63 times the first wait of 1000 to 1990 ms, in the time of the port.
    let virtual_s = start.elapsed().as_secs_f64() * SPEED as f64;
    assert!((55.0..200.0).contains(&virtual_s) && calls > 50, "{virtual_s} s, {calls} calls");
    for _ in 0..3 {
        device.run("yield 100", "yield = -105 ");
    }
    // The server is back: the next series finds it.
    let peer = Peer::listen_on(port, Transport::Tcp);
    device.send("yield 30000");
    let link = peer.accept_session();
    device.expect("event 2 id=0");
    device.expect("yield = ");
    Session { peer, link, device }.close();
}

/// -106 once, then an attempt a minute, and the server is found when it is back.
// covers: Time / outage of 24 h through the C interface, virtual time | tcp, ws | 2, given up once, at most 1,440 attempts each
#[test]
fn defect_19_an_outage_of_a_day_is_survived_with_an_attempt_a_minute() {
    for transport in TRANSPORTS {
        let (mut device, port) = cut_off(transport);
        device.run("yield 100", "event 1 id=0");
        device.expect("yield = -105 ");
        device.run("skipwaits", "skipwaits = 0");
        // 144 times ten minutes. The call that gives up ends early.
        let codes: Vec<i32> = (0..145).map(|_| value(&device.run("yield 600000", "yield = "))).collect();
        assert_eq!(codes[0], -106);
        assert!(codes[1..].iter().all(|code| *code == -105), "{codes:?}");
        let attempts: u32 = field(&device.run("port", "port = "), "connects=").parse().expect("a count");
        assert!((1152..=1440).contains(&attempts), "{attempts} attempts");
        println!("{transport:?}: {attempts} attempts in 24 h");
        let peer = Peer::listen_on(port, transport);
        device.send("yield 76000");
        let link = peer.accept_session();
        device.expect("event 2 id=0");
        device.expect("yield = ");
        Session { peer, link, device }.close();
    }
}

#[test]
fn the_loop_thread_ends_when_it_gives_up() {
    let (mut device, _) = cut_off(Transport::Tcp);
    device.run("startloop", "");
    device.wait_for_log("loop thread ends with code -106");
    wait_for_loop_threads(&mut device, 0);
    device.send("loopstatus");
    let (_, line) = device.wait_for("loopstatus = ");
    assert_eq!(line, "loopstatus = 0 code=-106");
    device.run("destroy", "destroy = -103 left=0");
    device.finish();
}

#[test]
fn keep_alive_and_time_outs_run_on_the_clock_of_the_port() {
    let device = Driver::start(&[], &fast_clock_driver());
    let mut session = Session::open_with(device, Transport::WebSocket, "keepalive=60000 timeout=20000");
    let start = Instant::now();
    let id = value(&session.device.run("publish a 1 x", "publish = "));
    session.link.expect(PUBLISH);
    session.device.send("yield 70000");
    session.device.expect(&format!("event 10 id={id}"));
    assert!(
        start.elapsed() > Duration::from_millis(950),
        "20 s at twenty times the speed: {:?}",
        start.elapsed()
    );
    session.link.expect(PINGREQ);
    session.link.send(&packet(0xd0, &[]));
    assert!((2.9..10.0).contains(&start.elapsed().as_secs_f64()), "60 s: {:?}", start.elapsed());
    session.device.expect("yield = 0 ");
    session.close();
}

// covers: Time / the clock of the port set back or forward by an hour, back by a second | tcp, ws | 6
#[test]
fn defect_25_a_clock_set_back_or_forward_does_not_stop_the_client() {
    let jumps = ["-3600000", "3600000", "-1000"];
    for (transport, shift) in
        TRANSPORTS.into_iter().flat_map(|transport| jumps.map(|shift| (transport, shift)))
    {
        let device = Driver::start(&[], &fast_clock_driver());
        let mut session = Session::open_with(device, transport, "keepalive=240000");
        session.device.run(&format!("shiftclock {shift}"), "shiftclock = 0");
        let start = Instant::now();
        session.device.send("yield 4000");
        if shift == "3600000" {
            // An hour without a word: a ping is due.
            session.link.expect(PINGREQ);
            session.link.send(&packet(0xd0, &[]));
        }
        session.link.send(&publish(0, "a", 0, b"x"));
        session.device.expect("message default topic=a");
        session.device.expect("yield = 0 ");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        session.close();
    }
}

/// A request without an answer and a ping, within a Yield of `ms`. Lets `shift` happen after the request was sent.
fn live_through(mut session: Session, ms: u32, shift: impl Fn(&mut Session)) {
    let id = value(&session.device.run("publish a 1 x", "publish = "));
    session.link.expect(PUBLISH);
    shift(&mut session);
    session.device.send(&format!("yield {ms}"));
    session.link.expect(PINGREQ);
    session.link.send(&packet(0xd0, &[]));
    session.device.expect(&format!("event 10 id={id}"));
    session.link.send(&publish(0, "a", 0, b"x"));
    session.device.expect("message default topic=a");
    session.device.expect("yield = 0 ");
    session.close();
}

#[test]
fn requests_time_out_and_pings_go_out_although_the_clock_of_the_port_is_set() {
    // After an hour forward everything is due at once; the Yield ends before another ping is.
    for (shift, ms) in [("-3600000", 110_000), ("3600000", 50_000)] {
        let device = Driver::start(&[], &fast_clock_driver());
        let session = Session::open_with(device, Transport::WebSocket, "keepalive=60000 timeout=90000");
        live_through(session, ms, |session| {
            session.device.run(&format!("shiftclock {shift}"), "shiftclock = 0");
        });
    }
}

/// Seconds of the day in the time of a log line, `LVL|YYYY-MM-DD hh:mm:ss|…`.
fn seconds_of_day(line: &str) -> i64 {
    let time = line.split('|').nth(1).and_then(|time| time.split(' ').nth(1)).unwrap_or_default();
    let parts: Vec<i64> = time.split(':').filter_map(|part| part.parse().ok()).collect();
    assert_eq!(parts.len(), 3, "{line}");
    parts[0] * 3600 + parts[1] * 60 + parts[2]
}

// covers: Time / the wall clock set back or forward by an hour | tcp, ws | 4
#[test]
fn the_wall_clock_may_be_set_during_a_session() {
    let jumps = [-3600, 3600];
    for (transport, shift) in
        TRANSPORTS.into_iter().flat_map(|transport| jumps.map(|shift| (transport, shift)))
    {
        let mut device = Driver::start(&[], &wall_clock_driver());
        device.run("loglevel 4", "loglevel = 4");
        let session = Session::open_with(device, transport, "keepalive=2000 timeout=3000");
        let start = Instant::now();
        live_through(session, 4500, |session| {
            session.device.wait_for_log("publish topic seq=");
            let before = session.device.last_log_line();
            session.device.run(&format!("shiftclock {shift}000"), "shiftclock = 0");
            let took = took(&session.device.run("yield 500", "yield = 0 "));
            assert!((495..3000).contains(&took), "yield 500 took {took} ms");
            session.device.run("publish a 0 now", "publish = ");
            session.link.expect(PUBLISH);
            session.device.wait_for_log("payload=now");
            let after = session.device.last_log_line();
            let jump = (seconds_of_day(&after) - seconds_of_day(&before)).rem_euclid(86_400);
            let expected = i64::from(shift).rem_euclid(86_400);
            assert!((expected..expected + 20).contains(&jump), "from {before} to {after}");
        });
        assert!(start.elapsed() > Duration::from_millis(4900), "the Yields last their time");
    }
}

/// All timers of the client cross the end of the counter: a request, a ping, a Yield.
// covers: Time / a counter of 32 bits wraps | tcp, ws | 2
#[test]
fn a_counter_of_32_bits_may_wrap_during_a_session() {
    for transport in TRANSPORTS {
        let mut device = Driver::start(&[], &ticks_driver());
        device.run("port", "port = not yet");
        let session = Session::open_with(device, transport, "keepalive=3000 timeout=4000");
        live_through(session, 6000, |session| {
            session.device.run("port", "port = not yet");
        });
    }
}

#[test]
fn a_port_cannot_be_linked_without_its_functions() {
    // The counterpart of the sessions above: the core really takes these functions from the port.
    let linked = try_build("no_port", &DRIVER, &["libiot_sdk.a"], &plain_sdk());
    let text = linked.expect_err("the link fails");
    for name in ["HAL_TCP_Read", "HAL_Timer_remain", "HAL_Malloc", "HAL_ThreadCreate"] {
        assert!(text.contains(name), "{text}");
    }
}
