//! Requests that wait for their acknowledgement, and the packet ids they use (`mqtt.md` §§4.1, 5, 6).

use super::Millis;
use crate::error::Error;

/// SUBSCRIBE and UNSUBSCRIBE requests of the application that may wait at a time.
pub const MAX_PENDING: usize = 64;
/// QoS 1 messages that may wait at a time; one more is refused. `IOT_MQTT_MAX_IN_FLIGHT` at build time sets another
/// limit.
pub const MAX_IN_FLIGHT: usize = match option_env!("IOT_MQTT_MAX_IN_FLIGHT") {
    Some(text) => decimal(text.as_bytes()),
    None => 20,
};

/// The number that decimal digits stand for; anything else stops the build.
pub const fn decimal(digits: &[u8]) -> usize {
    let mut rest = digits;
    let mut value = 0;
    while let [digit, tail @ ..] = rest {
        assert!(digit.is_ascii_digit(), "a build setting is not a number");
        value = value * 10 + (*digit - b'0') as usize;
        rest = tail;
    }
    value
}

/// What a waiting request asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request<H> {
    /// SUBSCRIBE of a filter.
    Subscribe {
        /// Text of the filter.
        filter: String,
        /// Requested QoS.
        qos: u8,
        /// Who gets the messages.
        subscriber: H,
        /// Sent by the session itself after a reconnect; does not count against [`MAX_PENDING`].
        again: bool,
    },
    /// UNSUBSCRIBE.
    Unsubscribe,
    /// QoS 1 PUBLISH.
    Publish,
}

#[derive(Debug)]
struct Pending<H> {
    id: u16,
    deadline: Millis,
    request: Request<H>,
}

/// The waiting requests of one client, oldest first.
#[derive(Debug)]
pub struct Requests<H> {
    pending: Vec<Pending<H>>,
    last_id: u16,
}

impl<H> Requests<H> {
    /// No requests; the first id is the one behind `seed`.
    pub fn new(seed: u16) -> Requests<H> {
        Requests { pending: Vec::new(), last_id: seed }
    }

    /// Makes room for one more request.
    pub fn make_room(&mut self) -> Result<(), Error> {
        self.pending.try_reserve(1).map_err(|_| Error::Malloc)
    }

    /// Adds a request and gives it an id that no other one uses [MQTT-2.3.1-2].
    pub fn add(&mut self, deadline: Millis, request: Request<H>) -> u16 {
        let id = self.next_id();
        self.pending.push(Pending { id, deadline, request });
        id
    }

    /// Takes the request that an acknowledgement belongs to; `None` for an unknown id or another kind.
    pub fn take(&mut self, id: u16, is_kind: impl Fn(&Request<H>) -> bool) -> Option<Request<H>> {
        let found = self.pending.iter().position(|pending| pending.id == id && is_kind(&pending.request))?;
        Some(self.pending.remove(found).request)
    }

    /// Takes the newest request whose time is over.
    pub fn take_expired(&mut self, now: Millis) -> Option<(u16, Request<H>)> {
        let found = self.pending.iter().rposition(|pending| pending.deadline <= now)?;
        let expired = self.pending.remove(found);
        Some((expired.id, expired.request))
    }

