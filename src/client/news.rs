//! Tells threads that wait for another one's progress that there is some.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Longest wait before a waiting thread looks by itself whether its client is going away, in ms.
const LOOK_AROUND_MS: u64 = 100;

/// Progress of the thread that serves a connection; costs nothing while nobody waits for it.
#[derive(Debug, Default)]
pub struct News {
    waiting: AtomicUsize,
    lock: Mutex<()>,
    spread: Condvar,
}

impl News {
    /// There is progress.
    pub fn spread(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.spread.notify_all();
        }
    }

    /// Waits for progress, at most `ms` and seldom longer than a moment; returns whether `is_done`.
    pub fn wait_unless(&self, is_done: &dyn Fn() -> bool, ms: u64) -> bool {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let done = is_done();
        if !done {
            let wait = Duration::from_millis(ms.min(LOOK_AROUND_MS));
            drop(self.spread.wait_timeout(guard, wait).unwrap_or_else(PoisonError::into_inner));
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        done || is_done()
    }
}
