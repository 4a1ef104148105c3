//! The time service: `$sys/operation/P/D` asks, `$sys/operation/result/P/D` answers. [system.md §1]

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::hub::Hub;
use crate::registry::DeviceId;

/// Answers a request, or notes why not.
pub fn handle(hub: &Arc<Hub>, device: &DeviceId, payload: &[u8]) {
    let received_ms = hub.clock.now_ms();
    let request: Value = match serde_json::from_slice(payload) {
        Ok(request) => request,
        Err(e) => return hub.handled(device, "time", &format!("request is not JSON: {e}")),
    };
    match request.get("type").and_then(Value::as_str) {
        Some("get") if asks_time(&request) => {
            let answer = answer(received_ms, hub.clock.now_ms());
            let topic = format!("$sys/operation/result/{}/{}", device.product, device.name);
            let delivered = hub.broker.deliver(hub, &topic, &Bytes::from(answer), 0, None);
            let result =
                if delivered.sent > 0 { "answered" } else { "answered, but the device did not subscribe" };
            hub.handled(device, "time", result);
        }
        Some("get") => hub.handled(device, "time", "request for something else than time"),
        Some("ssh") => hub.handled(
            device,
            "ssh",
            &format!("device reports switch {}", request.get("switch").unwrap_or(&Value::Null)),
        ),
        other => hub.handled(device, "time", &format!("unknown type {other:?}")),
    }
}

fn asks_time(request: &Value) -> bool {
    request.get("resource").and_then(Value::as_array).is_some_and(|list| list.iter().any(|r| r == "time"))
}

/// Compact, members in this order: clients and tests count its bytes.
fn answer(received_ms: i64, sent_ms: i64) -> String {
    let seconds = sent_ms.div_euclid(1000);
    format!(r#"{{"type":"get","time":{seconds},"ntptime1":{received_ms},"ntptime2":{sent_ms}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_the_documented_form() {
        let text = answer(1_760_000_000_123, 1_760_000_000_125);
        assert_eq!(
            text,
            r#"{"type":"get","time":1760000000,"ntptime1":1760000000123,"ntptime2":1760000000125}"#
        );
        assert_eq!(text.len(), 82);
    }

    #[test]
    fn both_spellings_of_the_request() {
        for text in [r#"{"type": "get", "resource": ["time"]}"#, r#"{"resource":["x","time"],"type":"get"}"#]
        {
            assert!(asks_time(&serde_json::from_str(text).unwrap()));
        }
        assert!(!asks_time(&serde_json::from_str(r#"{"type":"get"}"#).unwrap()));
    }
}
