//! A heap that gives nothing, at every call of `HAL_Malloc` of a session (docs/architecture.md, "Out of memory"): no crash,
//! no hang, no leak, and the session goes on when there is memory again.

use crate::support::device::Device;
use crate::support::hub::Hub;
use crate::support::program::Launch;
use crate::support::sdk;

/// A session for each `step`-th call of `HAL_Malloc`; the count of sessions.
fn at_each_call(listener: &str, failing: &str, step: u32) -> u32 {
    let device = Device::key("SCARCE0001", "meagre");
    let hub = Hub::with(&[&device], &["echo_to_publisher = true", "event_packets = false"]);
    let sources = ["tests/c/scarce_memory.c", "tests/c/session_client.c"];
    let program = sdk::KEY.compile_with("scarce_memory", &sources, &["-D_GNU_SOURCE"]);
    let mut launch = Launch::new(&program).device(&device).url(&hub, listener);
    let secret = device.secret.clone().expect("a key device");
    for arg in [&device.product, &device.name, &secret, failing, "1", &step.to_string()] {
        launch = launch.arg(arg);
    }
    let finished = launch.run();
    finished.expect(0);
    let summary = finished.output.lines().last().unwrap_or_default();
    let sessions = summary.strip_prefix("sessions=").and_then(|rest| rest.split(' ').next());
    let sessions = sessions.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{summary}"));
    println!("{listener}, {failing}: {summary}");
    sessions
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every call of a session | ws | more than 80 sessions
#[test]
fn every_allocation_may_fail_over_ws() {
    assert!(at_each_call("ws", "once", 1) > 40);
    assert!(at_each_call("ws", "from_then_on", 1) > 40);
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every call of a session | tcp | more than 60 sessions
#[test]
fn every_allocation_may_fail_over_tcp() {
    assert!(at_each_call("mqtt", "once", 1) > 30);
    assert!(at_each_call("mqtt", "from_then_on", 1) > 30);
}

/// Mbed TLS allocates hundreds of blocks in a handshake, so only some of them fail.
// covers: Memory / `HAL_Malloc` fails once, or from then on, at every 67th call of a session | wss | more than 80 sessions
#[test]
fn allocations_may_fail_over_wss() {
    assert!(at_each_call("wss", "once", 67) > 40);
    assert!(at_each_call("wss", "from_then_on", 67) > 40);
}
