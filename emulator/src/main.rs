//! The program `iot-hub-emulator`; all of it is in the library, where fuzz targets reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    iot_hub_emulator::main()
}
