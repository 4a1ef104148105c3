//! IOT_MQTT_Construct (`mqtt.md` §1, `websocket.md` §7).

use super::driver::{Session, took};
use super::programs::{driver, session};
use crate::support::LIMIT;
use crate::support::peer::*;

/// Answers CONNECT with `script`; the line that Construct ends with.
fn construct_against(
    peer: &Peer,
    device: &mut super::driver::Driver,
    options: &str,
    script: impl FnOnce(Connection),
) -> String {
    device.send(&format!("construct url={} {options}", peer.url()));
    let mut link = peer.accept();
    link.expect(CONNECT);
    script(link);
    device.line()
}

// covers: Connecting / CONNACK 1 to 5, 6 and 255 | tcp, ws | 14
#[test]
fn connack_codes_have_their_own_errors() {
    for transport in TRANSPORTS {
        let (peer, mut device) = (Peer::listen(transport), driver());
        device.run("errcode", "errcode = -1001");
        for (code, error) in [(1, -113), (2, -114), (3, -115), (4, -116), (5, -117), (6, -112), (255, -112)] {
            let line = construct_against(&peer, &mut device, "", |mut link| {
                link.send(&connack(code));
                link.wait_for_end();
            });
            assert!(line.starts_with(&format!("construct = null err={error} ")), "{code}: {line}");
            device.run("errcode", &format!("errcode = {error}"));
        }
        // err_code is untouched on success, and a success does not change the last error.
        device.send(&format!("construct url={}", peer.url()));
        let link = peer.accept_session();
        device.expect("construct = client err=77 ");
        device.run("errcode", "errcode = -112");
        Session { peer, link, device }.close();
    }
}

