//! The C programs of these tests, compiled once each.

use super::driver::{Driver, Session};
use crate::support::peer::Transport;
use crate::support::{build_dir, cross, root, sdk};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Output tree of the configuration without TLS, with threads.
pub fn plain_sdk() -> PathBuf {
    sdk::KEY_PLAIN.tree()
}

/// Compiles `tests/c/<sources>` and links them with archives of a configuration; once per name and test run.
pub fn build(name: &str, sources: &[&str], archives: &[&str], output: &Path) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<String, PathBuf>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = built.get(name) {
        return program.clone();
    }
    let program = try_build(name, sources, archives, output).unwrap_or_else(|error| panic!("{error}"));
    built.insert(name.into(), program.clone());
    program
}

/// As [`build`], every time; what the compiler said if it fails.
pub fn try_build(name: &str, sources: &[&str], archives: &[&str], output: &Path) -> Result<PathBuf, String> {
    let folder = build_dir().join("interface");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Under a name of its own, then moved: another test run may be using the program.
    let (program, fresh) = (folder.join(name), folder.join(format!("{name}.{}", std::process::id())));
    let mut gcc = Command::new(cross::compiler());
    gcc.args([
        "-std=c99",
        "-D_POSIX_C_SOURCE=200809L",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O1",
        "-g",
        "-pthread",
    ]);
    gcc.args(cross::flags());
    gcc.arg("-I").arg(output.join("include")).arg("-I").arg(output.join("include/exports"));
    gcc.args(sources.iter().map(|file| root().join("tests/c").join(file))).arg("-o").arg(&fresh);
    gcc.args(archives.iter().map(|archive| output.join("lib").join(archive)));
    let result = gcc.output().map_err(|error| format!("gcc: {error}"))?;
    if !result.status.success() {
        return Err(format!("{gcc:?}\n{}", String::from_utf8_lossy(&result.stderr)));
    }
    std::fs::rename(&fresh, &program).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(program)
}

/// Sources of the driver.
pub const DRIVER: [&str; 2] = ["interface_driver.c", "script.c"];

/// The SDK as it is delivered.
pub const ARCHIVES: [&str; 2] = ["libiot_sdk.a", "libiot_platform.a"];

/// The driver with the SDK as it is delivered.
pub fn driver_program() -> PathBuf {
    driver_with("driver", &[], &ARCHIVES, &plain_sdk())
}

/// The driver with further sources.
pub fn driver_with(name: &str, more: &[&str], archives: &[&str], output: &Path) -> PathBuf {
    build(name, &[&DRIVER, more].concat(), archives, output)
}

/// Starts the driver.
pub fn driver() -> Driver {
    Driver::start(&[], &driver_program())
}

/// A connected driver.
#[track_caller]
pub fn session(transport: Transport, options: &str) -> Session {
    Session::open_with(driver(), transport, options)
}

/// The driver with a port of its own in place of ours.
pub fn own_port_driver() -> PathBuf {
    driver_with("own_port", &["port_minimal.c", "port_sockets.c"], &["libiot_sdk.a"], &plain_sdk())
}

/// Likewise, in a build without threads.
pub fn single_thread_driver() -> PathBuf {
    let output = sdk::KEY_PLAIN_NO_THREADS.tree();
    driver_with("single_thread", &["port_minimal.c", "port_sockets.c"], &["libiot_sdk.a"], &output)
}

/// The driver with HAL_TCP_* of its own beside ours.
pub fn replaced_tcp_driver() -> PathBuf {
    driver_with("replaced_tcp", &["port_sockets.c"], &ARCHIVES, &plain_sdk())
}

/// The driver with time that runs twenty times faster.
pub fn fast_clock_driver() -> PathBuf {
    driver_with("fast_clock", &["port_fast_clock.c", "port_sockets.c"], &ARCHIVES, &plain_sdk())
}

/// The driver with time that is a counter of 32 bits, which wraps soon.
pub fn ticks_driver() -> PathBuf {
    driver_with("ticks", &["port_ticks.c"], &ARCHIVES, &plain_sdk())
}

/// The driver with a wall clock of its own.
pub fn wall_clock_driver() -> PathBuf {
    driver_with("wall_clock", &["wall_clock.c"], &ARCHIVES, &plain_sdk())
}

/// The driver with a port that has no more threads.
pub fn no_thread_driver() -> PathBuf {
    driver_with("no_thread", &["port_no_thread.c"], &ARCHIVES, &plain_sdk())
}

/// Whether memory errors can be looked for.
pub fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// In front of a program: errors and lost blocks end it with 99.
pub const CHECKED: [&str; 6] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect",
    "--show-leak-kinds=definite,indirect",
];

/// Starts the driver under valgrind.
pub fn driver_under_valgrind() -> Driver {
    Driver::start(&CHECKED, &driver_program())
}

/// The checks of arguments and states, in a configuration.
pub fn arguments_program(config: &sdk::Config) -> PathBuf {
    build(&format!("arguments_{}", config.name), &["interface_arguments.c"], &ARCHIVES, &config.tree())
}
