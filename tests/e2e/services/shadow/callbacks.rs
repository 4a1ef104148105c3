//! What callbacks may do: everything but to wait for an answer. [shadow.md §4.2, common.md §3]

use super::*;

/// A session with a registered property, under valgrind if there is one and it is asked for.
fn prepared(transport: Transport) -> Session {
    let mut session = Session::open(transport, "");
    prepare(&mut session);
    session
}

fn prepare(session: &mut Session) {
    session.device.run("property 0 on int32 1", "property = 0");
    session.device.run("register 0", "register = 0");
}

/// Brings about each callback of the shadow; it runs in the next Yield.
fn provoke(session: &mut Session, trigger: &str) {
    match trigger {
        "get" => {
            let request = session.request("get");
            session.push(&answer(&token(&request), "get", 0));
        }
        "update" => {
            session.device.run("build report 0", "build = 0");
            session.request("update timeout=100");
        }
        "delta:0" => session.push(r#"{"type":"delta","payload":{"state":{"on":0}}}"#),
        other => panic!("{other}"),
    }
}

const TRIGGERS: [&str; 3] = ["get", "update", "delta:0"];

#[test]
fn callbacks_may_publish_update_and_register_but_not_wait() {
    for transport in TRANSPORTS {
        for trigger in TRIGGERS {
            let mut session = prepared(transport);
            for call in [
                "build report 0",
                "update",
                "get",
                "publish other x",
                "subscribe more",
                "updatesync",
                "getsync",
                "unregister 0",
                "unregister 0",
                "register 0",
                "yield 20",
                "connected",
            ] {
                session.device.send(&format!("hook {trigger} 1 {call}"));
            }
            provoke(&mut session, trigger);
            session.device.yield_until("> build = 0", &[0]);
            for answer in [
                "> update = 0 ",
                "> get = 0 ",
                "> publish = 0",
                "> subscribe = 1",
                "> updatesync = -1001 ",
                "> getsync = -1001 ",
                "> unregister = 0",
                "> unregister = -202",
                "> register = 0",
                "> yield = 0",
                "> connected = 1",
            ] {
                session.device.expect(answer);
            }
            session.device.run("yield 20", "yield = 0");
            session.close();
        }
    }
}

/// A request whose callback sends the next one, with the same token: each answer ends one.
#[test]
fn an_update_inside_the_callback_of_an_update() {
    let mut session = prepared(Transport::WebSocket);
    session.device.run(r#"set {"state":{},"clientToken":"same"}"#, "set = 0");
    session.device.send(r#"hook update 2 set {"state":{},"clientToken":"same"}"#);
    session.device.send("hook update 2 update");
    session.request("update");
    for round in 0..3 {
        session.push(&answer("same", "update", 0));
        session.device.yield_until("request update ack=0", &[0]);
        if round < 2 {
            session.device.expect("> set = 0");
            session.device.expect("> update = 0");
            session.sent();
        }
    }
    session.device.run("yield 50", "yield = 0");
    session.close();
}

#[test]
fn callbacks_may_destroy_the_shadow() {
    for transport in TRANSPORTS {
        for trigger in TRIGGERS.into_iter().chain(["event:3"]) {
            let mut session = prepared(transport);
            // These must not hear of the end.
            session.request("get timeout=60000");
            session.device.send(&format!("hook {trigger} 1 destroy"));
            if trigger == "event:3" {
                session.device.run("subscribe more", "subscribe = 1");
                let subscribe = session.link.expect(SUBSCRIBE);
                session.link.send(&suback(subscribe.id(), 0));
            } else {
                provoke(&mut session, trigger);
            }
            session.device.send("yield 5000");
            session.end();
            session.device.wait_for("> destroy = 0");
            session.device.expect("yield = 2");
            session.device.finish();
        }
    }
}

#[test]
fn a_shadow_destroyed_in_its_construct_is_null() {
    let mut device = driver();
    device.send("hook event:3 1 destroy");
    let peer = Peer::listen(Transport::Tcp);
    device.send(&format!("construct url={}", peer.url()));
    let mut link = peer.accept_session();
    let subscribe = link.expect(SUBSCRIBE);
    link.send(&suback(subscribe.id(), 0));
    link.wait_for_end();
    device.wait_for("> destroy = 0");
    device.expect("construct = null err=-103");
    device.finish();
}

#[test]
fn destroy_ends_calls_of_other_threads() {
    let mut session = prepared(Transport::Tcp);
    session.device.send("thread yield 60000");
    // Now it is inside.
    provoke(&mut session, "delta:0");
    session.device.wait_for("& delta");
    session.device.send("thread getsync timeout=60000");
    session.sent();
    session.device.send("destroy");
    session.end();
    let mut ends = Vec::new();
    while ends.len() < 3 {
        let line = session.device.line();
        if !line.contains("event") {
            ends.push(line.split(" ms=").next().unwrap_or_default().to_owned());
        }
    }
    ends.sort();
    assert_eq!(ends, ["& getsync = -103", "& yield = 2", "destroy = 0"]);
    session.device.run("join", "join = 0");
    session.device.finish();
}

/// All of it in one run: nothing is lost, nothing foreign is touched.
#[test]
fn a_session_leaves_nothing_behind() {
    if !crate::interface::programs::has_valgrind() {
        eprintln!("left out: valgrind is not here");
        return;
    }
    let options = [
        "valgrind",
        "--quiet",
        "--error-exitcode=99",
        "--leak-check=full",
        "--errors-for-leak-kinds=definite,indirect",
        "--show-leak-kinds=definite,indirect",
    ];
    let device = Driver::start(&options, &program(&sdk::KEY_PLAIN));
    let mut session = Session::open_with(device, Transport::WebSocket, "timeout=20000");
    prepare(&mut session);
    session.device.run("property 1 text string say \"hi\"", "property = 0");
    session.device.run("build clear 0 1", "build = 0");
    session.device.run("build report size=30 0 1", "build = -133");
    session.device.run("many", "many = 0");
    for trigger in TRIGGERS {
        provoke(&mut session, trigger);
        let line = match trigger {
            "delta:0" => "delta on = 0".to_owned(),
            other => format!("request {other}"),
        };
        session.device.yield_until(&line, &[0]);
    }
    session.device.run("unregister 0", "unregister = 0");
    session.device.run("register 0", "register = 0");
    session.request("get timeout=60000");
    // The program ends with 99 if anything was lost: with a request and a property that nobody took back, and after a
    // shadow that could not be made.
    let port = Peer::listen(Transport::Tcp).port();
    session.device.run(&format!("@1 construct url=ws://127.0.0.1:{port}"), "@1 construct = null");
    session.close();
}
