//! Randomness of the operating system.

use crate::error::Error;

/// Fills `bytes` from the operating system's random source.
pub fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    // SAFETY: the pointer and the length describe `rest`.
    fill_by(bytes, |rest| unsafe { libc::getrandom(rest.as_mut_ptr().cast(), rest.len(), 0) })
        .or_else(|_| fill_from_device(bytes))
}

/// Kernels before 3.17 have no system call for it. By libc's functions: the standard library's would bring 6 KB along.
fn fill_from_device(bytes: &mut [u8]) -> Result<(), Error> {
    // SAFETY: the path ends with a NUL byte.
    let device = unsafe { libc::open(c"/dev/urandom".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if device < 0 {
        return Err(Error::Failure);
    }
    // SAFETY: the pointer and the length describe `rest`.
    let filled = fill_by(bytes, |rest| unsafe { libc::read(device, rest.as_mut_ptr().cast(), rest.len()) });
    // SAFETY: opened here, and nobody else knows the descriptor.
    unsafe { libc::close(device) };
    filled
}

/// Calls `source`, which counts as `read` does, until `bytes` is full.
fn fill_by(bytes: &mut [u8], source: impl Fn(&mut [u8]) -> isize) -> Result<(), Error> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match usize::try_from(source(rest)) {
            Ok(0) => return Err(Error::Failure),
            Ok(count) => filled += count,
            Err(_) if std::io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
            Err(_) => return Err(Error::Failure),
        }
    }
    Ok(())
}

/// A random number.
pub fn number() -> Result<u32, Error> {
    let mut bytes = [0; 4];
    fill(&mut bytes)?;
    Ok(u32::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sources_fill_all_of_it() {
        for source in [fill, fill_from_device] {
            let mut bytes = [0; 600];
            source(&mut bytes).unwrap();
            assert!(bytes.as_chunks::<50>().0.iter().all(|part| part.iter().any(|byte| *byte != 0)));
        }
    }

    #[test]
    fn a_source_may_give_less_than_asked_for_but_not_nothing() {
        let mut bytes = [0; 5];
        let two_at_most = |rest: &mut [u8]| {
            let count = rest.len().min(2);
            rest[..count].fill(7);
            count as isize
        };
        assert_eq!(fill_by(&mut bytes, two_at_most), Ok(()));
        assert_eq!(bytes, [7; 5]);
        assert_eq!(fill_by(&mut bytes, |_| 0), Err(Error::Failure));
    }
}
