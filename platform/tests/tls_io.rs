//! Reading and writing over TLS: each row of the tables of hal.md §8, and the optional fast functions.
#![cfg(not(feature = "auth_with_notls"))]

#[path = "support/server.rs"]
mod server;
mod support;
#[path = "support/tls.rs"]
mod tls;

use openssl::ssl::{ShutdownState, SslVersion};
use server::*;
use std::ffi::c_void;
use std::io::{Read, Write};
use std::ptr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use support::{Waiter, assert_took, take_log, timed};
use tls::*;

/// A connection, and the server's end of it.
struct Pair {
    tls: Tls,
    peer: Stream,
    _pki: Pki,
}

fn pair(version: SslVersion) -> Pair {
    let pki = Pki::new(&format!("io{:?}", thread::current().id()));
    let mut builder = usual(&pki);
    builder.set_min_proto_version(Some(version)).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    let (sender, streams): (Sender<Stream>, Receiver<Stream>) = channel();
    let sender = Mutex::new(sender);
    let server = Server::new(builder, move |stream| sender.lock().unwrap().send(stream).unwrap());
    let tls = Tls::open(&mut params(), &mut options(OFF, SUITES_MODERN), "localhost", server.port).unwrap();
    Pair { tls, peer: streams.recv().unwrap(), _pki: pki }
}

const BOTH: [SslVersion; 2] = [SslVersion::TLS1_2, SslVersion::TLS1_3];

#[test]
fn read_of_all_bytes_of_a_part_and_of_nothing() {
    for version in BOTH {
        let Pair { tls, mut peer, .. } = pair(version);
        peer.write_all(b"hello").unwrap();
        peer.write_all(b" world").unwrap();
        let (result, took) = timed(|| tls.read(11, 3000));
        assert_eq!(result, (0, b"hello world".to_vec()));
        assert!(took < Duration::from_millis(500));

        let (result, took) = timed(|| tls.read(4, 100));
        assert_eq!(result, (-709, vec![]));
        assert_took(took, 100);

        peer.write_all(b"abc").unwrap();
        let (result, took) = timed(|| tls.read(8, 100));
        assert_eq!(result, (-707, b"abc".to_vec()));
        assert_took(took, 100);

        // No time: one look.
        let (result, took) = timed(|| tls.read(1, 0));
        assert_eq!(result, (-709, vec![]));
        assert_took(took, 0);
        assert_eq!(tls.read(0, 50), (0, vec![]));
    }
}

#[test]
fn read_at_the_end_of_the_session() {
    for version in BOTH {
        let Pair { tls, mut peer, .. } = pair(version);
        peer.write_all(b"last").unwrap();
        peer.shutdown().unwrap();
        assert_eq!(tls.read(100, 2000), (-708, b"last".to_vec()));
        assert_eq!(tls.read(100, 2000), (-708, vec![]));
        assert_eq!(tls.read_available(2000, ptr::null_mut()), (-708, vec![]));

        // An end without close_notify.
        let Pair { tls, mut peer, .. } = pair(version);
        peer.write_all(b"cut").unwrap();
        peer.get_ref().shutdown(std::net::Shutdown::Both).unwrap();
        assert_eq!(tls.read(100, 2000), (-708, b"cut".to_vec()));
        assert_eq!(tls.read(100, 2000).0, -708);
    }
}

/// A damaged record is an error, not data, and stays one.
#[test]
fn read_of_a_damaged_stream() {
    let Pair { tls, peer, .. } = pair(SslVersion::TLS1_3);
    peer.get_ref().write_all(b"\x17\x03\x03\x00\x20this is not a sealed TLS record.").unwrap();
    take_log();
    assert_eq!(tls.read(10, 2000), (-708, vec![]));
    assert_eq!(take_log(), ["1|HAL_TLS_mbedtls.c|HAL_TLS_Read: read failed: record damaged or wrong key"]);
    assert_eq!(tls.read(10, 2000), (-708, vec![]));
}

