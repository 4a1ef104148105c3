//! The background thread of `IOT_MQTT_StartLoop` (`mqtt.md` §12).

use super::gate::thread_token;
use super::{Client, lock};
use crate::error::Error;
use crate::hal::waiter::SLICE_MS;
use crate::hal::{clock, thread};
use crate::log::{Level, log};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Pause after an error that leaves the client usable, in ms.
const PAUSE_AFTER_ERROR_MS: u32 = 200;
/// How often the thread asks for the right to yield while another thread still has it, in ms.
const RETRY_MS: u32 = 10;

/// State of the loop thread of one client.
#[derive(Debug, Default)]
pub struct LoopControl {
    /// What `IOT_MQTT_SetLoopStatus` sets: Yield of other threads only sleeps, and the thread goes on.
    wanted: AtomicBool,
    /// Token of the thread, 0 while there is none.
    thread: AtomicUsize,
    state: Mutex<LoopState>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct LoopState {
    is_running: bool,
    exit_code: i32,
}

impl Client {
    /// Starts the loop thread; nothing happens if it runs.
    pub fn start_loop(self: &Arc<Client>) -> Result<(), Error> {
        let _call = self.gate.enter()?;
        if self.is_loop_thread() {
            // A callback has stopped the loop and changed its mind: the thread goes on.
            self.looping.wanted.store(true, Ordering::SeqCst);
            return Ok(());
        }
        let mut state = lock(&self.looping.state);
        if state.is_running && self.looping.wanted.load(Ordering::SeqCst) {
            return Ok(());
        }
        while state.is_running {
            // The old thread may destroy the client, and wait for us, in a callback.
            if self.gate.is_closing() {
                return Err(Error::NoConn);
            }
            state = self.looping.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.looping.wanted.store(true, Ordering::SeqCst);
        let client = Arc::clone(self);
        if let Err(error) = thread::spawn(c"MQTT_yield_thread", Box::new(move || client.run_loop())) {
            self.looping.wanted.store(false, Ordering::SeqCst);
            return Err(error);
        }
        *state = LoopState { is_running: true, exit_code: 0 };
        // Another thread may still be inside Yield: it hands over as soon as it looks around.
        self.waiter.wake();
        Ok(())
    }

    /// Ends the loop thread and waits for its end; called from the loop thread itself it only asks.
    pub fn stop_loop(&self) {
        self.set_loop_status(false);
        if self.is_loop_thread() {
            return;
        }
        let mut state = lock(&self.looping.state);
        while state.is_running {
            state = self.looping.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether Yield leaves the work to a loop thread, and the code that the last one ended with.
    pub fn loop_status(&self) -> (bool, i32) {
        let exit_code = lock(&self.looping.state).exit_code;
        (self.looping.wanted.load(Ordering::SeqCst), exit_code)
    }

    /// Lets callers of [`start_loop`](Self::start_loop) see that the gate is closed.
    pub(super) fn wake_starters(&self) {
        let _state = lock(&self.looping.state);
        self.looping.ended.notify_all();
    }

    /// Sets the running flag alone.
    pub fn set_loop_status(&self, is_wanted: bool) {
        let was_wanted = self.looping.wanted.swap(is_wanted, Ordering::SeqCst);
        // Only for a loop thread: it would break off an attempt to reconnect of anybody else.
        if was_wanted && !is_wanted {
            self.waiter.wake();
        }
    }

    pub(super) fn is_looping_elsewhere(&self) -> bool {
        self.looping.wanted.load(Ordering::SeqCst) && !self.is_loop_thread()
    }

    /// Whether the calling thread must leave the connection: the loop thread when it is not wanted any more, any
    /// other thread when there is a loop thread now.
    pub(super) fn must_leave_connection(&self) -> bool {
        self.is_loop_thread() != self.looping.wanted.load(Ordering::SeqCst)
    }

    fn is_loop_thread(&self) -> bool {
        self.looping.thread.load(Ordering::SeqCst) == thread_token()
    }

    fn run_loop(&self) {
        self.looping.thread.store(thread_token(), Ordering::SeqCst);
        let mut run = Run { control: &self.looping, exit_code: Error::Failure.code() };
        run.exit_code = match self.gate.enter() {
            Ok(_call) => self.serve_until_stopped(),
            Err(_) => super::run::MANUALLY_DISCONNECTED,
        };
        let exit_code = run.exit_code;
        log!(Level::Info, "mqtt_client.c", "_mqtt_yield_thread", "loop thread ends with code {exit_code}");
    }

    fn serve_until_stopped(&self) -> i32 {
        while self.looping.wanted.load(Ordering::SeqCst) && !self.gate.is_closing() {
            let Some(_yielding) = self.yield_right.take() else {
                self.sleep(RETRY_MS);
                continue;
            };
            match Error::from_code(self.run(u32::MAX, &|| false)) {
                None if self.gate.is_closing() => return super::run::MANUALLY_DISCONNECTED,
                None => {}
                Some(error @ (Error::ReconnectTimeout | Error::NoConn)) => return error.code(),
                Some(error) => {
                    log!(Level::Error, "mqtt_client.c", "_mqtt_yield_thread", "yield failed: {error}");
                    self.sleep(PAUSE_AFTER_ERROR_MS);
                }
            }
        }
        0
    }

    /// Lets `ms` pass unless the client is going away.
    fn sleep(&self, ms: u32) {
        let deadline = self.clock.now() + u64::from(ms);
        loop {
            let left = deadline.saturating_sub(self.clock.now());
            if left == 0 || self.gate.is_closing() {
                return;
            }
            clock::sleep(u32::try_from(left).unwrap_or(u32::MAX).min(SLICE_MS));
        }
    }
}

/// The work of one loop thread; tells those who wait for its end, also after a panic.
struct Run<'a> {
    control: &'a LoopControl,
    exit_code: i32,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.control.thread.store(0, Ordering::SeqCst);
        self.control.wanted.store(false, Ordering::SeqCst);
        *lock(&self.control.state) = LoopState { is_running: false, exit_code: self.exit_code };
        self.control.ended.notify_all();
    }
}

#[cfg(test)]
mod tests;
