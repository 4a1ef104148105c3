//! The socket below a TLS connection: never waits, reads ahead, one `send` per record.

use crate::net::connect::Socket;
use crate::net::tcp::{receive, send};
use core::ffi::{c_int, c_void};
use mbedtls_rs_sys as mbed;

/// Bytes read ahead: several small records of a burst come with one system call.
const AHEAD: usize = 4096;

/// Result of a callback when the socket failed; [`Bio::error`] has the number.
pub const FAILED: c_int = -0x004C;

/// Touched only under the lock of its connection.
pub struct Bio {
    pub socket: Socket,
    /// Whether a read may ask the system: not while the caller only wants what was read ahead.
    pub may_ask: bool,
    /// System error number of the first failure.
    pub error: c_int,
    start: usize,
    end: usize,
    ahead: [u8; AHEAD],
}

impl Bio {
    pub const fn new(socket: Socket) -> Self {
        Self { socket, may_ask: true, error: 0, start: 0, end: 0, ahead: [0; AHEAD] }
    }

    /// True if bytes wait here that the system does not know of any more.
    pub fn has_bytes(&self) -> bool {
        self.start < self.end
    }

    /// # Safety
    /// `out` has room for `len` bytes.
    unsafe fn read(&mut self, out: *mut u8, len: usize) -> c_int {
        if !self.has_bytes() {
            if !self.may_ask {
                return mbed::MBEDTLS_ERR_SSL_WANT_READ;
            }
            // SAFETY: the array is writable for its length.
            match unsafe { receive(self.socket.descriptor(), self.ahead.as_mut_ptr(), AHEAD) } {
                Ok(0) => return 0,
                Ok(count) => (self.start, self.end) = (0, count),
                Err(libc::EAGAIN) => return mbed::MBEDTLS_ERR_SSL_WANT_READ,
                Err(error) => return self.fail(error),
            }
        }
        let bytes = self.ahead.get(self.start..self.end).unwrap_or_default();
        let count = bytes.len().min(len);
        // SAFETY: `count` bytes are readable here and writable there.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), out, count) };
        self.start += count;
        count as c_int
    }

    /// Number of the alert the server sent unsealed before it closed: when a send fails because of that, the alert is
    /// still to be read.
    pub fn plain_alert(&mut self) -> Option<u8> {
        let mut record = [0; 7];
        // SAFETY: the array is writable for its length.
        let count = unsafe { receive(self.socket.descriptor(), record.as_mut_ptr(), record.len()) };
        match (count, record) {
            (Ok(7), [21, 3, _, 0, 2, _, alert]) => Some(alert),
            _ => None,
        }
    }

    fn fail(&mut self, error: c_int) -> c_int {
        if self.error == 0 {
            self.error = error;
        }
        FAILED
    }
}

/// Called by Mbed TLS; `bio` is a [`Bio`].
pub unsafe extern "C" fn read(bio: *mut c_void, out: *mut u8, len: usize) -> c_int {
    // SAFETY: the pointer given with this callback, and the library's buffer.
    unsafe { (*bio.cast::<Bio>()).read(out, len) }
}

/// Called by Mbed TLS; `bio` is a [`Bio`].
pub unsafe extern "C" fn write(bio: *mut c_void, data: *const u8, len: usize) -> c_int {
    // SAFETY: the pointer given with this callback.
    let bio = unsafe { &mut *bio.cast::<Bio>() };
    // SAFETY: the library's buffer has `len` bytes.
    match unsafe { send(bio.socket.descriptor(), data, len) } {
        Ok(count) => count as c_int,
        Err(libc::EAGAIN) => mbed::MBEDTLS_ERR_SSL_WANT_WRITE,
        Err(error) => bio.fail(error),
    }
}
