//! Many sessions at the same time: they mostly wait for time limits.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::support::device::Device;
use crate::support::hub::Hub;
use crate::support::program::{Finished, Launch};
use crate::support::proxy::{Plan, Proxy, Record};
use crate::support::{LIMIT, sdk};

/// Sessions of one crowd at the same time, each with a device of its own.
const WIDTH: usize = 96;
/// Sessions of all crowds at the same time: tests run side by side, and a machine that is too busy breaks time limits.
static FREE_PLACES: Places = Places { free: Mutex::new(WIDTH), freed: Condvar::new() };

/// Sessions that have not connected yet: the next one starts when one of them has. So a slow or busy machine gets them as
/// it can take them.
static FREE_STARTS: Places = Places { free: Mutex::new(2), freed: Condvar::new() };

/// Command timeout of the sessions: bounds the wait for CONNACK. Many sessions at a time must not make an answer late that
/// was not delayed.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest one there is, for sessions in which nothing may go wrong. A TLS handshake has this time as well.
pub const LONGEST: Duration = Duration::from_secs(20);
/// Keep-alive K of the sessions.
pub const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// A dead link is noticed K + 2·min(5, K/2) after the last sign of life. [mqtt.md §11]
pub const DETECTION: Duration = Duration::from_secs(4);
/// Longest wait before the first attempt to reconnect. [mqtt.md §4]
pub const FIRST_WAIT: Duration = Duration::from_millis(1990);
/// TCP connect, and TLS handshake. [timeouts.md]
pub const LINK: Duration = Duration::from_secs(5);
/// HTTP upgrade. [websocket.md §4]
pub const UPGRADE: Duration = Duration::from_secs(10);
/// How much later than its limit something may happen on a busy machine.
pub const SLACK: Duration = Duration::from_secs(3);
/// For one session in all, whatever its fault: more than the longest limit and a whole session behind it.
const WHOLE: Duration = Duration::from_secs(45);

/// A hub, its devices and the program they run.
pub struct Crowd {
    hub: Hub,
    listener: &'static str,
    timeout: Duration,
    devices: Vec<Device>,
    program: PathBuf,
}

/// What became of one session.
pub struct Outcome {
    pub finished: Finished,
    /// The connections, the faulty one first.
    pub links: Vec<Record>,
    /// What the session waited for an answer at most.
    pub command_timeout: Duration,
}

impl Crowd {
    pub fn over(listener: &'static str) -> Crowd {
        Crowd::with_timeout(listener, COMMAND_TIMEOUT)
    }

    pub fn with_timeout(listener: &'static str, timeout: Duration) -> Crowd {
        allow_many_files();
        let devices: Vec<Device> =
            (0..WIDTH).map(|number| Device::key("FAULTS0001", &format!("device{number:03}"))).collect();
        let known: Vec<&Device> = devices.iter().collect();
        let hub = Hub::with(&known, &["echo_to_publisher = true"]);
        let sources = ["tests/c/fault_session.c", "tests/c/session_client.c"];
        let program = sdk::KEY.compile_with("fault_session", &sources, &["-D_GNU_SOURCE"]);
        Crowd { hub, listener, timeout, devices, program }
    }

    /// One session, alone.
    pub fn one(&self, plan: Plan) -> Outcome {
        self.session(&self.devices[0], plan)
    }