#[test]
fn write_of_all_bytes() {
    for version in BOTH {
        let Pair { tls, mut peer, .. } = pair(version);
        // Longer than one record.
        let big: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
        let sent = big.clone();
        let reader = thread::spawn(move || {
            let mut got = vec![0; sent.len()];
            peer.read_exact(&mut got).unwrap();
            assert!(got == sent);
        });
        assert_eq!(tls.write(&big, 5000), (0, big.len()));
        reader.join().unwrap();
        assert_eq!(tls.write(b"", 100), (0, 0));
        assert_eq!(tls.write(b"x", 0), (-705, 0));
    }
}

/// The rest of a write that ran out of time can be written later, and nothing is lost or doubled.
#[test]
fn write_to_a_peer_that_does_not_read_ends_in_time() {
    for version in BOTH {
        let Pair { tls, mut peer, .. } = pair(version);
        let big: Vec<u8> = (0..24u32 << 20).map(|n| (n % 249) as u8).collect();
        let ((code, written), took) = timed(|| tls.write(&big, 300));
        assert_eq!(code, -705);
        assert!(written > 0 && written < big.len());
        assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(900), "{took:?}");
        thread::scope(|scope| {
            let total = big.len();
            let reader = scope.spawn(move || {
                let mut got = vec![0; total];
                peer.read_exact(&mut got).unwrap();
                got
            });
            assert_eq!(tls.write(&big[written..], 20_000), (0, big.len() - written));
            assert!(reader.join().unwrap() == big);
        });
    }
}

#[test]
fn write_to_a_broken_connection() {
    let Pair { tls, peer, .. } = pair(SslVersion::TLS1_3);
    drop(peer);
    take_log();
    let mut code = 0;
    for _ in 0..50 {
        code = tls.write(&[0; 10_000], 500).0;
        if code != 0 {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(code, -706);
    assert!(take_log().last().unwrap().starts_with("1|HAL_TLS_mbedtls.c|HAL_TLS_Write: write failed: "));
}

#[test]
fn handle_zero_and_missing_counts() {
    // SAFETY: 0 is an allowed handle; NULL an allowed count.
    unsafe {
        assert_eq!(HAL_TLS_Read(0, [0u8; 4].as_mut_ptr(), 4, 10, ptr::null_mut()), -708);
        assert_eq!(HAL_TLS_Write(0, [0u8; 4].as_mut_ptr(), 4, 10, ptr::null_mut()), -706);
        assert_eq!(
            HAL_TLS_ReadAvailable(0, [0u8; 4].as_mut_ptr(), 4, 10, ptr::null_mut(), ptr::null_mut()),
            -708
        );
        take_log();
        HAL_TLS_Disconnect(0);
        assert_eq!(take_log(), ["4|HAL_TLS_mbedtls.c|HAL_TLS_Disconnect: no TLS connection"]);
        HAL_TLS_FreeSession(ptr::null_mut());
    }
}

#[test]
fn disconnect_says_good_bye() {
    for version in BOTH {
        let Pair { tls, mut peer, .. } = pair(version);
        drop(tls);
        assert_eq!(peer.read(&mut [0; 16]).unwrap(), 0);
        assert_eq!(peer.get_shutdown(), ShutdownState::RECEIVED);
    }
}

#[test]
fn read_available_takes_what_is_there() {
    for version in BOTH {
        let Pair { tls, mut peer, .. } = pair(version);
        assert_eq!(tls.read_available(0, ptr::null_mut()), (-709, vec![]));
        let (result, took) = timed(|| tls.read_available(80, ptr::null_mut()));
        assert_eq!(result, (-709, vec![]));
        assert_took(took, 80);

        // Many records in one burst come in few calls, and none is left when the last was handed over.
        let expected: Vec<u8> = (0..200u8).flat_map(|n| [n; 10]).collect();
        for record in expected.chunks(10) {
            peer.write_all(record).unwrap();
        }
        thread::sleep(Duration::from_millis(50));
        let (mut got, mut calls) = (Vec::new(), 0);
        while got.len() < expected.len() {
            let (code, data) = tls.read_available(2000, ptr::null_mut());
            assert_eq!(code, 0);
            got.extend(data);
            calls += 1;
        }
        assert!(got == expected);
        assert!(calls <= 5, "{calls} calls for a burst of 200 records");
        assert_eq!(tls.read_available(0, ptr::null_mut()), (-709, vec![]));

        // One record, taken in pieces: what is decrypted already needs no wait.
        peer.write_all(&[7; 5000]).unwrap();
        assert_eq!(tls.read(1000, 2000), (0, vec![7; 1000]));
        let (result, took) = timed(|| tls.read_available(2000, ptr::null_mut()));
        assert_eq!(result, (0, vec![7; 4000]));
        assert!(took < Duration::from_millis(500));
    }
}

#[test]
fn wake_ends_a_read() {
    let Pair { tls, mut peer, .. } = pair(SslVersion::TLS1_3);
    let waiter = Waiter::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(60));
            waiter.wake();
        });
        let (result, took) = timed(|| tls.read_available(10_000, waiter.0));
        assert_eq!(result, (-709, vec![]));
        assert!(took < Duration::from_millis(400), "{took:?}");
    });
    peer.write_all(b"after").unwrap();
    assert_eq!(tls.read_available(2000, waiter.0), (0, b"after".to_vec()));
    assert_eq!(waiter.sleep(0), 0, "the wake was consumed");
}

