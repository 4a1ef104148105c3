//! How a device proves who it is: user name, password, device key (`auth.md` §2 and §3).
//!
//! **Replay.** By default a login never expires, as with the original SDK: whoever reads one CONNECT on port 80 or 1883
//! can log in with it for ever. Prefer TLS; where that is impossible set [`MAX_ACCESS_EXPIRE_TIMEOUT_MS`] at build time.
//! The device then needs a correct clock before it connects.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use super::endpoint::Scheme;
use super::notice::{Notice, Refusal};
use crate::error::Error;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use std::ffi::{CStr, CString};
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

/// Application id of the SDK family, second field of the user name.
pub const SDK_APP_ID: &str = "21010406";

/// Expiry of a login that never expires: what the original really sends for `LONG_MAX` on 64-bit machines and what the
/// platform is known to accept. Sent on every machine; the 2147483647 of a 32-bit `long` would end in January 2038.
pub const NEVER: &str = "92233720368547758";

/// Lifetime of a login in ms, 0: for ever. Set at build time by the environment variable
/// `IOT_MAX_ACCESS_EXPIRE_TIMEOUT`, which takes the place of an edited `MAX_ACCESS_EXPIRE_TIMEOUT` in
/// `qcloud_iot_export_variables.h`; a value that is not a number stops the build.
pub const MAX_ACCESS_EXPIRE_TIMEOUT_MS: i64 = milliseconds(option_env!("IOT_MAX_ACCESS_EXPIRE_TIMEOUT"));

/// Digest of device key passwords. Set at build time by the environment variable `IOT_PASSWORD_DIGEST` (`hmacsha1`,
/// the default, or `hmacsha256`); another value stops the build.
pub const PASSWORD_DIGEST: Digest = digest(option_env!("IOT_PASSWORD_DIGEST"));

/// Decoded bytes of the longest device secret (`DECODE_PSK_LENGTH`).
const MAX_KEY: usize = 48;
/// Base64 characters of [`MAX_KEY`] bytes.
const MAX_KEY_TEXT: usize = MAX_KEY / 3 * 4;
/// Block of SHA-1 and SHA-256.
const HASH_BLOCK: usize = 64;
/// Digits of the expiry that still fit the 33 characters behind the client id.
const MAX_EXPIRY: usize = 33 - ";21010406;".len() - CONNECTION_ID - ";".len();
const CONNECTION_ID: usize = 5;

/// Bits that do not fill a byte are ignored, as the original ignores them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Hash function of a device key password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// What the original sends.
    HmacSha1,
    /// Accepted by the platform too.
    HmacSha256,
}

/// What the device authenticates with.
#[derive(Debug)]
pub enum Credential {
    /// Device secret.
    Key(DeviceKey),
    /// Device certificate and private key, both PEM files.
    Certificate {
        /// Path of the certificate.
        cert_file: CString,
        /// Path of the private key.
        key_file: CString,
    },
}

impl Credential {
    /// Takes the device secret, base64 text without terminator; `None` stands for NULL. The notice is for the log.
    ///
    /// Errors: `Inval` for NULL and as [`DeviceKey::decode`].
    pub fn key(secret: Option<&[u8]>) -> Result<(Credential, Option<Notice>), Refusal> {
        let secret = secret.ok_or_else(|| Refusal::new(Error::Inval, "device secret is NULL"))?;
        let key = DeviceKey::decode(secret)?;
        let notice = key
            .is_empty()
            .then(|| Notice::warning("device secret is empty: the server will refuse the connection".into()));
        Ok((Credential::Key(key), notice))
    }

    /// Takes the paths of certificate and private key; the files are not opened here.
    ///
    /// Errors: `Inval` for an empty path.
    pub fn certificate(cert_file: &CStr, key_file: &CStr) -> Result<Credential, Refusal> {
        if cert_file.is_empty() || key_file.is_empty() {
            let missing = if cert_file.is_empty() { "device certificate" } else { "device private key" };
            return Err(Refusal::new(Error::Inval, format!("path of the {missing} is empty")));
        }
        Ok(Credential::Certificate { cert_file: cert_file.to_owned(), key_file: key_file.to_owned() })
    }
}

