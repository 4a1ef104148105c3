//! `hal_conformance`, the program that checks a port: it passes good ports, and finds the mistakes of broken ones.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ports::{FULL_PORT, OPENSSL};
use crate::support::build_dir;
use crate::support::hub;
use crate::support::process::Process;
use crate::support::program::{Finished, Launch};
use crate::support::sdk::{self, Config};
use crate::support::secrets::Secrets;

/// The other side of the program.
struct Peer {
    _process: Process,
    port: String,
    certificate: String,
    key: String,
}

impl Peer {
    fn start() -> Peer {
        let state = build_dir().join("conformance");
        std::fs::create_dir_all(&state).unwrap_or_else(|e| panic!("{}: {e}", state.display()));
        // The first one makes the keys, which takes its time.
        let lock = File::create(state.join("lock")).expect("a lock");
        lock.lock().expect("the lock");
        let mut command = Command::new(hub::binary());
        command.args(["conformance-peer", "--port", "0", "--state-dir"]).arg(&state);
        let mut process = Process::start("conformance-peer", command, Secrets::default());
        let mut told = |name: &str| {
            let line = process.wait_for(&format!("ready {name} ")).text;
            line.trim_end().rsplit(' ').next().unwrap_or_default().to_owned()
        };
        let (address, certificate, key) = (told("plain"), told("certificate"), told("key"));
        let port = address.rsplit(':').next().unwrap_or_default().to_owned();
        Peer { _process: process, port, certificate, key }
    }

    /// Runs a program against it. On a busy machine much may be late by a second.
    fn check(&self, program: &Path, options: &[&str]) -> Finished {
        let mut launch = Launch::new(program);
        let usual =
            ["-p", &self.port, "-s", "1000", "-d", "identity", "-e", &self.certificate, "-k", &self.key];
        for option in usual.iter().chain(options) {
            launch = launch.arg(option);
        }
        launch.run()
    }
}

/// Names of the functions with a verdict.
fn verdicts<'a>(finished: &'a Finished, verdict: &str) -> Vec<&'a str> {
    let rest = finished.output.lines().filter_map(|line| line.strip_prefix(verdict)?.split_once(": "));
    rest.map(|(name, _)| name).collect()
}

/// All is well, and so much was looked at.
fn passes(program: &Path, functions: &[&str], left_out: &[&str]) {
    let finished = Peer::start().check(program, &[]);
    finished.expect(0);
    let good = verdicts(&finished, "ok ");
    for function in functions {
        assert!(good.contains(function), "no verdict on {function}\n{}", finished.output);
    }
    let clock = ["HAL_Printf", "HAL_Timer_set_systime_sec", "HAL_Timer_set_systime_ms"];
    let mut expected: Vec<&str> = clock.iter().chain(left_out).copied().collect();
    let mut found = verdicts(&finished, "left out ");
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "{}", finished.output);
    let printed = finished.output.lines().filter(|line| *line == "HAL_Printf says: -1 2 03 %").count();
    assert_eq!(printed, 1, "{}", finished.output);
    let summary = format!("{} functions left out", found.len());
    assert!(
        finished.output.contains(", 0 failed, ") && finished.output.contains(&summary),
        "{}",
        finished.output
    );
}

const BASICS: [&str; 12] = [
    "HAL_Malloc",
    "HAL_Free",
    "HAL_Vsnprintf",
    "HAL_Timer_init",
    "HAL_Timer_remain",
    "HAL_Timer_current",
    "HAL_GetTimeMs",
    "HAL_MutexLock",
    "HAL_htonl",
    "HAL_GetDevInfo",
    "HAL_TCP_Read",
    "HAL_TCP_Write",
];
const TLS: [&str; 4] = ["HAL_TLS_Connect", "HAL_TLS_Disconnect", "HAL_TLS_Read", "HAL_TLS_Write"];
const FAST: [&str; 4] = ["HAL_Waiter_Sleep", "HAL_TCP_Serves", "HAL_TCP_Open", "HAL_TCP_ReadAvailable"];
const FAST_TLS: [&str; 4] =
    ["HAL_TLS_Serves", "HAL_TLS_Open", "HAL_TLS_ReadAvailable", "HAL_TLS_FreeSession"];
const KEYS: [&str; 4] = [
    "HAL_TLS_Get_PrivateKey_FromFile",
    "HAL_TLS_Get_RSASHA256_Result_Len",
    "HAL_TLS_Calc_Sign_RSASHA256",
    "HAL_TLS_Calc_SHA256",
];

