//! Rules pass messages of one device on to another: devices cannot publish on each other's topics. [emulator.md §8]

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::config::Rule;
use crate::hub::Hub;
use crate::registry::DeviceId;
use crate::topic;

/// Applies every rule that matches.
pub fn apply(hub: &Arc<Hub>, source: &DeviceId, name: &str, payload: &Bytes) {
    for rule in hub.registry.rules() {
        let Some((target, message)) = result(rule, source, name, payload) else { continue };
        let delivered = hub.broker.deliver(hub, &target, &message, 0, None);
        hub.handled(source, "rule", &format!("{name} -> {target}, {} delivered", delivered.sent));
    }
}

/// Target topic and payload, if the rule matches.
fn result(rule: &Rule, source: &DeviceId, name: &str, payload: &Bytes) -> Option<(String, Bytes)> {
    if !topic::matches(&rule.from, name) {
        return None;
    }
    let members: Value = serde_json::from_slice(payload).unwrap_or(Value::Null);
    if rule.when.iter().any(|(key, value)| members.get(key) != Some(value)) {
        return None;
    }
    let target = fill(&rule.to, source, &members);
    topic::check_name(&target).ok()?;
    let message = match rule.payload.as_str() {
        "original" => payload.clone(),
        template => Bytes::from(fill(template, source, &members)),
    };
    Some((target, message))
}

/// Replaces `{pid}`, `{dev}` and `{member}`; braces around anything else stay, so that a template may be JSON.
fn fill(template: &str, source: &DeviceId, members: &Value) -> String {
    let mut out = template.replace("{pid}", &source.product).replace("{dev}", &source.name);
    for (key, value) in members.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), String::from);
        out = out.replace(&format!("{{{key}}}"), &text);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(payload: &str) -> Rule {
        let text = format!(
            "from = \"DOORPROD01/front/event\"\nwhen = {{ action = \"come_home\" }}\n\
             to = \"AIRCON0001/{{targetDevice}}/control\"\npayload = '{payload}'"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn the_two_device_sample() {
        let source = DeviceId::parse("DOORPROD01/front").unwrap();
        let home = Bytes::from_static(br#"{"action":"come_home","targetDevice":"cooler-2"}"#);
        let apply = |r: &Rule, name: &str, payload: &Bytes| result(r, &source, name, payload);
        let original = rule("original");
        let (target, payload) = apply(&original, "DOORPROD01/front/event", &home).unwrap();
        assert_eq!((target.as_str(), &payload), ("AIRCON0001/cooler-2/control", &home));
        assert_eq!(apply(&original, "DOORPROD01/back/event", &home), None);
        let leave = Bytes::from_static(br#"{"action":"leave","targetDevice":"cooler-2"}"#);
        assert_eq!(apply(&original, "DOORPROD01/front/event", &leave), None);
        assert_eq!(apply(&original, "DOORPROD01/front/event", &Bytes::from_static(b"no json")), None);
        let (_, payload) = apply(&rule(r#"{"from":"{dev}"}"#), "DOORPROD01/front/event", &home).unwrap();
        assert_eq!(payload.as_ref(), br#"{"from":"front"}"#);
    }
}
