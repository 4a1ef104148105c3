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
#[cfg(any(feature = "auth_mode_cert", test))]
const MAX_FILE: usize = 1 << 20;

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

    /// A certificate file, read up to its end: the platform knows the MD5 of its bytes, in lower-case hex.
    #[cfg(any(feature = "auth_mode_cert", test))]
    pub fn certificate(mut file: impl std::io::Read) -> std::io::Result<BindKey> {
        use md5::{Digest, Md5};
        use std::io::{Error, ErrorKind};
        let (mut digest, mut len, mut piece) = (Md5::new(), 0, [0; 512]);
        while len < MAX_FILE {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => {
                    digest.update(piece.get(..count).unwrap_or_default());
                    len += count;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let hex = hex::encode(digest.finalize());
        BindKey::secret(hex.as_bytes())
            .filter(|_| len > 0)
            .ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))
    }

    /// As [`certificate`](Self::certificate).
    #[cfg(feature = "auth_mode_cert")]
    pub fn certificate_file(path: &std::path::Path) -> Result<BindKey, Error> {
        std::fs::File::open(path).and_then(BindKey::certificate).map_err(|problem| {
            let path = path.display();
            log!(Level::Error, "gateway_api.c", "_gateway_bind_key", "certificate {path}: {problem}");
            Error::Failure
        })
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
        let key = BindKey::certificate(&file[..]).unwrap();
        assert_eq!(key.0.split(|&b| b == 0).next(), Some(&b"d954de9f3902be1448ab8bd22639fe96"[..]));
        assert_eq!(key.sign(&probe(), 72_158_314, 1_760_000_000), "qqwJCgNnPC9ysTN7Y0QREk9jtNo=");
    }

    #[test]
    fn a_certificate_has_a_byte_at_least() {
        assert!(BindKey::certificate(&b""[..]).is_err());
        assert!(BindKey::certificate(&b"x"[..]).is_ok());
    }

    #[test]
    fn a_secret_has_1_to_64_bytes() {
        assert!(BindKey::secret(b"").is_none());
        assert!(BindKey::secret(&[b'x'; 64]).is_some());
        assert!(BindKey::secret(&[b'x'; 65]).is_none());
    }
}
