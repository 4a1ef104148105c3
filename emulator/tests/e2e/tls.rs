//! TLS: suites, pre-shared keys, client certificates. [emulator.md §1]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};
use serde_json::json;

use crate::client::{Client, Connect, LAMP, LAMP_2, LAMP_KEY, tcp};
use crate::hub::{Hub, PROGRAM, REGISTRY, hub, start_in};

type Outcome = Result<SslStream<TcpStream>, String>;

fn builder() -> SslContextBuilder {
    let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    builder
}

fn handshake(hub: &Hub, listener: &str, context: &SslContext) -> Outcome {
    let mut ssl = Ssl::new(context).unwrap();
    ssl.set_hostname("A1B2C3D4E5.iotcloud.tencentdevices.com").unwrap();
    ssl.connect(tcp(hub, listener)).map_err(|e| e.to_string())
}

/// TLS 1.2 with one suite, and a pre-shared key if the identity is given.
fn with_suite(hub: &Hub, listener: &str, suite: &str, identity: Option<(&str, &str)>) -> Outcome {
    let mut builder = builder();
    builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    builder.set_cipher_list(suite).unwrap();
    if let Some((identity, key)) = identity {
        let (identity, key) = (identity.to_owned() + "\0", BASE64.decode(key).unwrap());
        builder.set_psk_client_callback(move |_, _, name, secret| {
            name[..identity.len()].copy_from_slice(identity.as_bytes());
            secret[..key.len()].copy_from_slice(&key);
            Ok(key.len())
        });
    }
    handshake(hub, listener, &builder.build())
}

/// Return code of a CONNECT without a password, as the SDK sends it over TLS with a key or a certificate.
fn code(stream: SslStream<TcpStream>, client_id: &str) -> u8 {
    let user = format!("{client_id};21010406;a1B2c;92233720368547758");
    let mut client = Client::over(stream, false);
    client.send(&Connect::with(client_id, Some(&user), None).bytes());
    client.packet()[3]
}

#[test]
fn every_suite_of_the_contract() {
    let hub = hub();
    let psk = Some((LAMP, LAMP_KEY));
    let mut connections = 0;
    for listener in ["mqtts", "wss"] {
        for (suite, identity) in [
            ("PSK-AES128-CBC-SHA", psk),
            ("PSK-AES256-CBC-SHA", psk),
            ("PSK-AES128-GCM-SHA256", psk),
            ("PSK-AES256-GCM-SHA384", psk),
            ("AES128-SHA", None),
            ("ECDHE-RSA-AES128-GCM-SHA256", None),
            ("ECDHE-RSA-AES256-GCM-SHA384", None),
            ("ECDHE-RSA-CHACHA20-POLY1305", None),
        ] {
            let stream = with_suite(&hub, listener, suite, identity).unwrap();
            assert_eq!(stream.ssl().current_cipher().unwrap().name(), suite);
            connections += 1;
            let event = hub.wait("type=tls", connections).pop().unwrap();
            assert_eq!((&event["version"], &event["suite"]), (&json!("TLSv1.2"), &json!(suite)));
            assert_eq!(event["psk_identity"], json!(identity.map(|i| i.0)));
        }
    }
}

#[test]
fn the_original_sdks_offer_on_8883_takes_the_key() {
    // auth.md §3.3: PSK first, RSA key exchange last; no password follows.
    let hub = hub();
    let offer = "PSK-AES128-CBC-SHA:PSK-AES256-CBC-SHA:AES128-SHA";
    let stream = with_suite(&hub, "mqtts", offer, Some((LAMP, LAMP_KEY))).unwrap();
    assert_eq!(stream.ssl().current_cipher().unwrap().name(), "PSK-AES128-CBC-SHA");
    assert_eq!(code(stream, LAMP), 0);
    // The key is one device's, the CONNECT another's.
    let stream = with_suite(&hub, "mqtts", offer, Some((LAMP, LAMP_KEY))).unwrap();
    assert_eq!(code(stream, LAMP_2), 5);
}

