//! `ctl`: the console's commands from the command line.

use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use ureq::Agent;
use ureq::http::Response;

use crate::cli::{
    ClockCommand, ConfigCommand, Ctl, CtlCommand, DeviceCommand, EventsArgs, FaultCommand, GatewayCommand,
    Search, ShadowCommand,
};
use crate::events::members;

/// Runs a command and prints the hub's answer. False: the hub refused it.
pub fn run(ctl: &Ctl) -> Result<bool, String> {
    let hub = Hub { base: ctl.admin.trim_end_matches('/').to_owned(), agent: agent() };
    match &ctl.command {
        CtlCommand::Status => hub.get("/status"),
        CtlCommand::Devices => hub.get("/devices"),
        CtlCommand::Device(command) => device(&hub, command),
        CtlCommand::Publish { topic, payload, qos } => {
            hub.post("/publish", &json!({"topic": topic, "payload_base64": payload_of(payload)?, "qos": qos}))
        }
        CtlCommand::Events(args) => events(&hub, args),
        CtlCommand::Fault(FaultCommand::Set { members }) => hub.post("/faults", &object(members)?),
        CtlCommand::Fault(FaultCommand::Clear { id: None }) => hub.delete("/faults"),
        CtlCommand::Fault(FaultCommand::Clear { id: Some(id) }) => hub.delete(&format!("/faults/{id}")),
        CtlCommand::Fault(FaultCommand::List) => hub.get("/faults"),
        CtlCommand::Shadow(command) => shadow(&hub, command),
        CtlCommand::Broadcast { product, payload, qos } => hub.post(
            "/broadcast",
            &json!({"product": product, "payload_base64": payload_of(payload)?, "qos": qos}),
        ),
        CtlCommand::Rrpc { device, payload, timeout } => {
            let timeout_ms = timeout.map(milliseconds).transpose()?;
            hub.post(
                "/rrpc",
                &json!({"device": device, "payload_base64": payload_of(payload)?, "timeout_ms": timeout_ms}),
            )
        }
        CtlCommand::Config(command) => config(&hub, command),
        CtlCommand::Gw(command) => gateway(&hub, command),
        CtlCommand::Clock(ClockCommand::Show) => hub.get("/clock"),
        CtlCommand::Clock(ClockCommand::Set { time }) => hub.post("/clock", &clock_change(time)?),
        CtlCommand::Clock(ClockCommand::Scale { factor }) => hub.post("/clock", &json!({"scale": factor})),
        CtlCommand::Stop => hub.post("/stop", &json!({})),
    }
}

fn device(hub: &Hub, command: &DeviceCommand) -> Result<bool, String> {
    let order = |device: &str, what: &str| hub.post(&format!("/devices/{device}/{what}"), &json!({}));
    match command {
        DeviceCommand::Show { device } => hub.get(&format!("/devices/{device}")),
        DeviceCommand::Enable { device } => order(device, "enable"),
        DeviceCommand::Disable { device } => order(device, "disable"),
        DeviceCommand::Kick { device } => order(device, "kick"),
        DeviceCommand::Drop { device } => order(device, "drop"),
        DeviceCommand::Delete { device } => hub.delete(&format!("/devices/{device}")),
        DeviceCommand::Add { device, secret, issue, cert } => {
            let (product, name) = device.split_once('/').ok_or("a device is PRODUCT/NAME")?;
            let mut body = members(json!({"product": product, "name": name, "issue": issue}));
            if let Some(secret) = secret {
                body.insert("secret".into(), secret.clone().into());
            }
            if let Some(cert) = cert {
                // The hub may run in another directory.
                let cert = std::path::absolute(cert).map_err(|e| e.to_string())?;
                body.insert("cert".into(), cert.display().to_string().into());
            }
            hub.post("/devices", &Value::Object(body))
        }
    }
}

fn shadow(hub: &Hub, command: &ShadowCommand) -> Result<bool, String> {
    match command {
        ShadowCommand::Get { device } => hub.get(&format!("/shadow/{device}")),
        ShadowCommand::SetDesired { device, desired, merge, version } => {
            let desired: Value =
                serde_json::from_slice(&given(desired)?).map_err(|e| format!("not JSON: {e}"))?;
            let body = json!({"desired": desired, "merge": merge, "version": version});
            hub.post(&format!("/shadow/{device}/desired"), &body)
        }
        ShadowCommand::ClearDesired { device, version } => {
            hub.delete(&format!("/shadow/{device}/desired?version={version}"))
        }
        ShadowCommand::Delete { device } => hub.delete(&format!("/shadow/{device}")),
    }
}

fn gateway(hub: &Hub, command: &GatewayCommand) -> Result<bool, String> {
    let order =
        |gateway: &str, what: &str, body: Value| hub.post(&format!("/gateway/{gateway}/{what}"), &body);
    match command {
        GatewayCommand::List { gateway } => hub.get(&format!("/gateway/{gateway}")),
        GatewayCommand::Bind { gateway, devices } => order(gateway, "bind", json!({"devices": devices})),
        GatewayCommand::Unbind { gateway, devices } => order(gateway, "unbind", json!({"devices": devices})),
        GatewayCommand::Search { gateway, what } => {
            order(gateway, "search", json!({"on": *what == Search::Start}))
        }
        GatewayCommand::UnbindAll { gateway } => order(gateway, "unbind-all", json!({})),
    }
}