/// Defect 21 of websocket.md §10: one thread reads while others write, records never mix.
#[test]
fn threads_read_and_write_at_once() {
    const SIZE: usize = 3 << 20;
    for version in BOTH {
        let Pair { tls, peer, .. } = pair(version);
        let peer = Arc::new(Mutex::new(peer));
        let tls = &tls;
        thread::scope(|scope| {
            let echo = scope.spawn(move || {
                let mut peer = peer.lock().unwrap();
                let mut data = vec![0; 16384];
                let mut total = 0;
                while total < SIZE {
                    let count = peer.read(&mut data).unwrap();
                    assert!(count > 0);
                    peer.write_all(&data[..count]).unwrap();
                    total += count;
                }
            });
            // Two writers with blocks of one byte value each; blocks must come back whole.
            for value in [b'a', b'b'] {
                scope.spawn(move || {
                    for _ in 0..SIZE / 2 / 1024 {
                        assert_eq!(tls.write(&[value; 1024], 20_000), (0, 1024));
                    }
                });
            }
            let (code, data) = tls.read(SIZE, 40_000);
            assert_eq!((code, data.len()), (0, SIZE));
            for block in data.chunks(1024) {
                assert!(block.iter().all(|byte| *byte == block[0]));
            }
            echo.join().unwrap();
        });
    }
}

/// TLS 1.3 uses tables of the whole process in Mbed TLS: connections of several threads must not disturb each other.
#[test]
fn many_connections_at_once() {
    let pki = Pki::new("many");
    let server = Server::new(usual(&pki), |mut stream| {
        let mut data = [0; 64];
        while let Ok(count @ 1..) = stream.read(&mut data) {
            stream.write_all(&data[..count]).unwrap();
        }
    });
    let (bundle, port) = (support::c(&pki.bundle()), server.port);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for round in 0..5u8 {
                    let mut options = options(REQUIRE, SUITES_MODERN);
                    options.ca_file = bundle.as_ptr();
                    let tls = Tls::open(&mut params(), &mut options, "localhost", port).unwrap();
                    assert_eq!(tls.write(&[round; 9], 2000), (0, 9));
                    assert_eq!(tls.read(9, 2000), (0, vec![round; 9]));
                }
            });
        }
    });
}

#[test]
fn port_knows_its_own_functions() {
    let [connect, disconnect, write, read] = [
        HAL_TLS_Connect as *const c_void,
        HAL_TLS_Disconnect as *const c_void,
        HAL_TLS_Write as *const c_void,
        HAL_TLS_Read as *const c_void,
    ];
    // SAFETY: addresses are compared, not called.
    unsafe {
        assert!(HAL_TLS_Serves(connect, disconnect, write, read));
        assert!(!HAL_TLS_Serves(connect, disconnect, write, HAL_TLS_Open as *const c_void));
        assert!(!HAL_TLS_Serves(ptr::null(), disconnect, write, read));
    }
}
