//! Handshakes: suites, versions, limits, failures and resumption (hal.md §8, auth.md §3.3, websocket.md §6).
#![cfg(not(feature = "auth_with_notls"))]

#[path = "support/server.rs"]
mod server;
mod support;
#[path = "support/tls.rs"]
mod tls;

use openssl::ssl::{SslOptions, SslVersion};
use server::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::ptr;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use support::{Waiter, assert_took, c, has_aes, take_log, timed};
use tls::*;

/// Tells the client what was negotiated: version, suite, and whether the session was resumed.
fn telling(builder: openssl::ssl::SslAcceptorBuilder) -> Server {
    Server::new(builder, |mut stream| {
        let ssl = stream.ssl();
        let suite = ssl.current_cipher().unwrap().standard_name().unwrap().to_owned();
        let name = ssl.servername(openssl::ssl::NameType::HOST_NAME).unwrap_or("-").to_owned();
        let resumed = if ssl.session_reused() { "resumed" } else { "full" };
        let text = format!("{} {suite} {name} {resumed}\n", ssl.version_str());
        let _ = stream.write_all(text.as_bytes());
        let _ = stream.shutdown();
        let _ = stream.read(&mut [0; 16]);
    })
}

fn told(tls: &Tls) -> String {
    String::from_utf8(tls.read(1000, 3000).1).unwrap()
}

fn open(suites: i32, port: u16) -> Result<Tls, i32> {
    Tls::open(&mut params(), &mut options(OFF, suites), "localhost", port)
}

#[test]
fn modern_servers_get_modern_suites() {
    let pki = Pki::new("modern");
    let server = telling(usual(&pki));
    for suites in [SUITES_MODERN, SUITES_COMPATIBLE] {
        let text = told(&open(suites, server.port).unwrap());
        assert!(text.starts_with("TLSv1.3 TLS_"), "{text}");
        assert!(text.ends_with(" localhost full\n"), "SNI: {text}");
    }
    let mut builder = usual(&pki);
    builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    let server = telling(builder);
    let text = told(&open(SUITES_COMPATIBLE, server.port).unwrap());
    assert!(text.starts_with("TLSv1.2 TLS_ECDHE_ECDSA_WITH_"), "{text}");
    // An address is no name for SNI (RFC 6066 §3).
    let tls = Tls::open(&mut params(), &mut options(OFF, SUITES_MODERN), "127.0.0.1", server.port).unwrap();
    assert!(told(&tls).contains(" - "));
}

