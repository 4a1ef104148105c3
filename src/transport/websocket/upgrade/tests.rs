use super::*;

/// The key of the RFC's example (RFC 6455 §1.3), `dGhlIHNhbXBsZSBub25jZQ==` in base64.
const KEY: &[u8; 16] = b"the sample nonce";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const GOOD: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: mqtt\r\n\
    \r\n";

/// The result of feeding a whole response: the bytes after it, or the error.
type Outcome = Result<Vec<u8>, UpgradeError>;

/// Feeds the response in pieces of `size` bytes; `None` if it is not complete in the end.
fn feed_in(size: usize, response: &[u8]) -> Option<Outcome> {
    let mut upgrade = Upgrade::new(KEY);
    let mut fed = 0;
    for piece in response.chunks(size) {
        fed += piece.len();
        assert!(upgrade.need() >= 1);
        match upgrade.feed(piece) {
            Ok(Progress::More) => {}
            Ok(Progress::Done { surplus }) => {
                let mut all = surplus.to_vec();
                all.extend_from_slice(&response[fed..]);
                return Some(Ok(all));
            }
            Err(error) => return Some(Err(error)),
        }
    }
    None
}

/// The outcome in bulk, after making sure that cutting the response anywhere changes nothing.
fn outcome(response: impl AsRef<[u8]>) -> Option<Outcome> {
    let response = response.as_ref();
    let bulk = feed_in(response.len().max(1), response);
    // Each piece has the header read again from its start, which takes long under Miri.
    let sizes: &[usize] = if cfg!(miri) { &[64] } else { &[1, 2, 3, 7, 64] };
    for &size in sizes {
        let pieces = feed_in(size, response);
        match (&pieces, &bulk) {
            // Without an announced length, the body is what has arrived with the header.
            (Some(Err(a)), Some(Err(b))) if a.refusal().is_some() => {
                assert_eq!(a.refusal().unwrap().status, b.refusal().unwrap().status);
            }
            _ => assert_eq!(pieces, bulk, "in pieces of {size}"),
        }
    }
    bulk
}

fn accepted(response: impl AsRef<[u8]>) -> Vec<u8> {
    outcome(response).expect("incomplete").expect("refused")
}

fn error(response: impl AsRef<[u8]>) -> UpgradeError {
    outcome(response).expect("incomplete").expect_err("accepted")
}

fn protocol_error(response: impl AsRef<[u8]>) -> &'static str {
    match error(response) {
        UpgradeError::Protocol(cause) => cause,
        other => panic!("{other:?}"),
    }
}

fn good_with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replace(from, to)
}

#[test]
fn the_request_has_the_bytes_of_the_reference_log() {
    let host = "7CN3UQ4VGT.ap-guangzhou.iothub.tencentdevices.com:443";
    let request = UpgradeRequest::new(host, "/", b"1234567890abcdef").unwrap();
    let expected = "GET / HTTP/1.1\r\n\
        Host: 7CN3UQ4VGT.ap-guangzhou.iothub.tencentdevices.com:443\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-Websocket-Protocol: mqtt\r\n\
        Sec-WebSocket-Key: MTIzNDU2Nzg5MGFiY2RlZg==\r\n\
        Sec-WebSocket-Version: 13\r\n\
        \r\n";
    assert_eq!(request.text(), expected);
    assert_eq!(request.into_bytes(), expected.as_bytes());
}