/// Whether CONNECT carries a password: MQTT directly on TLS authenticates in the handshake, by pre-shared key or
/// client certificate (table of `auth.md` §3).
pub const fn sends_password(scheme: Scheme) -> bool {
    !matches!(scheme, Scheme::Mqtts)
}

/// A fresh connection id: five characters of `a–z`, `A–Z`, `0–9`, each drawn by first choosing one of the three classes
/// with equal chance, then a character of it. Draw a new one for every CONNECT.
///
/// `random` fills its argument from the operating system's random source.
pub fn connection_id(random: &mut dyn FnMut(&mut [u8])) -> String {
    // By the block: one call of the source is enough but for bad luck.
    let blocks = std::iter::repeat_with(|| {
        let mut block = [0; 16];
        random(&mut block);
        block
    });
    let mut bytes = blocks.flatten();
    let mut character = || match uniform(&mut bytes, 3) {
        0 => b'a' + uniform(&mut bytes, 26),
        1 => b'A' + uniform(&mut bytes, 26),
        _ => b'0' + uniform(&mut bytes, 10),
    };
    (0..CONNECTION_ID).map(|_| char::from(character())).collect()
}

/// Draws from `0..bound` by rejection, so that no value is more likely. A source that is stuck in the rejected range
/// must not hang the caller: after 64 draws, which chance needs with less than 2⁻²²⁰, zero is good enough.
fn uniform(bytes: &mut impl Iterator<Item = u8>, bound: u8) -> u8 {
    let rejected_from = u8::MAX - u8::MAX % bound;
    bytes.take(64).find(|byte| *byte < rejected_from).unwrap_or_default() % bound
}

/// Last field of the user name: decimal UTC seconds after which the login is invalid, or [`NEVER`].
///
/// `timeout_ms` is [`MAX_ACCESS_EXPIRE_TIMEOUT_MS`], `now_sec` the UTC clock. No or a negative time-out and a sum that
/// is not positive or overflows mean never.
pub fn expiry(timeout_ms: i64, now_sec: i64) -> String {
    match now_sec.checked_add(timeout_ms / 1000) {
        Some(end) if timeout_ms > 0 && end > 0 => end.to_string(),
        _ => NEVER.into(),
    }
}

/// User name of CONNECT, at most 33 bytes longer than the client id: a longer expiry loses its last digits, as the
/// original cuts `LONG_MAX` to [`NEVER`].
pub fn user_name(client_id: &str, connection_id: &str, expiry: &str) -> String {
    let expiry = expiry.get(..MAX_EXPIRY).unwrap_or(expiry);
    format!("{client_id};{SDK_APP_ID};{connection_id};{expiry}")
}

/// A decoded device secret: key of the password and pre-shared key of TLS. Zeroed when dropped.
pub struct DeviceKey {
    /// Filled up with zeros. On the heap, so that moving the key leaves no copies behind.
    block: Box<[u8; HASH_BLOCK]>,
    len: usize,
}

impl DeviceKey {
    /// Decodes base64 as tolerantly as the original: line ends (LF, CR LF) are skipped, spaces may end a line or the
    /// text, at most two `=` may follow the data. Beyond the original, missing padding costs no bytes. The empty secret
    /// gives the empty key.
    ///
    /// Errors: `Inval` for text that is not base64 or decodes to more than 48 bytes. The text of the error does not
    /// tell the secret.
    pub fn decode(secret: &[u8]) -> Result<DeviceKey, Refusal> {
        let mut text = Zeroizing::new([0; MAX_KEY_TEXT]);
        let text = base64_characters(secret, &mut text)?;
        let mut key = DeviceKey { block: Box::new([0; HASH_BLOCK]), len: 0 };
        key.len = BASE64.decode_slice(text, key.block.as_mut_slice()).map_err(|_| not_base64())?;
        Ok(key)
    }

    /// The raw key, at most 48 bytes; it may contain NUL.
    pub fn bytes(&self) -> &[u8] {
        self.block.get(..self.len).unwrap_or_default()
    }

