//! The application's function that takes the messages of a service.

use crate::client::Client;
use crate::client::callback::Message;
use std::sync::{Arc, Mutex, PoisonError};

/// Takes a message. Called without locks, from the thread that yields.
pub type Callback = dyn Fn(&Client, &mut Message) + Send + Sync;

/// Where a service finds the function; it may be replaced at any time, and be missing: then messages vanish.
#[derive(Default)]
pub struct Listener(Mutex<Option<Arc<Callback>>>);

impl Listener {
    /// From now on messages go to `callback`.
    pub fn set(&self, callback: Option<Arc<Callback>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = callback;
    }

    /// Hands a message over.
    pub fn call(&self, client: &Client, message: &mut Message) {
        let callback = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(callback) = callback {
            callback(client, message);
        }
    }
}
