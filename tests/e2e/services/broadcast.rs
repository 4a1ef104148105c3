//! Broadcast (`broadcast.md`).

use super::sessions::*;
use crate::interface::driver::{Session, took};
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::peer::*;
use crate::support::program::Launch;
use crate::support::sdk;

const TOPIC: &str = "$broadcast/rxd/PRODUCT_ID/device";

/// A session that listens to broadcasts.
#[track_caller]
fn listening(transport: Transport, options: &str) -> Session {
    let mut session = session(transport, options);
    listen(&mut session, "broadcast");
    session
}

#[track_caller]
fn listen(session: &mut Session, command: &str) {
    let id = granted(&mut session.device, &mut session.link, command, TOPIC, 1);
    session.device.expect(&format!("event 3 id={id}"));
    session.device.expect("subscribed = 0");
}

#[test]
fn subscribes_with_qos_1_once() {
    for transport in TRANSPORTS {
        let mut session = listening(transport, "");
        session.device.run("broadcast", "subscribed = 0");
        session.device.run("publish marker 0 x", "publish = 0");
        assert_eq!(session.link.packet(), publish_packet("marker", b"x"), "nothing was sent before");
        session.close();
    }
}

#[test]
fn messages_are_any_bytes_of_any_length() {
    for transport in TRANSPORTS {
        let mut session = listening(transport, "");
        let long = |length: usize| (0..length).map(|i| i as u8).collect::<Vec<u8>>();
        let payloads =
            [b"text".to_vec(), b"a\0b\0\0".to_vec(), Vec::new(), long(2048), long(16_384), long(60_000)];
        for (id, payload) in (1..).zip(&payloads) {
            session.link.send(&publish(2, TOPIC, id, payload));
            session.device.yield_until(&arrival("broadcast", "first", payload), &[0]);
            assert_eq!(session.link.expect(PUBACK).id(), id);
        }
        session.link.send(&publish(0, TOPIC, 0, b"qos 0"));
        session.device.yield_until("broadcast first len=5 ", &[0]);
        session.close();
    }
}

#[test]
fn a_repeated_message_is_delivered_once() {
    let mut session = listening(Transport::Tcp, "");
    session.link.send(&publish(2, TOPIC, 7, b"once"));
    session.link.send(&publish(2 | 8, TOPIC, 7, b"once"));
    session.link.send(&publish(2, TOPIC, 8, b"next"));
    session.device.yield_until("broadcast first len=4 ", &[0]);
    let (before, _) = session.device.yield_until(&arrival("broadcast", "first", b"next"), &[0]);
    assert!(before.is_empty(), "{before:?}");
    session.close();
}

#[test]
fn another_callback_replaces_the_first() {
    let mut session = listening(Transport::Tcp, "");
    session.device.run("broadcast second", "subscribed = 0");
    session.link.send(&publish(0, TOPIC, 0, b"one"));
    session.device.yield_until("broadcast second len=3 ", &[0]);
    session.device.run("broadcast null", "subscribed = 0");
    session.link.send(&publish(0, TOPIC, 0, b"lost"));
    session.device.run("yield 50", "yield = 0");
    session.device.run("broadcast", "subscribed = 0");
    session.link.send(&publish(0, TOPIC, 0, b"three"));
    let (before, _) = session.device.yield_until("broadcast first len=5 ", &[0]);
    assert!(before.is_empty(), "a message without callback vanishes: {before:?}");
    session.close();
}

#[test]
fn a_refusal_is_told_at_once_and_may_be_tried_again() {
    let mut session = session(Transport::WebSocket, "");
    session.device.send("broadcast");
    let id = session.link.expect(SUBSCRIBE).id();
    session.link.send(&suback(id, 0x80));
    session.device.expect(&format!("event 5 id={id}"));
    let answer = session.device.expect("subscribed = -1001");
    assert!(took(&answer) < 1500, "the rounds were not waited for: {answer}");
    listen(&mut session, "broadcast");
    session.close();
}

