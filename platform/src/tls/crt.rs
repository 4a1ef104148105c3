//! Owned Mbed TLS certificates and keys, and reading their files.

use super::crypto::random;
use crate::heap::{Buffer, Owned};
use crate::log::errno;
use core::ffi::{CStr, c_int};
use core::mem;
use core::ptr;
use mbedtls_rs_sys as mbed;

/// Largest certificate or key file.
const LARGEST_FILE: usize = 64 * 1024;

/// A list of certificates.
pub struct Certificate(Owned<mbed::mbedtls_x509_crt>);

impl Certificate {
    /// An empty list; `None` when there is no memory.
    pub fn empty() -> Option<Self> {
        // SAFETY: zeroes are what mbedtls_x509_crt_init makes.
        Owned::new(unsafe { mem::zeroed() }).map(Self)
    }

    /// Appends one certificate in DER; false if it is none.
    pub fn add_der(&mut self, der: &[u8]) -> bool {
        // SAFETY: a live list and readable bytes, which are copied.
        unsafe { mbed::mbedtls_x509_crt_parse_der(self.as_ptr(), der.as_ptr(), der.len()) == 0 }
    }

    /// Appends what a PEM text with terminator holds: 0, or what Mbed TLS says.
    #[cfg(feature = "auth_mode_cert")]
    pub fn add_pem(&mut self, text: &[u8]) -> c_int {
        // SAFETY: as above.
        unsafe { mbed::mbedtls_x509_crt_parse(self.as_ptr(), text.as_ptr(), text.len()) }
    }

    pub fn as_ptr(&self) -> *mut mbed::mbedtls_x509_crt {
        self.0.as_ptr()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // SAFETY: a live list that nobody uses any more.
        unsafe { mbed::mbedtls_x509_crt_free(self.as_ptr()) };
    }
}

/// A private key.
pub struct PrivateKey(Owned<mbed::mbedtls_pk_context>);

impl PrivateKey {
    /// Reads a PEM text with terminator (PKCS#1, SEC 1 or PKCS#8, no passphrase). Error: what Mbed TLS says.
    pub fn parse(text: &[u8]) -> Result<Self, c_int> {
        // SAFETY: zeroes are what mbedtls_pk_init makes.
        let key = Owned::new(unsafe { mem::zeroed() }).ok_or(mbed::MBEDTLS_ERR_SSL_ALLOC_FAILED)?;
        let key = Self(key);
        let (text, len) = (text.as_ptr(), text.len());
        // SAFETY: a live context, readable text, no passphrase.
        let code = unsafe {
            mbed::mbedtls_pk_parse_key(key.as_ptr(), text, len, ptr::null(), 0, Some(random), ptr::null_mut())
        };
        if code == 0 { Ok(key) } else { Err(code) }
    }

    pub fn as_ptr(&self) -> *mut mbed::mbedtls_pk_context {
        self.0.as_ptr()
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        // SAFETY: a live context that nobody uses any more; the library wipes the key.
        unsafe { mbed::mbedtls_pk_free(self.as_ptr()) };
    }
}

/// The bytes of an element of a parsed certificate.
///
/// # Safety
/// `buffer` belongs to a parsed certificate that outlives the result.
pub unsafe fn bytes<'a>(buffer: &mbed::mbedtls_x509_buf) -> &'a [u8] {
    if buffer.p.is_null() {
        return &[];
    }
    // SAFETY: the library keeps `len` bytes at `p`.
    unsafe { core::slice::from_raw_parts(buffer.p, buffer.len) }
}

/// A whole text file with a terminator behind it, which the PEM parser wants. Error: the system's error number.
pub fn read_text(path: &CStr) -> Result<Buffer, c_int> {
    // SAFETY: a terminated path.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if fd < 0 {
        return Err(errno());
    }
    let result = read_all(fd);
    // SAFETY: opened above.
    unsafe { libc::close(fd) };
    result
}

fn read_all(fd: c_int) -> Result<Buffer, c_int> {
    let mut text = Buffer::new();
    let mut piece = Buffer::zeroed(4096).ok_or(libc::ENOMEM)?;
    loop {
        // SAFETY: the buffer is writable for its length.
        let count = unsafe { libc::read(fd, piece.as_mut_ptr().cast(), piece.len()) };
        match usize::try_from(count) {
            Ok(0) => break,
            Ok(count) if text.len() + count > LARGEST_FILE => return Err(libc::EFBIG),
            Ok(count) if text.extend(piece.get(..count).unwrap_or_default()) => {}
            Ok(_) => return Err(libc::ENOMEM),
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(errno()),
        }
    }
    if text.extend(b"\0") { Ok(text) } else { Err(libc::ENOMEM) }
}
