//! Synchronous calls from the platform to a device: `$rrpc/rxd/P/D/ID` asks, `$rrpc/txd/P/D/ID` answers. [rrpc.md §7]

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::hub::Hub;
use crate::registry::DeviceId;
use crate::service::{Request, json_warning};

/// Calls that wait for their reply.
#[derive(Default)]
pub struct Calls {
    /// Ids count from 1, for all devices together.
    last_id: AtomicU64,
    waiting: Mutex<HashMap<String, Waiting>>,
}

struct Waiting {
    device: DeviceId,
    reply: oneshot::Sender<Bytes>,
}

/// Why a call has no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    Offline,
    NotSubscribed,
    TimedOut(Duration),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Offline => f.write_str("the device is offline"),
            Failure::NotSubscribed => f.write_str("the device did not subscribe to $rrpc/rxd"),
            Failure::TimedOut(limit) => write!(f, "no reply within {} ms", limit.as_millis()),
        }
    }
}

/// A reply.
pub struct Reply {
    /// Of the call.
    pub id: String,
    pub payload: Bytes,
    /// About the call's payload.
    pub warning: Option<&'static str>,
}

/// Calls a device and waits for its reply.
pub async fn call(
    hub: &Arc<Hub>,
    device: &DeviceId,
    payload: &Bytes,
    limit: Duration,
) -> Result<Reply, Failure> {
    if !hub.broker.is_online(device) {
        return Err(Failure::Offline);
    }
    let call = Call::begin(&hub.calls, device);
    let topic = format!("$rrpc/rxd/{device}/{}", call.id);
    let delivered = hub.broker.deliver(hub, &topic, payload, 0, None);
    if delivered.sent == 0 {
        return Err(Failure::NotSubscribed);
    }
    hub.handled(device, "rrpc", &format!("call {}", call.id));
    let id = call.id.clone();
    match call.wait(limit).await {
        Some(reply) => Ok(Reply { id, payload: reply, warning: json_warning(&delivered, payload) }),
        None => {
            hub.handled(device, "rrpc", &format!("no reply to {id} within {} ms", limit.as_millis()));
            Err(Failure::TimedOut(limit))
        }
    }
}

/// One call; forgotten when the value goes, also because the console went away.
struct Call<'a> {
    calls: &'a Calls,
    id: String,
    reply: Option<oneshot::Receiver<Bytes>>,
}

impl Call<'_> {
    fn begin<'a>(calls: &'a Calls, device: &DeviceId) -> Call<'a> {
        let id = (calls.last_id.fetch_add(1, Ordering::Relaxed) + 1).to_string();
        let (sender, receiver) = oneshot::channel();
        calls.waiting.lock().insert(id.clone(), Waiting { device: device.clone(), reply: sender });
        Call { calls, id, reply: Some(receiver) }
    }

    async fn wait(mut self, limit: Duration) -> Option<Bytes> {
        tokio::time::timeout(limit, self.reply.take()?).await.ok()?.ok()
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.calls.waiting.lock().remove(&self.id);
    }
}

/// Takes a device's reply.
pub fn handle(request: &Request) {
    let id = request.topic.rsplit('/').next().unwrap_or_default();
    let mut waiting = request.hub.calls.waiting.lock();
    let own = waiting.get(id).is_some_and(|w| w.device == *request.device);
    let Some(call) = own.then(|| waiting.remove(id)).flatten() else {
        return request.note(&format!("late or unknown reply {id:?}"));
    };
    drop(waiting);
    // The console may have gone in this moment.
    let result = if call.reply.send(request.payload.clone()).is_ok() { "reply to" } else { "late reply to" };
    request.note(&format!("{result} {id}"));
}
