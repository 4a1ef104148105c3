//! Which call a reply goes to (`rrpc.md` §4).

use crate::error::Error;
use std::collections::VecDeque;
use std::thread::ThreadId;

/// How long the platform waits for a reply at most, in ms; an older call is not replied to any more.
const WAITS_MS: u64 = 10_000;
/// Calls that can wait for their reply; one more pushes out the oldest.
const CAPACITY: usize = 64;

/// A call without reply.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    id: String,
    received_at: u64,
}

/// The calls of one client.
#[derive(Debug, Default)]
pub struct Calls {
    /// Process ids of the calls whose callbacks run, innermost last, and in which thread.
    delivering: Vec<(String, ThreadId)>,
    /// Oldest first.
    waiting: VecDeque<Call>,
    /// The call of the last reply, until another one comes.
    replied: Option<String>,
}

/// The call that a reply is for; it counts as replied to only when the reply is out.
#[derive(Debug, PartialEq, Eq)]
pub enum Chosen {
    /// It has no reply yet.
    Waiting {
        /// Process id.
        id: String,
        /// When it came.
        received_at: u64,
    },
    /// It has one already.
    Again(String),
}

impl Chosen {
    /// Process id.
    pub fn id(&self) -> &str {
        match self {
            Chosen::Waiting { id, .. } | Chosen::Again(id) => id,
        }
    }
}

impl Calls {
    /// The callback of a call starts in this thread; without memory for it the call is not known.
    pub fn begin(&mut self, id: &str, now: u64, thread: ThreadId) -> Result<(), Error> {
        self.forget_old(now);
        if self.waiting.len() == CAPACITY {
            self.waiting.pop_front();
        }
        self.waiting.try_reserve(1).map_err(|_| Error::Malloc)?;
        self.delivering.try_reserve(1).map_err(|_| Error::Malloc)?;
        self.replied = None;
        self.waiting.push_back(Call { id: id.to_owned(), received_at: now });
        self.delivering.push((id.to_owned(), thread));
        Ok(())
    }

    /// The callback that started last has ended.
    pub fn end(&mut self) {
        self.delivering.pop();
    }

    /// The call that a reply of this thread is for.
    pub fn choose(&mut self, now: u64, thread: ThreadId) -> Option<Chosen> {
        self.forget_old(now);
        let Some((id, _)) = self.delivering.last().filter(|(_, inside)| *inside == thread) else {
            return self.take(0).or_else(|| self.replied.clone().map(Chosen::Again));
        };
        let again = Chosen::Again(id.clone());
        let waiting = self.waiting.iter().position(|call| call.id == *id);
        waiting.and_then(|at| self.take(at)).or(Some(again))
    }

    /// The reply is out.
    pub fn answered(&mut self, chosen: Chosen) {
        match chosen {
            Chosen::Waiting { id, .. } | Chosen::Again(id) => self.replied = Some(id),
        }
    }

    /// The reply could not be sent: the call waits on, unless its place is taken and there is no memory for another.
    pub fn put_back(&mut self, chosen: Chosen) {
        if let Chosen::Waiting { id, received_at } = chosen
            && self.waiting.try_reserve(1).is_ok()
        {
            let at = self.waiting.partition_point(|call| call.received_at < received_at);
            self.waiting.insert(at, Call { id, received_at });
        }
    }

    fn take(&mut self, at: usize) -> Option<Chosen> {
        let Call { id, received_at } = self.waiting.remove(at)?;
        Some(Chosen::Waiting { id, received_at })
    }

    fn forget_old(&mut self, now: u64) {
        self.waiting.retain(|call| now < call.received_at + WAITS_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    fn here() -> ThreadId {
        thread::current().id()
    }

    fn elsewhere() -> ThreadId {
        thread::spawn(here).join().unwrap()
    }

    fn received(calls: &mut Calls, id: &str, now: u64) {
        calls.begin(id, now, here()).unwrap();
        calls.end();
    }

    fn reply(calls: &mut Calls, now: u64) -> Option<String> {
        let chosen = calls.choose(now, here())?;
        let id = chosen.id().to_owned();
        calls.answered(chosen);
        Some(id)
    }

    #[test]
    fn replies_after_the_callback_go_to_the_oldest_call_and_repeat_the_last() {
        let mut calls = Calls::default();
        assert_eq!(reply(&mut calls, 0), None);
        received(&mut calls, "1", 0);
        received(&mut calls, "2", 5);
        let replied: Vec<_> = (0..3).map(|_| reply(&mut calls, 10).unwrap()).collect();
        assert_eq!(replied, ["1", "2", "2"]);
        received(&mut calls, "3", 20);
        assert_eq!(reply(&mut calls, 20).unwrap(), "3");
    }

    #[test]
    fn replies_inside_a_callback_go_to_its_call_those_of_other_threads_to_the_oldest() {
        let mut calls = Calls::default();
        received(&mut calls, "1", 0);
        calls.begin("2", 1, here()).unwrap();
        calls.begin("3", 2, here()).unwrap();
        assert_eq!(reply(&mut calls, 2).unwrap(), "3");
        assert_eq!(reply(&mut calls, 2).unwrap(), "3", "again");
        assert_eq!(calls.choose(2, elsewhere()).unwrap().id(), "1");
        calls.end();
        assert_eq!(reply(&mut calls, 3).unwrap(), "2");
        calls.end();
        assert_eq!(reply(&mut calls, 4).unwrap(), "2");
    }

    #[test]
    fn an_old_call_is_not_replied_to() {
        let mut calls = Calls::default();
        received(&mut calls, "1", 0);
        received(&mut calls, "2", 100);
        assert_eq!(reply(&mut calls, 10_000).unwrap(), "2");
        received(&mut calls, "3", 20_000);
        assert_eq!(reply(&mut calls, 30_000), None, "neither the old call nor the one before it");
    }

    #[test]
    fn a_reply_that_is_not_sent_leaves_the_call_in_its_place() {
        let mut calls = Calls::default();
        received(&mut calls, "1", 0);
        received(&mut calls, "2", 1);
        let chosen = calls.choose(2, here()).unwrap();
        calls.put_back(chosen);
        assert_eq!(reply(&mut calls, 3).unwrap(), "1");
        assert_eq!(reply(&mut calls, 3).unwrap(), "2");
    }

    #[test]
    fn a_flood_of_calls_pushes_out_the_oldest() {
        let mut calls = Calls::default();
        for id in 0..=CAPACITY {
            received(&mut calls, &id.to_string(), 0);
        }
        assert_eq!(reply(&mut calls, 0).unwrap(), "1");
        assert_eq!(calls.waiting.len(), CAPACITY - 1);
    }
}
