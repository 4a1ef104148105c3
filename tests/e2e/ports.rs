//! The reference session on other ports than ours: one function replaced, all of them, and no more than are needed.
//! [hal.md §§1, 2; build.md "Porting"]

use std::path::PathBuf;

use crate::session::{MESSAGE, Transport, script, script_of_program, script_on_port};
use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::{Finished, Launch};
use crate::support::sdk::{self, Config};

/// A whole port over the system's sockets and OpenSSL.
pub const FULL_PORT: [&str; 4] = [
    "tests/c/port_minimal.c",
    "tests/c/port_sockets.c",
    "tests/c/port_tls_openssl.c",
    "tests/c/port_programs.c",
];
pub const OPENSSL: [&str; 2] = ["-lssl", "-lcrypto"];

const SESSION: &str = "tests/c/port_session.c";
const LOCAL_NAMES: &str = "tests/c/local_names.c";

fn device() -> Device {
    Device::key("7CN3UQ4VGT", "test1")
}

/// The session program, with the message of the console when it has published its own.
fn run(launch: Launch, hub: &Hub, device: &Device) -> Finished {
    let launch = launch.arg(&device.product).arg(&device.name);
    let launch = match &device.secret {
        Some(secret) => launch.arg(secret),
        None => device.pem_files().iter().fold(launch, |launch, file| launch.arg(&format!("certs/{file}"))),
    };
    let mut program = launch.start();
    program.wait_for("publish success");
    assert_eq!(hub.publish(&device.topic("data"), MESSAGE, 0), 1);
    let finished = program.finish();
    finished.expect(0);
    finished
}

/// Against the hub under the platform's names.
fn at_public_name(program: PathBuf, transport: Transport, device: &Device) -> Finished {
    let hub = Hub::start(&[device]);
    let finished = run(Launch::new(&program).device(device).public_names(&hub), &hub, device);
    script_on_port("port_session.c", transport, device, &transport.public_host(device))
        .check(&finished.entries);
    finished
}

/// Against a listener of the hub, by URL.
fn at_url(program: PathBuf, listener: &str, transport: Transport, device: &Device) -> Finished {
    let hub = Hub::start(&[device]);
    let finished = run(Launch::new(&program).device(device).url(&hub, listener), &hub, device);
    let address = ("127.0.0.1".into(), hub.port(listener));
    script_on_port("port_session.c", transport, device, &address).check(&finished.entries);
    finished
}

/// One function replaced, the others ours; how often it was called.
fn with_one_function(name: &str, config: &Config, transport: Transport) -> (Finished, u64) {
    let device = device();
    let hub = Hub::start(&[&device]);
    let sources = [SESSION, LOCAL_NAMES, "tests/c/port_one_function.c"];
    let program = config.compile_with(
        &format!("port_session-{name}"),
        &sources,
        &["-D_GNU_SOURCE", &format!("-DREPLACE_{name}")],
    );
    let launch = Launch::new(&program).device(&device).trusting(&hub).public_names(&hub);
    let finished = run(launch, &hub, &device);
    script_of_program("port_session.c", transport, &device).check(&finished.entries);
    let calls = finished.errors.lines().find_map(|line| line.strip_prefix("calls=")?.parse().ok());
    let calls = calls.unwrap_or_else(|| panic!("no count of calls\n{}", finished.errors));
    (finished, calls)
}

#[test]
fn malloc_alone_is_replaced() {
    let (_, calls) = with_one_function("MALLOC", &sdk::KEY, Transport::Wss);
    // The session and the TLS of our port, which asks for its memory by the same name.
    assert!(calls > 100, "{calls} calls");
}

#[test]
fn printf_alone_is_replaced() {
    let (finished, calls) = with_one_function("PRINTF", &sdk::KEY, Transport::Wss);
    assert_eq!(calls as usize, finished.entries.len(), "one call for each line");
}

