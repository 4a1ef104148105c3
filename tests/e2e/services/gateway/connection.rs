//! Construct, losses, reconnects, and the end.

use super::*;
use crate::interface::driver::took;

/// Yields until the connection is back, which the peer sees meanwhile.
fn reconnect(gateway: Gateway, serve: impl FnOnce(&mut Connection)) -> Gateway {
    let Gateway { peer, link, mut device } = gateway;
    link.close();
    device.run("await 2", "event 1 id=0 client=mqtt");
    let mut link = peer.accept_session();
    serve(&mut link);
    device.wait_for("event 2 id=0 client=mqtt");
    let (lines, _) = device.wait_for("await = ");
    // The renewal of the gateway's own subscription is no event either; those of others have a handler that is told too.
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!(count("event 3 "), count("topic-event 3"), "{lines:?}");
    Gateway { peer, link, device }
}

/// The platform takes sub-devices offline with their gateway. They come back by themselves: behind the gateway's own
/// subscription, which brings the replies, and before what was subscribed for them, which would be refused.
#[test]
fn sub_devices_come_back_with_the_connection() {
    for transport in TRANSPORTS {
        let mut gateway = Gateway::open(transport);
        for name in ["a", "b", "c"] {
            gateway.online(name);
        }
        gateway.ask("offline c", 0);
        gateway.device.run("subscribe Z9Y8X7W6V5/a/data 1", "subscribe = ");
        grant(&mut gateway.link, "Z9Y8X7W6V5/a/data", 1);
        gateway.device.yield_until("topic-event 3", &[0]);

        let mut gateway = reconnect(gateway, |link| {
            let own = link.expect(SUBSCRIBE);
            assert_eq!(own.topic(), result("gw-0"));
            link.send(&suback(own.id(), 1));
            expect_message(link, "gw-0", &request("online", "a"));
            expect_message(link, "gw-0", &request("online", "b"));
            link.send(&publish(0, &result("gw-0"), 0, reply("online", "a", 0).as_bytes()));
            link.send(&publish(0, &result("gw-0"), 0, reply("online", "b", -1).as_bytes()));
            grant(link, "Z9Y8X7W6V5/a/data", 1);
        });
        gateway.settle();
        gateway.device.wait_for_log("Z9Y8X7W6V5/b did not come back online: -1");
        gateway.device.run("ready Z9Y8X7W6V5/a/data", "ready = 1");
        gateway.device.run("online a", "online a = -224 ");
        gateway.device.run("offline b", "offline b = -222 ");
        gateway.online("b");
        gateway.close();
    }
}

/// Until the platform has answered, the application may ask itself.
#[test]
fn online_after_a_reconnect_asks_again_unless_it_is_confirmed() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.online("a");
    let mut gateway = reconnect(gateway, |link| {
        grant(link, &result("gw-0"), 1);
        expect_message(link, "gw-0", &request("online", "a"));
    });
    // No line comes but that of the request.
    gateway.online("a");
    gateway.device.run("online a", "online a = -224 ");
    gateway.close();
}

#[test]
fn a_renewal_that_breaks_is_repeated_on_the_next_connection() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.online("a");
    let Gateway { peer, link, mut device } = gateway;
    link.close();
    device.run("await 2", "event 1 id=0");
    // It breaks right behind the messages that renew the sessions.
    let mut link = peer.accept_session();
    link.expect(SUBSCRIBE);
    expect_message(&mut link, "gw-0", &request("online", "a"));
    device.wait_for("await = ");
    let mut gateway = reconnect(Gateway { peer, link, device }, |link| {
        grant(link, &result("gw-0"), 1);
        expect_message(link, "gw-0", &request("online", "a"));
        link.send(&publish(0, &result("gw-0"), 0, reply("online", "a", 0).as_bytes()));
    });
    gateway.settle();
    gateway.device.run("online a", "online a = -224 ");
    gateway.close();
}

#[test]
fn a_loss_between_request_and_reply_is_1001_at_once() {
    for transport in TRANSPORTS {
        let Gateway { peer: _peer, mut link, mut device } = Gateway::open(transport);
        device.send("online probe-7");
        expect_message(&mut link, "gw-0", &request("online", "probe-7"));
        link.close();
        device.expect("event 1 id=0");
        let line = device.expect("online probe-7 = -1001 ");
        assert!(took(&line) < 10_000, "{line}");
        // Nothing can be asked now; that is known at once too.
        for command in ["online probe-7", "unbind probe-7", "list"] {
            device.run(command, &format!("{command} = -1001"));
        }
        device.run("bind probe-7 secret", "bind probe-7 = -1001 ");
        device.run("offline probe-7", "offline probe-7 = -222 ");
        device.run("destroy", "destroy = 0");
        device.finish();
    }
}

