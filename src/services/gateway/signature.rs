//! How a sub-device vouches for a bind (`gateway.md` §6).

use crate::client::identity::Identity;
#[cfg(feature = "auth_mode_cert")]
use crate::error::Error;
#[cfg(feature = "auth_mode_cert")]
use crate::log::{Level, log};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

/// Longest device secret as text, in bytes; also the block of SHA-1.
const BLOCK: usize = 64;

/// What is read of a certificate file, in bytes.
#[cfg(feature = "auth_mode_cert")]
const MAX_FILE: u64 = 1 << 20;

/// What proves that a sub-device agrees to be bound: its secret as text, or the digest of its certificate as hex digits.
///
/// Padded with zeroes, which makes the same HMAC key as the text alone [RFC 2104 §2].
pub struct BindKey(Zeroizing<[u8; BLOCK]>);

impl BindKey {
    /// The secret as it stands in the device information: it is not decoded. `None` if it is empty or too long.
    pub fn secret(text: &[u8]) -> Option<BindKey> {
        let mut block = Zeroizing::new([0; BLOCK]);
        block.get_mut(..text.len()).filter(|start| !start.is_empty())?.copy_from_slice(text);
        Some(BindKey(block))
    }

    /// The bytes of a certificate file: the platform knows their MD5, in lower-case hex.
    #[cfg(any(feature = "auth_mode_cert", test))]
    pub fn certificate(file: &[u8]) -> Option<BindKey> {
        use md5::{Digest, Md5};
        BindKey::secret(hex::encode(Md5::digest(file)).as_bytes())
    }

    /// As [`certificate`](Self::certificate), from a file.
    #[cfg(feature = "auth_mode_cert")]
    pub fn certificate_file(path: &std::path::Path) -> Result<BindKey, Error> {
        use std::io::Read;
        let mut content = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut content));
        let problem = match read {
            Ok(0) => "it is empty".into(),
            Ok(_) => return BindKey::certificate(&content).ok_or(Error::Failure),
            Err(error) => error.to_string(),
        };
        log!(Level::Error, "gateway_api.c", "_gateway_bind_key", "certificate {}: {problem}", path.display());
        Err(Error::Failure)
    }

    /// base64(HMAC-SHA1) over the sub-device, a random number and the time in seconds since the epoch.
    pub fn sign(&self, sub_device: &Identity, random: u32, timestamp: i64) -> String {
        let mut mac = <Hmac<Sha1> as KeyInit>::new((&*self.0).into());
        mac.update(format!("{};{random};{timestamp}", sub_device.client_id()).as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe() -> Identity {
        Identity::new(Some(b"Z9Y8X7W6V5"), Some(b"probe-7")).unwrap()
    }

    /// `vectors.md` §2.
    #[test]
    fn signature_with_a_secret() {
        let key = BindKey::secret(b"MDEyMzQ1Njc4OTo7PD0+Pw==").unwrap();
        assert_eq!(key.sign(&probe(), 72_158_314, 1_760_000_000), "biPaSw4mGzcY/ADWbaZkY4+lsR8=");
    }

    /// `vectors.md` §2, MD5 form.
    #[test]
    fn signature_with_a_certificate() {
        let file = b"-----BEGIN CERTIFICATE-----\nTUFERS1VUC1DRVJUSUZJQ0FURQ==\n-----END CERTIFICATE-----\n";
        assert_eq!(file.len(), 83);
        let key = BindKey::certificate(file).unwrap();
        assert_eq!(key.0.split(|&b| b == 0).next(), Some(&b"d954de9f3902be1448ab8bd22639fe96"[..]));
        assert_eq!(key.sign(&probe(), 72_158_314, 1_760_000_000), "qqwJCgNnPC9ysTN7Y0QREk9jtNo=");
    }

    #[test]
    fn a_secret_has_1_to_64_bytes() {
        assert!(BindKey::secret(b"").is_none());
        assert!(BindKey::secret(&[b'x'; 64]).is_some());
        assert!(BindKey::secret(&[b'x'; 65]).is_none());
    }
}
