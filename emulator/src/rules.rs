//! Rules pass messages of one device on to another: devices cannot publish on each other's topics. [emulator.md §8]

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::config::Rule;
use crate::hub::Hub;
use crate::json::{escaped, same};
use crate::registry::DeviceId;
use crate::topic;

/// Checks a rule of the registry file.
pub fn check(rule: &Rule) -> Result<(), String> {
    let bad = |e: &str| format!("rule from \"{}\" to \"{}\": {e}", rule.from, rule.to);
    topic::check_filter(&rule.from).map_err(bad)?;
    topic::check_name(&rule.to).map_err(bad)?;
    if rule.from.contains('#') { Err(bad("only + may stand for a level")) } else { Ok(()) }
}

/// Applies every rule that matches a publish of `source`. What a rule sends is not looked at by other rules.
pub fn apply(hub: &Arc<Hub>, source: &DeviceId, name: &str, payload: &Bytes) {
    for rule in hub.registry.rules() {
        if !topic::matches(&rule.from, name) {
            continue;
        }
        let members: Value = serde_json::from_slice(payload).unwrap_or(Value::Null);
        if !holds(rule, &members) {
            continue;
        }
        match result(rule, source, &members, payload) {
            Ok((target, message)) => {
                let sent = hub.broker.deliver(hub, &target, &message, 0, None).sent;
                hub.handled(source, "rule", &format!("{name} -> {target}, {sent} delivered"));
            }
            Err(cause) => hub.handled(source, "rule", &format!("{name} -> {}: {cause}", rule.to)),
        }
    }
}

/// Has the payload the members the rule asks for?
fn holds(rule: &Rule, members: &Value) -> bool {
    rule.when.iter().all(|(key, value)| members.get(key).is_some_and(|there| same(there, value)))
}

/// Target topic and payload, or why there are none.
fn result(
    rule: &Rule,
    source: &DeviceId,
    members: &Value,
    payload: &Bytes,
) -> Result<(String, Bytes), String> {
    let raw = |text: &str| text.to_owned();
    let target = fill(&rule.to, source, members, raw)?;
    topic::check_name(&target)?;
    let message = match rule.payload.as_str() {
        "original" => payload.clone(),
        template if is_json_like(template) => fill(template, source, members, escaped)?.into(),
        template => fill(template, source, members, raw)?.into(),
    };
    Ok((target, message))
}

/// Does the template begin as a JSON object or array, and not with a place to fill?
fn is_json_like(template: &str) -> bool {
    let start = template.trim_start();
    start.starts_with('[') || start.strip_prefix('{').is_some_and(|rest| place(rest).is_none())
}

/// Fills in `{pid}`, `{dev}` and `{member}`. Braces around anything but a name stay, so that a template may be JSON.
/// `text` shapes strings; other values are JSON.
fn fill(
    template: &str,
    source: &DeviceId,
    members: &Value,
    text: fn(&str) -> String,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        out += before;
        let Some((name, behind_place)) = place(behind) else {
            out.push('{');
            rest = behind;
            continue;
        };
        out += &match (name, members.get(name)) {
            ("pid", _) => source.product.clone(),
            ("dev", _) => source.name.clone(),
            (_, Some(Value::String(value))) => text(value),
            (_, Some(value)) => value.to_string(),
            (_, None) => return Err(format!("the payload has no member \"{name}\"")),
        };
        rest = behind_place;
    }
    Ok(out + rest)
}

/// The name of a place to fill, and what is behind its closing brace.
fn place(behind_brace: &str) -> Option<(&str, &str)> {
    let (name, rest) = behind_brace.split_once('}')?;
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    named.then_some((name, rest))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HOME: &str = r#"{"action":"come_home","targetDevice":"cooler-2","level":3,"say":"a \"b\""}"#;

    fn rule(to: &str, payload: &str) -> Rule {
        let text = format!(
            "from = \"DOORPROD01/+/event\"\nwhen = {{ action = \"come_home\", level = 3.0 }}\nto = '{to}'\n\
             payload = '{payload}'"
        );
        toml::from_str(&text).unwrap()
    }

    fn applied(rule: &Rule, payload: &str) -> Result<(String, String), String> {
        let source = DeviceId::parse("DOORPROD01/front").unwrap();
        let members = serde_json::from_str(payload).unwrap();
        let (target, message) = result(rule, &source, &members, &Bytes::from(payload.to_owned()))?;
        Ok((target, String::from_utf8(message.to_vec()).unwrap()))
    }

    #[test]
    fn the_two_device_sample() {
        let rule = rule("AIRCON0001/{targetDevice}/control", "original");
        check(&rule).unwrap();
        assert_eq!(applied(&rule, HOME), Ok(("AIRCON0001/cooler-2/control".into(), HOME.into())));
    }

    #[test]
    fn members_must_be_there_and_equal() {
        let rule = rule("x/y/z", "original");
        let holds = |members: Value| holds(&rule, &members);
        assert!(holds(json!({"action": "come_home", "level": 3, "more": 1})));
        assert!(!holds(json!({"action": "leave", "level": 3})));
        assert!(!holds(json!({"action": "come_home"})));
        assert!(!holds(json!(["action"])));
        assert!(!holds(Value::Null));
        let always: Rule = toml::from_str("from = \"a/b/c\"\nto = \"x/y/z\"").unwrap();
        assert!(super::holds(&always, &Value::Null));
    }

    #[test]
    fn templates() {
        let payload = |template: &str| applied(&rule("x/{pid}/{dev}", template), HOME).map(|(_, p)| p);
        let good = |template: &str, expected: &str| assert_eq!(payload(template).as_deref(), Ok(expected));
        good(
            r#"{"from":"{dev}","level":{level},"say":"{say}"}"#,
            r#"{"from":"front","level":3,"say":"a \"b\""}"#,
        );
        good("{dev} says {say}", r#"front says a "b""#);
        good(r#" [ "{say}" ]"#, r#" [ "a \"b\"" ]"#);
        good("{} {a b} {\u{e9}} {", "{} {a b} {\u{e9}} {");
        assert_eq!(applied(&rule("x/{pid}/{dev}", "original"), HOME).unwrap().0, "x/DOORPROD01/front");
        // A value is not a template again.
        let nested = r#"{"a":"{b}","b":"c"}"#;
        assert_eq!(applied(&rule("x/y/z", "{a}"), nested).unwrap().1, "{b}");
    }

    #[test]
    fn what_cannot_be_filled_is_not_sent() {
        assert!(applied(&rule("x/{nobody}/z", "original"), HOME).unwrap_err().contains("nobody"));
        assert!(applied(&rule("x/y/z", "{nobody}"), HOME).unwrap_err().contains("nobody"));
        assert!(applied(&rule("x/{say}/z", "original"), r#"{"say":"+"}"#).unwrap_err().contains("wildcard"));
        assert!(applied(&rule("{say}", "original"), r#"{"say":""}"#).unwrap_err().contains("empty"));
    }

    #[test]
    fn bad_rules_are_named() {
        let error = |from: &str, to: &str| {
            check(&toml::from_str(&format!("from = '{from}'\nto = '{to}'")).unwrap()).unwrap_err()
        };
        assert!(error("a/#", "x").contains("only +"));
        assert!(error("a+/b", "x").contains("a+/b"));
        assert!(error("a/b", "x/+").contains("wildcard"));
        assert!(error("", "x").contains("empty"));
    }
}
