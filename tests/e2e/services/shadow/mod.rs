//! The device shadow (`shadow.md`).

mod callbacks;
mod deltas;
mod documents;
mod hub;
mod requests;
mod sample;
mod subscription;

use crate::interface::driver::Driver;
use crate::support::peer::*;
use crate::support::sdk;
use std::path::PathBuf;

const OPERATION: &str = "$shadow/operation/A1B2C3D4E5/lamp-01";
const RESULT: &str = "$shadow/operation/result/A1B2C3D4E5/lamp-01";

/// `tests/c/shadow_driver.c` in a configuration.
fn program(config: &sdk::Config) -> PathBuf {
    config.compile_with(
        "shadow_driver",
        &["tests/c/shadow_driver.c", "tests/c/script.c"],
        &["-D_POSIX_C_SOURCE=200809L", "-pthread"],
    )
}

fn driver() -> Driver {
    Driver::start(&[], &program(&sdk::KEY_PLAIN))
}

/// A shadow client with its subscription granted, under a scripted server.
struct Session {
    link: Connection,
    peer: Peer,
    device: Driver,
}

impl Session {
    fn open(transport: Transport, options: &str) -> Session {
        Session::open_with(driver(), transport, options)
    }

    fn open_with(mut device: Driver, transport: Transport, options: &str) -> Session {
        let peer = Peer::listen(transport);
        device.send(&format!("construct url={} {options}", peer.url()));
        let mut link = peer.accept_session();
        let subscribe = link.expect(SUBSCRIBE);
        link.send(&suback(subscribe.id(), 0));
        device.wait_for("construct = handle");
        Session { link, peer, device }
    }

    /// Gives a command that sends a request; the payload of that.
    fn request(&mut self, command: &str) -> String {
        let name = command.split(' ').next().expect("a word");
        self.device.run(command, &format!("{name} = 0 "));
        self.sent()
    }

    /// The next packet, which must be a request; its payload.
    fn sent(&mut self) -> String {
        let packet = self.link.expect(PUBLISH);
        assert_eq!((packet.topic().as_str(), packet.first), (OPERATION, 0x30), "QoS 0, not retained");
        String::from_utf8(packet.payload().to_vec()).expect("UTF-8")
    }

    /// Sends a message of the platform.
    fn push(&mut self, text: &str) {
        self.link.send(&publish(0, RESULT, 0, text.as_bytes()));
    }

    /// The goodbye of Destroy, and the end of the program.
    fn close(mut self) {
        self.device.send("destroy");
        self.end();
        self.device.wait_for("destroy = 0");
        self.device.finish();
    }

    /// What Destroy sends: UNSUBSCRIBE and DISCONNECT, and nothing behind.
    fn end(&mut self) {
        let rest: Vec<u8> = self.link.wait_for_end().iter().map(Packet::kind).collect();
        assert!(rest.ends_with(&[UNSUBSCRIBE, DISCONNECT]), "{rest:?}");
    }
}

/// The token in a request.
fn token(request: &str) -> String {
    let request: serde_json::Value = serde_json::from_str(request).expect("JSON");
    request["clientToken"].as_str().expect("a token").to_owned()
}

/// An answer that accepts, or with another result.
fn answer(token: &str, kind: &str, result: i32) -> String {
    format!(
        r#"{{"clientToken":"{token}","payload":{{}},"result":{result},"timestamp":1760000100,"type":"{kind}"}}"#
    )
}
