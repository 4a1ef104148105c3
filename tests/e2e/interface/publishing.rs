//! QoS 1 and 2 in both directions (`mqtt.md` §§5, 6, 10).

use super::driver::{Session, took, value};
use super::programs::session;
use crate::support::peer::*;

/// Publishes at QoS 1; the packet id.
#[track_caller]
fn publish_qos1(session: &mut Session, payload: &str) -> u16 {
    let line = session.device.run(&format!("publish a/b 1 {payload}"), "publish = ");
    let packet = session.link.expect(PUBLISH);
    assert_eq!((packet.first, packet.topic().as_str(), packet.payload()), (0x32, "a/b", payload.as_bytes()));
    assert_eq!(line, format!("publish = {0} id={0}", packet.id()));
    packet.id()
}

#[test]
fn twenty_messages_may_wait_for_their_acknowledgement() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "timeout=20000");
        let ids: Vec<u16> = (0..20).map(|i| publish_qos1(&mut session, &i.to_string())).collect();
        assert!(
            ids.windows(2).all(|pair| pair[1] == if pair[0] == 65_535 { 1 } else { pair[0] + 1 }),
            "{ids:?}"
        );
        session.device.run("publish a/b 1 more", "publish = -1001");
        session.device.run("publish a/b 0 more", "publish = 0");
        session.link.expect(PUBLISH);
        session.link.send(&answer(0x40, ids[7]));
        session.device.yield_until(&format!("event 9 id={}", ids[7]), &[0]);
        publish_qos1(&mut session, "21");
        session.device.run("publish a/b 1 more", "publish = -1001");
        session.close();
    }
}

#[test]
fn time_outs_are_reported_once_and_newest_first() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "timeout=500");
        let ids: Vec<u16> = (0..3).map(|i| publish_qos1(&mut session, &i.to_string())).collect();
        // Without Yield nothing is reported; then all three are over the time.
        session.device.run("sleep 600", "sleep = 0");
        session.device.send("yield 50");
        for id in ids.iter().rev() {
            session.device.expect(&format!("event 10 id={id}"));
        }
        session.device.expect("yield = 0 ");
        session.device.run("yield 700", "yield = 0 ");
        session.link.send(&publish(0, "end", 0, b"x"));
        session.device.yield_until("message default topic=end", &[0]);
        assert!(session.link.try_packet(std::time::Duration::from_millis(50)).is_none(), "never sent again");
        session.close();
    }
}

#[test]
fn a_time_out_is_due_during_a_long_yield() {
    let mut session = session(Transport::WebSocket, "timeout=500");
    let id = publish_qos1(&mut session, "x");
    let start = std::time::Instant::now();
    session.device.run("yield 8000", &format!("event 10 id={id}"));
    assert!(start.elapsed().as_millis() < 4000, "not only at its end");
    session.device.expect("yield = 0 ");
    session.close();
}

#[test]
fn late_and_unknown_acknowledgements_are_successes() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "timeout=500");
        let id = publish_qos1(&mut session, "x");
        session.device.yield_until(&format!("event 10 id={id}"), &[0]);
        session.link.send(&answer(0x40, id));
        session.device.yield_until(&format!("event 9 id={id}"), &[0]);
        let unknown = if id == 4711 { 4712 } else { 4711 };
        session.link.send(&answer(0x40, unknown));
        session.device.yield_until(&format!("event 9 id={unknown}"), &[0]);
        session.close();
    }
}

#[test]
fn an_acknowledgement_with_a_reason_is_a_refusal() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "timeout=500");
        for (reason, event) in [(0x87, 11), (0, 9)] {
            let id = publish_qos1(&mut session, "x");
            let [high, low] = id.to_be_bytes();
            session.link.send(&packet(0x40, &[high, low, reason]));
            session.device.yield_until(&format!("event {event} id={id}"), &[0]);
        }
        // Both are done with: no time-out follows.
        session.device.run("yield 700", "yield = 0 ");
        session.close();
    }
}

#[test]
fn the_id_of_qos0_is_left_alone_and_retain_is_sent() {
    let mut session = session(Transport::WebSocket, "");
    session.device.run("publish a/b 0 hello", "publish = 0 id=0");
    let packet = session.link.expect(PUBLISH);
    assert_eq!((packet.first, packet.payload()), (0x30, &b"hello"[..]));
    session.close();
}

#[test]
fn payloads_up_to_16_kib_pass_and_more_is_refused() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for size in [1, 2047, 2048, 16_384] {
            for qos in [0, 1] {
                session.device.run(&format!("publish a/b {qos} size={size}"), "publish = ");
                let packet = session.link.expect(PUBLISH);
                assert_eq!(packet.payload().len(), size);
                assert!(packet.payload().iter().all(|&byte| byte == b'x'));
            }
        }
        session.device.run("publish a/b 0 size=16385", "publish = -119");
        session.device.run("publish a/b 1 size=16385", "publish = -119");
        session.close();
    }
}