#[test]
fn wrong_identity_and_wrong_key_fail_the_handshake() {
    let hub = hub();
    let error =
        with_suite(&hub, "mqtts", "PSK-AES128-CBC-SHA", Some(("A1B2C3D4E5nobody", LAMP_KEY))).unwrap_err();
    assert!(error.contains("unknown psk identity"), "{error}");
    assert!(with_suite(&hub, "mqtts", "PSK-AES128-CBC-SHA", Some((LAMP_2, LAMP_KEY))).is_err());
    assert!(with_suite(&hub, "mqtts", "PSK-AES128-CBC-SHA", Some(("CERTDEMO01lock-1", LAMP_KEY))).is_err());
    assert_eq!(hub.wait("type=tls_error", 3).len(), 3);
}

#[test]
fn tls_without_key_or_certificate_needs_the_password() {
    let hub = hub();
    assert_eq!(code(with_suite(&hub, "mqtts", "AES128-SHA", None).unwrap(), LAMP), 4);
    for listener in ["mqtts", "wss"] {
        Client::connected(&hub, listener, LAMP, LAMP_KEY);
    }
}

#[test]
fn a_resumed_key_session_still_proves_the_device() {
    let hub = hub();
    let file = hub.dir.path().join("session");
    let key = hex::encode(BASE64.decode(LAMP_KEY).unwrap());
    let s_client = || {
        let mut command = Command::new("openssl");
        command.args([
            "s_client",
            "-tls1_2",
            "-cipher",
            "PSK-AES128-CBC-SHA",
            "-psk",
            &key,
            "-psk_identity",
            LAMP,
        ]);
        command.args(["-connect", &format!("127.0.0.1:{}", hub.port("mqtts"))]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    let first = s_client().arg("-sess_out").arg(&file).stdin(Stdio::null()).output().unwrap();
    assert!(first.status.success() && file.exists(), "{first:?}");

    let mut second = s_client().args(["-quiet", "-no_ign_eof", "-sess_in"]).arg(&file).spawn().unwrap();
    let user = format!("{LAMP};21010406;a1B2c;92233720368547758");
    let connect = Connect::with(LAMP, Some(&user), None).bytes();
    let mut input = second.stdin.take().unwrap();
    input.write_all(&connect).unwrap();
    let mut answer = [0; 4];
    second.stdout.take().unwrap().read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0]);
    let sessions = hub.wait("type=tls", 2);
    assert_eq!((&sessions[0]["resumed"], &sessions[1]["resumed"]), (&json!(false), &json!(true)));
    assert_eq!(sessions[1]["psk_identity"], LAMP);
    drop(input);
    second.wait().unwrap();
}

#[test]
fn versions() {
    let hub = hub();
    let mut old = builder();
    old.set_security_level(0);
    old.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    old.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    assert!(handshake(&hub, "mqtts", &old.build()).is_err());
    let mut new = builder();
    new.set_min_proto_version(Some(SslVersion::TLS1_3)).unwrap();
    let stream = handshake(&hub, "wss", &new.build()).unwrap();
    assert_eq!(stream.ssl().version_str(), "TLSv1.3");
}

#[test]
fn the_server_is_verified_with_the_printed_authority() {
    let hub = hub();
    let printed =
        Command::new(PROGRAM).args(["ca", "--config"]).arg(hub.dir.path().join("hub.toml")).output().unwrap();
    let file = hub.dir.path().join("ca.pem");
    std::fs::write(&file, printed.stdout).unwrap();
    for (name, good) in [
        ("7CN3UQ4VGT.iotcloud.tencentdevices.com", true),
        ("7CN3UQ4VGT.us-east.iotcloud.tencentdevices.com", true),
        ("7CN3UQ4VGT.ap-guangzhou.iothub.tencentdevices.com", true),
        ("7CN3UQ4VGT.europe.iothub.tencentdevices.com", true),
        ("ap-bangkok.gateway.tencentdevices.com", true),
        ("localhost", true),
        ("example.com", false),
    ] {
        let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
        builder.set_verify(SslVerifyMode::PEER);
        builder.set_ca_file(&file).unwrap();
        let mut ssl = Ssl::new(&builder.build()).unwrap();
        ssl.param_mut().set_host(name).unwrap();
        assert_eq!(ssl.connect(tcp(&hub, "wss")).is_ok(), good, "{name}");
    }
    for address in ["127.0.0.1", "::1"] {
        let mut builder = SslContext::builder(SslMethod::tls_client()).unwrap();
        builder.set_verify(SslVerifyMode::PEER);
        builder.set_ca_file(&file).unwrap();
        let mut ssl = Ssl::new(&builder.build()).unwrap();
        ssl.param_mut().set_ip(address.parse().unwrap()).unwrap();
        assert!(ssl.connect(tcp(&hub, "mqtts")).is_ok(), "{address}");
    }
}

