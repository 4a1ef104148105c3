//! Who is inside a client: calls that have to leave before it can go, and the one thread that may yield.

use crate::error::Error;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

/// How deep Yield may be nested in callbacks (`mqtt.md` §14).
const MAX_DEPTH: u32 = 8;

thread_local! {
    /// Gates of the calls that this thread is inside of, outermost first.
    static INSIDE: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// Its address names the thread.
    static TOKEN: u8 = const { 0 };
}

/// Names the calling thread while it lives.
pub fn thread_token() -> usize {
    TOKEN.with(|token| std::ptr::from_ref(token).addr())
}

/// Counts the calls inside a client and closes it to new ones.
#[derive(Debug, Default)]
pub struct Gate {
    calls: AtomicUsize,
    closing: AtomicBool,
    lock: Mutex<()>,
    left: Condvar,
}

/// A call that is inside; leaves when dropped.
#[derive(Debug)]
pub struct Call<'a>(&'a Gate);

impl Gate {
    /// Enters, unless the client is being destroyed.
    pub fn enter(&self) -> Result<Call<'_>, Error> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        INSIDE.with_borrow_mut(|inside| inside.push(self.address()));
        let call = Call(self);
        if self.is_closing() { Err(Error::NoConn) } else { Ok(call) }
    }

    /// Whether the client is being destroyed: whoever waits inside has to leave.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Lets nobody in any more; `false` if that was so before.
    pub fn close(&self) -> bool {
        !self.closing.swap(true, Ordering::SeqCst)
    }

    /// Waits until all calls of other threads have left. The caller has closed the gate and woken them.
    pub fn wait_until_empty(&self) {
        let own = INSIDE.with_borrow(|inside| inside.iter().filter(|&&gate| gate == self.address()).count());
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        while self.calls.load(Ordering::SeqCst) > own {
            guard = self.left.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether nobody is inside.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.calls.load(Ordering::SeqCst) == 0
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(|inside| {
            // Calls end in the order opposite to that in which they began, as a rule.
            if inside.pop_if(|gate| *gate == self.0.address()).is_none() {
                let own = inside.iter().rposition(|&gate| gate == self.0.address());
                own.map(|position| inside.remove(position));
            }
        });
        self.0.calls.fetch_sub(1, Ordering::SeqCst);
        if self.0.is_closing() {
            let _guard = self.0.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.0.left.notify_all();
        }
    }
}

/// The right to read from the connection, held by one thread at a time; nested calls of that thread share it.
#[derive(Debug, Default)]
pub struct YieldRight {
    owner: AtomicUsize,
    depth: AtomicU32,
}

/// The calling thread holds the right until this is dropped.
#[derive(Debug)]
pub struct Yielding<'a>(&'a YieldRight);

impl YieldRight {
    /// Takes the right; `None` if another thread has it or the calls are nested too deep.
    pub fn take(&self) -> Option<Yielding<'_>> {
        if !self.is_mine() {
            self.owner.compare_exchange(0, thread_token(), Ordering::AcqRel, Ordering::Acquire).ok()?;
        } else if self.depth.load(Ordering::Relaxed) >= MAX_DEPTH {
            return None;
        }
        self.depth.fetch_add(1, Ordering::Relaxed);
        Some(Yielding(self))
    }

    /// Whether no thread has it.
    pub fn is_free(&self) -> bool {
        self.owner.load(Ordering::Acquire) == 0
    }

    /// Whether the calling thread has it.
    pub fn is_mine(&self) -> bool {
        self.owner.load(Ordering::Acquire) == thread_token()
    }
}

impl Drop for Yielding<'_> {
    fn drop(&mut self) {
        if self.0.depth.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.owner.store(0, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn closing_waits_for_others_but_not_for_oneself() {
        let gate = Arc::new(Gate::default());
        let own = gate.enter().unwrap();
        let (inside, is_inside) = std::sync::mpsc::channel();
        let other = std::thread::spawn({
            let gate = Arc::clone(&gate);
            move || {
                let call = gate.enter().unwrap();
                inside.send(()).unwrap();
                while !gate.is_closing() {
                    std::thread::yield_now();
                }
                drop(call);
            }
        });
        is_inside.recv().unwrap();
        assert!(gate.close());
        assert!(!gate.close());
        gate.wait_until_empty();
        assert_eq!(gate.enter().err(), Some(Error::NoConn));
        drop(own);
        other.join().unwrap();
        assert_eq!(gate.calls.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn the_right_to_yield_nests_in_one_thread_only() {
        let right = Arc::new(YieldRight::default());
        let mut held: Vec<Yielding> = (0..MAX_DEPTH).map(|_| right.take().unwrap()).collect();
        assert!(right.take().is_none(), "too deep");
        let elsewhere = Arc::clone(&right);
        std::thread::spawn(move || assert!(elsewhere.take().is_none())).join().unwrap();
        held.pop();
        assert!(right.take().is_some());
        held.clear();
        assert!(!right.is_mine());
        let elsewhere = Arc::clone(&right);
        std::thread::spawn(move || assert!(elsewhere.take().is_some())).join().unwrap();
    }
}