#[test]
fn tcp_write_alone_is_replaced_and_writes_in_parts() {
    let (_, calls) = with_one_function("TCP_WRITE", &sdk::KEY_PLAIN, Transport::Ws);
    // The upgrade alone has more than 200 bytes.
    assert!(calls > 50, "{calls} calls of at most ten bytes");
}

#[test]
fn the_time_of_log_lines_alone_is_replaced() {
    let (finished, calls) = with_one_function("TIMER_CURRENT", &sdk::KEY_PLAIN, Transport::Ws);
    assert_eq!(calls as usize, finished.entries.len(), "one call for each line");
    let marked = finished.output.lines().filter(|line| line.contains("|2031-02-03 04:05:06|")).count();
    assert_eq!(marked, finished.entries.len(), "{}", finished.output);
}

fn on_full_port(config: &Config) -> PathBuf {
    let sources: Vec<&str> = [SESSION, LOCAL_NAMES].into_iter().chain(FULL_PORT).collect();
    config.compile_on_port("port_session-full", &sources, &OPENSSL)
}

#[test]
fn a_complete_port_in_c_serves_a_session_over_wss() {
    at_public_name(on_full_port(&sdk::KEY), Transport::Wss, &device());
}

#[test]
fn a_complete_port_in_c_serves_a_session_over_ws() {
    at_url(on_full_port(&sdk::KEY), "ws", Transport::Ws, &device());
}

#[test]
fn a_complete_port_in_c_serves_a_session_over_tcp() {
    at_url(on_full_port(&sdk::KEY), "mqtt", Transport::Mqtt, &device());
}

#[test]
fn a_complete_port_in_c_serves_a_session_with_a_pre_shared_key() {
    at_public_name(on_full_port(&sdk::KEY_TCP), Transport::Mqtts, &device());
}

#[test]
fn a_complete_port_in_c_serves_a_certificate_device() {
    at_public_name(on_full_port(&sdk::CERT), Transport::Wss, &Device::cert("CERTDEMO01", "lock1"));
}

/// Its verification of a server that is named by URL is the port's: with the right authority, and without.
#[test]
fn a_complete_port_in_c_verifies_the_server() {
    let device = device();
    let program = on_full_port(&sdk::KEY);
    at_url(program.clone(), "wss", Transport::Wss, &device);
    let (hub, stranger) = (Hub::start(&[&device]), Hub::start(&[&device]));
    let launch = Launch::new(&program).device(&device).url(&hub, "wss");
    let launch = launch.env("QCLOUD_IOT_CA_FILE", stranger.ca_file());
    let secret = device.secret.as_deref().unwrap_or_default();
    let finished = launch.arg(&device.product).arg(&device.name).arg(secret).run();
    finished.expect(1);
    assert_eq!(
        hub.events(&Query::kind("connect")).len(),
        0,
        "nothing was said to a server that did not verify"
    );
}

/// Without threads, with the functions that the original's core needs and no other: not even HAL_SleepMs.
fn minimal() -> PathBuf {
    let sources = [SESSION, LOCAL_NAMES, "tests/c/port_minimal.c", "tests/c/port_sockets.c"];
    sdk::KEY_PLAIN_NO_THREADS.compile_on_port("port_session-minimal", &sources, &[])
}

#[test]
fn a_minimal_port_serves_a_session_over_ws() {
    at_public_name(minimal(), Transport::Ws, &device());
}

#[test]
fn a_minimal_port_serves_a_session_over_tcp() {
    at_url(minimal(), "mqtt", Transport::Mqtt, &device());
}

fn run_beyond_2038(name: &str, now: &str) {
    let device = device();
    let hub = Hub::start(&[&device]);
    let program = sdk::KEY_PLAIN.compile_with(
        &format!("port_session-{name}"),
        &[SESSION, LOCAL_NAMES, "tests/c/port_2038.c"],
        &["-D_GNU_SOURCE", &format!("-DNOW={now}")],
    );
    let finished = run(Launch::new(&program).device(&device).public_names(&hub), &hub, &device);
    script_of_program("port_session.c", Transport::Ws, &device).check(&finished.entries);
}

