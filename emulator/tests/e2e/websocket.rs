//! The WebSocket side: handshake, frames and what the events say about them.

use std::io::{Read, Write};

use serde_json::json;

use crate::client::{Client, Connect, LAMP, LAMP_KEY, UPGRADE, puback, publish, tcp};
use crate::hub::{hub, hub_with};

#[test]
fn the_answer_is_exact_and_small_and_alone() {
    let hub = hub();
    let mut io = tcp(&hub, "ws");
    io.write_all(UPGRADE.as_bytes()).unwrap();
    io.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let mut answer = Vec::new();
    // Until the time is over: nothing may follow before the client's first frame.
    assert!(io.read_to_end(&mut answer).is_err());
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(
        answer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: SKslZF78GCkIO8xvldi3U6oimZ4=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
    );
}

#[test]
fn both_paths_and_no_other() {
    let hub = hub();
    let status = |request: &str| {
        let mut client = Client::over(tcp(&hub, "ws"), true);
        client.upgrade(request).split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(UPGRADE), "101");
    assert_eq!(status(&UPGRADE.replace("GET / ", "GET /mqtt ")), "101");
    assert_eq!(status(&UPGRADE.replace("GET / ", "GET /ssh/device ")), "404");
    assert_eq!(status("POST /device/register HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"), "404");
    assert_eq!(status("GET /fw-1.bin?sign=0&t=1 HTTP/1.1\r\nHost: h\r\n\r\n"), "404");
    assert_eq!(status("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "426");
    assert_eq!(status("nonsense\r\n\r\n"), "400");
    assert_eq!(hub.events("type=http").len(), 5);
}

#[test]
fn an_upgrade_and_connect_in_one_write() {
    // The client may not wait for the answer; its first frame then comes with the request.
    let hub = hub();
    let mut client = Client::over(tcp(&hub, "ws"), true);
    let connect = Connect::signed(LAMP, LAMP_KEY).bytes();
    let key = [1, 2, 3, 4];
    let mut frame = vec![0x82, 0xfe, 0, connect.len() as u8];
    frame.extend(key);
    frame.extend(connect.iter().zip(key.iter().cycle()).map(|(b, k)| b ^ k));
    let mut all = UPGRADE.as_bytes().to_vec();
    all.extend(frame);
    client.io.write_all(&all).unwrap();
    assert!(client.upgrade("").starts_with("HTTP/1.1 101 "));
    assert_eq!(client.packet(), [0x20, 2, 0, 0]);
    assert_eq!(hub.events("type=ws_frame&dir=in")[0]["one_packet"], true);
}

#[test]
fn frames_are_told_with_their_masks() {
    let hub = hub();
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    client.send(&publish("A1B2C3D4E5/lamp-01/data", b"x", Some(1)));
    assert_eq!(client.packet(), puback(1));
    let frames = hub.events("type=ws_frame&dir=in");
    assert_eq!(frames.len(), 2);
    for frame in &frames {
        assert_eq!(
            (&frame["opcode"], &frame["fin"], &frame["masked"], &frame["packets"], &frame["one_packet"]),
            (&json!(2), &json!(true), &json!(true), &json!(1), &json!(true))
        );
    }
    assert_eq!((&frames[0]["mask_changed"], &frames[1]["mask_changed"]), (&json!(null), &json!(true)));
    assert_ne!(frames[0]["mask"], frames[1]["mask"]);
    let publish = &hub.events("type=publish&dir=in")[0];
    assert_eq!(publish["one_per_frame"], true);
    let accepted = &hub.events("type=connect&dir=none")[0];
    assert_eq!(accepted["connect"]["client_id"], LAMP);
    assert_eq!(accepted["upgrade"], UPGRADE);
    assert_eq!(accepted["listener"], "ws");
}

#[test]
fn packets_and_frames_need_not_agree() {
    let hub = hub();
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    let one = publish("A1B2C3D4E5/lamp-01/data", b"one", Some(1));
    let two = publish("A1B2C3D4E5/lamp-01/data", b"two", Some(2));
    // Two packets in a frame.
    client.send(&[one.clone(), two.clone()].concat());
    assert_eq!((client.packet(), client.packet()), (puback(1), puback(2)));
    // A packet over two messages.
    client.send(&one[..5]);
    client.send(&one[5..]);
    assert_eq!(client.packet(), puback(1));
    // A packet in a fragmented message with a PING between.
    client.send_frame(0x02, &two[..3]);
    client.send_frame(0x89, b"still there?");
    client.send_frame(0x80, &two[3..]);
    assert_eq!(client.packet(), puback(2));
    assert_eq!(client.control(), (10, b"still there?".to_vec()));
    let publishes = hub.events("type=publish&dir=in");
    assert!(publishes.iter().all(|p| p["one_per_frame"] == false), "{publishes:#?}");
}

#[test]
fn violations_close() {
    let hub = hub();
    // A text frame.
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    client.send_frame(0x81, b"text");
    let (opcode, payload) = client.control();
    assert_eq!((opcode, &payload[..2]), (8, &1003_u16.to_be_bytes()[..]));
    client.expect_close();
    // An unmasked frame.
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    client.io.write_all(&[0x82, 2, 0xc0, 0]).unwrap();
    client.expect_close();
    let frame = hub.wait("type=ws_frame&dir=in", 4).into_iter().find(|f| f["masked"] == false);
    assert!(frame.is_some());
    // A reserved opcode and a reserved bit.
    for first in [0x83, 0xc2] {
        let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
        client.send_frame(first, &[0xc0, 0]);
        client.expect_close();
    }
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    client.io.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]).unwrap();
    client.expect_close();
}

#[test]
fn the_clients_close_frame_is_answered_and_told() {
    let hub = hub();
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    client.send(&[0xe0, 0]);
    client.send_frame(0x88, &1000_u16.to_be_bytes());
    assert_eq!(client.control(), (8, 1000_u16.to_be_bytes().to_vec()));
    client.expect_close();
    let close = hub.wait("type=ws_frame&dir=in", 3).pop().unwrap();
    assert_eq!((&close["opcode"], &close["code"]), (&json!(8), &json!(1000)));
    let end = &hub.wait("type=disconnect&dir=none", 1)[0];
    assert_eq!(end["cause"], "client disconnected (peer closed after a close frame)");
}

#[test]
fn events_of_packets_can_be_left_out() {
    let hub = hub_with("[options]\nevent_packets = false\n");
    let mut client = Client::connected(&hub, "ws", LAMP, LAMP_KEY);
    client.send(&[0xc0, 0]);
    assert_eq!(client.packet(), [0xd0, 0]);
    assert!(hub.events("type=packet,ws_frame").is_empty());
    assert_eq!(hub.events("type=connect&dir=none").len(), 1);
}
