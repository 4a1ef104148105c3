//! From bytes to callbacks: takes one packet at a time, drops every lock, then calls the application.

use super::callback::{ClientEvent, Message, Target, TopicEvent};
use super::{Client, lock};
use crate::error::Error;
use crate::log::{Level, enabled, log};
use crate::mqtt::packet::{self, Ack, DecodeError, Packet};
use crate::mqtt::session::{Event, Handled};
use crate::mqtt::stream::Frame;
use crate::mqtt::table::Stored;
use crate::transport::receiver::{Input, MAX_PACKET};

/// Message buffers kept for the next messages, one for each level of nested Yield.
const SPARE_MESSAGES: usize = 8;

/// Type of a message.
const PUBLISH: u8 = 3;

const COMMON: &str = "mqtt_client_common.c";

/// Least time between two complaints that a server can provoke, in ms (`log.md` §4).
const COMPLAINT_PAUSE_MS: u64 = 100;

/// Complaints that were left out before this one.
struct Unlogged(u32);

impl std::fmt::Display for Unlogged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} more like this were not logged)"),
        }
    }
}

/// A packet that is not dealt with.
struct Dropped {
    body_len: usize,
    error: Error,
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body_len = self.body_len;
        match self.error {
            Error::Malloc => write!(f, "no memory for a packet of {body_len} bytes, dropped"),
            _ => write!(f, "packet of {body_len} bytes exceeds {MAX_PACKET}, dropped"),
        }
    }
}

/// What the connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// CONNECT was sent.
    AwaitingConnAck,
    /// CONNACK was good.
    Open,
}

/// What the next piece of input led to.
pub(super) enum Progress {
    /// Nothing complete has arrived.
    Nothing,
    /// It has been dealt with.
    Handled,
    /// The answer to CONNECT.
    ConnAck {
        /// The server kept a session.
        session_present: bool,
        /// 0 accepts.
        code: u8,
    },
    /// Dealt with, and Yield returns this.
    Report(Error),
    /// The connection is of no use any more.
    Lost(Loss),
}

/// Why a connection is given up.
#[derive(Debug)]
pub(super) enum Loss {
    /// The server closed the WebSocket, with this code.
    Closed(Option<u16>),
    /// The server broke the WebSocket rules.
    Violation {
        /// What we answer.
        close_code: u16,
        /// What was wrong.
        cause: &'static str,
    },
    /// The server broke the MQTT rules.
    Malformed(&'static str),
    /// Reading or writing failed.
    Link(Error),
    /// The server did not answer pings.
    KeepAlive,
    /// The rest of a packet did not come.
    Stalled,
}

impl Loss {
    /// Code of the close frame that says goodbye, where one is due.
    pub(super) fn close_code(&self) -> Option<Option<u16>> {
        match self {
            Loss::Closed(code) => Some(*code),
            Loss::Violation { close_code, .. } => Some(Some(*close_code)),
            Loss::Malformed(_) => Some(Some(1002)),
            Loss::Link(_) | Loss::KeepAlive | Loss::Stalled => None,
        }
    }
}

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Loss::Closed(Some(code)) => write!(f, "server closed the websocket with code {code}"),
            Loss::Closed(None) => f.write_str("server closed the websocket"),
            Loss::Violation { close_code, cause } => write!(f, "websocket violation ({close_code}): {cause}"),
            Loss::Malformed(cause) => write!(f, "malformed packet: {cause}"),
            Loss::Link(error) => write!(f, "{error}"),
            Loss::KeepAlive => f.write_str("server does not answer pings"),
            Loss::Stalled => f.write_str("the rest of a packet does not come"),
        }
    }
}

/// A frame, taken out of the receiver, decides what happens without any lock.
enum Todo {
    Progress(Progress),
    Deliver { to: Option<Target>, message: Message, ack: Option<Ack> },
    Send(Ack),
    SkipOversize { body_len: usize, ack: Option<Ack>, error: Error },
    Warn(&'static str),
    LogMessage(usize),
    Pong,
}

impl Client {
    /// Deals with the next piece of input among the bytes already read.
    pub(super) fn handle_next(&self, phase: Phase) -> Progress {
        match self.take_next(phase) {
            Todo::Progress(progress) => progress,
            Todo::Deliver { to, mut message, ack } => {
                self.deliver(to, &mut message);
                self.keep_spare(message);
                self.acknowledge(ack)
            }
            Todo::Send(ack) => self.acknowledge(Some(ack)),
            Todo::SkipOversize { body_len, ack, error } => {
                if let Some(more) = self.may_complain() {
                    let cause = Dropped { body_len, error };
                    log!(Level::Error, COMMON, "read_mqtt_packet", "{cause}{more}");
                }
                match self.acknowledge(ack) {
                    Progress::Lost(loss) => Progress::Lost(loss),
                    _ => Progress::Report(error),
                }
            }
            Todo::Warn(cause) => {
                if let Some(more) = self.may_complain() {
                    log!(Level::Warn, COMMON, "cycle_for_read", "{cause}{more}");
                }
                Progress::Handled
            }
            Todo::LogMessage(len) => {
                log!(
                    Level::Debug,
                    "network_socket.c",
                    "_websocket_mqtt_recv_msg_callback",
                    "actual recv len:{len}"
                );
                Progress::Handled
            }
            Todo::Pong => self.answer_ping(),
        }
    }

