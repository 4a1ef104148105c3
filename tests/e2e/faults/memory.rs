//! A heap that gives nothing, at every call of `HAL_Malloc` of a session (docs/architecture.md, "Out of memory"): no crash,
//! no hang, no leak, and the session goes on when there is memory again.

use crate::interface::programs::{CHECKED, has_valgrind};
use crate::support::device::Device;
use crate::support::hub::Hub;
use crate::support::program::{Finished, Launch};
use crate::support::sdk::{self, Config};
use serde_json::json;

/// Of `tests/c/scarce_gateway.c`.
const SUB_PRODUCT: &str = "Z9Y8X7W6V5";
const SUB_SECRET: &str = "MDEyMzQ1Njc4OTo7PD0+Pw==";

/// One program, its device and its hub.
struct Scarce<'a> {
    config: &'a Config,
    /// File in `tests/c`, which stands beside `scarce_heap.c`.
    program: &'a str,
    device: &'a Device,
    hub: &'a Hub,
    listener: &'a str,
    /// What stands behind the identity.
    args: Vec<&'a str>,
    wrapper: &'a [&'a str],
}

impl<'a> Scarce<'a> {
    fn new(
        config: &'a Config,
        program: &'a str,
        device: &'a Device,
        hub: &'a Hub,
        listener: &'a str,
    ) -> Self {
        Scarce { config, program, device, hub, listener, args: Vec::new(), wrapper: &[] }
    }

    /// A session for each `step`-th call of `HAL_Malloc`; their count.
    fn sessions(&self, failing: &str, step: u32) -> u32 {
        let finished = self.run(failing, step);
        finished.expect(0);
        let summary =
            finished.output.lines().rfind(|line| line.starts_with("please stop ")).unwrap_or_default();
        let count = summary.split("sessions=").nth(1).and_then(|rest| rest.split(' ').next());
        let count =
            count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{}", finished.output));
        println!(
            "{} {} {} {failing}: {summary} s={:.1}",
            self.program,
            self.listener,
            self.args.join(" "),
            finished.time.as_secs_f64()
        );
        count
    }

    /// Runs the program and does what it asks for.
    fn run(&self, failing: &str, step: u32) -> Finished {
        let sources = [self.program, "scarce_heap", "session_client"].map(|name| format!("tests/c/{name}.c"));
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        let program = self.config.compile_with(self.program, &sources, &["-D_GNU_SOURCE"]);
        let device = self.device;
        let mut launch =
            Launch::new(&program).device(device).url(self.hub, self.listener).under(self.wrapper);
        let files = format!("certs/{}_{}", device.product, device.name);
        let secret = device.secret.as_deref().unwrap_or(&files);
        let step = step.to_string();
        let identity = [device.product.as_str(), &device.name, secret];
        for arg in identity.iter().chain(&self.args).chain(&[failing, "1", &step]) {
            launch = launch.arg(arg);
        }
        let mut running = launch.start();
        loop {
            let line = running.wait_for("please ");
            let wish =
                line.rsplit("please ").next().unwrap_or_default().split(' ').next().unwrap_or_default();
            if wish == "stop" {
                return running.finish();
            }
            self.grant(wish);
        }
    }

    /// What the console does. It may come to nothing, if the device has no memory for it: then it asks again.
    fn grant(&self, wish: &str) {
        let large = "x".repeat(2500);
        match wish {
            "broadcast" => drop(self.hub.broadcast(&self.device.product, &large, 1)),
            "call" => drop(self.hub.rrpc_within(self.device, &large, Some(400))),
            "push" => drop(self.hub.config_push_to(self.device)),
            "desire" => {
                // Something else each time, or there would be no delta.
                let number = self.hub.newest();
                let desired = json!({"text": format!("{large}{number}")});
                self.hub.shadow_set_desired(self.device, desired);
            }
            "search" => {
                let more: Vec<Device> = (100..140).map(sub_device).collect();
                let more: Vec<&Device> = more.iter().collect();
                self.hub.gateway_bind(self.device, &more);
                self.hub.gateway_unbind(self.device, &more);
                self.hub.gateway_search(self.device, true);
            }
            "wait" => {}
            wish => panic!("please {wish}"),
        }
    }
}