#[test]
fn without_auto_connect_a_loss_is_final() {
    let Gateway { peer: _peer, link, mut device } =
        Gateway::open_with(Driver::start(&[], &program()), Transport::Tcp, "auto=0");
    link.close();
    device.run("yield 20000", "event 1 id=0");
    device.expect("yield = -103 ");
    device.run("online probe-7", "online probe-7 = -1001 ");
    device.run("list", "list = -1001");
    device.run("destroy", "destroy = 0");
    device.finish();
}

#[test]
fn two_gateways_in_one_process_do_not_share_state() {
    let Gateway { peer, mut link, mut device } = Gateway::open(Transport::Tcp);
    let other_peer = Peer::listen(Transport::WebSocket);
    device.send(&format!("@1 construct url={}", other_peer.url()));
    let mut other = accept(&other_peer, "gw-1");
    device.expect("@1 construct = gateway err=77 unmodified=1 ");

    device.send("online probe-7");
    expect_message(&mut link, "gw-0", &request("online", "probe-7"));
    link.send(&publish(0, &result("gw-0"), 0, reply("online", "probe-7", 0).as_bytes()));
    device.expect("online probe-7 = 0 ");
    device.run("@1 offline probe-7", "@1 offline probe-7 = -222 ");
    device.send("@1 online probe-7");
    expect_message(&mut other, "gw-1", &request("online", "probe-7"));
    other.send(&publish(0, &result("gw-1"), 0, reply("online", "probe-7", 806).as_bytes()));
    device.expect("@1 online probe-7 = 806 ");
    device.run("online probe-7", "online probe-7 = -224 ");

    other.send(&publish(0, &result("gw-1"), 0, br#"{"type":"unbind_all"}"#));
    device.run("@1 yield 200", "@1 event 16 id=0 client=mqtt");
    device.expect("@1 yield = 0 ");
    device.run("online probe-7", "online probe-7 = -224 ");
    device.send("@1 destroy");
    other.wait_for_end();
    device.expect("@1 destroy = 0");
    Gateway { peer, link, device }.close();
}

/// Serves one connection up to SUBSCRIBE, while the driver constructs; the driver's line.
#[track_caller]
fn construct_with(serve: impl FnOnce(&mut Connection, u16), wait_for_goodbye: bool) -> String {
    let peer = Peer::listen(Transport::Tcp);
    let mut device = Driver::start(&[], &program());
    device.send(&format!("construct url={} auto=0 timeout=500", peer.url()));
    let mut link = peer.accept_session();
    let id = link.expect(SUBSCRIBE).id();
    serve(&mut link, id);
    if wait_for_goodbye {
        let rest = link.wait_for_end();
        assert_eq!(rest.last().map(Packet::kind), Some(DISCONNECT), "{rest:?}");
    } else {
        link.close();
        device.expect("event 1 id=0 client=unknown");
    }
    let line = device.expect("construct = null ");
    device.finish();
    line
}

/// A gateway that the platform does not talk to is none.
#[test]
fn construct_needs_the_subscription() {
    let refused = construct_with(|link, id| link.send(&suback(id, 0x80)), true);
    assert!(refused.starts_with("construct = null err=-108 unmodified=1 "), "{refused}");
    let unanswered = construct_with(|_, _| {}, true);
    assert!(unanswered.starts_with("construct = null err=-111 unmodified=1 "), "{unanswered}");
    let lost = construct_with(|_, _| {}, false);
    assert!(lost.starts_with("construct = null err=-103 unmodified=1 "), "{lost}");
}

#[test]
fn construct_without_a_server_tells_the_cause() {
    let port = Peer::listen(Transport::Tcp).port();
    let mut device = Driver::start(&[], &program());
    device.send(&format!("construct url=mqtt://127.0.0.1:{port}"));
    device.expect("construct = null err=-603 unmodified=1 ");
    device.finish();
}

/// Programs of the original end the MQTT client of a gateway themselves when their loop thread does not start.
#[test]
fn the_mqtt_client_may_be_destroyed_first() {
    let Gateway { peer: _peer, mut link, mut device } = Gateway::open(Transport::WebSocket);
    device.send("mqttdestroy");
    link.wait_for_end();
    device.expect("mqttdestroy = 0");
    device.run("online probe-7", "online probe-7 = -1001 ");
    device.run("yield 10", "yield = 2 ");
    device.run("publish a 0 x", "publish = -103");
    device.run("destroy", "destroy = 0");
    device.finish();
}
