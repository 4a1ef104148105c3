//! The result topic, from Construct to Destroy. [shadow.md §§4.1, 6, 9]

use super::*;

#[test]
fn construct_subscribes_and_destroy_ends_all() {
    for transport in TRANSPORTS {
        let mut device = driver();
        let peer = Peer::listen(transport);
        device.send(&format!("construct url={}", peer.url()));
        let mut link = peer.accept_session();
        let subscribe = link.expect(SUBSCRIBE);
        assert_eq!((subscribe.topic().as_str(), subscribe.body.last()), (RESULT, Some(&0)), "QoS 0");
        link.send(&suback(subscribe.id(), 0));
        // Events name the shadow, also before Construct has returned its handle.
        device.expect("event 3 of handle");
        device.expect("construct = handle");
        device.run("connected", "connected = 1");
        device.send("get");
        device.expect("get = 0 ");
        link.expect(PUBLISH);
        device.send("destroy");
        let kinds: Vec<u8> = link.wait_for_end().iter().map(Packet::kind).collect();
        assert_eq!(kinds, [UNSUBSCRIBE, DISCONNECT]);
        device.expect("destroy = 0");
        // The request that waited was dropped without its callback.
        device.finish();
    }
}

/// The handle comes all the same; every request asks again, is sent, and times out. [shadow.md §9]
#[test]
fn a_refused_subscription_is_tried_again_by_every_request() {
    for transport in TRANSPORTS {
        let mut device = driver();
        let peer = Peer::listen(transport);
        device.send(&format!("construct url={}", peer.url()));
        let mut link = peer.accept_session();
        let subscribe = link.expect(SUBSCRIBE);
        link.send(&suback(subscribe.id(), 0x80));
        device.expect("event 5 of handle");
        device.expect("construct = handle");
        device.run("build report", "build = 0");
        device.run("update timeout=300", "update = 0 ");
        let again = link.expect(SUBSCRIBE);
        assert_eq!(again.topic(), RESULT);
        assert_eq!(link.expect(PUBLISH).topic(), OPERATION);
        link.send(&suback(again.id(), 0x80));
        device.send("yield 1000");
        device.expect("event 5 of handle");
        device.expect("yield = -108");
        device.yield_until("request update ack=-2", &[0]);
        // This time it is granted, and the answer that follows it arrives.
        device.run("get", "get = 0 ");
        let granted = link.expect(SUBSCRIBE);
        link.expect(PUBLISH);
        link.send(&suback(granted.id(), 0));
        link.send(&publish(0, RESULT, 0, answer("A1B2C3D4E5-1", "get", 0).as_bytes()));
        device.yield_until("request get ack=0", &[0]);
        // From now on it is there.
        device.run("get", "get = 0 ");
        link.expect(PUBLISH);
        device.send("destroy");
        link.wait_for_end();
        device.wait_for("destroy = 0");
        device.finish();
    }
}

/// The original waits without end when the link drops and is not opened again.
#[test]
fn defect_construct_ends_when_the_answer_does_not_come() {
    // No SUBACK: the command timeout and a second.
    let mut device = driver();
    let peer = Peer::listen(Transport::Tcp);
    device.send(&format!("construct url={} timeout=500", peer.url()));
    let mut link = peer.accept_session();
    link.expect(SUBSCRIBE);
    device.expect("event 4 of handle");
    device.expect("construct = handle");
    device.send("destroy");
    link.wait_for_end();
    device.wait_for("destroy = 0");
    // The link drops, with and without auto connect.
    for auto in [0, 1] {
        device.send(&format!("construct url={} timeout=500 auto={auto}", peer.url()));
        let mut link = peer.accept_session();
        link.expect(SUBSCRIBE);
        link.close();
        device.expect("event 1 of handle");
        device.expect("construct = handle");
        device.run("connected", "connected = 0");
        device.run("destroy", "destroy = 0");
    }
    device.finish();
}

