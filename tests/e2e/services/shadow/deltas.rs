//! What is desired of the device, and how it reaches variables. [shadow.md §§4.4, 5.2]

use super::*;

fn delta(state: &str) -> String {
    format!(
        r#"{{"type":"delta","timestamp":1760000200,"payload":{{"state":{state},"version":9,"timestamp":1760000200000}}}}"#
    )
}

/// A session with registered properties 0, 1, …
fn registered(transport: Transport, properties: &[&str]) -> Session {
    let mut session = Session::open(transport, "");
    for (index, property) in properties.iter().enumerate() {
        session.device.run(&format!("property {index} {property}"), "property = 0");
        session.device.run(&format!("register {index}"), "register = 0");
    }
    session
}

#[test]
fn a_delta_is_stored_and_told_newest_registration_first() {
    for transport in TRANSPORTS {
        let mut session = registered(
            transport,
            &["power int32 0", "color string red", "level float 1", "on bool false", "absent int8 7"],
        );
        let state = r#"{"power":-5, "color":"blue", "level":21.5, "on":true, "unknown":{"x":[1]}}"#;
        session.push(&delta(state));
        let (before, last) = session.device.yield_until("delta power", &[0]);
        let more = format!(" of handle len={} json={state}", state.len());
        let expected = ["delta on = true", "delta level = 21.500000", "delta color = red"]
            .map(|line| format!("{line}{more}"));
        assert_eq!(before, expected, "text is left to the callback");
        assert_eq!(last, format!("delta power = -5{more}"));
        session.device.run("value 4", "value absent = 7");
        session.close();
    }
}

#[test]
fn nothing_comes_for_null_and_for_names_that_are_not_there() {
    let mut session = registered(Transport::Tcp, &["power int32 3", "room.light int32 4", "room int32 5"]);
    session.push(&delta(r#"{"power":null,"Power":1,"light":2,"pow":3}"#));
    session.push(&delta(r#"{"room":{"light":77}}"#));
    let (before, line) = session.device.yield_until("delta room.light = 77", &[0]);
    // The object is no integer: the variable stays, and the callback has the text.
    let state = r#"{"room":{"light":77}}"#;
    assert_eq!(before, [format!("delta room = 5 of handle len={} json={state}", state.len())]);
    assert!(line.ends_with(state), "{line}");
    session.device.run("value 0", "value power = 3");
    session.close();
}

#[test]
fn numbers_that_do_not_fit_saturate() {
    let mut session = registered(
        Transport::Tcp,
        &["a int8 0", "b uint8 7", "c int16 0", "d uint32 7", "e int32 0", "f double 0", "g uint16 0"],
    );
    session.push(&delta(r#"{"a":1000,"b":-1,"c":-40000,"d":4294967296,"e":"12","f":1e400,"g":"70000"}"#));
    session.device.yield_until("delta a = 127", &[0]);
    for (index, value) in
        [(1, "b = 0"), (2, "c = -32768"), (3, "d = 4294967295"), (4, "e = 12"), (6, "g = 65535")]
    {
        session.device.run(&format!("value {index}"), &format!("value {value}"));
    }
    session.device.wait_for_log("does not fit");
    session.close();
}

#[test]
fn a_get_delivers_its_delta_before_it_ends() {
    for transport in TRANSPORTS {
        let mut session = registered(transport, &["on bool true"]);
        session.device.send("getsync");
        let token = token(&session.sent());
        session.push(&format!(
            r#"{{"clientToken":"{token}","payload":{{"state":{{"delta":{{"on":false}},"desired":{{"on":false}},"reported":{{"on":true,"t":21}}}},"timestamp":1760000123456,"version":7}},"result":0,"timestamp":1760000123,"type":"get"}}"#
        ));
        session.device.expect(r#"delta on = false of handle len=12 json={"on":false}"#);
        session.device.expect("getsync = 0 ");
        session.device.run("value 0", "value on = false");
        // One that is refused delivers nothing.
        session.device.run("property 0 on bool true", "property = 0");
        session.device.send("getsync");
        let request = session.sent();
        let token = super::token(&request);
        session.push(&format!(
            r#"{{"clientToken":"{token}","payload":{{"state":{{"delta":{{"on":false}}}}}},"result":5004,"type":"get"}}"#
        ));
        session.device.expect("getsync = -206 ");
        session.device.run("value 0", "value on = true");
        session.close();
    }
}

#[test]
fn a_delta_while_a_request_waits() {
    let mut session = registered(Transport::WebSocket, &["on bool true"]);
    session.request("get");
    session.push(&delta(r#"{"on":false}"#));
    session.device.yield_until("delta on = false", &[0]);
    session.push(&answer("A1B2C3D4E5-0", "get", 0));
    let (before, _) = session.device.yield_until("request get ack=0", &[0]);
    assert_eq!(before, [""; 0]);
    session.close();
}

/// The original compares the wrong pointers: it never finds a property again. [shadow.md §4.4]
#[test]
fn defect_properties_are_found_again() {
    let mut session = registered(Transport::Tcp, &["on bool true", "on bool true"]);
    session.device.run("register 0", "register = -201");
    session.device.run("unregister 2", "unregister = -202");
    session.push(&delta(r#"{"on":false}"#));
    // Two structures with the same key.
    session.device.yield_until("delta on = false", &[0]);
    session.device.expect("delta on = false");
    session.device.run("unregister 1", "unregister = 0");
    session.device.run("unregister 1", "unregister = -202");
    session.push(&delta(r#"{"on":true}"#));
    session.device.yield_until("delta on = true", &[0]);
    session.device.run("yield 50", "yield = 0");
    session.device.run("value 1", "value on = false");
    session.close();
}

/// The original has a buffer of two kilobytes.
#[test]
fn large_documents_arrive_whole() {
    let mut session = registered(Transport::WebSocket, &["last int32 0"]);
    let filler = "x".repeat(3000);
    session.push(&delta(&format!(r#"{{"filler":"{filler}","last":1}}"#)));
    let (_, line) = session.device.yield_until("delta last = 1", &[0]);
    assert!(line.ends_with(r#"","last":1}"#) && line.len() > 3000);
    session.close();
}
