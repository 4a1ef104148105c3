//! Replacing a small file at once.

use super::file::{Descriptor, FileError, check};
use crate::heap::Buffer;
use crate::log::errno;
use core::ffi::{CStr, c_char};
use core::mem::MaybeUninit;

/// Replaces the file at once: whoever reads it, also after a power failure, sees the old or the new content. A new
/// file gets mode 0600, an existing one keeps its mode; a symbolic link stays one.
pub fn replace(path: &CStr, content: &[u8]) -> Result<(), FileError> {
    let target = real_path(path)?;
    let target = CStr::from_bytes_until_nul(&target).map_err(|_| FileError::System(libc::ENAMETOOLONG))?;
    let mut name = Buffer::new();
    if !(name.extend(target.to_bytes()) && name.extend(b".XXXXXX\0")) {
        return Err(FileError::System(libc::ENOMEM));
    }
    // SAFETY: a terminated template, which mkostemp changes in place. The file gets mode 0600.
    let fd = unsafe { libc::mkostemp(name.as_mut_ptr().cast::<c_char>(), libc::O_CLOEXEC) };
    let temporary = Descriptor(check(fd)?);
    // SAFETY: mkostemp kept the terminator.
    let name = unsafe { CStr::from_ptr(name.as_ptr().cast()) };
    let done = fill(&temporary, content, mode(target)).and_then(|()| {
        // SAFETY: two terminated paths.
        check(unsafe { libc::rename(name.as_ptr(), target.as_ptr()) })
    });
    if let Err(error) = done {
        // SAFETY: a terminated path. The failure that counts is the first one.
        unsafe { libc::unlink(name.as_ptr()) };
        return Err(error);
    }
    sync_directory(target)
}

/// The path behind symbolic links, terminated; the path itself if there is no file yet.
fn real_path(path: &CStr) -> Result<Buffer, FileError> {
    let mut resolved = Buffer::zeroed(libc::PATH_MAX as usize).ok_or(FileError::System(libc::ENOMEM))?;
    // SAFETY: realpath writes at most PATH_MAX bytes.
    if unsafe { libc::realpath(path.as_ptr(), resolved.as_mut_ptr().cast()) }.is_null() {
        if errno() != libc::ENOENT {
            return Err(FileError::System(errno()));
        }
        resolved.truncate(0);
        if !resolved.extend(path.to_bytes_with_nul()) {
            return Err(FileError::System(libc::ENOMEM));
        }
    }
    Ok(resolved)
}

/// The mode of an existing file.
fn mode(path: &CStr) -> Option<libc::mode_t> {
    let mut info = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a terminated path and a writable structure, read only after success.
    unsafe {
        (libc::stat(path.as_ptr(), info.as_mut_ptr()) == 0).then(|| info.assume_init().st_mode & 0o7777)
    }
}

fn fill(file: &Descriptor, content: &[u8], mode: Option<libc::mode_t>) -> Result<(), FileError> {
    let mut rest = content;
    while !rest.is_empty() {
        // SAFETY: `rest` is readable for its length.
        let count = unsafe { libc::write(file.0, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(count) {
            Ok(count) => rest = rest.get(count..).unwrap_or_default(),
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(FileError::System(errno())),
        }
    }
    if let Some(mode) = mode {
        // SAFETY: an open descriptor.
        check(unsafe { libc::fchmod(file.0, mode) })?;
    }
    // SAFETY: an open descriptor.
    check(unsafe { libc::fsync(file.0) }).map(|_| ())
}

/// Makes the rename last.
fn sync_directory(path: &CStr) -> Result<(), FileError> {
    let bytes = path.to_bytes();
    let mut directory = Buffer::new();
    let ok = match bytes.iter().rposition(|b| *b == b'/') {
        Some(slash) => directory.extend(bytes.get(..=slash).unwrap_or_default()),
        None => directory.extend(b"."),
    } && directory.extend(b"\0");
    let directory = CStr::from_bytes_until_nul(&directory).ok().filter(|_| ok);
    let directory = directory.ok_or(FileError::System(libc::ENOMEM))?;
    let directory = Descriptor::open(directory, libc::O_RDONLY | libc::O_DIRECTORY)?;
    // SAFETY: an open descriptor.
    match check(unsafe { libc::fsync(directory.0) }) {
        // Some file systems cannot synchronise a directory.
        Ok(_) | Err(FileError::System(libc::EINVAL)) => Ok(()),
        Err(error) => Err(error),
    }
}
