//! Links that go silent, links that are full, servers that are away.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::device::Device;
use crate::support::event::Query;
use crate::support::hub::Hub;
use crate::support::program::{Launch, Program};
use crate::support::proxy::Proxy;
use crate::support::{LIMIT, sdk};

use super::crowd::SLACK;
use super::{LISTENERS, over};

fn program() -> PathBuf {
    let sources = ["tests/c/link_session.c", "tests/c/session_client.c"];
    sdk::KEY.compile_with("link_session", &sources, &["-D_GNU_SOURCE"])
}

/// Likewise, with a wall clock of its own.
fn program_with_clock() -> PathBuf {
    let sources = ["tests/c/link_session.c", "tests/c/session_client.c", "tests/c/wall_clock.c"];
    sdk::KEY.compile_with("link_session-wall_clock", &sources, &["-D_GNU_SOURCE"])
}

/// The program with these times, and what it is to do; trusts the hub.
fn launch(device: &Device, hub: &Hub, url: &str, times_ms: [u32; 2], words: &[&str]) -> Launch {
    launch_of(&program(), device, hub, url, times_ms, words)
}

fn launch_of(
    program: &Path,
    device: &Device,
    hub: &Hub,
    url: &str,
    times_ms: [u32; 2],
    words: &[&str],
) -> Launch {
    let [timeout_ms, keep_alive_ms] = times_ms;
    let secret = device.secret.clone().expect("a key device");
    let launch = Launch::new(program).device(device).trusting(hub).env("QCLOUD_IOT_ENDPOINT", url);
    let launch = launch.arg(&device.product).arg(&device.name).arg(&secret);
    let launch = launch.arg(&timeout_ms.to_string()).arg(&keep_alive_ms.to_string());
    words.iter().fold(launch, |launch, word| launch.arg(word))
}

/// The number behind `name=` in a line.
fn number(line: &str, name: &str) -> i64 {
    let value = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {line}"))
}

/// K = 4 s: the loss is due K + 2·min(5, K/2) = 8 s after the last sign of life, and the next connection works.
// covers: Link / half-open: noticed K + 2·min(5, K/2) s after the last packet | tcp, tls, ws, wss | 4
#[test]
fn defect_24_half_open_link_is_not_noticed_late() {
    over(&LISTENERS, |listener| {
        let device = Device::key("LINKOPEN01", "half");
        let hub = Hub::with(&[&device], &["echo_to_publisher = true"]);
        let proxy = Proxy::start(hub.address(listener), &[]);
        let mut run = launch(&device, &hub, &proxy.url(listener), [3000, 4000], &["watch"]).start();
        run.wait_for("ready");
        proxy.swallow();
        let start = Instant::now();
        run.wait_for("lost");
        let took = start.elapsed();
        assert!(took <= Duration::from_secs(8 + 1) + SLACK, "{listener}: noticed after {took:?}");
        run.wait_for("reconnected");
        let line = run.wait_for("through ");
        assert_eq!(number(&line, "lost"), 1, "{listener}");
        run.finish().expect(0);
    });
}

/// Messages that are more than the sockets on the way hold.
const COUNT: usize = 800;
const SIZE: usize = 16 * 1024;

/// A program that has begun to publish them while the proxy leaves what it sends in its socket.
fn flood(device: &Device, hub: &Hub, proxy: &Proxy, listener: &str, timeout_ms: u32) -> Program {
    let words = ["flood", &COUNT.to_string(), &SIZE.to_string()];
    let mut run = launch(device, hub, &proxy.url(listener), [timeout_ms, 60_000], &words).start();
    run.wait_for("ready");
    proxy.hold();
    hub.publish(&device.topic("data"), "go", 0);
    run.wait_for("flooding");
    run
}

/// The peer reads nothing for 2 s while the device sends more than the sockets hold: every call waits and succeeds, and
/// everything arrives.
// covers: Link / peer that reads nothing for 2 s | tcp, tls, ws, wss | 4 times 800 messages of 16 KiB
#[test]
fn defect_22_back_pressure_fails_no_publish() {
    over(&LISTENERS, |listener| {
        let device = Device::key("LINKFULL01", "flood");
        let hub = Hub::start(&[&device]);
        let proxy = Proxy::start(hub.address(listener), &[]);
        let mut run = flood(&device, &hub, &proxy, listener, 10_000);
        // The pause is the fault itself.
        std::thread::sleep(Duration::from_secs(2));
        proxy.release();
        let line = run.wait_for("flooded ");
        assert_eq!(number(&line, "failure"), 0, "{listener}: {line}");
        let longest = number(&line, "longest_ms");
        assert!(longest >= 1000, "{listener}: no publish had to wait: the longest took {longest} ms");
        run.wait_for("through lost=0");
        run.finish().expect(0);
        let events = Query::packet("publish").device(&device).by_device().topic(&device.topic("event"));
        assert_eq!(hub.wait(&events.count(COUNT)).len(), COUNT, "{listener}");
    });
}

