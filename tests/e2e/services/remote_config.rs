//! Remote configuration (`remote_config.md`).

use super::sessions::*;
use crate::interface::driver::{Session, took};
use crate::support::device::Device;
use crate::support::hub::Hub;
use crate::support::peer::*;
use crate::support::program::Launch;
use crate::support::sdk;

const TOPIC: &str = "$config/operation/result/PRODUCT_ID/device";
const DOCUMENT: &str = r#"{"interval":30,"unit":"C"}"#;
const PUSH: &str = r#"{"type":"push","payload":{"interval":30,"unit":"C"}}"#;
const REPLY: &str = r#"{"type":"reply","result":0,"payload":{"interval":30,"unit":"C"}}"#;

/// A session that takes configurations.
#[track_caller]
fn subscribed(transport: Transport, options: &str) -> Session {
    let mut session = session(transport, options);
    subscribe(&mut session, "config 5000");
    session
}

#[track_caller]
fn subscribe(session: &mut Session, command: &str) {
    let id = granted(&mut session.device, &mut session.link, command, TOPIC, 0);
    session.device.expect(&format!("event 3 id={id}"));
    session.device.expect(&format!("configured = {id} "));
}

fn message(text: &str) -> Vec<u8> {
    publish(0, TOPIC, 0, text.as_bytes())
}