/// 0x002F is the one suite that the reference log proves: the last resort, and only where it is allowed.
#[test]
fn old_server_is_reached_by_rsa_key_exchange_only_if_allowed() {
    let pki = Pki::new("old");
    let leaf = pki.leaf(&Wish::default(), rsa_key());
    for (list, name) in [
        ("AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA"),
        ("AES128-GCM-SHA256", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
    ] {
        let mut builder = acceptor(&pki, &leaf);
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_cipher_list(list).unwrap();
        let server = telling(builder);
        assert_eq!(
            told(&open(SUITES_COMPATIBLE, server.port).unwrap()),
            format!("TLSv1.2 {name} localhost full\n")
        );
        // A plain connect without anchors offers it, too.
        assert!(Tls::connect(&mut params(), "localhost", server.port).is_some());
        take_log();
        let mut options = options(OFF, SUITES_MODERN);
        assert_eq!(Tls::open(&mut params(), &mut options, "localhost", server.port).unwrap_err(), -703);
        assert_eq!(cause(&options), "TLS handshake: server sent alert 40 (handshake_failure)");
        assert!(take_log().last().unwrap().starts_with("1|HAL_TLS_mbedtls.c|HAL_TLS_Connect: connect to "));
    }
}

#[test]
fn nothing_below_tls_1_2() {
    let pki = Pki::new("below");
    let mut builder = acceptor(&pki, &pki.leaf(&Wish::default(), rsa_key()));
    builder.clear_options(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1);
    builder.set_min_proto_version(Some(SslVersion::TLS1)).unwrap();
    builder.set_max_proto_version(Some(SslVersion::TLS1_1)).unwrap();
    builder.set_cipher_list("ALL:@SECLEVEL=0").unwrap();
    let server = telling(builder);
    assert_eq!(open(SUITES_COMPATIBLE, server.port).unwrap_err(), -703);
}

#[cfg(not(feature = "auth_mode_cert"))]
mod psk {
    use super::*;
    use openssl::ssl::{SslAcceptor, SslMethod};
    use std::ffi::c_char;

    const KEY: [u8; 48] = *b"0123456789abcdef0123456789abcdef0123456789abcdef";

    fn server(list: &str, length: usize) -> Server {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        builder.set_cipher_list(list).unwrap();
        builder.set_psk_server_callback(move |_, identity, key| {
            if identity != Some(b"PRODUCTdev_01".as_slice()) {
                return Ok(0);
            }
            key[..length].copy_from_slice(&KEY[..length]);
            Ok(length)
        });
        telling(builder)
    }

    fn with_psk(identity: &str, key: &[u8]) -> Params {
        let mut params = params();
        params.psk = key.as_ptr().cast();
        params.psk_length = key.len();
        for (to, from) in params.psk_id.iter_mut().zip(identity.bytes()) {
            *to = from as c_char;
        }
        params
    }

    #[test]
    fn devices_with_a_key_use_it() {
        for (list, name) in [
            ("PSK-AES128-CBC-SHA", "TLS_PSK_WITH_AES_128_CBC_SHA"),
            ("PSK-AES256-CBC-SHA", "TLS_PSK_WITH_AES_256_CBC_SHA"),
            ("PSK", "TLS_PSK_WITH_AES_"),
        ] {
            for length in [1, 16, 33, 48] {
                let server = server(list, length);
                let mut params = with_psk("PRODUCTdev_01", &KEY[..length]);
                let tls = Tls::connect(&mut params, "localhost", server.port).unwrap();
                let text = told(&tls);
                assert!(text.starts_with(&format!("TLSv1.2 {name}")), "{text}");
                assert!(list != "PSK" || text.contains("_GCM_"), "GCM comes first: {text}");
                let mut options = options(OFF, SUITES_PSK);
                assert!(Tls::open(&mut params, &mut options, "localhost", server.port).is_ok());
            }
        }
    }

    #[test]
    fn wrong_key_or_identity_fails() {
        let server = server("PSK", 16);
        take_log();
        assert!(
            Tls::connect(&mut with_psk("PRODUCTdev_01", &KEY[1..17]), "localhost", server.port).is_none()
        );
        assert!(Tls::connect(&mut with_psk("somebody", &KEY[..16]), "localhost", server.port).is_none());
        let lines = take_log();
        assert!(lines.iter().filter(|line| line.starts_with("1|")).count() == 2, "{lines:?}");
        assert!(lines.iter().all(|line| !line.contains("0123456789")), "no key in the log");
    }

    /// Never an unauthenticated RSA suite where a PSK authenticates the server (auth.md §3.3).
    #[test]
    fn certificate_server_is_refused_in_psk_mode() {
        let pki = Pki::new("pskrsa");
        let mut builder = acceptor(&pki, &pki.leaf(&Wish::default(), rsa_key()));
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
        builder.set_cipher_list("AES128-SHA:ECDHE+AESGCM").unwrap();
        let server = telling(builder);
        assert!(Tls::connect(&mut with_psk("PRODUCTdev_01", &KEY[..16]), "localhost", server.port).is_none());
    }

    #[test]
    fn unusable_psk_is_a_credential_error() {
        let server = server("PSK", 16);
        for key in [&KEY[..0], &[0u8; 49]] {
            let mut options = options(OFF, SUITES_PSK);
            let mut params = with_psk("PRODUCTdev_01", key);
            assert_eq!(Tls::open(&mut params, &mut options, "localhost", server.port).unwrap_err(), -702);
        }
        let mut options = options(OFF, SUITES_PSK);
        let mut params = with_psk("x", &KEY[..16]);
        params.psk_id.fill(b'x' as c_char);
        assert_eq!(Tls::open(&mut params, &mut options, "localhost", server.port).unwrap_err(), -702);
        assert_eq!(cause(&options), "PSK identity too long");
    }
}

#[cfg(feature = "auth_mode_cert")]
mod client_certificate {
    use super::*;
    use openssl::ssl::SslVerifyMode;
    use openssl::x509::store::X509StoreBuilder;

    fn server(pki: &Pki, version: SslVersion) -> Server {
        let mut builder = usual(pki);
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        let mut store = X509StoreBuilder::new().unwrap();
        store.add_cert(pki.root.cert.clone()).unwrap();
        store.add_cert(pki.middle.cert.clone()).unwrap();
        builder.set_cert_store(store.build());
        builder.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        Server::new(builder, |mut stream| {
            let cert = stream.ssl().peer_certificate().unwrap();
            let name = cert.subject_name().entries().last().unwrap().data().to_string().unwrap();
            let _ = stream.write_all(name.as_bytes());
            let _ = stream.shutdown();
            let _ = stream.read(&mut [0; 16]);
        })
    }

    #[test]
    fn device_shows_its_certificate() {
        let pki = Pki::new("client");
        for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
            let server = server(&pki, version);
            for key in [rsa_key(), ec_key()] {
                let wish = Wish { name: "dev_01", hosts: &[], client_only: true, ..Wish::default() };
                let device = pki.leaf(&wish, key);
                let cert = c(&pki.file("dev.crt", &device.cert.to_pem().unwrap()));
                let key = c(&pki.file("dev.key", &device.key.private_key_to_pem_pkcs8().unwrap()));
                let mut params = params();
                (params.cert_file, params.key_file) = (cert.as_ptr(), key.as_ptr());
                assert_eq!(told(&Tls::connect(&mut params, "localhost", server.port).unwrap()), "dev_01");
                assert!(
                    Tls::open(&mut params, &mut options(OFF, SUITES_MODERN), "localhost", server.port)
                        .is_ok()
                );
            }
        }
    }

    #[test]
    fn unusable_files_are_named() {
        let pki = Pki::new("badclient");
        let server = server(&pki, SslVersion::TLS1_2);
        let device = pki.leaf(&Wish::default(), rsa_key());
        let cert = pki.file("dev.crt", &device.cert.to_pem().unwrap());
        let key = pki.file("dev.key", &device.key.private_key_to_pem_pkcs8().unwrap());
        let other = pki.file("other.key", &rsa_key().private_key_to_pem_pkcs8().unwrap());
        let junk = pki.file("junk", b"no PEM");
        let locked = openssl::symm::Cipher::aes_128_cbc();
        let locked = device.key.private_key_to_pem_pkcs8_passphrase(locked, b"secret").unwrap();
        let locked = pki.file("locked.key", &locked);
        let cases = [
            (cert.as_str(), "/no/such/key", "No such file or directory: /no/such/key"),
            ("/no/such/cert", key.as_str(), "No such file or directory: /no/such/cert"),
            (cert.as_str(), other.as_str(), "certificate and key do not belong together"),
            (cert.as_str(), junk.as_str(), "private key not usable"),
            (cert.as_str(), locked.as_str(), "private key not usable"),
            (junk.as_str(), key.as_str(), "certificate not usable"),
        ];
        for (cert, key, expected) in cases {
            let (cert, key) = (c(cert), c(key));
            let mut params = params();
            (params.cert_file, params.key_file) = (cert.as_ptr(), key.as_ptr());
            let mut options = options(OFF, SUITES_MODERN);
            assert_eq!(Tls::open(&mut params, &mut options, "localhost", server.port).unwrap_err(), -702);
            assert!(cause(&options).starts_with(expected), "{}", cause(&options));
        }
        let mut params = params();
        let mut options = options(OFF, SUITES_MODERN);
        let result = Tls::open(&mut params, &mut options, "localhost", server.port);
        assert_eq!(result.unwrap_err(), -703, "the server wants a certificate");
        assert_eq!(cause(&options), "TLS handshake: server sent alert 40 (handshake_failure)");
    }
}