/// A link that stays full ends the publish at the command timeout, with its own code; Yield connects again.
// covers: Link / full for longer than the command timeout | tcp, tls, ws, wss | 4
#[test]
fn defect_22_a_full_link_ends_with_its_own_code() {
    over(&LISTENERS, |listener| {
        let expected = if ["mqtts", "wss"].contains(&listener) { -705 } else { -605 };
        let device = Device::key("LINKSTUCK1", listener);
        let hub = Hub::start(&[&device]);
        let proxy = Proxy::start(hub.address(listener), &[]);
        let mut run = flood(&device, &hub, &proxy, listener, 1000);
        let line = run.wait_for("flooded ");
        proxy.release();
        assert_eq!(number(&line, "failure"), expected, "{line}");
        let longest = number(&line, "longest_ms");
        let limit = Duration::from_millis(1000) + SLACK;
        assert!(longest >= 1000 && Duration::from_millis(longest as u64) <= limit, "{line}");
        run.wait_for("lost");
        run.wait_for("through lost=1");
        run.finish().expect(0);
    });
}

/// The server is away for several attempts, and comes back: the client does so by itself, and sleeps meanwhile.
// covers: Server / away for several attempts, back on the same port | tcp, ws, wss | 3
#[test]
fn defect_20_waiting_to_reconnect_uses_no_cpu_time() {
    over(&["mqtt", "ws", "wss"], |listener| {
        let device = Device::key("LINKAWAY01", "patient");
        let mut hub = Hub::to_be_stopped(&[&device], &["echo_to_publisher = true"]);
        let mut run = launch(&device, &hub, &hub.url(listener), [5000, 60_000], &["watch"]).start();
        run.wait_for("ready");
        hub.stop();
        run.wait_for("lost");
        let start = Instant::now();
        // 1…2 s, then 2…4 s, then 4…8 s.
        for _ in 0..3 {
            run.wait_for("attempt to reconnect");
        }
        hub.resume();
        run.wait_for("reconnected");
        let away = start.elapsed();
        assert!(
            away >= Duration::from_secs(7) && away <= LIMIT,
            "{listener}: connected again after {away:?}"
        );
        let line = run.wait_for("cpu_ms=");
        assert!(number(&line, "cpu_ms") < 200, "{listener}: {line}");
        run.wait_for("through ");
        run.finish().expect(0);
    });
}

/// Each connection of the one ends that of the other, and both get through all the same.
// covers: Server / two processes with one client id, taking over each other | tcp, tls, ws, wss | 4 pairs
#[test]
fn two_processes_with_one_client_id_both_get_through() {
    over(&LISTENERS, |listener| {
        let device = Device::key("LINKTWINS1", "twin");
        let hub = Hub::with(&[&device], &["echo_to_publisher = true"]);
        let start = || launch(&device, &hub, &hub.url(listener), [5000, 60_000], &["watch"]).start();
        let mut first = start();
        first.wait_for("ready");
        let mut second = start();
        second.wait_for("ready");
        first.wait_for("lost");
        for mut twin in [first, second] {
            twin.wait_for("through ");
            twin.finish().expect(0);
        }
    });
}

// covers: Time / the wall clock set forward by an hour, back by two, back by a second during a session | tcp, tls, ws, wss | 4 sessions, 12 jumps
#[test]
fn the_wall_clock_may_be_set_over_every_transport() {
    let program = program_with_clock();
    over(&LISTENERS, |listener| {
        let device = Device::key("LINKCLOCK1", "jumpy");
        let hub = Hub::with(&[&device], &["echo_to_publisher = true"]);
        let mut run =
            launch_of(&program, &device, &hub, &hub.url(listener), [5000, 3000], &["clock"]).start();
        let line = run.wait_for("through ");
        assert_eq!(number(&line, "lost"), 0, "{listener}");
        run.finish().expect(0);
        let pings = hub.events(&Query::packet("pingreq").device(&device));
        assert!(pings.len() >= 3, "{listener}: {} pings", pings.len());
    });
}
