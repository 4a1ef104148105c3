//! Device private keys, held and used by the port.

use super::symbols;
use crate::error::Error;
use crate::memory;
use core::ffi::{CStr, c_int, c_void};

/// A parsed RSA private key.
#[derive(Debug)]
pub struct PrivateKey(*mut c_void);

// SAFETY: the port's key object is used by one thread at a time: the owner hands out `&self` under its lock.
unsafe impl Send for PrivateKey {}

impl PrivateKey {
    /// Reads a PEM file; `SslCert` when it is missing, unreadable, encrypted or no RSA key.
    pub fn from_file(path: &CStr) -> Result<PrivateKey, Error> {
        // SAFETY: a NUL-terminated path; NULL means failure.
        let key = unsafe { symbols::HAL_TLS_Get_PrivateKey_FromFile(path.as_ptr()) };
        let key = if key.is_null() { return Err(Error::SslCert) } else { PrivateKey(key) };
        if key.signature_len() == 0 { Err(Error::SslCert) } else { Ok(key) }
    }

    /// Bytes of a signature, which is the size of the modulus; 0 for a key that is not RSA.
    pub fn signature_len(&self) -> usize {
        // SAFETY: a live key of the port.
        usize::try_from(unsafe { symbols::HAL_TLS_Get_RSASHA256_Result_Len(self.0) }).unwrap_or(0)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over `text`.
    pub fn sign(&self, text: &str) -> Result<Vec<u8>, Error> {
        let mut input = memory::joined(&[text.as_bytes()])?;
        let mut signature = Vec::new();
        signature.try_reserve_exact(self.signature_len()).map_err(|_| Error::Malloc)?;
        signature.resize(self.signature_len(), 0);
        let len = c_int::try_from(input.len()).map_err(|_| Error::Inval)?;
        // SAFETY: the input has `len` bytes and the output as many as the key's signatures have.
        let status = unsafe {
            symbols::HAL_TLS_Calc_Sign_RSASHA256(
                self.0,
                input.as_mut_ptr().cast(),
                len,
                signature.as_mut_ptr().cast(),
            )
        };
        if status == 0 { Ok(signature) } else { Err(Error::SslCert) }
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        // SAFETY: a live key of the port, not used any more.
        unsafe { symbols::HAL_TLS_Destory_PrivateKey(self.0) }
    }
}
