//! The topic on which the platform speaks to a service: subscribed once, listened to for ever.
//!
//! The MQTT layer renews the subscription after a reconnect; a service only starts it.

use crate::client::callback::{Handler, HandlerIdentity, Message, Publish, TopicEvent};
use crate::client::{Client, MANUALLY_DISCONNECTED, RECONNECTED};
use crate::error::Error;
use crate::log::{Level, log};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a service does with what comes on its topic. Called without locks, from the thread that yields.
pub trait Service: Send + Sync + 'static {
    /// Label of its log lines.
    const FILE: &'static str;
    /// Whether the application's event handler does not hear of the answers to SUBSCRIBE.
    const HIDES_ANSWERS: bool = false;
    /// A message; it is gone when the call returns.
    fn on_message(&self, client: &Client, message: &mut Message);
    /// Something happened to the subscription; it has been noted already.
    fn on_event(&self, _client: &Client, _event: TopicEvent) {}
    /// The subscription has been asked for again, as [`Handler::on_renewed`] says.
    fn on_renewed(&self, _client: &Client, _publish: &mut Publish) -> Result<(), Error> {
        Ok(())
    }
}

/// How long the answer to SUBSCRIBE is waited for.
pub struct Patience<'a> {
    /// Rounds of waiting, in ms. Each asks first if nothing is under way: after a time-out, a loss, or a refused send.
    pub rounds_ms: &'a [u32],
    /// Each round asks, also while an answer may still come.
    pub asks_again: bool,
}

impl<'a> Patience<'a> {
    /// Rounds that ask only if nothing is under way.
    pub fn rounds(rounds_ms: &'a [u32]) -> Patience<'a> {
        Patience { rounds_ms, asks_again: false }
    }
}

/// Where the subscription stands.
#[derive(Debug, Default)]
struct Standing {
    is_granted: bool,
    is_refused: bool,
    /// SUBSCRIBE packets without an answer.
    asking: usize,
    /// Packet id of the last one.
    id: u16,
}

/// A service and its topic on one client.
#[derive(Debug, Default)]
pub struct Downlink<S> {
    /// The service.
    pub service: S,
    standing: Mutex<Standing>,
}

impl<S: Service> Downlink<S> {
    /// Nothing is asked for yet.
    pub fn new(service: S) -> Arc<Downlink<S>> {
        Arc::new(Downlink { service, standing: Mutex::default() })
    }

    /// Whether the server has granted the subscription and it has not ended since.
    pub fn is_granted(&self) -> bool {
        self.standing().is_granted
    }

    /// Subscribes, unless that is done or under way. Waits for nothing: the server takes a message that is published
    /// behind this only after it has subscribed us.
    pub fn ask(self: &Arc<Self>, client: &Client, filter: &str, qos: u8) -> Result<(), Error> {
        let is_needed = {
            let standing = self.standing();
            !standing.is_granted && standing.asking == 0
        };
        if is_needed { self.send(client, filter, qos) } else { Ok(()) }
    }

    /// Subscribes and waits for the answer; the packet id of the SUBSCRIBE. Returns at once if it is granted already.
    ///
    /// When it fails the subscription is dropped: neither messages nor a late answer reach the service. `SubNack`:
    /// refused; `RequestTimeout`: no answer; else why it could not be asked for, or how the connection ended.
    pub fn start(
        self: &Arc<Self>,
        client: &Client,
        filter: &str,
        qos: u8,
        patience: &Patience,
    ) -> Result<u16, Error> {
        let mut cause = Error::RequestTimeout;
        for &wait_ms in patience.rounds_ms {
            if self.is_granted() {
                break;
            }
            let asked = if patience.asks_again {
                self.send(client, filter, qos)
            } else {
                self.ask(client, filter, qos)
            };
            if let Err(error) = asked {
                log!(Level::Warn, S::FILE, "start", "subscribe of {filter} failed: {error}");
                cause = error;
                continue;
            }
            cause = match self.wait_for_answer(client, filter, qos, wait_ms) {
                Ok(()) => Error::RequestTimeout,
                Err(error) => {
                    cause = error;
                    break;
                }
            };
        }
        let (is_granted, id) = {
            let standing = self.standing();
            (standing.is_granted, standing.id)
        };
        if is_granted {
            return Ok(id);
        }
        self.drop_subscription(client, filter);
        Err(cause)
    }

