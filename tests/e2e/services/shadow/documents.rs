//! What the device sends, byte for byte. [shadow.md §§4.5, 5.1]

use super::*;

/// Properties 0 to 3: an integer, a truth value, a text, a fraction.
fn with_properties(transport: Transport) -> Session {
    let mut session = Session::open(transport, "");
    for property in ["0 t int32 21", "1 on bool true", "2 color string red", "3 level float 21.5"] {
        session.device.run(&format!("property {property}"), "property = 0");
    }
    session
}

#[test]
fn requests_are_those_of_the_original() {
    for transport in TRANSPORTS {
        let mut session = with_properties(transport);
        assert_eq!(session.request("get"), r#"{"type":"get", "clientToken":"A1B2C3D4E5-0"}"#);
        session.device.run("build report 0 1", "build = 0");
        let update =
            r#"{"type":"update", "state":{"reported":{"t":21,"on":true}}, "clientToken":"A1B2C3D4E5-1"}"#;
        assert_eq!(session.request("update"), update);
        assert_eq!(
            session.device.run("doc", "doc = "),
            format!("doc = {update}"),
            "it is shown in the buffer"
        );
        session.close();
    }
}

#[test]
fn every_builder_writes_its_document_and_counts_one_token() {
    let mut session = with_properties(Transport::Tcp);
    for (number, (command, document)) in [
        ("report 0 1", r#"{"state":{"reported":{"t":21,"on":true}}, "#),
        ("array 0 1", r#"{"state":{"reported":{"t":21,"on":true}}, "#),
        ("overwrite 0 1", r#"{"overwriteUpdate":true, "state":{"reported":{"t":21,"on":true}}, "#),
        ("clear 0 1", r#"{"state":{"reported":{"t":21,"on":true},"desired": null}, "#),
        ("desirenull", r#"{"state":{"desired": null}, "#),
        ("propnull 0 1", r#"{"state":{"desired":{"t":21,"on":true}}, "#),
        ("report 2 3", r#"{"state":{"reported":{"color":"red","level":21.500000}}, "#),
        ("report", r#"{"state":{"reported":{}}, "#),
    ]
    .into_iter()
    .enumerate()
    {
        let expected = format!(r#"build = 0 {document}"clientToken":"A1B2C3D4E5-{number}"}}"#);
        assert_eq!(session.device.run(&format!("build {command}"), "build = "), expected);
    }
    session.device.run("property 0 t int32", "property = 0");
    assert_eq!(
        session.device.run("build propnull 0", "build = 0"),
        r#"build = 0 {"state":{"desired":{"t":null}}, "clientToken":"A1B2C3D4E5-8"}"#
    );
    session.close();
}

/// Each type of variable, at the ends of its range; text that needs escapes, and text that has them. [shadow.md §4.5]
#[test]
fn variables_of_every_type() {
    let mut session = with_properties(Transport::Tcp);
    for (variable, value) in [
        ("int32 -2147483648", "-2147483648"),
        ("int16 -32768", "-32768"),
        ("int8 -128", "-128"),
        ("uint32 4294967295", "4294967295"),
        ("uint16 65535", "65535"),
        ("uint8 255", "255"),
        ("float 0.1", "0.100000"),
        ("double 0.0078125", "0.007812"),
        ("double nan", "null"),
        ("float inf", "null"),
        ("bool true", "true"),
        ("bool false", "false"),
        ("string say \"hi\"\\", r#""say \"hi\"\\""#),
        (r#"string say \"hi\""#, r#""say \"hi\"""#),
        (r#"object {"a":[1, 2]}"#, r#"{"a":[1, 2]}"#),
    ] {
        session.device.run(&format!("property 0 v {variable}"), "property = 0");
        let line = session.device.run("build report 0", "build = 0");
        assert!(line.contains(&format!(r#""reported":{{"v":{value}}}"#)), "{variable}: {line}");
    }
    session.close();
}

#[test]
fn defect_255_properties_fit() {
    let mut session = with_properties(Transport::Tcp);
    let length =
        r#"{"state":{"reported":{}}, "clientToken":"A1B2C3D4E5-0"}"#.len() + 255 * r#""t":21,"#.len() - 1;
    assert_eq!(session.device.run("many", "many = "), format!("many = 0 {length}"));
    session.close();
}

#[test]
fn buffers_that_are_too_small() {
    let mut session = with_properties(Transport::Tcp);
    let whole = r#"{"state":{"reported":{"t":21}}, "clientToken":"A1B2C3D4E5-0"}"#;
    assert_eq!(
        session.device.run("build report size=20 0", "build = "),
        format!("build = -133 {}", &whole[..19])
    );
    // The first piece fills it: there is no room at all for the next one.
    assert_eq!(
        session.device.run("build report size=23 0", "build = "),
        format!("build = -134 {}", &whole[..22])
    );
    let size = whole.len();
    let cut = session.device.run(&format!("build report size={size} 0"), "build = -133 ");
    assert!(cut.ends_with('"'), "{cut}");
    session.device.run(&format!("build report size={} 0", size + 1), "build = 0 ");
    session.close();
}

/// `"type":"update", ` has 17 characters; the original wants more than 18 bytes free. [shadow.md §4.2]
#[test]
fn room_for_the_type() {
    let mut session = with_properties(Transport::Tcp);
    let line = session.device.run("build report 0", "build = 0 ");
    let len = line.len() - "build = 0 ".len();
    for spare in [0, 17, 18] {
        session.device.run(&format!("update size={}", len + spare), "update = -1002 ");
    }
    let document = session.device.run("doc", "doc = ");
    assert_eq!(document["doc = ".len()..], line["build = 0 ".len()..], "left alone");
    let first = session.request(&format!("update size={}", len + 19));
    assert_eq!(first, format!(r#"{{"type":"update", {}"#, &document["doc = {".len()..]));
    // Twice the same buffer: the type is inserted twice, as callers know it.
    let second = session.request("update");
    assert_eq!(second, format!(r#"{{"type":"update", {}"#, &first[1..]));
    session.close();
}

#[test]
fn the_data_template_has_topics_of_its_own() {
    for transport in TRANSPORTS {
        let mut device = driver();
        let peer = Peer::listen(transport);
        device.send(&format!("construct url={} template=1", peer.url()));
        let mut link = peer.accept_session();
        let subscribe = link.expect(SUBSCRIBE);
        assert_eq!(subscribe.topic(), "$template/operation/result/A1B2C3D4E5/lamp-01");
        link.send(&suback(subscribe.id(), 0));
        device.wait_for("construct = handle");
        device.run("get", "get = 0");
        let request = link.expect(PUBLISH);
        assert_eq!(request.topic(), "$template/operation/A1B2C3D4E5/lamp-01");
        let text = answer("A1B2C3D4E5-0", "get", 0);
        link.send(&publish(0, &subscribe.topic(), 0, text.as_bytes()));
        device.yield_until("request get ack=0", &[0]);
        device.send("destroy");
        link.wait_for_end();
        device.wait_for("destroy = 0");
        device.finish();
    }
}
