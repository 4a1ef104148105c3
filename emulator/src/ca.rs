//! The hub's two certificate authorities: one signs the server's certificate, the other the certificates of devices.

use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use crate::registry::DeviceId;
use crate::state::write_private;

/// Public host names a device may be told to reach; `auth.md` §4.2.
const SERVER_NAMES: [&str; 8] = [
    "*.iotcloud.tencentdevices.com",
    "*.us-east.iotcloud.tencentdevices.com",
    "*.ap-guangzhou.iothub.tencentdevices.com",
    "*.us-east.iothub.tencentdevices.com",
    "*.europe.iothub.tencentdevices.com",
    "*.ap-bangkok.iothub.tencentdevices.com",
    "*.gateway.tencentdevices.com",
    "localhost",
];
const SERVER_ADDRESSES: [&str; 2] = ["127.0.0.1", "::1"];

/// Ten years: a test set-up must not stop working by itself.
const VALID_DAYS: u32 = 3650;

/// A key with its certificate.
#[derive(Clone)]
pub struct Identity {
    pub certificate: X509,
    pub key: PKey<Private>,
}

/// What the hub keeps of a device's certificate.
#[derive(Clone)]
pub struct Certificate {
    /// SHA-256 of the DER form.
    pub fingerprint: [u8; 32],
    /// SubjectPublicKeyInfo, DER.
    pub public_key: Vec<u8>,
    /// What a gateway may sign a binding with, lower-case hex: MD5 of the file, SHA-1 of the file, SHA-1 of the DER form; `gateway.md` §6.
    pub digests: Vec<String>,
}

/// A certificate made for a device.
pub struct Issued {
    pub certificate: Certificate,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

/// Both authorities and the server's certificate, kept in the state directory.
#[derive(Clone)]
pub struct Authorities {
    state_dir: PathBuf,
    pub server_ca: Identity,
    pub server: Identity,
    pub device_ca: Identity,
}

impl Authorities {
    /// Opens the authorities of the state directory, making what is missing.
    pub fn open(state_dir: &Path) -> Result<Authorities, String> {
        let dir = state_dir.join("ca");
        let server_ca = stored(&dir, "server-ca", || authority("IoT Hub Emulator Server CA"))?;
        let device_ca = stored(&dir, "device-ca", || authority("IoT Hub Emulator Device CA"))?;
        let server = stored(&dir, "server", || {
            // An RSA key: AES128-SHA, which the original SDK offers, needs RSA key exchange.
            let key = PKey::from_rsa(Rsa::generate(2048)?)?;
            server_identity(
                &server_ca,
                key,
                "*.iotcloud.tencentdevices.com",
                &SERVER_NAMES,
                &SERVER_ADDRESSES,
            )
        })?;
        Ok(Authorities { state_dir: state_dir.to_owned(), server_ca, server, device_ca })
    }

    /// Certificate and key of a device: those issued before, else new ones.
    pub fn issue(&self, device: &DeviceId) -> Result<Issued, String> {
        let dir = self.state_dir.join("devices");
        let name = device.file_stem();
        stored(&dir, &name, || device_identity(&self.device_ca, device))?;
        let (certificate_file, key_file) = files(&dir, &name);
        Ok(Issued { certificate: Certificate::load(&certificate_file)?, certificate_file, key_file })
    }
}

impl Certificate {
    /// Reads a PEM file.
    pub fn load(file: &Path) -> Result<Certificate, String> {
        let text = std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let certificate =
            X509::from_pem(&text).map_err(|e| format!("{}: no certificate: {e}", file.display()))?;
        Certificate::of(&certificate, &text).map_err(|e| format!("{}: {e}", file.display()))
    }