    /// Tells the application everything the session has to say.
    pub(super) fn tell_events(&self) {
        // A handler may destroy the client: nothing is told after that.
        while !self.gate.is_closing() {
            let Some(event) = self.core().session.poll_event() else {
                return;
            };
            self.tell(event);
        }
    }

    fn take_next(&self, phase: Phase) -> Todo {
        let mut receiver = lock(&self.receiver);
        // The end of a WebSocket message matters to nobody but the log.
        let input = loop {
            match receiver.next_input() {
                Input::Message { .. } if !enabled(Level::Debug) => {}
                input => break input,
            }
        };
        match input {
            Input::Nothing => Todo::Progress(Progress::Nothing),
            Input::Message { len } => Todo::LogMessage(len),
            Input::Ping => Todo::Pong,
            Input::OutOfMemory => Todo::Progress(Progress::Lost(Loss::Link(Error::Malloc))),
            Input::Closed(code) => Todo::Progress(Progress::Lost(Loss::Closed(code))),
            Input::Broken { close_code, cause } => {
                Todo::Progress(Progress::Lost(Loss::Violation { close_code, cause }))
            }
            Input::Frame(Frame::Packet { first, body })
                if phase == Phase::AwaitingConnAck && first >> 4 != PUBLISH =>
            {
                Todo::Progress(answer_to_connect(first, body))
            }
            Input::Frame(Frame::Packet { first, body }) => self.take_packet(first, body),
            Input::Frame(Frame::Oversize { first, id, body_len }) => {
                let now = self.clock.now();
                let (error, ack) = self.core().session.handle_oversize(now, first, id);
                Todo::SkipOversize { body_len, ack, error }
            }
        }
    }

    fn take_packet(&self, first: u8, body: &[u8]) -> Todo {
        let mut copy = match self.room_for(first, body) {
            Ok(copy) => copy,
            Err(error) => {
                // Not acknowledged, and for the session it never came: a server that keeps the session sends it again.
                return Todo::SkipOversize { body_len: body.len(), ack: None, error };
            }
        };
        // The clock was read when these bytes came, or since then behind each callback and each answer.
        let now = self.clock.recent();
        let mut core = self.core();
        core.was_active = true;
        let handled = core.session.handle(now, first, body);
        if let Handled::Deliver { message, to, ack } = handled {
            copy.fill(&message);
            return Todo::Deliver { to, message: copy, ack };
        }
        if first >> 4 == PUBLISH {
            self.keep_spare(copy);
        }
        match handled {
            Handled::Done | Handled::Deliver { .. } => Todo::Progress(Progress::Handled),
            Handled::Send(ack) => Todo::Send(ack),
            Handled::Report(error) => Todo::Progress(Progress::Report(error)),
            Handled::Ignored(cause) => Todo::Warn(cause),
            Handled::Broken(cause) => Todo::Progress(Progress::Lost(Loss::Malformed(cause))),
        }
    }

    /// A buffer for the message in a PUBLISH; an empty one for any other packet.
    fn room_for(&self, first: u8, body: &[u8]) -> Result<Message, Error> {
        let mut copy = Message::default();
        if first >> 4 == PUBLISH {
            copy = lock(&self.spare).pop().unwrap_or_default();
            copy.reserve(body.len())?;
        }
        Ok(copy)
    }

    fn deliver(&self, to: Option<Target>, message: &mut Message) {
        self.timed_since(self.clock.recent(), || match to {
            Some(target) => target.0.on_message(self, message),
            None => {
                log!(
                    Level::Debug,
                    COMMON,
                    "_deliver_message",
                    "no matching any topic, call default handle function"
                );
                self.observer.on_event(self, ClientEvent::Message(message));
            }
        });
    }

    /// Tells the application what a service has to say. Called from handlers.
    #[cfg(feature = "gateway_enabled")]
    pub fn tell_application(&self, event: ClientEvent<'_>) {
        self.timed(|| self.observer.on_event(self, event));
    }

    /// A callback that takes long endangers the keep-alive: say so. None is made once the client is going away.
    pub(super) fn timed(&self, callback: impl FnOnce()) {
        self.timed_since(self.clock.now(), callback);
    }