fn config(hub: &Hub, command: &ConfigCommand) -> Result<bool, String> {
    let order =
        |product: &str, what: &str, body: Value| hub.post(&format!("/config/{product}/{what}"), &body);
    match command {
        ConfigCommand::Show { product } => hub.get(&format!("/config/{product}")),
        ConfigCommand::Set { product, content } => {
            let content = String::from_utf8(given(content)?).map_err(|_| "the content is not UTF-8")?;
            hub.post(&format!("/config/{product}"), &json!({"content": content}))
        }
        ConfigCommand::Push { product, name } => order(product, "push", json!({"device": name})),
        ConfigCommand::Enable { product } => order(product, "enable", json!({})),
        ConfigCommand::Disable { product } => order(product, "disable", json!({})),
    }
}

fn milliseconds(seconds: f64) -> Result<u64, String> {
    let limit = Duration::try_from_secs_f64(seconds).map_err(|e| format!("{seconds} s: {e}"))?;
    u64::try_from(limit.as_millis()).map_err(|e| format!("{seconds} s: {e}"))
}

fn payload_of(text: &str) -> Result<String, String> {
    Ok(BASE64.encode(given(text)?))
}

/// The text itself, or the content of @FILE.
fn given(text: &str) -> Result<Vec<u8>, String> {
    match text.strip_prefix('@') {
        Some(file) => std::fs::read(file).map_err(|e| format!("{file}: {e}")),
        None => Ok(text.as_bytes().to_vec()),
    }
}

/// KEY=VALUE words as a JSON object; a value that is a number or a truth value is one.
fn object(words: &[String]) -> Result<Value, String> {
    let mut object = Map::new();
    for word in words {
        let (key, text) = word.split_once('=').ok_or_else(|| format!("\"{word}\" is not KEY=VALUE"))?;
        let value = match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
            _ => Value::from(text),
        };
        object.insert(key.into(), value);
    }
    Ok(Value::Object(object))
}

fn clock_change(time: &str) -> Result<Value, String> {
    if time == "now" {
        return Ok(json!({"now": true}));
    }
    let seconds: f64 =
        time.parse().map_err(|_| format!("\"{time}\" is neither seconds since 1970 nor \"now\""))?;
    Ok(json!({"set_ms": (seconds * 1000.0) as i64}))
}

fn events(hub: &Hub, args: &EventsArgs) -> Result<bool, String> {
    let mut request = hub.agent.get(format!("{}/events", hub.base)).query("since", args.since.to_string());
    if args.follow {
        request = request.query("follow", "true");
    }
    let given = [
        ("wait_ms", args.wait_ms.map(|ms| ms.to_string())),
        ("type", args.kind.clone()),
        ("device", args.device.clone()),
    ];
    for (key, value) in given {
        if let Some(value) = value {
            request = request.query(key, value);
        }
    }
    let answer = request.call().map_err(|e| hub.unreachable(&e))?;
    if !answer.status().is_success() {
        return show(answer);
    }
    let mut out = std::io::stdout().lock();
    for line in BufReader::new(answer.into_body().into_reader()).lines() {
        let line = line.map_err(|e| e.to_string())?;
        // A closed pipe (`ctl events --follow | head`) is the reader's way of saying enough.
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            return Ok(true);
        }
    }
    Ok(true)
}

struct Hub {
    base: String,
    agent: Agent,
}

fn agent() -> Agent {
    let config =
        Agent::config_builder().http_status_as_error(false).timeout_connect(Some(Duration::from_secs(5)));
    config.build().into()
}

impl Hub {
    fn get(&self, path: &str) -> Result<bool, String> {
        show(self.agent.get(self.url(path)).call().map_err(|e| self.unreachable(&e))?)
    }

    fn delete(&self, path: &str) -> Result<bool, String> {
        show(self.agent.delete(self.url(path)).call().map_err(|e| self.unreachable(&e))?)
    }

    fn post(&self, path: &str, body: &Value) -> Result<bool, String> {
        let request = self.agent.post(self.url(path)).content_type("application/json");
        show(request.send(body.to_string()).map_err(|e| self.unreachable(&e))?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn unreachable(&self, error: &ureq::Error) -> String {
        format!("no hub at {}: {error}", self.base)
    }
}

fn show(answer: Response<ureq::Body>) -> Result<bool, String> {
    let good = answer.status().is_success();
    let text = answer.into_body().read_to_string().map_err(|e| e.to_string())?;
    println!("{text}");
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_become_members() {
        let words: Vec<String> = ["action=delay", "ms=120", "packet=suback"].map(String::from).into();
        assert_eq!(object(&words).unwrap(), json!({"action": "delay", "ms": 120, "packet": "suback"}));
        assert!(object(&["nonsense".to_string()]).is_err());
    }

    #[test]
    fn times() {
        assert_eq!(clock_change("1760000000").unwrap(), json!({"set_ms": 1_760_000_000_000_i64}));
        assert_eq!(clock_change("now").unwrap(), json!({"now": true}));
        assert!(clock_change("noon").is_err());
    }
}
