//! Arguments that make no sense, limits, and the order of the checks.

use super::programs::arguments_program;
use crate::support::peer::*;
use crate::support::sdk;
use std::process::Command;

/// Serves the program; what it sent between CONNECT and the message that ends the session.
fn serve(peer: &Peer) -> Vec<Packet> {
    let mut link = peer.accept_session();
    let mut packets = Vec::new();
    loop {
        let packet = link.packet();
        if packet.kind() == PUBLISH && packet.topic() == "close" {
            link.close();
            return packets;
        }
        packets.push(packet);
    }
}

#[test]
fn every_function_copes_with_senseless_arguments() {
    for (config, transport) in [(&sdk::KEY_PLAIN, Transport::Tcp), (&sdk::KEY, Transport::WebSocket)] {
        let peer = Peer::listen(transport);
        let (program, url) = (arguments_program(config), peer.url());
        let server = std::thread::spawn(move || serve(&peer));
        let output = Command::new(program)
            .arg(url)
            .env_remove("QCLOUD_IOT_ENDPOINT")
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "{}\n{text}{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        // Only what was valid has been sent.
        let sent = server.join().expect("server");
        let seen: Vec<_> =
            sent.iter().map(|packet| (packet.first, packet.topic(), packet.body.len())).collect();
        let long = "t".repeat(128);
        let expected = [
            (0x30, "a", 2 + 1 + 1),
            (0x30, "empty", 2 + 5),
            (0x30, &long, 2 + 128 + 16_384),
            (0x32, &long, 2 + 128 + 2 + 16_384),
            (0x82, &long, 2 + 2 + 128 + 1),
            (0x82, "#", 2 + 2 + 1 + 1),
            (0x82, "+/+/#", 2 + 2 + 5 + 1),
        ];
        assert_eq!(seen, expected.map(|(first, topic, len)| (first, topic.to_owned(), len)));
    }
}
