//! A server that sends what nobody asked for, lies about lengths, or does not stop.

use super::driver::{Driver, Session, value};
use super::programs::driver;
use crate::support::peer::*;

/// What a packet led to.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The message behind it arrived, after a Yield with this code.
    WentOn(i32),
    /// DISCONNECT event.
    Lost,
}

/// Connects, sends `bytes` and a message behind them, and yields until it is clear what came of it.
fn outcome(device: Driver, transport: Transport, bytes: &[u8]) -> (Driver, Outcome) {
    let mut session = Session::open_with(device, transport, "auto=0");
    session.link.send(&[bytes, &publish(0, "end", 0, b"x")[..]].concat());
    let mut worst = 0;
    let outcome = loop {
        session.device.send("yield 2000");
        let (lines, last) = session.device.wait_for("yield = ");
        let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
        worst = worst.min(value(&last));
        if has("event 1 ") {
            break Outcome::Lost;
        }
        if has("message default topic=end") {
            break Outcome::WentOn(worst);
        }
        assert_eq!(value(&last), -118, "{bytes:02x?}: {last}");
    };
    let Session { peer, link, mut device } = session;
    device.send("destroy");
    device.wait_for("destroy = ");
    drop((peer, link));
    (device, outcome)
}

// covers: Server / packet of any type that nobody asked for | tcp, ws | 128 packets
#[test]
fn every_type_of_packet_may_come_unasked() {
    let mut device = driver();
    let mut count = 0;
    for transport in TRANSPORTS {
        for kind in 0..16_u8 {
            for body in [&[][..], &[0, 1], &[0, 1, 0], &[0, 1, b'a', b'b']] {
                let flags = if matches!(kind, 6 | 8 | 10) { 2 } else { 0 };
                let (back, outcome) = outcome(device, transport, &packet(kind << 4 | flags, body));
                device = back;
                // Those of clients and those that do not exist are reported; answers to nothing are of no consequence.
                let expected = match (kind, body.len()) {
                    (0 | 1 | 8 | 10 | 12 | 14 | 15, _) => &[Outcome::WentOn(-118)][..],
                    (4..=7 | 11, 2) | (13, 0) | (9, 3) => &[Outcome::WentOn(0)],
                    _ => &[Outcome::WentOn(0), Outcome::Lost],
                };
                assert!(expected.contains(&outcome), "type {kind}, {body:?}, {transport:?}: {outcome:?}");
                count += 1;
            }
        }
    }
    assert_eq!(count, 128);
    device.finish();
}

// covers: Server / lengths that lie, in packets and frames | tcp, ws | 17 streams
#[test]
fn lengths_that_lie_end_the_connection() {
    let packets: [&[u8]; 7] = [
        // A topic that is longer than its packet, by one and by all there is.
        &[0x30, 4, 0, 3, b'a', b'b'],
        &[0x30, 4, 0xff, 0xff, b'a', b'b'],
        // QoS 1 without room for an id; no room for the length of the topic.
        &[0x32, 4, 0, 2, b'a', b'b'],
        &[0x30, 1, 0],
        // SUBACK and PUBACK that are too short.
        &[0x90, 2, 0, 1],
        &[0x40, 1, 0],
        // A remaining length of more than four bytes.
        &[0x30, 0xff, 0xff, 0xff, 0xff, 1],
    ];
    let mut device = driver();
    let mut count = 0;
    for transport in TRANSPORTS {
        for bytes in packets {
            let (back, outcome) = outcome(device, transport, bytes);
            device = back;
            assert_eq!(outcome, Outcome::Lost, "{bytes:02x?} {transport:?}");
            count += 1;
        }
    }
    // Frames: the top bit of the length, more than the limit, a length not in its shortest form.
    let frames: [&[u8]; 3] =
        [&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1], &[0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0], &[0x82, 126, 0, 5]];
    for bytes in frames {
        let mut session = Session::open_with(device, Transport::WebSocket, "auto=0");
        session.link.send_raw(bytes);
        session.device.send("yield 2000");
        session.device.wait_for("event 1 ");
        session.device.wait_for("yield = -103 ");
        session.device.send("destroy");
        session.device.wait_for("destroy = ");
        device = session.device;
        count += 1;
    }
    assert_eq!(count, 17);
    device.finish();
}

// covers: Server / flood of pings and of PINGRESP | ws | 20,000
#[test]
fn a_flood_of_pings_is_answered_and_holds_up_nothing() {
    let mut session = Session::open_with(driver(), Transport::WebSocket, "auto=0");
    session.device.send("yield 60000");
    let ping = frame(0x89, &[b'p'; 125]);
    for _ in 0..100 {
        for _ in 0..100 {
            session.link.send_raw(&ping);
            session.link.send(&packet(0xd0, &[]));
        }
        for _ in 0..100 {
            let pong = session.link.control_frame();
            assert_eq!((pong.opcode, pong.payload.len()), (10, 125));
        }
    }
    end_after_a_flood(session);
}

/// What comes behind a flood is delivered, and the end of the connection seen by the Yield that is under way.
#[track_caller]
fn end_after_a_flood(mut session: Session) {
    session.link.send(&publish(0, "end", 0, b"x"));
    session.device.expect("message default topic=end");
    session.link.close();
    session.device.wait_for("event 1 ");
    session.device.wait_for("yield = -103 ");
    session.device.send("destroy");
    session.device.wait_for("destroy = ");
    session.device.finish();
}

// covers: Server / flood of PINGRESP | tcp | 10,000
#[test]
fn a_flood_of_ping_responses_holds_up_nothing() {
    let mut session = Session::open_with(driver(), Transport::Tcp, "auto=0");
    session.device.send("yield 60000");
    let many = packet(0xd0, &[]).repeat(100);
    for _ in 0..100 {
        session.link.send(&many);
    }
    end_after_a_flood(session);
}
