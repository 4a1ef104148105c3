//! `tests/c/small_services.c` under a scripted server.

use crate::interface::driver::{Driver, Session};
use crate::interface::programs::{ARCHIVES, CHECKED, driver_with, has_valgrind, plain_sdk};
use crate::support::peer::*;
use std::path::PathBuf;

fn program() -> PathBuf {
    driver_with("small_services", &["small_services.c"], &ARCHIVES, &plain_sdk())
}

/// Starts the program.
pub fn driver() -> Driver {
    Driver::start(&[], &program())
}

/// Starts it under valgrind: errors and lost blocks end it with 99. `None`, and a word about it, where there is none.
pub fn checked_driver() -> Option<Driver> {
    if !has_valgrind() {
        eprintln!("left out: valgrind is not installed");
        return None;
    }
    Some(Driver::start(&CHECKED, &program()))
}

/// A connected program.
#[track_caller]
pub fn session(transport: Transport, options: &str) -> Session {
    Session::open_with(driver(), transport, options)
}

/// A second client in the same program, `@1`, on a server of its own.
#[track_caller]
pub fn second_client(session: &mut Session) -> (Peer, Connection) {
    let peer = Peer::listen(Transport::Tcp);
    session.device.send(&format!("@1 construct url={}", peer.url()));
    let link = peer.accept_session();
    session.device.expect("@1 construct = client");
    (peer, link)
}

/// SUBSCRIBE as it has to be, byte for byte.
pub fn subscribe_packet(id: u16, filter: &str, qos: u8) -> Packet {
    let mut body = id.to_be_bytes().to_vec();
    body.extend_from_slice(&(filter.len() as u16).to_be_bytes());
    body.extend_from_slice(filter.as_bytes());
    body.push(qos);
    Packet { first: 0x82, body }
}

/// QoS 0 PUBLISH as it has to be, byte for byte.
pub fn publish_packet(topic: &str, payload: &[u8]) -> Packet {
    let mut body = (topic.len() as u16).to_be_bytes().to_vec();
    body.extend_from_slice(topic.as_bytes());
    body.extend_from_slice(payload);
    Packet { first: 0x30, body }
}

/// Gives a command that subscribes to `filter` and grants it; the packet id.
#[track_caller]
pub fn granted(device: &mut Driver, link: &mut Connection, command: &str, filter: &str, qos: u8) -> u16 {
    device.send(command);
    let packet = link.expect(SUBSCRIBE);
    assert_eq!(packet, subscribe_packet(packet.id(), filter, qos));
    link.send(&suback(packet.id(), qos));
    packet.id()
}

/// The sum that the program prints of a payload.
pub fn sum(payload: &[u8]) -> u32 {
    payload.iter().fold(0, |sum: u32, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

/// What the program prints of a message, up to its text.
pub fn arrival(trigger: &str, how: &str, payload: &[u8]) -> String {
    format!("{trigger} {how} len={} sum={} payload=", payload.len(), sum(payload))
}

/// Closes the connection and accepts the next one; what the program said until it was told. Another thread of it goes on
/// yielding for a while: end with "join".
#[track_caller]
pub fn reconnect(session: &mut Session) -> Vec<String> {
    let old = std::mem::replace(&mut session.link, Connection::none());
    old.close();
    session.device.send("thread yield 8000");
    session.link = session.peer.accept_session();
    session.device.wait_for("& event 2 id=0").0
}
