//! The C programs of these tests, compiled once each.

use super::driver::{Driver, Session};
use crate::support::peer::Transport;
use crate::support::{build_dir, root, sdk};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

/// Output tree of the configuration without TLS, with threads.
pub fn plain_sdk() -> PathBuf {
    sdk::KEY_PLAIN.tree()
}

/// Compiles `tests/c/<sources>` and links them with the two archives. Once per name and test run.
pub fn build(name: &str, sources: &[&str], archives: &[&str], output: &Path) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<String, PathBuf>>> = OnceLock::new();
    let mut built = BUILT.get_or_init(Mutex::default).lock().expect("no build has panicked");
    if let Some(program) = built.get(name) {
        return program.clone();
    }
    let folder = build_dir().join("interface");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let program = folder.join(format!("{name}.{}", std::process::id()));
    let source = root().join("tests/c");
    let mut gcc = Command::new("gcc");
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
    gcc.arg("-I").arg(output.join("include")).arg("-I").arg(output.join("include/exports"));
    gcc.args(sources.iter().map(|file| source.join(file))).arg("-o").arg(&program);
    gcc.args(archives.iter().map(|archive| output.join("lib").join(archive)));
    let result = gcc.output().expect("gcc runs");
    assert!(result.status.success(), "{gcc:?}\n{}", String::from_utf8_lossy(&result.stderr));
    built.insert(name.into(), program.clone());
    program
}

const ARCHIVES: [&str; 2] = ["libiot_sdk.a", "libiot_platform.a"];

/// The driver with the SDK as it is delivered.
pub fn driver_program() -> PathBuf {
    build("driver", &["interface_driver.c"], &ARCHIVES, &plain_sdk())
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
