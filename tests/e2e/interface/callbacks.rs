//! What callbacks may do: everything, at any depth (`mqtt.md` §§2, 13, 14).

use super::driver::{Session, took, value};
use super::programs::session;
use crate::support::peer::*;

/// The callbacks that run inside Yield while the client is connected.
const IN_YIELD: [&str; 14] = [
    "message", "event:12", "event:3", "topic:3", "event:5", "topic:5", "event:4", "topic:4", "event:6",
    "event:7", "event:9", "event:10", "event:11", "event:2",
];

/// A session with short time-outs and two subscriptions, "in" and "kept".
fn prepared(transport: Transport) -> Session {
    let mut session = session(transport, "timeout=500");
    session.subscribe("in 0");
    session.subscribe("kept 0");
    session
}

/// Brings about the callback. It runs in the next Yield.
fn provoke(session: &mut Session, trigger: &str) {
    let Session { peer, link, device } = session;
    let mut request = |command: &str, kind: u8| {
        device.send(command);
        device.wait_for(command.split(' ').next().expect("a word"));
        link.expect(kind).id()
    };
    match trigger {
        "message" => link.send(&publish(2, "in", 77, b"content")),
        "event:12" => link.send(&publish(2, "nobody", 78, b"content")),
        "event:3" | "topic:3" | "event:5" | "topic:5" | "event:4" | "topic:4" => {
            let id = request("subscribe new 0", SUBSCRIBE);
            match trigger.as_bytes()[6] {
                b'3' => link.send(&suback(id, 0)),
                b'5' => link.send(&suback(id, 0x80)),
                _ => {}
            }
        }
        "event:6" | "event:7" => {
            let id = request("unsubscribe in", UNSUBSCRIBE);
            if trigger == "event:6" {
                link.send(&answer(0xb0, id));
            }
        }
        "event:9" | "event:10" | "event:11" => {
            let [high, low] = request("publish a 1 x", PUBLISH).to_be_bytes();
            match trigger {
                "event:9" => link.send(&packet(0x40, &[high, low])),
                "event:11" => link.send(&packet(0x40, &[high, low, 0x80])),
                _ => {}
            }
        }
        "event:2" => {
            let old = std::mem::replace(link, Connection::none());
            old.close();
            device.run("yield 20", "event 1 id=0");
            device.expect("yield = -105 ");
            device.send("thread yield 8000");
            *link = peer.accept_session();
            link.expect(SUBSCRIBE);
            link.expect(SUBSCRIBE);
        }
        other => panic!("{other}"),
    }
}

#[test]
fn defect_27_every_call_works_in_every_callback() {
    for trigger in IN_YIELD.into_iter().filter(|&trigger| trigger != "event:2") {
        let mut session = prepared(Transport::WebSocket);
        let calls = [
            "publish out 0 x",
            "publish out 1 y",
            "subscribe more 0",
            "unsubscribe kept",
            "yield 30",
            "connected",
        ];
        for call in calls {
            session.device.send(&format!("hook {trigger} 1 {call}"));
        }
        provoke(&mut session, trigger);
        session.device.yield_until("> publish = 0", &[0, -108]);
        for answer in ["> publish = ", "> subscribe = ", "> topic-event 14", "> unsubscribe = "] {
            let line = session.device.expect(answer);
            assert!(!line.contains("= -"), "{trigger}: {line}");
        }
        let (_, line) = session.device.wait_for("> yield = ");
        assert!(value(&line) == 0, "{trigger}: {line}");
        session.device.expect("> connected = 1");
        for kind in [PUBLISH, PUBLISH, SUBSCRIBE, UNSUBSCRIBE] {
            session.link.expect(kind);
        }
        session.close();
    }
}

#[test]
fn defect_27_every_call_works_in_the_events_of_a_reconnect() {
    let mut session = prepared(Transport::WebSocket);
    for call in ["publish out 0 x", "subscribe more 0", "yield 30", "connected", "unsubscribe kept"] {
        session.device.send(&format!("hook event:1 1 {call}"));
        session.device.send(&format!("hook event:2 1 {call}"));
    }
    let Session { peer, link, mut device } = session;
    link.close();
    device.run("yield 8000", "event 1 id=0");
    for answer in [
        "publish = -103",
        "subscribe = -103",
        "yield = 2 ",
        "connected = 0",
        "topic-event 14",
        "unsubscribe = -103",
    ] {
        device.expect(&format!("> {answer}"));
    }
    let mut link = peer.accept_session();
    assert_eq!(link.expect(SUBSCRIBE).topic(), "in");
    device.expect("event 2 id=0");
    for answer in ["publish = 0", "subscribe = ", "yield = 0 ", "connected = 1", "unsubscribe = -121"] {
        device.expect(&format!("> {answer}"));
    }
    assert_eq!(link.expect(PUBLISH).topic(), "out");
    assert_eq!(link.expect(SUBSCRIBE).topic(), "more");
    device.wait_for("yield = 0 ");
    Session { peer, link, device }.close();
}

