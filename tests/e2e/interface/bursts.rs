//! Much at once, in any cut, and servers that break the WebSocket rules (`websocket.md` §5).

use super::driver::{Session, took};
use super::programs::session;
use crate::support::peer::*;
use std::time::Duration;

/// Messages with the numbers from 0, of at least `size` bytes each.
fn numbered(count: usize, size: usize) -> Vec<Vec<u8>> {
    (0..count).map(|i| publish(0, "a/b", 0, format!("{i:<size$}").as_bytes())).collect()
}

/// Counts the messages that arrive; all must, in their order.
#[track_caller]
fn all_arrive(session: &mut Session, count: usize) {
    session.device.run(&format!("until {count} 60000"), &format!("until = 0 received={count} misplaced=0"));
}

// covers: Server / burst of 10,000 messages, slow callbacks | tcp, ws | 20,000 messages
#[test]
fn defect_01_a_burst_is_neither_lost_nor_mixed_up() {
    const COUNT: usize = 10_000;
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.subscribe("a/b 0");
        session.device.run("quiet 30", "quiet = 0");
        let mut link = std::mem::replace(&mut session.link, Connection::none());
        let sender = std::thread::spawn(move || {
            numbered(COUNT, 64).iter().for_each(|message| link.send(message));
            link
        });
        all_arrive(&mut session, COUNT);
        session.link = sender.join().expect("sender");
        session.close();
    }
}

#[test]
fn defect_01_yield_returns_on_time_in_a_burst() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        session.device.run("quiet 1000", "quiet = 0");
        for message in numbered(2000, 64) {
            session.link.send(&message);
        }
        let line = session.device.run("yield 100", "yield = 0 ");
        assert!(took(&line) < 1900, "more than 2 s of work are waiting: {line}");
        all_arrive(&mut session, 2000);
        session.close();
    }
}

#[test]
fn defect_02_large_packets_arrive_whole() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for size in [2000, 2040, 2048, 2610, 4096, 16_384, 17_000, 32_768, 65_000] {
            session.link.send(&publish(0, "large", 0, &vec![b'x'; size]));
            session.device.yield_until(
                &format!("message default topic=large qos=0 dup=0 retained=0 id=0 len={size} "),
                &[0],
            );
        }
        session.close();
    }
}

#[test]
fn defect_02_packets_may_share_a_frame_or_span_several() {
    let mut session = session(Transport::WebSocket, "");
    session.device.run("quiet", "quiet = 0");
    session.link.send(&numbered(600, 90).concat());
    all_arrive(&mut session, 600);
    for size in [1, 2, 3, 7, 100] {
        session.device.run("quiet", "quiet = 0");
        session.link.send_in_pieces(&numbered(60, 50).concat(), size);
        all_arrive(&mut session, 60);
    }
    session.close();
}

#[test]
fn any_cut_of_the_tcp_stream_is_fine() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        for size in [1, 2, 3, 5, 64] {
            session.device.run("quiet", "quiet = 0");
            let bytes: Vec<u8> = numbered(40, 30)
                .iter()
                .flat_map(
                    |packet| if transport == Transport::Tcp { packet.clone() } else { frame(0x82, packet) },
                )
                .collect();
            bytes.chunks(size).for_each(|piece| session.link.send_raw(piece));
            all_arrive(&mut session, 40);
        }
        session.close();
    }
}

#[test]
fn fragments_with_pings_between_them_are_one_message() {
    let mut session = session(Transport::WebSocket, "");
    let packet = publish(0, "a", 0, b"in three parts");
    let (first, rest) = packet.split_at(5);
    let (second, third) = rest.split_at(6);
    for (head, part) in [(0x02, first), (0x89, &b"1"[..]), (0x00, second), (0x89, b"2"), (0x82 - 2, third)] {
        session.link.send_raw(&frame(head, part));
    }
    session.device.yield_until(
        "message default topic=a qos=0 dup=0 retained=0 id=0 len=14 payload=in three parts",
        &[0],
    );
    let pong = session.link.control_frame();
    assert_eq!(pong.opcode, 10);
    session.close();
}

