//! Files of the system.

use crate::error::Error;
use core::ffi::CStr;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::FromRawFd;

/// The content of a file. `Malloc` without memory, which `std::fs::read` would end the process for if the path is long.
pub fn read(path: &CStr) -> Result<Vec<u8>, Error> {
    // SAFETY: the path is NUL-terminated.
    let descriptor = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if descriptor < 0 {
        return Err(Error::Failure);
    }
    // SAFETY: just opened, and nobody else knows it.
    let mut file = unsafe { File::from_raw_fd(descriptor) };
    let mut content = Vec::new();
    match file.read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(error) if error.kind() == ErrorKind::OutOfMemory => Err(Error::Malloc),
        Err(_) => Err(Error::Failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_they_are() {
        assert_eq!(read(c"Cargo.toml"), Ok(std::fs::read("Cargo.toml").unwrap()));
        assert_eq!(read(c"no such file"), Err(Error::Failure));
        assert_eq!(read(c"src"), Err(Error::Failure), "a directory");
    }
}