#[test]
fn every_call_works_while_unsubscribe_tells_the_topic() {
    let mut session = prepared(Transport::WebSocket);
    for call in ["publish out 1 x", "subscribe more 0", "unsubscribe kept", "yield 30"] {
        session.device.send(&format!("hook topic:14 1 {call}"));
    }
    session.device.run("unsubscribe in", "topic-event 14");
    for answer in [
        "> publish = ",
        "> subscribe = ",
        "> topic-event 14",
        "> yield = 0 ",
        "> unsubscribe = ",
        "unsubscribe = ",
    ] {
        let line = session.device.expect(answer);
        assert!(!line.contains("= -"), "{line}");
    }
    for kind in [PUBLISH, SUBSCRIBE, UNSUBSCRIBE, UNSUBSCRIBE] {
        session.link.expect(kind);
    }
    session.close();
}

#[test]
fn destroy_is_allowed_in_every_callback() {
    for trigger in IN_YIELD {
        let mut session = prepared(Transport::WebSocket);
        session.device.send(&format!("hook {trigger} 1 destroy"));
        provoke(&mut session, trigger);
        let outer = if trigger == "event:2" { "& " } else { "" };
        if trigger != "event:2" {
            session.device.send("yield 20000");
        }
        let (before, _) = session.device.wait_for("> destroy = 0 left=0");
        assert!(before.contains(&"> topic-event 13".to_owned()), "{trigger}: {before:?}");
        session.device.expect(&format!("{outer}yield = 2 "));
        session.end();
        if trigger == "event:2" {
            session.device.run("join", "join = 0");
        }
        session.device.finish();
    }
}

#[test]
fn destroy_is_allowed_in_the_disconnect_and_unsubscribe_events() {
    for transport in TRANSPORTS {
        let mut lost = prepared(transport);
        lost.device.send("hook event:1 1 destroy");
        lost.link.close();
        lost.device.send("yield 20000");
        lost.device.wait_for("> destroy = -103 left=0");
        lost.device.expect("yield = 2 ");
        lost.device.finish();

        let mut session = prepared(transport);
        session.device.send("hook topic:14 1 destroy");
        session.device.send("unsubscribe in");
        session.device.wait_for("> destroy = 0 left=0");
        session.device.expect("unsubscribe = -103");
        session.end();
        session.device.finish();
    }
}

#[test]
fn in_client_destroy_every_call_says_that_there_is_no_connection() {
    for transport in TRANSPORTS {
        let mut session = prepared(transport);
        for call in [
            "publish out 0 x",
            "publish out 1 x",
            "subscribe more 0",
            "unsubscribe kept",
            "yield 30",
            "connected",
            "destroy",
        ] {
            session.device.send(&format!("hook topic:13 1 {call}"));
        }
        session.device.send("destroy");
        session.device.expect("topic-event 13");
        for answer in [
            "publish = -103",
            "publish = -103",
            "subscribe = -103",
            "unsubscribe = -103",
            "yield = 2 ",
            "connected = 0",
            "destroy = -103 left=0",
        ] {
            session.device.expect(&format!("> {answer}"));
        }
        session.device.expect("topic-event 13");
        session.device.expect("destroy = 0 left=0");
        session.end();
        session.device.finish();
    }
}

#[test]
fn nested_yields_deliver_and_end_at_depth_8() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.device.send("hook event:12 12 yield 150");
        for i in 0..12 {
            session.link.send(&publish(0, &format!("t/{i}"), 0, format!("payload {i}").as_bytes()));
        }
        session.device.send("yield 3000");
        let (messages, line) = session.device.wait_for("> yield = ");
        assert_eq!(messages.len(), 8, "eight calls deliver: {messages:#?}");
        assert!(value(&line) == 0 && took(&line) >= 145, "the ninth sleeps: {line}");
        let (rest, _) = session.device.wait_for("yield = 0 ");
        let delivered = messages.iter().chain(&rest).filter(|line| line.contains("message default")).count();
        assert_eq!(delivered, 12);
        assert!(!rest.iter().any(|line| line.contains("changed")), "{rest:#?}");
        session.close();
    }
}

#[test]
fn the_time_can_be_asked_for_in_a_handler() {
    let mut session = session(Transport::WebSocket, "");
    session.device.send("hook event:12 1 systime 1");
    session.device.send("hook event:12 1 destroy");
    session.link.send(&publish(0, "ask", 0, b"x"));
    session.device.send("yield 20000");
    let subscribe = session.link.expect(SUBSCRIBE);
    assert_eq!(subscribe.topic(), "$sys/operation/result/PRODUCT_ID/device");
    session.link.send(&suback(subscribe.id(), 0));
    let request = session.link.expect(PUBLISH);
    assert_eq!(request.payload(), br#"{"type": "get", "resource": ["time"]}"#);
    session.link.send(&publish(0, &subscribe.topic(), 0, br#"{"type":"get","time":1660189367}"#));
    session.device.wait_for("> systime = 0 good=1 time=1660189367");
    session.device.wait_for("> destroy = 0 left=0");
    session.device.expect("yield = 2 ");
    session.end();
    session.device.finish();
}

#[test]
fn the_log_handler_may_call_the_client() {
    let mut session = session(Transport::Tcp, "");
    for call in ["connected", "publish out 0 x", "yield 20", "ready a"] {
        session.device.send(&format!("hook log:dropped 1 {call}"));
    }
    session.link.send(&publish(0, "large", 0, &vec![0; 70_000]));
    session.device.send("yield 20000");
    session.device.wait_for("> connected = 1");
    session.device.expect("> publish = 0");
    session.device.expect("> yield = ");
    session.device.expect("> ready = 0");
    session.device.expect("yield = ");
    assert_eq!(session.link.expect(PUBLISH).topic(), "out");
    session.close();
}