#[test]
fn tcp_failures_have_their_codes() {
    let open = |host: &str, port| {
        let mut options = options(OFF, SUITES_MODERN);
        options.connect_timeout_ms = 2000;
        (Tls::open(&mut params(), &mut options, host, port).unwrap_err(), cause(&options))
    };
    let (code, cause) = open("no-such-host.invalid", 443);
    assert_eq!(code, -602);
    assert!(cause.starts_with("host not resolved: "), "{cause}");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(open("127.0.0.1", port), (-603, "Connection refused".to_owned()));
    let mut handle = 7;
    // SAFETY: NULLs and a port out of range are allowed.
    unsafe {
        let mut options = options(OFF, SUITES_MODERN);
        let host = c"localhost".as_ptr();
        assert_eq!(HAL_TLS_Open(ptr::null_mut(), &mut options, host, 443, &mut handle), -701);
        assert_eq!(HAL_TLS_Open(&mut params(), ptr::null_mut(), host, 443, &mut handle), -701);
        assert_eq!(HAL_TLS_Open(&mut params(), &mut options, ptr::null(), 443, &mut handle), -602);
        assert_eq!(HAL_TLS_Open(&mut params(), &mut options, host, 70_000, &mut handle), -603);
        assert_eq!(handle, 0);
        assert_eq!(HAL_TLS_Connect(ptr::null_mut(), host, 443), 0);
        assert_eq!(HAL_TLS_Connect(&mut params(), ptr::null(), 443), 0);
    }
}

