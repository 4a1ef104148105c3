//! What the SDK leaves alone in its process (`mqtt.md` §1, `decisions.md` §7), and what it can stand.

use super::driver::{Driver, Session, field};
use super::programs::{driver, session};
use crate::support::peer::*;

#[test]
fn defect_34_the_random_sequence_of_the_application_is_untouched() {
    let mut device = driver();
    let first = device.run("random seed", "random = ");
    let second = device.run("random", "random = ");
    assert_eq!(device.run("random seed", "random = "), first, "the same seed, the same sequence");
    let mut session = Session::open_with(device, Transport::WebSocket, "");
    session.subscribe("a 1");
    session.device.run("publish a 1 x", "publish = ");
    session.link.expect(PUBLISH);
    session.device.run("yield 20", "yield = 0 ");
    assert_eq!(session.device.run("random", "random = "), second);
    session.close();
}

/// Publishes into a connection that was reset until an error is reported.
fn write_into_nothing(session: Session) -> Driver {
    let Session { peer: _, link, mut device } = session;
    link.reset();
    let line = device.run("burst lost 1000 1000", "burst lost = ");
    assert!(field(&line, "result=").starts_with('-'), "{line}");
    device
}

#[test]
fn defect_34_a_handler_of_sigpipe_stays_and_is_not_called() {
    for transport in TRANSPORTS {
        let mut device = driver();
        device.run("sigpipe handle", "sigpipe = handler count=0");
        let mut device = write_into_nothing(Session::open_with(device, transport, "auto=0"));
        device.run("sigpipe", "sigpipe = handler count=0");
        device.finish();
    }
}

#[test]
fn defect_34_the_default_of_sigpipe_does_not_end_the_process() {
    for transport in TRANSPORTS {
        let mut device = driver();
        device.run("sigpipe", "sigpipe = default");
        let mut device = write_into_nothing(Session::open_with(device, transport, "auto=0"));
        device.run("sigpipe", "sigpipe = ignored count=0");
        device.finish();
    }
}

#[test]
fn defect_36_descriptors_above_1024_work() {
    for transport in TRANSPORTS {
        let mut device = driver();
        device.run("openfiles 2000", "openfiles = 2000");
        let mut session = Session::open_with(device, transport, "");
        session.subscribe("a 1");
        session.device.run("publish a 1 x", "publish = ");
        let id = session.link.expect(PUBLISH).id();
        session.link.send(&answer(0x40, id));
        session.device.yield_until(&format!("event 9 id={id}"), &[0]);
        session.link.send(&publish(0, "a", 0, b"down"));
        session.device.yield_until("message first topic=a", &[0]);
        session.close();
    }
}

/// Processor time of a process so far, in clock ticks of 10 ms.
fn cpu_ticks(device: &Driver) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", device.pid())).expect("a running process");
    let behind_name = stat.rsplit_once(") ").expect("name").1;
    behind_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

#[test]
fn defect_20_waiting_costs_no_processor_time() {
    for transport in TRANSPORTS {
        let mut session = session(transport, "");
        let start = cpu_ticks(&session.device);
        session.device.run("yield 1000", "yield = 0 ");
        assert!(cpu_ticks(&session.device) - start < 20, "connected and idle");
        let Session { peer, link, mut device } = session;
        drop(peer);
        link.close();
        device.run("yield 20", "event 1 id=0");
        device.expect("yield = -105 ");
        let start = cpu_ticks(&device);
        device.run("yield 2500", "yield = -105 ");
        assert!(cpu_ticks(&device) - start < 40, "waiting for the next attempt");
        device.run("destroy", "destroy = -103 left=0");
        device.finish();
    }
}

#[test]
fn signals_interrupt_nothing() {
    for transport in TRANSPORTS {
        let mut device = driver();
        device.run("ticks", "ticks = 0");
        let mut session = Session::open_with(device, transport, "");
        session.subscribe("a 1");
        session.device.send("burst one 300 16000");
        for _ in 0..300 {
            session.link.expect(PUBLISH);
        }
        session.device.expect("burst one = 300 result=0");
        session.device.run("quiet", "quiet = 0");
        for i in 0..300 {
            session.link.send(&publish(0, "b", 0, format!("{i}").as_bytes()));
        }
        session.device.run("until 300 20000", "until = 0 received=300 misplaced=0");
        let line = session.device.run("yield 300", "yield = 0 ");
        assert!(super::driver::took(&line) >= 295, "{line}");
        session.device.run("connected", "connected = 1");
        session.close();
    }
}

#[test]
fn many_clients_in_one_process() {
    let mut device = driver();
    let mut links = Vec::new();
    for number in 0..8 {
        let peer = Peer::listen(TRANSPORTS[number % 2]);
        device.send(&format!("@{number} construct url={}", peer.url()));
        links.push(peer.accept_session());
        device.wait_for(&if number == 0 {
            "construct = client".into()
        } else {
            format!("@{number} construct = client")
        });
    }
    for (number, link) in links.iter_mut().enumerate() {
        link.send(&publish(0, &format!("for/{number}"), 0, b"x"));
        device.send(&format!("@{number} until 1 20000"));
        let (before, _) =
            device.wait_for(&if number == 0 { "until".into() } else { format!("@{number} until") });
        assert!(before[0].contains(&format!("topic=for/{number} ")), "{before:?}");
    }
    for number in 0..8 {
        device.send(&format!("@{number} destroy"));
        device.wait_for(&if number == 0 { "destroy = 0".into() } else { format!("@{number} destroy = 0") });
    }
    device.finish();
}
