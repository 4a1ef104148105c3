//! Verification of the server: what each mode does with each kind of certificate (hal.md §8, decisions.md §6).
#![cfg(not(feature = "auth_with_notls"))]

#[path = "support/server.rs"]
mod server;
mod support;
#[path = "support/tls.rs"]
mod tls;

use openssl::ssl::SslVersion;
use server::*;
use std::ffi::CString;
use std::io::Write;
use support::{c, take_log};
use tls::*;

fn hello_server(builder: openssl::ssl::SslAcceptorBuilder) -> Server {
    Server::new(builder, |mut stream| {
        let _ = stream.write_all(b"hello");
        let _ = stream.shutdown();
    })
}

/// Opens with a CA file; the result and what the options report.
fn open_with(ca: &str, verify: i32, host: &str, port: u16) -> (Result<Tls, i32>, bool, String) {
    let ca = c(ca);
    let mut options = options(verify, SUITES_MODERN);
    options.ca_file = ca.as_ptr();
    let result = Tls::open(&mut params(), &mut options, host, port);
    (result, options.verify_failed, cause(&options))
}

#[test]
fn good_certificate_is_accepted_on_both_versions() {
    let pki = Pki::new("good");
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut builder = usual(&pki);
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        let server = hello_server(builder);
        take_log();
        let (result, failed, cause) = open_with(&pki.bundle(), REQUIRE, "localhost", server.port);
        let tls = result.unwrap();
        assert_eq!((failed, cause.as_str()), (false, ""));
        assert_eq!(tls.read(5, 2000), (0, b"hello".to_vec()));
        let at = format!("/localhost/{}...", server.port);
        let label = "HAL_TLS_mbedtls.c|HAL_TLS_Connect: ";
        assert_eq!(
            take_log(),
            [
                format!("4|{label}Setting up the SSL/TLS structure..."),
                format!("4|{label}Performing the SSL/TLS handshake..."),
                format!("4|{label}Connecting to {at}"),
                format!("3|{label}connected with {at}"),
            ]
        );
    }
}

/// Each defect of a certificate: its text, -702 when the server must verify, a connection when it is only reported.
#[test]
fn each_defect_has_its_text() {
    let pki = Pki::new("defects");
    let other = Pki::new("defects_other");
    let cases = [
        ("certificate expired", pki.leaf(&Wish { from: -10, to: -1, ..Wish::default() }, ec_key())),
        ("certificate not yet valid", pki.leaf(&Wish { from: 1, to: 9, ..Wish::default() }, ec_key())),
        (
            "certificate is for another host name",
            pki.leaf(&Wish { hosts: &["other.example", "*.localhost"], ..Wish::default() }, ec_key()),
        ),
        ("certificate signed by an unknown CA", other.leaf(&Wish::default(), ec_key())),
        (
            "certificate is not meant for servers",
            pki.leaf(&Wish { client_only: true, ..Wish::default() }, ec_key()),
        ),
        ("certificate signed by an unknown CA", issue(&Wish::default(), ec_key(), None)),
    ];
    let bundle = pki.bundle();
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        for (expected, leaf) in &cases {
            let mut builder = acceptor(&pki, leaf);
            builder.set_max_proto_version(Some(version)).unwrap();
            let server = hello_server(builder);
            take_log();
            let (result, failed, cause) = open_with(&bundle, REQUIRE, "localhost", server.port);
            assert_eq!((result.unwrap_err(), failed, cause.as_str()), (-702, true, *expected));
            assert_eq!(
                take_log().last().unwrap(),
                &format!(
                    "1|HAL_TLS_mbedtls.c|HAL_TLS_Connect: connect to /localhost/{} failed: server refused: {expected}",
                    server.port
                )
            );
            assert!(server.failure().contains("alert"), "the server is told: {}", server.failure());

            let (result, failed, cause) = open_with(&bundle, REPORT, "localhost", server.port);
            assert_eq!(result.unwrap().read(5, 2000), (0, b"hello".to_vec()));
            assert_eq!((failed, cause.as_str()), (true, *expected));
            assert!(take_log().iter().all(|line| !line.starts_with("1|")));

            let (result, failed, cause) = open_with(&bundle, OFF, "localhost", server.port);
            assert!(result.is_ok());
            assert_eq!((failed, cause.as_str()), (false, ""));
        }
    }
}

#[test]
fn several_defects_are_all_named() {
    let pki = Pki::new("several");
    let leaf = pki.leaf(&Wish { from: -10, to: -1, hosts: &["other.example"], ..Wish::default() }, ec_key());
    let server = hello_server(acceptor(&pki, &leaf));
    let (result, _, cause) = open_with(&pki.bundle(), REQUIRE, "localhost", server.port);
    assert_eq!(result.unwrap_err(), -702);
    assert_eq!(cause, "certificate expired, certificate is for another host name");
}

