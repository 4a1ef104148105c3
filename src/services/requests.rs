//! Requests that wait for an answer which is matched by its content, not by a packet id.
//!
//! A service keeps its table in its own state, behind a lock, and hands it over to the client's clock with
//! [`Client::watch`] when requests have callbacks. A call that waits in the calling thread uses [`wait`].

use crate::client::{Client, MANUALLY_DISCONNECTED};
use crate::error::Error;
use crate::memory;

/// Names a request of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

#[derive(Debug)]
struct Waiting<K, R> {
    ticket: Ticket,
    key: K,
    deadline: u64,
    request: R,
}

/// The waiting requests of one service on one client, oldest first. `K` is what an answer is matched with.
#[derive(Debug)]
pub struct Requests<K, R> {
    waiting: Vec<Waiting<K, R>>,
    limit: usize,
    issued: u64,
}

impl<K, R> Requests<K, R> {
    /// At most `limit` requests wait.
    pub fn new(limit: usize) -> Requests<K, R> {
        Requests { waiting: Vec::new(), limit, issued: 0 }
    }

    /// Adds a request. To be called before it is sent, since its answer may be faster than the return of the publish.
    /// `MaxAppendingRequest` when as many wait as can; `Malloc`.
    pub fn add(&mut self, key: K, deadline: u64, request: R) -> Result<Ticket, Error> {
        if self.waiting.len() >= self.limit {
            return Err(Error::MaxAppendingRequest);
        }
        self.issued += 1;
        let ticket = Ticket(self.issued);
        memory::push(&mut self.waiting, Waiting { ticket, key, deadline, request })?;
        Ok(ticket)
    }

    /// Takes all requests whose key an answer has, newest first.
    pub fn answered(&mut self, has: impl Fn(&K) -> bool) -> Vec<R> {
        self.take(|waiting| has(&waiting.key))
    }

    /// Takes all requests whose time is over at `now`, newest first.
    pub fn expired(&mut self, now: u64) -> Vec<R> {
        self.take(|waiting| waiting.deadline <= now)
    }

    /// Takes back a request that could not be sent or is not waited for any more; `None` if it has ended meanwhile.
    pub fn withdraw(&mut self, ticket: Ticket) -> Option<R> {
        let found = self.waiting.iter().position(|waiting| waiting.ticket == ticket)?;
        Some(self.waiting.remove(found).request)
    }

    /// Drops all requests.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// When the next request expires.
    pub fn next_deadline(&self) -> Option<u64> {
        self.waiting.iter().map(|waiting| waiting.deadline).min()
    }

    fn take(&mut self, is_meant: impl Fn(&Waiting<K, R>) -> bool) -> Vec<R> {
        let mut taken: Vec<R> =
            self.waiting.extract_if(.., |waiting| is_meant(waiting)).map(|waiting| waiting.request).collect();
        taken.reverse();
        taken
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// What was waited for has happened.
    Done,
    /// The time is over.
    TimeOver,
    /// A message was dropped for want of memory, maybe the one that was waited for.
    NoMemory,
    /// The connection is gone for good: without auto connect, or because the client is being destroyed.
    Offline,
}

/// Serves the connection until `is_done`, at most `timeout_ms`; if another thread serves it, waits for that one's work.
///
/// Goes on over what concerns others: refused subscriptions, unusable packets, a lost connection that is opened again.
/// A callback of the client must not wait like this unless its service allows it ([`Client::is_in_callback`]).
pub fn wait(client: &Client, timeout_ms: u32, is_done: &dyn Fn() -> bool) -> Waited {
    let deadline = client.now() + u64::from(timeout_ms);
    loop {
        let left = deadline.saturating_sub(client.now());
        let code = client.yield_until(u32::try_from(left).unwrap_or(u32::MAX), is_done);
        if is_done() {
            return Waited::Done;
        }
        if code == MANUALLY_DISCONNECTED || code == Error::NoConn.code() {
            return Waited::Offline;
        }
        if code == Error::Malloc.code() {
            return Waited::NoMemory;
        }
        if client.now() >= deadline {
            return Waited::TimeOver;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Requests<&'static str, u8> {
        Requests::new(3)
    }

    #[test]
    fn an_answer_ends_all_requests_with_its_key_newest_first() {
        let mut table = table();
        for (key, request) in [("a", 1), ("b", 2), ("a", 3)] {
            table.add(key, 10, request).unwrap();
        }
        assert_eq!(table.answered(|&key| key == "c"), [0; 0]);
        assert_eq!(table.answered(|&key| key == "a"), [3, 1]);
        assert_eq!(table.answered(|&key| key == "a"), [0; 0]);
        assert_eq!(table.answered(|&key| key == "b"), [2]);
    }

    #[test]
    fn requests_expire_on_their_deadline_newest_first() {
        let mut table = table();
        for (deadline, request) in [(20, 1), (30, 2), (20, 3)] {
            table.add("a", deadline, request).unwrap();
        }
        assert_eq!(table.next_deadline(), Some(20));
        assert_eq!(table.expired(19), [0; 0]);
        assert_eq!(table.expired(20), [3, 1]);
        assert_eq!(table.next_deadline(), Some(30));
        assert_eq!(table.expired(u64::MAX), [2]);
        assert_eq!(table.next_deadline(), None);
    }

    #[test]
    fn one_more_than_the_limit_is_refused_until_one_has_ended() {
        let mut table = table();
        let tickets: Vec<Ticket> = (0..3).map(|i| table.add("a", 10, i).unwrap()).collect();
        assert_eq!(table.add("b", 10, 3), Err(Error::MaxAppendingRequest));
        assert_eq!(table.withdraw(tickets[1]), Some(1));
        let fresh = table.add("b", 10, 3).unwrap();
        assert!(!tickets.contains(&fresh), "a ticket is used once");
        assert_eq!(table.withdraw(tickets[1]), None);
        assert_eq!(table.answered(|&key| key == "a"), [2, 0]);
        assert_eq!(table.withdraw(tickets[0]), None, "answered meanwhile");
        table.clear();
        assert_eq!(table.next_deadline(), None);
    }
}