#[test]
fn defect_03_payloads_of_pings_never_reach_mqtt() {
    let mut session = session(Transport::WebSocket, "");
    session.device.run("quiet", "quiet = 0");
    let messages = numbered(2000, 20);
    let mut link = std::mem::replace(&mut session.link, Connection::none());
    let sender = std::thread::spawn(move || {
        for (i, message) in messages.iter().enumerate() {
            link.send_raw(&frame(0x89, b"hi"));
            link.send_raw(&frame(0x8a, b"unsolicited"));
            link.send_raw(&frame(0x82, b""));
            link.send(message);
            if i % 100 == 0 {
                link.send_raw(&frame(0x89, &[b'p'; 125]));
            }
        }
        link.send_raw(&frame(0x89, b"last"));
        link
    });
    all_arrive(&mut session, 2000);
    session.link = sender.join().expect("sender");
    session.device.send("yield 2000");
    loop {
        let pong = session.link.control_frame();
        assert_eq!(pong.opcode, 10);
        if pong.payload == b"last" {
            break;
        }
    }
    session.device.expect("yield = 0 ");
    session.close();
}

#[test]
fn defect_04_a_ping_is_answered_at_once_while_idle() {
    let mut session = session(Transport::WebSocket, "");
    session.device.send("thread spin");
    for payload in [&b""[..], b"x", &[7; 125]] {
        session.link.send_raw(&frame(0x89, payload));
        assert_eq!(session.link.control_frame(), Frame { opcode: 10, payload: payload.to_vec() });
    }
    session.device.send("stopspin");
    session.device.expect("& spin = 0");
    session.device.run("join", "join = 0");
    session.close();
}

/// What breaks the rules, and the close code that says so.
fn violations() -> Vec<(&'static str, Vec<u8>, u16)> {
    let mut masked = vec![0x82, 0x82, 1, 2, 3, 4];
    masked.extend([0xd0 ^ 1, 2]);
    let huge = [&[0x82, 127][..], &(1u64 << 30).to_be_bytes()].concat();
    let negative = [&[0x82, 127][..], &(1u64 << 63).to_be_bytes()].concat();
    vec![
        ("defect 5: masked frame", masked, 1002),
        ("defect 10: text frame", frame(0x81, b"\xd0\0"), 1003),
        ("RSV1", frame(0xc2, b"\xd0\0"), 1002),
        ("RSV3", frame(0x92, b"\xd0\0"), 1002),
        ("reserved opcode 3", frame(0x83, b""), 1002),
        ("reserved opcode 11", frame(0x8b, b""), 1002),
        ("1 GiB", huge, 1009),
        ("length with the top bit", negative, 1002),
        ("more than 64 KiB + 16", frame(0x82, &vec![0; 66_000])[..10].to_vec(), 1009),
        ("length not in its shortest form", vec![0x82, 126, 0, 2, 0xd0, 0], 1002),
        ("continuation without start", frame(0x80, b"\xd0\0"), 1002),
        ("start inside a message", [frame(0x02, b"\xd0"), frame(0x82, b"\0")].concat(), 1002),
        ("fragmented ping", frame(0x09, b"x"), 1002),
        ("ping of 126 bytes", frame(0x89, &[0; 126]), 1002),
        ("close of one byte", frame(0x88, b"x"), 1002),
        ("close with an invalid code", frame(0x88, &1005u16.to_be_bytes()), 1002),
        ("close with a reason that is not UTF-8", frame(0x88, b"\x03\xe8\xff"), 1007),
    ]
}

