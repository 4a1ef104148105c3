//! Brokers that others wrote, on loopback, each for one test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use super::certificate::Certificate;
use super::process::Process;
use super::root;
use super::scratch::Scratch;
use super::secrets::Secrets;

/// A broker. Ends with the value.
pub struct Broker {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    /// What it prints when it listens.
    ready: &'static str,
    /// None while it is stopped.
    process: Option<Process>,
    pub port: u16,
    /// Of a listener over plain TCP.
    pub plain_port: u16,
    pub directory: Scratch,
    secrets: Secrets,
}

impl Broker {
    /// mosquitto with one listener and these further lines of configuration for it. `{dir}` in them is a directory that
    /// `prepare` may fill.
    pub fn mosquitto(listener: &str, secrets: Secrets, prepare: impl FnOnce(&Path)) -> Broker {
        let directory = Scratch::new("mosquitto");
        prepare(directory.path());
        let (port, plain_port) = (free_port(), free_port());
        // As root it would change to a user who cannot read the files here.
        let listener = listener.replace("{dir}", &directory.path().display().to_string());
        // The first listener has to be: mosquitto 2.0 does not start with nothing but WebSocket listeners.
        let text = format!(
            "user root\nallow_anonymous true\npersistence false\nlog_dest stderr\n\
             listener {plain_port} 127.0.0.1\nlistener {port} 127.0.0.1\n{listener}\n"
        );
        let config = directory.write("mosquitto.conf", text);
        let mut broker = Broker {
            name: "mosquitto",
            program: program("mosquitto"),
            arguments: vec!["-c".into(), config.display().to_string()],
            ready: " running",
            process: None,
            port,
            plain_port,
            directory,
            secrets,
        };
        broker.start();
        broker
    }

    /// mosquitto with a WebSocket listener.
    pub fn mosquitto_ws() -> Broker {
        Broker::mosquitto("protocol websockets", Secrets::default(), |_| {})
    }

    /// mosquitto with a WebSocket listener behind its own TLS.
    pub fn mosquitto_wss() -> Broker {
        let files = "protocol websockets\ncertfile {dir}/server.pem\nkeyfile {dir}/server.key";
        Broker::mosquitto(files, Secrets::default(), |directory| {
            Certificate::new(directory);
        })
    }

    /// aedes behind a WebSocket server, both for Node.js; None if they are not installed.
    pub fn aedes() -> Option<Broker> {
        let folder = root().join("tests/node");
        let port = free_port();
        let mut broker = Broker {
            name: "aedes",
            program: find("node").filter(|_| folder.join("node_modules/aedes").exists())?,
            arguments: vec![folder.join("broker.js").display().to_string(), port.to_string()],
            ready: "ready",
            process: None,
            port,
            plain_port: port,
            directory: Scratch::new("aedes"),
            secrets: Secrets::default(),
        };
        broker.start();
        Some(broker)
    }

    /// Endpoint URL with this scheme.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Starts it; after `stop` on the same port, without memory.
    pub fn start(&mut self) {
        // Standard output is what `Process` can wait for.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(&self.program);
        command.args(&self.arguments).current_dir(self.directory.path());
        let mut process = Process::start(self.name, command, self.secrets.clone());
        process.wait_for(self.ready);
        self.process = Some(process);
    }

    /// Kills it: connections break, the port refuses.
    pub fn stop(&mut self) {
        self.process = None;
    }
}

/// A port that nobody has, outside the range that the system gives to connections: a broker that was stopped gets it back.
pub fn free_port() -> u16 {
    const FIRST: u16 = 17_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below 2^16");
    (0..COUNT)
        .map(|_| FIRST + (start + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT)
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// Path of a server program.
pub fn program(name: &str) -> PathBuf {
    find(name).unwrap_or_else(|| panic!("{name} is needed; scripts/setup.sh test installs it"))
}

fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}
