//! The time service: `$sys/operation/P/D` asks, `$sys/operation/result/P/D` answers. [system.md §1]

use serde_json::Value;

use crate::service::Request;

/// Answers a request, or notes why not.
pub fn handle(request: &Request) {
    let received_ms = request.hub.clock.now_ms();
    let asked: Value = match serde_json::from_slice(request.payload) {
        Ok(asked) => asked,
        Err(e) => return request.note(&format!("request is not JSON: {e}")),
    };
    match asked.get("type").and_then(Value::as_str) {
        Some("get") if asks_time(&asked) => {
            let answer = answer(received_ms, request.hub.clock.now_ms());
            let topic = format!("$sys/operation/result/{}", request.device);
            request.answer(topic, answer, 0, "answered".into());
        }
        Some("get") => request.note("request for something else than time"),
        Some("ssh") => request
            .note(&format!("device reports ssh switch {}", asked.get("switch").unwrap_or(&Value::Null))),
        other => request.note(&format!("unknown type {other:?}")),
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
