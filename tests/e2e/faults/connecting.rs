//! Connections that do not come about: the code of Construct and the time it takes. [websocket.md §§4, 7]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use crate::support::device::Device;
use crate::support::hub::Hub;
use crate::support::peer::{Connection, Transport};
use crate::support::program::Launch;
use crate::support::sdk;

use super::crowd::{LINK, SLACK, number_and_time};
use super::{LISTENERS, over};

/// Command timeout of these programs; connect and TLS handshake have at least 5 s.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(1000);
const UPGRADE: Duration = Duration::from_secs(10);

fn device() -> Device {
    Device::key("CONNECT001", "hopeful")
}

/// `link_session`, with a part of the system replaced.
fn program(replaced: Option<&str>) -> PathBuf {
    let source = replaced.map(|name| format!("tests/c/{name}.c"));
    let mut sources = vec!["tests/c/link_session.c", "tests/c/session_client.c"];
    sources.extend(source.as_deref());
    let name = format!("link_session{}", replaced.map(|name| format!("-{name}")).unwrap_or_default());
    sdk::KEY.compile_with(&name, &sources, &["-D_GNU_SOURCE"])
}

fn launch(program: PathBuf, device: &Device, url: &str) -> Launch {
    let secret = device.secret.clone().expect("a key device");
    let launch = Launch::new(&program).device(device).env("QCLOUD_IOT_ENDPOINT", url);
    let launch = launch.arg(&device.product).arg(&device.name).arg(&secret);
    launch.arg(&COMMAND_TIMEOUT.as_millis().to_string()).arg("60000").arg("connect")
}

/// Code and duration of the only Construct.
fn result(launch: Launch) -> (i32, Duration) {
    let done = launch.run();
    done.expect(0);
    let line = done.output.lines().find_map(|line| line.strip_prefix("construct = "));
    number_and_time(line.expect("the result of Construct"))
}

fn construct(url: &str) -> (i32, Duration) {
    result(launch(program(None), &device(), url))
}

/// Constructs against a server that does this with the connection.
fn construct_against(scheme: &str, serve: impl FnOnce(TcpStream) + Send) -> (i32, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback port");
    let url = format!("{scheme}://{}", listener.local_addr().expect("address"));
    std::thread::scope(|scope| {
        scope.spawn(|| serve(listener.accept().expect("a connection").0));
        construct(&url)
    })
}

/// Reads until the SDK ends the connection: a server that never answers.
fn swallow(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
}

/// At the limit, not before it, and not much later. [defects.md 23]
#[track_caller]
fn assert_limit(took: Duration, limit: Duration) {
    assert!(took + Duration::from_millis(100) >= limit && took <= limit + SLACK, "{took:?}, limit {limit:?}");
}

// covers: Connecting / name that does not exist | tcp, tls, ws, wss | 4
#[test]
fn names_that_nobody_knows() {
    over(&LISTENERS, |scheme| {
        let (code, took) = construct(&format!("{scheme}://no-such-host.invalid:80"));
        assert_eq!(code, -602, "{scheme}");
        assert!(took <= LINK + SLACK, "{scheme}: {took:?}");
    });
}

// covers: Connecting / name server that does not answer, through the C interface | tcp, tls, ws, wss | 4
#[test]
fn defect_23_unanswered_look_ups_do_not_last() {
    let program = program(Some("slow_names"));
    over(&LISTENERS, |scheme| {
        let (code, took) = result(launch(program.clone(), &device(), &format!("{scheme}://slow.test:80")));
        assert_eq!(code, -602, "{scheme}");
        assert_limit(took, LINK);
    });
}

// covers: Connecting / refused | tcp, tls, ws, wss | 4
#[test]
fn ports_that_refuse() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    over(&LISTENERS, |scheme| {
        let (code, took) = construct(&format!("{scheme}://{port}"));
        assert_eq!(code, -603, "{scheme}");
        assert!(took <= SLACK, "{scheme}: {took:?}");
    });
}

/// Room for one more descriptor, which the client needs for itself.
// covers: Connecting / no descriptor for a socket | tcp, ws | 2
#[test]
fn no_descriptor_for_a_socket() {
    for url in ["mqtt://127.0.0.1:9", "ws://127.0.0.1:9"] {
        let launch = launch(program(None), &device(), url).under(&["prlimit", "--nofile=4:4"]);
        assert_eq!(result(launch).0, -601, "{url}");
    }
}

// covers: Connecting / SYN without an answer | tcp, tls, ws, wss | 4
#[test]
fn defect_23_unanswered_connects_do_not_last() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback port");
    let address = listener.local_addr().expect("address");
    // Nobody accepts: when the queue of the listener is full, further SYNs stay unanswered.
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
        queue.push(stream);
    }
    over(&LISTENERS, |scheme| {
        let (code, took) = construct(&format!("{scheme}://{address}"));
        assert_eq!(code, -603, "{scheme}");
        assert_limit(took, LINK);
    });
    drop(queue);
}

// covers: Connecting / TLS handshake without an answer | tls, wss | 2
#[test]
fn defect_23_unanswered_tls_handshakes_do_not_last() {
    over(&["mqtts", "wss"], |scheme| {
        let (code, took) = construct_against(scheme, swallow);
        assert_eq!(code, -704, "{scheme}");
        assert_limit(took, LINK);
    });
}

// covers: Connecting / upgrade without an answer | ws | 1
#[test]
fn defect_23_unanswered_upgrades_do_not_last() {
    let (code, took) = construct_against("ws", swallow);
    assert_eq!(code, -11);
    assert_limit(took, UPGRADE);
}