#[test]
fn a_session_in_the_year_2100() {
    run_beyond_2038("2100", "4102444800L");
}

/// What a `long` of 32 bits makes of 2039.
#[test]
fn a_session_with_a_clock_that_has_wrapped_in_2038() {
    run_beyond_2038("wrapped", "-2117514496L");
}

#[test]
fn timers_keep_to_their_structure() {
    let program =
        sdk::KEY_PLAIN.compile_with("timer_layout", &["tests/c/timer_layout.c"], &["-D_GNU_SOURCE"]);
    let finished = Launch::new(&program).run();
    finished.expect(0);
    // With a cross compiler also: 32 bits, 32 bits with 64-bit time, musl.
    let sizes: &[&str] = match std::env::var_os("IOT_CROSS_CC") {
        None => &["timer=16 time_t=8 long=8"],
        Some(_) => &[
            "timer=16 time_t=8 long=8",
            "timer=8 time_t=4 long=4",
            "timer=16 time_t=8 long=4",
            "timer=8 time_t=8 long=8",
        ],
    };
    let is_known = sizes.iter().any(|sizes| finished.output.contains(&format!("{sizes} failures=0")));
    assert!(is_known, "{}", finished.output);
}

/// Defect 36 with every kind of connection: two thousand descriptors are open before the program begins.
fn with_many_descriptors(config: &Config, transport: Transport, device: &Device) {
    let hub = Hub::start(&[device]);
    let sources = ["c_samples/mqtt_sample/mqtt_sample.c", LOCAL_NAMES, "tests/c/many_descriptors.c"];
    let program = config.compile_with("mqtt_sample-high", &sources, &["-D_GNU_SOURCE"]);
    let finished = Launch::new(&program).device(device).trusting(&hub).public_names(&hub).run();
    finished.expect(0);
    script(transport, device).check(&finished.entries);
}

#[test]
fn defect_36_descriptors_above_1024_over_wss() {
    with_many_descriptors(&sdk::KEY, Transport::Wss, &device());
}

#[test]
fn defect_36_descriptors_above_1024_over_tls() {
    with_many_descriptors(&sdk::KEY_TCP, Transport::Mqtts, &device());
}

#[test]
fn defect_36_descriptors_above_1024_with_a_certificate() {
    with_many_descriptors(&sdk::CERT, Transport::Wss, &Device::cert("CERTDEMO01", "lock1"));
}

/// Clients in one process: two thousand in the full run.
fn many_clients(listener: &str) {
    let count: u64 = if std::env::var_os("IOT_FULL").is_some() { 2000 } else { 100 };
    let secret = device().secret.unwrap_or_default();
    let devices: Vec<Device> =
        (0..count).map(|number| Device::with_secret("MANY000001", &format!("d{number}"), &secret)).collect();
    let hub = Hub::with(
        &devices.iter().collect::<Vec<_>>(),
        &["echo_to_publisher = true", "event_packets = false"],
    );
    let program =
        sdk::KEY_PLAIN.compile_with("many_clients", &["tests/c/many_clients.c"], &["-D_GNU_SOURCE"]);
    let mut launch = Launch::new(&program).device(&devices[0]);
    for arg in [hub.url(listener).as_str(), "MANY000001", &count.to_string(), &secret] {
        launch = launch.arg(arg);
    }
    let finished = launch.run();
    finished.expect(0);
    // A socket each, and what wakes its reader.
    let expected = format!(
        "connected={count} descriptors={}\nexchanged={count}\ndestroyed={count} left_descriptors=0 left_blocks=0\n",
        2 * count
    );
    assert_eq!(finished.output, expected, "{}", finished.errors);
}

#[test]
fn many_clients_in_one_process_over_ws() {
    many_clients("ws");
}

#[test]
fn many_clients_in_one_process_over_tcp() {
    many_clients("mqtt");
}
