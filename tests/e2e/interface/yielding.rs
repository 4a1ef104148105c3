//! Results of IOT_MQTT_Yield (`mqtt.md` §§3, 7, 10).

use super::driver::{took, value};
use super::programs::session;
use crate::support::peer::*;

// covers: Server / SUBACK 0x80, 3 and 255: event, -108, not ready | tcp, ws | 6
#[test]
fn a_refused_subscription_is_reported_at_once() {
    for transport in TRANSPORTS {
        for code in [0x80, 3, 0xff] {
            let mut session = session(transport, "");
            session.device.run("subscribe a/b 1", "subscribe = ");
            let id = session.link.expect(SUBSCRIBE).id();
            session.link.send(&suback(id, code));
            session.device.run("yield 20000", &format!("event 5 id={id}"));
            session.device.expect("topic-event 5");
            let line = session.device.expect("yield = -108 ");
            assert!(took(&line) < 10_000, "{line}");
            session.device.run("ready a/b", "ready = 0");
            session.device.run("yield 20", "yield = 0 ");
            session.close();
        }
    }
}

#[test]
fn a_refused_subscription_without_client_handler_does_no_harm() {
    let mut session = session(Transport::WebSocket, "events=0");
    session.device.run("subscribe a/b 0", "subscribe = ");
    let id = session.link.expect(SUBSCRIBE).id();
    session.link.send(&suback(id, 0x80));
    session.device.run("yield 20000", "topic-event 5");
    session.device.expect("yield = -108 ");
    // Nor does a message that nobody takes.
    session.link.send(&publish(2, "nobody", 9, b"x"));
    session.device.send("yield 200");
    assert_eq!(session.link.expect(PUBACK).id(), 9);
    session.device.expect("yield = 0 ");
    session.close();
}

#[test]
fn yield_lasts_as_long_as_asked_and_0_is_invalid() {
    let mut session = session(Transport::WebSocket, "");
    session.device.run("yield 0", "yield = -1002 ");
    session.link.send(&publish(0, "a", 0, b"x"));
    session.device.run("yield 300", "message default topic=a");
    let line = session.device.expect("yield = 0 ");
    assert!((295..3000).contains(&took(&line)), "not cut short by a message: {line}");
    session.device.run("yield 1", "yield = 0 ");
    session.close();
}

#[test]
fn defect_06_answers_with_unknown_ids_are_ignored() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for packet in
            [suback(999, 0), suback(999, 0x80), answer(0xb0, 999), answer(0x70, 999), packet(0xd0, &[])]
        {
            session.link.send(&packet);
        }
        session.link.send(&publish(0, "end", 0, b"x"));
        session.device.yield_until("message default topic=end", &[0]);
        session.close();
    }
}

#[test]
fn a_packet_above_the_limit_is_reported_and_skipped() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        let large = publish(2, "large", 41, &vec![b'x'; 70_000]);
        session.link.send_in_pieces(&large, 30_000);
        session.link.send(&publish(2, "next", 42, b"after it"));
        let line = session.device.run("yield 20000", "yield = -119 ");
        assert!(took(&line) < 10_000, "{line}");
        session.device.yield_until(
            "message default topic=next qos=1 dup=0 retained=0 id=42 len=8 payload=after it",
            &[0],
        );
        assert_eq!(session.link.expect(PUBACK).id(), 41, "or the server repeats it for ever");
        assert_eq!(session.link.expect(PUBACK).id(), 42);
        session.close();
    }
}

#[test]
fn unexpected_types_are_reported_and_the_connection_stays() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for kind in [0u8, 1, 8, 10, 12, 14, 15] {
            session.link.send(&packet(kind << 4, &[0, 7, 1]));
            let line = session.device.run("yield 20000", "yield = -118 ");
            assert!(took(&line) < 10_000, "{kind}: {line}");
        }
        session.device.run("connected", "connected = 1");
        session.link.send(&publish(0, "end", 0, b"x"));
        session.device.yield_until("message default topic=end", &[0]);
        session.close();
    }
}