// covers: Connecting / CONNECT without an answer | tcp, tls, ws, wss | 4
#[test]
fn defect_23_unanswered_logins_do_not_last() {
    let device = device();
    let hub = Hub::start(&[&device]);
    hub.fault(json!({"action": "drop", "packet": "connect"}));
    over(&LISTENERS, |listener| {
        let (code, took) = result(launch(program(None), &device, &hub.url(listener)).trusting(&hub));
        assert_eq!(code, -111, "{listener}");
        assert_limit(took, COMMAND_TIMEOUT);
    });
}

/// An answer that comes drop by drop does not extend the limit.
#[test]
fn defect_23_slow_upgrades_do_not_last() {
    let (code, took) = construct_against("ws", |mut stream| {
        let answer = b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: ".iter().chain(b"z".iter().cycle());
        for byte in answer {
            std::thread::sleep(Duration::from_millis(250));
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
        }
    });
    assert_eq!(code, -11);
    assert_limit(took, UPGRADE);
}

#[test]
fn tls_that_cannot_be_set_up() {
    // It is connected as far as TCP goes.
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback port");
    let url = format!("wss://{}", listener.local_addr().expect("address"));
    assert_eq!(result(launch(program(Some("no_random")), &device(), &url)).0, -701);
}

#[test]
fn servers_that_nobody_vouches_for() {
    let device = device();
    let hub = Hub::start(&[&device]);
    let (code, _) = result(launch(program(None), &device, &hub.url("wss")));
    assert_eq!(code, -702);
}

// covers: Connecting / TLS alert, and a server that does not speak TLS | tls, wss | 4
#[test]
fn tls_alerts() {
    const HANDSHAKE_FAILURE: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 40];
    over(&["mqtts", "wss"], |scheme| {
        let (code, _) = construct_against(scheme, |mut stream| {
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).expect("a record");
            stream.write_all(&HANDSHAKE_FAILURE).expect("write to the SDK");
            swallow(stream);
        });
        assert_eq!(code, -703, "{scheme}");
        // Something else than TLS is a failed handshake, too.
        let (code, _) = construct_against(scheme, |mut stream| {
            stream.write_all(b"220 mail.example ready\r\n").expect("write to the SDK");
            swallow(stream);
        });
        assert_eq!(code, -703, "{scheme}");
    });
}

#[test]
fn requests_that_cannot_be_written() {
    let device = device();
    let hub = Hub::start(&[&device]);
    for (listener, expected) in [("ws", -607), ("wss", -706), ("mqtt", -607), ("mqtts", -706)] {
        let launch = launch(program(Some("unwritable_port")), &device, &hub.url(listener));
        let (code, _) = result(launch.env("QCLOUD_IOT_CA_FILE", hub.ca_file()));
        assert_eq!(code, expected, "{listener}");
    }
}

/// Constructs against a server that answers the upgrade request with what `answer` makes of the accept value, and closes.
fn construct_with_answer(answer: impl FnOnce(&str) -> String + Send) -> i32 {
    let (code, took) = construct_against("ws", move |stream| {
        let mut connection = Connection::new(stream, Transport::WebSocket);
        let accept = connection.read_upgrade_request();
        connection.send_raw(answer(&accept).as_bytes());
        connection.close();
    });
    assert!(took <= SLACK, "{took:?}");
    code
}

// covers: Connecting / upgrade refused with a status | ws | 8
#[test]
fn refusals_have_the_codes_of_their_status() {
    let table = [
        ("401 Unauthorized", -9),
        ("403 Forbidden", -9),
        ("404 Not Found", -10),
        ("200 OK", -8),
        ("302 Found", -8),
        ("400 Bad Request", -8),
        ("500 Internal Server Error", -8),
        ("503 Service Unavailable", -8),
    ];
    for (status, expected) in table {
        let code = construct_with_answer(|_| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(code, expected, "{status}");
    }
}

// covers: Connecting / upgrade answered against the rules | ws | 6
#[test]
fn answers_against_the_rules_are_protocol_errors() {
    let switch = |accept: &str, more: &str| {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
        )
    };
    let long = format!("X-Long: {}\r\n", "z".repeat(16 * 1024));
    assert_eq!(construct_with_answer(|_| switch("AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "")), -5, "accept");
    assert_eq!(
        construct_with_answer(|accept| switch(accept, "Sec-WebSocket-Protocol: chat\r\n")),
        -5,
        "protocol"
    );
    assert_eq!(construct_with_answer(|accept| switch(accept, &long)), -5, "length");
    assert_eq!(construct_with_answer(|_| "220 mail.example ready\r\n\r\n".into()), -5, "not HTTP");
    assert_eq!(construct_with_answer(|_| "HTTP/1.1 101 Switch".into()), -3, "closed in the middle");
    assert_eq!(construct_with_answer(|_| String::new()), -3, "closed before");
}

// covers: Connecting / closed before the login | tcp, tls, ws, wss | 4
#[test]
fn connections_that_end_before_the_login() {
    let device = device();
    let hub = Hub::start(&[&device]);
    for (listener, expected) in
        [("ws", [-608, -606]), ("mqtt", [-608, -606]), ("wss", [-708; 2]), ("mqtts", [-708; 2])]
    {
        hub.fault(json!({"action": "close", "packet": "connect", "when": "before", "count": 1}));
        let launch = launch(program(None), &device, &hub.url(listener));
        let (code, _) = result(launch.env("QCLOUD_IOT_CA_FILE", hub.ca_file()));
        assert!(expected.contains(&code), "{listener}: {code}");
    }
}