/// Which calls fail: in a plain run, and in the full run.
fn step(plain: u32, full: u32) -> u32 {
    if std::env::var_os("IOT_FULL").is_some() { full } else { plain }
}

fn sub_device(number: u32) -> Device {
    Device::with_secret(SUB_PRODUCT, &format!("probe-{number}"), SUB_SECRET)
}

fn device() -> Device {
    Device::key("SCARCE0001", "meagre")
}

fn hub(device: &Device) -> Hub {
    Hub::with(&[device], &["echo_to_publisher = true", "event_packets = false"])
}

/// With a configuration for the product.
fn configured(device: &Device) -> Hub {
    let hub = hub(device);
    hub.config_set(&device.product, json!({"text": "x".repeat(2500)}));
    hub.config_enable(&device.product);
    hub
}

/// Runs the sessions where one call fails beside those where all fail from there on, each with a hub of its own.
#[track_caller]
fn both_ways(least: u32, sessions: impl Fn(&str) -> u32 + Sync) {
    let counts = std::thread::scope(|scope| {
        let once = scope.spawn(|| sessions("once"));
        [sessions("from_then_on"), once.join().expect("the sessions where one call fails")]
    });
    assert!(counts.iter().all(|&count| count > least), "{counts:?}");
}

/// What `tests/c/scarce_memory.c` does.
fn a_session(config: &Config, device: &Device, listener: &str, failing: &str, step: u32) -> u32 {
    Scarce::new(config, "scarce_memory", device, &hub(device), listener).sessions(failing, step)
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every call of a session | ws | more than 80 sessions
#[test]
fn every_allocation_may_fail_over_ws() {
    both_ways(40, |failing| a_session(&sdk::KEY, &device(), "ws", failing, 1));
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every call of a session | tcp | more than 60 sessions
#[test]
fn every_allocation_may_fail_over_tcp() {
    both_ways(30, |failing| a_session(&sdk::KEY, &device(), "mqtt", failing, 1));
}

/// Mbed TLS allocates thousands of blocks in a handshake, so only some of them fail in a plain run.
// covers: Memory / `HAL_Malloc` fails once, or from then on, at every 67th call of a session (full: every 7th) | wss | more than 80 sessions (full: 1,900)
#[test]
fn allocations_may_fail_over_wss() {
    both_ways(40, |failing| a_session(&sdk::KEY, &device(), "wss", failing, step(67, 7)));
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every 167th call (full: every 31st) of a certificate device | wss | more than 30 sessions
#[test]
fn allocations_of_a_certificate_device_may_fail() {
    let device = Device::cert("SCARCE0001", "meagre");
    both_ways(15, |failing| a_session(&sdk::CERT, &device, "wss", failing, step(167, 31)));
}

/// What `tests/c/scarce_life.c` does.
fn a_life(listener: &str, thread: &str, failing: &str, step: u32) -> u32 {
    let device = device();
    let hub = hub(&device);
    let mut scarce = Scarce::new(&sdk::KEY, "scarce_life", &device, &hub, listener);
    scarce.args = vec![thread];
    scarce.sessions(failing, step)
}

// Each of these sessions waits a second for its first attempt.

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every 7th call (full: every call) of a loop thread that mends a loss; no thread at the first attempt, never a lock, a semaphore or a waiter | ws | more than 8 sessions (full: 60)
#[test]
fn allocations_of_a_loop_thread_may_fail() {
    both_ways(4, |failing| a_life("ws", "loop", failing, step(7, 1)));
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every 7th call (full: every call) of a loss that Yield mends | ws | more than 8 sessions (full: 50)
#[test]
fn allocations_of_a_reconnect_may_fail() {
    both_ways(3, |failing| a_life("ws", "yield", failing, step(7, 1)));
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every 907th call (full: every 301st) of a loss that Yield mends | wss | more than 12 sessions (full: 40)
#[test]
fn allocations_of_a_reconnect_over_tls_may_fail() {
    both_ways(6, |failing| a_life("wss", "yield", failing, step(907, 301)));
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every call of broadcast, RRPC, remote configuration and time, with documents of 2.5 KB | ws | more than 40 sessions
#[test]
fn allocations_of_small_services_may_fail() {
    both_ways(20, |failing| {
        let device = device();
        let hub = configured(&device);
        Scarce::new(&sdk::KEY, "scarce_services", &device, &hub, "ws").sessions(failing, 1)
    });
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every call of a shadow, with documents of 2.5 KB | ws | more than 100 sessions
#[test]
fn allocations_of_a_shadow_may_fail() {
    both_ways(50, |failing| {
        let device = device();
        Scarce::new(&sdk::KEY, "scarce_shadow", &device, &hub(&device), "ws").sessions(failing, 1)
    });
}

/// The loss counts from where the sub-device is online: each session waits a second for its first attempt.
// covers: Memory / `HAL_Malloc` fails once, or from then on, at every 11th call (full: every call) of a gateway whose connection is lost | ws | more than 10 sessions (full: 100)
#[test]
fn allocations_of_a_gateway_that_comes_back_may_fail() {
    both_ways(5, |failing| a_gateway("loss", failing, step(11, 1)));
}

// covers: Memory / `HAL_Malloc` fails once, or from then on, at every third call (full: every call) of a gateway with 40 sub-devices | ws | more than 100 sessions (full: 300)
#[test]
fn allocations_of_a_gateway_may_fail() {
    both_ways(50, |failing| a_gateway("calm", failing, step(3, 1)));
}

/// What `tests/c/scarce_gateway.c` does.
fn a_gateway(life: &str, failing: &str, step: u32) -> u32 {
    let gateway = device();
    let subs: Vec<Device> = (0..41).chain(100..140).map(sub_device).collect();
    let bound: Vec<String> = subs.iter().skip(1).take(40).map(Device::id).collect();
    let (id, bind) = (gateway.id(), format!("bind = {bound:?}"));
    let kind = format!("type = \"gateway\"\nsubproducts = [{SUB_PRODUCT:?}]");
    let lines = [
        (gateway.product.as_str(), kind.as_str()),
        (SUB_PRODUCT, "type = \"subdevice\""),
        (id.as_str(), bind.as_str()),
    ];
    let devices: Vec<&Device> = [&gateway].into_iter().chain(&subs).collect();
    let hub = Hub::with_lines(&devices, &["echo_to_publisher = true", "event_packets = false"], &lines);
    let mut scarce = Scarce::new(&sdk::KEY, "scarce_gateway", &gateway, &hub, "ws");
    scarce.args = vec![life];
    scarce.sessions(failing, step)
}

// covers: Memory / a lock, a semaphore and a thread of the port without memory | - | 3
#[test]
fn objects_of_the_port_may_fail() {
    let program = sdk::KEY.compile_with("scarce_port", &["tests/c/scarce_port.c"], &["-D_GNU_SOURCE"]);
    Launch::new(&program).run().expect(0);
}

/// The balance of blocks is looked at in every session; this looks inside them.
#[test]
fn valgrind_finds_nothing_when_allocations_fail() {
    if !has_valgrind() {
        eprintln!("left out: valgrind is not installed");
        return;
    }
    let device = device();
    let hub = configured(&device);
    for (program, step) in [("scarce_memory", 9), ("scarce_services", 13), ("scarce_shadow", 13)] {
        let mut scarce = Scarce::new(&sdk::KEY, program, &device, &hub, "ws");
        scarce.wrapper = &CHECKED;
        assert!(["once", "from_then_on"].iter().all(|failing| scarce.sessions(failing, step) > 3));
    }
}
