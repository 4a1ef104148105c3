//! Connection loss and reconnect (`mqtt.md` §4).

use super::driver::{Session, took};
use super::programs::session;
use crate::support::peer::*;

/// Ends the connection of the server and lets the client come back; the new connection after CONNACK 0. Leaves the
/// client inside a Yield that waits.
#[track_caller]
fn lose_and_come_back(session: Session, yield_ms: u32) -> Session {
    let Session { peer, link, mut device } = session;
    link.close();
    device.run(&format!("yield {yield_ms}"), "event 1 id=0");
    let link = peer.accept_session();
    Session { peer, link, device }
}

#[test]
fn events_and_results_of_a_loss_in_short_calls() {
    for transport in TRANSPORTS {
        let Session { peer, link, mut device } = session(transport, "");
        link.close();
        device.run("yield 100", "event 1 id=0");
        device.expect("yield = -105 ");
        device.run("connected", "connected = 0");
        device.run("publish a 0 x", "publish = -103");
        let line = device.run("yield 300", "yield = -105 ");
        assert!(took(&line) >= 295, "waits, not spins: {line}");
        device.send("yield 1");
        device.expect("yield = -105 ");
        // The first wait is 1 to 2 s; the call in which the attempt is due connects, then its time is over.
        let mut link = None;
        for _ in 0..200 {
            device.send("yield 50");
            link = peer.try_accept_tcp(std::time::Duration::from_millis(60));
            if link.is_some() {
                break;
            }
            device.expect("yield = -105 ");
        }
        let mut link = Connection::new(link.expect("an attempt"), transport);
        if transport == Transport::WebSocket {
            link.upgrade();
        }
        link.expect(CONNECT);
        std::thread::sleep(std::time::Duration::from_millis(100));
        link.send(&connack(0));
        device.expect("event 2 id=0");
        device.expect("yield = 1 ");
        device.run("yield 20", "yield = 0 ");
        device.run("connected", "connected = 1");
        Session { peer, link, device }.close();
    }
}

#[test]
fn reconnected_with_time_left_ends_in_0() {
    let mut session = lose_and_come_back(session(Transport::WebSocket, ""), 4000);
    session.device.expect("event 2 id=0");
    let line = session.device.expect("yield = 0 ");
    assert!(took(&line) >= 3990, "{line}");
    session.close();
}

#[test]
fn each_attempt_has_its_own_id_and_key() {
    let first = session(Transport::WebSocket, "");
    let key = |request: &str| request.lines().find(|line| line.contains("Key")).map(str::to_owned);
    let first_key = key(&first.link.request);
    let mut second = lose_and_come_back(first, 4000);
    assert_ne!(key(&second.link.request), first_key, "defect 11");
    second.device.expect("event 2");
    second.device.expect("yield = ");
    second.close();
}

#[test]
fn subscriptions_are_renewed_before_the_event_and_found_identical() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "clean=0");
        let ids = [session.subscribe("first/+ 1"), session.subscribe("second 0 second noevent")];
        session.device.send("hook event:2 1 publish from/event 0 x");
        session.device.send("hook event:2 1 hook event:1 1 destroy");
        let mut session = lose_and_come_back(session, 60_000);
        let again = [session.link.expect(SUBSCRIBE), session.link.expect(SUBSCRIBE)];
        assert_eq!(again.each_ref().map(Packet::topic), ["first/+", "second"]);
        assert_eq!(again.each_ref().map(|packet| *packet.body.last().expect("QoS")), [1, 0]);
        session.device.expect("event 2 id=0");
        session.device.expect("> publish = 0");
        assert_eq!(session.link.expect(PUBLISH).topic(), "from/event");
        for (packet, old) in again.iter().zip(ids) {
            assert_ne!(packet.id(), old);
            session.link.send(&suback(packet.id(), 0));
            session.device.expect(&format!("event 3 id={}", packet.id()));
            if packet.topic() == "first/+" {
                session.device.expect("topic-event 3");
            }
        }
        session.device.wait_for_log("Identical topic found: first/+");
        session.device.wait_for_log("Identical topic found: second");
        session.link.send(&publish(0, "second", 0, b"still here"));
        session.device.expect("message second topic=second");
        // The long Yield ends with the connection; this server takes no other one.
        let Session { peer, link, mut device } = session;
        drop(peer);
        link.close();
        device.expect("event 1 id=0");
        device.expect("> topic-event 13");
        device.expect("> destroy = -103 left=0");
        device.expect("yield = 2 ");
        device.finish();
    }
}

