//! What a message costs, in counts that do not depend on how busy the machine is: system calls, allocations, bytes,
//! instructions (`decisions.md` §8, `mqtt.md` §17). The program is that of `benches/`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::support::device::Device;
use super::support::hub::Hub;
use super::support::peer::{self, Peer, Transport};
use super::support::program::{Finished, Launch};
use super::support::sdk;

const TRANSPORTS: [&str; 3] = ["ws", "wss", "mqtt"];

/// Counts the system calls of all threads.
const COUNTING: [&str; 5] = ["strace", "-f", "-c", "-U", "calls,name"];

/// Counts of system calls by name, of all threads.
type Calls = BTreeMap<String, i64>;

/// A hub that sends a device its own messages, and the device that the programs are.
struct Desk {
    device: Device,
    hub: Hub,
}

impl Desk {
    fn new() -> Desk {
        let device = Device::key("BENCH00001", "bench");
        let hub = Hub::with(&[&device], &["echo_to_publisher = true"]);
        Desk { device, hub }
    }

    fn launch(&self, transport: &str, args: &str) -> Launch {
        let secret = self.device.secret.as_deref().unwrap_or_default();
        let launch = Launch::new(&compiled()).device(&self.device).env("BENCH_SECRET", secret);
        let launch = match transport {
            // PSK is the default of a device with a secret, but plain TCP is a transport of the hub only.
            "mqtt" => launch.env("QCLOUD_IOT_ENDPOINT", self.hub.url("mqtt")),
            listener => launch.url(&self.hub, listener),
        };
        args.split(' ').fold(launch, |launch, word| launch.arg(word))
    }

    fn run(&self, transport: &str, args: &str) -> Finished {
        let finished = self.launch(transport, args).run();
        finished.expect(0);
        finished
    }

    fn system_calls(&self, transport: &str, args: &str) -> Calls {
        let finished = self.launch(transport, args).under(&COUNTING).run();
        finished.expect(0);
        parse_calls(&finished.errors)
    }

    /// How the calls grow from the first arguments to the second.
    fn growth(&self, transport: &str, few: &str, many: &str) -> Calls {
        let mut growth = self.system_calls(transport, many);
        for (name, calls) in self.system_calls(transport, few) {
            *growth.entry(name).or_default() -= calls;
        }
        growth.retain(|_, calls| *calls != 0);
        growth
    }
}

fn compiled() -> PathBuf {
    sdk::KEY.compile("bench_ours", &["benches/ours.c", "benches/contender.c"])
}

/// The lines `<calls> <name>` of strace's table.
fn parse_calls(table: &str) -> Calls {
    let calls: Calls = table
        .lines()
        .filter_map(|line| {
            let (calls, name) = line.trim().split_once(' ')?;
            Some((name.trim().to_owned(), calls.parse().ok()?))
        })
        .filter(|(name, _)| name != "total")
        .collect();
    assert!(calls.contains_key("execve"), "no table of strace: {table}");
    calls
}

