//! The devices of a test: identity, credential, device file.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// A made-up device.
#[derive(Clone)]
pub struct Device {
    pub product: String,
    pub name: String,
    /// Base64; None: a certificate issued by the hub.
    pub secret: Option<String>,
}

impl Device {
    /// With a secret, new for every test: a leaked one cannot be mistaken for anything else.
    pub fn key(product: &str, name: &str) -> Device {
        Device::with_secret(product, name, &random_secret())
    }

    pub fn with_secret(product: &str, name: &str, secret: &str) -> Device {
        Device { product: product.into(), name: name.into(), secret: Some(secret.into()) }
    }

    /// With a certificate, which the hub issues.
    pub fn cert(product: &str, name: &str) -> Device {
        Device { product: product.into(), name: name.into(), secret: None }
    }

    /// `PRODUCT/NAME`, as the hub names devices.
    pub fn id(&self) -> String {
        format!("{}/{}", self.product, self.name)
    }

    pub fn client_id(&self) -> String {
        format!("{}{}", self.product, self.name)
    }

    /// A topic of its own: `PRODUCT/NAME/<end>`.
    pub fn topic(&self, end: &str) -> String {
        format!("{}/{}/{end}", self.product, self.name)
    }

    /// Where it asks for the time.
    pub fn sys_topic(&self) -> String {
        format!("$sys/operation/{}", self.id())
    }

    /// Where the answer comes.
    pub fn sys_result_topic(&self) -> String {
        format!("$sys/operation/result/{}", self.id())
    }

    /// Names of certificate and key, in the hub's state and in the device's `certs`.
    pub fn pem_files(&self) -> [String; 2] {
        ["cert", "key"].map(|kind| format!("{}_{}.{kind}.pem", self.product, self.name))
    }

    /// The device file.
    pub fn file(&self, region: &str) -> Value {
        let mut file = json!({"region": region, "productId": self.product, "deviceName": self.name});
        match &self.secret {
            Some(secret) => {
                file["auth_mode"] = "KEY".into();
                file["key_deviceinfo"] = json!({"deviceSecret": secret});
            }
            None => {
                let [cert, key] = self.pem_files();
                file["auth_mode"] = "CERT".into();
                file["cert_deviceinfo"] = json!({"devCertFile": cert, "devPrivateKeyFile": key});
            }
        }
        file
    }
}

fn random_secret() -> String {
    let mut bytes = [0; 16];
    let mut random = std::fs::File::open("/dev/urandom").expect("/dev/urandom");
    random.read_exact(&mut bytes).expect("/dev/urandom");
    BASE64.encode(bytes)
}