#[test]
fn our_port_passes() {
    let all = [&BASICS[..], &TLS, &FAST, &FAST_TLS, &["HAL_ThreadCreate", "HAL_SemaphoreWait"]].concat();
    passes(&sdk::KEY.sample("hal_conformance"), &all, &KEYS);
}

#[test]
fn our_port_passes_for_certificate_devices() {
    let all = [&BASICS[..], &TLS, &FAST, &FAST_TLS, &KEYS].concat();
    passes(&sdk::CERT.sample("hal_conformance"), &all, &[]);
}

#[test]
fn our_port_passes_without_tls() {
    passes(&sdk::KEY_PLAIN.sample("hal_conformance"), &[&BASICS[..], &FAST].concat(), &[]);
}

#[test]
fn our_port_passes_without_threads() {
    let all = [&BASICS[..], &TLS, &FAST, &FAST_TLS, &["HAL_SleepMs"]].concat();
    passes(&sdk::NO_THREADS.sample("hal_conformance"), &all, &KEYS);
}

/// The sources of the program.
fn sources() -> Vec<String> {
    let directory = crate::support::root().join("c_samples/hal_conformance");
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut sources: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    sources.sort();
    sources
}

fn on_port(config: &Config, name: &str, port: &[&str], libraries: &[&str]) -> PathBuf {
    let own = sources();
    let all: Vec<&str> = own.iter().map(String::as_str).chain(port.iter().copied()).collect();
    config.compile_on_port(name, &all, libraries)
}

#[test]
fn a_complete_port_in_c_passes() {
    let program = on_port(&sdk::KEY, "hal_conformance-full", &FULL_PORT, &OPENSSL);
    passes(&program, &[&BASICS[..], &TLS, &KEYS].concat(), &[&FAST[..], &FAST_TLS].concat());
}

#[test]
fn a_complete_port_in_c_passes_for_certificate_devices() {
    let program = on_port(&sdk::CERT, "hal_conformance-full", &FULL_PORT, &OPENSSL);
    passes(&program, &[&BASICS[..], &TLS, &KEYS].concat(), &[&FAST[..], &FAST_TLS].concat());
}

/// What it does not have is left out; what it has passes.
#[test]
fn a_minimal_port_passes() {
    let port = ["tests/c/port_minimal.c", "tests/c/port_sockets.c"];
    let program = on_port(&sdk::KEY_PLAIN_NO_THREADS, "hal_conformance-minimal", &port, &[]);
    let finished = Peer::start().check(&program, &[]);
    finished.expect(0);
    let (good, missing) = (verdicts(&finished, "ok "), verdicts(&finished, "left out "));
    assert!(good.contains(&"HAL_TCP_Read") && good.contains(&"HAL_Timer_expired"), "{}", finished.output);
    assert!(missing.contains(&"HAL_SleepMs") && missing.contains(&"HAL_GetDevInfo"), "{}", finished.output);
}

#[test]
fn without_a_peer_the_program_fails_and_says_why() {
    let launch = Launch::new(&sdk::KEY_PLAIN.sample("hal_conformance"));
    // Port 9: nothing listens there.
    let finished = launch.arg("-p").arg("9").arg("-o").arg("HAL_TCP_").run();
    finished.expect(1);
    let lines: Vec<&str> = finished.output.lines().collect();
    assert!(lines.contains(&"FAIL HAL_TCP_Connect: peer: no connection to it, or no answer"), "{lines:#?}");
    assert!(lines.contains(&"FAIL HAL_TCP_Read: connection to the peer: none"), "{lines:#?}");
}

/// A mistake of `tests/c/port_broken.c`, the functions that have it, and a verdict that must be there.
struct Mistake {
    name: &'static str,
    functions: &'static [&'static str],
    verdict: &'static str,
}