/// The value of a line `name value`.
fn result(finished: &Finished, name: &str) -> f64 {
    let values = finished.output.lines().filter_map(|line| line.split_once(' '));
    let value = values.filter(|(label, _)| *label == name).find_map(|(_, value)| value.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no result {name}: {}", finished.output))
}

fn of(calls: &Calls, name: &str) -> i64 {
    calls.get(name).copied().unwrap_or_default()
}

/// Calls of all kinds but these, gone or added.
fn others(calls: &Calls, known: &[&str]) -> i64 {
    let others = calls.iter().filter(|(name, _)| !known.contains(&name.as_str()));
    others.map(|(_, count)| count.abs()).sum()
}

#[test]
fn a_qos0_publish_is_one_system_call() {
    let desk = Desk::new();
    for transport in TRANSPORTS {
        let calls = desk.growth(transport, "publish --count 100", "publish --count 1100");
        assert_eq!(of(&calls, "sendto"), 1000, "{transport}: {calls:?}");
        // 256 masks come with one call. The wait for the acknowledgement at the end depends on the hub.
        assert!(others(&calls, &["sendto"]) < 20, "{transport}: {calls:?}");
    }
}

#[test]
fn a_message_there_and_back_is_one_write_one_wait_and_one_read() {
    let desk = Desk::new();
    for transport in ["ws", "mqtt"] {
        let calls = desk.growth(transport, "latency --count 100", "latency --count 1100");
        assert_eq!(of(&calls, "sendto"), 1000, "{transport}: {calls:?}");
        assert_eq!(of(&calls, "recvfrom"), 1000, "{transport}: {calls:?}");
        // A wait ends also where a slice of the program's Yield does.
        assert!((950..1100).contains(&of(&calls, "poll")), "{transport}: {calls:?}");
    }
}

#[test]
fn a_burst_is_one_read() {
    for transport in [Transport::WebSocket, Transport::Tcp] {
        let (few, many) = (calls_for_bursts(transport, 10), calls_for_bursts(transport, 60));
        let growth = |name| of(&many, name) - of(&few, name);
        assert_eq!(growth("recvfrom"), 50, "{transport:?}: {few:?} {many:?}");
        assert_eq!(growth("sendto"), 50 * BURST as i64, "{transport:?}: {few:?} {many:?}");
    }
}

/// Messages in a burst; each gets its acknowledgement.
const BURST: usize = 20;

/// Lets the program take bursts of QoS 1 messages, the next one when all of the last are acknowledged.
fn calls_for_bursts(transport: Transport, bursts: usize) -> Calls {
    let peer = Peer::listen(transport);
    // The program takes a hundred more than it is told.
    let measured = (bursts * BURST - 100).to_string();
    let launch = Launch::new(&compiled()).arg("receive").arg("--count").arg(&measured);
    let program = launch.env("QCLOUD_IOT_ENDPOINT", peer.url()).under(&COUNTING).start();
    let mut connection = peer.accept_session();
    let subscribe = connection.expect(peer::SUBSCRIBE);
    for burst in 0..bursts {
        let ids = burst * BURST..(burst + 1) * BURST;
        let messages = ids.map(|id| peer::publish(2, &subscribe.topic(), id as u16 + 1, b"0123456789"));
        // SUBACK comes with the first burst: whether it would be read with it is not to depend on the machine.
        let answer = (burst == 0).then(|| peer::suback(subscribe.id(), 0));
        let packets = answer.into_iter().chain(messages);
        let burst: Vec<u8> = match transport {
            Transport::WebSocket => packets.flat_map(|packet| peer::frame(0x82, &packet)).collect(),
            Transport::Tcp => packets.flatten().collect(),
        };
        connection.send_raw(&burst);
        (0..BURST).for_each(|_| drop(connection.expect(peer::PUBACK)));
    }
    connection.expect(peer::DISCONNECT);
    if transport == Transport::WebSocket {
        // The last read of the program is that of the answer, not of the end of the connection.
        connection.control_frame();
        connection.send_raw(&peer::frame(0x88, &1000u16.to_be_bytes()));
    }
    connection.wait_for_end();
    let finished = program.finish();
    finished.expect(0);
    parse_calls(&finished.errors)
}

#[test]
fn a_publish_over_websocket_is_six_bytes_longer_than_its_packet() {
    let desk = Desk::new();
    for (transport, expected) in [("ws", 131), ("mqtt", 125)] {
        let trace = ["strace", "-f", "-e", "trace=sendto"];
        let launch = desk.launch(transport, "publish --count 50 --payload 100").under(&trace);
        let finished = launch.run();
        finished.expect(0);
        let ending = format!(" = {expected}");
        let writes =
            finished.errors.lines().filter(|line| line.contains("sendto(") && line.ends_with(&ending));
        assert_eq!(writes.count(), 150, "{transport}: {}", finished.errors);
    }
}

#[test]
fn defect_37_publishing_and_receiving_allocate_nothing() {
    let desk = Desk::new();
    for transport in TRANSPORTS {
        for args in [
            "publish --qos 0 --count 2000",
            "publish --qos 1 --count 2000",
            "latency --count 2000",
            "latency --count 2000 --mode loop",
            "latency --count 2000 --payload 8000",
        ] {
            let finished = desk.run(transport, args);
            assert_eq!(result(&finished, "allocations"), 0.0, "{args} over {transport}");
        }
    }
}

#[test]
fn memory_of_large_messages_is_given_back_when_nothing_comes() {
    let desk = Desk::new();
    for transport in TRANSPORTS {
        let finished = desk.run(transport, "latency --count 100 --payload 8000");
        let given_back = result(&finished, "heap_busy") - result(&finished, "heap_quiet");
        // A buffer each for receiving, for the message in its handler, and for sending.
        assert!(given_back > 3.0 * 6000.0, "{given_back} bytes over {transport}");
    }
}

#[test]
fn a_destroyed_client_leaves_no_memory() {
    let desk = Desk::new();
    for transport in TRANSPORTS {
        let left = |args| result(&desk.run(transport, args), "heap_left");
        assert_eq!(left("connect --count 1"), left("connect --count 20"), "{transport}");
    }
}

#[test]
fn an_idle_client_sleeps_until_its_timers() {
    let desk = Desk::new();
    for transport in ["ws", "wss"] {
        for mode in ["loop", "yield"] {
            let idle = |seconds| format!("idle --seconds {seconds} --mode {mode}");
            let calls = desk.growth(transport, &idle(1), &idle(11));
            // Connecting draws letters until they fit, and how often it waits and how it ends varies a little; a client
            // that looked around twice a second would be found out.
            assert!(others(&calls, &["getrandom", "futex"]) < 16, "{mode} over {transport}: {calls:?}");
        }
    }
}

#[test]
fn a_connection_stays_within_its_memory() {
    let desk = Desk::new();
    // Over wss the hub has a chain with RSA keys, whose signatures take some 7 KiB for a moment.
    for (transport, limit) in [("ws", 8192.0), ("wss", 49_152.0), ("mqtt", 8192.0)] {
        let peak = result(&desk.run(transport, "connect"), "heap_peak");
        println!("{transport}: {peak} bytes");
        assert!(peak > 0.0 && peak <= limit, "{peak} bytes over {transport}");
    }
}

/// Whether the processor has instructions for AES and for its GCM mode.
fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    false
}

