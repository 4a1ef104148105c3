//! Helpers for the password of certificate devices (hal.md §8, auth.md §3.2).

use super::crt::{PrivateKey, read_text};
use super::crypto::{prepare, random};
use super::error::Cause;
use crate::codes::*;
use crate::heap::Owned;
use crate::log::{Bytes, Errno, Label};
use crate::sync::Lock;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use mbedtls_rs_sys as mbed;

const LOAD: Label = Label { file: c"HAL_TLS_mbedtls.c", func: c"HAL_TLS_Get_PrivateKey_FromFile" };
const SIGN: Label = Label { file: c"HAL_TLS_mbedtls.c", func: c"HAL_TLS_Calc_Sign_RSASHA256" };

/// Bytes of a SHA-256 result.
const DIGEST: usize = 32;

/// A loaded key. Signing changes blinding values in it, so it happens under the lock.
struct Key {
    lock: Lock,
    key: PrivateKey,
}

impl Key {
    /// Bytes of the modulus, 0 for a key that is not RSA.
    fn size(&self) -> usize {
        let key = self.key.as_ptr();
        // SAFETY: a live key.
        unsafe {
            if mbed::mbedtls_pk_get_type(key) != mbed::mbedtls_pk_type_t_MBEDTLS_PK_RSA {
                return 0;
            }
            mbed::mbedtls_pk_get_bitlen(key).div_ceil(8)
        }
    }
}

/// A private key from a PEM file (PKCS#1 or PKCS#8, no passphrase), freed with `HAL_TLS_Destory_PrivateKey`; NULL after
/// a line that says why.
///
/// # Safety
/// `path` is NULL or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TLS_Get_PrivateKey_FromFile(path: *const c_char) -> *mut c_void {
    if path.is_null() || !prepare() {
        log!(Err, LOAD, "no name of a private key");
        return ptr::null_mut();
    }
    // SAFETY: not NULL, so NUL-terminated.
    let path = unsafe { CStr::from_ptr(path) };
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => {
            log!(Err, LOAD, "private key {} cannot be read: {}", Bytes(path.to_bytes()), Errno(error));
            return ptr::null_mut();
        }
    };
    match PrivateKey::parse(&text) {
        Ok(key) => {
            Owned::new(Key { lock: Lock::new(), key }).map_or(ptr::null_mut(), |key| key.into_raw().cast())
        }
        Err(code) => {
            log!(Err, LOAD, "private key {} not usable: {}", Bytes(path.to_bytes()), Cause(code));
            ptr::null_mut()
        }
    }
}

/// Frees a key; NULL is ignored.
///
/// # Safety
/// `key` is NULL or came from `HAL_TLS_Get_PrivateKey_FromFile` and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TLS_Destory_PrivateKey(key: *mut c_void) {
    // SAFETY: as the caller promised.
    drop(unsafe { Owned::<Key>::from_raw(key.cast()) });
}

/// Bytes of a signature with this key; 0 for NULL and for keys that are not RSA.
///
/// # Safety
/// `key` is NULL or came from `HAL_TLS_Get_PrivateKey_FromFile`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TLS_Get_RSASHA256_Result_Len(key: *mut c_void) -> c_int {
    // SAFETY: as the caller promised.
    unsafe { key.cast::<Key>().as_ref() }.map_or(0, |key| c_int::try_from(key.size()).unwrap_or(0))
}

/// Signs `len` bytes by RSA PKCS#1 v1.5 with SHA-256. 0; -702 if the key is not a sound RSA key; -1001 if signing failed.
///
/// # Safety
/// `key` is NULL or came from `HAL_TLS_Get_PrivateKey_FromFile`; `input` has `len` bytes; `out` has room for
/// `HAL_TLS_Get_RSASHA256_Result_Len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TLS_Calc_Sign_RSASHA256(
    key: *mut c_void,
    input: *mut c_char,
    len: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: as the caller promised.
    let Some(key) = (unsafe { key.cast::<Key>().as_ref() }) else {
        return SSL_CERT;
    };
    let size = key.size();
    let Ok(len) = usize::try_from(len) else {
        return FAILURE;
    };
    let pk = key.key.as_ptr();
    // SAFETY: a live RSA key and the caller's buffers; the digest has the length of SHA-256.
    let code = key.lock.with(|| unsafe {
        if size == 0 || mbed::mbedtls_pk_check_pair(pk, pk, Some(random), ptr::null_mut()) != 0 {
            return None;
        }
        let mut digest = [0u8; DIGEST];
        HAL_TLS_Calc_SHA256(input.cast(), len, digest.as_mut_ptr());
        let md = mbed::mbedtls_md_type_t_MBEDTLS_MD_SHA256;
        let (out, mut written) = (out.cast(), 0);
        let (digest, rng) = (digest.as_ptr(), Some(random as _));
        Some(mbed::mbedtls_pk_sign(pk, md, digest, DIGEST, out, size, &mut written, rng, ptr::null_mut()))
    });
    match code {
        Some(0) => SUCCESS,
        Some(code) => {
            log!(Err, SIGN, "signing failed: {}", Cause(code));
            FAILURE
        }
        None => {
            log!(Err, SIGN, "not a usable RSA key");
            SSL_CERT
        }
    }
}

/// SHA-256 of `len` bytes, 32 bytes to `out`.
///
/// # Safety
/// `input` has `len` bytes (NULL only if 0); `out` has room for 32.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_TLS_Calc_SHA256(input: *mut u8, len: usize, out: *mut u8) {
    // SAFETY: as the caller promised. The algorithm itself cannot fail in this build.
    unsafe { mbed::mbedtls_sha256(input, len, out, 0) };
}
