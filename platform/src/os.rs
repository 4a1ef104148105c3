//! Memory, locks and pauses (hal.md §§3, 4). Printing is in `c/port.c`.

use crate::clock::Deadline;
use crate::codes::{FAILURE, SUCCESS};
use crate::heap::Owned;
#[cfg(feature = "multithread_enabled")]
use crate::sync::Lock;
use crate::sync::Semaphore;
use core::ffi::{c_int, c_void};
use core::ptr;

/// A block of `size` bytes, not initialised; NULL when there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_Malloc(size: u32) -> *mut c_void {
    // SAFETY: malloc takes any size.
    unsafe { libc::malloc(size as usize) }
}

/// Gives a block back; NULL is allowed.
///
/// # Safety
/// `block` came from `HAL_Malloc` and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_Free(block: *mut c_void) {
    // SAFETY: as the caller promised.
    unsafe { libc::free(block) }
}

/// A new mutex, not recursive; NULL when there is no memory.
#[unsafe(no_mangle)]
#[cfg(feature = "multithread_enabled")]
pub extern "C" fn HAL_MutexCreate() -> *mut c_void {
    Owned::new(Lock::new()).map_or(ptr::null_mut(), |lock| lock.into_raw().cast())
}

/// Frees a mutex nobody holds; NULL is ignored.
///
/// # Safety
/// `mutex` is NULL or came from `HAL_MutexCreate` and is not used afterwards.
#[unsafe(no_mangle)]
#[cfg(feature = "multithread_enabled")]
pub unsafe extern "C" fn HAL_MutexDestroy(mutex: *mut c_void) {
    // SAFETY: as the caller promised.
    drop(unsafe { Owned::<Lock>::from_raw(mutex.cast()) });
}

/// Blocks until the mutex is free and takes it; NULL is ignored.
///
/// # Safety
/// `mutex` is NULL or came from `HAL_MutexCreate`.
#[unsafe(no_mangle)]
#[cfg(feature = "multithread_enabled")]
pub unsafe extern "C" fn HAL_MutexLock(mutex: *mut c_void) {
    // SAFETY: as the caller promised.
    if let Some(lock) = unsafe { mutex.cast::<Lock>().as_ref() } {
        lock.acquire();
    }
}

/// 0: the mutex was free and is now held; -1001: somebody else holds it. 0 for NULL.
///
/// # Safety
/// `mutex` is NULL or came from `HAL_MutexCreate`.
#[unsafe(no_mangle)]
#[cfg(feature = "multithread_enabled")]
pub unsafe extern "C" fn HAL_MutexTryLock(mutex: *mut c_void) -> c_int {
    // SAFETY: as the caller promised.
    match unsafe { mutex.cast::<Lock>().as_ref() } {
        Some(lock) if !lock.try_acquire() => FAILURE,
        _ => SUCCESS,
    }
}

/// Releases a mutex this thread holds; NULL is ignored.
///
/// # Safety
/// `mutex` is NULL or came from `HAL_MutexCreate` and is held by this thread.
#[unsafe(no_mangle)]
#[cfg(feature = "multithread_enabled")]
pub unsafe extern "C" fn HAL_MutexUnlock(mutex: *mut c_void) {
    // SAFETY: as the caller promised.
    if let Some(lock) = unsafe { mutex.cast::<Lock>().as_ref() } {
        lock.release();
    }
}

/// Mutexes of a build with one thread: nothing to lock, but a handle that is not NULL.
#[cfg(not(feature = "multithread_enabled"))]
mod single_thread {
    use super::*;

    #[unsafe(no_mangle)]
    pub extern "C" fn HAL_MutexCreate() -> *mut c_void {
        ptr::without_provenance_mut(1)
    }

    #[unsafe(no_mangle)]
    pub extern "C" fn HAL_MutexDestroy(_mutex: *mut c_void) {}

    #[unsafe(no_mangle)]
    pub extern "C" fn HAL_MutexLock(_mutex: *mut c_void) {}

    #[unsafe(no_mangle)]
    pub extern "C" fn HAL_MutexTryLock(_mutex: *mut c_void) -> c_int {
        SUCCESS
    }

    #[unsafe(no_mangle)]
    pub extern "C" fn HAL_MutexUnlock(_mutex: *mut c_void) {}
}

/// A semaphore that starts at 0; NULL when there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_SemaphoreCreate() -> *mut c_void {
    Semaphore::new(0).map_or(ptr::null_mut(), |semaphore| semaphore.into_raw().cast())
}

/// Frees a semaphore nobody waits for; NULL is ignored.
///
/// # Safety
/// `sem` is NULL or came from `HAL_SemaphoreCreate` and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SemaphoreDestroy(sem: *mut c_void) {
    // SAFETY: as the caller promised.
    drop(unsafe { Owned::<Semaphore>::from_raw(sem.cast()) });
}

/// Wakes one waiter, or lets the next one pass; NULL is ignored.
///
/// # Safety
/// `sem` is NULL or came from `HAL_SemaphoreCreate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SemaphorePost(sem: *mut c_void) {
    // SAFETY: as the caller promised.
    if let Some(semaphore) = unsafe { sem.cast::<Semaphore>().as_ref() } {
        semaphore.post();
    }
}

/// 0: got it; -1001: nothing within `timeout_ms` (0xFFFFFFFF waits for ever), or `sem` is NULL.
///
/// # Safety
/// `sem` is NULL or came from `HAL_SemaphoreCreate`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn HAL_SemaphoreWait(sem: *mut c_void, timeout_ms: u32) -> c_int {
    let limit = (timeout_ms != u32::MAX).then(|| Deadline::after_ms(timeout_ms));
    // SAFETY: as the caller promised.
    match unsafe { sem.cast::<Semaphore>().as_ref() } {
        Some(semaphore) if semaphore.take(limit) => SUCCESS,
        _ => FAILURE,
    }
}

/// Sleeps at least `ms` milliseconds; signals do not shorten the pause.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_SleepMs(ms: u32) {
    let until = Deadline::after_ms(ms).as_timespec();
    // SAFETY: `until` is a valid time; with TIMER_ABSTIME nothing is written.
    while unsafe {
        libc::clock_nanosleep(libc::CLOCK_MONOTONIC, libc::TIMER_ABSTIME, &until, ptr::null_mut())
    } == libc::EINTR
    {}
}

/// The same as [`HAL_SleepMs`].
#[unsafe(no_mangle)]
pub extern "C" fn HAL_DelayMs(ms: u32) {
    HAL_SleepMs(ms);
}
