//! The private key helpers (hal.md §8, vector E of auth.md §6).
#![cfg(not(feature = "auth_with_notls"))]

#[path = "support/server.rs"]
mod server;
mod support;

use openssl::hash::MessageDigest;
use openssl::sign::Verifier;
use server::{Pki, ec_key, rsa_key};
use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use support::{c, take_log};

unsafe extern "C" {
    fn HAL_TLS_Get_PrivateKey_FromFile(path: *const c_char) -> *mut c_void;
    fn HAL_TLS_Destory_PrivateKey(key: *mut c_void);
    fn HAL_TLS_Get_RSASHA256_Result_Len(key: *mut c_void) -> c_int;
    fn HAL_TLS_Calc_Sign_RSASHA256(
        key: *mut c_void,
        input: *mut c_char,
        len: c_int,
        out: *mut c_char,
    ) -> c_int;
    fn HAL_TLS_Calc_SHA256(input: *mut u8, len: usize, out: *mut u8);
}

struct Key(*mut c_void);

impl Key {
    fn load(path: &str) -> Option<Self> {
        // SAFETY: a terminated path.
        let key = unsafe { HAL_TLS_Get_PrivateKey_FromFile(c(path).as_ptr()) };
        (!key.is_null()).then_some(Self(key))
    }
    fn size(&self) -> usize {
        // SAFETY: a live key.
        unsafe { HAL_TLS_Get_RSASHA256_Result_Len(self.0) as usize }
    }
    fn sign(&self, text: &[u8]) -> (c_int, Vec<u8>) {
        let mut out = vec![0u8; self.size()];
        let (input, place) = (text.as_ptr().cast_mut().cast(), out.as_mut_ptr().cast());
        // SAFETY: a live key; the buffers have the sizes given.
        (unsafe { HAL_TLS_Calc_Sign_RSASHA256(self.0, input, text.len() as c_int, place) }, out)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: a live key.
        unsafe { HAL_TLS_Destory_PrivateKey(self.0) };
    }
}

const TEXT: &[u8] = b"ABCD1234EFdev_01;21010406;a1B2c;92233720368547758";

#[test]
fn signature_verifies_elsewhere() {
    let pki = Pki::new("key");
    let key = rsa_key();
    let files = [
        pki.file("pkcs1.key", &key.rsa().unwrap().private_key_to_pem().unwrap()),
        pki.file("pkcs8.key", &key.private_key_to_pem_pkcs8().unwrap()),
    ];
    let mut signatures = Vec::new();
    for file in &files {
        let loaded = Key::load(file).unwrap();
        assert_eq!(loaded.size(), 256);
        let (code, signature) = loaded.sign(TEXT);
        assert_eq!(code, 0);
        let mut verifier = Verifier::new(MessageDigest::sha256(), &key).unwrap();
        assert!(verifier.verify_oneshot(&signature, TEXT).unwrap());
        assert_eq!(loaded.sign(b"").0, 0);
        signatures.push(signature);
    }
    assert_eq!(signatures[0], signatures[1], "PKCS#1 v1.5 has no randomness");
}

#[test]
fn several_threads_sign_with_one_key() {
    let pki = Pki::new("keythreads");
    let file = pki.file("a.key", &rsa_key().private_key_to_pem_pkcs8().unwrap());
    let key = Key::load(&file).unwrap();
    let expected = key.sign(TEXT).1;
    let address = key.0.addr();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let expected = &expected;
            scope.spawn(move || {
                let key = std::mem::ManuallyDrop::new(Key(ptr::with_exposed_provenance_mut(address)));
                for _ in 0..10 {
                    assert!(key.sign(TEXT) == (0, expected.clone()));
                }
            });
        }
    });
}

#[test]
fn keys_that_cannot_sign() {
    let pki = Pki::new("badkeys");
    let ec = Key::load(&pki.file("ec.key", &ec_key().private_key_to_pem_pkcs8().unwrap())).unwrap();
    assert_eq!(ec.size(), 0);
    assert_eq!(ec.sign(TEXT).0, -702);
    let locked = openssl::symm::Cipher::aes_128_cbc();
    let locked = rsa_key().private_key_to_pem_pkcs8_passphrase(locked, b"secret").unwrap();
    let public = rsa_key().public_key_to_pem().unwrap();
    take_log();
    for file in [
        pki.file("locked.key", &locked),
        pki.file("public.key", &public),
        pki.file("junk.key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        pki.file("empty.key", b""),
        pki.file("large.key", &[b' '; 100_000]),
        "/no/such/key".to_owned(),
    ] {
        assert!(Key::load(&file).is_none(), "{file}");
        let log = take_log();
        assert!(
            log.len() == 1 && log[0].starts_with("1|HAL_TLS_mbedtls.c|HAL_TLS_Get_PrivateKey_FromFile: ")
        );
    }
    // SAFETY: NULL is allowed.
    unsafe {
        assert!(HAL_TLS_Get_PrivateKey_FromFile(ptr::null()).is_null());
        assert_eq!(HAL_TLS_Get_RSASHA256_Result_Len(ptr::null_mut()), 0);
        let (mut text, mut out) = ([0; 4], [0; 256]);
        assert_eq!(
            HAL_TLS_Calc_Sign_RSASHA256(ptr::null_mut(), text.as_mut_ptr(), 4, out.as_mut_ptr()),
            -702
        );
        let key = Key::load(&pki.file("ok.key", &rsa_key().private_key_to_pem_pkcs8().unwrap())).unwrap();
        assert_eq!(HAL_TLS_Calc_Sign_RSASHA256(key.0, text.as_mut_ptr(), -1, out.as_mut_ptr()), -1001);
        HAL_TLS_Destory_PrivateKey(ptr::null_mut());
    }
}

/// The digest named in vector E.
#[test]
fn sha256() {
    let mut digest = [0u8; 32];
    // SAFETY: the buffers have the sizes given.
    unsafe { HAL_TLS_Calc_SHA256(TEXT.as_ptr().cast_mut(), TEXT.len(), digest.as_mut_ptr()) };
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, "6ffcfdf42631fe8b39583e5142ad4af87a8ee7df3023e1849654fcbe57e86c3c");
}
