//! Tests for another processor: `tests/steps/cross.py` names a compiler and what runs its programs.

/// `IOT_CROSS_CC`, otherwise `gcc`.
pub fn compiler() -> String {
    std::env::var("IOT_CROSS_CC").unwrap_or_else(|_| "gcc".into())
}

/// `IOT_CROSS_CXX`, otherwise `g++`.
pub fn cpp_compiler() -> String {
    std::env::var("IOT_CROSS_CXX").unwrap_or_else(|_| "g++".into())
}

/// Compiler flags for the programs of the tests, `IOT_CROSS_FLAGS`.
pub fn flags() -> Vec<String> {
    words("IOT_CROSS_FLAGS")
}

/// What stands before a program to run it, such as an emulator of the processor: `IOT_CROSS_RUN`.
pub fn runner() -> Vec<String> {
    words("IOT_CROSS_RUN")
}

/// The option that builds the libraries with that compiler.
pub fn build_option() -> Option<String> {
    std::env::var("IOT_CROSS_CC").ok().map(|compiler| format!("-DCOMPILE_TOOLS={compiler}"))
}

fn words(variable: &str) -> Vec<String> {
    std::env::var(variable).unwrap_or_default().split_whitespace().map(String::from).collect()
}
