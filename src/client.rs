//! A device client: identity, connection, requests, callbacks, threads.
//!
//! A client is shared by all threads that use it. No lock is held while application code runs, and at most one
//! thread at a time, the one with the [`YieldRight`](gate::YieldRight), reads from the connection and calls back.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod callback;
mod connect;
pub mod construct;
pub mod credentials;
pub mod deadlines;
mod destroy;
mod dispatch;
pub mod endpoint;
mod gate;
pub mod identity;
#[cfg(feature = "multithread_enabled")]
mod loop_thread;
mod news;
pub mod notice;
mod open;
mod password;
mod request;
mod run;

use crate::error::Error;
use crate::hal::clock::Clock;
#[cfg(not(feature = "auth_with_notls"))]
use crate::hal::net::TlsSession;
use crate::hal::random;
use crate::hal::waiter::Waiter;
use crate::mqtt::lifecycle::Lifecycle;
use crate::mqtt::session::Session;
use crate::transport::receiver::Receiver;
use crate::transport::sender::Sender;
use callback::{Message, Observer, Target};
use credentials::Credential;
use deadlines::Deadlines;
use endpoint::Endpoint;
use gate::{Gate, YieldRight};
use identity::Identity;
use news::News;
use std::any::Any;
use std::ffi::CString;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Least and largest command timeout in ms; other values are corrected (`mqtt.md` §0).
pub const COMMAND_TIMEOUT_MS: std::ops::RangeInclusive<u32> = 500..=20_000;
/// Longest keep-alive interval in seconds.
pub const MAX_KEEP_ALIVE_S: u32 = 690;

/// What a client is made of.
pub struct Config {
    /// Who the device is.
    pub identity: Identity,
    /// Where to connect.
    pub endpoint: Endpoint,
    /// What the device authenticates with.
    pub credential: Credential,
    /// File with further trust anchors (`QCLOUD_IOT_CA_FILE`).
    pub ca_file: Option<CString>,
    /// Whether servers are verified.
    #[cfg(not(feature = "auth_with_notls"))]
    pub trust: open::TrustPolicy,
    /// Limit for each request, in ms, within [`COMMAND_TIMEOUT_MS`].
    pub command_timeout_ms: u32,
    /// Interval in CONNECT, in seconds, 0 for none.
    pub keep_alive_s: u16,
    /// Whether the server forgets the session.
    pub clean_session: bool,
    /// Whether a lost connection is opened again.
    pub auto_connect: bool,
}

#[cfg(not(feature = "auth_with_notls"))]
pub use open::TrustPolicy;
pub use request::MAX_PAYLOAD;
pub use run::{MANUALLY_DISCONNECTED, RECONNECTED};

/// A device client. All functions may be called from any thread at any time.
pub struct Client {
    config: Config,
    observer: Box<dyn Observer>,
    clock: Clock,
    waiter: Waiter,
    gate: Gate,
    yield_right: YieldRight,
    core: Mutex<Core>,
    receiver: Mutex<Receiver>,
    sender: Mutex<Sender>,
    #[cfg(not(feature = "auth_with_notls"))]
    keys: Mutex<Keys>,
    /// Buffers of messages that no handler looks at.
    spare: Mutex<Vec<Message>>,
    /// When the reading thread will look around by itself; 0 while it is not waiting.
    waiting_until: AtomicU64,
    attachments: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
    deadlines: Mutex<Vec<Arc<dyn Deadlines>>>,
    news: News,
    #[cfg(feature = "multithread_enabled")]
    looping: loop_thread::LoopControl,
}

/// What every request and every packet touches; locked for moments only.
struct Core {
    session: Session<Target>,
    lifecycle: Lifecycle,
    /// A write failed: the reading thread takes the connection down.
    broken: Option<Error>,
    /// The application is being told of a loss.
    telling_loss: bool,
    /// A connection attempt is under way: what arrives belongs to it.
    connecting: bool,
    /// Packets came since the reading thread waited last.
    was_active: bool,
    connection_id: String,
    /// When bytes arrived last.
    received_at: u64,
    /// Complaints that a server can provoke at will are not logged before this time.
    complain_after: u64,
    /// Complaints left out since.
    unlogged: u32,
}

/// Secrets that last as long as the client.
#[cfg(not(feature = "auth_with_notls"))]
struct Keys {
    tls_session: TlsSession,
    #[cfg(feature = "auth_mode_cert")]
    private_key: password::KeyFile,
}

impl Client {
    /// A client that is not connected yet; see [`Client::open`].
    pub fn new(config: Config, observer: Box<dyn Observer>) -> Result<Client, Error> {
        let core = Core {
            session: Session::new(random::number()? as u16, config.command_timeout_ms),
            lifecycle: Lifecycle::new(config.auto_connect),
            broken: None,
            telling_loss: false,
            connecting: false,
            was_active: false,
            connection_id: String::new(),
            received_at: 0,
            complain_after: 0,
            unlogged: 0,
        };
        Ok(Client {
            config,
            observer,
            clock: Clock::start(),
            waiter: Waiter::new(),
            gate: Gate::default(),
            yield_right: YieldRight::default(),
            core: Mutex::new(core),
            receiver: Mutex::default(),
            sender: Mutex::default(),
            #[cfg(not(feature = "auth_with_notls"))]
            keys: Mutex::new(Keys {
                tls_session: TlsSession::none(),
                #[cfg(feature = "auth_mode_cert")]
                private_key: password::KeyFile::default(),
            }),
            spare: Mutex::default(),
            waiting_until: AtomicU64::new(0),
            attachments: Mutex::default(),
            deadlines: Mutex::default(),
            news: News::default(),
            #[cfg(feature = "multithread_enabled")]
            looping: loop_thread::LoopControl::default(),
        })
    }

    /// Who the device is.
    pub fn identity(&self) -> &Identity {
        &self.config.identity
    }

    /// Limit for each request, in ms.
    pub fn command_timeout_ms(&self) -> u32 {
        self.config.command_timeout_ms
    }

    /// Whether a lost connection is opened again.
    pub fn reconnects(&self) -> bool {
        self.config.auto_connect
    }

    /// Milliseconds of the client's clock.
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Whether requests can be sent.
    pub fn is_connected(&self) -> bool {
        let core = self.core();
        core.lifecycle.is_connected() && core.broken.is_none() && !self.gate.is_closing()
    }

    /// Whether the client is being destroyed or has been: nobody is called back any more.
    pub fn is_destroyed(&self) -> bool {
        self.gate.is_closing()
    }

    /// Whether the calling thread is inside a callback of this client that came out of Yield or Construct.
    pub fn is_in_callback(&self) -> bool {
        self.yield_right.is_mine()
    }

    /// Connections lost so far.
    pub fn losses(&self) -> u32 {
        self.core().lifecycle.losses()
    }

    /// Whether a subscription with exactly this filter text is granted.
    pub fn is_subscribed(&self, filter: &str) -> bool {
        self.core().session.is_subscribed(filter)
    }

    /// The state that a service keeps with this client; made when first asked for.
    pub fn attachment<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut attachments = lock(&self.attachments);
        if let Some(known) = attachments.iter().find_map(|any| Arc::clone(any).downcast::<T>().ok()) {
            return known;
        }
        let new = Arc::new(T::default());
        attachments.push(Arc::<T>::clone(&new));
        new
    }

    fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }
}

/// A panic while a lock was held has been reported at the C boundary; the state behind it is still consistent
/// enough to close the client.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