    fn of(certificate: &X509, file: &[u8]) -> Result<Certificate, ErrorStack> {
        let digest = |method, bytes: &[u8]| openssl::hash::hash(method, bytes).map(hex::encode);
        Ok(Certificate {
            fingerprint: fingerprint(certificate)?,
            public_key: certificate.public_key()?.public_key_to_der()?,
            digests: vec![
                digest(MessageDigest::md5(), file)?,
                digest(MessageDigest::sha1(), file)?,
                digest(MessageDigest::sha1(), &certificate.to_der()?)?,
            ],
        })
    }
}

/// SHA-256 of a certificate's DER form.
pub fn fingerprint(certificate: &openssl::x509::X509Ref) -> Result<[u8; 32], ErrorStack> {
    let digest = certificate.digest(MessageDigest::sha256())?;
    let mut out = [0; 32];
    out.copy_from_slice(&digest);
    Ok(out)
}

/// The common name of a certificate's subject.
pub fn common_name(certificate: &openssl::x509::X509Ref) -> Option<String> {
    let entry = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next()?;
    entry.data().to_string().ok()
}

fn files(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    (dir.join(format!("{name}.cert.pem")), dir.join(format!("{name}.key.pem")))
}

fn stored(
    dir: &Path,
    name: &str,
    make: impl FnOnce() -> Result<Identity, ErrorStack>,
) -> Result<Identity, String> {
    let (certificate_file, key_file) = files(dir, name);
    if certificate_file.exists() && key_file.exists() {
        return load(&certificate_file, &key_file);
    }
    let identity = make().map_err(|e| format!("making {name}: {e}"))?;
    let certificate = identity.certificate.to_pem().map_err(|e| e.to_string())?;
    // Device SDKs read both PKCS#1 and PKCS#8; PKCS#8 is what OpenSSL writes today.
    let key = identity.key.private_key_to_pem_pkcs8().map_err(|e| e.to_string())?;
    write_private(&key_file, &key)?;
    write_private(&certificate_file, &certificate)?;
    Ok(identity)
}

fn load(certificate_file: &Path, key_file: &Path) -> Result<Identity, String> {
    let read = |file: &Path| std::fs::read(file).map_err(|e| format!("{}: {e}", file.display()));
    let bad = |file: &Path, e: ErrorStack| format!("{}: {e}", file.display());
    let certificate = X509::from_pem(&read(certificate_file)?).map_err(|e| bad(certificate_file, e))?;
    let key = PKey::private_key_from_pem(&read(key_file)?).map_err(|e| bad(key_file, e))?;
    Ok(Identity { certificate, key })
}

fn authority(name: &str) -> Result<Identity, ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut builder = blank(name, &key)?;
    builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(subject_key)?;
    let own_name = name_of(name)?;
    builder.set_issuer_name(&own_name)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok(Identity { certificate: builder.build(), key })
}

/// A server's certificate for these host names and addresses.
pub fn server_identity(
    ca: &Identity,
    key: PKey<Private>,
    common_name: &str,
    hosts: &[&str],
    addresses: &[&str],
) -> Result<Identity, ErrorStack> {
    let mut builder = blank(common_name, &key)?;
    let mut names = SubjectAlternativeName::new();
    hosts.iter().for_each(|host| {
        names.dns(host);
    });
    addresses.iter().for_each(|address| {
        names.ip(address);
    });
    let names = names.build(&builder.x509v3_context(Some(&ca.certificate), None))?;
    builder.append_extension(names)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().key_encipherment().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    signed(builder, key, ca)
}

fn device_identity(ca: &Identity, device: &DeviceId) -> Result<Identity, ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let mut builder = blank(&device.client_id(), &key)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().client_auth().build()?)?;
    signed(builder, key, ca)
}

fn signed(mut builder: X509Builder, key: PKey<Private>, ca: &Identity) -> Result<Identity, ErrorStack> {
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    let context = builder.x509v3_context(Some(&ca.certificate), None);
    let subject_key = SubjectKeyIdentifier::new().build(&context)?;
    let authority_key = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
    builder.append_extension(subject_key)?;
    builder.append_extension(authority_key)?;
    builder.set_issuer_name(ca.certificate.subject_name())?;
    builder.sign(&ca.key, MessageDigest::sha256())?;
    Ok(Identity { certificate: builder.build(), key })
}

fn blank(common_name: &str, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let serial = serial.to_asn1_integer()?;
    let (from, until) = (Asn1Time::days_from_now(0)?, Asn1Time::days_from_now(VALID_DAYS)?);
    let subject = name_of(common_name)?;
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&subject)?;
    builder.set_not_before(&from)?;
    builder.set_not_after(&until)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn name_of(common_name: &str) -> Result<openssl::x509::X509Name, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(name.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = Authorities::open(dir.path()).unwrap();
        let second = Authorities::open(dir.path()).unwrap();
        assert_eq!(
            first.server_ca.certificate.to_der().unwrap(),
            second.server_ca.certificate.to_der().unwrap()
        );
        let server = &second.server.certificate;
        assert!(server.verify(&first.server_ca.key).unwrap());
        assert_eq!(common_name(server).as_deref(), Some("*.iotcloud.tencentdevices.com"));
        let names: Vec<String> = server
            .subject_alt_names()
            .unwrap()
            .iter()
            .filter_map(|n| n.dnsname().map(String::from))
            .collect();
        assert_eq!(names, SERVER_NAMES);
    }

    #[test]
    fn a_device_gets_the_same_certificate_again() {
        let dir = tempfile::tempdir().unwrap();
        let authorities = Authorities::open(dir.path()).unwrap();
        let device = DeviceId::parse("C1B2C3D4E5/lock:1").unwrap();
        let first = authorities.issue(&device).unwrap();
        let second = authorities.issue(&device).unwrap();
        assert_eq!(first.certificate.fingerprint, second.certificate.fingerprint);
        let certificate = X509::from_pem(&std::fs::read(first.certificate_file).unwrap()).unwrap();
        assert_eq!(common_name(&certificate).as_deref(), Some("C1B2C3D4E5lock:1"));
        assert!(certificate.verify(&authorities.device_ca.key).unwrap());
        let key = PKey::private_key_from_pem(&std::fs::read(first.key_file).unwrap()).unwrap();
        assert!(certificate.public_key().unwrap().public_eq(&key));
    }
}