#[test]
fn a_repeated_message_is_acknowledged_and_not_delivered_again() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for flags in [2, 0x0a, 0x0a] {
            session.link.send(&publish(flags, "a", 7, b"once"));
        }
        session.link.send(&publish(0, "end", 0, b"x"));
        let (before, _) = session.device.yield_until("message default topic=end", &[0]);
        assert_eq!(before, ["message default topic=a qos=1 dup=0 retained=0 id=7 len=4 payload=once"]);
        for _ in 0..3 {
            assert_eq!(session.link.expect(PUBACK).id(), 7);
        }
        session.close();
    }
}

#[test]
fn defect_09_a_reused_id_is_another_message() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for payload in [b"one", b"two", b"thr", b"fou"] {
            session.link.send(&publish(2, "a", 7, payload));
        }
        for payload in ["one", "two", "thr", "fou"] {
            session.device.yield_until(
                &format!("message default topic=a qos=1 dup=0 retained=0 id=7 len=3 payload={payload}"),
                &[0],
            );
            assert_eq!(session.link.expect(PUBACK).id(), 7);
        }
        session.close();
    }
}

#[test]
fn qos2_is_delivered_once_and_completed() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.link.send(&publish(4, "a", 9, b"x"));
        session.link.send(&publish(0x0c, "a", 9, b"x"));
        session.device.yield_until("message default topic=a qos=2 dup=0 retained=0 id=9", &[0]);
        assert_eq!(session.link.expect(PUBREC).id(), 9);
        session.device.run("yield 20", "yield = 0 ");
        assert_eq!(session.link.expect(PUBREC).id(), 9);
        session.link.send(&answer(0x62, 9));
        session.device.run("yield 200", "yield = 0 ");
        assert_eq!(session.link.expect(PUBCOMP).id(), 9);
        session.link.send(&publish(4, "a", 9, b"y"));
        session.device.yield_until("message default topic=a qos=2", &[0]);
        session.link.expect(PUBREC);
        // The other direction, which we never start: PUBREC is answered with PUBREL.
        session.link.send(&answer(0x50, 33));
        session.device.run("yield 200", "yield = 0 ");
        let release = session.link.expect(PUBREL);
        assert_eq!((release.first, release.id()), (0x62, 33));
        session.close();
    }
}

#[test]
fn the_acknowledgement_follows_the_handler() {
    let mut session = session(Transport::WebSocket, "");
    session.device.send("hook message 1 publish from/handler 0 x");
    session.link.send(&publish(2, "a", 7, b"x"));
    session.device.yield_until("> publish = 0", &[0]);
    assert_eq!(session.link.packet().topic(), "from/handler");
    assert_eq!(session.link.expect(PUBACK).id(), 7);
    session.close();
}

#[test]
fn packet_ids_wrap_to_1_and_skip_the_one_in_use() {
    const COUNT: usize = 65_600;
    let mut session = session(Transport::Tcp, "timeout=20000");
    let held = publish_qos1(&mut session, "held");
    session.device.run("quiet", "quiet = 0");
    session.device.send(&format!("acked {COUNT}"));
    let (mut last, mut reused) = (held, false);
    for _ in 0..COUNT {
        let id = session.link.expect(PUBLISH).id();
        let next = if last == 65_535 { 1 } else { last + 1 };
        if next == held && id != next {
            assert_eq!(id, if held == 65_535 { 1 } else { held + 1 }, "skipped");
        } else {
            assert_eq!(id, next);
            reused |= id == held;
        }
        session.link.send(&answer(0x40, id));
        last = id;
    }
    let (events, _) = session.device.wait_for("acked = ");
    // On a very busy machine the first message has timed out meanwhile; its id is free again then.
    let timed_out = events.contains(&format!("event 10 id={held}"));
    assert!(timed_out || !reused, "{events:?}");
    session.close();
}

#[test]
fn a_publish_into_a_full_connection_ends_with_the_command_timeout() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "timeout=500 auto=0");
        // The server reads nothing: at some point the buffers of both sides are full.
        let line = session.device.run("burst full 100000 16000", "burst full = ");
        assert!(value(&line) < 100_000 && line.ends_with("result=-605"), "{line}");
        session.device.run("publish a 0 x", "publish = -103");
        session.device.run("yield 20000", "event 1 id=0");
        let line = session.device.expect("yield = -103 ");
        assert!(took(&line) < 10_000, "{line}");
        session.device.run("destroy", "destroy = -103 left=0");
        session.device.finish();
    }
}

#[test]
fn defect_22_a_server_that_pauses_loses_nothing() {
    const COUNT: usize = 1000;
    for transport in TRANSPORTS {
        let mut session = session(transport, "timeout=20000");
        session.device.send(&format!("burst paused {COUNT} 16000"));
        session.link.wait_until_full();
        // Longer than the 500 ms that a write of the original may take.
        std::thread::sleep(std::time::Duration::from_millis(1200));
        for i in 0..COUNT {
            let packet = session.link.expect(PUBLISH);
            assert!(packet.payload().starts_with(format!("paused {i} ").as_bytes()), "message {i}");
        }
        session.device.expect(&format!("burst paused = {COUNT} result=0"));
        session.close();
    }
}
