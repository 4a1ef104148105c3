//! The signature of a `bind` request. [gateway.md §6]

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;

use crate::registry::Record;

/// The members of a `bind` request for one sub-device.
pub struct Bind {
    /// What was signed: `{pid}{dev};{random};{timestamp}`.
    text: String,
    timestamp: i64,
    signature: String,
    sign_method: String,
    auth_type: String,
}

/// How the request is signed and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    hash: Hash,
    certificate: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
}

impl Bind {
    /// Reads the members; None if one is missing or not of its type.
    pub fn read(entry: &Value) -> Option<Bind> {
        let member = |name: &str| entry.get(name)?.as_str().map(String::from);
        let (product, device) = (member("product_id")?, member("device_name")?);
        let random = integer(entry.get("random")?)?;
        let timestamp = integer(entry.get("timestamp")?)?;
        Some(Bind {
            text: format!("{product}{device};{random};{timestamp}"),
            timestamp,
            signature: member("signature")?,
            sign_method: member("signmethod")?,
            auth_type: member("authtype")?,
        })
    }

    /// The method, if it is one of the platform's.
    pub fn method(&self) -> Option<Method> {
        let hash = match self.sign_method.as_str() {
            "hmacsha1" => Hash::Sha1,
            "hmacsha256" => Hash::Sha256,
            _ => return None,
        };
        match self.auth_type.as_str() {
            "psk" => Some(Method { hash, certificate: false }),
            "certificate" => Some(Method { hash, certificate: true }),
            _ => None,
        }
    }

    /// Was it signed within so many seconds before or after now?
    pub fn is_recent(&self, now_s: i64, window_s: u32) -> bool {
        self.timestamp.abs_diff(now_s) <= u64::from(window_s)
    }

    /// Does the signature come from the device's secret (as text), or from a digest of its certificate?
    pub fn is_signed_by(&self, device: &Record, method: Method) -> bool {
        let Ok(signature) = BASE64.decode(&self.signature) else { return false };
        let keys: Vec<&str> = if method.certificate {
            device.certificate.iter().flat_map(|c| &c.digests).map(String::as_str).collect()
        } else {
            device.secret.iter().map(String::as_str).collect()
        };
        keys.iter().any(|key| match method.hash {
            Hash::Sha1 => verify::<Hmac<sha1::Sha1>>(key, &self.text, &signature),
            Hash::Sha256 => verify::<Hmac<sha2::Sha256>>(key, &self.text, &signature),
        })
    }
}

/// A JSON integer, or one in a string.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    }
}

/// Compares in constant time.
fn verify<M: Mac + KeyInit>(key: &str, text: &str, signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key.as_bytes()) else { return false };
    mac.update(text.as_bytes());
    mac.verify_slice(signature).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ca::Certificate;
    use crate::config::{AuthKind, ProductType};
    use crate::registry::DeviceId;

    // The credentials of the published vectors; they belong to no device.
    const SECRET: &str = "MDEyMzQ1Njc4OTo7PD0+Pw==";
    const MD5: &str = "d954de9f3902be1448ab8bd22639fe96";
    const SHA1: &str = "8e4eefb5a3c08bba91018f584f399bf53c575ae5";

    fn record(secret: Option<&str>, digests: &[&str]) -> Record {
        let certificate = Certificate {
            fingerprint: [0; 32],
            public_key: vec![],
            digests: digests.iter().map(ToString::to_string).collect(),
        };
        Record {
            id: DeviceId::parse("Z9Y8X7W6V5/probe-7").unwrap(),
            enabled: true,
            auth: AuthKind::Key,
            kind: ProductType::Subdevice,
            key: None,
            secret: secret.map(String::from),
            certificate: (!digests.is_empty()).then_some(certificate),
            issued: None,
            topics: vec![],
        }
    }

    fn bind(signature: &str, method: &str, auth: &str) -> Value {
        json!({"product_id": "Z9Y8X7W6V5", "device_name": "probe-7", "signature": signature, "random": 72_158_314,
               "timestamp": 1_760_000_000, "signmethod": method, "authtype": auth})
    }

    fn good(entry: &Value, record: &Record) -> bool {
        let bind = Bind::read(entry).unwrap();
        bind.is_signed_by(record, bind.method().unwrap())
    }

    #[test]
    fn the_vectors() {
        let psk = record(Some(SECRET), &[]);
        let cert = record(None, &[MD5, SHA1]);
        let sha1 = bind("biPaSw4mGzcY/ADWbaZkY4+lsR8=", "hmacsha1", "psk");
        assert!(good(&sha1, &psk) && !good(&sha1, &cert));
        assert!(good(&bind("nOFSLZSRrMR+CN9RfcB1TCKCtGl0K/L0cdR/pHewj7I=", "hmacsha256", "psk"), &psk));
        let md5 = bind("qqwJCgNnPC9ysTN7Y0QREk9jtNo=", "hmacsha1", "certificate");
        assert!(good(&md5, &cert) && !good(&md5, &psk));
        assert!(good(&bind("dzVNyltvSrnlEDrkN0VJFGv8KkU=", "hmacsha1", "certificate"), &cert));
        // The right signature by the wrong method or of other members.
        assert!(!good(&bind("biPaSw4mGzcY/ADWbaZkY4+lsR8=", "hmacsha256", "psk"), &psk));
        assert!(!good(&bind("", "hmacsha1", "psk"), &psk));
        assert!(!good(&bind("*", "hmacsha1", "psk"), &psk));
        let mut other = sha1.clone();
        other["random"] = json!(72_158_315);
        assert!(!good(&other, &psk));
        // Numbers may come as text.
        let mut text = sha1;
        text["random"] = json!("72158314");
        assert!(good(&text, &psk));
    }

    #[test]
    fn missing_members_and_unknown_methods() {
        let whole = bind("x", "hmacsha1", "psk");
        for (key, _) in whole.as_object().unwrap() {
            for bad in [Value::Null, json!([]), json!(1.5)] {
                let mut entry = whole.clone();
                entry[key] = bad;
                assert!(Bind::read(&entry).is_none(), "{entry}");
            }
        }
        for (method, auth) in [("hmacmd5", "psk"), ("hmacsha1", "password"), ("", "")] {
            assert_eq!(Bind::read(&bind("x", method, auth)).unwrap().method(), None);
        }
    }

    #[test]
    fn the_window_has_two_sides() {
        let bind = Bind::read(&bind("x", "hmacsha1", "psk")).unwrap();
        for (now, recent) in [(-300, true), (300, true), (301, false), (-301, false)] {
            assert_eq!(bind.is_recent(1_760_000_000 + now, 300), recent);
        }
    }
}
