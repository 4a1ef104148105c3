//! May this CONNECT come in? The checks of emulator.md §2 in their order; the first that fails decides the code.

use hmac::{Hmac, KeyInit, Mac};
use rmqtt_codec::v3::Connect;
use rsa::pkcs8::DecodePublicKey;
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use subtle::ConstantTimeEq;

use crate::config::{AuthCodes, AuthKind, Options, ProductType};
use crate::registry::{DeviceId, Record, Registry};

/// Longest keep-alive the platform takes, in seconds.
const MAX_KEEP_ALIVE: u16 = 900;

/// What the transport proved before the first packet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    /// The connection came over the plain MQTT port.
    pub plain_mqtt: bool,
    /// Identity of an established TLS-PSK.
    pub psk_identity: Option<String>,
    /// Accepted client certificate: fingerprint and common name.
    pub certificate: Option<([u8; 32], Option<String>)>,
}

/// A refusal: CONNACK code and cause, without any secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: u8,
    pub cause: String,
}

/// The fields of `{pid}{dev};{appid};{connid};{expiry}`.
struct UserName<'a> {
    text: &'a str,
    client_id: &'a str,
    expiry: i64,
}

/// Runs checks 3 to 9; 1 and 2 are the decoder's, 10 needs the connection's history.
pub fn check(
    connect: &Connect,
    proof: &Proof,
    registry: &Registry,
    options: &Options,
    now_ms: i64,
) -> Result<Record, Refusal> {
    let codes = &options.auth_codes;
    let refuse = |code: u8, cause: &str| Refusal { code, cause: cause.into() };
    if connect.client_id.is_empty() {
        return Err(refuse(codes.client_id, "client id is empty"));
    }
    if connect.keep_alive > MAX_KEEP_ALIVE {
        return Err(refuse(codes.keep_alive, "keep-alive above 900 s"));
    }
    let text = connect.username.as_deref().ok_or_else(|| refuse(codes.user_name, "user name is missing"))?;
    let user = UserName::parse(text).map_err(|cause| refuse(codes.user_name, cause))?;
    if user.client_id != &*connect.client_id {
        return Err(refuse(codes.user_name, "user name does not begin with the client id"));
    }
    let record = DeviceId::from_client_id(&connect.client_id).and_then(|id| registry.device(&id));
    let record = record.ok_or_else(|| refuse(codes.unregistered, "device is not registered"))?;
    let password = connect.password.as_deref();
    check_credential(&record, proof, registry, user.text, password, codes)?;
    if user.expiry <= now_ms.div_euclid(1000) {
        return Err(refuse(codes.expired, "signature has expired"));
    }
    if !record.enabled {
        return Err(refuse(codes.disabled, "device is disabled"));
    }
    if record.kind == ProductType::Subdevice && !options.subdevice_login {
        return Err(refuse(codes.disabled, "a sub-device comes through its gateway"));
    }
    Ok(record)
}

impl UserName<'_> {
    fn parse(text: &str) -> Result<UserName<'_>, &'static str> {
        let mut fields = text.split(';');
        let (Some(client_id), Some(app_id), Some(connection), Some(expiry), None) =
            (fields.next(), fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err("user name has not four fields");
        };
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(app_id) {
            return Err("application id in the user name is not a number");
        }
        if connection.is_empty() {
            return Err("connection id in the user name is empty");
        }
        if !digits(expiry) {
            return Err("expiry in the user name is not a number");
        }
        // Seconds, whatever the size: the Python SDK puts milliseconds there and means "far away".
        let expiry = expiry.parse().map_err(|_| "expiry in the user name does not fit in 64 bits")?;
        Ok(UserName { text, client_id, expiry })
    }
}

fn check_credential(
    record: &Record,
    proof: &Proof,
    registry: &Registry,
    user_name: &str,
    password: Option<&[u8]>,
    codes: &AuthCodes,
) -> Result<(), Refusal> {
    let refuse = |code: u8, cause: &str| Refusal { code, cause: cause.into() };
    if let Some(identity) = &proof.psk_identity {
        let same = *identity == record.id.client_id();
        return if same { Ok(()) } else { Err(refuse(codes.identity, "PSK identity is not the client id")) };
    }
    if let Some((fingerprint, common_name)) = &proof.certificate {
        let belongs = match registry.device_by_fingerprint(fingerprint) {
            Some(owner) => owner == record.id,
            None => common_name.as_deref() == Some(&record.id.client_id()),
        };
        return if belongs {
            Ok(())
        } else {
            Err(refuse(codes.identity, "client certificate is another device's"))
        };
    }
    if proof.plain_mqtt && record.auth == AuthKind::Cert {
        return Err(refuse(codes.password, "a certificate device needs TLS or WebSocket"));
    }
    check_password(record, user_name, password).map_err(|cause| refuse(codes.password, cause))
}

