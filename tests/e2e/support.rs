//! What the tests stand on: builds, hubs, programs, logs.
#![allow(dead_code, reason = "one vocabulary for all modules; not each word is in use all the time")]

pub mod broker;
pub mod certificate;
pub mod cross;
pub mod device;
pub mod event;
pub mod http;
pub mod hub;
pub mod log;
pub mod nginx;
pub mod pattern;
pub mod peer;
pub mod process;
pub mod program;
pub mod proxy;
pub mod scratch;
pub mod sdk;
pub mod secrets;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for one thing. Generous: it only runs out when something is wrong, or the machine hopelessly busy.
pub const LIMIT: Duration = Duration::from_secs(30);

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Cargo's target directory, the one these tests were built in.
pub fn target_dir() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().unwrap_or(tmp).to_path_buf()
}

/// Where configurations and programs are built: `E2E_BUILD_DIR`, or `variants` in the target directory.
pub fn build_dir() -> PathBuf {
    std::env::var_os("E2E_BUILD_DIR").map_or_else(|| target_dir().join("variants"), PathBuf::from)
}
