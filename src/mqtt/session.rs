//! One MQTT session: requests and their answers, subscriptions, received messages, keep-alive.
//!
//! Inputs are packets ([`Session::handle`]) and time ([`Session::handle_timeout`]); what the application has to
//! be told comes out of [`Session::poll_event`], what has to be sent out of the return values. A session
//! outlives connections: [`Session::on_connected`] and [`Session::on_lost`] bracket each one.

use super::Millis;
use super::keepalive::{Due, KeepAlive};
use super::packet::{self, Ack, DecodeError, Packet, Publish};
use super::received::Received;
use super::requests::{MAX_IN_FLIGHT, MAX_PENDING, Request, Requests};
use super::table::{self, Entry, Stored, Subscriber, Table};
use crate::error::Error;
use std::collections::VecDeque;

/// Something to tell the application, in the order of [`Session::poll_event`].
#[derive(Debug, PartialEq, Eq)]
pub enum Event<H> {
    /// A subscription was granted.
    Subscribed {
        /// Packet id.
        id: u16,
        /// Text of the filter.
        filter: String,
        /// Who asked.
        subscriber: H,
        /// What became of it.
        stored: Stored,
    },
    /// A subscription was refused; it is not in the table (any more).
    SubscribeRefused {
        /// Packet id.
        id: u16,
        /// Text of the filter.
        filter: String,
        /// Who asked.
        subscriber: H,
    },
    /// No SUBACK within the command timeout.
    SubscribeTimeout {
        /// Packet id.
        id: u16,
        /// Text of the filter.
        filter: String,
        /// Who asked.
        subscriber: H,
    },
    /// UNSUBACK.
    Unsubscribed(u16),
    /// No UNSUBACK within the command timeout.
    UnsubscribeTimeout(u16),
    /// PUBACK.
    Published(u16),
    /// No PUBACK within the command timeout; the message is not sent again.
    PublishTimeout(u16),
    /// PUBACK with a reason that refuses the message.
    PublishRefused(u16),
}

