//! Finds secrets where none may be: in what a program printed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::device::Device;

/// Texts that no log may contain.
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

/// Longest run of hex digits that may appear: handles and packet dumps are shorter, HMAC tokens longer.
const LONGEST_HEX: usize = 31;

impl Secrets {
    /// The device's secret: as written, and decoded in the forms a careless log line would give it.
    pub fn add_device(&mut self, device: &Device) {
        let Some(secret) = &device.secret else { return };
        self.0.push(secret.trim_end_matches('=').to_owned());
        let Ok(raw) = BASE64.decode(secret) else { return };
        self.0.push(hex::encode(&raw));
        self.0.push(hex::encode_upper(&raw));
        if let Ok(text) = String::from_utf8(raw) {
            self.0.push(text);
        }
    }

    /// Every line of a PEM key.
    pub fn add_key(&mut self, pem: &str) {
        self.0.extend(pem.lines().map(str::trim).filter(|line| line.len() >= 40).map(String::from));
    }

    /// What is wrong with the output, if anything.
    pub fn found_in(&self, output: &str) -> Option<&'static str> {
        if self.0.iter().any(|secret| !secret.is_empty() && output.contains(secret.as_str())) {
            return Some("a device secret or key");
        }
        if [";hmacsha", ";rsa-sha", "PRIVATE KEY"].iter().any(|mark| output.contains(mark)) {
            return Some("a password or key");
        }
        if output.split(|c: char| !c.is_ascii_hexdigit()).any(|run| run.len() > LONGEST_HEX) {
            return Some("a long run of hex digits, as tokens are");
        }
        None
    }
}

#[test]
fn secrets_are_found() {
    let device = Device::with_secret("ABCD1234EF", "dev_01", "c3VwZXItc2VjcmV0LWtleS0wMQ==");
    let mut secrets = Secrets::default();
    secrets.add_device(&device);
    secrets.add_key(
        "-----BEGIN-----\nMIIEpAIBAAKCAQEAkUxbGEct/tXqXTkIqLdx6j032tn6TQhgucOzNfvSAw/i21Ib\n-----END-----\n",
    );
    assert_eq!(secrets.found_in("DBG|connected 127.0.0.1:443, handle:0x00007f5c2c0014a0"), None);
    for bad in [
        "secret c3VwZXItc2VjcmV0LWtleS0wMQ",
        "key super-secret-key-01",
        "key 73757065722d7365637265742d6b65792d3031",
        "MIIEpAIBAAKCAQEAkUxbGEct/tXqXTkIqLdx6j032tn6TQhgucOzNfvSAw/i21Ib",
        "password 00;hmacsha1",
        "token 15a51390973b9718249f67bf7cc22afef5d87101",
    ] {
        assert!(secrets.found_in(bad).is_some(), "{bad}");
    }
}