/// Packets that break the protocol: nothing behind them can be trusted.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("QoS 3", publish(6, "a", 1, b"x")),
        ("defect 7: QoS 1 without a packet id", packet(0x32, b"\0\x01a")),
        ("packet id 0", publish(2, "a", 0, b"x")),
        ("topic longer than the packet", packet(0x30, b"\0\x09abc")),
        ("empty topic", packet(0x30, b"\0\0x")),
        ("topic that is not UTF-8", packet(0x30, b"\0\x02\xff\xfex")),
        ("five bytes of remaining length", vec![0x30, 0x80, 0x80, 0x80, 0x80, 0x01]),
        ("flags of SUBACK", packet(0x91, &[0, 1, 0])),
        ("flags of PUBREL", packet(0x60, &[0, 1])),
        ("PUBACK without id", packet(0x40, &[1])),
        ("SUBACK without code", packet(0x90, &[0, 1])),
    ]
}

#[test]
fn malformed_packets_end_the_connection() {
    for transport in TRANSPORTS {
        for (what, bytes) in malformed() {
            let mut session = session(transport, "auto=0");
            session.link.send(&bytes);
            session.device.run("yield 20000", "event 1 id=0");
            let line = session.device.expect("yield = -103 ");
            assert!(took(&line) < 10_000, "{what}: {line}");
            session.link.wait_for_end();
            if transport == Transport::WebSocket {
                let codes: Vec<_> = session.link.other_frames().iter().map(Frame::close_code).collect();
                assert_eq!(codes, [Some(1002)], "{what}");
            }
            session.device.run("destroy", "destroy = -103 left=0");
            session.device.finish();
        }
    }
}

#[test]
fn the_rest_of_a_packet_that_does_not_come_ends_the_connection() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "auto=0");
        session.link.send(&publish(0, "a", 0, b"0123456789")[..9]);
        session.device.yield_until("event 1 id=0", &[0, -103]);
        session.device.run("destroy", "destroy = -103 left=0");
        session.device.finish();
    }
}

#[test]
fn a_slow_packet_arrives_whole() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        let packet = publish(0, "slow", 0, b"0123456789");
        let (last, first) = packet.split_last().expect("bytes");
        for piece in first.chunks(3) {
            session.link.send(piece);
            session.device.run("yield 100", "yield = 0 ");
        }
        session.link.send(&[*last]);
        session.device.yield_until("message default topic=slow qos=0 dup=0 retained=0 id=0 len=10", &[0]);
        session.close();
    }
}

#[test]
fn without_auto_connect_the_client_stays_offline() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "auto=0");
        session.link.close();
        session.device.run("yield 20000", "event 1 id=0");
        let line = session.device.expect("yield = -103 ");
        assert!(took(&line) < 10_000, "at once: {line}");
        for _ in 0..3 {
            let line = session.device.run("yield 20000", "yield = -103 ");
            assert!(took(&line) < 10_000, "at once: {line}");
        }
        session.device.run("publish a 0 x", "publish = -103");
        session.device.run("subscribe a 0", "subscribe = -103");
        session.device.run("connected", "connected = 0");
        assert!(session.peer.try_accept_tcp(std::time::Duration::from_millis(100)).is_none());
        session.device.run("destroy", "destroy = -103 left=0");
        session.device.finish();
    }
}

#[test]
fn defect_08_topics_of_any_length_arrive_whole() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for length in [1, 127, 128, 129, 1000, 60_000] {
            let topic = "t".repeat(length);
            session.link.send(&publish(0, &topic, 0, b"x"));
            let (_, line) = session.device.yield_until("message default", &[0]);
            assert_eq!(super::driver::field(&line, "topic="), topic);
        }
        session.close();
    }
}

#[test]
fn a_message_before_suback_reaches_its_handler() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        let id = value(&session.device.run("subscribe a/+ 1", "subscribe = "));
        session.link.expect(SUBSCRIBE);
        session.link.send(&publish(0, "a/b", 0, b"early"));
        session.device.yield_until("message first topic=a/b", &[0]);
        session.device.run("ready a/+", "ready = 0");
        session.link.send(&suback(id as u16, 1));
        let (before, _) = session.device.yield_until("topic-event 3", &[0]);
        assert_eq!(before, [format!("event 3 id={id}")], "client first, then topic");
        session.device.run("ready a/+", "ready = 1");
        session.close();
    }
}