/// What a packet asks of the caller.
#[derive(Debug, PartialEq, Eq)]
pub enum Handled<'a, H> {
    /// Nothing.
    Done,
    /// Hand a message out, then send the acknowledgement.
    Deliver {
        /// The message.
        message: Publish<'a>,
        /// Who gets it; `None`: nobody subscribed, it goes to the client's event handler.
        to: Option<H>,
        /// Sent after the handler has returned.
        ack: Option<Ack>,
    },
    /// Send this.
    Send(Ack),
    /// Report this code to the caller of Yield; the connection goes on.
    Report(Error),
    /// A packet that answers nothing we asked, or that has no place here: worth a warning.
    Ignored(&'static str),
    /// The server broke the protocol: the connection cannot be used any more.
    Broken(&'static str),
}

/// State of a session.
#[derive(Debug)]
pub struct Session<H> {
    table: Table<H>,
    requests: Requests<H>,
    received: Received,
    keepalive: Option<KeepAlive>,
    events: VecDeque<Event<H>>,
    command_timeout_ms: u64,
}

impl<H: Subscriber> Session<H> {
    /// A session without connection. `seed` is random: packet ids start behind it.
    pub fn new(seed: u16, command_timeout_ms: u32) -> Session<H> {
        Session {
            table: Table::new(),
            requests: Requests::new(seed),
            received: Received::default(),
            keepalive: None,
            events: VecDeque::new(),
            command_timeout_ms: u64::from(command_timeout_ms),
        }
    }

    /// CONNACK was good.
    pub fn on_connected(&mut self, now: Millis, session_present: bool, keep_alive_s: u16) {
        if !session_present {
            self.received.forget();
        }
        self.keepalive = Some(KeepAlive::new(keep_alive_s, now));
    }

    /// The connection is gone. Requests of the application stay; their time goes on.
    pub fn on_lost(&mut self) {
        self.keepalive = None;
        self.requests.drop_own();
    }

    /// Starts a subscription; returns its packet id.
    pub fn subscribe(&mut self, now: Millis, filter: &str, qos: u8, subscriber: H) -> Result<u16, Error> {
        let new_entries = self
            .requests
            .subscribing()
            .filter(|(filter, subscriber)| !self.table.contains_identical(filter, subscriber))
            .count();
        let is_new = !self.table.contains_identical(filter, &subscriber);
        let table_is_full = is_new && self.table.len() + new_entries >= table::CAPACITY;
        if table_is_full || self.requests.waiting_for_server() >= MAX_PENDING {
            return Err(Error::MaxSubscriptions);
        }
        // SUBACK must not fail for want of memory.
        if is_new {
            self.table.make_room(new_entries + 1)?;
        }
        self.requests.make_room()?;
        let request = Request::Subscribe { filter: filter.to_owned(), qos, subscriber, again: false };
        Ok(self.requests.add(now + self.command_timeout_ms, request))
    }

    /// Removes every subscription with this filter text; empty if there is none. The SUBACK of a renewal under way does
    /// not bring it back. Without memory for the result nothing is removed.
    pub fn remove_subscriptions(&mut self, filter: &str) -> Result<Vec<Entry<H>>, Error> {
        let removed = self.table.remove(filter)?;
        self.requests.drop_renewals(filter);
        Ok(removed)
    }

    /// Drops the subscription of these handlers to this filter, granted or asked for, without an event. A SUBACK that
    /// still comes finds nothing.
    pub fn drop_subscription(&mut self, filter: &str, subscriber: &H) {
        self.requests.drop_subscribes(filter, |other| other.is_same_handler(subscriber));
        self.table.remove_identical(filter, subscriber);
    }

    /// Starts an UNSUBSCRIBE; returns its packet id.
    pub fn unsubscribe(&mut self, now: Millis) -> Result<u16, Error> {
        if self.requests.waiting_for_server() >= MAX_PENDING {
            return Err(Error::MaxSubscriptions);
        }
        self.requests.make_room()?;
        Ok(self.requests.add(now + self.command_timeout_ms, Request::Unsubscribe))
    }

    /// Starts a QoS 1 message; returns its packet id.
    pub fn publish(&mut self, now: Millis) -> Result<u16, Error> {
        if self.requests.in_flight() >= MAX_IN_FLIGHT {
            return Err(Error::Failure);
        }
        self.requests.make_room()?;
        Ok(self.requests.add(now + self.command_timeout_ms, Request::Publish))
    }

    /// Forgets a request whose packet could not be written; no event comes for it.
    pub fn cancel(&mut self, id: u16) {
        self.requests.take(id, |_| true);
    }

    /// The SUBSCRIBE packet that renews a subscription on a new connection, and whose it is; `None` behind the last one
    /// in slot order.
    pub fn resubscribe(&mut self, now: Millis, number: usize) -> Result<Option<(Vec<u8>, H)>, Error> {
        let Some(Entry { filter, qos, subscriber }) = self.table.entries().nth(number).cloned() else {
            return Ok(None);
        };
        self.requests.make_room()?;
        let request =
            Request::Subscribe { filter: filter.clone(), qos, subscriber: subscriber.clone(), again: true };
        let id = self.requests.add(now + self.command_timeout_ms, request);
        let packet = packet::subscribe(id, &filter, qos)?;
        Ok(Some((packet, subscriber)))
    }

    /// A packet was written.
    pub fn on_sent(&mut self, now: Millis) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_sent(now);
        }
    }

    /// A PINGREQ was written.
    pub fn on_ping(&mut self, now: Millis) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_ping(now);
        }
    }

    /// A packet arrived: its first byte and its body.
    pub fn handle<'a>(&mut self, now: Millis, first: u8, body: &'a [u8]) -> Handled<'a, H> {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_received(now);
        }
        match packet::decode(first, body) {
            // What answers a request leads to an event. Without room for that the request ends by its time-out.
            Ok(packet) if !matches!(packet, Packet::Publish(_)) && self.events.try_reserve(1).is_err() => {
                Handled::Report(Error::Malloc)
            }
            Ok(packet) => self.handle_packet(packet),
            Err(DecodeError::UnexpectedType(_)) => Handled::Report(Error::RxMessageInvalid),
            Err(DecodeError::Malformed(cause)) => Handled::Broken(cause),
        }
    }

    /// A message too large to be received arrived: it is acknowledged, so that the server does not repeat it
    /// for ever, and reported.
    pub fn handle_oversize(&mut self, now: Millis, first: u8, id: u16) -> (Error, Option<Ack>) {
        if let Some(keepalive) = &mut self.keepalive {
            keepalive.on_received(now);
        }
        let ack = match first >> 1 & 3 {
            1 if id != 0 => Some(Ack::PubAck(id)),
            2 if id != 0 => Some(Ack::PubRec(id)),
            _ => None,
        };
        (Error::BufTooShort, ack)
    }

    /// Time has passed: expires requests, newest first, and says what keep-alive needs.
    pub fn handle_timeout(&mut self, now: Millis) -> Due {
        // What finds no room among the events expires the next time.
        while self.events.try_reserve(1).is_ok()
            && let Some((id, request)) = self.requests.take_expired(now)
        {
            self.events.push_back(match request {
                Request::Subscribe { filter, subscriber, .. } => {
                    Event::SubscribeTimeout { id, filter, subscriber }
                }
                Request::Unsubscribe => Event::UnsubscribeTimeout(id),
                Request::Publish => Event::PublishTimeout(id),
            });
        }
        self.keepalive.as_ref().map_or(Due::Nothing, |keepalive| keepalive.due(now))
    }

    /// When [`handle_timeout`](Self::handle_timeout) has to be called next.
    pub fn next_timeout(&self) -> Option<Millis> {
        let ping = self.keepalive.as_ref().and_then(KeepAlive::deadline);
        [self.requests.next_deadline(), ping].into_iter().flatten().min()
    }

    /// The next thing to tell the application.
    pub fn poll_event(&mut self) -> Option<Event<H>> {
        self.events.pop_front()
    }

    /// Whether a subscription with exactly this filter text is granted.
    pub fn is_subscribed(&self, filter: &str) -> bool {
        self.table.contains(filter)
    }

    /// The granted subscriptions in slot order.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Entry<H>> {
        self.table.entries()
    }

    fn handle_packet<'a>(&mut self, packet: Packet<'a>) -> Handled<'a, H> {
        match packet {
            Packet::Publish(message) => self.handle_publish(message),
            Packet::SubAck { id, code } => self.handle_suback(id, code),
            Packet::PubAck { id, reason } => self.handle_puback(id, reason),
            Packet::UnsubAck(id) => match self.requests.take(id, |r| matches!(r, Request::Unsubscribe)) {
                Some(_) => self.tell(Event::Unsubscribed(id)),
                None => Handled::Ignored("UNSUBACK with an unknown packet id"),
            },
            Packet::PubRec(id) => Handled::Send(Ack::PubRel(id)),
            Packet::PubRel(id) => {
                self.received.release(id);
                Handled::Send(Ack::PubComp(id))
            }
            Packet::PubComp(_) | Packet::PingResp => Handled::Done,
            Packet::ConnAck { .. } => Handled::Ignored("CONNACK on an open connection"),
        }
    }

    fn handle_publish<'a>(&mut self, message: Publish<'a>) -> Handled<'a, H> {
        let ack = match message.qos {
            0 => None,
            1 => Some(Ack::PubAck(message.id)),
            _ => Some(Ack::PubRec(message.id)),
        };
        match (self.received.note(&message), ack) {
            (true, ack) => Handled::Deliver { message, to: self.route(message.topic), ack },
            (false, Some(ack)) => Handled::Send(ack),
            (false, None) => Handled::Done,
        }
    }

    /// Granted subscriptions first, then those whose SUBACK is still on its way [MQTT-3.8.4-3].
    fn route(&self, topic: &[u8]) -> Option<H> {
        let granted = self.table.route(topic);
        let wanted = |filter: &str, subscriber: &H| {
            subscriber.takes_messages() && super::topic::matches(filter.as_bytes(), topic)
        };
        let requested =
            || self.requests.subscribing().find(|(filter, to)| wanted(filter, to)).map(|(_, to)| to);
        granted.or_else(requested).cloned()
    }

    fn handle_suback<'a>(&mut self, id: u16, code: u8) -> Handled<'a, H> {
        let Some(Request::Subscribe { filter, qos, subscriber, .. }) =
            self.requests.take(id, |request| matches!(request, Request::Subscribe { .. }))
        else {
            return Handled::Ignored("SUBACK with an unknown packet id");
        };
        if code > 2 {
            self.table.remove_identical(&filter, &subscriber);
            self.events.push_back(Event::SubscribeRefused { id, filter, subscriber });
            return Handled::Report(Error::SubNack);
        }
        let entry = Entry { filter: filter.clone(), qos, subscriber: subscriber.clone() };
        match self.table.store(entry) {
            Stored::Full => Handled::Report(Error::Failure),
            stored => self.tell(Event::Subscribed { id, filter, subscriber, stored }),
        }
    }

    fn handle_puback<'a>(&mut self, id: u16, reason: u8) -> Handled<'a, H> {
        // Reported for late and unknown ids too: the application learns that its message arrived after all
        // (`mqtt.md` §5).
        let request = self.requests.take(id, |request| matches!(request, Request::Publish));
        let told = self.tell(if reason == 0 { Event::Published(id) } else { Event::PublishRefused(id) });
        if request.is_some() { told } else { Handled::Ignored("PUBACK with an unknown packet id") }
    }

    fn tell<'a>(&mut self, event: Event<H>) -> Handled<'a, H> {
        self.events.push_back(event);
        Handled::Done
    }
}

