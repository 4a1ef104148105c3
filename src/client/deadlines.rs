//! Deadlines of services: the thread that serves the connection keeps them, whichever it is.
//!
//! There is no clock that ticks. The next deadline bounds the wait for data and the pause before an attempt to
//! reconnect; an earlier one that is set meanwhile wakes the thread that waits for data (nothing is asked of a platform
//! that is not connected, so none is set in a pause). Only an attempt that is under way makes an expiry late.

use super::{Client, lock};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Requests that end when their time is over. Must not hold the client that watches it alive.
pub trait Deadlines: Send + Sync {
    /// When [`expire`](Self::expire) has to be called next, in ms of the client's clock.
    fn next_deadline(&self) -> Option<u64>;
    /// Ends what is over at `now`. Called without locks, from the thread that yields; may call back the application.
    fn expire(&self, client: &Client, now: u64);
}

impl Client {
    /// Keeps these deadlines from now on, as long as the client lives.
    pub fn watch(&self, deadlines: Arc<dyn Deadlines>) {
        lock(&self.deadlines).push(deadlines);
    }

    /// A deadline was set: wakes the reading thread if it would look around only after it.
    pub fn wake_before(&self, deadline: u64) {
        if self.waiting_until.load(Ordering::SeqCst) > deadline && !self.yield_right.is_mine() {
            self.waiter.wake();
        }
    }

    /// Ends the requests of services whose time is over; whether there were any.
    pub(super) fn expire_deadlines(&self) -> bool {
        let is_over =
            |deadlines: &Arc<dyn Deadlines>, now| deadlines.next_deadline().is_some_and(|at| at <= now);
        let mut has_expired = false;
        let mut at = 0;
        while let Some(deadlines) = self.watched(at) {
            let now = self.clock.now();
            if is_over(&deadlines, now) {
                self.timed(|| deadlines.expire(self, now));
                has_expired = true;
            }
            at += 1;
        }
        if has_expired {
            self.news.spread();
        }
        has_expired
    }

    /// The next deadline of a service; `u64::MAX` without one.
    pub(super) fn next_deadline(&self) -> u64 {
        let watched = lock(&self.deadlines);
        watched.iter().filter_map(|deadlines| deadlines.next_deadline()).min().unwrap_or(u64::MAX)
    }

    fn watched(&self, at: usize) -> Option<Arc<dyn Deadlines>> {
        lock(&self.deadlines).get(at).cloned()
    }
}
