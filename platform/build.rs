//! Compiles the C-variadic part of the port.
fn main() {}
