//! Remote configuration: one JSON object per product, which devices ask for and the console pushes. [remote_config.md §6]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::broker::Delivered;
use crate::events::About;
use crate::hub::{Hub, MAX_PAYLOAD};
use crate::json::compact_object;
use crate::registry::{DeviceId, Registry};
use crate::service::{Request, size_warning};
use crate::state::Store;

const DISABLED: i64 = 1001;
const NOT_SET: i64 = 1002;
const ILLEGAL: i64 = 1003;

/// Largest configuration, in bytes.
const MAX_CONTENT: usize = 128 * 1024;

/// The configurations of all products.
pub struct RemoteConfigs {
    products: Mutex<BTreeMap<String, Setting>>,
    store: Store,
}

/// The configuration of a product.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    enabled: bool,
    /// As it was given; what is no JSON object is told to the devices as illegal.
    content: Option<String>,
}

impl Setting {
    /// The object in compact form, or the result devices get instead.
    fn content(&self) -> Result<String, i64> {
        if !self.enabled {
            return Err(DISABLED);
        }
        let content = self.content.as_deref().ok_or(NOT_SET)?;
        compact_object(content).ok_or(ILLEGAL)
    }
}

/// Answers a device.
pub fn handle(request: &Request) {
    let asked: Value = match serde_json::from_slice(request.payload) {
        Ok(asked) => asked,
        Err(e) => return request.note(&format!("bad JSON: {e}")),
    };
    match asked.get("type").and_then(Value::as_str) {
        Some("get") => {}
        other => return request.note(&format!("unknown type {other:?}")),
    }
    let content = match request.forced() {
        Some(forced) => Err(forced),
        None => request.hub.configs.setting(&request.device.product).content(),
    };
    let result = content.as_ref().err().copied().unwrap_or(0);
    let payload = content.unwrap_or_else(|_| "{}".into());
    let answer = format!(r#"{{"type":"reply","result":{result},"payload":{payload}}}"#);
    let [operation, documented] = topics(request.device);
    let topic = if request.topic.starts_with("$config/report/") { documented } else { operation };
    request.answer(topic, answer, 0, format!("get: result {result}"));
}

/// Where a device hears of its configuration: the platform's topic, and the one of the documents.
fn topics(device: &DeviceId) -> [String; 2] {
    [format!("$config/operation/result/{device}"), format!("$config/update/{device}")]
}

/// For the console.
impl RemoteConfigs {
    /// The configurations of the registry file, and in their place those the console has set.
    pub fn open(store: Store, registry: &Registry) -> Result<RemoteConfigs, String> {
        let mut products = BTreeMap::new();
        for (product, config) in registry.configs() {
            let read = |file: &std::path::PathBuf| {
                std::fs::read_to_string(file)
                    .map_err(|e| format!("product {product}, config: {}: {e}", file.display()))
            };
            let content = config.file.as_ref().map(read).transpose()?;
            products.insert(product, Setting { enabled: config.enabled, content });
        }
        products.extend(store.load::<Setting>()?);
        Ok(RemoteConfigs { products: Mutex::new(products), store })
    }

    fn setting(&self, product: &str) -> Setting {
        self.products.lock().get(product).cloned().unwrap_or_default()
    }

    /// A product's configuration and what devices get of it.
    pub fn show(&self, hub: &Hub, product: &str) -> Result<Value, String> {
        hub.registry.check_product(product)?;
        let setting = self.setting(product);
        let result = setting.content().err().unwrap_or(0);
        Ok(json!({"ok": true, "enabled": setting.enabled, "content": setting.content, "result": result}))
    }

    /// Sets the content; devices are not told before a push.
    pub fn set(&self, hub: &Hub, product: &str, content: String) -> Result<Value, String> {
        if content.len() > MAX_CONTENT {
            return Err(format!("{} bytes; at most {MAX_CONTENT}", content.len()));
        }
        let warning = content_warning(hub, product, &content);
        self.change(hub, product, |setting| setting.content = Some(content))?;
        Ok(json!({"ok": true, "warning": warning}))
    }

    /// Switches the configuration of a product on or off.
    pub fn enable(&self, hub: &Hub, product: &str, enabled: bool) -> Result<Value, String> {
        self.change(hub, product, |setting| setting.enabled = enabled)?;
        Ok(json!({"ok": true}))
    }

    fn change(&self, hub: &Hub, product: &str, change: impl FnOnce(&mut Setting)) -> Result<(), String> {
        hub.registry.check_product(product)?;
        let mut products = self.products.lock();
        let mut setting = products.get(product).cloned().unwrap_or_default();
        change(&mut setting);
        self.store.save(product, &setting)?;
        products.insert(product.to_owned(), setting);
        Ok(())
    }

    /// Sends the configuration to a device, or to every device of the product that is online and has subscribed.
    pub fn push(&self, hub: &Arc<Hub>, product: &str, device: Option<&DeviceId>) -> Result<Value, String> {
        hub.registry.check_product(product)?;
        let content = self.setting(product).content().map_err(|result| match result {
            DISABLED => format!("the configuration of {product} is disabled"),
            NOT_SET => format!("{product} has no configuration"),
            _ => format!("the configuration of {product} is not a JSON object"),
        })?;
        let message = Bytes::from(format!(r#"{{"type":"push","payload":{content}}}"#));
        let sent: usize = match device {
            Some(device) => {
                let send = |topic: String| hub.broker.deliver(hub, &topic, &message, 0, None);
                topics(device).map(send).iter().map(sent).sum()
            }
            None => {
                let prefixes =
                    ["$config/operation/result", "$config/update"].map(|p| format!("{p}/{product}/"));
                let send = |prefix: String| hub.broker.deliver_below(hub, &prefix, &message, 0);
                prefixes.map(send).iter().map(sent).sum()
            }
        };
        let fields =
            json!({"service": "config", "product": product, "result": format!("push: {sent} delivered")});
        hub.events.emit("handler", &About { conn: None, device: device.cloned() }, fields);
        Ok(json!({"ok": true, "delivered": sent, "warning": content_warning(hub, product, &content)}))
    }
}

fn sent(delivered: &Delivered) -> usize {
    delivered.sent
}

fn content_warning(hub: &Hub, product: &str, content: &str) -> Option<String> {
    let Some(content) = compact_object(content) else {
        return Some(format!("not a JSON object: devices get {ILLEGAL}"));
    };
    let message = r#"{"type":"reply","result":0,"payload":}"#.len() + content.len();
    if message > MAX_PAYLOAD {
        return Some(format!("a message of {message} bytes: the platform sends at most {MAX_PAYLOAD}"));
    }
    let topic = "$config/operation/result//".len() + product.len() + hub.registry.longest_name(product);
    size_warning(topic, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_in_their_order() {
        let setting =
            |enabled, content: Option<&str>| Setting { enabled, content: content.map(String::from) };
        assert_eq!(setting(false, Some("{}")).content(), Err(1001));
        assert_eq!(setting(true, None).content(), Err(1002));
        assert_eq!(setting(true, Some("nonsense")).content(), Err(1003));
        assert_eq!(setting(true, Some("{ }")).content(), Ok("{}".into()));
    }
}