#[cfg(test)]
mod tests {
    use super::super::table::tests::Who;
    use super::*;

    const ME: Who = Who(1, 1, true);

    fn connected() -> Session<Who> {
        let mut session = Session::new(13_921, 5000);
        session.on_connected(0, false, 120);
        session
    }

    fn resubscribe(session: &mut Session<Who>) -> Vec<(Vec<u8>, Who)> {
        (0..).map_while(|number| session.resubscribe(10, number).unwrap()).collect()
    }

    fn suback(session: &mut Session<Who>, id: u16, code: u8) -> Handled<'static, Who> {
        let [high, low] = id.to_be_bytes();
        match session.handle(0, 0x90, &[high, low, code]) {
            Handled::Done => Handled::Done,
            Handled::Report(error) => Handled::Report(error),
            Handled::Ignored(cause) => Handled::Ignored(cause),
            other => panic!("{other:?}"),
        }
    }

    fn subscribed(session: &mut Session<Who>, filter: &str, who: Who) {
        let id = session.subscribe(0, filter, 0, who).unwrap();
        assert_eq!(suback(session, id, 1), Handled::Done);
        assert!(matches!(session.poll_event(), Some(Event::Subscribed { .. })));
    }

    #[test]
    fn packet_ids_of_the_reference_session() {
        let mut session = connected();
        assert_eq!(session.subscribe(0, "$sys/operation/result/P/D", 0, ME), Ok(13_922));
        assert_eq!(session.subscribe(0, "$sys/operation/result/P/D", 0, ME), Ok(13_923));
        assert_eq!(session.subscribe(0, "P/D/data", 0, ME), Ok(13_924));
        assert_eq!(session.publish(0), Ok(13_925));
    }

    #[test]
    fn a_dropped_subscription_is_neither_asked_for_nor_granted() {
        let mut session = connected();
        subscribed(&mut session, "a", ME);
        let id = session.subscribe(0, "a", 0, ME).unwrap();
        session.subscribe(0, "a", 0, Who(2, 1, true)).unwrap();
        session.drop_subscription("a", &ME);
        assert!(!session.is_subscribed("a"));
        assert!(matches!(suback(&mut session, id, 0), Handled::Ignored(_)));
        assert_eq!(session.poll_event(), None);
        assert_eq!(session.route(b"a"), Some(Who(2, 1, true)));
    }

    #[test]
    fn a_second_suback_for_the_same_subscription_is_identical() {
        let mut session = connected();
        subscribed(&mut session, "a", ME);
        let id = session.subscribe(0, "a", 0, Who(1, 2, true)).unwrap();
        suback(&mut session, id, 0);
        let stored = Stored::Identical { data_replaced: true };
        let subscriber = Who(1, 2, true);
        assert_eq!(
            session.poll_event(),
            Some(Event::Subscribed { id, filter: "a".into(), subscriber, stored })
        );
    }

    // covers: Server / SUBACK 0x80, and other codes that refuse | - | 3
    #[test]
    fn refused_subscription_is_reported_and_not_ready() {
        for code in [0x80, 3, 0x7f] {
            let mut session = connected();
            let id = session.subscribe(0, "a", 0, ME).unwrap();
            assert_eq!(suback(&mut session, id, code), Handled::Report(Error::SubNack));
            assert!(matches!(session.poll_event(), Some(Event::SubscribeRefused { .. })));
            assert!(!session.is_subscribed("a"));
        }
    }

    #[test]
    fn refused_renewal_removes_the_subscription() {
        let mut session = connected();
        subscribed(&mut session, "a", ME);
        session.on_lost();
        session.on_connected(10, false, 120);
        assert_eq!(resubscribe(&mut session), [(packet::subscribe(13_923, "a", 0).unwrap(), ME)]);
        assert!(session.is_subscribed("a"));
        assert_eq!(suback(&mut session, 13_923, 0x80), Handled::Report(Error::SubNack));
        assert!(!session.is_subscribed("a"));
    }

    #[test]
    fn the_answer_to_a_renewal_does_not_bring_back_what_was_unsubscribed() {
        let mut session = connected();
        subscribed(&mut session, "a", ME);
        subscribed(&mut session, "b", ME);
        session.on_lost();
        session.on_connected(10, false, 120);
        assert_eq!(resubscribe(&mut session).len(), 2);
        assert_eq!(session.remove_subscriptions("a").unwrap().len(), 1);
        assert!(matches!(suback(&mut session, 13_924, 0), Handled::Ignored(_)));
        assert_eq!(suback(&mut session, 13_925, 0), Handled::Done);
        assert!(!session.is_subscribed("a") && session.is_subscribed("b"));
    }

    #[test]
    fn defect_31_the_table_refuses_before_sending_and_never_forgets_silently() {
        let mut session = connected();
        for i in 0..table::CAPACITY {
            subscribed(&mut session, &format!("t/{i}"), ME);
        }
        assert_eq!(session.subscribe(0, "one/more", 0, ME), Err(Error::MaxSubscriptions));
        assert!(session.subscribe(0, "t/3", 0, ME).is_ok(), "a known one needs no slot");
        assert!((0..table::CAPACITY).all(|i| session.is_subscribed(&format!("t/{i}"))));
    }

    #[test]
    fn pending_subscriptions_count_against_the_table() {
        let mut session = connected();
        for i in 0..table::CAPACITY {
            session.subscribe(0, &format!("t/{i}"), 0, ME).unwrap();
        }
        assert_eq!(session.subscribe(0, "one/more", 0, ME), Err(Error::MaxSubscriptions));
        assert_eq!(session.unsubscribe(0), Err(Error::MaxSubscriptions));
    }

    #[test]
    fn a_full_table_can_be_renewed_while_requests_wait() {
        let mut session = connected();
        for i in 0..table::CAPACITY {
            subscribed(&mut session, &format!("t/{i}"), ME);
        }
        for _ in 0..MAX_PENDING {
            session.unsubscribe(0).unwrap();
        }
        session.on_lost();
        session.on_connected(0, false, 120);
        assert_eq!(resubscribe(&mut session).len(), table::CAPACITY);
    }

    #[test]
    fn twenty_first_message_in_flight_is_refused() {
        let mut session = connected();
        let ids: Vec<u16> = (0..20).map(|_| session.publish(0).unwrap()).collect();
        assert_eq!(session.publish(0), Err(Error::Failure));
        let [high, low] = ids[3].to_be_bytes();
        assert_eq!(session.handle(1, 0x40, &[high, low]), Handled::Done);
        assert_eq!(session.poll_event(), Some(Event::Published(ids[3])));
        assert!(session.publish(1).is_ok());
    }

    #[test]
    fn acknowledgements_late_unknown_and_refusing() {
        let mut session = connected();
        let id = session.publish(0).unwrap();
        session.handle_timeout(5000);
        assert_eq!(session.poll_event(), Some(Event::PublishTimeout(id)));
        let [high, low] = id.to_be_bytes();
        assert!(matches!(session.handle(5001, 0x40, &[high, low]), Handled::Ignored(_)), "worth a warning");
        assert_eq!(session.poll_event(), Some(Event::Published(id)), "late");
        let id = session.publish(6000).unwrap();
        let [high, low] = id.to_be_bytes();
        session.handle(6001, 0x40, &[high, low, 0x87]);
        assert_eq!(session.poll_event(), Some(Event::PublishRefused(id)));
        session.handle_timeout(20_000);
        assert_eq!(session.poll_event(), None);
        assert!(matches!(session.handle(0, 0xb0, &[9, 9]), Handled::Ignored(_)), "defect 6: no crash");
        assert!(matches!(session.handle(0, 0x90, &[9, 9, 0]), Handled::Ignored(_)));
    }

    #[test]
    fn time_outs_come_newest_first_and_survive_a_loss() {
        let mut session = connected();
        let first = session.publish(0).unwrap();
        let second = session.subscribe(10, "a", 0, ME).unwrap();
        let third = session.unsubscribe(20).unwrap();
        assert_eq!(session.next_timeout(), Some(5000));
        session.on_lost();
        session.on_connected(30_000, false, 120);
        session.handle_timeout(30_000);
        assert_eq!(session.poll_event(), Some(Event::UnsubscribeTimeout(third)));
        assert!(matches!(session.poll_event(), Some(Event::SubscribeTimeout { id, .. }) if id == second));
        assert_eq!(session.poll_event(), Some(Event::PublishTimeout(first)));
        assert_eq!(session.poll_event(), None);
    }

    #[test]
    fn messages_go_to_one_subscriber_in_slot_order_or_to_nobody() {
        let mut session = connected();
        subscribed(&mut session, "a/+", Who(1, 0, false));
        subscribed(&mut session, "a/#", Who(2, 0, true));
        subscribed(&mut session, "a/b", Who(3, 0, true));
        let deliver = session.handle(0, 0x30, b"\x00\x03a/bhi");
        assert!(matches!(deliver, Handled::Deliver { to: Some(Who(2, ..)), ack: None, .. }), "{deliver:?}");
        assert!(matches!(session.handle(0, 0x30, b"\x00\x01xhi"), Handled::Deliver { to: None, .. }));
    }

    #[test]
    fn a_message_before_its_suback_finds_its_handler() {
        let mut session = connected();
        session.subscribe(0, "a/b", 0, ME).unwrap();
        assert!(!session.is_subscribed("a/b"));
        assert!(matches!(session.handle(0, 0x30, b"\x00\x03a/bhi"), Handled::Deliver { to: Some(_), .. }));
    }

    #[test]
    fn qos1_is_acknowledged_once_delivered_and_again_when_repeated() {
        let mut session = connected();
        let packet = b"\x00\x01a\x00\x07hi";
        let ack = Some(Ack::PubAck(7));
        assert!(matches!(session.handle(0, 0x32, packet), Handled::Deliver { ack: a, .. } if a == ack));
        assert_eq!(session.handle(0, 0x3a, packet), Handled::Send(Ack::PubAck(7)));
        // The memory lasts as long as the server's session.
        session.on_lost();
        session.on_connected(0, true, 120);
        assert_eq!(session.handle(0, 0x3a, packet), Handled::Send(Ack::PubAck(7)));
        session.on_lost();
        session.on_connected(0, false, 120);
        assert!(matches!(session.handle(0, 0x32, packet), Handled::Deliver { .. }));
    }

    #[test]
    fn qos2_is_completed() {
        let mut session = connected();
        let packet = b"\x00\x01a\x00\x07hi";
        let ack = Some(Ack::PubRec(7));
        assert!(matches!(session.handle(0, 0x34, packet), Handled::Deliver { ack: a, .. } if a == ack));
        assert_eq!(session.handle(0, 0x3c, packet), Handled::Send(Ack::PubRec(7)));
        assert_eq!(session.handle(0, 0x62, &[0, 7]), Handled::Send(Ack::PubComp(7)));
        assert!(matches!(session.handle(0, 0x34, packet), Handled::Deliver { .. }));
        assert_eq!(session.handle(0, 0x50, &[0, 9]), Handled::Send(Ack::PubRel(9)));
        assert_eq!(session.handle(0, 0x70, &[0, 9]), Handled::Done);
    }

    #[test]
    fn oversize_messages_are_reported_and_acknowledged() {
        let mut session = connected();
        assert_eq!(session.handle_oversize(0, 0x30, 0), (Error::BufTooShort, None));
        assert_eq!(session.handle_oversize(0, 0x32, 7), (Error::BufTooShort, Some(Ack::PubAck(7))));
        assert_eq!(session.handle_oversize(0, 0x34, 7), (Error::BufTooShort, Some(Ack::PubRec(7))));
    }

    #[test]
    fn unexpected_types_are_reported_and_malformed_ones_break_the_connection() {
        let mut session = connected();
        assert_eq!(session.handle(0, 0x80, &[]), Handled::Report(Error::RxMessageInvalid));
        assert!(matches!(session.handle(0, 0x32, b"\x00\x01a"), Handled::Broken(_)));
        assert!(matches!(session.handle(0, 0x20, &[0, 0]), Handled::Ignored(_)));
    }

    #[test]
    fn keep_alive_runs_on_the_same_clock_as_requests() {
        let mut session = connected();
        assert_eq!(session.next_timeout(), Some(120_000));
        let id = session.publish(1000).unwrap();
        session.on_sent(1000);
        assert_eq!(session.next_timeout(), Some(6000));
        session.cancel(id);
        assert_eq!(session.handle_timeout(119_999), Due::Nothing);
        assert_eq!(session.handle_timeout(120_000), Due::Ping);
        session.on_ping(120_000);
        assert_eq!(session.handle(120_010, 0xd0, &[]), Handled::Done);
        assert_eq!(session.next_timeout(), Some(240_000));
    }
}