fn check_password(record: &Record, user_name: &str, password: Option<&[u8]>) -> Result<(), &'static str> {
    let password = password.ok_or("password is missing")?;
    let digits = password.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (hex_part, method) = password.split_at(digits);
    let signature = hex::decode(hex_part).map_err(|_| "password is not hexadecimal")?;
    let good = match (method, record.auth, &record.key) {
        (b";hmacsha1", AuthKind::Key, Some(key)) => hmac_is::<Hmac<sha1::Sha1>>(key, user_name, &signature),
        (b";hmacsha256", AuthKind::Key, Some(key)) => {
            hmac_is::<Hmac<sha2::Sha256>>(key, user_name, &signature)
        }
        // Old library builds send what lies behind their unterminated buffer: only the beginning counts.
        (m, AuthKind::Cert, _) if m.starts_with(b";rsa-sha256") => rsa_is(record, user_name, &signature),
        (b";hmacsha1" | b";hmacsha256", AuthKind::Cert, _) => {
            return Err("a certificate device signs with rsa-sha256");
        }
        (m, AuthKind::Key, _) if m.starts_with(b";rsa-sha256") => {
            return Err("a key device signs with its secret");
        }
        _ => return Err("unknown password method"),
    };
    if good { Ok(()) } else { Err("wrong password") }
}

fn hmac_is<M: Mac + KeyInit>(key: &[u8], text: &str, signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key) else { return false };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().as_slice().ct_eq(signature).into()
}

fn rsa_is(record: &Record, text: &str, signature: &[u8]) -> bool {
    use rsa::sha2::{Digest, Sha256};
    let Some(certificate) = &record.certificate else { return false };
    let Ok(key) = RsaPublicKey::from_public_key_der(&certificate.public_key) else { return false };
    let digest = Sha256::digest(text.as_bytes());
    key.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lamp() -> Record {
        Record {
            id: DeviceId::parse("A1B2C3D4E5/lamp-01").unwrap(),
            enabled: true,
            auth: AuthKind::Key,
            kind: ProductType::Direct,
            key: Some((0x10..=0x1f).collect()),
            secret: None,
            certificate: None,
            issued: None,
            topics: Vec::new(),
        }
    }

    /// services/vectors.md §1.
    const USER: &str = "A1B2C3D4E5lamp-01;21010406;Q7xTz;4102444800";
    const SHA1: &str = "f8e910dffcbde477d26eafe364a36a36fbaca4ca";

    #[test]
    fn passwords() {
        let check = |password: &str| check_password(&lamp(), USER, Some(password.as_bytes()));
        assert_eq!(check(&format!("{SHA1};hmacsha1")), Ok(()));
        assert_eq!(check(&format!("{};hmacsha1", SHA1.to_uppercase())), Ok(()));
        assert_eq!(check(&format!("{SHA1};hmacsha256")), Err("wrong password"));
        assert_eq!(check(&format!("{};hmacsha1", &SHA1[2..])), Err("wrong password"));
        assert_eq!(check(";hmacsha1"), Err("wrong password"));
        assert_eq!(check(&format!("{SHA1};rsa-sha256")), Err("a key device signs with its secret"));
        assert_eq!(check(SHA1), Err("unknown password method"));
        assert_eq!(check("f;hmacsha1"), Err("password is not hexadecimal"));
        assert_eq!(check_password(&lamp(), USER, None), Err("password is missing"));
    }

    #[test]
    fn user_names() {
        assert_eq!(UserName::parse(USER).ok().map(|u| u.expiry), Some(4_102_444_800));
        let parse = |rest: &str| UserName::parse(rest).err();
        assert_eq!(parse("id;1;c;9223372036854775807"), None);
        assert!(parse("id;1;c;9223372036854775808").unwrap().contains("64 bits"));
        assert!(parse("id;1;c;-5").unwrap().contains("not a number"));
        assert!(parse("id;;c;5").unwrap().contains("application id"));
        assert!(parse("id;1;5").unwrap().contains("four fields"));
    }
}