#[test]
fn wildcards_addresses_and_expired_roots() {
    let pki = Pki::new("names");
    let leaf =
        pki.leaf(&Wish { hosts: &["*.example"], addresses: &["127.0.0.1"], ..Wish::default() }, ec_key());
    let server = hello_server(acceptor(&pki, &leaf));
    assert!(open_with(&pki.bundle(), REQUIRE, "127.0.0.1", server.port).0.is_ok());
    assert_eq!(open_with(&pki.bundle(), REQUIRE, "localhost", server.port).0.unwrap_err(), -702);

    let root = issue(&Wish { name: "Old", ca: true, from: -10, to: -1, ..Wish::default() }, ec_key(), None);
    let leaf = issue(&Wish::default(), ec_key(), Some(&root));
    let server = hello_server(acceptor(&pki, &leaf));
    let old = pki.file("old.pem", &root.cert.to_pem().unwrap());
    assert_eq!(open_with(&old, REQUIRE, "localhost", server.port).2, "certificate expired");
}

/// `params.ca_crt` counts as well; a plain connect verifies with it.
#[test]
fn certificate_text_in_the_parameters() {
    let pki = Pki::new("text");
    let server = hello_server(usual(&pki));
    let root = CString::new(pki.root.cert.to_pem().unwrap()).unwrap();
    let other =
        CString::new(issue(&Wish { ca: true, ..Wish::default() }, ec_key(), None).cert.to_pem().unwrap());
    let other = other.unwrap();
    for (text, good) in [(&root, true), (&other, false)] {
        let mut params = params();
        params.ca_crt = text.as_ptr();
        params.ca_crt_len = text.as_bytes_with_nul().len() as u16;
        assert_eq!(Tls::connect(&mut params, "localhost", server.port).is_some(), good);
        // Some callers count without the terminator, and some texts end without a line end.
        params.ca_crt_len = text.as_bytes().trim_ascii_end().len() as u16;
        assert_eq!(Tls::connect(&mut params, "localhost", server.port).is_some(), good);
        let mut options = options(REQUIRE, SUITES_MODERN);
        assert_eq!(Tls::open(&mut params, &mut options, "localhost", server.port).is_ok(), good);
        // A file adds to the text.
        let bundle = c(&pki.bundle());
        options.ca_file = bundle.as_ptr();
        assert!(Tls::open(&mut params, &mut options, "localhost", server.port).is_ok());
    }
    // Without anchors a plain connect verifies nothing.
    assert!(Tls::connect(&mut params(), "localhost", server.port).is_some());
}

#[test]
fn unreadable_or_empty_files_are_named() {
    let pki = Pki::new("files");
    let server = hello_server(usual(&pki));
    let cases = [
        (String::from("/no/such/file"), "trusted certificates cannot be read: No such file or directory"),
        (pki.file("empty.pem", b""), "certificate signed by an unknown CA"),
        (
            pki.file("junk.pem", b"-----BEGIN CERTIFICATE-----\n%%%%AAAA\n-----END CERTIFICATE-----\n"),
            "certificate signed by an unknown CA",
        ),
    ];
    for (file, expected) in cases {
        let (result, failed, cause) = open_with(&file, REQUIRE, "localhost", server.port);
        assert_eq!((result.unwrap_err(), failed, cause.as_str()), (-702, true, expected));
    }
}

/// The anchor of certificate devices (auth.md §3.4).
#[test]
fn published_root_has_its_fingerprint() {
    let root = openssl::x509::X509::from_pem(include_bytes!("../certs/iothub_root.pem")).unwrap();
    let digest = root.digest(openssl::hash::MessageDigest::sha256()).unwrap();
    let hex: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(
        hex.join(":"),
        "3B:1F:A1:E1:14:9E:3F:3B:D3:72:27:30:DB:EF:9E:B7:2E:C4:B9:FD:95:55:30:63:A9:C6:0B:A6:27:78:E7:40"
    );
}

/// Every prefix of a bundle, and every changed byte, is read without harm.
#[test]
fn damaged_bundles_do_no_harm() {
    let pki = Pki::new("damaged");
    let server = hello_server(usual(&pki));
    let text = pki.root.cert.to_pem().unwrap();
    for at in (0..text.len()).step_by(37) {
        let cut = pki.file("cut.pem", &text[..at]);
        assert_eq!(open_with(&cut, REQUIRE, "localhost", server.port).0.unwrap_err(), -702);
        let mut changed = text.clone();
        changed[at] ^= 0x15;
        let changed = pki.file("changed.pem", &changed);
        let (result, failed, _) = open_with(&changed, REPORT, "localhost", server.port);
        assert!(result.is_ok());
        let _ = failed;
    }
    take_log();
}
