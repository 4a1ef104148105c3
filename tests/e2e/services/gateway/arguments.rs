//! Arguments that make no sense.

use super::*;

/// Nothing of it is sent: the goodbye is the next packet.
#[test]
fn every_function_copes_with_senseless_arguments() {
    let mut gateway = Gateway::open(Transport::Tcp);
    gateway.device.run("senseless", "senseless = 0");
    gateway.close();
}