/// The request as it has to be, byte for byte.
fn request() -> Packet {
    publish_packet("$config/operation/PRODUCT_ID/device", br#"{"type":"get"}"#)
}

/// What the program prints of a configuration, up to its text.
fn config(how: &str, errcode: i32, document: &str) -> String {
    arrival("config", &format!("{how} errcode={errcode}"), document.as_bytes())
}

#[test]
fn each_subscription_asks_anew_and_replaces_the_handler() {
    let mut session = subscribed(Transport::WebSocket, "");
    subscribe(&mut session, "config 5000 second");
    session.link.send(&message(PUSH));
    session.device.yield_until(&config("second", 0, DOCUMENT), &[0]);
    session.close();
}

#[test]
fn messages_reach_the_handler_while_it_is_asked_for_anew() {
    let mut session = subscribed(Transport::Tcp, "");
    session.device.send("config 5000 second");
    let id = session.link.expect(SUBSCRIBE).id();
    session.link.send(&message(PUSH));
    session.device.expect(&config("second", 0, DOCUMENT));
    session.link.send(&suback(id, 0));
    session.device.expect(&format!("event 3 id={id}"));
    session.device.expect(&format!("configured = {id} "));
    session.close();
}

#[test]
fn the_answer_has_come_when_get_returns() {
    for transport in TRANSPORTS {
        let mut session = subscribed(transport, "");
        let answers = [
            (REPLY, 0, DOCUMENT),
            (r#"{"type":"reply","result":1001,"payload":{}}"#, 1001, "{}"),
            (r#"{"type":"reply","result":1002}"#, 1002, ""),
            (
                r#"{"payload":{"a":[1,{"b":null}]},"result":"0","type":"reply","more":1}"#,
                0,
                r#"{"a":[1,{"b":null}]}"#,
            ),
        ];
        for (answer, errcode, document) in answers {
            session.device.send("getconfig 5000");
            assert_eq!(session.link.packet(), request());
            session.link.send(&message(answer));
            session.device.expect(&config("first", errcode, document));
            session.device.expect(r#"got = 0 request={"type":"get"} "#);
        }
        session.close();
    }
}

#[test]
fn what_is_pushed_while_get_waits_is_delivered_and_ends_nothing() {
    let mut session = subscribed(Transport::Tcp, "");
    session.device.send("getconfig 5000");
    session.link.expect(PUBLISH);
    session.link.send(&message(PUSH));
    session.device.expect(&config("first", 0, DOCUMENT));
    session.link.send(&message(r#"{"type":"push","result":7}"#));
    session.device.expect(&config("first", 0, ""));
    session.link.send(&message(REPLY));
    session.device.expect(&config("first", 0, DOCUMENT));
    session.device.expect("got = 0 ");
    session.close();
}

#[test]
fn nothing_but_a_reply_ends_get() {
    let mut session = subscribed(Transport::Tcp, "");
    session.device.send("thread getconfig 20000");
    session.link.expect(PUBLISH);
    for other in [r#"{"type":"news"}"#, "no json", r#"{"type":"reply","result":0"#, r#"{"result":0}"#, "[]"] {
        session.link.send(&message(other));
    }
    session.device.run("subscribe other 0", "subscribe = ");
    let id = session.link.expect(SUBSCRIBE).id();
    session.link.send(&suback(id, 0x80));
    session.device.expect("& event 5 ");
    session.device.expect("& topic-event 5");
    session.link.send(&message(REPLY));
    session.device.expect(&format!("& {}", config("first", 0, DOCUMENT)));
    session.device.expect("& got = 0 ");
    session.device.run("join", "join = 0");

    session.device.send("thread getconfig 1000");
    session.link.expect(PUBLISH);
    session.device.run(&format!("unsubscribe {TOPIC}"), "unsubscribe = ");
    session.device.expect("& got = -111 ");
    session.device.run("join", "join = 0");
    session.close();
}

#[test]
fn get_needs_a_subscription_and_room_for_its_request() {
    let mut session = session(Transport::Tcp, "");
    session.device.run("getconfig 5000", "got = -1001 request=untouched ");
    subscribe(&mut session, "config 5000");
    session.device.run("getconfig 5000 size=14", "got = -133 request=untouched ");
    session.device.run("getconfig 5000 size=0", "got = -133 request=untouched ");
    session.device.send("getconfig 5000 size=15");
    assert_eq!(session.link.packet(), request());
    session.link.send(&message(REPLY));
    session.device.expect("config first ");
    session.device.expect("got = 0 ");
    session.device.run(&format!("unsubscribe {TOPIC}"), "unsubscribe = ");
    session.device.run("getconfig 5000", "got = -1001 ");
    session.close();
}

#[test]
fn no_answer_is_a_time_out() {
    let mut session = subscribed(Transport::Tcp, "");
    let answer = session.device.run("getconfig 300", "got = -111 ");
    assert!(took(&answer) >= 299, "{answer}");
    for timeout in [0, -1] {
        session.device.run(&format!("getconfig {timeout}"), "got = -111 ");
    }
    session.close();

    let mut session = self::session(Transport::Tcp, "");
    let answer = session.device.run("config 300", "configured = -111 ");
    assert!(took(&answer) >= 299, "{answer}");
    let id = session.link.expect(SUBSCRIBE).id();
    session.link.send(&suback(id, 0));
    session.link.send(&message(PUSH));
    session.device.yield_until("message default topic=$config", &[0]);
    subscribe(&mut session, "config 5000");
    session.close();
}

#[test]
fn a_late_answer_is_delivered() {
    let mut session = subscribed(Transport::Tcp, "");
    session.device.run("getconfig 50", "got = -111 ");
    session.link.send(&message(REPLY));
    session.device.yield_until(&config("first", 0, DOCUMENT), &[0]);
    session.close();
}

#[test]
fn refused_subscriptions_and_missing_connections_have_their_codes() {
    let mut session = session(Transport::Tcp, "auto=0");
    session.device.send("config 5000");
    let id = session.link.expect(SUBSCRIBE).id();
    session.link.send(&suback(id, 0x80));
    session.device.expect(&format!("event 5 id={id}"));
    session.device.expect("configured = -108 ");
    session.device.run("getconfig 5000", "got = -1001 ");
    subscribe(&mut session, "config 5000");
    session.device.send("getconfig 20000");
    session.link.expect(PUBLISH);
    let Session { mut device, link, peer: _peer } = session;
    link.close();
    device.expect("event 1 id=0");
    device.expect("got = -103 ");
    device.run("getconfig 5000", "got = -103 ");
    device.run("config 5000", "configured = -103 ");
    device.run("destroy", "destroy = -103 left=0");
    device.finish();
}

#[test]
fn a_connection_lost_before_the_answer_ends_get_at_once() {
    let mut session = subscribed(Transport::Tcp, "");
    session.device.send("getconfig 20000");
    session.link.expect(PUBLISH);
    let old = std::mem::replace(&mut session.link, Connection::none());
    old.close();
    session.device.expect("event 1 id=0");
    let answer = session.device.expect("got = -105 ");
    assert!(took(&answer) < 20_000, "{answer}");
    session.device.send("thread yield 8000");
    session.link = session.peer.accept_session();
    let again = session.link.expect(SUBSCRIBE);
    assert_eq!(again, subscribe_packet(again.id(), TOPIC, 0));
    session.device.wait_for("& event 2 id=0");
    session.link.send(&suback(again.id(), 0));
    session.link.send(&message(PUSH));
    session.device.wait_for(&format!("& {}", config("first", 0, DOCUMENT)));
    session.device.send("join");
    session.device.wait_for("join = 0");
    session.close();
}

#[test]
fn messages_that_do_not_fit_are_dropped_and_told() {
    let mut session = session(Transport::Tcp, "");
    subscribe(&mut session, &format!("config 5000 room={}", REPLY.len() + 1));
    session.device.send("getconfig 5000");
    session.link.expect(PUBLISH);
    session.link.send(&message(REPLY));
    session.device.expect(&config("first", 0, DOCUMENT));
    session.device.expect("got = 0 ");
    session.device.run(&format!("room {}", REPLY.len()), "room = 0");
    session.device.send("getconfig 5000");
    session.link.expect(PUBLISH);
    session.link.send(&message(&format!("{PUSH}{}", " ".repeat(20))));
    session.link.send(&message(REPLY));
    session.device.expect("got = -133 ");
    session.device.wait_for_log(&format!("message of {} bytes does not fit into the buffer", REPLY.len()));
    session.device.run("room 0", "room = 0");
    session.link.send(&message(PUSH));
    session.device.run("yield 50", "yield = 0");
    session.device.run("room 65536", "room = 0");
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(60_000));
    session.link.send(&message(&format!(r#"{{"type":"push","payload":{long}}}"#)));
    session.device.yield_until(&config("first", 0, &long), &[0]);
    session.close();
}

#[test]
fn an_answer_without_result_is_an_error() {
    let mut session = subscribed(Transport::Tcp, "");
    for answer in [r#"{"type":"reply","payload":{}}"#, r#"{"type":"reply","result":"no","payload":{}}"#] {
        session.device.send("getconfig 5000");
        session.link.expect(PUBLISH);
        session.link.send(&message(answer));
        session.device.expect("got = -135 ");
    }
    session.close();
}

#[test]
fn the_handler_may_do_everything_but_ask_again() {
    let mut session = subscribed(Transport::WebSocket, "");
    for call in ["getconfig 5000", "publish out 0 x", "subscribe more 0", "yield 30", "connected"] {
        session.device.send(&format!("hook config 1 {call}"));
    }
    session.link.send(&message(PUSH));
    session.device.yield_until("> got = -1001 ", &[0]);
    for line in ["> publish = 0", "> subscribe = ", "> yield = 0", "> connected = 1"] {
        session.device.expect(line);
    }
    session.link.expect(PUBLISH);
    session.link.expect(SUBSCRIBE);
    session.device.send("hook config 1 destroy");
    session.device.send("getconfig 5000");
    session.link.expect(PUBLISH);
    session.link.send(&message(REPLY));
    session.device.wait_for("> destroy = 0 left=0");
    session.device.expect("got = 0 ");
    session.end();
    session.device.finish();
}

#[test]
fn other_callbacks_may_ask() {
    let mut session = subscribed(Transport::Tcp, "");
    session.subscribe("in 0");
    session.device.send("hook message 1 getconfig 5000");
    session.link.send(&publish(0, "in", 0, b"x"));
    session.device.send("yield 3000");
    session.link.expect(PUBLISH);
    session.link.send(&message(REPLY));
    session.device.wait_for("> config first ");
    session.device.expect("> got = 0 ");
    session.device.wait_for("yield = 0 ");
    session.close();
}

/// What firmware does to be up to date: it asks in the event of the reconnect, right behind the renewed subscription.
#[test]
fn the_event_of_a_reconnect_may_ask() {
    let mut session = subscribed(Transport::WebSocket, "");
    session.device.send("hook event:2 1 getconfig 5000");
    reconnect(&mut session);
    let again = session.link.expect(SUBSCRIBE);
    assert_eq!(again, subscribe_packet(again.id(), TOPIC, 0));
    assert_eq!(session.link.packet(), request());
    session.link.send(&suback(again.id(), 0));
    session.link.send(&message(REPLY));
    session.device.wait_for(&format!("> {}", config("first", 0, DOCUMENT)));
    session.device.wait_for("> got = 0 ");
    session.device.send("join");
    session.device.wait_for("join = 0");
    session.close();
}

/// An answer does not say whose it is; it is good for all who wait.
#[test]
fn several_threads_may_ask_beside_a_loop_thread() {
    let mut session = subscribed(Transport::Tcp, "");
    session.device.run("startloop", "startloop = 0");
    session.device.send("thread getconfig 20000");
    session.device.send("thread getconfig 20000");
    assert_eq!(session.link.packet(), request());
    assert_eq!(session.link.packet(), request());
    session.link.send(&message(REPLY));
    session.device.expect(&config("first", 0, DOCUMENT));
    session.device.expect("& got = 0 ");
    session.device.expect("& got = 0 ");
    session.device.run("join", "join = 0");
    session.close();
}

#[test]
fn two_clients_have_their_own() {
    let mut session = subscribed(Transport::Tcp, "");
    let (_peer, mut other) = second_client(&mut session);
    session.device.run("@1 getconfig 5000", "@1 got = -1001 ");
    let id = granted(&mut session.device, &mut other, "@1 config 5000", TOPIC, 0);
    session.device.expect(&format!("@1 event 3 id={id}"));
    session.device.expect("@1 configured = ");
    session.device.send("@1 getconfig 300");
    other.expect(PUBLISH);
    session.link.send(&message(REPLY));
    session.device.expect("@1 got = -111 ");
    session.device.yield_until(&config("first", 0, DOCUMENT), &[0]);
    session.device.send("@1 destroy");
    session.device.expect("@1 destroy = 0 left=0");
    session.close();
}

/// The sample fetches the configuration, and with -l takes what is pushed.
fn sample(config: &sdk::Config, make: fn(&str, &str) -> Device, listener: &str) {
    let device = make("ABCD1234EF", "one");
    let hub = Hub::start(&[&device]);
    let launch =
        || Launch::new(&config.sample("remote_config_mqtt_sample")).device(&device).url(&hub, listener);
    for (setting, code) in [("disabled", 1001), ("without content", 1002)] {
        let finished = launch().run();
        finished.expect(0);
        let told = finished.with(&format!("no configuration, the platform answered {code}"));
        assert_eq!(told.len(), 1, "{setting}: {}", finished.output);
        hub.config_enable(&device.product);
    }
    hub.config_set(&device.product, serde_json::json!({"interval": 30, "unit": "C"}));
    let mut run = launch().arg("-l").start();
    run.wait_for(&format!("configuration of {} bytes: {DOCUMENT}", DOCUMENT.len()));
    run.wait_for("interval is 30 s");
    run.wait_for("unit is C");
    hub.config_set(&device.product, serde_json::json!({"unit": "F"}));
    assert_eq!(hub.config_push(&device.product), 1);
    run.wait_for(r#"configuration of 12 bytes: {"unit":"F"}"#);
    run.wait_for("unit is F");
    let finished = run.stop();
    assert!(finished.with("config request failed").is_empty(), "{}", finished.output);
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

/// Broadcast, RRPC and configuration in one session, with a loss, and clients that go away in callbacks.
#[test]
fn valgrind_finds_nothing() {
    let Some(device) = checked_driver() else { return };
    let mut session = Session::open_with(device, Transport::WebSocket, "");
    subscribe(&mut session, "config 20000");
    for (command, filter, qos) in
        [("broadcast", "$broadcast/rxd/PRODUCT_ID/device", 1), ("rrpc", "$rrpc/rxd/PRODUCT_ID/device/+", 0)]
    {
        granted(&mut session.device, &mut session.link, command, filter, qos);
        session.device.wait_for("subscribed = 0");
    }
    session.link.send(&publish(2, "$broadcast/rxd/PRODUCT_ID/device", 1, &[0; 3000]));
    session.link.send(&publish(0, "$rrpc/rxd/PRODUCT_ID/device/1", 0, b"x"));
    session.device.yield_until("rrpc first ", &[0]);
    session.device.run("reply ok", "reply = 0");
    session.device.send("getconfig 20000");
    session.link.send(&message(REPLY));
    session.device.wait_for("got = 0 ");
    session.device.run("config 1", "configured = -111 ");
    session.device.run("getconfig 100", "got = -1001 ");
    session.device.send("hook broadcast 1 destroy");
    session.link.send(&publish(2, "$broadcast/rxd/PRODUCT_ID/device", 2, b"the end"));
    session.device.send("yield 20000");
    session.device.wait_for("> destroy = 0 left=0");
    session.device.expect("yield = 2 ");
    session.device.finish();
}