/// A server that accepts and then says nothing, or not TLS.
#[test]
fn silent_and_foreign_servers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut quick = options(OFF, SUITES_MODERN);
    quick.handshake_timeout_ms = 200;
    let (result, took) = timed(|| Tls::open(&mut params(), &mut quick, "127.0.0.1", port).unwrap_err());
    assert_eq!(result, -704);
    assert_took(took, 200);
    assert_eq!(cause(&quick), "TLS handshake: no answer within the time limit");
    // The plain function: one limit for connect and handshake.
    let mut params = params();
    params.timeout_ms = 150;
    let (result, took) = timed(|| Tls::connect(&mut params, "127.0.0.1", port).is_none());
    assert!(result);
    assert_took(took, 150);
    // A wake ends the handshake, stays pending, and is no error in the log.
    let waiter = Waiter::new();
    let mut woken = options(OFF, SUITES_MODERN);
    woken.waiter = waiter.0;
    take_log();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(50));
            waiter.wake();
        });
        let (result, took) = timed(|| Tls::open(&mut params, &mut woken, "127.0.0.1", port).unwrap_err());
        assert_eq!(result, -703);
        assert!(took < Duration::from_millis(300), "{took:?}");
    });
    assert_eq!(waiter.sleep(0), 1);
    assert!(take_log().iter().all(|line| !line.starts_with("1|")));

    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = socket.read(&mut [0; 2000]);
        }
    });
    let mut options = options(OFF, SUITES_MODERN);
    assert_eq!(Tls::open(&mut params, &mut options, "127.0.0.1", port).unwrap_err(), -703);
    assert!(cause(&options).starts_with("TLS handshake: "), "{}", cause(&options));
}

#[test]
fn sessions_are_resumed() {
    let pki = Pki::new("resume");
    let bundle = c(&pki.bundle());
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut builder = usual(&pki);
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        let server = telling(builder);
        let mut kept = Kept(ptr::null_mut());
        let mut connect = |verify| {
            let mut options = options(verify, SUITES_MODERN);
            options.ca_file = bundle.as_ptr();
            options.session = &mut kept.0;
            let tls = Tls::open(&mut params(), &mut options, "localhost", server.port).unwrap();
            assert!(!options.verify_failed);
            told(&tls).split(' ').next_back().unwrap().trim().to_owned()
        };
        assert_eq!(connect(REQUIRE), "full");
        assert_eq!(connect(REQUIRE), "resumed");
        assert_eq!(connect(REQUIRE), "resumed", "again, with the ticket of the resumed session");
        assert_eq!(connect(REPORT), "resumed");
    }
}

/// A session that was made without verification does not replace one.
#[test]
fn unverified_session_is_not_resumed_when_the_server_must_verify() {
    let pki = Pki::new("unverified");
    let server = telling(usual(&pki));
    let mut kept = Kept(ptr::null_mut());
    let mut connect = |verify| {
        let mut options = options(verify, SUITES_MODERN);
        let empty = c(&pki.file("none.pem", b""));
        options.ca_file = empty.as_ptr();
        options.session = &mut kept.0;
        let result = Tls::open(&mut params(), &mut options, "localhost", server.port);
        (result.map(|tls| told(&tls).contains("resumed")), options.verify_failed)
    };
    assert_eq!(connect(OFF), (Ok(false), false));
    assert_eq!(connect(OFF), (Ok(true), false));
    assert_eq!(connect(REPORT), (Ok(false), true), "the failure is reported, not skipped");
    assert_eq!(connect(REPORT), (Ok(false), true));
    assert_eq!(connect(REQUIRE), (Err(-702), true));
}

