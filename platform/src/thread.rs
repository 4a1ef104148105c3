//! Threads (hal.md §6).

use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;

/// A detached thread with at least `stack_size` bytes of stack; the system's default when that is below its minimum.
/// Error: the system's error number.
pub fn spawn(
    body: extern "C" fn(*mut c_void) -> *mut c_void,
    arg: *mut c_void,
    stack_size: usize,
) -> Result<libc::pthread_t, c_int> {
    let mut attr = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut id = MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: the attribute is initialised before it is used and destroyed after; `body` fits its argument.
    unsafe {
        let error = libc::pthread_attr_init(attr.as_mut_ptr());
        if error != 0 {
            return Err(error);
        }
        libc::pthread_attr_setdetachstate(attr.as_mut_ptr(), libc::PTHREAD_CREATE_DETACHED);
        if stack_size >= libc::PTHREAD_STACK_MIN {
            // A size that some system refuses leaves the default in force.
            libc::pthread_attr_setstacksize(attr.as_mut_ptr(), stack_size);
        }
        let error = libc::pthread_create(id.as_mut_ptr(), attr.as_ptr(), body, arg);
        libc::pthread_attr_destroy(attr.as_mut_ptr());
        if error == 0 { Ok(id.assume_init()) } else { Err(error) }
    }
}

/// As [`spawn`], for a helper of the port: signals meant for the application do not reach it.
pub fn spawn_helper(
    body: extern "C" fn(*mut c_void) -> *mut c_void,
    arg: *mut c_void,
    stack_size: usize,
) -> Result<libc::pthread_t, c_int> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are initialised by the calls before they are read; the mask is put back.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        let error = libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        if error != 0 {
            return Err(error);
        }
        let id = spawn(body, arg, stack_size);
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut());
        id
    }
}

#[cfg(feature = "multithread_enabled")]
mod create {
    use super::spawn;
    use crate::codes::{FAILURE, INVAL, SUCCESS};
    use crate::heap::{Owned, release};
    use crate::import::{ThreadParams, ThreadRunFunc};
    use crate::log::{Errno, Label, c_text};
    use core::ffi::{CStr, c_char, c_int, c_void};

    const CREATE: Label = Label { file: c"HAL_OS_linux.c", func: c"HAL_ThreadCreate" };

    /// Longest thread name the kernel keeps, terminator included.
    const NAME: usize = 16;

    /// What the new thread needs; it frees the block. `c/port.c` has the same structure.
    #[repr(C)]
    struct Start {
        func: ThreadRunFunc,
        arg: *mut c_void,
        name: [c_char; NAME],
    }

    unsafe extern "C" {
        // In C, because a thread function may leave through pthread_exit, which must not pass through Rust.
        safe fn iot_port_thread_main(start: *mut c_void) -> *mut c_void;
    }

    /// Does nothing: a thread ends by returning. Old ports declare and call it themselves.
    #[unsafe(no_mangle)]
    pub extern "C" fn HAL_ThreadExit() {}

    /// Starts a detached thread that runs `thread_func(user_arg)` once; `params` may be changed as soon as the call
    /// returns. Writes the low 32 bits of the thread's id. 0; -1002 for NULL; -1001 when no thread could be made.
    ///
    /// # Safety
    /// `params` is NULL or points to filled parameters; `thread_name` is NULL or NUL-terminated.
    #[unsafe(no_mangle)]
    pub unsafe extern "C" fn HAL_ThreadCreate(params: *mut ThreadParams) -> c_int {
        // SAFETY: as the caller promised.
        let Some(params) = (unsafe { params.as_mut() }) else {
            return INVAL;
        };
        if params.thread_func.is_none() {
            return INVAL;
        }
        // SAFETY: the name is NULL or NUL-terminated.
        let name = unsafe { short_name(params.thread_name) };
        let start = Start { func: params.thread_func, arg: params.user_arg, name };
        match launch(start, params.stack_size as usize) {
            Ok(id) => {
                params.thread_id = id as u32;
                SUCCESS
            }
            Err(error) => {
                // SAFETY: as above.
                let name = unsafe { c_text(params.thread_name) };
                log!(Err, CREATE, "thread {name} not started: {}", Errno(error));
                FAILURE
            }
        }
    }

    fn launch(start: Start, stack_size: usize) -> Result<libc::pthread_t, c_int> {
        let start = Owned::new(start).ok_or(libc::ENOMEM)?.into_raw();
        let id = spawn(iot_port_thread_main, start.cast(), stack_size);
        if id.is_err() {
            // SAFETY: no thread took the block over.
            unsafe { release(start.cast()) };
        }
        id
    }

    /// # Safety
    /// `name` is NULL or NUL-terminated.
    unsafe fn short_name(name: *const c_char) -> [c_char; NAME] {
        let mut short = [0; NAME];
        if !name.is_null() {
            // SAFETY: not NULL, so NUL-terminated.
            let name = unsafe { CStr::from_ptr(name) }.to_bytes();
            for (to, from) in short.iter_mut().zip(name.iter().take(NAME - 1)) {
                *to = *from as c_char;
            }
        }
        short
    }
}