const fn mistake(name: &'static str, functions: &'static [&'static str], verdict: &'static str) -> Mistake {
    Mistake { name, functions, verdict }
}

/// Each of them must be found, and in that function alone.
fn finds(config: &Config, mistakes: &[Mistake]) {
    let peer = Peer::start();
    std::thread::scope(|scope| {
        for mistake in mistakes {
            let peer = &peer;
            scope.spawn(move || finds_one(peer, config, mistake));
        }
    });
}

fn finds_one(peer: &Peer, config: &Config, mistake: &Mistake) {
    let own = sources();
    let sources: Vec<&str> = own.iter().map(String::as_str).chain(["tests/c/port_broken.c"]).collect();
    let mut options = vec!["-D_GNU_SOURCE".to_owned(), format!("-DBROKEN_{}", mistake.name)];
    options.extend(mistake.functions.iter().map(|function| format!("-Wl,--wrap={function}")));
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let program = config.compile_with(&format!("broken-{}", mistake.name), &sources, &options);
    let (function, _) = mistake.verdict.split_once(": ").expect("function: situation");
    let finished = peer.check(&program, &["-t", "-o", function]);
    finished.expect(1);
    let verdict = format!("FAIL {}", mistake.verdict);
    assert!(
        finished.output.lines().any(|line| line.starts_with(&verdict)),
        "{}: no \"{verdict}\"\n{}",
        mistake.name,
        finished.output
    );
}

#[test]
fn mistakes_in_memory_and_output_are_found() {
    finds(
        &sdk::KEY_PLAIN,
        &[
            mistake(
                "ALIGNMENT",
                &["HAL_Malloc", "HAL_Free"],
                "HAL_Malloc: alignment: block of 8 bytes not aligned to 8",
            ),
            mistake(
                "FORMAT",
                &["HAL_Vsnprintf"],
                "HAL_Vsnprintf: a text that does not fit: returned 4, expected 10",
            ),
        ],
    );
}

#[test]
fn mistakes_in_time_and_locks_are_found() {
    finds(
        &sdk::KEY_PLAIN,
        &[
            mistake(
                "TIMER",
                &["HAL_Timer_remain"],
                "HAL_Timer_remain: read again and again: the time left rose 200 times",
            ),
            mistake(
                "WALL_CLOCK",
                &["HAL_Timer_remain", "HAL_Timer_current_sec", "HAL_Timer_set_systime_sec"],
                "HAL_Timer_remain: clock set back: ",
            ),
            mistake("CLOCK", &["HAL_GetTimeMs"], "HAL_GetTimeMs: a pause of the peer: took 6"),
            mistake("SLEEP", &["HAL_SleepMs"], "HAL_SleepMs: 150 ms: took "),
            mistake(
                "MUTEX",
                &["HAL_MutexLock", "HAL_MutexUnlock"],
                "HAL_MutexLock: a lock that is taken: was given a second time",
            ),
        ],
    );
}

#[test]
fn mistakes_in_reading_are_found() {
    finds(
        &sdk::KEY_PLAIN,
        &[
            mistake(
                "READ_CODE",
                &["HAL_TCP_Read"],
                "HAL_TCP_Read: time over, some came: returned -609, expected -604",
            ),
            mistake(
                "READ_COUNT",
                &["HAL_TCP_Read"],
                "HAL_TCP_Read: time over, some came: count 0, expected 3",
            ),
            mistake(
                "READ_WAIT",
                &["HAL_TCP_Read"],
                "HAL_TCP_Read: all there: waited for the end of the time although all was there",
            ),
            mistake("WAKE", &["HAL_TCP_ReadAvailable"], "HAL_TCP_ReadAvailable: woken: took 5"),
        ],
    );
}

#[test]
fn mistakes_in_writing_are_found() {
    finds(
        &sdk::KEY_PLAIN,
        &[
            mistake(
                "WRITE_CODE",
                &["HAL_TCP_Write"],
                "HAL_TCP_Write: time over, some written: returned -605, expected 0",
            ),
            mistake("WRITE_COUNT", &["HAL_TCP_Write"], "HAL_TCP_Write: time over, some written: count "),
            mistake(
                "WRITE_LOST",
                &["HAL_TCP_Write"],
                "HAL_TCP_Write: counts of partial writes: the peer got ",
            ),
            mistake(
                "WRITE_TIME",
                &["HAL_TCP_Write"],
                "HAL_TCP_Write: time over, the peer does not read: took ",
            ),
        ],
    );
}

#[test]
fn mistakes_in_tls_are_found() {
    finds(
        &sdk::KEY,
        &[
            mistake(
                "TLS_VERIFY",
                &["HAL_TLS_Connect"],
                "HAL_TLS_Connect: server of another authority: returned a handle",
            ),
            mistake(
                "TLS_WRITE",
                &["HAL_TLS_Write"],
                "HAL_TLS_Write: time over, some written: returned 0, expected -705",
            ),
            mistake(
                "TLS_LOCK",
                &["HAL_TLS_Read", "HAL_TLS_Write"],
                "HAL_TLS_Write: a thread writes while another waits for data: ",
            ),
        ],
    );
}

#[test]
fn mistakes_in_signatures_are_found() {
    finds(
        &sdk::CERT,
        &[mistake(
            "SIGNATURE",
            &["HAL_TLS_Calc_Sign_RSASHA256"],
            "HAL_TLS_Calc_Sign_RSASHA256: the peer verifies: not a signature of the key",
        )],
    );
}
