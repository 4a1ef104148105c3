//! Runs `tests/c/interface_driver.c` and talks with it line by line.

use crate::support::cross;
use crate::support::peer::{Connection, LIMIT, Peer, Transport};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

/// The program of a test, with its standard streams.
pub struct Driver {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Lines that came behind the one that was waited for.
    pending: VecDeque<String>,
    log: Arc<Log>,
    /// Everything that was said, for the message of a failure.
    story: Vec<String>,
}

/// The lines of standard error, which another thread reads.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

impl Driver {
    /// Starts a program, with further arguments in front of it (such as those of valgrind).
    pub fn start(wrapper: &[&str], program: &Path) -> Driver {
        let runner = cross::runner();
        let words =
            wrapper.iter().copied().chain(runner.iter().map(String::as_str)).map(std::ffi::OsStr::new);
        let mut words = words.chain([program.as_os_str()]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The tests choose the server by URL; a setting of the developer's machine must not win.
        for name in ["QCLOUD_IOT_ENDPOINT", "http_proxy", "https_proxy", "all_proxy"] {
            command.env_remove(name);
        }
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().expect("stdout"));
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let log = Arc::new(Log::default());
        let stderr = BufReader::new(child.stderr.take().expect("stderr"));
        let writer = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                writer.lines.lock().expect("log").push(line);
                writer.grown.notify_all();
            }
        });
        let stdin = child.stdin.take();
        Driver { child, stdin, lines, pending: VecDeque::new(), log, story: Vec::new() }
    }

    /// Number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Gives a command; its answer comes in [`expect`](Self::expect).
    #[track_caller]
    pub fn send(&mut self, command: &str) {
        self.story.push(format!("<< {command}"));
        let stdin = self.stdin.as_mut().expect("open standard input");
        // In one piece: a signal that comes between two would make the driver lose the first.
        if stdin.write_all(format!("{command}\n").as_bytes()).and_then(|()| stdin.flush()).is_err() {
            self.fail("the program has ended");
        }
    }

    /// Gives a command whose next line must start with `answer`; returns that line.
    #[track_caller]
    pub fn run(&mut self, command: &str, answer: &str) -> String {
        self.send(command);
        self.expect(answer)
    }

    /// The next line, which must start with `start`.
    #[track_caller]
    pub fn expect(&mut self, start: &str) -> String {
        let line = self.line();
        if !line.starts_with(start) {
            self.fail(&format!("expected a line that starts with '{start}', got '{line}'"));
        }
        line
    }

    /// The next line.
    #[track_caller]
    pub fn line(&mut self) -> String {
        if let Some(line) = self.pending.pop_front() {
            return line;
        }
        self.fresh_line()
    }

    #[track_caller]
    fn fresh_line(&mut self) -> String {
        match self.lines.recv_timeout(LIMIT) {
            Ok(line) => {
                self.story.push(line.clone());
                line
            }
            Err(RecvTimeoutError::Timeout) => self.fail("no line in time"),
            Err(RecvTimeoutError::Disconnected) => self.fail("the program has ended"),
        }
    }

    /// Reads lines up to the first that starts with `start`; returns the lines before it and that line.
    #[track_caller]
    pub fn wait_for(&mut self, start: &str) -> (Vec<String>, String) {
        let mut before = Vec::new();
        loop {
            let line = self.line();
            if line.starts_with(start) {
                return (before, line);
            }
            before.push(line);
        }
    }

    /// Yields in short calls, each of which must return one of `codes`, until a line starts with `start`; returns
    /// the lines before it and that line. Lines behind it wait for the next [`line`](Self::line).
    #[track_caller]
    pub fn yield_until(&mut self, start: &str, codes: &[i32]) -> (Vec<String>, String) {
        let deadline = Instant::now() + LIMIT;
        let mut before = Vec::new();
        while Instant::now() < deadline {
            while let Some(line) = self.pending.pop_front() {
                if line.starts_with(start) {
                    return (before, line);
                }
                before.push(line);
            }
            self.send("yield 50");
            loop {
                let line = self.fresh_line();
                if !line.starts_with("yield = ") {
                    self.pending.push_back(line);
                    continue;
                }
                if !codes.contains(&value(&line)) {
                    self.fail(&format!("expected one of {codes:?}, got '{line}'"));
                }
                break;
            }
        }
        self.fail(&format!("no line that starts with '{start}', but {before:#?}"))
    }

    /// Whether the log has a line with this text.
    pub fn log_has(&self, text: &str) -> bool {
        self.log.lines.lock().expect("log").iter().any(|line| line.contains(text))
    }

    /// The newest line of the log that begins an entry.
    pub fn last_log_line(&self) -> String {
        let log = self.log.lines.lock().expect("log");
        log.iter().rev().find(|line| line.contains('|')).cloned().unwrap_or_default()
    }

    /// Lines in the log so far.
    pub fn log_lines(&self) -> usize {
        self.log.lines.lock().expect("log").len()
    }

    /// Waits until the log has a line with this text.
    #[track_caller]
    pub fn wait_for_log(&mut self, text: &str) {
        let is_missing = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(text));
        let lines = self.log.lines.lock().expect("log");
        let waited = self.log.grown.wait_timeout_while(lines, LIMIT, is_missing).expect("log").1;
        if waited.timed_out() {
            self.fail(&format!("no log line with '{text}'"));
        }
    }

    /// Ends the program, which must succeed and have nothing left to say.
    #[track_caller]
    pub fn finish(mut self) {
        self.send("quit");
        self.stdin = None;
        let status = self.child.wait().expect("wait for the program");
        let rest: Vec<String> = self.pending.drain(..).chain(self.lines.iter()).collect();
        if !status.success() || !rest.is_empty() {
            self.fail(&format!("{status}, unexpected lines {rest:?}"));
        }
    }

    /// Panics with all that was said so far.
    #[track_caller]
    pub fn fail(&mut self, cause: &str) -> ! {
        let status = self.child.try_wait();
        let log = self.log.lines.lock().expect("log").join("\n");
        panic!("{cause}\nstatus: {status:?}\nconversation: {:#?}\nlog:\n{log}", self.story);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself; then both calls fail, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number behind "= " in an answer.
#[track_caller]
pub fn value(line: &str) -> i32 {
    field(line, "= ").parse().unwrap_or_else(|_| panic!("no number in '{line}'"))
}

/// The word behind `name` in a line.
#[track_caller]
pub fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let (_, rest) = line.split_once(name).unwrap_or_else(|| panic!("no '{name}' in '{line}'"));
    rest.split(' ').next().unwrap_or_default()
}

