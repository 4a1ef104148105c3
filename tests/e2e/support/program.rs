//! Starts C programs in a world of their own.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use super::cross;
use super::device::Device;
use super::hub::Hub;
use super::log::{self, Entry};
use super::process::{Line, Process};
use super::scratch::Scratch;
use super::secrets::Secrets;

/// How to start a program.
pub struct Launch {
    name: String,
    command: Command,
    directory: Scratch,
    secrets: Secrets,
    region: String,
    devices: Vec<(String, Device)>,
}

/// A program that was started.
pub struct Program {
    process: Process,
    /// Its working directory.
    pub directory: Scratch,
    started: Instant,
}

/// A pause in the output that counts as a stall: a little less than the half second of the original's waits.
pub const STALL: Duration = Duration::from_millis(400);

/// A program that has ended.
pub struct Finished {
    pub status: ExitStatus,
    pub entries: Vec<Entry>,
    pub output: String,
    pub errors: String,
    /// From the start to the last line.
    pub time: Duration,
    /// How often no line came for [`STALL`].
    pub stalls: usize,
}

impl Launch {
    /// In an empty directory, with an empty environment.
    pub fn new(program: &Path) -> Launch {
        let name = program.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let directory = Scratch::new(&name);
        let mut command = Command::new(program);
        command.current_dir(directory.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let launch = Launch {
            name,
            command,
            directory,
            secrets: Secrets::default(),
            region: "china".into(),
            devices: Vec::new(),
        };
        launch.under(&cross::runner().iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Runs the program under another, e.g. `valgrind`.
    pub fn under(mut self, wrapper: &[&str]) -> Launch {
        let Some((first, rest)) = wrapper.split_first() else { return self };
        let mut command = Command::new(first);
        command.args(rest).arg(self.command.get_program()).args(self.command.get_args());
        command.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.directory.path());
        self.command = command;
        self
    }

    /// Writes this device's `device_info.json`.
    pub fn device(self, device: &Device) -> Launch {
        self.device_file("device_info.json", device)
    }

    /// Writes a device file of another name.
    pub fn device_file(mut self, name: &str, device: &Device) -> Launch {
        self.devices.push((name.into(), device.clone()));
        self
    }

    /// Region of the device files; `china` otherwise.
    pub fn region(mut self, region: &str) -> Launch {
        self.region = region.into();
        self
    }

    /// Writes a file into the working directory.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Launch {
        self.directory.write(name, content);
        self
    }

    pub fn arg(mut self, arg: &str) -> Launch {
        self.command.arg(arg);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Launch {
        self.command.env(name, value);
        self
    }

    /// Sends the program to one listener of the hub by the endpoint variable, trusting the hub's authority.
    pub fn url(self, hub: &Hub, listener: &str) -> Launch {
        let url = hub.url(listener);
        self.trusting(hub).env("QCLOUD_IOT_ENDPOINT", url)
    }

    /// Trusts the hub's authority, and has its device's certificate if the hub issues one.
    pub fn trusting(self, hub: &Hub) -> Launch {
        self.issued_by(hub).env("QCLOUD_IOT_CA_FILE", hub.ca_file())
    }

    /// Lets public host names of the platform lead to the hub; the program contains `tests/c/local_names.c`.
    pub fn public_names(self, hub: &Hub) -> Launch {
        let ports = [("80", "ws"), ("443", "wss"), ("1883", "mqtt"), ("8883", "mqtts")];
        let launch = self.issued_by(hub);
        ports.into_iter().fold(launch, |launch, (port, listener)| {
            launch.env(&format!("E2E_PORT_{port}"), hub.port(listener).to_string())
        })
    }

    /// Copies the certificates that the hub has issued for the devices of this program.
    fn issued_by(mut self, hub: &Hub) -> Launch {
        for (_, device) in self.devices.iter().filter(|(_, device)| device.secret.is_none()) {
            for (file, content) in hub.issued(device) {
                if file.ends_with(".key.pem") {
                    self.secrets.add_key(&content);
                }
                self.directory.write(&format!("certs/{file}"), content);
            }
        }
        self
    }

    pub fn start(mut self) -> Program {
        for (name, device) in &self.devices {
            let file = device.file(&self.region);
            self.directory.write(name, format!("{file:#}"));
            self.secrets.add_device(device);
        }
        let started = Instant::now();
        let process = Process::start(&self.name, self.command, self.secrets);
        Program { process, directory: self.directory, started }
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Finished {
        self.start().finish()
    }
}

impl Program {
    /// The next line with this text, behind the one found last; without its line end.
    pub fn wait_for(&mut self, text: &str) -> String {
        self.process.wait_for(text).text.trim_end().to_owned()
    }

    /// Log entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        log::parse(&self.process.text())
    }

    /// Lines so far, with the time each came.
    pub fn lines(&self) -> Vec<Line> {
        self.process.lines()
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// Sends a signal by name, e.g. `INT`.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Waits for the end of the program.
    pub fn finish(mut self) -> Finished {
        let status = self.process.finish();
        self.finished(status)
    }

    /// Ends the program the hard way; for the endless ones, when all is seen.
    pub fn stop(mut self) -> Finished {
        self.process.signal("KILL");
        let status = self.process.finish();
        self.finished(status)
    }

    fn finished(self, status: ExitStatus) -> Finished {
        let output = self.process.text();
        let times: Vec<Instant> =
            [self.started].into_iter().chain(self.process.lines().iter().map(|line| line.at)).collect();
        let end = times.last().copied().unwrap_or(self.started);
        Finished {
            status,
            entries: log::parse(&output),
            output,
            errors: self.process.errors(),
            time: end - self.started,
            stalls: times.windows(2).filter(|pair| pair[1] - pair[0] >= STALL).count(),
        }
    }
}

impl Finished {
    /// Checks the exit status; shows what was printed if it is another.
    pub fn expect(&self, code: i32) -> &Finished {
        assert_eq!(self.status.code(), Some(code), "exit status\n{}{}", self.output, self.errors);
        self
    }

    /// Entries with this text.
    pub fn with(&self, text: &str) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| entry.text.contains(text)).collect()
    }
}

/// Path of a file of this workspace.
pub fn source(path: &str) -> PathBuf {
    super::root().join(path)
}