fn with_certificate(hub: &Hub, certificate: &Path, key: &Path, version: SslVersion) -> Outcome {
    let mut builder = builder();
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.set_certificate_file(certificate, SslFiletype::PEM).unwrap();
    builder.set_private_key_file(key, SslFiletype::PEM).unwrap();
    handshake(hub, "mqtts", &builder.build())
}

#[test]
fn issued_certificates() {
    let hub = hub();
    let certificate = hub.state("devices/CERTDEMO01_lock-1.cert.pem");
    let key = hub.state("devices/CERTDEMO01_lock-1.key.pem");
    let shown = hub.get("/devices/CERTDEMO01/lock-1");
    assert!(shown["device"]["certificate_file"].as_str().unwrap().ends_with("CERTDEMO01_lock-1.cert.pem"));
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let connect = || with_certificate(&hub, &certificate, &key, version).unwrap();
        assert_eq!(code(connect(), "CERTDEMO01lock-1"), 0);
        assert_eq!(code(connect(), "CERTDEMO01lock-2"), 5);
        assert_eq!(code(connect(), LAMP), 5);
    }
}

/// A self-signed certificate with its key, as files.
fn self_signed(dir: &Path, name: &str) -> X509 {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    let subject = subject.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(&subject).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = builder.build();
    std::fs::write(dir.join(format!("{name}.cert")), certificate.to_pem().unwrap()).unwrap();
    std::fs::write(dir.join(format!("{name}.key")), key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    certificate
}

#[test]
fn registered_and_unknown_certificates() {
    let dir = tempfile::tempdir().unwrap();
    self_signed(dir.path(), "mine");
    self_signed(dir.path(), "CERTDEMO01lock-1");
    let device = "\n[[device]]\nproduct = \"CERTDEMO01\"\nname = \"lock-3\"\ncert = \"mine.cert\"\n";
    std::fs::write(dir.path().join("hub.toml"), REGISTRY.to_owned() + device).unwrap();
    let hub = start_in(dir);
    let file = |name: &str| hub.dir.path().join(name);
    let connect = |name: &str, version| {
        with_certificate(&hub, &file(&format!("{name}.cert")), &file(&format!("{name}.key")), version)
    };
    // Registered by its fingerprint, whatever its name is.
    assert_eq!(code(connect("mine", SslVersion::TLS1_2).unwrap(), "CERTDEMO01lock-3"), 0);
    assert_eq!(code(connect("mine", SslVersion::TLS1_2).unwrap(), "CERTDEMO01lock-1"), 5);
    // The right name, but nobody knows who signed it.
    assert!(connect("CERTDEMO01lock-1", SslVersion::TLS1_2).is_err());
    assert_eq!(hub.wait("type=tls_error", 1).len(), 1);
}

#[test]
fn plain_bytes_on_a_tls_port_disturb_nobody() {
    let hub = hub();
    let mut stranger = tcp(&hub, "mqtts");
    stranger.write_all(&Connect::signed(LAMP, LAMP_KEY).bytes()).unwrap();
    let mut answer = Vec::new();
    // An alert, then the end; a reset will do as well.
    let _ = stranger.read_to_end(&mut answer);
    assert_ne!(answer.first(), Some(&0x20));
    hub.wait("type=tls_error", 1);
    Client::connected(&hub, "mqtts", LAMP, LAMP_KEY);
}
