//! Safe wrappers over the imported `HAL_*` functions of the port.
pub mod clock;
pub mod device_info;
pub mod environment;
#[cfg(not(feature = "auth_with_notls"))]
pub mod file;
mod heap;
pub mod import;
pub mod net;
#[cfg(all(not(feature = "auth_with_notls"), feature = "auth_mode_cert"))]
pub mod private_key;
pub mod random;
pub mod reserve;
pub mod symbols;
#[cfg(feature = "multithread_enabled")]
pub mod thread;
pub mod waiter;

use core::ffi::{CStr, c_char, c_void};

unsafe extern "C" {
    fn HAL_Printf(fmt: *const c_char, ...);
}

/// A block of `size` bytes from the port's heap, NULL on failure. The content is unspecified.
///
/// Blocks handed to C come from here; the caller of the C interface releases them with `HAL_Free`.
pub fn malloc(size: usize) -> *mut c_void {
    match u32::try_from(size) {
        // SAFETY: any size is allowed, failure is NULL.
        Ok(size) => unsafe { symbols::HAL_Malloc(size) },
        Err(_) => core::ptr::null_mut(),
    }
}

/// Returns a block of [`malloc`] to the port's heap.
///
/// # Safety
/// `block` is NULL or a live block of [`malloc`] that nobody uses any more.
pub unsafe fn free(block: *mut c_void) {
    // SAFETY: as promised by the caller.
    unsafe { symbols::HAL_Free(block) }
}

/// Prints `text` as it stands, with one call of the port.
pub fn print(text: &CStr) {
    // Miri knows no C, and a function with a variable number of arguments is C.
    if cfg!(miri) {
        return std::eprint!("{}", text.to_string_lossy());
    }
    // SAFETY: `%s` takes one NUL-terminated text.
    unsafe { HAL_Printf(c"%s".as_ptr(), text.as_ptr()) }
}

/// Bytes of a time text, terminator included (`TIME_FORMAT_STR_LEN`).
pub const TIME_TEXT_SIZE: usize = 20;

/// The port's local time, `YYYY-MM-DD hh:mm:ss`, written into `buf`.
pub fn timer_current(buf: &mut [u8; TIME_TEXT_SIZE]) -> &[u8] {
    buf.fill(0);
    // SAFETY: the port writes at most TIME_TEXT_SIZE bytes.
    unsafe { symbols::HAL_Timer_current(buf.as_mut_ptr().cast()) };
    let end = buf.iter().position(|&b| b == 0).unwrap_or(TIME_TEXT_SIZE);
    buf.get(..end).unwrap_or_default()
}

/// Sets SIGPIPE to ignored if nobody has given it a meaning yet: a write to a closed connection is an error code,
/// not the end of the process. A handler of the application stays (`decisions.md` §7).
pub fn ignore_sigpipe_by_default() {
    // SAFETY: a zeroed sigaction is valid, and both calls only read and write it.
    unsafe {
        let mut action: libc::sigaction = core::mem::zeroed();
        if libc::sigaction(libc::SIGPIPE, core::ptr::null(), &mut action) == 0
            && action.sa_sigaction == libc::SIG_DFL
        {
            action.sa_sigaction = libc::SIG_IGN;
            libc::sigaction(libc::SIGPIPE, &action, core::ptr::null_mut());
        }
    }
}