#[test]
fn construct_without_a_server_is_null_and_says_why() {
    let mut device = driver();
    let port = Peer::listen(Transport::Tcp).port();
    device.run(&format!("construct url=mqtt://127.0.0.1:{port}"), "construct = null err=-603");
    let peer = Peer::listen(Transport::Tcp);
    device.send(&format!("construct url={}", peer.url()));
    let mut link = peer.accept();
    link.expect(CONNECT);
    link.send(&connack(5));
    device.expect("construct = null err=-117");
    device.finish();
}

#[test]
fn the_subscription_is_renewed_after_a_reconnect() {
    let mut session = Session::open(Transport::WebSocket, "");
    std::mem::replace(&mut session.link, Connection::none()).close();
    session.device.send("thread yield 20000");
    session.link = session.peer.accept_session();
    let renewal = session.link.expect(SUBSCRIBE);
    assert_eq!(renewal.topic(), RESULT);
    session.device.wait_for("& event 2 of handle");
    // Before the answer to the renewal nothing is asked a second time.
    session.device.run("get", "get = 0 ");
    session.sent();
    session.link.send(&suback(renewal.id(), 0));
    session.push(&answer("A1B2C3D4E5-0", "get", 0));
    session.device.wait_for("& request get ack=0");
    session.device.send("destroy");
    session.end();
    session.device.wait_for("destroy = 0");
    session.device.send("join");
    session.device.wait_for("join = 0");
    session.device.finish();
}

#[test]
fn other_topics_pass_through() {
    let mut session = Session::open(Transport::WebSocket, "");
    session.device.run("subscribe mine/data", "subscribe = 1");
    let subscribe = session.link.expect(SUBSCRIBE);
    session.link.send(&suback(subscribe.id(), 0));
    session.link.send(&publish(0, "mine/data", 0, b"hello"));
    session.device.yield_until("message of client payload=hello", &[0]);
    session.device.run("publish mine/data there", "publish = 0");
    assert_eq!(session.link.expect(PUBLISH).payload(), b"there");
    session.device.run("unsubscribe mine/data", "unsubscribe = 1");
    session.link.expect(UNSUBSCRIBE);
    session.close();
}

#[test]
fn two_shadows_do_not_see_each_other() {
    let mut one = Session::open(Transport::Tcp, "");
    let peer = Peer::listen(Transport::Tcp);
    one.device.send(&format!("@1 construct url={} name=lamp-02", peer.url()));
    let mut other = peer.accept_session();
    let subscribe = other.expect(SUBSCRIBE);
    assert_eq!(subscribe.topic(), RESULT.replace("lamp-01", "lamp-02"));
    other.send(&suback(subscribe.id(), 0));
    one.device.wait_for("@1 construct = handle");
    // Both count their tokens from 0, and each has properties and requests of its own.
    for slot in ["", "@1 "] {
        one.device.run(&format!("{slot}property 0 a int32 1"), &format!("{slot}property = 0"));
        one.device.run(&format!("{slot}register 0"), &format!("{slot}register = 0"));
        one.device.run(&format!("{slot}get"), &format!("{slot}get = 0"));
    }
    assert_eq!(token(&one.sent()), "A1B2C3D4E5-0");
    assert_eq!(token(std::str::from_utf8(other.expect(PUBLISH).payload()).expect("UTF-8")), "A1B2C3D4E5-0");
    one.push(r#"{"type":"delta","payload":{"state":{"a":5}}}"#);
    one.push(&answer("A1B2C3D4E5-0", "get", 0));
    one.device.yield_until("delta a = 5 of handle", &[0]);
    one.device.expect("request get ack=0 of handle");
    one.device.run("@1 value 0", "@1 value a = 1");
    one.device.run("@1 yield 50", "@1 yield = 0");
    one.device.send("@1 destroy");
    other.wait_for_end();
    one.device.wait_for("@1 destroy = 0");
    one.request("get");
    one.close();
}
