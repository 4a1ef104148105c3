//! A TLS server by OpenSSL on a loopback port, with certificates made on the spot.
#![allow(dead_code, reason = "each test uses a part")]

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::*;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Name, X509NameBuilder};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A certificate with its key.
#[derive(Clone)]
pub struct Identity {
    pub cert: X509,
    pub key: PKey<Private>,
}

/// What a certificate shall say.
pub struct Wish<'a> {
    pub name: &'a str,
    pub ca: bool,
    pub hosts: &'a [&'a str],
    pub addresses: &'a [&'a str],
    /// Days from now.
    pub from: i64,
    pub to: i64,
    pub client_only: bool,
}

impl Default for Wish<'_> {
    fn default() -> Self {
        Self {
            name: "leaf",
            ca: false,
            hosts: &["localhost"],
            addresses: &[],
            from: -1,
            to: 10,
            client_only: false,
        }
    }
}

pub fn ec_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub fn rsa_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

/// A certificate for `key`, signed by `issuer`, or by itself.
pub fn issue(wish: &Wish<'_>, key: PKey<Private>, issuer: Option<&Identity>) -> Identity {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let subject = name(wish.name);
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let serial = BigNum::from_u32(SERIAL.fetch_add(1, Ordering::Relaxed) as u32).unwrap();
    builder.set_serial_number(&Asn1Integer::from_bn(&serial).unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&*subject, |i| i.cert.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    builder.set_not_before(&Asn1Time::from_unix(now + wish.from * 86400).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(now + wish.to * 86400).unwrap()).unwrap();
    if wish.ca {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    } else if !wish.hosts.is_empty() || !wish.addresses.is_empty() {
        let mut names = SubjectAlternativeName::new();
        for host in wish.hosts {
            names.dns(host);
        }
        for address in wish.addresses {
            names.ip(address);
        }
        let names = names.build(&builder.x509v3_context(None, None)).unwrap();
        builder.append_extension(names).unwrap();
    }
    if wish.client_only {
        builder.append_extension(ExtendedKeyUsage::new().client_auth().build().unwrap()).unwrap();
    }
    let signer = issuer.map_or(&key, |i| &i.key);
    builder.sign(signer, MessageDigest::sha256()).unwrap();
    Identity { cert: builder.build(), key }
}

fn name(common: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("O", "IoT tests").unwrap();
    name.append_entry_by_text("CN", common).unwrap();
    name.build()
}

/// A root, an intermediate below it, and leaves below that: the server sends leaf and intermediate.
pub struct Pki {
    pub root: Identity,
    pub middle: Identity,
    dir: PathBuf,
}

impl Pki {
    pub fn new(test: &str) -> Self {
        let root = issue(&Wish { name: "Root", ca: true, ..Wish::default() }, ec_key(), None);
        let middle = issue(&Wish { name: "Middle", ca: true, ..Wish::default() }, ec_key(), Some(&root));
        let dir = std::env::temp_dir().join(format!("iot_tls_{test}_{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self { root, middle, dir }
    }

    pub fn leaf(&self, wish: &Wish<'_>, key: PKey<Private>) -> Identity {
        issue(wish, key, Some(&self.middle))
    }

    /// Writes a file that lasts as long as this value.
    pub fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.dir.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A bundle with the root amid others, as a system's bundle has it.
    pub fn bundle(&self) -> String {
        let mut text = b"# trusted certificates\n\n".to_vec();
        for at in 0..7 {
            if at == 5 {
                text.extend(self.root.cert.to_pem().unwrap());
                text.extend(b"\r\n");
            }
            let other =
                issue(&Wish { name: &format!("Other {at}"), ca: true, ..Wish::default() }, ec_key(), None);
            text.extend(other.cert.to_pem().unwrap());
        }
        self.file("bundle.pem", &text)
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).unwrap();
    }
}

/// A server configuration that offers `leaf` and the intermediate.
pub fn acceptor(pki: &Pki, leaf: &Identity) -> SslAcceptorBuilder {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    builder.set_certificate(&leaf.cert).unwrap();
    builder.set_private_key(&leaf.key).unwrap();
    builder.add_extra_chain_cert(pki.middle.cert.clone()).unwrap();
    builder.set_session_id_context(b"iot").unwrap();
    builder
}

/// A server with the usual configuration for `localhost`.
pub fn usual(pki: &Pki) -> SslAcceptorBuilder {
    acceptor(pki, &pki.leaf(&Wish::default(), ec_key()))
}

pub type Stream = SslStream<TcpStream>;

/// Serves every connection in a thread of its own; what goes wrong in a handshake is kept for the test.
pub struct Server {
    pub port: u16,
    failures: &'static (Mutex<Vec<String>>, Condvar),
}

impl Server {
    pub fn new(builder: SslAcceptorBuilder, serve: impl Fn(Stream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let failures: &'static (Mutex<Vec<String>>, Condvar) = Box::leak(Box::default());
        let acceptor = builder.build();
        // Tests end when their process does; the threads end with it.
        let serve: &'static (dyn Fn(Stream) + Send + Sync) = Box::leak(Box::new(serve));
        thread::spawn(move || {
            for socket in listener.incoming() {
                let acceptor = acceptor.clone();
                thread::spawn(move || match acceptor.accept(socket.unwrap()) {
                    Ok(stream) => serve(stream),
                    Err(error) => {
                        failures.0.lock().unwrap().push(error.to_string());
                        failures.1.notify_all();
                    }
                });
            }
        });
        Self { port, failures }
    }

    /// Waits for the first failed handshake.
    pub fn failure(&self) -> String {
        let (failures, changed) = self.failures;
        let limit = Duration::from_secs(5);
        let waited = changed.wait_timeout_while(failures.lock().unwrap(), limit, |all| all.is_empty());
        waited.unwrap().0.first().expect("the server saw a failure").clone()
    }
}
