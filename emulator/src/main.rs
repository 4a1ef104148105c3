//! Local IoT Hub emulator.
fn main() {}