#[test]
fn without_an_answer_one_request_is_sent_and_a_late_answer_changes_nothing() {
    let mut session = session(Transport::Tcp, "");
    session.device.send("broadcast");
    let id = session.link.expect(SUBSCRIBE).id();
    session.device.expect("subscribed = -1001");
    session.link.send(&suback(id, 1));
    session.link.send(&publish(0, TOPIC, 0, b"early"));
    session.device.yield_until("message default topic=$broadcast", &[0]);
    listen(&mut session, "broadcast");
    session.link.send(&publish(0, TOPIC, 0, b"now"));
    session.device.yield_until("broadcast first len=3 ", &[0]);
    session.close();
}

#[test]
fn a_connection_lost_before_the_answer_is_a_failure() {
    for options in ["auto=0", "auto=1"] {
        let mut session = session(Transport::Tcp, options);
        session.device.send("broadcast");
        session.link.expect(SUBSCRIBE);
        let Session { mut device, link, peer } = session;
        link.close();
        device.expect("event 1 id=0");
        device.expect("subscribed = -1001");
        device.run("broadcast", "subscribed = -1001");
        device.run("destroy", "destroy = -103 left=0");
        device.finish();
        drop(peer);
    }
}

#[test]
fn a_lost_connection_renews_the_subscription() {
    let mut session = listening(Transport::Tcp, "");
    reconnect(&mut session);
    let again = session.link.expect(SUBSCRIBE);
    assert_eq!(again, subscribe_packet(again.id(), TOPIC, 1));
    session.link.send(&suback(again.id(), 1));
    session.link.send(&publish(2, TOPIC, 1, b"back"));
    session.device.wait_for(&format!("& {}", arrival("broadcast", "first", b"back")));
    session.link.expect(PUBACK);
    session.device.send("join");
    session.device.wait_for("join = 0");
    session.close();
}

#[test]
fn unsubscribing_ends_it_and_it_can_be_begun_again() {
    let mut session = listening(Transport::Tcp, "");
    session.device.run(&format!("unsubscribe {TOPIC}"), "unsubscribe = ");
    let id = session.link.expect(UNSUBSCRIBE).id();
    session.link.send(&answer(0xb0, id));
    session.device.yield_until("event 6 ", &[0]);
    listen(&mut session, "broadcast");
    session.close();
}

#[test]
fn the_callback_may_do_everything() {
    let mut session = listening(Transport::WebSocket, "");
    let calls = ["publish out 1 x", "subscribe more 0", "broadcast second", "yield 30", "connected"];
    for call in calls {
        session.device.send(&format!("hook broadcast 1 {call}"));
    }
    session.device.send(&format!("hook broadcast 1 unsubscribe {TOPIC}"));
    session.link.send(&publish(2, TOPIC, 1, b"go"));
    session.device.yield_until("> publish = ", &[0]);
    for line in ["> subscribe = ", "> subscribed = 0", "> yield = 0", "> connected = 1", "> unsubscribe = "] {
        session.device.expect(line);
    }
    for kind in [PUBLISH, SUBSCRIBE, UNSUBSCRIBE, PUBACK] {
        session.link.expect(kind);
    }
    session.close();
}

#[test]
fn the_callback_may_destroy_the_client() {
    let mut session = listening(Transport::WebSocket, "");
    session.device.send("hook broadcast 1 destroy");
    session.link.send(&publish(2, TOPIC, 1, b"go"));
    session.device.send("yield 20000");
    session.device.expect(&arrival("broadcast", "first", b"go"));
    session.device.expect("> destroy = 0 left=0");
    session.device.expect("yield = 2 ");
    session.end();
    session.device.finish();
}

