//! Many threads on one client at the same time.

use crate::support::device::Device;
use crate::support::hub::Hub;
use crate::support::program::Launch;
use crate::support::sdk;

use super::by_run;

/// No deadlock (the program has a watchdog), and one event for each request that was accepted.
// covers: Threads / eight threads on one client, two on another, loop threads, Destroy in the middle | tcp, ws | 5 s each (full: 60 s)
#[test]
fn eight_threads_lose_no_event() {
    let seconds = by_run(5, 60);
    let ms = (seconds * 1000).to_string();
    for listener in ["mqtt", "ws"] {
        let first = Device::key("STORM00001", "first");
        let secret = first.secret.clone().expect("a key device");
        let second = Device::with_secret("STORM00001", "second", &secret);
        let hub = Hub::with(&[&first, &second], &["echo_to_publisher = true", "event_packets = false"]);
        let sources = ["tests/c/thread_storm.c", "tests/c/session_client.c"];
        let program = sdk::KEY.compile_with("thread_storm", &sources, &["-D_GNU_SOURCE"]);
        let mut launch = Launch::new(&program).device(&first).url(&hub, listener);
        for arg in [first.product.as_str(), "first", "second", &secret, &ms] {
            launch = launch.arg(arg);
        }
        let mut run = launch.start();
        // Two lines a second, or a little fewer on a busy machine.
        for _ in 0..seconds * 2 * 9 / 10 {
            run.wait_for("storm");
        }
        run.wait_for("wrong=");
        let finished = run.finish();
        finished.expect(0);
        assert!(finished.output.contains("first published="), "{}", finished.output);
        assert!(finished.output.ends_with("wrong=0\n"), "{}", finished.output);
        println!("{listener}\n{}", finished.output);
    }
}
