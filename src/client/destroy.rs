//! The end of a client (`mqtt.md` §2).

use super::Client;
use super::callback::TopicEvent;
use crate::error::Error;
use crate::log::{Level, log};

impl Client {
    /// Ends the loop thread, lets other threads leave, says goodbye to the server, tells the subscriptions.
    ///
    /// May be called from a callback of this client: the outer calls then find the client closed. Afterwards
    /// every function returns `NoConn`; the memory goes with the last reference. `None` if the client is being
    /// destroyed already.
    pub fn destroy(&self) -> Option<Result<(), Error>> {
        #[cfg(feature = "multithread_enabled")]
        self.stop_loop();
        if !self.gate.close() {
            return None;
        }
        #[cfg(feature = "multithread_enabled")]
        self.wake_starters();
        self.waiter.wake();
        self.gate.wait_until_empty();
        let was_connected = {
            let mut core = self.core();
            let was_connected = core.lifecycle.is_connected();
            core.lifecycle.close();
            was_connected
        };
        let result = if was_connected {
            self.disconnect()
        } else {
            self.drop_link(None);
            Err(Error::NoConn)
        };
        self.tell_subscriptions();
        Some(result)
    }

    fn tell_subscriptions(&self) {
        // One after the other: Destroy has to get along without memory. No subscription comes or goes any more.
        for number in 0.. {
            let target =
                self.core().session.subscriptions().nth(number).map(|entry| entry.subscriber.clone());
            let Some(target) = target else { break };
            target.0.on_event(self, TopicEvent::ClientDestroyed);
        }
    }
}

impl Client {
    /// Gives up a client that could not be opened; `false` if a callback has destroyed it meanwhile.
    pub fn abandon(&self) -> bool {
        if !self.gate.close() {
            return false;
        }
        self.core().lifecycle.close();
        self.drop_link(None);
        true
    }

    /// The line at the end of Destroy.
    pub fn log_release(&self) {
        log!(Level::Info, "mqtt_client.c", "IOT_MQTT_Destroy", "mqtt release!");
    }
}
