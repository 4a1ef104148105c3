//! Compiles the part of the port that Rust cannot express: C-variadic functions and aliases (c/port.c).

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo::rerun-if-changed=c/port.c");
    let mut port = cc::Build::new();
    port.file("c/port.c").std("gnu11").flag("-ffunction-sections").flag("-fdata-sections").warnings(true);
    for (feature, define) in [
        ("CARGO_FEATURE_AUTH_WITH_NOTLS", "AUTH_WITH_NOTLS"),
        ("CARGO_FEATURE_MULTITHREAD_ENABLED", "MULTITHREAD_ENABLED"),
    ] {
        if env::var_os(feature).is_some() {
            port.define(define, None);
        }
    }
    port.compile("iot_port");
    link_test_stubs();
}

/// The tests stand in for the SDK, whose `IOT_Log_Gen` the port calls, and need a few functions that only C can have.
fn link_test_stubs() {
    println!("cargo::rerun-if-changed=tests/support");
    let Some(out) = env::var_os("OUT_DIR").map(PathBuf::from) else {
        return;
    };
    cc::Build::new()
        .files(["tests/support/log_stub.c", "tests/support/leave_thread.c"])
        .cargo_metadata(false)
        .warnings(true)
        .compile("test_stubs");
    println!("cargo::rustc-link-arg-tests={}", out.join("libtest_stubs.a").display());
}
