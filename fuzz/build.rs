//! Compiles the variadic part of the model port.

fn main() {
    println!("cargo:rerun-if-changed=src/port.c");
    cc::Build::new().file("src/port.c").warnings_into_errors(true).compile("fuzz_port");
}
