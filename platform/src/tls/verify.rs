//! Verification of the server: chain, dates and host name, with the cause as text.
//!
//! Mbed TLS checks the server's certificate during the handshake, but knows no anchors there: they are looked up by the
//! names in the chain. Its callback for the server's own certificate, which comes last, therefore verifies the chain
//! again with the anchors found, and its result replaces that of the first pass. Mbed TLS then sends the right alert.

use super::anchors::{Sources, Unusable};
use crate::log::{Errno, Text};
use core::ffi::{CStr, c_int, c_void};
use core::fmt;
use core::mem::MaybeUninit;
use core::ptr;
use mbedtls_rs_sys as mbed;

/// Input and result of one verification.
pub struct Verifier<'a> {
    /// Name the certificate must have.
    pub host: &'a CStr,
    /// Where anchors come from.
    pub sources: Sources,
    /// The server's certificate was looked at: false for a resumed session.
    pub looked: bool,
    /// It did not verify.
    pub failed: bool,
    /// Why not.
    pub cause: Text<128>,
    /// Stands for "there are anchors"; those that count are looked up when the chain is known.
    no_anchor: mbed::mbedtls_x509_crt,
}

impl<'a> Verifier<'a> {
    pub const fn new(host: &'a CStr, sources: Sources) -> Self {
        // SAFETY: zeroes are what mbedtls_x509_crt_init makes.
        let no_anchor = unsafe { core::mem::zeroed() };
        Self { host, sources, looked: false, failed: false, cause: Text::new(), no_anchor }
    }

    /// An empty list of anchors.
    pub const fn no_anchor(&mut self) -> *mut mbed::mbedtls_x509_crt {
        &raw mut self.no_anchor
    }

    /// Takes the library's own checks into account (key usage, curve), which follow the chain's.
    pub fn conclude(&mut self, flags: u32) {
        if flags != 0 && !self.failed {
            self.failed = true;
            self.cause.set(format_args!("{}", Flags(flags)));
        }
    }

    /// # Safety
    /// `chain` is the server's parsed chain, its own certificate first.
    unsafe fn verify(&mut self, chain: &mut mbed::mbedtls_x509_crt) -> u32 {
        // SAFETY: as the caller promised.
        let anchors = match unsafe { self.sources.issuers_of(chain) } {
            Ok(anchors) => anchors,
            Err(Unusable::File(error)) => {
                self.cause.set(format_args!("trusted certificates cannot be read: {}", Errno(error)));
                return mbed::MBEDTLS_X509_BADCERT_NOT_TRUSTED;
            }
            Err(Unusable::NoBundle) => {
                self.cause.set(format_args!("this system has no file of trusted certificates"));
                return mbed::MBEDTLS_X509_BADCERT_NOT_TRUSTED;
            }
            Err(Unusable::Memory) => {
                self.cause.set(format_args!("no memory to verify the certificate"));
                return mbed::MBEDTLS_X509_BADCERT_OTHER;
            }
        };
        let mut flags = 0;
        let now = now();
        // SAFETY: live chains, a terminated name, and a callback that takes `now`.
        let code = unsafe {
            mbed::mbedtls_x509_crt_verify_with_profile(
                chain,
                anchors.as_ptr(),
                ptr::null_mut(),
                &raw const mbed::mbedtls_x509_crt_profile_default,
                self.host.as_ptr(),
                &mut flags,
                Some(check_dates),
                (&raw const now).cast_mut().cast(),
            )
        };
        if code != 0 && flags == 0 {
            flags = mbed::MBEDTLS_X509_BADCERT_OTHER;
        }
        self.cause.set(format_args!("{}", Flags(flags)));
        flags
    }
}

/// Takes the place of the library's own result; `verifier` is a [`Verifier`].
pub unsafe extern "C" fn certificate(
    verifier: *mut c_void,
    certificate: *mut mbed::mbedtls_x509_crt,
    depth: c_int,
    flags: *mut u32,
) -> c_int {
    // SAFETY: the library hands over live objects, and the pointer it was given with this callback.
    unsafe {
        *flags = 0;
        if depth == 0 {
            let verifier = &mut *verifier.cast::<Verifier<'_>>();
            *flags = verifier.verify(&mut *certificate);
            verifier.looked = true;
            verifier.failed = *flags != 0;
        }
    }
    0
}

/// A certificate's dates and the current time, comparable.
type Date = [c_int; 6];

/// UTC of the wall clock.
fn now() -> Date {
    let mut tm = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both are writable; a zeroed structure is kept for a year beyond int, which no certificate covers.
    let tm = unsafe {
        let now = libc::time(ptr::null_mut());
        libc::gmtime_r(&now, tm.as_mut_ptr());
        tm.assume_init()
    };
    [tm.tm_year.saturating_add(1900), tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec]
}

fn date(time: &mbed::mbedtls_x509_time) -> Date {
    [time.year, time.mon, time.day, time.hour, time.min, time.sec]
}

/// Adds what the library leaves out: it is built without a clock.
unsafe extern "C" fn check_dates(
    now: *mut c_void,
    certificate: *mut mbed::mbedtls_x509_crt,
    _: c_int,
    flags: *mut u32,
) -> c_int {
    // SAFETY: live objects of the library, and the date given with this callback.
    unsafe {
        let now = *now.cast::<Date>();
        if now > date(&(*certificate).valid_to) {
            *flags |= mbed::MBEDTLS_X509_BADCERT_EXPIRED;
        }
        if now < date(&(*certificate).valid_from) {
            *flags |= mbed::MBEDTLS_X509_BADCERT_FUTURE;
        }
    }
    0
}

/// Causes of a failed verification.
struct Flags(u32);

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CAUSES: [(u32, &str); 6] = [
            (mbed::MBEDTLS_X509_BADCERT_NOT_TRUSTED, "certificate signed by an unknown CA"),
            (mbed::MBEDTLS_X509_BADCERT_EXPIRED, "certificate expired"),
            (mbed::MBEDTLS_X509_BADCERT_FUTURE, "certificate not yet valid"),
            (mbed::MBEDTLS_X509_BADCERT_CN_MISMATCH, "certificate is for another host name"),
            (
                mbed::MBEDTLS_X509_BADCERT_BAD_MD
                    | mbed::MBEDTLS_X509_BADCERT_BAD_PK
                    | mbed::MBEDTLS_X509_BADCERT_BAD_KEY,
                "certificate uses a weak key or signature",
            ),
            (
                mbed::MBEDTLS_X509_BADCERT_KEY_USAGE | mbed::MBEDTLS_X509_BADCERT_EXT_KEY_USAGE,
                "certificate is not meant for servers",
            ),
        ];
        let mut separator = "";
        for (flag, cause) in CAUSES {
            if self.0 & flag != 0 {
                write!(f, "{separator}{cause}")?;
                separator = ", ";
            }
        }
        if self.0 != 0 && separator.is_empty() {
            write!(f, "certificate rejected (0x{:x})", self.0)?;
        }
        Ok(())
    }
}