#[test]
fn may_be_begun_in_a_callback_and_beside_a_loop_thread() {
    let mut session = session(Transport::Tcp, "");
    session.subscribe("in 0");
    session.device.send("hook message 1 broadcast");
    session.link.send(&publish(0, "in", 0, b"x"));
    session.device.send("yield 3000");
    let id = session.link.expect(SUBSCRIBE).id();
    session.link.send(&suback(id, 1));
    session.device.wait_for("> subscribed = 0");
    session.device.wait_for("yield = 0 ");
    session.device.run("startloop", "startloop = 0");
    session.device.run("broadcast second", "subscribed = 0");
    session.link.send(&publish(0, TOPIC, 0, b"to the loop"));
    session.device.expect("broadcast second len=11 ");
    session.close();

    let mut session = self::session(Transport::Tcp, "");
    session.device.run("startloop", "startloop = 0");
    listen(&mut session, "broadcast");
    session.close();
}

#[test]
fn two_clients_have_their_own() {
    let mut session = listening(Transport::Tcp, "");
    let (_peer, mut other) = second_client(&mut session);
    let id = granted(&mut session.device, &mut other, "@1 broadcast second", TOPIC, 1);
    session.device.expect(&format!("@1 event 3 id={id}"));
    session.device.expect("@1 subscribed = 0");
    other.send(&publish(0, TOPIC, 0, b"for the second"));
    session.link.send(&publish(0, TOPIC, 0, b"for the first"));
    session.device.yield_until("broadcast first len=13 ", &[0]);
    session.device.send("@1 yield 50");
    session.device.expect("@1 broadcast second len=14 ");
    session.device.expect("@1 yield = 0 ");
    session.device.send("@1 destroy");
    session.device.expect("@1 destroy = 0 left=0");
    session.link.send(&publish(0, TOPIC, 0, b"still there"));
    session.device.yield_until("broadcast first len=11 ", &[0]);
    session.close();
}

/// Two devices of a product, of which one listens.
fn sample(config: &sdk::Config, make: fn(&str, &str) -> Device, listener: &str) {
    let (device, deaf) = (make("ABCD1234EF", "one"), make("ABCD1234EF", "two"));
    let hub = Hub::start(&[&device, &deaf]);
    let sample = config.sample("broadcast_sample");
    let mut run = Launch::new(&sample).device(&device).url(&hub, listener).arg("-l").arg("30").start();
    run.wait_for("listening to broadcasts");
    let mut other =
        Launch::new(&config.sample("mqtt_sample")).device(&deaf).url(&hub, listener).arg("-l").start();
    other.wait_for("publish success");
    assert_eq!(hub.broadcast(&device.product, "to all of you", 1), 1, "the other one does not listen");
    run.wait_for("broadcast message of 13 bytes: to all of you");
    hub.wait(&Query::packet("puback").device(&device).by_device());
    assert!(!other.stop().output.contains("to all of you"));
    run.stop();
}

#[test]
fn sample_over_ws() {
    sample(&sdk::KEY_PLAIN, Device::key, "ws");
}

#[test]
fn sample_over_tcp() {
    sample(&sdk::KEY, Device::key, "mqtt");
}

#[test]
fn sample_over_tls() {
    sample(&sdk::KEY, Device::key, "mqtts");
}

#[test]
fn sample_with_certificates_over_wss() {
    sample(&sdk::CERT, Device::cert, "wss");
}

#[test]
fn sample_ends_by_itself_and_explains_its_options() {
    let device = Device::key("ABCD1234EF", "one");
    let hub = Hub::start(&[&device]);
    let sample = sdk::KEY.sample("broadcast_sample");
    let launch = Launch::new(&sample).device_file("other.json", &device).arg("-c").arg("other.json");
    launch.arg("-l").arg("1").url(&hub, "wss").run().expect(0);
    for options in [["-l", "0"], ["-l", "x"], ["-x", "1"]] {
        let finished = Launch::new(&sample).arg(options[0]).arg(options[1]).run();
        finished.expect(255);
        assert!(finished.output.contains("usage: "), "{}", finished.output);
    }
}