    /// One session for each plan; `check` judges each of them. Panics with what went wrong where.
    pub fn all<T: Send>(
        &self,
        jobs: Vec<(T, Plan)>,
        name: impl Fn(&T) -> String + Sync,
        check: impl Fn(&T, &Outcome) + Sync,
    ) {
        let count = jobs.len();
        let jobs = Mutex::new(VecDeque::from(jobs));
        let failures = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for device in &self.devices {
                scope.spawn(|| {
                    // In a statement of its own, which lets go of the lock.
                    loop {
                        let job = locked(&jobs).pop_front();
                        let Some((what, plan)) = job else { return };
                        let checked = catch_unwind(AssertUnwindSafe(|| {
                            let outcome = self.session(device, plan);
                            let result = catch_unwind(AssertUnwindSafe(|| check(&what, &outcome)));
                            result.inspect_err(|_| outcome.show(&name(&what)))
                        }));
                        if !matches!(checked, Ok(Ok(()))) {
                            locked(&failures).push(name(&what));
                        }
                    }
                });
            }
        });
        let failures = locked(&failures);
        assert!(failures.is_empty(), "{} of {count} sessions failed: {failures:#?}", failures.len());
    }

    fn session(&self, device: &Device, plan: Plan) -> Outcome {
        let _place = FREE_PLACES.take();
        let proxy = Proxy::start(self.hub.address(self.listener), &[plan]);
        let secret = device.secret.clone().unwrap_or_default();
        let numbers = [self.timeout, KEEP_ALIVE, WHOLE].map(|time| time.as_millis().to_string());
        let launch = Launch::new(&self.program).device(device).trusting(&self.hub);
        let launch = launch.env("QCLOUD_IOT_ENDPOINT", proxy.url(self.listener));
        let launch = launch.arg(&device.product).arg(&device.name).arg(&secret);
        let launch = numbers.iter().fold(launch, |launch, number| launch.arg(number));
        let finished = {
            let start = FREE_STARTS.take();
            let program = launch.start();
            proxy.wait("connection", LIMIT, |links| (!links.is_empty()).then_some(()));
            drop(start);
            program.finish()
        };
        // The program is gone, so all its connections are; the proxy may take a moment to see it.
        let links = proxy.wait("end of the connections", LIMIT, |links| {
            links.iter().all(|link| link.client_gone.is_some()).then(|| links.to_vec())
        });
        Outcome { finished, links, command_timeout: self.timeout }
    }
}

/// Places that sessions take, and leave when they end.
struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

struct Place<'a>(&'a Places);

impl Places {
    /// Waits for a place.
    fn take(&self) -> Place<'_> {
        let free = self.freed.wait_while(locked(&self.free), |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *locked(&self.0.free) += 1;
        self.0.freed.notify_one();
    }
}

impl Outcome {
    /// For the one who has to find out what went wrong.
    fn show(&self, name: &str) {
        let time = |at: Option<Instant>| at.zip(self.links[0].opened_at).map(|(at, opened)| at - opened);
        eprintln!("== {name}\n{}", self.finished.output);
        for link in &self.links {
            let [opened, fault, gone] = [link.opened_at, link.fault_at, link.client_gone].map(time);
            let (up, down) = (link.from_client.len(), link.from_server.len());
            eprintln!("connected {opened:?}, fault {fault:?}, given up {gone:?}, bytes {up} up, {down} down");
        }
    }

    /// Error codes of the calls of Construct, with the time each took.
    pub fn constructs(&self) -> Vec<(i32, Duration)> {
        self.lines("construct = ").map(number_and_time).collect()
    }

    /// Result of Destroy.
    pub fn destroyed(&self) -> i32 {
        self.lines("destroy = ").map(|line| number_and_time(line).0).next().expect("Destroy was called")
    }

    /// Results of Yield that a program does not expect.
    pub fn odd_yields(&self) -> Vec<&str> {
        self.lines("yield = ").collect()
    }

    /// A number of the line that says the session came through.
    pub fn told(&self, name: &str) -> u64 {
        let line = self.lines("through ").next().expect("the session came through");
        let value = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {line}"))
    }

    /// Rests of the lines with this start.
    fn lines(&self, start: &str) -> impl Iterator<Item = &str> {
        self.finished.output.lines().filter_map(move |line| line.strip_prefix(start))
    }
}

/// `-11 ms=10003`
pub fn number_and_time(line: &str) -> (i32, Duration) {
    let parts = line.split_once(" ms=").and_then(|(code, ms)| Some((code.parse().ok()?, ms.parse().ok()?)));
    let (code, ms) = parts.unwrap_or_else(|| panic!("no code and time in {line}"));
    (code, Duration::from_millis(ms))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The soft limit of open files is often 1024; a session takes eight.
fn allow_many_files() {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(u64::MAX).min(8192);
    limit.current = limit.current.map(|current| current.max(wanted));
    setrlimit(Resource::Nofile, limit).expect("setrlimit");
}
