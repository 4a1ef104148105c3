//! Configuration of one TLS connection.

use super::bio::{self, Bio};
use super::credential;
use super::crypto::{give_back, random};
use super::error::TlsError;
use super::suites;
use super::verify::{self, Verifier};
use crate::import::*;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use mbedtls_rs_sys as mbed;

/// What happens with the server's certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Nothing.
    Off,
    /// It is checked, and the connection goes on.
    Report,
    /// It must verify.
    Require,
}

/// The Mbed TLS objects of a connection. Their addresses must not change: they point to each other.
pub struct Parts {
    pub ssl: mbed::mbedtls_ssl_context,
    conf: mbed::mbedtls_ssl_config,
    /// Certificate and key of this device.
    own: Option<credential::Own>,
}

impl Parts {
    pub fn empty() -> Self {
        // SAFETY: zeroes are what the init functions of both make.
        let (ssl, conf) = unsafe { (core::mem::zeroed(), core::mem::zeroed()) };
        Self { ssl, conf, own: None }
    }

    /// Configures the connection; `resumable`: tickets are wanted. The caller is exclusive.
    ///
    /// # Safety
    /// `params` holds NULLs or terminated texts; `self` and `bio` stay where they are until `self` is dropped.
    pub unsafe fn set_up(
        &mut self,
        params: &TLSConnectParams,
        suites: c_int,
        check: Check,
        resumable: bool,
        bio: *mut Bio,
    ) -> Result<(), TlsError> {
        let conf = &raw mut self.conf;
        // SAFETY: a zeroed configuration; the suite lists are static.
        unsafe {
            setup(mbed::mbedtls_ssl_config_defaults(
                conf,
                mbed::MBEDTLS_SSL_IS_CLIENT as c_int,
                mbed::MBEDTLS_SSL_TRANSPORT_STREAM as c_int,
                mbed::MBEDTLS_SSL_PRESET_DEFAULT as c_int,
            ))?;
            mbed::mbedtls_ssl_conf_rng(conf, Some(random), ptr::null_mut());
            mbed::mbedtls_ssl_conf_ciphersuites(conf, suites::list(suites).as_ptr());
            mbed::mbedtls_ssl_conf_session_tickets(conf, c_int::from(resumable));
            mbed::mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(conf, c_int::from(resumable));
        }
        self.conf.private_min_tls_version = mbed::mbedtls_ssl_protocol_version_MBEDTLS_SSL_VERSION_TLS1_2;
        if suites == HAL_TLS_SUITES_PSK {
            self.conf.private_max_tls_version = mbed::mbedtls_ssl_protocol_version_MBEDTLS_SSL_VERSION_TLS1_2;
        }
        self.set_check(check);
        // SAFETY: as the caller promised.
        self.own = unsafe { credential::apply(conf, params, suites)? };
        let (ssl, conf) = (&raw mut self.ssl, &raw const self.conf);
        // SAFETY: both are live and stay where they are.
        unsafe {
            setup(mbed::mbedtls_ssl_setup(ssl, conf))?;
            mbed::mbedtls_ssl_set_bio(ssl, bio.cast(), Some(bio::write), Some(bio::read), None);
        }
        Ok(())
    }

    fn set_check(&mut self, check: Check) {
        let mode = match check {
            Check::Off => mbed::MBEDTLS_SSL_VERIFY_NONE,
            Check::Report => mbed::MBEDTLS_SSL_VERIFY_OPTIONAL,
            Check::Require => mbed::MBEDTLS_SSL_VERIFY_REQUIRED,
        };
        // SAFETY: a live configuration.
        unsafe { mbed::mbedtls_ssl_conf_authmode(&mut self.conf, mode as c_int) };
    }

    /// The name goes into the hello unless it is an address (RFC 6066 §3). `verifier` (NULL: none) judges the server.
    ///
    /// # Safety
    /// The connection is set up; `verifier` lives until the handshake is over.
    pub unsafe fn set_server(&mut self, host: &CStr, verifier: *mut Verifier<'_>) -> Result<(), TlsError> {
        let ssl = &raw mut self.ssl;
        let name = if is_address(host) { ptr::null() } else { host.as_ptr() };
        // SAFETY: as the caller promised; the name is copied.
        unsafe {
            setup(mbed::mbedtls_ssl_set_hostname(ssl, name))?;
            if !verifier.is_null() {
                mbed::mbedtls_ssl_conf_ca_chain(&mut self.conf, (*verifier).no_anchor(), ptr::null_mut());
                mbed::mbedtls_ssl_set_verify(ssl, Some(verify::certificate), verifier.cast());
            }
        }
        Ok(())
    }

    /// Ends what [`Parts::set_server`] began: there is no second handshake, and the server's certificates have served.
    /// They would take some KiB as long as the connection lasts, and as much again in the saved session.
    pub fn forget_server(&mut self) {
        let (ssl, conf) = (&raw mut self.ssl, &raw mut self.conf);
        // SAFETY: both are live. The session owns its certificates and does without: NULL stands for a resumed session,
        // which has none.
        unsafe {
            mbed::mbedtls_ssl_set_verify(ssl, None, ptr::null_mut());
            mbed::mbedtls_ssl_conf_ca_chain(conf, ptr::null_mut(), ptr::null_mut());
            if let Some(session) = (*ssl).private_session.as_mut()
                && !session.private_peer_cert.is_null()
            {
                mbed::mbedtls_x509_crt_free(session.private_peer_cert);
                give_back(session.private_peer_cert.cast());
                session.private_peer_cert = ptr::null_mut();
            }
        }
    }
}

impl Drop for Parts {
    /// The caller is exclusive.
    fn drop(&mut self) {
        // SAFETY: both are initialised; the connection first, since it refers to the configuration.
        unsafe {
            mbed::mbedtls_ssl_free(&mut self.ssl);
            mbed::mbedtls_ssl_config_free(&mut self.conf);
        }
    }
}

/// Turns a number of Mbed TLS into a result.
pub fn setup(code: c_int) -> Result<(), TlsError> {
    if code == 0 { Ok(()) } else { Err(TlsError::Setup(code)) }
}

/// A numeric address.
fn is_address(host: &CStr) -> bool {
    let mut space = [0u8; 16];
    let parse = |family, space: &mut [u8; 16]| {
        // SAFETY: a terminated text and room for either kind of address.
        unsafe { inet_pton(family, host.as_ptr(), space.as_mut_ptr().cast()) == 1 }
    };
    parse(libc::AF_INET, &mut space) || parse(libc::AF_INET6, &mut space)
}

unsafe extern "C" {
    fn inet_pton(family: c_int, text: *const c_char, address: *mut c_void) -> c_int;
}