/// Instructions of one QoS 0 publish, the kernel's not counted.
fn publish_instructions(desk: &Desk, transport: &str, payload: usize) -> f64 {
    let collected = |messages| {
        let counting = [
            "valgrind",
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=IOT_MQTT_Publish",
        ];
        let launch = desk.launch(transport, &format!("publish --count {messages} --payload {payload}"));
        let finished = launch.under(&counting).run();
        finished.expect(0);
        let counted = finished.errors.lines().find_map(|line| line.split_once("Collected :"));
        let (_, count) = counted.unwrap_or_else(|| panic!("no count: {}", finished.errors));
        count.trim().parse::<f64>().expect("a number")
    };
    (collected(1100) - collected(100)) / 1000.0
}

#[test]
fn a_64_byte_publish_stays_within_its_instructions() {
    let desk = Desk::new();
    // Without AES instructions the cipher takes more than all the rest.
    let wss_limit = if has_aes() { 8000.0 } else { 20_000.0 };
    for (transport, limit) in [("ws", 2500.0), ("wss", wss_limit), ("mqtt", 1000.0)] {
        let each = publish_instructions(&desk, transport, 64);
        println!("{transport}: {each} instructions");
        assert!(each <= limit, "{each} instructions over {transport}");
    }
}

#[test]
fn a_publish_passes_over_its_payload_once() {
    let desk = Desk::new();
    let (small, large) = (64, 4096 + 64);
    // A vector of 16 bytes takes a load, a mask and a store; without a mask it is the C library that copies.
    for (transport, limit) in [("ws", 0.4), ("mqtt", 0.2)] {
        let growth =
            publish_instructions(&desk, transport, large) - publish_instructions(&desk, transport, small);
        let each = growth / (large - small) as f64;
        assert!(each > 0.0 && each <= limit, "{each} instructions per byte over {transport}");
    }
}
