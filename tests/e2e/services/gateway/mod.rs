//! Gateways and their sub-devices, byte by byte (`gateway.md`).

mod arguments;
mod callbacks;
mod connection;
mod hub;
mod memory;
mod pushes;
mod requests;
mod sample;
mod threads;

use crate::interface::driver::Driver;
use crate::interface::programs::{ARCHIVES, build, plain_sdk};
use crate::support::peer::*;
use std::path::PathBuf;

/// The driver with the SDK as it is delivered.
fn program() -> PathBuf {
    build("gateway", &["gateway_driver.c", "script.c"], &ARCHIVES, &plain_sdk())
}

/// The driver with time that runs twenty times faster: 20 s are over after one.
fn fast_program() -> PathBuf {
    let sources = ["gateway_driver.c", "script.c", "port_fast_clock.c", "port_sockets.c"];
    build("gateway_fast_clock", &sources, &ARCHIVES, &plain_sdk())
}

/// A driver with one gateway, `gw-0`, and the server it is connected to.
struct Gateway {
    peer: Peer,
    link: Connection,
    device: Driver,
}

/// Topic of requests and acknowledgements.
fn operation(gateway: &str) -> String {
    format!("$gateway/operation/A1B2C3D4E5/{gateway}")
}

/// Topic of replies and pushes.
fn result(gateway: &str) -> String {
    format!("$gateway/operation/result/A1B2C3D4E5/{gateway}")
}

/// A request for one sub-device, as the original formats it.
fn request(kind: &str, name: &str) -> String {
    format!(
        r#"{{"type":"{kind}","payload":{{"devices":[{{"product_id":"Z9Y8X7W6V5","device_name":"{name}"}}]}}}}"#
    )
}

/// The platform's reply for one sub-device.
fn reply(kind: &str, name: &str, result: i32) -> String {
    format!(
        r#"{{"type":"{kind}","payload":{{"devices":[{{"product_id":"Z9Y8X7W6V5","device_name":"{name}","result":{result}}}]}}}}"#
    )
}

/// Accepts the connection of a gateway and grants its subscription.
#[track_caller]
fn accept(peer: &Peer, gateway: &str) -> Connection {
    let mut link = peer.accept_session();
    grant(&mut link, &result(gateway), 1);
    link
}

/// The next packet subscribes this; grants it.
#[track_caller]
fn grant(link: &mut Connection, filter: &str, qos: u8) {
    let packet = link.expect(SUBSCRIBE);
    assert_eq!((packet.topic().as_str(), packet.body.last()), (filter, Some(&qos)));
    link.send(&suback(packet.id(), qos));
}

impl Gateway {
    #[track_caller]
    fn open(transport: Transport) -> Gateway {
        Gateway::open_with(Driver::start(&[], &program()), transport, "")
    }

    /// With time that runs faster.
    #[track_caller]
    fn open_fast(transport: Transport) -> Gateway {
        Gateway::open_with(Driver::start(&[], &fast_program()), transport, "timeout=20000")
    }

    /// The answer to its own subscription is no event: nothing comes before the line of Construct.
    #[track_caller]
    fn open_with(mut device: Driver, transport: Transport, options: &str) -> Gateway {
        let peer = Peer::listen(transport);
        device.send(&format!("construct url={} {options}", peer.url()));
        let link = accept(&peer, "gw-0");
        device.expect("construct = gateway err=77 unmodified=1 ");
        Gateway { peer, link, device }
    }

    /// The next packet is this message of the gateway.
    #[track_caller]
    fn expect(&mut self, payload: &str) {
        expect_message(&mut self.link, "gw-0", payload);
    }

    /// The platform says this.
    fn say(&mut self, payload: &str) {
        self.link.send(&publish(0, &result("gw-0"), 0, payload.as_bytes()));
    }

    /// Runs a request for a sub-device, which the platform answers; returns the driver's line.
    #[track_caller]
    fn ask(&mut self, command: &str, result: i32) -> String {
        let mut words = command.split(' ');
        let (kind, name) = (words.next().expect("a kind"), words.next().expect("a name"));
        self.device.send(command);
        self.expect(&request(kind, name));
        self.say(&reply(kind, name, result));
        self.device.expect(&format!("{kind} {name} = {result} "))
    }

    /// Lets the driver read all that was sent to it.
    #[track_caller]
    fn settle(&mut self) {
        self.link.send(&publish(0, "mark", 0, b""));
        self.device.yield_until("message default topic=mark ", &[0]);
    }

    #[track_caller]
    fn online(&mut self, name: &str) {
        self.ask(&format!("online {name}"), 0);
    }

    /// Destroys the gateway, which has nothing more to say, and ends the program.
    #[track_caller]
    fn close(mut self) {
        self.device.send("destroy");
        let rest = self.link.wait_for_end();
        assert_eq!(rest.iter().map(Packet::kind).collect::<Vec<_>>(), [DISCONNECT], "{rest:?}");
        let (before, _) = self.device.wait_for("destroy = 0");
        assert!(before.iter().all(|line| line == "topic-event 13"), "{before:?}");
        self.device.finish();
    }
}

#[track_caller]
fn expect_message(link: &mut Connection, gateway: &str, payload: &str) {
    let message = link.expect(PUBLISH);
    assert_eq!(
        (message.topic(), message.qos(), String::from_utf8_lossy(message.payload())),
        (operation(gateway), 0, payload.into())
    );
}