/// The time that a call took, in ms. Its beginning and its end are rounded down, so it may be 1 less than it was.
#[track_caller]
pub fn took(line: &str) -> u64 {
    field(line, "ms=").parse().expect("a duration")
}

/// A connected client: server, connection, program.
pub struct Session {
    /// The server.
    pub peer: Peer,
    /// Its connection.
    pub link: Connection,
    /// The program.
    pub device: Driver,
}

impl Session {
    /// Connects a program that is already there.
    #[track_caller]
    pub fn open_with(mut device: Driver, transport: Transport, options: &str) -> Session {
        let peer = Peer::listen(transport);
        device.send(&format!("construct url={} {options}", peer.url()));
        let link = peer.accept_session();
        device.expect("construct = client");
        Session { peer, link, device }
    }

    /// Subscribes and grants the subscription; the packet id.
    #[track_caller]
    pub fn subscribe(&mut self, arguments: &str) -> u16 {
        let answer = self.device.run(&format!("subscribe {arguments}"), "subscribe = ");
        let packet = self.link.expect(crate::support::peer::SUBSCRIBE);
        assert_eq!(value(&answer), i32::from(packet.id()));
        let granted = *packet.body.last().expect("a QoS");
        self.link.send(&crate::support::peer::suback(packet.id(), granted));
        let last = if arguments.contains("noevent") { "event 3" } else { "topic-event 3" };
        self.device.yield_until(last, &[0]);
        packet.id()
    }

    /// Destroys the client, which is connected, and ends the program.
    #[track_caller]
    pub fn close(mut self) {
        self.device.send("destroy");
        self.end();
        self.device.wait_for("destroy = 0 left=0");
        self.device.finish();
    }

    /// The goodbye of the SDK: DISCONNECT, a close frame over WebSocket, the end of the connection.
    #[track_caller]
    pub fn end(&mut self) {
        let rest = self.link.wait_for_end();
        let last = rest.last().expect("a last packet");
        assert_eq!((last.first, last.body.len()), (0xe0, 0), "DISCONNECT comes last: {rest:?}");
    }
}