#[test]
fn the_body_of_a_refusal_cannot_forge_log_lines() {
    let (peer, mut device) = (Peer::listen(Transport::WebSocket), driver());
    device.run("loglevel 4", "loglevel = 4");
    device.send(&format!("construct url={}", peer.url()));
    let stream = peer.try_accept_tcp(LIMIT).expect("a connection");
    let mut link = Connection::new(stream, Transport::WebSocket);
    link.read_upgrade_request();
    let body = b"first\r\nERR|second\x1b[0m\xff";
    link.send_raw(format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    link.send_raw(body);
    device.expect("construct = null err=-9 ");
    device.wait_for_log(r"response: Forbidden first\r\nERR|second\x1b[0m\xff");
    device.finish();
}

#[test]
fn the_last_error_belongs_to_the_thread() {
    let (peer, mut device) = (Peer::listen(Transport::Tcp), driver());
    let line = construct_against(&peer, &mut device, "", |mut link| link.send(&connack(4)));
    assert!(line.starts_with("construct = null err=-116 "), "{line}");
    device.run("thread errcode", "& errcode = -1001");
    device.run("join", "join = 0");
    device.run("errcode", "errcode = -116");
    device.finish();
}

#[test]
fn connack_whose_length_is_not_2_is_a_failure() {
    for transport in TRANSPORTS {
        let (peer, mut device) = (Peer::listen(transport), driver());
        for body in [&b"\0"[..], b"\0\0\0", b""] {
            let line = construct_against(&peer, &mut device, "", |mut link| link.send(&packet(0x20, body)));
            assert!(line.starts_with("construct = null err=-1001 "), "{body:?}: {line}");
        }
        device.finish();
    }
}

#[test]
fn without_connack_the_command_timeout_ends_it() {
    for transport in TRANSPORTS {
        let (peer, mut device) = (Peer::listen(transport), driver());
        let mut held = None;
        let line = construct_against(&peer, &mut device, "timeout=600", |link| held = Some(link));
        assert!(line.starts_with("construct = null err=-111 timeout=600 "), "{line}");
        assert!((599..5000).contains(&took(&line)), "{line}");
        held.expect("a connection").wait_for_end();
        device.finish();
    }
}

#[test]
fn a_close_while_waiting_is_told_apart() {
    for transport in TRANSPORTS {
        let (peer, mut device) = (Peer::listen(transport), driver());
        let line = construct_against(&peer, &mut device, "", Connection::close);
        assert!(line.starts_with("construct = null err=-608 "), "{line}");
        assert!(took(&line) < 4000, "noticed at once: {line}");
        device.finish();
    }
    let (peer, mut device) = (Peer::listen(Transport::WebSocket), driver());
    let line = construct_against(&peer, &mut device, "", |mut link| {
        link.send_raw(&frame(0x88, &1013u16.to_be_bytes()));
        assert_eq!(link.control_frame().close_code(), Some(1013), "the close is answered");
        link.wait_for_end();
    });
    assert!(line.starts_with("construct = null err=-608 "), "{line}");
    device.finish();
}

// covers: Connecting / other packets before CONNACK | tcp, ws | 10
#[test]
fn other_packets_before_connack_are_refused() {
    for transport in TRANSPORTS {
        let (peer, mut device) = (Peer::listen(transport), driver());
        for bytes in [suback(1, 0), packet(0xd0, &[]), answer(0x40, 1), packet(0xf0, &[]), packet(0x10, &[0])]
        {
            let line = construct_against(&peer, &mut device, "", |mut link| {
                link.send(&bytes);
                link.wait_for_end();
            });
            assert!(line.starts_with("construct = null err=-118 "), "{bytes:?}: {line}");
        }
        device.finish();
    }
}

#[test]
fn a_message_before_connack_goes_to_the_default_event() {
    for transport in TRANSPORTS {
        let (peer, mut device) = (Peer::listen(transport), driver());
        device.send("hook event:12 1 publish a 0 x");
        device.send(&format!("construct url={}", peer.url()));
        let mut link = peer.accept();
        link.expect(CONNECT);
        link.send(&publish(2, "queued", 5, b"early"));
        device.expect("message default topic=queued qos=1 dup=0 retained=0 id=5 len=5 payload=early");
        device.expect("> publish = -103");
        assert_eq!(link.expect(PUBACK).id(), 5);
        link.send(&connack(0));
        device.expect("construct = client err=77");
        Session { peer, link, device }.close();
    }
}

#[test]
fn destroy_in_a_message_before_connack_ends_construct() {
    for transport in TRANSPORTS {
        let (peer, mut device) = (Peer::listen(transport), driver());
        device.send("hook event:12 1 destroy");
        device.send(&format!("construct url={}", peer.url()));
        let mut link = peer.accept();
        link.expect(CONNECT);
        link.send(&publish(0, "queued", 0, b"early"));
        device.expect("message default topic=queued");
        device.expect("> destroy = -103 left=0");
        device.expect("construct = null err=-103");
        link.wait_for_end();
        device.finish();
    }
}

#[test]
fn the_command_timeout_is_corrected_and_written_back() {
    let (peer, mut device) = (Peer::listen(Transport::Tcp), driver());
    for (given, used) in
        [(0, 500), (499, 500), (500, 500), (20_000, 20_000), (20_001, 20_000), (u32::MAX, 20_000)]
    {
        let line = construct_against(&peer, &mut device, &format!("timeout={given}"), |mut link| {
            link.send(&connack(5))
        });
        assert!(line.starts_with(&format!("construct = null err=-117 timeout={used} ")), "{line}");
    }
    device.finish();
}

#[test]
fn connect_carries_session_flag_and_keep_alive() {
    let (peer, mut device) = (Peer::listen(Transport::Tcp), driver());
    let cases = [
        ("clean=1", 0xc2, 240),
        ("clean=0", 0xc0, 240),
        ("clean=7", 0xc2, 240),
        ("keepalive=999", 0xc2, 0),
        ("keepalive=1999", 0xc2, 1),
        ("keepalive=690000", 0xc2, 690),
        ("keepalive=4000000000", 0xc2, 690),
    ];
    for (options, flags, keep_alive) in cases {
        device.send(&format!("construct url={} {options}", peer.url()));
        let mut link = peer.accept();
        let connect = link.expect(CONNECT);
        assert_eq!(&connect.body[..7], b"\0\x04MQTT\x04", "protocol name and level");
        assert_eq!(connect.body[7], flags, "{options}");
        assert_eq!(u16::from_be_bytes([connect.body[8], connect.body[9]]), keep_alive, "{options}");
        assert_eq!(&connect.body[10..28], b"\0\x10PRODUCT_IDdevice", "{options}");
        link.send(&connack(3));
        device.expect("construct = null err=-115");
    }
    device.finish();
}

#[test]
fn parameters_may_go_when_construct_returns() {
    // The driver keeps them on its stack; a reconnect later must not need them.
    let mut session = session(Transport::WebSocket, "");
    let Session { peer, link, device } = &mut session;
    assert!(link.request.starts_with("GET / HTTP/1.1\r\n"), "{}", link.request);
    let old = std::mem::replace(link, Connection::none());
    old.close();
    device.yield_until("event 1", &[0, -105]);
    device.send("yield 5000");
    *link = peer.accept_session();
    device.expect("event 2");
    device.expect("yield = ");
    session.close();
}