#[test]
fn the_request_takes_a_long_host_and_another_path() {
    let host = format!("{}:80", "h".repeat(1000));
    let request = UpgradeRequest::new(&host, "/mqtt?x=1", KEY).unwrap();
    assert!(request.text().starts_with(&format!("GET /mqtt?x=1 HTTP/1.1\r\nHost: {host}\r\n")));
    assert!(request.text().contains("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
}

#[test]
fn the_request_cannot_be_extended_from_host_or_path() {
    for (host, path) in [
        ("", "/"),
        ("a b:80", "/"),
        ("a:80\r\nX: y", "/"),
        ("ä:80", "/"),
        ("a:80", ""),
        ("a:80", "mqtt"),
        ("a:80", "/ HTTP/1.1\r\nX: y"),
        ("a:80", "/\0"),
    ] {
        assert_eq!(UpgradeRequest::new(host, path, KEY), Err(Error::Inval), "{host:?} {path:?}");
    }
}

#[test]
fn accept_values() {
    assert_eq!(accept_value("dGhlIHNhbXBsZSBub25jZQ=="), ACCEPT);
    assert_eq!(accept_value("MTIzNDU2Nzg5MGFiY2RlZg=="), "SKslZF78GCkIO8xvldi3U6oimZ4=");
}

#[test]
fn a_plain_101_is_accepted() {
    assert_eq!(accepted(GOOD), b"");
}

#[test]
fn variants_that_are_accepted() {
    let variants = [
        good_with("Switching Protocols", "Whatever They Say"),
        good_with(" Switching Protocols", " "),
        good_with(" Switching Protocols", ""),
        good_with("Sec-WebSocket-Accept: ", "sec-websocket-accept: "),
        good_with("Sec-WebSocket-Accept: ", "SEC-WEBSOCKET-ACCEPT:"),
        good_with("Sec-WebSocket-Accept: ", "Sec-Websocket-Accept:\t \t"),
        good_with(ACCEPT, &format!("{ACCEPT} \t ")),
        good_with("Upgrade: websocket", "upgrade: WebSocket"),
        good_with("Upgrade: websocket", "UPGRADE:WEBSOCKET"),
        good_with("Upgrade: websocket", "Upgrade: h2c , websocket"),
        good_with("Upgrade: websocket", "Upgrade: h2c\r\nUpgrade: websocket"),
        good_with("Connection: Upgrade", "connection:upgrade"),
        good_with("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
        good_with("Connection: Upgrade", "Connection: keep-alive,UPGRADE,"),
        good_with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade"),
        good_with("Sec-WebSocket-Protocol: mqtt\r\n", ""),
        good_with("Sec-WebSocket-Protocol: mqtt", "sec-websocket-protocol:mqtt\t"),
        good_with("mqtt\r\n\r\n", "mqtt\r\nSec-WebSocket-Extensions:\r\n\r\n"),
        good_with("mqtt\r\n\r\n", "mqtt\r\nSec-WebSocket-Extensions: \t \r\n\r\n"),
        good_with("mqtt\r\n\r\n", "mqtt\r\nServer: x\r\nDate: today\r\nX-Latin1: \u{e4}\r\n\r\n"),
        good_with("mqtt\r\n\r\n", "mqtt\r\nContent-Length: 0\r\n\r\n"),
        GOOD.replace("\r\n", "\n"),
        good_with("mqtt\r\n\r\n", "mqtt\r\n\n"),
        good_with("Upgrade: websocket\r\n", "Upgrade: websocket\n"),
    ];
    for variant in variants {
        assert_eq!(accepted(&variant), b"", "{variant}");
        assert_eq!(accepted([variant.as_bytes(), b"\x82\x00rest"].concat()), b"\x82\x00rest");
    }
}

#[test]
fn variants_that_break_the_protocol() {
    let prefix = &ACCEPT[..27];
    let accept_line = &format!("Sec-WebSocket-Accept: {ACCEPT}");
    let variants = [
        ("wrong Sec-WebSocket-Accept", good_with(ACCEPT, "SKslZF78GCkIO8xvldi3U6oimZ4=")),
        ("wrong Sec-WebSocket-Accept", good_with(ACCEPT, "")),
        ("wrong Sec-WebSocket-Accept", good_with(ACCEPT, prefix)),
        ("wrong Sec-WebSocket-Accept", good_with(ACCEPT, "s")),
        ("wrong Sec-WebSocket-Accept", good_with(ACCEPT, &format!("{ACCEPT}="))),
        ("wrong Sec-WebSocket-Accept", good_with(ACCEPT, &format!("{ACCEPT}, {ACCEPT}"))),
        ("wrong Sec-WebSocket-Accept", good_with(ACCEPT, &ACCEPT.to_lowercase())),
        ("no Sec-WebSocket-Accept", good_with("Sec-WebSocket-Accept", "X-Sec-WebSocket-Accept")),
        ("no Sec-WebSocket-Accept", good_with(&format!("{accept_line}\r\n"), "")),
        (
            "Sec-WebSocket-Accept more than once",
            good_with(accept_line, &format!("{accept_line}\r\n{accept_line}")),
        ),
        (
            "Sec-WebSocket-Accept more than once",
            good_with(accept_line, &format!("{accept_line}\r\nsec-websocket-accept:")),
        ),
        ("no Upgrade: websocket", good_with("Upgrade: websocket\r\n", "")),
        ("no Upgrade: websocket", good_with("Upgrade: websocket", "Upgrade: websockets")),
        ("no Upgrade: websocket", good_with("Upgrade: websocket", "Upgrade: web socket")),
        ("no Upgrade: websocket", good_with("Upgrade: websocket", "Upgrade:")),
        ("no Connection: upgrade", good_with("Connection: Upgrade\r\n", "")),
        ("no Connection: upgrade", good_with("Connection: Upgrade", "Connection: keep-alive")),
        ("no Connection: upgrade", good_with("Connection: Upgrade", "Connection: notupgrade")),
        ("Sec-WebSocket-Protocol is not mqtt", good_with("mqtt", "mqttv3.1")),
        ("Sec-WebSocket-Protocol is not mqtt", good_with("mqtt", "MQTT")),
        ("Sec-WebSocket-Protocol is not mqtt", good_with("mqtt", "")),
        ("Sec-WebSocket-Protocol is not mqtt", good_with("mqtt", "mqtt, chat")),
        ("Sec-WebSocket-Protocol is not mqtt", good_with("mqtt", "mqtt\r\nSec-WebSocket-Protocol: mqtt")),
        (
            "extension that was not offered",
            good_with("mqtt", "mqtt\r\nSec-WebSocket-Extensions: permessage-deflate"),
        ),
        (
            "extension that was not offered",
            good_with("mqtt", "mqtt\r\nSec-WebSocket-Extensions:\r\nsec-websocket-extensions: x"),
        ),
        ("101 from a server that does not speak HTTP/1.1", good_with("HTTP/1.1", "HTTP/1.0")),
        ("malformed status line", good_with("HTTP/1.1", "HTTP/2.0")),
        ("malformed status line", good_with("HTTP/1.1 101", "HTTP/1.1 1010")),
        ("malformed status line", good_with("HTTP/1.1 101", "HTTP/1.1 10")),
        ("malformed status line", good_with("HTTP/1.1 101", "HTTP/1.1  101")),
        ("malformed status line", good_with("HTTP/1.1 101", "HTTP/1.1 abc")),
        ("malformed status line", good_with("HTTP/1.1 101", "HTTP/1.1")),
        ("malformed status line", good_with("Switching", "Swit\u{0}ching")),
        ("malformed response header", good_with("Upgrade: websocket", "Upgrade : websocket")),
        ("malformed response header", good_with("Upgrade: websocket", "Upgrade")),
        ("malformed response header", good_with("Upgrade: websocket", ": websocket")),
        ("malformed response header", good_with("Connection:", " Connection:")),
        ("malformed response header", good_with("Upgrade: websocket", "Upgrade:\r\n websocket")),
        ("malformed response header", good_with("Upgrade: websocket", "Upgrade: web\u{0}socket")),
        ("malformed response header", good_with("Upgrade: websocket", "Upgrade: websocket\r\r")),
        ("not an HTTP response", format!("\r\n{GOOD}")),
        ("not an HTTP response", format!(" {GOOD}")),
        ("not an HTTP response", "SSH-2.0-OpenSSH_9.6\r\n".to_owned()),
        ("not an HTTP response", "\u{15}\u{3}\u{3}\0\u{2}\u{2}(".to_owned()),
        ("not an HTTP response", "http/1.1 101 x\r\n\r\n".to_owned()),
        ("malformed status line", "HTTP/\n".to_owned()),
        ("no Upgrade: websocket", "HTTP/1.1 101\r\n\r\n".to_owned()),
    ];
    for (cause, variant) in variants {
        assert_eq!(protocol_error(&variant), cause, "{variant:?}");
    }
    assert_eq!(Error::from(UpgradeError::Protocol("x")), Error::HttpProtocol);
}

#[test]
fn other_statuses_are_refusals_even_with_the_right_accept_value() {
    for (status, code) in [
        (400, Error::HttpConn),
        (401, Error::HttpAuth),
        (403, Error::HttpAuth),
        (404, Error::HttpNotFound),
        (100, Error::HttpConn),
        (200, Error::HttpConn),
        (301, Error::HttpConn),
        (302, Error::HttpConn),
        (426, Error::HttpConn),
        (500, Error::HttpConn),
        (503, Error::HttpConn),
    ] {
        let response = good_with("101 Switching Protocols", &format!("{status} Some Reason"));
        let error = error(&response);
        let refusal = error.refusal().unwrap();
        assert_eq!((refusal.status, refusal.reason.as_str()), (status, "Some Reason"));
        assert_eq!(Error::from(&error), code, "{status}");
        assert_eq!(error.to_string(), format!("server refuses the upgrade: {status} Some Reason"));
        assert!(
            error.clone()
                == self::error(good_with(
                    "HTTP/1.1 101 Switching Protocols",
                    &format!("HTTP/1.0 {status} Some Reason")
                ))
        );
    }
}

#[test]
fn the_status_is_known_as_soon_as_its_line_is_complete() {
    let mut upgrade = Upgrade::new(KEY);
    upgrade.feed(b"HTTP/1.1 403 Forbidden\r").unwrap();
    assert_eq!(upgrade.status(), None);
    upgrade.feed(b"\n").unwrap();
    assert_eq!(upgrade.status(), Some(403));
}

#[test]
fn the_announced_body_of_a_refusal_is_awaited() {
    let response = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\n\r\nno such dev and more";
    for size in [1, 2, 5, 100] {
        let error = feed_in(size, response).unwrap().unwrap_err();
        let refusal = error.refusal().unwrap();
        assert!(refusal.body.starts_with(b"no such dev"), "{refusal:?}");
    }
    assert_eq!(feed_in(1000, &response[..response.len() - 12]), None);
}

#[test]
fn at_most_256_bytes_of_a_body_are_kept() {
    let response = format!("HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n{}", "x".repeat(5000));
    for size in [1, 100, 10_000] {
        let error = feed_in(size, response.as_bytes()).unwrap().unwrap_err();
        assert_eq!(error.refusal().unwrap().body, "x".repeat(256).as_bytes());
    }
}

#[test]
fn a_body_without_a_usable_length_is_not_awaited() {
    for length in
        ["", "Content-Length: x\r\n", "Content-Length: 99999999999999999999999\r\n", "bad header\r\n"]
    {
        let response = format!("HTTP/1.1 404 Not Found\r\n{length}\r\nbody");
        let error = error(&response);
        assert_eq!(error.refusal().unwrap().body, b"body", "{length}");
        assert_eq!(Error::from(error), Error::HttpNotFound);
    }
}

#[test]
fn an_interrupted_response_is_named_by_its_cause() {
    let mut upgrade = Upgrade::new(KEY);
    assert_eq!(Error::from(upgrade.closed()), Error::HttpClosed);
    upgrade.feed(&GOOD.as_bytes()[..GOOD.len() - 1]).unwrap();
    assert_eq!(upgrade.closed(), UpgradeError::Closed);
    assert_eq!(Error::from(upgrade.timed_out()), Error::HttpTimeout);

    let mut refused = Upgrade::new(KEY);
    let response = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 20\r\n\r\nonly ten b";
    assert_eq!(refused.feed(response), Ok(Progress::More));
    assert_eq!(Error::from(refused.timed_out()), Error::HttpAuth);
    assert_eq!(refused.closed().refusal().unwrap().body, b"only ten b");

    let mut broken = Upgrade::new(KEY);
    let error = broken.feed(b"garbage").unwrap_err();
    assert_eq!(broken.closed(), error);
    assert_eq!(broken.feed(GOOD.as_bytes()), Err(error), "an error is final");
}

#[test]
fn the_response_may_be_split_at_every_byte() {
    let whole = [GOOD.as_bytes(), b"\x82\x04\x20\x02\x00\x00"].concat();
    for at in 0..=whole.len() {
        let mut upgrade = Upgrade::new(KEY);
        let (first, second) = whole.split_at(at);
        let done = upgrade.feed(first).unwrap();
        if at < GOOD.len() {
            assert_eq!(done, Progress::More, "split at {at}");
            assert_eq!(upgrade.feed(second), Ok(Progress::Done { surplus: b"\x82\x04\x20\x02\x00\x00" }));
        } else {
            assert_eq!(done, Progress::Done { surplus: &whole[GOOD.len()..at] });
            assert_eq!(upgrade.feed(second), Ok(Progress::Done { surplus: second }), "all is surplus now");
        }
    }
}

fn padded_to(length: usize) -> String {
    let pad = length - GOOD.len() - "X-Pad: \r\n".len();
    good_with("\r\n\r\n", &format!("\r\nX-Pad: {}\r\n\r\n", "p".repeat(pad)))
}

#[test]
fn a_header_of_16_kib_is_accepted_and_one_more_byte_is_not() {
    let longest = padded_to(16 * 1024);
    assert_eq!(longest.len(), 16 * 1024);
    assert_eq!(accepted(longest + "surplus"), b"surplus");
    assert_eq!(protocol_error(padded_to(16 * 1024 + 1)), "response header above 16 KiB");
    assert_eq!(
        protocol_error(format!("HTTP/1.1 101 {}", "x".repeat(20_000))),
        "response header above 16 KiB"
    );
    assert_eq!(
        protocol_error(format!("{}X: {}", &GOOD[..GOOD.len() - 2], "x".repeat(20_000))),
        "response header above 16 KiB"
    );
}

#[test]
fn many_lines_are_accepted_and_too_many_are_not() {
    let lines = |count: usize| good_with("\r\n\r\n", &format!("\r\n{}\r\n", "X: y\r\n".repeat(count)));
    assert_eq!(accepted(lines(500)), b"");
    assert_eq!(protocol_error(lines(600)), "more than 512 header lines");
}

/// A port whose read waits for the exact count must never be told to wait for bytes that may not come.
#[test]
fn reading_just_what_is_needed_never_passes_the_end_of_the_header() {
    let shortest =
        format!("HTTP/1.1 101\nUpgrade:websocket\nConnection:upgrade\nSec-WebSocket-Accept:{ACCEPT}\n\n");
    assert_eq!(shortest.len(), SHORTEST_ACCEPTED);
    for response in [GOOD, &shortest, "HTTP/1.1 403\n\n", "HTTP/1.1 500 x\r\nContent-Length: 300\r\n\r\n"] {
        let body = "b".repeat(256);
        let all = if response.contains("300") { format!("{response}{body}") } else { response.to_owned() };
        let mut upgrade = Upgrade::new(KEY);
        let mut rest = all.as_bytes();
        let mut reads = 0;
        loop {
            let (piece, after) = rest.split_at_checked(upgrade.need()).expect("asked for more than there is");
            rest = after;
            reads += 1;
            match upgrade.feed(piece) {
                Ok(Progress::More) => {}
                Ok(Progress::Done { surplus }) => break assert!(surplus.is_empty()),
                Err(error) => break assert!(error.refusal().is_some(), "{error}"),
            }
        }
        assert!(rest.is_empty());
        assert!(reads < all.len(), "{reads} reads");
    }
}

#[test]
fn random_bytes_never_panic_and_never_pass() {
    let mut random = super::super::autobahn::Random::new(7);
    let before_accept = GOOD.find(ACCEPT).unwrap();
    for _ in 0..if cfg!(miri) { 50 } else { 50_000 } {
        let mut response = GOOD.as_bytes()[..random.below(before_accept)].to_vec();
        for _ in 0..random.below(40) {
            response.push(random.byte());
        }
        let size = 1 + random.below(response.len() + 1);
        if let Some(Ok(_)) = feed_in(size, &response) {
            panic!("accepted {:?}", String::from_utf8_lossy(&response));
        }
    }
}