/// What was refused is not renewed; asked for again and granted, it works and is.
// covers: Server / SUBACK 0x80, then a loss, then the same subscription granted | tcp, ws | 2
#[test]
fn a_refused_subscription_is_not_renewed_and_may_be_asked_for_again() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.device.run("subscribe a/b 1", "subscribe = ");
        let id = session.link.expect(SUBSCRIBE).id();
        session.link.send(&suback(id, 0x80));
        session.device.run("yield 60000", &format!("event 5 id={id}"));
        session.device.expect("topic-event 5");
        session.device.expect("yield = -108 ");
        let mut session = lose_and_come_back(session, 5000);
        session.device.expect("event 2 id=0");
        session.device.expect("yield = 0 ");
        // A renewal would come before this one.
        session.device.run("subscribe c/d 0", "subscribe = ");
        let packet = session.link.expect(SUBSCRIBE);
        assert_eq!(packet.topic(), "c/d");
        session.link.send(&suback(packet.id(), 0));
        session.device.yield_until("topic-event 3", &[0]);
        session.subscribe("a/b 1");
        session.device.run("ready a/b", "ready = 1");
        session.link.send(&publish(0, "a/b", 0, b"x"));
        session.device.yield_until("message first topic=a/b", &[0]);
        let mut session = lose_and_come_back(session, 5000);
        let topics = [session.link.expect(SUBSCRIBE), session.link.expect(SUBSCRIBE)].map(|packet| {
            session.link.send(&suback(packet.id(), 0));
            packet.topic()
        });
        assert_eq!(topics, ["c/d", "a/b"]);
        session.device.wait_for("yield = 0 ");
        session.close();
    }
}

// covers: Server / SUBACK 0x80 to a renewed subscription: event, -108, removed | tcp, ws | 2
#[test]
fn a_refused_renewal_removes_the_subscription() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.subscribe("a/b 1");
        let mut session = lose_and_come_back(session, 60_000);
        let id = session.link.expect(SUBSCRIBE).id();
        session.device.expect("event 2 id=0");
        session.link.send(&suback(id, 0x80));
        session.device.expect(&format!("event 5 id={id}"));
        session.device.expect("topic-event 5");
        session.device.expect("yield = -108 ");
        session.device.run("ready a/b", "ready = 0");
        session.device.run("unsubscribe a/b", "unsubscribe = -121");
        session.close();
    }
}

#[test]
fn a_message_in_flight_is_not_sent_again_and_times_out_after_the_reconnect() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "timeout=500");
        let id = super::driver::value(&session.device.run("publish a/b 1 x", "publish = "));
        session.link.expect(PUBLISH);
        let mut session = lose_and_come_back(session, 4000);
        session.device.expect("event 2 id=0");
        session.device.expect(&format!("event 10 id={id}"));
        session.device.expect("yield = 0 ");
        assert!(session.link.try_packet(std::time::Duration::from_millis(20)).is_none());
        session.close();
    }
}

#[test]
fn a_subscription_removed_while_offline_is_not_renewed() {
    let mut session = session(Transport::WebSocket, "");
    session.subscribe("a 0");
    session.subscribe("b 0");
    let Session { peer, link, mut device } = session;
    link.close();
    device.run("yield 20", "event 1 id=0");
    device.expect("yield = -105 ");
    device.run("ready a", "ready = 1");
    device.run("unsubscribe a", "topic-event 14");
    device.expect("unsubscribe = -103");
    device.run("ready a", "ready = 0");
    device.send("yield 5000");
    let mut link = peer.accept_session();
    assert_eq!(link.expect(SUBSCRIBE).topic(), "b");
    device.expect("event 2 id=0");
    device.expect("yield = 0 ");
    assert!(link.try_packet(std::time::Duration::from_millis(20)).is_none());
    Session { peer, link, device }.close();
}

#[test]
fn refused_attempts_are_repeated_with_doubled_waits() {
    let Session { peer, link, mut device } = session(Transport::Tcp, "");
    device.send("hook event:2 1 hook event:1 1 destroy");
    link.close();
    device.run("yield 30000", "event 1 id=0");
    let start = std::time::Instant::now();
    for _ in 0..2 {
        let mut link = peer.accept();
        link.expect(CONNECT);
        // Bad credentials are retried too.
        link.send(&connack(4));
        link.wait_for_end();
    }
    let link = peer.accept_session();
    // 1-2 s, 2-4 s, 4-8 s.
    assert!((7.0..20.0).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    device.expect("event 2 id=0");
    device.wait_for_log("attempt to reconnect...");
    drop(peer);
    link.close();
    device.expect("event 1 id=0");
    device.expect("> destroy = -103");
    device.expect("yield = 2 ");
    device.finish();
}

#[test]
fn duplicates_are_forgotten_with_the_session_of_the_server() {
    for (session_present, delivered) in [(0, true), (1, false)] {
        let mut session = session(Transport::WebSocket, "clean=0");
        session.link.send(&publish(2, "a", 7, b"x"));
        session.device.yield_until("message default topic=a", &[0]);
        session.link.expect(PUBACK);
        let Session { peer, link, mut device } = session;
        link.close();
        device.run("yield 3000", "event 1 id=0");
        let mut link = peer.accept();
        link.expect(CONNECT);
        link.send(&packet(0x20, &[session_present, 0]));
        link.send(&publish(0x0a, "a", 7, b"x"));
        device.expect("event 2 id=0");
        if delivered {
            device.expect("message default topic=a");
        }
        device.expect("yield = 0 ");
        assert_eq!(link.expect(PUBACK).id(), 7);
        Session { peer, link, device }.close();
    }
}
