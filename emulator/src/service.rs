//! Services behind `$` topics: the one way in (`dispatch`) and the one way out (`Request::answer`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::acl::Handler;
use crate::broker::Delivered;
use crate::faults::{Action, Stage, Traffic};
use crate::hub::Hub;
use crate::json::is_json;
use crate::registry::DeviceId;
use crate::{gateway, remote_config, rrpc, shadow, time_service};

/// Services that answer requests, as faults name them.
pub const ANSWERING: [&str; 4] = ["time", "shadow", "gateway", "config"];

/// Bytes of a packet that devices take with their default buffer.
const DEVICE_BUFFER: usize = 2048;

/// A warning for the console about a message that is too large for most devices. Sizes of topic and payload.
pub fn size_warning(topic: usize, payload: usize) -> Option<String> {
    // Fixed header of 3 bytes, length of the topic, packet id.
    let packet = 3 + 2 + topic + 2 + payload;
    (packet > DEVICE_BUFFER).then(|| {
        format!(
            "a packet of about {packet} bytes: devices with the default buffer of {DEVICE_BUFFER} drop it"
        )
    })
}

/// A warning for the console about a message some of its receivers cannot take.
pub fn json_warning(delivered: &Delivered, payload: &[u8]) -> Option<&'static str> {
    let unreadable = delivered.to_level_3 > 0 && !is_json(payload);
    unreadable.then_some("a receiver speaks MQTT 3.1 like the Python SDK, which only takes JSON payloads")
}

/// A device's message to a service.
pub struct Request<'a> {
    pub hub: &'a Arc<Hub>,
    /// Whom it is about: the connected device, or a sub-device its gateway speaks for.
    pub device: &'a DeviceId,
    pub topic: &'a str,
    pub payload: &'a Bytes,
    service: &'static str,
    faults: ReplyFaults,
}

/// What faults want of the answer.
struct ReplyFaults {
    copies: usize,
    delay: Duration,
    forced: Option<i64>,
}

/// Hands a publish to the service its topic belongs to.
pub fn dispatch(hub: &Arc<Hub>, handler: Handler, device: &DeviceId, topic: &str, payload: &Bytes) {
    let (service, handle): (_, fn(&Request)) = match handler {
        Handler::User => return,
        Handler::Absent(service) => {
            return hub.handled(device, service, "this version does not have the service");
        }
        Handler::Time => ("time", time_service::handle),
        Handler::Shadow => ("shadow", shadow::handle),
        Handler::Gateway => ("gateway", gateway::handle),
        Handler::Config => ("config", remote_config::handle),
        Handler::Rrpc => ("rrpc", rrpc::handle),
    };
    handle(&Request { hub, device, topic, payload, service, faults: reply_faults(hub, service, device) });
}

fn reply_faults(hub: &Hub, service: &str, device: &DeviceId) -> ReplyFaults {
    let mut faults = ReplyFaults { copies: 1, delay: Duration::ZERO, forced: None };
    let traffic = Traffic { listener: "", device: Some(device), stage: Stage::Reply { service } };
    for hit in hub.faults.hits(&traffic) {
        hub.handled(device, service, &format!("fault {}: {:?}", hit.id, hit.action));
        match hit.action {
            Action::Drop => faults.copies = 0,
            Action::Duplicate => faults.copies *= 2,
            Action::Delay(time) => faults.delay += time,
            Action::ForceResult(result) => faults.forced = Some(result),
            // The others are about packets and connections; they never hit a reply.
            _ => {}
        }
    }
    faults
}

impl Request<'_> {
    /// The result a fault wants instead of the request's own; the request then changes nothing.
    pub fn forced(&self) -> Option<i64> {
        self.faults.forced
    }

    /// Notes what became of the request.
    pub fn note(&self, result: &str) {
        self.hub.handled(self.device, self.service, result);
    }

    /// Sends the answer to whoever subscribed, as faults allow, and notes `result`.
    pub fn answer(&self, topic: String, payload: String, qos: u8, result: String) {
        if self.faults.copies == 0 {
            return self.note(&format!("{result}, not answered"));
        }
        let answer = Answer {
            hub: self.hub.clone(),
            device: self.device.clone(),
            service: self.service,
            topic,
            payload: payload.into(),
            qos,
            result,
            copies: self.faults.copies,
        };
        if self.faults.delay.is_zero() {
            return answer.send();
        }
        let delay = self.faults.delay;
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            answer.send();
        });
    }
}

struct Answer {
    hub: Arc<Hub>,
    device: DeviceId,
    service: &'static str,
    topic: String,
    payload: Bytes,
    qos: u8,
    result: String,
    copies: usize,
}

impl Answer {
    fn send(&self) {
        let mut sent = 0;
        for _ in 0..self.copies {
            sent += self.hub.broker.deliver(&self.hub, &self.topic, &self.payload, self.qos, None).sent;
        }
        let unheard = if sent == 0 { ", but the device did not subscribe" } else { "" };
        self.hub.handled(&self.device, self.service, &format!("{}{unheard}", self.result));
    }
}
