//! The device shadow: a JSON document that the platform keeps for a device (`shadow.md`).
//!
//! A [`Shadow`] has an MQTT client of its own. Updates and gets wait in a table for the answer with their token; what
//! is desired of the device is delivered to registered properties.

pub mod document;

use super::downlink::{Downlink, Patience, Service};
use super::requests::{self, Requests, Ticket, Waited};
use crate::client::Client;
use crate::client::callback::{Message, TopicEvent};
use crate::client::deadlines::Deadlines;
use crate::error::Error;
use crate::hal::reserve;
use crate::json::{self, Kind, Value};
use crate::log::{Level, Payload, log};
use crate::memory;
use std::ffi::CStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const FILE: &str = "shadow_client.c";

/// Requests that may wait for their answers.
const MAX_REQUESTS: usize = 10;
/// How much longer than the answer to SUBSCRIBE may take it is waited for, in ms.
const GRACE_MS: u32 = 1000;

/// Which document is worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// The device shadow.
    Shadow,
    /// The data template.
    Template,
}

/// Kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Asks for the document.
    Get,
    /// Changes the document.
    Update,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// No answer in time.
    Timeout,
    /// The platform refused it, or its answer does not say that it accepts.
    Rejected,
    /// The platform accepted it.
    Accepted,
}

/// Takes the end of a request: the whole answer, empty on a time-out. Called without locks, from the thread that yields;
/// not called at all when the shadow is destroyed first.
pub type End = Box<dyn FnOnce(Method, Ack, &CStr) + Send>;

/// A registered property. Called without locks, from the thread that yields.
pub trait Property: Send + Sync {
    /// What tells properties apart; two of them may have the same key.
    fn identity(&self) -> usize;
    /// Its value in the object `delta`.
    fn find<'a>(&self, delta: &'a [u8]) -> Option<Value<'a>>;
    /// A value is desired, which is not null; `delta` is the object it stands in.
    fn on_delta(&self, value: &Value, delta: &CStr);
}

/// A request that was sent.
struct Request {
    method: Method,
    end: Option<End>,
}

/// What a shadow does with what comes on its topic.
struct State {
    requests: Mutex<Requests<Vec<u8>, Request>>,
    properties: Mutex<Vec<Arc<dyn Property>>>,
}

/// The end of a request that a call waits for.
#[derive(Clone, Default)]
pub struct Outcome(Arc<Mutex<Option<Ack>>>);

/// A shadow client.
pub struct Shadow {
    client: Arc<Client>,
    link: Arc<Downlink<State>>,
    operation: String,
    result: String,
    /// Counts the tokens made.
    tokens: AtomicU32,
}

impl Shadow {
    /// A shadow on a client that is not connected yet.
    pub fn new(client: Arc<Client>, flavour: Flavour) -> Shadow {
        let prefix = match flavour {
            Flavour::Shadow => "$shadow",
            Flavour::Template => "$template",
        };
        let path = format!("{}/{}", client.identity().product_id(), client.identity().device_name());
        let link = Downlink::new(State::default());
        client.watch(Arc::clone(&link) as Arc<dyn Deadlines>);
        Shadow {
            operation: format!("{prefix}/operation/{path}"),
            result: format!("{prefix}/operation/result/{path}"),
            client,
            link,
            tokens: AtomicU32::new(0),
        }
    }

    /// The MQTT client.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Subscribes to the answers and waits until that is settled. A failure is no loss: every request tries again.
    pub fn listen(&self) {
        let rounds_ms = [self.client.command_timeout_ms() + GRACE_MS];
        if let Err(error) = self.link.start(&self.client, &self.result, 0, &Patience::rounds(&rounds_ms)) {
            log!(Level::Error, FILE, "IOT_Shadow_Construct", "{} is not subscribed: {error}", self.result);
        }
    }

    /// Ends the subscription, drops requests and properties without a word, and destroys the client.
    ///
    /// May be called from callbacks. `false` if the client has been destroyed already.
    pub fn destroy(&self) -> bool {
        self.link.service.requests().clear();
        self.link.service.properties().clear();
        if self.client.is_connected()
            && self.link.is_granted()
            && let Err(error) = self.client.unsubscribe(&self.result)
        {
            // The connection ends in any case, and with it the subscription of a clean session.
            log!(Level::Debug, FILE, "IOT_Shadow_Destroy", "{} not unsubscribed: {error}", self.result);
        }
        self.client.destroy().is_some()
    }

