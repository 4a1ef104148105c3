//! Links that break: at every byte, for a while, for good, before they exist.

mod broker;
mod bytes;
mod connecting;
mod crowd;
mod link;
mod memory;
mod storm;
mod stream;
mod transports;

/// What holds for a plain run, or for the full one, which may take its time.
fn by_run<T>(plain: T, full: T) -> T {
    if std::env::var_os("IOT_FULL").is_some() { full } else { plain }
}

/// Listeners of the hub and schemes of URLs.
const LISTENERS: [&str; 4] = ["mqtt", "mqtts", "ws", "wss"];

/// The test over each of these transports at the same time: most of it is waiting.
fn over<'a>(listeners: &[&'a str], test: impl Fn(&'a str) + Sync) {
    std::thread::scope(|scope| {
        for listener in listeners {
            scope.spawn(|| test(listener));
        }
    });
}
