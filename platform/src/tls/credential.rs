//! What this device shows the server: a pre-shared key or a certificate.

#[cfg(feature = "auth_mode_cert")]
pub use by_certificate::{Own, apply};
#[cfg(not(feature = "auth_mode_cert"))]
pub use by_key::{Own, apply};

use super::error::TlsError;
use crate::log::Text;
use core::fmt;

fn unusable(cause: fmt::Arguments<'_>) -> TlsError {
    let mut text = Text::new();
    text.set(cause);
    TlsError::Credential(text)
}

#[cfg(not(feature = "auth_mode_cert"))]
mod by_key {
    use super::super::error::{Cause, TlsError};
    use super::unusable;
    use crate::import::*;
    use core::ffi::{CStr, c_int};
    use mbedtls_rs_sys as mbed;

    /// Nothing to keep: the library copies the key.
    pub enum Own {}

    /// Sets the pre-shared key if PSK suites are offered.
    ///
    /// # Safety
    /// `conf` is live, `psk` has `psk_length` bytes or is NULL.
    pub unsafe fn apply(
        conf: *mut mbed::mbedtls_ssl_config,
        params: &TLSConnectParams,
        suites: c_int,
    ) -> Result<Option<Own>, TlsError> {
        if suites != HAL_TLS_SUITES_PSK {
            return Ok(None);
        }
        if params.psk.is_null() {
            return Err(unusable(format_args!("no PSK")));
        }
        // SAFETY: the identity is an array of the structure.
        let id =
            unsafe { core::slice::from_raw_parts(params.psk_id.as_ptr().cast::<u8>(), params.psk_id.len()) };
        let id =
            CStr::from_bytes_until_nul(id).map_err(|_| unusable(format_args!("PSK identity too long")))?;
        let (psk, len, id) = (params.psk.cast(), params.psk_length, id.to_bytes());
        // SAFETY: as the caller promised; both texts are copied.
        match unsafe { mbed::mbedtls_ssl_conf_psk(conf, psk, len, id.as_ptr(), id.len()) } {
            0 => Ok(None),
            code => Err(unusable(format_args!("PSK not usable: {}", Cause(code)))),
        }
    }
}

#[cfg(feature = "auth_mode_cert")]
mod by_certificate {
    use super::super::crt::{Certificate, PrivateKey, read_text};
    use super::super::crypto::random;
    use super::super::error::{Cause, TlsError};
    use super::super::setup::setup;
    use super::unusable;
    use crate::heap::Buffer;
    use crate::import::*;
    use crate::log::{Bytes, Errno};
    use core::ffi::{CStr, c_char, c_int};
    use core::ptr;
    use mbedtls_rs_sys as mbed;

    /// Certificate and key, which live as long as the configuration that refers to them.
    pub struct Own {
        _certificate: Certificate,
        _key: PrivateKey,
    }

    /// Loads certificate and key if the parameters name them.
    ///
    /// # Safety
    /// `conf` is live; the names are NULL or NUL-terminated.
    pub unsafe fn apply(
        conf: *mut mbed::mbedtls_ssl_config,
        params: &TLSConnectParams,
        _suites: c_int,
    ) -> Result<Option<Own>, TlsError> {
        if params.cert_file.is_null() && params.key_file.is_null() {
            return Ok(None);
        }
        // SAFETY: as the caller promised.
        let (cert_name, key_name) = unsafe { (name(params.cert_file)?, name(params.key_file)?) };
        let certificate = load_certificate(cert_name)?;
        let key = load_key(key_name)?;
        // SAFETY: live objects, which the result keeps.
        unsafe {
            let public = &raw const (*certificate.as_ptr()).pk;
            if mbed::mbedtls_pk_check_pair(public, key.as_ptr(), Some(random), ptr::null_mut()) != 0 {
                let (cert_name, key_name) = (Bytes(cert_name.to_bytes()), Bytes(key_name.to_bytes()));
                return Err(unusable(format_args!(
                    "certificate and key do not belong together: {cert_name}, {key_name}"
                )));
            }
            setup(mbed::mbedtls_ssl_conf_own_cert(conf, certificate.as_ptr(), key.as_ptr()))?;
        }
        Ok(Some(Own { _certificate: certificate, _key: key }))
    }

    fn load_certificate(path: &CStr) -> Result<Certificate, TlsError> {
        let mut list = Certificate::empty().ok_or(TlsError::Setup(mbed::MBEDTLS_ERR_SSL_ALLOC_FAILED))?;
        match list.add_pem(&read(path)?) {
            0 => Ok(list),
            code => {
                let path = Bytes(path.to_bytes());
                Err(unusable(format_args!("certificate not usable ({}): {path}", Cause(code))))
            }
        }
    }

    fn load_key(path: &CStr) -> Result<PrivateKey, TlsError> {
        PrivateKey::parse(&read(path)?).map_err(|code| {
            let path = Bytes(path.to_bytes());
            unusable(format_args!("private key not usable ({}): {path}", Cause(code)))
        })
    }

    fn read(path: &CStr) -> Result<Buffer, TlsError> {
        read_text(path).map_err(|error| {
            let path = Bytes(path.to_bytes());
            unusable(format_args!("{}: {path}", Errno(error)))
        })
    }

    unsafe fn name<'a>(path: *const c_char) -> Result<&'a CStr, TlsError> {
        if path.is_null() {
            return Err(unusable(format_args!("certificate or private key missing, both are needed")));
        }
        // SAFETY: not NULL, so NUL-terminated.
        Ok(unsafe { CStr::from_ptr(path) })
    }
}