    /// A token that no document of this shadow has had.
    pub fn next_token(&self) -> String {
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.client.identity().product_id())
    }

    /// Sends an update. `document` has a token; it stands in a buffer of `room` bytes, which has to hold what is sent.
    /// Returns that, and the ticket of the request.
    pub fn update(
        &self,
        document: &[u8],
        room: usize,
        timeout_ms: u32,
        end: Option<End>,
    ) -> Result<(Vec<u8>, Ticket), Error> {
        self.check(timeout_ms)?;
        let token = document::token(document).ok_or(Error::Inval)?.unescaped()?.ok_or(Error::Inval)?;
        let sent = document::update(document, room)?;
        let ticket = self.send(token, &sent, timeout_ms, Request { method: Method::Update, end })?;
        Ok((sent, ticket))
    }

    /// Asks for the document; what is desired is delivered to the properties before `end`.
    pub fn get(&self, timeout_ms: u32, end: End) -> Result<Ticket, Error> {
        self.check(timeout_ms)?;
        let token = self.next_token();
        let request = document::get(&token);
        let waiting = Request { method: Method::Get, end: Some(end) };
        self.send(token.into_bytes(), request.as_bytes(), timeout_ms, waiting)
    }

    /// Waits for the end of a request whose callback is that of `outcome`. A call that waits must not come from a callback.
    pub fn wait_for(
        &self,
        ticket: Ticket,
        outcome: &Outcome,
        method: Method,
        timeout_ms: u32,
    ) -> Result<(), Error> {
        let waited = requests::wait(&self.client, timeout_ms, &|| outcome.get().is_some());
        self.link.service.requests().withdraw(ticket);
        match (outcome.get(), method) {
            (Some(Ack::Accepted), _) => Ok(()),
            (Some(Ack::Rejected), Method::Get) => Err(Error::ShadowGetRejected),
            (Some(Ack::Rejected), Method::Update) => Err(Error::ShadowUpdateRejected),
            (None, _) if waited == Waited::Offline => Err(Error::NoConn),
            (None, _) if waited == Waited::NoMemory => Err(Error::Malloc),
            (_, Method::Get) => Err(Error::ShadowGetTimeout),
            (_, Method::Update) => Err(Error::ShadowUpdateTimeout),
        }
    }

    /// Delivers what is desired of `property` from now on.
    pub fn register(&self, property: Arc<dyn Property>) -> Result<(), Error> {
        // A property lasts: none begins to lie in the reserve while that is in use.
        reserve::admit()?;
        let mut properties = self.link.service.properties();
        if properties.iter().any(|known| known.identity() == property.identity()) {
            return Err(Error::ShadowPropertyExist);
        }
        memory::push(&mut properties, property)
    }

    /// Ends [`register`](Self::register).
    pub fn unregister(&self, identity: usize) -> Result<(), Error> {
        let mut properties = self.link.service.properties();
        let found = properties.iter().position(|known| known.identity() == identity);
        properties.remove(found.ok_or(Error::ShadowNotPropertyExist)?);
        Ok(())
    }

    fn check(&self, timeout_ms: u32) -> Result<(), Error> {
        if timeout_ms == 0 {
            return Err(Error::Inval);
        }
        if self.client.is_connected() { Ok(()) } else { Err(Error::NoConn) }
    }

    fn send(
        &self,
        token: Vec<u8>,
        document: &[u8],
        timeout_ms: u32,
        request: Request,
    ) -> Result<Ticket, Error> {
        let deadline = self.client.now() + u64::from(timeout_ms);
        // Entered first: the answer may be faster than the return of the publish.
        let ticket = self.link.service.requests().add(token, deadline, request)?;
        let sent = self
            .link
            .ask(&self.client, &self.result, 0)
            .and_then(|()| self.client.publish(self.operation.as_bytes(), 0, false, document));
        if let Err(error) = sent {
            self.link.service.requests().withdraw(ticket);
            return Err(error);
        }
        self.client.wake_before(deadline);
        Ok(ticket)
    }
}

impl Outcome {
    /// What the request has to call.
    pub fn end(&self) -> End {
        let outcome = self.clone();
        Box::new(move |_, ack, _| *lock(&outcome.0) = Some(ack))
    }

    fn get(&self) -> Option<Ack> {
        *lock(&self.0)
    }
}