    /// As [`start`](Self::start), but asks the server also when the subscription is granted. Messages are delivered
    /// meanwhile.
    pub fn renew(
        self: &Arc<Self>,
        client: &Client,
        filter: &str,
        qos: u8,
        patience: &Patience,
    ) -> Result<u16, Error> {
        self.standing().is_granted = false;
        self.start(client, filter, qos, patience)
    }

    /// One round. `Ok` when the subscription is granted or has not been answered (yet).
    fn wait_for_answer(
        self: &Arc<Self>,
        client: &Client,
        filter: &str,
        qos: u8,
        wait_ms: u32,
    ) -> Result<(), Error> {
        let deadline = client.now() + u64::from(wait_ms);
        loop {
            let losses = client.losses();
            let is_back = || client.is_connected() && client.losses() != losses;
            let left = u32::try_from(deadline.saturating_sub(client.now())).unwrap_or(u32::MAX);
            let code = client.yield_until(left, &|| self.is_answered() || is_back());
            if self.standing().is_refused {
                return Err(Error::SubNack);
            }
            if is_back() && !self.is_granted() {
                // What was asked went down with the old connection.
                self.drop_subscription(client, filter);
                self.send(client, filter, qos)?;
            } else if let Some(error) = end_of_connection(code) {
                return Err(error);
            }
            if self.is_answered() || client.now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Drops the subscription, granted or asked for.
    pub fn drop_subscription(self: &Arc<Self>, client: &Client, filter: &str) {
        client.drop_subscription(filter, Arc::clone(self) as Arc<dyn Handler>);
        *self.standing() = Standing::default();
    }

    fn send(self: &Arc<Self>, client: &Client, filter: &str, qos: u8) -> Result<(), Error> {
        // Counted first: the answer may be faster than the return of the call.
        {
            let mut standing = self.standing();
            standing.asking += 1;
            standing.is_refused = false;
        }
        let sent = client.subscribe(filter, qos, Arc::clone(self) as Arc<dyn Handler>);
        let mut standing = self.standing();
        match sent {
            Ok(id) => standing.id = id,
            Err(_) => standing.asking = standing.asking.saturating_sub(1),
        }
        sent.map(drop)
    }

    fn is_answered(&self) -> bool {
        let standing = self.standing();
        standing.is_granted || standing.is_refused || standing.asking == 0
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What Yield says of a connection that cannot bring the answer; other codes concern other packets.
fn end_of_connection(code: i32) -> Option<Error> {
    match code {
        MANUALLY_DISCONNECTED => Some(Error::NoConn),
        0 | RECONNECTED => None,
        code => Error::from_code(code).filter(|error| {
            matches!(error, Error::NoConn | Error::AttemptingReconnect | Error::ReconnectTimeout)
        }),
    }
}

impl<S: Service> Handler for Downlink<S> {
    fn on_message(&self, client: &Client, message: &mut Message) {
        self.service.on_message(client, message);
    }

    fn on_event(&self, client: &Client, event: TopicEvent) {
        {
            let mut standing = self.standing();
            standing.is_granted = event == TopicEvent::Subscribed;
            standing.is_refused = event == TopicEvent::SubscribeRefused;
            standing.asking = match event {
                TopicEvent::Unsubscribed | TopicEvent::ClientDestroyed => 0,
                _ => standing.asking.saturating_sub(1),
            };
        }
        self.service.on_event(client, event);
    }

    fn takes_messages(&self) -> bool {
        true
    }

    fn identity(&self) -> HandlerIdentity {
        let address = std::ptr::from_ref(self).addr();
        HandlerIdentity { message: address, event: address, data: address }
    }

    fn hides_answers(&self) -> bool {
        S::HIDES_ANSWERS
    }

    fn on_renewed(&self, client: &Client, publish: &mut Publish) -> Result<(), Error> {
        self.service.on_renewed(client, publish)
    }
}

#[cfg(test)]
mod tests;