    /// Whether the secret was empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Password that goes with `user_name`: the token in lower-case hex, `;` and the name of the method.
    pub fn password(&self, user_name: &str, digest: Digest) -> Result<Password, Error> {
        match digest {
            Digest::HmacSha1 => token::<Hmac<Sha1>>(&self.block, user_name, ";hmacsha1"),
            Digest::HmacSha256 => token::<Hmac<Sha256>>(&self.block, user_name, ";hmacsha256"),
        }
    }
}

impl Drop for DeviceKey {
    fn drop(&mut self) {
        self.block.zeroize();
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(hidden)")
    }
}

/// Password of CONNECT. Zeroed when dropped, hidden from `Debug`.
pub struct Password(Zeroizing<String>);

impl Password {
    /// What goes on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn new(token: &[u8], method: &str) -> Result<Password, Error> {
        let mut text = Zeroizing::new(String::new());
        // Capacity for all of it: growing would leave a copy of the token behind.
        text.try_reserve_exact(2 * token.len() + method.len()).map_err(|_| Error::Malloc)?;
        let mut digits = Zeroizing::new([0; 2]);
        for byte in token {
            hex::encode_to_slice([*byte], digits.as_mut_slice()).map_err(|_| Error::Failure)?;
            text.extend(digits.iter().map(|&digit| char::from(digit)));
        }
        text.push_str(method);
        Ok(Password(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// Password of a certificate device: `signature` is RSASSA-PKCS1-v1_5 with SHA-256 over the user name.
pub fn rsa_password(signature: &[u8]) -> Result<Password, Error> {
    Password::new(signature, ";rsa-sha256")
}

/// The padded block is the same HMAC key as the bytes alone [RFC 2104 §2], and has the one length that cannot fail.
fn token<M: Mac + KeyInit<KeySize = hmac::digest::typenum::U64>>(
    key: &[u8; HASH_BLOCK],
    user_name: &str,
    method: &str,
) -> Result<Password, Error> {
    let mut mac = <M as KeyInit>::new(key.into());
    mac.update(user_name.as_bytes());
    Password::new(&mac.finalize().into_bytes(), method)
}

/// Copies the data characters of a secret into `out`: line ends, the spaces before them and the padding fall away.
fn base64_characters<'a>(secret: &[u8], out: &'a mut [u8; MAX_KEY_TEXT]) -> Result<&'a [u8], Refusal> {
    let (mut len, mut padding) = (0, 0);
    let mut lines = secret.split(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        let ended_by_lf = lines.peek().is_some();
        let line = line.strip_suffix(b"\r").filter(|_| ended_by_lf).unwrap_or(line);
        let last = line.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1);
        for &byte in line.iter().take(last) {
            match byte {
                b'=' if padding < 2 => padding += 1,
                b'=' => return Err(not_base64()),
                _ if padding > 0 => return Err(not_base64()),
                _ => {
                    *out.get_mut(len).ok_or_else(too_long)? = byte;
                    len += 1;
                }
            }
        }
    }
    Ok(out.get(..len).unwrap_or_default())
}

fn not_base64() -> Refusal {
    Refusal::new(Error::Inval, "device secret is not base64")
}

fn too_long() -> Refusal {
    Refusal::new(Error::Inval, format!("device secret decodes to more than {MAX_KEY} bytes"))
}

#[expect(clippy::panic, reason = "evaluated by the compiler: the panic is a build error")]
const fn milliseconds(value: Option<&str>) -> i64 {
    let Some(text) = value else { return 0 };
    if text.is_empty() {
        return 0;
    }
    match i64::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => panic!("IOT_MAX_ACCESS_EXPIRE_TIMEOUT is not a number of milliseconds"),
    }
}

#[expect(clippy::panic, reason = "evaluated by the compiler: the panic is a build error")]
const fn digest(value: Option<&str>) -> Digest {
    let Some(text) = value else { return Digest::HmacSha1 };
    match text.as_bytes() {
        b"" | b"hmacsha1" => Digest::HmacSha1,
        b"hmacsha256" => Digest::HmacSha256,
        _ => panic!("IOT_PASSWORD_DIGEST is neither hmacsha1 nor hmacsha256"),
    }
}

#[cfg(test)]
mod tests;
