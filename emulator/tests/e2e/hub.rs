//! Starts a hub on free ports and talks to its console.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_iot-hub-emulator");

/// Two key products, a certificate product, a gateway, a product of sub-devices.
pub const REGISTRY: &str = r#"
[server]
state_dir = "state"
ports = { mqtt = 0, mqtts = 0, ws = 0, wss = 0, admin = 0 }

[[product]]
id = "A1B2C3D4E5"
topics = [ { name = "alarm", perm = "pub" }, { name = "room/+/set", perm = "sub" } ]
[[device]]
product = "A1B2C3D4E5"
name = "lamp-01"
secret = "EBESExQVFhcYGRobHB0eHw=="
[[device]]
product = "A1B2C3D4E5"
name = "lamp-02"
secret = "AAECAwQFBgcICQoLDA0ODw=="
[[device]]
product = "A1B2C3D4E5"
name = "off"
secret = "AAECAwQFBgcICQoLDA0ODw=="
enabled = false

[[product]]
id = "7CN3UQ4VGT"
[[device]]
product = "7CN3UQ4VGT"
name = "test1"
secret = "c3VwZXItc2VjcmV0LWtleS0wMQ=="

[[product]]
id = "CERTDEMO01"
auth = "cert"
[[device]]
product = "CERTDEMO01"
name = "lock-1"
issue = true
[[device]]
product = "CERTDEMO01"
name = "lock-2"
issue = true

[[product]]
id = "A1B2C3D4E6"
type = "gateway"
subproducts = ["Z9Y8X7W6V5"]
[[device]]
product = "A1B2C3D4E6"
name = "gw"
secret = "AAECAwQFBgcICQoLDA0ODw=="

[[product]]
id = "Z9Y8X7W6V5"
type = "subdevice"
[[device]]
product = "Z9Y8X7W6V5"
name = "probe-7"
secret = "AAECAwQFBgcICQoLDA0ODw=="
"#;

/// A running hub; stopped when dropped.
pub struct Hub {
    child: Child,
    ports: HashMap<String, u16>,
    pub ready: Vec<String>,
    pub dir: TempDir,
}

/// A hub with the registry above.
pub fn hub() -> Hub {
    hub_with("")
}

/// A hub with the registry above and more lines before it, for options.
pub fn hub_with(options: &str) -> Hub {
    start(&format!("{options}\n{REGISTRY}"))
}

/// A hub with a registry of its own.
pub fn start(registry: &str) -> Hub {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hub.toml"), registry).unwrap();
    start_in(dir)
}

/// A hub with the files of a directory.
pub fn start_in(dir: TempDir) -> Hub {
    let (child, ready) = launch(dir.path());
    let ports = ports(&ready);
    Hub { child, ports, ready, dir }
}

/// Starts the process and waits until it is ready.
fn launch(dir: &Path) -> (Child, Vec<String>) {
    share_authorities(dir);
    serve(dir)
}

fn serve(dir: &Path) -> (Child, Vec<String>) {
    let mut child = command(dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let last = line == "ready all";
        ready.push(line);
        if last {
            break;
        }
    }
    assert_eq!(ready.last().map(String::as_str), Some("ready all"), "the hub did not start");
    (child, ready)
}

fn ports(ready: &[String]) -> HashMap<String, u16> {
    let port = |line: &String| {
        let (name, address) = line.strip_prefix("ready ")?.split_once(' ')?;
        Some((name.to_owned(), address.rsplit(':').next()?.parse().ok()?))
    };
    ready.iter().filter_map(port).collect()
}

/// Gives a new hub the authorities and issued certificates of the others: making keys is most of a hub's start.
fn share_authorities(dir: &Path) {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("authorities");
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("hub.toml"), REGISTRY).unwrap();
        let (mut first, _) = serve(&place);
        first.kill().unwrap();
        first.wait().unwrap();
        place
    });
    for part in ["state/ca", "state/devices"] {
        let place = dir.join(part);
        if place.exists() {
            continue;
        }
        std::fs::create_dir_all(&place).unwrap();
        for file in std::fs::read_dir(made.join(part)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), place.join(file.file_name())).unwrap();
        }
    }
}

/// `serve` in this directory, not started yet.
pub fn command(dir: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["serve", "--config"]).arg(dir.join("hub.toml")).env("IOT_HUB_LOG", "warn");
    command
}

impl Hub {
    pub fn port(&self, listener: &str) -> u16 {
        self.ports[listener]
    }

    pub fn state(&self, file: &str) -> PathBuf {
        self.dir.path().join("state").join(file)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills the process (SIGKILL) and starts another with the same state, on other ports.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.ready) = launch(self.dir.path());
        self.ports = ports(&self.ready);
    }

    pub fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port("admin"))
    }

    pub fn get(&self, path: &str) -> Value {
        answer(
            ureq::get(format!("{}{path}", self.admin())).config().http_status_as_error(false).build().call(),
        )
    }

    pub fn post(&self, path: &str, body: Value) -> Value {
        let request =
            ureq::post(format!("{}{path}", self.admin())).config().http_status_as_error(false).build();
        answer(request.content_type("application/json").send(body.to_string()))
    }

    pub fn delete(&self, path: &str) -> Value {
        answer(
            ureq::delete(format!("{}{path}", self.admin()))
                .config()
                .http_status_as_error(false)
                .build()
                .call(),
        )
    }

    pub fn fault(&self, spec: Value) -> u64 {
        let answer = self.post("/faults", spec);
        assert_eq!(answer["ok"], true, "{answer}");
        answer["id"].as_u64().unwrap()
    }

    pub fn publish(&self, topic: &str, payload: &str, qos: u8) -> Value {
        self.post("/publish", json!({"topic": topic, "payload": payload, "qos": qos}))
    }

    /// Number of the newest event, for asking about what follows.
    pub fn now(&self) -> u64 {
        self.get("/status")["seq"].as_u64().unwrap()
    }

    /// Waits for `count` events that match the query and returns them.
    pub fn wait(&self, query: &str, count: usize) -> Vec<Value> {
        let url = format!("{}/events?wait_ms=10000&count={count}&{query}", self.admin());
        let text = ureq::get(url).call().unwrap().into_body().read_to_string().unwrap();
        let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(events.len() >= count, "{query}: {} of {count} events: {events:#?}", events.len());
        events
    }

    /// The events there are now.
    pub fn events(&self, query: &str) -> Vec<Value> {
        let text = ureq::get(format!("{}/events?{query}", self.admin()))
            .call()
            .unwrap()
            .into_body()
            .read_to_string()
            .unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn ctl(&self, words: &[&str]) -> Output {
        Command::new(PROGRAM).args(["ctl", "--admin", &self.admin()]).args(words).output().unwrap()
    }

    /// Waits for the process to end and returns its exit status.
    pub fn exit_code(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Value {
    serde_json::from_str(&result.unwrap().into_body().read_to_string().unwrap()).unwrap()
}

/// Waits for a child, but not for ever.
pub fn finish(mut child: Child, limit: Duration) -> Output {
    let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
    let limit = limit.try_into().unwrap();
    if poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)).unwrap() == 0 {
        child.kill().unwrap();
    }
    child.wait_with_output().unwrap()
}
