//! Broadcast: one message from the platform to every device of a product that is online and has subscribed. [broadcast.md §5]

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::events::About;
use crate::hub::Hub;
use crate::service::{json_warning, size_warning};

/// Largest payload the platform documents.
const DOCUMENTED: usize = 8 * 1024;

/// Sends the message; the answer for the console. Nothing is kept for devices that are offline, whatever their session.
pub fn send(hub: &Arc<Hub>, product: &str, payload: &Bytes, qos: u8) -> Result<Value, String> {
    hub.registry.check_product(product)?;
    let prefix = format!("$broadcast/rxd/{product}/");
    let delivered = hub.broker.deliver_below(hub, &prefix, payload, qos);
    let fields = json!({"service": "broadcast", "product": product, "qos": qos, "length": payload.len(),
                        "result": format!("{} delivered", delivered.sent)});
    hub.events.emit("handler", &About::default(), fields);
    let warning = if payload.len() > DOCUMENTED {
        Some(format!("a payload of {} bytes is above the documented {DOCUMENTED}", payload.len()))
    } else {
        size_warning(prefix.len() + hub.registry.longest_name(product), payload.len())
    };
    let warning = warning.or_else(|| json_warning(&delivered, payload).map(String::from));
    Ok(json!({"ok": true, "delivered": delivered.sent, "warning": warning}))
}
