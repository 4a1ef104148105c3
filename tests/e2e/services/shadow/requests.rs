//! Requests and how they end. [shadow.md §§4.2, 4.3, 9]

use super::*;
use crate::interface::driver::took;

#[test]
fn answers_end_requests() {
    for transport in TRANSPORTS {
        let mut session = Session::open(transport, "");
        session.device.run("build report", "build = 0");
        let update = session.request("update");
        let get = session.request("get");
        let (accepted, rejected) = (answer(&token(&update), "update", 0), answer(&token(&get), "get", 5004));
        session.push(&answer("someone else's", "get", 0));
        session.push(&rejected);
        session.push(&accepted);
        let (before, line) = session.device.yield_until("request update", &[0]);
        assert_eq!(before, [format!("request get ack=-1 of handle json={rejected}")]);
        assert_eq!(line, format!("request update ack=0 of handle json={accepted}"));
        // Both are gone: a second answer ends nothing.
        session.push(&accepted);
        session.device.run("yield 50", "yield = 0");
        session.close();
    }
}

#[test]
fn an_answer_without_result_rejects() {
    let mut session = Session::open(Transport::Tcp, "");
    session.request("get");
    let text = r#"{"clientToken":"A1B2C3D4E5-0","payload":{},"type":"get"}"#;
    session.push(text);
    let (_, line) = session.device.yield_until("request", &[0]);
    assert_eq!(line, format!("request get ack=-1 of handle json={text}"));
    // The original waits for ever.
    session.device.send("getsync timeout=20000");
    let request = session.sent();
    session.push(&format!(r#"{{"clientToken":"{}","type":"get"}}"#, token(&request)));
    session.device.expect("getsync = -206 ");
    session.close();
}

#[test]
fn messages_that_cannot_be_used_are_dropped() {
    let mut session = Session::open(Transport::Tcp, "");
    session.request("get");
    for text in [
        "",
        "no object",
        "[]",
        r#"{"clientToken":"A1B2C3D4E5-0","result":0}"#,
        r#"{"type":"get","result":0}"#,
        r#"{"type":"delta"}"#,
        r#"{"type":"delta","payload":{"state":"#,
    ] {
        session.push(text);
    }
    session.push(&answer("A1B2C3D4E5-0", "get", 0));
    let (before, _) = session.device.yield_until("request get ack=0", &[0]);
    assert_eq!(before, [""; 0]);
    session.device.wait_for_log("dropped");
    session.close();
}

/// In one long Yield: the callback comes before its end, and not before its time.
#[test]
fn requests_time_out_on_their_deadline() {
    for transport in TRANSPORTS {
        let mut session = Session::open(transport, "");
        session.device.run("build report", "build = 0");
        session.request("update timeout=900");
        session.request("get timeout=300");
        session.request("get timeout=300");
        session.device.send("yield 2000");
        session.device.expect("request get ack=-2 of handle json=");
        session.device.expect("request get ack=-2 of handle json=");
        session.device.expect("request update ack=-2 of handle json=");
        session.device.expect("yield = 0");
        session.close();
    }
}

/// The original keeps whole seconds in eight bits: 300 ms are over at once, 256 s as well.
#[test]
fn defect_time_outs_are_neither_cut_nor_wrapped() {
    let mut session = Session::open(Transport::Tcp, "");
    session.request("get timeout=256000");
    session.request("get timeout=999");
    session.device.run("yield 200", "yield = 0");
    session.device.send("yield 5000");
    session.device.expect("request get ack=-2");
    session.device.expect("yield = 0");
    session.close();
}

#[test]
fn calls_that_wait_say_how_it_ended() {
    for transport in TRANSPORTS {
        let mut session = Session::open(transport, "");
        for (command, result, code) in [
            ("getsync", Some(0), 0),
            ("getsync", Some(5004), -206),
            ("getsync timeout=300", None, -205),
            ("updatesync", Some(0), 0),
            ("updatesync", Some(5005), -204),
            ("updatesync timeout=300", None, -203),
        ] {
            let name = command.split(' ').next().expect("a word");
            session.device.run("build report", "build = 0");
            session.device.send(command);
            let request = session.sent();
            if let Some(result) = result {
                session.push(&answer(&token(&request), &name[..name.len() - 4], result));
            }
            let line = session.device.expect(&format!("{name} = {code} "));
            assert!(result.is_some() || took(&line) >= 299, "{line}");
        }
        session.close();
    }
}

/// A table of ten. [shadow.md §4.2]
#[test]
fn defect_the_eleventh_request_is_refused_before_it_is_sent() {
    let mut session = Session::open(Transport::Tcp, "");
    session.device.run("build report", "build = 0");
    let first = session.request("update");
    for _ in 1..10 {
        session.request("get");
    }
    session.device.run("build report", "build = 0");
    let document = session.device.run("doc", "doc = ");
    session.device.run("update", "update = -137 ");
    assert_eq!(session.device.run("doc", "doc = "), document, "left alone");
    session.device.run("get", "get = -137 ");
    session.device.run("getsync", "getsync = -137 ");
    session.device.run("publish marker x", "publish = 0");
    assert_eq!(session.link.packet().topic(), "marker", "nothing else was sent");
    session.push(&answer(&token(&first), "update", 0));
    session.device.yield_until("request update ack=0", &[0]);
    session.request("get");
    session.close();
}

#[test]
fn requests_with_the_same_token_end_together_newest_first() {
    let mut session = Session::open(Transport::Tcp, "");
    session.device.run(r#"set {"state":{},"clientToken":"mine"}"#, "set = 0");
    session.request("update nocallback");
    session.device.run(r#"set {"state":{},"clientToken":"mine"}"#, "set = 0");
    session.request("update");
    let request = session.request("update");
    assert_eq!(token(&request), "mine");
    session.push(&answer("mine", "update", 0));
    let (before, _) = session.device.yield_until("request update ack=0", &[0]);
    assert_eq!(before, [""; 0]);
    session.device.expect("request update ack=0");
    session.device.run("yield 50", "yield = 0");
    session.close();
}

/// Tokens are compared as text, however they are written; one longer than the 89 characters of the original works too.
#[test]
fn tokens_of_the_application() {
    let mut session = Session::open(Transport::Tcp, "");
    session.device.run(r#"set {"state":{},"clientToken":"a\/b"}"#, "set = 0");
    session.request("update");
    session.push(&answer("a/b", "update", 0));
    session.device.yield_until("request update ack=0", &[0]);
    let long = "t".repeat(120);
    session.device.run(&format!(r#"set {{"state":{{}},"clientToken":"{long}"}}"#), "set = 0");
    session.request("update");
    session.push(&answer(&long, "update", 0));
    session.device.yield_until("request update ack=0", &[0]);
    session.close();
}

/// The deadline counts although there is nobody to answer, and before the first attempt to reconnect.
#[test]
fn a_connection_lost_before_the_answer() {
    for transport in TRANSPORTS {
        let mut session = Session::open(transport, "");
        session.request("get timeout=400");
        session.device.run("build report", "build = 0");
        session.request("update timeout=60000");
        let old = std::mem::replace(&mut session.link, Connection::none());
        old.close();
        session.device.send("yield 900");
        session.device.expect("event 1 of handle");
        session.device.expect("request get ack=-2 of handle json=");
        session.device.expect("yield = -105");
        session.device.run("connected", "connected = 0");
        session.device.run("get", "get = -103 ");
        session.device.run("update", "update = -103 ");
        session.device.run("getsync", "getsync = -103 ");
        // The other one is answered on the new connection.
        session.device.send("thread yield 20000");
        session.link = session.peer.accept_session();
        let renewal = session.link.expect(SUBSCRIBE);
        session.link.send(&suback(renewal.id(), 0));
        session.push(&answer("A1B2C3D4E5-1", "update", 0));
        session.device.wait_for("& request update ack=0");
        session.device.send("destroy");
        session.end();
        session.device.wait_for("destroy = 0");
        session.device.send("join");
        session.device.wait_for("join = 0");
        session.device.finish();
    }
}

#[test]
fn a_waiting_call_ends_when_the_connection_is_gone() {
    let mut session = Session::open(Transport::Tcp, "");
    session.device.send("getsync timeout=500");
    session.sent();
    std::mem::replace(&mut session.link, Connection::none()).close();
    session.device.expect("event 1 of handle");
    let line = session.device.expect("getsync = -205 ");
    assert!(took(&line) >= 499, "{line}");
    session.device.run("destroy", "destroy = 0");
    session.device.finish();

    // Without auto connect there is nothing to wait for.
    let mut session = Session::open(Transport::Tcp, "auto=0");
    session.device.send("getsync timeout=60000");
    session.sent();
    std::mem::replace(&mut session.link, Connection::none()).close();
    session.device.expect("event 1 of handle");
    session.device.expect("getsync = -103 ");
    session.device.run("destroy", "destroy = 0");
    session.device.finish();
}

#[test]
fn the_loop_thread_keeps_the_deadlines() {
    let mut session = Session::open(Transport::WebSocket, "");
    session.device.run("startloop", "startloop = 0");
    session.request("get timeout=300");
    // Nobody yields.
    session.device.wait_for("request get ack=-2");
    session.device.send("getsync timeout=20000");
    let request = session.sent();
    session.push(&answer(&token(&request), "get", 0));
    session.device.expect("getsync = 0 ");
    session.device.send("getsync timeout=300");
    session.sent();
    session.device.expect("getsync = -205 ");
    session.device.run("stoploop", "stoploop = 0");
    session.close();
}

#[test]
fn threads_may_wait_at_the_same_time() {
    let mut session = Session::open(Transport::Tcp, "");
    for _ in 0..4 {
        session.device.send("thread getsync timeout=20000");
    }
    let requests: Vec<String> = (0..4).map(|_| session.sent()).collect();
    for request in requests.iter().rev() {
        session.push(&answer(&token(request), "get", 0));
    }
    for _ in 0..4 {
        session.device.expect("& getsync = 0 ");
    }
    session.device.run("join", "join = 0");
    session.close();
}

#[test]
fn senseless_arguments_and_wrong_states() {
    let program = sdk::KEY_PLAIN.compile_with("shadow_arguments", &["tests/c/shadow_arguments.c"], &[]);
    for transport in TRANSPORTS {
        let peer = Peer::listen(transport);
        let url = peer.url();
        let server = std::thread::spawn(move || {
            let mut link = peer.accept_session();
            let subscribe = link.expect(SUBSCRIBE);
            link.send(&suback(subscribe.id(), 0));
            let first = link.packet();
            link.close();
            first
        });
        let output = std::process::Command::new(&program)
            .arg(url)
            .env_remove("QCLOUD_IOT_ENDPOINT")
            .output()
            .expect("the program runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}\n{text}", output.status);
        assert_eq!(server.join().expect("server").topic(), "close", "nothing else was sent");
    }
}
