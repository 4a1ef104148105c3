//! A child process whose output is read as it comes, and which never outlives its value.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::LIMIT;
use super::secrets::Secrets;

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
    secrets: Secrets,
    /// Lines that earlier waits have passed.
    passed: usize,
}

/// One line of output, with its line end, and when it came.
#[derive(Clone)]
pub struct Line {
    pub text: String,
    pub at: Instant,
}

#[derive(Default)]
struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stdout: Vec<Line>,
    stderr: String,
    ended: bool,
}

impl Output {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    /// Waits until `ready` gives something, for at most `limit`.
    fn wait<T>(&self, limit: Duration, mut ready: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        loop {
            if let Some(found) = ready(&state) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Process {
    /// Starts a command. The kernel kills the child if this thread is gone before the value is dropped.
    pub fn start(name: &str, command: Command, secrets: Secrets) -> Process {
        let mut command = watched(command);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{name} does not start: {e}"));
        let output = Arc::new(Output::default());
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let (first, second) = (Arc::clone(&output), Arc::clone(&output));
        let read_stdout = move || {
            each_line(stdout, |text| {
                let at = Instant::now();
                first.change(|state| state.stdout.push(Line { text, at }));
            });
            first.change(|state| state.ended = true);
        };
        let read_stderr =
            move || each_line(stderr, |text| second.change(|state| state.stderr.push_str(&text)));
        let readers = vec![std::thread::spawn(read_stdout), std::thread::spawn(read_stderr)];
        Process { name: name.into(), child, output, readers, secrets, passed: 0 }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line with this text, behind the one found last.
    pub fn wait_for(&mut self, text: &str) -> Line {
        let from = self.passed;
        let found = self.output.wait(LIMIT, |state| {
            let at = state.stdout.iter().skip(from).position(|line| line.text.contains(text));
            match at {
                Some(at) => Some(Ok((from + at, state.stdout.get(from + at).cloned()))),
                None => state.ended.then_some(Err("it ended before")),
            }
        });
        match found.unwrap_or(Err("there was none in time")) {
            Ok((at, Some(line))) => {
                self.passed = at + 1;
                line
            }
            Ok((_, None)) => unreachable!("the line was just there"),
            Err(why) => panic!("{}: no line with \"{text}\": {why}", self.name),
        }
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<Line> {
        self.output.state().stdout.clone()
    }

    /// Standard output so far.
    pub fn text(&self) -> String {
        self.output.state().stdout.iter().map(|line| line.text.as_str()).collect()
    }

    /// Standard error so far.
    pub fn errors(&self) -> String {
        self.output.state().stderr.clone()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by name, e.g. `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name} of {}", self.name);
    }

    /// Waits for the end of the program; it closes its output then.
    pub fn finish(&mut self) -> ExitStatus {
        if self.output.wait(2 * LIMIT, |state| state.ended.then_some(())).is_none() {
            panic!("{} does not end", self.name);
        }
        let status = self.child.wait().unwrap_or_else(|e| panic!("{}: {e}", self.name));
        self.join();
        status
    }

    /// Kills the program and waits until it is gone.
    pub fn kill(&mut self) {
        // It may have ended by itself: then there is nothing to kill.
        let _ = self.child.kill();
        if let Err(e) = self.child.wait() {
            eprintln!("{}: {e}", self.name);
        }
        self.join();
    }

    fn join(&mut self) {
        for reader in self.readers.drain(..) {
            assert!(reader.join().is_ok(), "reader of {}", self.name);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let (out, err) = (self.text(), self.errors());
        let leak = self.secrets.found_in(&out).or_else(|| self.secrets.found_in(&err));
        if std::thread::panicking() {
            eprintln!("== output of {}\n{out}== its standard error\n{err}", self.name);
        } else if let Some(what) = leak {
            panic!("{} printed {what}\n{out}{err}", self.name);
        }
    }
}

/// Adds the tie to this thread, and takes the right to set the clock from root: no test may do that.
fn watched(command: Command) -> Command {
    let mut all = Command::new("setpriv");
    all.args(["--pdeathsig", "KILL", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]);
    if !is_root() {
        all = Command::new("setpriv");
        all.args(["--pdeathsig", "KILL"]);
    }
    all.arg("--").arg(command.get_program()).args(command.get_args());
    all.env_clear();
    all.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = command.get_current_dir() {
        all.current_dir(directory);
    }
    all
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn each_line(mut from: impl BufRead, mut take: impl FnMut(String)) {
    loop {
        let mut line = Vec::new();
        match from.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => take(String::from_utf8_lossy(&line).into_owned()),
        }
    }
}
