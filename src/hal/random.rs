//! Randomness of the operating system.

use crate::error::Error;
use std::io::Read;

/// Fills `bytes` from the operating system's random source.
pub fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        // SAFETY: the pointer and the length describe `rest`.
        let count = unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) };
        match usize::try_from(count) {
            Ok(count) => filled += count,
            Err(_) if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return fill_from_device(rest),
        }
    }
    Ok(())
}

/// Kernels before 3.17 have no system call for it.
fn fill_from_device(bytes: &mut [u8]) -> Result<(), Error> {
    let read = |mut device: std::fs::File| device.read_exact(bytes);
    std::fs::File::open("/dev/urandom").and_then(read).map_err(|_| Error::Failure)
}

/// A random number.
pub fn number() -> Result<u32, Error> {
    let mut bytes = [0; 4];
    fill(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}