/// A session must never be the reason for a failure: a server that forgot it, another server, one that breaks on it.
#[test]
fn useless_sessions_do_no_harm() {
    let pki = Pki::new("useless");
    let (first, second) = (telling(usual(&pki)), telling(usual(&pki)));
    let mut kept = Kept(ptr::null_mut());
    let mut connect = |host: &str, port| {
        let mut options = options(OFF, SUITES_MODERN);
        options.session = &mut kept.0;
        Tls::open(&mut params(), &mut options, host, port).map(|tls| told(&tls).contains("resumed"))
    };
    assert_eq!(connect("localhost", first.port), Ok(false));
    assert_eq!(connect("localhost", first.port), Ok(true));
    assert_eq!(connect("localhost", second.port), Ok(false));
    assert_eq!(connect("127.0.0.1", second.port), Ok(false), "another name");

    // In front of the server, something that breaks every hello with a session in it.
    let breaker = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = breaker.local_addr().unwrap().port();
    let broken = Arc::new(Mutex::new(0));
    let count = broken.clone();
    let target = first.port;
    thread::spawn(move || {
        for client in breaker.incoming() {
            let (mut client, count) = (client.unwrap(), count.clone());
            thread::spawn(move || {
                let mut hello = vec![0; 4096];
                let length = client.read(&mut hello).unwrap();
                if extensions(&hello[..length]).contains(&PRE_SHARED_KEY) {
                    *count.lock().unwrap() += 1;
                    let _ = client.write_all(&[21, 3, 3, 0, 2, 2, 80]);
                    return;
                }
                let mut server = std::net::TcpStream::connect(("127.0.0.1", target)).unwrap();
                server.write_all(&hello[..length]).unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let back = thread::spawn(move || std::io::copy(&mut from, &mut to));
                let _ = std::io::copy(&mut client, &mut server);
                let _ = server.shutdown(std::net::Shutdown::Write);
                let _ = back.join();
            });
        }
    });
    assert_eq!(connect("localhost", port), Ok(false));
    assert_eq!(connect("localhost", port), Ok(false), "the second attempt goes without the session");
    assert_eq!(*broken.lock().unwrap(), 1);
}

#[test]
fn hello_is_one_segment_and_offers_no_psk_on_certificate_suites() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut hello = vec![0; 4096];
        let length = socket.read(&mut hello).unwrap();
        hello.truncate(length);
        hello
    });
    let mut options = options(OFF, SUITES_COMPATIBLE);
    options.handshake_timeout_ms = 500;
    assert_eq!(Tls::open(&mut params(), &mut options, "localhost", port).unwrap_err(), -703);
    let hello = server.join().unwrap();
    let offered = suites(&hello);
    // What this processor does best, then RSA key exchange and the renegotiation SCSV.
    let best = if has_aes() {
        [0x1301, 0x1303, 0x1302, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC02C, 0xC030]
    } else {
        [0x1303, 0x1301, 0x1302, 0xCCA9, 0xCCA8, 0xC02B, 0xC02F, 0xC02C, 0xC030]
    };
    assert_eq!(offered, [&best[..], &[0x009C, 0x002F, 0x00FF]].concat());
    assert_eq!(
        usize::from(u16::from_be_bytes([hello[3], hello[4]])) + 5,
        hello.len(),
        "one write, one record"
    );
}

/// RFC 8446 §4.2.11.
const PRE_SHARED_KEY: u16 = 41;

/// The number at a place in a hello.
fn number(hello: &[u8], at: usize) -> usize {
    usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]))
}

/// Where the list of suites begins: behind record and message headers, version, random and session id.
fn suites_at(hello: &[u8]) -> usize {
    let session = 5 + 4 + 2 + 32;
    session + 1 + usize::from(hello[session])
}

fn suites(hello: &[u8]) -> Vec<u16> {
    let start = suites_at(hello);
    (start + 2..start + 2 + number(hello, start)).step_by(2).map(|at| number(hello, at) as u16).collect()
}

fn extensions(hello: &[u8]) -> Vec<u16> {
    let suites = suites_at(hello);
    let compression = suites + 2 + number(hello, suites);
    let start = compression + 1 + usize::from(hello[compression]);
    let (mut at, end) = (start + 2, start + 2 + number(hello, start));
    let mut kinds = Vec::new();
    while at < end {
        kinds.push(number(hello, at) as u16);
        at += 4 + number(hello, at + 2);
    }
    kinds
}
