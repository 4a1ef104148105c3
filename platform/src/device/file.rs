//! Reading a small file.

use crate::heap::Buffer;
use crate::log::errno;
use core::ffi::{CStr, c_int};

/// Largest device file (hal.md §10.1).
pub const LIMIT: usize = 1024;

/// Why a file could not be read or written.
pub enum FileError {
    /// A system call failed with this number.
    System(c_int),
    /// More than [`LIMIT`] bytes.
    TooLarge,
}

impl core::fmt::Display for FileError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::System(error) => crate::log::Errno(*error).fmt(f),
            Self::TooLarge => write!(f, "larger than {LIMIT} bytes"),
        }
    }
}

/// An open descriptor, closed when dropped.
pub struct Descriptor(pub c_int);

impl Descriptor {
    pub fn open(path: &CStr, flags: c_int) -> Result<Self, FileError> {
        // SAFETY: a terminated path; the flags create nothing, so no mode is read.
        check(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC) }).map(Self)
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the descriptor belongs to this value. What was written has been synchronised before.
        unsafe { libc::close(self.0) };
    }
}

/// The result of a system call, or its error number.
pub fn check(result: c_int) -> Result<c_int, FileError> {
    if result < 0 { Err(FileError::System(errno())) } else { Ok(result) }
}

/// The whole file, at most [`LIMIT`] bytes.
pub fn read(path: &CStr) -> Result<Buffer, FileError> {
    let file = Descriptor::open(path, libc::O_RDONLY)?;
    // One byte more than allowed shows that there is more.
    let mut content = Buffer::zeroed(LIMIT + 1).ok_or(FileError::System(libc::ENOMEM))?;
    let mut len = 0;
    while let Some(rest) = content.get_mut(len..).filter(|rest| !rest.is_empty()) {
        // SAFETY: `rest` is writable for its length.
        let count = unsafe { libc::read(file.0, rest.as_mut_ptr().cast(), rest.len()) };
        match usize::try_from(count) {
            Ok(0) => break,
            Ok(count) => len += count,
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(FileError::System(errno())),
        }
    }
    if len > LIMIT {
        return Err(FileError::TooLarge);
    }
    content.truncate(len);
    Ok(content)
}
