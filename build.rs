//! Compiles the C part of the interface and generates the public headers.
fn main() {}