    fn timed_since(&self, start: u64, callback: impl FnOnce()) {
        if self.gate.is_closing() {
            return;
        }
        callback();
        let took = self.clock.now().saturating_sub(start);
        let keep_alive_ms = u64::from(self.config.keep_alive_s) * 1000;
        if keep_alive_ms > 0 && took > keep_alive_ms / 2 {
            log!(
                Level::Warn,
                COMMON,
                "_deliver_message",
                "a callback took {took} ms, more than half of the keep-alive interval"
            );
        }
    }

    /// Whether a complaint that the server can provoke at will may be logged now; the text says how many were not.
    fn may_complain(&self) -> Option<Unlogged> {
        let now = self.clock.now();
        let mut core = self.core();
        if now < core.complain_after {
            core.unlogged += 1;
            return None;
        }
        core.complain_after = now + COMPLAINT_PAUSE_MS;
        Some(Unlogged(std::mem::take(&mut core.unlogged)))
    }

    fn keep_spare(&self, message: Message) {
        let mut spare = lock(&self.spare);
        if spare.len() < SPARE_MESSAGES {
            spare.push(message);
        }
    }

    fn acknowledge(&self, ack: Option<Ack>) -> Progress {
        let Some(ack) = ack else {
            return Progress::Handled;
        };
        let sent = self.send_packet(&[&ack.encode()], self.config.command_timeout_ms);
        self.clock.refresh();
        match sent {
            // A handler may have destroyed the client or lost the connection: the loss is dealt with elsewhere.
            Ok(()) | Err(Error::NoConn) => Progress::Handled,
            Err(error) => Progress::Lost(Loss::Link(error)),
        }
    }

    #[cfg(feature = "websocket_mqtt")]
    fn answer_ping(&self) -> Progress {
        let _hold = crate::log::Hold::start();
        let receiver = lock(&self.receiver);
        let timeout_ms = self.config.command_timeout_ms;
        let sent = lock(&self.sender).pong(receiver.ping_payload(), timeout_ms, &self.clock);
        self.clock.refresh();
        match sent {
            Ok(()) => Progress::Handled,
            Err(error) => Progress::Lost(Loss::Link(error)),
        }
    }

    #[cfg(not(feature = "websocket_mqtt"))]
    fn answer_ping(&self) -> Progress {
        Progress::Handled
    }

    fn tell(&self, event: Event<Target>) {
        let observe = |event| self.timed(|| self.observer.on_event(self, event));
        let observe_answer = |target: &Target, event| {
            if !target.0.hides_answers() {
                observe(event);
            }
        };
        let topic = |target: &Target, event| self.timed(|| target.0.on_event(self, event));
        match event {
            Event::Subscribed { id, filter, subscriber, stored } => {
                warn_of_identical(&filter, stored);
                observe_answer(&subscriber, ClientEvent::Subscribed(id));
                topic(&subscriber, TopicEvent::Subscribed);
            }
            Event::SubscribeRefused { id, filter, subscriber } => {
                log!(Level::Error, COMMON, "_handle_suback_packet", "subscription refused: {filter}");
                observe_answer(&subscriber, ClientEvent::SubscribeRefused(id));
                topic(&subscriber, TopicEvent::SubscribeRefused);
            }
            Event::SubscribeTimeout { id, filter, subscriber } => {
                log!(
                    Level::Warn,
                    COMMON,
                    "qcloud_iot_mqtt_sub_info_proc",
                    "no answer to subscribe: {filter}"
                );
                topic(&subscriber, TopicEvent::SubscribeTimeout);
                observe_answer(&subscriber, ClientEvent::SubscribeTimeout(id));
            }
            Event::Unsubscribed(id) => observe(ClientEvent::Unsubscribed(id)),
            Event::UnsubscribeTimeout(id) => observe(ClientEvent::UnsubscribeTimeout(id)),
            Event::Published(id) => observe(ClientEvent::Published(id)),
            Event::PublishTimeout(id) => observe(ClientEvent::PublishTimeout(id)),
            Event::PublishRefused(id) => observe(ClientEvent::PublishRefused(id)),
        }
    }
}

/// Before CONNACK only a message may come, everything else is a protocol error.
fn answer_to_connect(first: u8, body: &[u8]) -> Progress {
    match packet::decode(first, body) {
        Ok(Packet::ConnAck { session_present, code }) => Progress::ConnAck { session_present, code },
        Ok(_) | Err(DecodeError::UnexpectedType(_)) => Progress::Report(Error::RxMessageInvalid),
        Err(DecodeError::Malformed(cause)) => Progress::Lost(Loss::Malformed(cause)),
    }
}

fn warn_of_identical(filter: &str, stored: Stored) {
    if let Stored::Identical { data_replaced } = stored {
        log!(Level::Warn, COMMON, "_handle_suback_packet", "Identical topic found: {filter}");
        if data_replaced {
            log!(Level::Warn, COMMON, "_handle_suback_packet", "user data of {filter} replaced");
        }
    }
}
