//! Yield: reads, dispatches, expires, keeps alive, reconnects (`mqtt.md` §§3, 4, 11).

use super::callback::{ClientEvent, Message};
use super::dispatch::{Loss, Phase, Progress};
use super::gate::Yielding;
use super::{Client, lock};
use crate::error::Error;
use crate::hal::{random, reserve};
use crate::log::{Hold, Level, log};
use crate::mqtt::keepalive::Due;
use crate::mqtt::lifecycle::Step;
use crate::mqtt::packet::{DISCONNECT, PINGREQ};
use std::sync::atomic::Ordering;

/// The application has disconnected or destroyed the client.
pub const MANUALLY_DISCONNECTED: i32 = 2;
/// The connection came back during this call.
pub const RECONNECTED: i32 = 1;

/// How long a goodbye to a server that broke the rules may take, in ms.
const GOODBYE_TIMEOUT_MS: u32 = 200;
/// How long the next byte of a packet may take, in ms (`mqtt.md` §0).
const REST_OF_PACKET_MS: u64 = 2000;
/// How long nothing has come when the memory of large packets is given back, in ms.
const QUIET_MS: u64 = 1000;

/// How often Yield looks whether there is memory again, in ms.
const MEMORY_MS: u64 = 50;

/// What one round with an open connection found.
enum Round {
    /// All is well.
    Quiet,
    /// Yield returns this code.
    Return(i32),
    /// The connection is gone.
    Lost,
}

impl Client {
    /// Serves the connection for `timeout_ms`. The values are those of `IOT_MQTT_Yield`.
    pub fn yield_for(&self, timeout_ms: u32) -> i32 {
        if timeout_ms == 0 && !self.is_looping_elsewhere() {
            return Error::Inval.code();
        }
        let Ok(_call) = self.gate.enter() else {
            return MANUALLY_DISCONNECTED;
        };
        let deadline = self.clock.now() + u64::from(timeout_ms);
        let never = || false;
        self.run_if_free(deadline, &never).unwrap_or_else(|| {
            self.wait_for_others(deadline, &never, &never);
            if self.gate.is_closing() { MANUALLY_DISCONNECTED } else { 0 }
        })
    }

    /// As [`yield_for`](Self::yield_for), but returns as soon as `is_done`, and takes over when the thread that
    /// serves the connection leaves it: somebody has to read the answer that the caller waits for.
    pub fn yield_until(&self, timeout_ms: u32, is_done: &dyn Fn() -> bool) -> i32 {
        let Ok(_call) = self.gate.enter() else {
            return MANUALLY_DISCONNECTED;
        };
        let deadline = self.clock.now() + u64::from(timeout_ms);
        loop {
            if let Some(result) = self.run_if_free(deadline, is_done) {
                return result;
            }
            let is_free = || !self.is_looping_elsewhere() && self.yield_right.is_free();
            if self.wait_for_others(deadline, is_done, &is_free) {
                return 0;
            }
        }
    }

    /// Serves the connection unless another call has to, as [`yield_right_here`](Self::yield_right_here) says.
    fn run_if_free(&self, deadline: u64, is_done: &dyn Fn() -> bool) -> Option<i32> {
        let yielding = self.yield_right_here()?;
        let left = deadline.saturating_sub(self.clock.now());
        let result = self.run(u32::try_from(left).unwrap_or(u32::MAX), is_done);
        drop(yielding);
        self.news.spread();
        Some(result)
    }