#[test]
fn the_first_matching_handler_gets_a_message() {
    let mut session = session(Transport::WebSocket, "");
    session.subscribe("a/# 0 nomessage");
    session.subscribe("a/+ 0 second");
    session.subscribe("a/b 0");
    let say = |session: &mut super::driver::Session, topic: &str, line: &str| {
        session.link.send(&publish(0, topic, 0, b"x"));
        session.device.yield_until(line, &[0]);
    };
    say(&mut session, "a/b", "message second topic=a/b");
    say(&mut session, "a/b/c", "message default topic=a/b/c");
    say(&mut session, "ab", "message default topic=ab");
    // A freed slot is the first to be used again.
    session.device.run("unsubscribe a/+", "topic-event 14");
    session.device.expect("unsubscribe = ");
    let id = session.link.expect(UNSUBSCRIBE).id();
    session.link.send(&answer(0xb0, id));
    session.device.yield_until(&format!("event 6 id={id}"), &[0]);
    say(&mut session, "a/b", "message first topic=a/b");
    session.device.run("ready a/+", "ready = 0");
    session.device.run("ready a/#", "ready = 1");
    session.close();
}

#[test]
fn defect_30_only_granted_filters_are_ready() {
    let mut session = session(Transport::Tcp, "");
    session.subscribe("x/# 0");
    for (filter, ready) in [("x/#", 1), ("x/+", 0), ("y/#", 0), ("#", 0), ("x", 0)] {
        session.device.run(&format!("ready {filter}"), &format!("ready = {ready}"));
    }
    session.close();
}

#[test]
fn defect_31_sixty_four_subscriptions_are_ready_and_one_more_is_refused() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        let ids: Vec<u16> = (0..64)
            .map(|i| {
                session.device.run(&format!("subscribe t/{i} 0"), "subscribe = ");
                session.link.expect(SUBSCRIBE).id()
            })
            .collect();
        session.device.run("subscribe one/more 0", "subscribe = -107");
        for id in &ids {
            session.link.send(&suback(*id, 0));
        }
        for _ in 0..64 {
            session.device.yield_until("topic-event 3", &[0]);
        }
        session.device.run("subscribe one/more 0", "subscribe = -107");
        session.device.run("ready t/0", "ready = 1");
        session.device.run("ready t/63", "ready = 1");
        // The same filter with the same handlers needs no slot.
        session.device.run("subscribe t/7 0", "subscribe = ");
        session.device.send("destroy");
        let (told, _) = session.device.wait_for("destroy = 0");
        assert_eq!(told.iter().filter(|line| *line == "topic-event 13").count(), 64, "{told:?}");
        session.device.finish();
    }
}

#[test]
fn requests_without_answer_time_out_newest_first() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "timeout=500");
        session.subscribe("known 0");
        let mut ask = |command: &str, kind: u8| {
            session.device.send(command);
            session.device.wait_for(command.split(' ').next().expect("a word"));
            session.link.expect(kind).id()
        };
        let first = ask("subscribe a 0", SUBSCRIBE);
        let second = ask("unsubscribe known", UNSUBSCRIBE);
        let third = ask("subscribe b 0 noevent", SUBSCRIBE);
        session.device.run("sleep 600", "sleep = 0");
        session.device.run("yield 50", &format!("event 4 id={third}"));
        session.device.expect(&format!("event 7 id={second}"));
        session.device.expect("topic-event 4");
        session.device.expect(&format!("event 4 id={first}"));
        session.device.expect("yield = 0 ");
        // Late answers are those to unknown requests.
        session.link.send(&suback(first, 0));
        session.link.send(&answer(0xb0, second));
        session.device.run("yield 200", "yield = 0 ");
        session.device.run("ready a", "ready = 0");
        session.close();
    }
}

#[test]
fn without_client_handler_the_topic_still_hears_of_its_time_out() {
    let mut session = session(Transport::Tcp, "timeout=500 events=0");
    session.device.run("subscribe a 0", "subscribe = ");
    session.link.expect(SUBSCRIBE);
    session.device.yield_until("topic-event 4", &[0]);
    session.close();
}
