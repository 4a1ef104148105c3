//! Locks of the port, on POSIX threads.

use crate::clock::Deadline;
use crate::heap::Owned;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;

/// A mutex without content. Not recursive.
pub struct Lock(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: pthread mutexes are made for use from several threads.
unsafe impl Sync for Lock {}
// SAFETY: an unlocked pthread mutex may be moved to another thread; locked ones are never moved (see `new`).
unsafe impl Send for Lock {}

impl Lock {
    /// Must have found its final address before the first `acquire`.
    pub const fn new() -> Self {
        Self(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER))
    }

    pub fn acquire(&self) {
        // SAFETY: the mutex was initialised by `new`.
        unsafe { libc::pthread_mutex_lock(self.0.get()) };
    }

    /// True if the lock was free and is now held.
    #[cfg(feature = "multithread_enabled")]
    pub fn try_acquire(&self) -> bool {
        // SAFETY: as in `acquire`.
        unsafe { libc::pthread_mutex_trylock(self.0.get()) == 0 }
    }

    /// Gives up a lock this thread holds.
    pub fn release(&self) {
        // SAFETY: as in `acquire`.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) };
    }

    /// Runs `f` under the lock.
    pub fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        self.acquire();
        let result = f();
        self.release();
        result
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: nobody holds a lock that is dropped.
        unsafe { libc::pthread_mutex_destroy(self.0.get()) };
    }
}

/// A counter to wait for, on the monotonic clock. Lives on the heap because threads wait on its address.
pub struct Semaphore {
    lock: Lock,
    changed: UnsafeCell<libc::pthread_cond_t>,
    count: UnsafeCell<u32>,
}

// SAFETY: `count` is only touched under `lock`, and condition variables are made for several threads.
unsafe impl Sync for Semaphore {}

impl Semaphore {
    /// A semaphore with `count` tokens; `None` when there is no memory.
    pub fn new(count: u32) -> Option<Owned<Self>> {
        let mut attr = MaybeUninit::<libc::pthread_condattr_t>::uninit();
        let semaphore = Owned::new(Self {
            lock: Lock::new(),
            changed: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER),
            count: UnsafeCell::new(count),
        })?;
        // SAFETY: the attribute is initialised before use and destroyed after; nobody waits on the condition yet.
        unsafe {
            if libc::pthread_condattr_init(attr.as_mut_ptr()) != 0 {
                return None;
            }
            libc::pthread_condattr_setclock(attr.as_mut_ptr(), libc::CLOCK_MONOTONIC);
            let made = libc::pthread_cond_init(semaphore.changed.get(), attr.as_ptr());
            libc::pthread_condattr_destroy(attr.as_mut_ptr());
            (made == 0).then_some(semaphore)
        }
    }

    /// Adds one token and wakes one waiter.
    pub fn post(&self) {
        self.lock.with(|| {
            // SAFETY: under the lock; the condition was initialised by `new`.
            unsafe {
                *self.count.get() = (*self.count.get()).saturating_add(1);
                libc::pthread_cond_signal(self.changed.get());
            }
        });
    }

    /// Takes one token; false when none came before `deadline` (`None`: waits for ever).
    pub fn take(&self, deadline: Option<Deadline>) -> bool {
        let limit = deadline.map(Deadline::as_timespec);
        self.lock.with(|| {
            // SAFETY: under the lock, which the waits below release and take again.
            unsafe {
                while *self.count.get() == 0 {
                    let cond = self.changed.get();
                    let late = match &limit {
                        None => libc::pthread_cond_wait(cond, self.lock.0.get()),
                        Some(limit) => {
                            libc::pthread_cond_timedwait(cond, self.lock.0.get(), ptr::from_ref(limit))
                        }
                    } == libc::ETIMEDOUT;
                    if late && *self.count.get() == 0 {
                        return false;
                    }
                }
                *self.count.get() -= 1;
                true
            }
        })
    }
}

impl Drop for Semaphore {
    fn drop(&mut self) {
        // SAFETY: nobody waits on a semaphore that is dropped.
        unsafe { libc::pthread_cond_destroy(self.changed.get()) };
    }
}
