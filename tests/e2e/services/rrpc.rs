//! RRPC (`rrpc.md`).

use super::sessions::*;
use crate::interface::driver::Session;
use crate::support::device::Device;
use crate::support::hub::Hub;
use crate::support::peer::*;
use crate::support::program::Launch;
use crate::support::sdk;

const FILTER: &str = "$rrpc/rxd/PRODUCT_ID/device/+";

/// A session that takes calls.
#[track_caller]
fn listening(transport: Transport, options: &str) -> Session {
    let mut session = session(transport, options);
    listen(&mut session);
    session
}

#[track_caller]
fn listen(session: &mut Session) {
    let id = granted(&mut session.device, &mut session.link, "rrpc", FILTER, 0);
    session.device.expect(&format!("event 3 id={id}"));
    session.device.expect("subscribed = 0");
}

fn call(id: &str, payload: &[u8]) -> Vec<u8> {
    publish(0, &format!("$rrpc/rxd/PRODUCT_ID/device/{id}"), 0, payload)
}

/// The reply to a call as it has to be, byte for byte.
fn reply(id: &str, payload: &[u8]) -> Packet {
    publish_packet(&format!("$rrpc/txd/PRODUCT_ID/device/{id}"), payload)
}

#[test]
fn a_reply_in_the_callback_goes_to_its_call() {
    for transport in TRANSPORTS {
        let mut session = listening(transport, "");
        session.device.send("hook rrpc 2 reply ok");
        session.link.send(&call("1207", b"status"));
        session.link.send(&call("1208", b"status again"));
        session.device.yield_until(&arrival("rrpc", "first", b"status"), &[0]);
        session.device.expect("> reply = 0");
        session.device.yield_until(&arrival("rrpc", "first", b"status again"), &[0]);
        session.device.expect("> reply = 0");
        assert_eq!(session.link.packet(), reply("1207", b"ok"));
        assert_eq!(session.link.packet(), reply("1208", b"ok"));
        session.close();
    }
}

#[test]
fn replies_after_the_callback_go_to_the_oldest_call_and_a_further_one_to_the_last() {
    let mut session = listening(Transport::Tcp, "");
    session.link.send(&call("1", b"first"));
    session.link.send(&call("2", b"second"));
    session.device.yield_until(&arrival("rrpc", "first", b"second"), &[0]);
    for text in ["one", "two", "two once more"] {
        session.device.run(&format!("reply {text}"), "reply = 0");
    }
    session.link.send(&call("3", b"third"));
    session.device.yield_until(&arrival("rrpc", "first", b"third"), &[0]);
    session.device.run("reply three", "reply = 0");
    for (id, text) in [("1", "one"), ("2", "two"), ("2", "two once more"), ("3", "three")] {
        assert_eq!(session.link.packet(), reply(id, text.as_bytes()));
    }
    session.close();
}

/// The original keeps one id for the whole process.
#[test]
fn interleaved_calls_of_two_clients_get_their_own_replies() {
    let mut session = listening(Transport::Tcp, "");
    let (_peer, mut other) = second_client(&mut session);
    let id = granted(&mut session.device, &mut other, "@1 rrpc", FILTER, 0);
    session.device.expect(&format!("@1 event 3 id={id}"));
    session.device.expect("@1 subscribed = 0");
    session.link.send(&call("11", b"to the first"));
    session.device.yield_until("rrpc first ", &[0]);
    other.send(&call("22", b"to the second"));
    session.device.send("@1 yield 50");
    session.device.expect("@1 rrpc first ");
    session.device.expect("@1 yield = 0 ");
    session.device.run("reply from the first", "reply = 0");
    session.device.run("@1 reply from the second", "@1 reply = 0");
    assert_eq!(session.link.packet(), reply("11", b"from the first"));
    assert_eq!(other.packet(), reply("22", b"from the second"));
    session.device.send("@1 destroy");
    session.device.expect("@1 destroy = 0 left=0");
    session.close();
}

#[test]
fn ids_have_up_to_16_characters() {
    let mut session = listening(Transport::Tcp, "");
    session.link.send(&call("0123456789abcdefg", b"too long"));
    session.link.send(&call("", b"none"));
    session.link.send(&call("0123456789abcdef", b"just right"));
    let (before, _) = session.device.yield_until(&arrival("rrpc", "first", b"just right"), &[0]);
    assert!(before.is_empty(), "{before:?}");
    session.device.wait_for_log(
        "call without usable process id dropped: $rrpc/rxd/PRODUCT_ID/device/0123456789abcdefg",
    );
    session.device.run("reply yes", "reply = 0");
    assert_eq!(session.link.packet(), reply("0123456789abcdef", b"yes"));
    session.close();
}

#[test]
fn a_reply_without_call_is_not_sent() {
    let mut session = listening(Transport::Tcp, "");
    session.device.run("reply nobody asked", "reply = -231");
    session.device.run("publish marker 0 x", "publish = 0");
    assert_eq!(session.link.packet(), publish_packet("marker", b"x"));
    session.close();
}