    /// The right to read, unless a loop thread or another call has it, Yield is nested too deep, or this is a callback
    /// for a message that came before CONNACK: reading on is up to the attempt that it interrupts.
    fn yield_right_here(&self) -> Option<Yielding<'_>> {
        if self.is_looping_elsewhere() || self.core().connecting { None } else { self.yield_right.take() }
    }

    /// Serves the connection; the caller holds the right to yield.
    pub(super) fn run(&self, timeout_ms: u32, is_done: &dyn Fn() -> bool) -> i32 {
        let deadline = self.clock.now().saturating_add(u64::from(timeout_ms));
        let mut result = None;
        loop {
            if self.gate.is_closing() || self.core().telling_loss {
                return MANUALLY_DISCONNECTED;
            }
            if self.must_leave_connection() {
                return 0;
            }
            if reserve::admit().is_err() {
                let left = deadline.saturating_sub(self.clock.now());
                if left == 0 || is_done() {
                    return Error::Malloc.code();
                }
                self.pause(left.min(MEMORY_MS));
                continue;
            }
            if self.expire_deadlines() {
                // A callback may have destroyed the client or stopped the loop.
                continue;
            }
            let now = self.clock.now();
            let step = self.next_step(now);
            match step {
                Step::None => match self.serve(deadline, result, is_done) {
                    Round::Quiet => result = Some(0),
                    // A callback may have destroyed the client.
                    Round::Return(_) if self.gate.is_closing() => return MANUALLY_DISCONNECTED,
                    Round::Return(code) => return code,
                    Round::Lost => {}
                },
                Step::Attempt | Step::WaitUntil(_) if is_done() => return result.unwrap_or(0),
                Step::Attempt => match self.reconnect() {
                    Ok(()) => result = Some(RECONNECTED),
                    // Broken off by us: the attempt is still to be made.
                    Err(_) if self.must_leave() => self.core().session.on_lost(),
                    Err(error) => self.note_failed_attempt(error),
                },
                Step::WaitUntil(_) if now >= deadline => return Error::AttemptingReconnect.code(),
                Step::WaitUntil(at) => {
                    let due = at.min(deadline).min(self.next_deadline());
                    self.pause(due.saturating_sub(now));
                }
                Step::StayOffline => return Error::NoConn.code(),
                Step::GiveUp => return Error::ReconnectTimeout.code(),
                Step::Closed => return MANUALLY_DISCONNECTED,
            }
        }
    }

    /// Takes a connection down and tells the application, once.
    pub(super) fn lose(&self, loss: &Loss) {
        {
            let mut core = self.core();
            if !core.lifecycle.on_lost() {
                return;
            }
            core.session.on_lost();
            core.broken = None;
            core.telling_loss = true;
        }
        log!(Level::Warn, "mqtt_client_yield.c", "_handle_disconnect", "connection lost: {loss}");
        self.log_websocket_end();
        self.drop_link(loss.close_code());
        log!(Level::Info, "mqtt_client_connect.c", "qcloud_iot_mqtt_disconnect", "mqtt disconnect!");
        self.timed(|| self.observer.on_event(self, ClientEvent::Disconnected));
        self.core().telling_loss = false;
    }

    /// Closes the link, after a WebSocket close frame where one is due.
    pub(super) fn drop_link(&self, goodbye: Option<Option<u16>>) {
        let (sent, link) = {
            let _hold = Hold::start();
            let mut sender = lock(&self.sender);
            let sent = goodbye.map(|code| sender.close(code, GOODBYE_TIMEOUT_MS, &self.clock));
            (sent, sender.detach())
        };
        lock(&self.receiver).detach();
        if let Some(link) = link {
            link.close();
        }
        if let Some(Err(error)) = sent {
            // The connection goes whether or not the peer still hears this.
            log!(Level::Debug, "network_socket.c", "drop_link", "close frame not sent: {error}");
        }
    }

    /// Another thread serves the connection: waits until its work makes `is_done` or `is_free` true; `false` only in
    /// the latter case.
    fn wait_for_others(&self, deadline: u64, is_done: &dyn Fn() -> bool, is_free: &dyn Fn() -> bool) -> bool {
        loop {
            let left = deadline.saturating_sub(self.clock.now());
            if left == 0 || self.gate.is_closing() || is_done() {
                return true;
            }
            if self.news.wait_unless(&|| is_done() || is_free(), left) && !is_done() {
                return false;
            }
        }
    }

    /// Whether the calling thread must leave the connection: the client is going away, or another thread's turn has
    /// come.
    pub(super) fn must_leave(&self) -> bool {
        self.gate.is_closing() || self.must_leave_connection()
    }

    fn next_step(&self, now: u64) -> Step {
        self.core().lifecycle.step(now, random_wait)
    }

    /// One round: everything that has arrived, what has expired, keep-alive, then a wait for more. `result` is what
    /// Yield returns when its time is over; before the first round there is none, so that each call reads at least once.
    fn serve(&self, deadline: u64, result: Option<i32>, is_done: &dyn Fn() -> bool) -> Round {
        // The lock must be free again before the application is told.
        let broken = self.core().broken;
        if let Some(error) = broken {
            return self.give_up(&Loss::Link(error));
        }
        if let Some(round) = self.dispatch_all() {
            return round;
        }
        if let Some(round) = self.keep_time() {
            return round;
        }
        if is_done() {
            return Round::Return(result.unwrap_or(0));
        }
        let now = self.clock.now();
        match result {
            Some(result) if now >= deadline => Round::Return(result),
            _ => self.wait(now, deadline),
        }
    }

    /// Dispatches all that is complete; `None` when there is nothing left and all is well.
    fn dispatch_all(&self) -> Option<Round> {
        loop {
            // Yield waits for memory.
            if reserve::admit().is_err() {
                return Some(Round::Quiet);
            }
            let progress = self.handle_next(Phase::Open);
            self.tell_events();
            self.news.spread();
            match progress {
                Progress::Nothing => return None,
                Progress::Handled | Progress::ConnAck { .. } => {}
                Progress::Report(error) => return Some(Round::Return(error.code())),
                Progress::Lost(loss) => return Some(self.give_up(&loss)),
            }
            if self.gate.is_closing() || !self.is_connected() {
                return Some(Round::Lost);
            }
        }
    }

    /// Expired requests, keep-alive, and packets whose rest does not come.
    fn keep_time(&self) -> Option<Round> {
        if self.stalled_at().is_some_and(|stalled_at| self.clock.now() >= stalled_at) {
            return Some(self.give_up_if_silent(&Loss::Stalled));
        }
        let due = self.core().session.handle_timeout(self.clock.now());
        self.tell_events();
        match due {
            Due::Nothing => None,
            Due::Lost => Some(self.give_up_if_silent(&Loss::KeepAlive)),
            Due::Ping => {
                let now = self.clock.now();
                match self.send_packet(&[&PINGREQ], self.config.command_timeout_ms) {
                    Ok(()) => {
                        self.core().session.on_ping(now);
                        None
                    }
                    Err(error) => Some(self.give_up(&Loss::Link(error))),
                }
            }
        }
    }

    /// When a packet that has begun to arrive counts as stalled: the stream cannot be used without its rest.
    fn stalled_at(&self) -> Option<u64> {
        let is_mid_packet = lock(&self.receiver).is_mid_packet();
        is_mid_packet.then(|| self.core().received_at + REST_OF_PACKET_MS)
    }

    /// Waits for data until something is due.
    fn wait(&self, now: u64, deadline: u64) -> Round {
        let stalled_at = self.stalled_at().unwrap_or(u64::MAX);
        let until = {
            let mut core = self.core();
            let due = core.session.next_timeout().unwrap_or(u64::MAX).min(deadline).min(stalled_at);
            // Shortly after traffic look around once more by ourselves: then a publisher need not wake us for the
            // time-out of its message.
            let after_traffic = now + u64::from(self.config.command_timeout_ms);
            let until = if std::mem::take(&mut core.was_active) { due.min(after_traffic) } else { due };
            self.waiting_until.store(until, Ordering::SeqCst);
            until
        };
        // Asked for after the store: whoever sets a deadline from now on sees that he has to wake us.
        let until = until.min(self.next_deadline());
        self.waiting_until.store(until, Ordering::SeqCst);
        let timeout_ms = u32::try_from(until.saturating_sub(now)).unwrap_or(u32::MAX);
        let read = self.read(timeout_ms);
        self.waiting_until.store(0, Ordering::SeqCst);
        match read {
            Ok(0) => {
                self.release_memory_if_quiet();
                Round::Quiet
            }
            Ok(_) => Round::Quiet,
            Err(error) => self.give_up(&Loss::Link(error)),
        }
    }

    /// Reads once; the count of bytes that came.
    fn read(&self, timeout_ms: u32) -> Result<usize, Error> {
        let _hold = Hold::start();
        let count = lock(&self.receiver).read(timeout_ms, &self.waiter)?;
        if count > 0 {
            self.core().received_at = self.clock.now();
        }
        Ok(count)
    }

    /// Gives the memory of large packets back when nothing has come for a while. Not after each of them, since a stream
    /// of large messages is not to allocate either.
    fn release_memory_if_quiet(&self) {
        let received_at = self.core().received_at;
        if self.clock.now() < received_at + QUIET_MS {
            return;
        }
        lock(&self.receiver).shrink();
        // Whoever is sending needs the memory; the next quiet moment will do.
        if let Ok(mut sender) = self.sender.try_lock() {
            sender.shrink();
        }
        lock(&self.spare).iter_mut().for_each(Message::shrink);
    }

    /// Gives up a connection whose peer is late, unless what we miss came while nobody read: a handler took long, or
    /// the application let time pass between two calls of Yield.
    fn give_up_if_silent(&self, loss: &Loss) -> Round {
        match self.read(0) {
            Ok(0) => self.give_up(loss),
            Ok(_) => Round::Quiet,
            Err(error) => self.give_up(&Loss::Link(error)),
        }
    }

    fn give_up(&self, loss: &Loss) -> Round {
        self.lose(loss);
        Round::Lost
    }

    fn note_failed_attempt(&self, error: Error) {
        log!(
            Level::Warn,
            "mqtt_client_connect.c",
            "qcloud_iot_mqtt_attempt_reconnect",
            "attempt to reconnect failed: {error}"
        );
        let now = self.clock.now();
        let mut core = self.core();
        core.session.on_lost();
        core.lifecycle.on_attempt_failed(now, random_wait);
    }

    /// Waits up to `ms` for the next attempt, less if woken.
    fn pause(&self, ms: u64) {
        self.waiter.sleep(u32::try_from(ms).unwrap_or(u32::MAX));
    }

    /// Says goodbye on an open connection: DISCONNECT, WebSocket close, end of the link.
    pub(super) fn disconnect(&self) -> Result<(), Error> {
        self.log_websocket_end();
        let sent = self.send_packet(&[&DISCONNECT], self.config.command_timeout_ms);
        if sent.is_ok() && self.config.endpoint.scheme.is_websocket() {
            self.close_websocket();
        }
        self.drop_link(None);
        log!(Level::Info, "mqtt_client_connect.c", "qcloud_iot_mqtt_disconnect", "mqtt disconnect!");
        sent
    }

    /// The line that comes before `mqtt disconnect!` (`log.md` §5 line 27).
    fn log_websocket_end(&self) {
        if self.config.endpoint.scheme.is_websocket() {
            log!(Level::Debug, "network_socket.c", "network_websocket_mqtt_disconnect", "websocket disconn");
        }
    }

    /// Close frame, then at most 200 ms for the one of the server; data that still comes is discarded.
    fn close_websocket(&self) {
        let _hold = Hold::start();
        let closed = lock(&self.sender).close(Some(1000), GOODBYE_TIMEOUT_MS, &self.clock);
        if !matches!(closed, Ok(true)) {
            return;
        }
        let deadline = self.clock.now() + u64::from(GOODBYE_TIMEOUT_MS);
        let mut receiver = lock(&self.receiver);
        loop {
            use crate::transport::receiver::Input;
            match receiver.next_input() {
                Input::Closed(_) | Input::Broken { .. } => return,
                Input::Nothing => {
                    let left = deadline.saturating_sub(self.clock.now());
                    if left == 0 || receiver.read(left as u32, &self.waiter).is_err() {
                        return;
                    }
                }
                _ => {}
            }
        }
    }
}

/// Draws a wait. Without randomness devices would try in step, which is still better than not at all.
fn random_wait() -> u32 {
    random::number().unwrap_or(0)
}

#[cfg(not(feature = "multithread_enabled"))]
impl Client {
    fn is_looping_elsewhere(&self) -> bool {
        false
    }

    fn must_leave_connection(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
