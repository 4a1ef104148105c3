//! The granted subscriptions of a client, in slot order (`mqtt.md` §§7–10).

use super::topic;
use crate::error::Error;

/// Subscriptions that a client can hold.
pub const CAPACITY: usize = 64;

/// Who gets the messages of a subscription; opaque to the core.
pub trait Subscriber: Clone {
    /// Whether messages go here at all; otherwise the search goes on.
    fn takes_messages(&self) -> bool;
    /// Whether both stand for the same handlers, whatever their user data.
    fn is_same_handler(&self, other: &Self) -> bool;
    /// Whether both carry the same user data.
    fn is_same_data(&self, other: &Self) -> bool;
}

/// A granted subscription.
#[derive(Clone, Debug)]
pub struct Entry<H> {
    /// Text of the filter.
    pub filter: String,
    /// Requested QoS.
    pub qos: u8,
    /// Who gets the messages.
    pub subscriber: H,
}

/// What happened to a granted subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It got a slot.
    New,
    /// The same filter with the same handlers was there.
    Identical {
        /// Its user data was another and has been replaced.
        data_replaced: bool,
    },
    /// All slots are taken.
    Full,
}

/// Slots of subscriptions; a freed slot is the first to be used again.
#[derive(Debug)]
pub struct Table<H> {
    slots: Vec<Option<Entry<H>>>,
}

impl<H: Subscriber> Table<H> {
    /// An empty table.
    pub fn new() -> Table<H> {
        Table { slots: Vec::new() }
    }

    /// Makes room for so many further subscriptions.
    pub fn make_room(&mut self, count: usize) -> Result<(), Error> {
        self.slots.try_reserve(count).map_err(|_| Error::Malloc)
    }

    /// Stores a granted subscription.
    pub fn store(&mut self, entry: Entry<H>) -> Stored {
        if let Some(known) = self.find_identical(&entry) {
            let data_replaced = !known.subscriber.is_same_data(&entry.subscriber);
            known.subscriber = entry.subscriber;
            return Stored::Identical { data_replaced };
        }
        if let Some(free) = self.slots.iter_mut().find(|slot| slot.is_none()) {
            *free = Some(entry);
        } else if self.slots.len() < CAPACITY {
            self.slots.push(Some(entry));
        } else {
            return Stored::Full;
        }
        Stored::New
    }

    /// Removes every subscription with exactly this filter text, in slot order; none without memory for the result.
    pub fn remove(&mut self, filter: &str) -> Result<Vec<Entry<H>>, Error> {
        let is_named = |slot: &Option<Entry<H>>| slot.as_ref().is_some_and(|entry| entry.filter == filter);
        let mut removed = Vec::new();
        let count = self.slots.iter().filter(|slot| is_named(slot)).count();
        removed.try_reserve_exact(count).map_err(|_| Error::Malloc)?;
        removed.extend(self.slots.iter_mut().filter(|slot| is_named(slot)).filter_map(Option::take));
        Ok(removed)
    }

    /// Removes the subscription with this filter and these handlers.
    pub fn remove_identical(&mut self, filter: &str, subscriber: &H) {
        let is_meant =
            |entry: &Entry<H>| entry.filter == filter && entry.subscriber.is_same_handler(subscriber);
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.as_ref().is_some_and(is_meant)) {
            *slot = None;
        }
    }

    /// Whether a subscription with exactly this filter text is there.
    pub fn contains(&self, filter: &str) -> bool {
        self.entries().any(|entry| entry.filter == filter)
    }

    /// Whether this filter with these handlers is there.
    pub fn contains_identical(&self, filter: &str, subscriber: &H) -> bool {
        self.entries().any(|entry| entry.filter == filter && entry.subscriber.is_same_handler(subscriber))
    }

    /// The first subscriber, in slot order, that wants a message on `name`.
    pub fn route(&self, name: &[u8]) -> Option<&H> {
        self.entries()
            .find(|entry| entry.subscriber.takes_messages() && topic::matches(entry.filter.as_bytes(), name))
            .map(|entry| &entry.subscriber)
    }

    /// All subscriptions in slot order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry<H>> {
        self.slots.iter().flatten()
    }

    /// Count of subscriptions.
    pub fn len(&self) -> usize {
        self.entries().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn find_identical(&mut self, entry: &Entry<H>) -> Option<&mut Entry<H>> {
        let is_same = |known: &Entry<H>| {
            known.filter == entry.filter && known.subscriber.is_same_handler(&entry.subscriber)
        };
        self.slots.iter_mut().flatten().find(|known| is_same(known))
    }
}

impl<H: Subscriber> Default for Table<H> {
    fn default() -> Table<H> {
        Table::new()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A subscriber for tests: handlers, user data, wants messages.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Who(pub u8, pub u8, pub bool);

    impl Subscriber for Who {
        fn takes_messages(&self) -> bool {
            self.2
        }
        fn is_same_handler(&self, other: &Who) -> bool {
            self.0 == other.0
        }
        fn is_same_data(&self, other: &Who) -> bool {
            self.1 == other.1
        }
    }

    fn entry(filter: &str, who: Who) -> Entry<Who> {
        Entry { filter: filter.into(), qos: 0, subscriber: who }
    }

    #[test]
    fn identical_subscriptions_share_a_slot() {
        let mut table = Table::new();
        assert_eq!(table.store(entry("a", Who(1, 1, true))), Stored::New);
        assert_eq!(table.store(entry("a", Who(1, 1, true))), Stored::Identical { data_replaced: false });
        assert_eq!(table.store(entry("a", Who(1, 2, true))), Stored::Identical { data_replaced: true });
        assert_eq!(table.store(entry("a", Who(2, 2, true))), Stored::New);
        assert_eq!(table.len(), 2);
        assert_eq!(table.route(b"a"), Some(&Who(1, 2, true)));
    }

    #[test]
    fn first_slot_that_wants_messages_wins_and_holes_are_reused() {
        let mut table = Table::new();
        table.store(entry("a/+", Who(1, 0, false)));
        table.store(entry("a/b", Who(2, 0, true)));
        table.store(entry("a/#", Who(3, 0, true)));
        assert_eq!(table.route(b"a/b"), Some(&Who(2, 0, true)));
        assert_eq!(table.remove("a/+").unwrap().len(), 1);
        table.store(entry("#", Who(4, 0, true)));
        assert_eq!(table.route(b"a/b"), Some(&Who(4, 0, true)));
        assert_eq!(table.route(b"$sys/x"), Some(&Who(4, 0, true)));
    }

    #[test]
    fn filters_are_compared_exactly() {
        let mut table = Table::new();
        table.store(entry("a/#", Who(1, 0, true)));
        table.store(entry("b/+", Who(2, 0, true)));
        assert!(!table.contains("c/#") && !table.contains("a/+") && table.contains("a/#"));
        assert!(table.remove("c/#").unwrap().is_empty());
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn full_table_stores_nothing() {
        let mut table = Table::new();
        for i in 0..CAPACITY {
            assert_eq!(table.store(entry(&format!("t/{i}"), Who(1, 0, true))), Stored::New);
        }
        assert_eq!(table.store(entry("one/more", Who(1, 0, true))), Stored::Full);
    }
}