#[test]
fn defects_05_and_10_a_server_that_breaks_the_rules_is_left() {
    let mut device = super::programs::driver();
    for (what, bytes, code) in violations() {
        let mut session = Session::open_with(device, Transport::WebSocket, "auto=0");
        session.link.send_raw(&bytes);
        session.device.run("yield 20000", "event 1 id=0");
        let line = session.device.expect("yield = -103 ");
        assert!(took(&line) < 10_000, "{what}: {line}");
        assert!(session.link.wait_for_end().is_empty(), "{what}");
        let closes = session.link.other_frames();
        assert_eq!(closes.iter().map(Frame::close_code).collect::<Vec<_>>(), [Some(code)], "{what}");
        session.device.run("destroy", "destroy = -103 left=0");
        device = session.device;
    }
    let peak = peak_kib(device.pid());
    assert!(peak < 100_000, "no gigabyte on demand of a server: {peak} KiB");
    device.finish();
}

/// Largest resident size so far.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a running process");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("VmHWM");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn after_a_violation_the_client_comes_back() {
    let Session { peer, mut link, mut device } = session(Transport::WebSocket, "");
    link.send_raw(&frame(0x81, b"text"));
    device.run("yield 6000", "event 1 id=0");
    assert_eq!(link.control_frame().close_code(), Some(1003));
    link.wait_for_end();
    let link = peer.accept_session();
    device.expect("event 2 id=0");
    device.expect("yield = 0 ");
    Session { peer, link, device }.close();
}

#[test]
fn a_close_of_the_server_is_echoed() {
    for (payload, echo) in [(&b"\x03\xe9"[..], Some(1001)), (b"", None), (b"\x0f\xa0bye", Some(4000))] {
        let mut session = session(Transport::WebSocket, "auto=0");
        session.link.send_raw(&frame(0x88, payload));
        session.device.run("yield 20000", "event 1 id=0");
        session.device.expect("yield = -103 ");
        assert!(session.link.wait_for_end().is_empty(), "nothing is sent after a close");
        let frames = session.link.other_frames();
        assert_eq!(
            frames.iter().map(|frame| (frame.opcode, frame.close_code())).collect::<Vec<_>>(),
            [(8, echo)]
        );
        session.device.run("destroy", "destroy = -103 left=0");
        session.device.finish();
    }
}

#[test]
fn destroy_says_goodbye_with_disconnect_and_close_1000() {
    let mut session = session(Transport::WebSocket, "");
    session.device.send("destroy");
    assert_eq!(session.link.expect(DISCONNECT).body, b"");
    assert_eq!(session.link.control_frame(), Frame { opcode: 8, payload: 1000u16.to_be_bytes().to_vec() });
    // The answer is waited for, 200 ms at most; it ends the wait.
    session.link.send_raw(&frame(0x88, &1000u16.to_be_bytes()));
    session.device.expect("destroy = 0 left=0");
    session.link.wait_for_end();
    session.device.finish();
}

#[test]
fn the_end_of_a_connection_is_noticed_and_logged_once() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "auto=0");
        session.link.close();
        session.device.run("yield 20000", "event 1 id=0");
        session.device.expect("yield = -103 ");
        for _ in 0..20 {
            session.device.run("yield 10", "yield = -103 ");
        }
        session.device.wait_for_log("mqtt disconnect!");
        assert!(session.device.log_lines() < 10, "{} lines", session.device.log_lines());
        session.device.run("destroy", "destroy = -103 left=0");
        session.device.finish();
    }
}

#[test]
fn keep_alive_pings_and_notices_a_silent_server() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "keepalive=2000 auto=0");
        session.device.send("yield 20000");
        session.link.expect(PINGREQ);
        session.link.send(&packet(0xd0, &[]));
        let start = std::time::Instant::now();
        session.link.expect(PINGREQ);
        assert!(start.elapsed() > Duration::from_millis(1500), "a PINGRESP starts the interval again");
        session.link.expect(PINGREQ);
        session.device.expect("event 1 id=0");
        session.device.expect("yield = -103 ");
        session.device.run("destroy", "destroy = -103 left=0");
        session.device.finish();
    }
}