    /// When the next request expires.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.pending.iter().map(|pending| pending.deadline).min()
    }

    /// Drops the requests that the session made itself: the next connection makes them anew.
    pub fn drop_own(&mut self) {
        self.pending.retain(|pending| !matches!(pending.request, Request::Subscribe { again: true, .. }));
    }

    /// Drops the renewal of a subscription that the application has removed meanwhile.
    pub fn drop_renewals(&mut self, of: &str) {
        let is_meant = |request: &Request<H>| matches!(request, Request::Subscribe { filter, again: true, .. } if filter == of);
        self.pending.retain(|pending| !is_meant(&pending.request));
    }

    /// Drops the SUBSCRIBE requests for a filter that `is_meant` picks by their subscriber.
    pub fn drop_subscribes(&mut self, of: &str, is_meant: impl Fn(&H) -> bool) {
        let is_dropped = |request: &Request<H>| matches!(request, Request::Subscribe { filter, subscriber, .. } if filter == of && is_meant(subscriber));
        self.pending.retain(|pending| !is_dropped(&pending.request));
    }

    /// SUBSCRIBE and UNSUBSCRIBE requests of the application.
    pub fn waiting_for_server(&self) -> usize {
        let counts = |request: &Request<H>| match request {
            Request::Subscribe { again, .. } => !again,
            Request::Unsubscribe => true,
            Request::Publish => false,
        };
        self.pending.iter().filter(|pending| counts(&pending.request)).count()
    }

    /// QoS 1 messages without PUBACK.
    pub fn in_flight(&self) -> usize {
        self.pending.iter().filter(|pending| matches!(pending.request, Request::Publish)).count()
    }

    /// Filters that wait for SUBACK, with their subscribers, oldest first.
    pub fn subscribing(&self) -> impl Iterator<Item = (&str, &H)> {
        self.pending.iter().filter_map(|pending| match &pending.request {
            Request::Subscribe { filter, subscriber, .. } => Some((filter.as_str(), subscriber)),
            _ => None,
        })
    }

    fn next_id(&mut self) -> u16 {
        loop {
            self.last_id = if self.last_id == u16::MAX { 1 } else { self.last_id + 1 };
            if self.pending.iter().all(|pending| pending.id != self.last_id) {
                return self.last_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(seed: u16) -> Requests<()> {
        Requests::new(seed)
    }

    #[test]
    fn ids_count_up_wrap_to_one_and_skip_those_in_use() {
        let mut requests = requests(65_533);
        let ids: Vec<u16> = (0..4).map(|_| requests.add(0, Request::Publish)).collect();
        assert_eq!(ids, [65_534, 65_535, 1, 2]);
        requests.last_id = 65_533;
        assert_eq!(requests.add(0, Request::Publish), 3);
    }

    #[test]
    fn newest_expires_first() {
        let mut requests = requests(0);
        for deadline in [10, 20, 30] {
            requests.add(deadline, Request::Publish);
        }
        assert_eq!(requests.next_deadline(), Some(10));
        assert_eq!(requests.take_expired(20).map(|(id, _)| id), Some(2));
        assert_eq!(requests.take_expired(20).map(|(id, _)| id), Some(1));
        assert_eq!(requests.take_expired(20), None);
        assert_eq!(requests.next_deadline(), Some(30));
    }

    #[test]
    fn an_acknowledgement_of_another_kind_takes_nothing() {
        let mut requests = requests(0);
        let id = requests.add(0, Request::Publish);
        assert_eq!(requests.take(id, |request| *request == Request::Unsubscribe), None);
        assert_eq!(requests.take(id, |request| *request == Request::Publish), Some(Request::Publish));
        assert_eq!(requests.take(id, |_| true), None);
    }

    #[test]
    fn dropped_subscribes_are_those_of_one_subscriber_to_one_filter() {
        let mut requests: Requests<u8> = Requests::new(0);
        let subscribe = |filter: &str, subscriber| Request::Subscribe {
            filter: filter.into(),
            qos: 0,
            subscriber,
            again: false,
        };
        for (filter, subscriber) in [("f", 1), ("f", 2), ("g", 1), ("f", 1)] {
            requests.add(0, subscribe(filter, subscriber));
        }
        requests.drop_subscribes("f", |&subscriber| subscriber == 1);
        assert_eq!(requests.subscribing().collect::<Vec<_>>(), [("f", &2), ("g", &1)]);
    }

    #[test]
    fn own_requests_do_not_count_and_go_with_the_connection() {
        let mut requests = requests(0);
        let subscribe = |again| Request::Subscribe { filter: "f".into(), qos: 0, subscriber: (), again };
        requests.add(0, subscribe(true));
        requests.add(0, subscribe(false));
        requests.add(0, Request::Unsubscribe);
        requests.add(0, Request::Publish);
        assert_eq!((requests.waiting_for_server(), requests.in_flight()), (2, 1));
        requests.drop_own();
        assert_eq!(requests.subscribing().count(), 1);
    }
}