#[test]
fn a_reply_that_cannot_be_sent_leaves_the_call_waiting() {
    let mut session = listening(Transport::Tcp, "");
    session.link.send(&call("5", b"are you there"));
    session.device.yield_until("rrpc first ", &[0]);
    session.device.run("reply size=16385", "reply = -231");
    session.device.send("hook event:1 1 reply into the void");
    let told = reconnect(&mut session);
    assert!(told.iter().any(|line| line.ends_with("> reply = -231")), "{told:?}");
    let again = session.link.expect(SUBSCRIBE);
    assert_eq!(again, subscribe_packet(again.id(), FILTER, 0));
    session.device.run("reply size=16384", "reply = 0");
    assert_eq!(session.link.packet(), reply("5", &[b'r'; 16_384]));
    session.link.send(&suback(again.id(), 0));
    session.device.send("join");
    session.device.wait_for("join = 0");
    session.close();
}

#[test]
fn requests_and_replies_are_any_text() {
    let mut session = listening(Transport::WebSocket, "");
    for payload in [&b"a/b/c"[..], b"nul\0inside", b"", br#"{"method":"on"}"#] {
        session.link.send(&call("77", payload));
        session.device.yield_until(&arrival("rrpc", "first", payload), &[0]);
        session.device.run("reply on/off {\"x\": 1}", "reply = 0");
        assert_eq!(session.link.packet(), reply("77", b"on/off {\"x\": 1}"));
    }
    session.close();
}

#[test]
fn a_refused_subscription_is_told_at_once() {
    let mut session = session(Transport::Tcp, "");
    session.device.send("rrpc");
    let id = session.link.expect(SUBSCRIBE).id();
    session.link.send(&suback(id, 0x80));
    session.device.expect(&format!("event 5 id={id}"));
    session.device.expect("subscribed = -1001");
    listen(&mut session);
    session.device.run("rrpc second", "subscribed = 0");
    session.link.send(&call("1", b"x"));
    session.device.yield_until("rrpc second len=1 ", &[0]);
    session.close();
}

#[test]
fn without_a_callback_calls_can_be_replied_to() {
    let mut session = listening(Transport::Tcp, "");
    session.device.run("rrpc null", "subscribed = 0");
    session.link.send(&call("9", b"silent"));
    session.device.run("yield 50", "yield = 0");
    session.device.run("reply ok", "reply = 0");
    assert_eq!(session.link.packet(), reply("9", b"ok"));
    session.close();
}

#[test]
fn another_thread_replies_beside_a_loop_thread() {
    let mut session = listening(Transport::Tcp, "");
    session.subscribe("in 0");
    session.device.run("startloop", "startloop = 0");
    session.link.send(&call("31", b"first"));
    session.device.expect("rrpc first len=5 ");
    // Callbacks do not overlap: when this one runs, the first has ended.
    session.link.send(&publish(0, "in", 0, b"x"));
    session.device.expect("message first ");
    session.device.send("hook rrpc 1 reply inside");
    session.device.run("connected", "connected = 1");
    session.link.send(&call("32", b"second"));
    session.device.expect("rrpc first len=6 ");
    session.device.expect("> reply = 0");
    session.device.run("reply outside", "reply = 0");
    assert_eq!(session.link.packet(), reply("32", b"inside"));
    assert_eq!(session.link.packet(), reply("31", b"outside"));
    session.close();
}

#[test]
fn the_callback_may_destroy_the_client() {
    let mut session = listening(Transport::WebSocket, "");
    session.device.send("hook rrpc 1 reply goodbye");
    session.device.send("hook rrpc 1 destroy");
    session.link.send(&call("1", b"go"));
    session.device.send("yield 20000");
    session.device.expect("rrpc first len=2 ");
    session.device.expect("> reply = 0");
    session.device.expect("> destroy = 0 left=0");
    session.device.expect("yield = 2 ");
    assert_eq!(session.link.packet(), reply("1", b"goodbye"));
    session.end();
    session.device.finish();
}

#[test]
fn a_nested_yield_delivers_the_next_call_and_replies_find_theirs() {
    let mut session = listening(Transport::Tcp, "");
    session.device.send("hook rrpc 1 yield 3000");
    session.device.send("hook rrpc 1 reply inner");
    session.device.send("hook rrpc 1 reply outer");
    session.link.send(&call("1", b"outer"));
    session.device.send("yield 50");
    session.device.expect("rrpc first len=5 ");
    session.link.send(&call("2", b"inner!"));
    session.device.expect("> rrpc first len=6 ");
    session.device.expect("> reply = 0");
    assert_eq!(session.link.packet(), reply("2", b"inner"));
    session.close();
}

fn sample(config: &sdk::Config, make: fn(&str, &str) -> Device, listener: &str) {
    let device = make("ABCD1234EF", "one");
    let hub = Hub::start(&[&device]);
    let launch = Launch::new(&config.sample("rrpc_sample")).device(&device).url(&hub, listener);
    let mut run = launch.arg("-l").arg("30").start();
    run.wait_for("waiting for rrpc calls");
    assert_eq!(hub.rrpc(&device, "status").as_deref(), Ok("ok"));
    run.wait_for("rrpc call of 6 bytes: status");
    run.wait_for("rrpc reply sent");
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| hub.rrpc(&device, "a/b"))).collect();
        for call in calls {
            assert_eq!(call.join().expect("a call").as_deref(), Ok("ok"));
        }
    });
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
