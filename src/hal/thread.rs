//! Threads of the port.

use super::import::ThreadParams;
use super::symbols;
use crate::error::Error;
use core::ffi::{CStr, c_void};
use std::ffi::CString;

/// What a thread needs until it has ended: ports written for the original read the parameters in the new thread.
struct Start {
    params: ThreadParams,
    name: CString,
    body: Option<Box<dyn FnOnce() + Send>>,
}

/// Runs `body` in a new thread. Its priority is the lowest and its stack 4096 bytes or the port's minimum, as
/// firmware knows it (`mqtt.md` §12).
pub fn spawn(name: &CStr, body: Box<dyn FnOnce() + Send>) -> Result<(), Error> {
    let start = Box::into_raw(Box::new(Start {
        params: ThreadParams {
            thread_name: std::ptr::null_mut(),
            thread_id: 0,
            thread_func: Some(run),
            user_arg: std::ptr::null_mut(),
            priority: 1,
            stack_size: 4096,
        },
        name: name.to_owned(),
        body: Some(body),
    }));
    // SAFETY: `start` is a live, unshared box until the thread runs; the thread, or this function when there is
    // none, frees it.
    unsafe {
        (*start).params.thread_name = (*start).name.as_ptr().cast_mut();
        (*start).params.user_arg = start.cast();
        if symbols::HAL_ThreadCreate(&raw mut (*start).params) == 0 {
            Ok(())
        } else {
            drop(Box::from_raw(start));
            Err(Error::Failure)
        }
    }
}

unsafe extern "C" fn run(arg: *mut c_void) {
    // SAFETY: `arg` is the box of `spawn`, handed to this thread alone.
    let mut start = unsafe { Box::from_raw(arg.cast::<Start>()) };
    if let Some(body) = start.body.take() {
        // A panic must not unwind into the port; the body's owner sees that the thread has ended.
        drop(std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)));
    }
}
