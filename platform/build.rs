//! Compiles the part of the port that Rust cannot express: C-variadic functions and aliases (c/port.c). And compiles the
//! cipher of Mbed TLS for the processor at hand.

use std::env;
use std::path::PathBuf;

fn main() {
    compile_port();
    if env::var_os("CARGO_FEATURE_AUTH_WITH_NOTLS").is_none() {
        compile_cipher();
    }
    link_test_stubs();
}

fn compile_port() {
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
}

/// AES and GCM from the sources of the crate, in the place of its own objects: these are portable C made for size, and
/// over TLS most of the instructions of a message are theirs (docs/decisions.md).
fn compile_cipher() {
    println!("cargo::rerun-if-changed=c/cipher_hardware.h");
    println!("cargo::rerun-if-changed=c/cipher_hardware.c");
    let include = env::var_os("DEP_MBEDTLS_INCLUDE").expect("mbedtls-rs-sys says where its headers are");
    let include: Vec<PathBuf> = env::split_paths(&include).collect();
    let library = include
        .iter()
        .map(|path| path.join("../library"))
        .find(|path| path.join("aes.c").is_file())
        .expect("mbedtls-rs-sys comes with the sources of Mbed TLS");
    let for_size = env::var("OPT_LEVEL").is_ok_and(|level| level == "z");
    cc::Build::new()
        .files(["aes.c", "aesni.c", "aesce.c", "gcm.c"].map(|file| library.join(file)))
        .file("c/cipher_hardware.c")
        .include(&library)
        .includes(include)
        .flag("-include")
        .flag("c/cipher_hardware.h")
        .std("gnu99")
        .opt_level_str(if for_size { "s" } else { "2" })
        .flag("-ffunction-sections")
        .flag("-fdata-sections")
        .warnings(false)
        // All of it, before the crate's own objects are looked at.
        .link_lib_modifier("+whole-archive")
        .compile("iot_cipher");
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