impl Default for State {
    fn default() -> State {
        State { requests: Mutex::new(Requests::new(MAX_REQUESTS)), properties: Mutex::default() }
    }
}

impl State {
    fn requests(&self) -> MutexGuard<'_, Requests<Vec<u8>, Request>> {
        lock(&self.requests)
    }

    fn properties(&self) -> MutexGuard<'_, Vec<Arc<dyn Property>>> {
        lock(&self.properties)
    }

    /// An answer: its delta, if it answers a get, then the callbacks of all requests with its token.
    fn on_answer(&self, client: &Client, payload: &[u8], text: &CStr) -> Result<(), &'static str> {
        let token = document::token(payload).ok_or("answer without clientToken")?;
        let result = json::find(b"result", payload).and_then(|result| result.integer());
        let ack = if result == Some(0) { Ack::Accepted } else { Ack::Rejected };
        let answered = self.requests().answered(|key| token.is(key));
        let is_get = answered.iter().any(|request| request.method == Method::Get);
        if let Some(delta) =
            json::find(b"payload.state.delta", payload).filter(|_| is_get && ack == Ack::Accepted)
        {
            // The request has been answered all the same.
            self.deliver(client, &delta)
                .unwrap_or_else(|cause| log!(Level::Error, FILE, "on_answer", "{cause}"));
        }
        finish(client, answered, ack, text);
        Ok(())
    }

    /// Hands the members of a delta to the properties, the one registered last first. A callback may register and
    /// unregister any of them.
    fn deliver(&self, client: &Client, delta: &Value) -> Result<(), &'static str> {
        const NO_MEMORY: &str = "no memory for a delta";
        if delta.kind != Kind::Object {
            return Ok(());
        }
        let text = match memory::terminated(delta.text) {
            Ok(text) => text,
            Err(Error::Malloc) => return Err(NO_MEMORY),
            // A NUL byte, which no JSON has.
            Err(_) => return Ok(()),
        };
        let registered = self.registered().map_err(|_| NO_MEMORY)?;
        for property in registered.iter().rev() {
            let is_registered = self.properties().iter().any(|known| Arc::ptr_eq(known, property));
            if client.is_destroyed() || !is_registered {
                continue;
            }
            let value = property.find(delta.text).filter(|value| value.kind != Kind::Null);
            if let Some(value) = value {
                property.on_delta(&value, &text);
            }
        }
        Ok(())
    }

    /// The properties as they are now.
    fn registered(&self) -> Result<Vec<Arc<dyn Property>>, Error> {
        let properties = self.properties();
        let mut registered = Vec::new();
        registered.try_reserve_exact(properties.len()).map_err(|_| Error::Malloc)?;
        registered.extend(properties.iter().cloned());
        Ok(registered)
    }
}

/// Calls back the requests that have ended, as long as the client is there.
fn finish(client: &Client, ended: Vec<Request>, ack: Ack, text: &CStr) {
    for Request { method, end } in ended {
        if let Some(end) = end.filter(|_| !client.is_destroyed()) {
            end(method, ack, text);
        }
    }
}

impl Deadlines for Downlink<State> {
    fn next_deadline(&self) -> Option<u64> {
        self.service.requests().next_deadline()
    }

    fn expire(&self, client: &Client, now: u64) {
        let expired = self.service.requests().expired(now);
        finish(client, expired, Ack::Timeout, c"");
    }
}

impl Service for State {
    const FILE: &'static str = FILE;

    fn on_message(&self, client: &Client, message: &mut Message) {
        let payload = message.payload();
        let text = CStr::from_bytes_until_nul(message.payload_with_nul()).unwrap_or(c"");
        let kind = json::find(b"type", payload).filter(|kind| kind.kind == Kind::String);
        let handled = match kind.map(|kind| kind.text) {
            Some(b"delta") => match json::find(b"payload.state", payload) {
                Some(delta) => self.deliver(client, &delta),
                None => Err("delta without payload.state"),
            },
            Some(_) => self.on_answer(client, payload, text),
            None => Err("message without type"),
        };
        if let Err(cause) = handled {
            log!(Level::Error, FILE, "on_message", "{cause}, dropped: {}", Payload(payload));
        }
    }

    fn on_event(&self, _client: &Client, event: TopicEvent) {
        log!(Level::Debug, FILE, "on_event", "result topic: {event:?}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
