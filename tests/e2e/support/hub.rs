//! Runs the hub emulator, one for each test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::{Value, json};

use super::broker::free_port;
use super::device::Device;
use super::event::{Event, Query};
use super::process::Process;
use super::scratch::Scratch;
use super::secrets::Secrets;
use super::{LIMIT, http, root, target_dir};

/// A running hub. Ends with the value.
pub struct Hub {
    /// None while it is stopped.
    process: Option<Process>,
    directory: Scratch,
    secrets: Secrets,
    /// Listener -> address.
    listeners: BTreeMap<String, String>,
}

const LISTENERS: [&str; 5] = ["mqtt", "mqtts", "ws", "wss", "admin"];

impl Hub {
    /// A hub that knows these devices.
    pub fn start(devices: &[&Device]) -> Hub {
        Hub::with(devices, &[])
    }

    /// With further lines for `[options]` of its registry file, e.g. `echo_to_publisher = true`.
    pub fn with(devices: &[&Device], options: &[&str]) -> Hub {
        Hub::with_lines(devices, options, &[])
    }

    /// With further lines for the `[[product]]` of an id or the `[[device]]` of a `PRODUCT/NAME` as well, e.g.
    /// `("A1B2C3D4E5", "shadow = false")`.
    pub fn with_lines(devices: &[&Device], options: &[&str], lines: &[(&str, &str)]) -> Hub {
        Hub::on(BTreeMap::new(), devices, options, lines)
    }

    /// As [`with`](Self::with), on ports that nobody gets while it is stopped.
    pub fn to_be_stopped(devices: &[&Device], options: &[&str]) -> Hub {
        let address = |name: &str| (name.to_owned(), format!("127.0.0.1:{}", free_port()));
        Hub::on(LISTENERS.map(address).into(), devices, options, &[])
    }

    fn on(
        listeners: BTreeMap<String, String>,
        devices: &[&Device],
        options: &[&str],
        lines: &[(&str, &str)],
    ) -> Hub {
        let directory = Scratch::new("hub");
        directory.write("hub.toml", registry(devices, options, lines));
        let mut secrets = Secrets::default();
        devices.iter().for_each(|device| secrets.add_device(device));
        let mut hub = Hub { process: None, directory, secrets, listeners };
        hub.resume();
        hub
    }

    /// Starts it; after `stop` on the same ports, with the same state.
    pub fn resume(&mut self) {
        let mut command = Command::new(binary());
        command.arg("serve").arg("--config").arg(self.directory.path().join("hub.toml"));
        for (name, address) in &self.listeners {
            command.arg("--port").arg(format!("{name}={}", port_of(address)));
        }
        let mut process = Process::start("hub", command, self.secrets.clone());
        let mut listeners = BTreeMap::new();
        loop {
            let line = process.wait_for("ready ").text;
            let mut words = line.split_whitespace().skip(1);
            match (words.next(), words.next()) {
                (Some("all"), _) => break,
                (Some(name), Some(address)) => listeners.insert(name.to_owned(), address.to_owned()),
                _ => panic!("hub: {line}"),
            };
        }
        self.listeners = listeners;
        self.process = Some(process);
    }

    /// Kills it: connections break, ports refuse. `resume` brings it back.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Address of a listener.
    pub fn address(&self, listener: &str) -> &str {
        self.listeners.get(listener).unwrap_or_else(|| panic!("no listener {listener}"))
    }

    pub fn port(&self, listener: &str) -> u16 {
        port_of(self.address(listener))
    }

    /// Endpoint URL of a listener: its name is the scheme.
    pub fn url(&self, listener: &str) -> String {
        format!("{listener}://{}", self.address(listener))
    }

    /// The authority behind the server's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("state/ca/server-ca.cert.pem")
    }

    /// A file in the hub's state directory.
    pub fn state_file(&self, name: &str) -> PathBuf {
        self.directory.path().join("state").join(name)
    }

    /// Name and content of the certificate and the key it has issued to a device.
    pub fn issued(&self, device: &Device) -> [(String, String); 2] {
        device.pem_files().map(|name| {
            let path = self.state_file("devices").join(&name);
            let content =
                std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (name, content)
        })
    }

    /// Sends a message as the platform's console does; returns how many got it.
    pub fn publish(&self, topic: &str, payload: &str, qos: u8) -> u64 {
        let answer =
            self.command("POST", "/publish", Some(json!({"topic": topic, "payload": payload, "qos": qos})));
        answer["delivered"].as_u64().unwrap_or_default()
    }

    /// Sets a fault; returns its number.
    pub fn fault(&self, spec: Value) -> u64 {
        let answer = self.command("POST", "/faults", Some(spec));
        answer["id"].as_u64().unwrap_or_else(|| panic!("no fault number: {answer}"))
    }

    pub fn clear_faults(&self) {
        self.command("DELETE", "/faults", None);
    }

    /// Ends a device's connection with a close frame; true if there was one.
    pub fn kick(&self, device: &Device) -> bool {
        self.command_device(device, "kick")["kicked"] == true
    }

    /// Ends its connection and refuses it from now on, with CONNACK 5.
    pub fn disable(&self, device: &Device) {
        self.command_device(device, "disable");
    }

    pub fn enable(&self, device: &Device) {
        self.command_device(device, "enable");
    }

    fn command_device(&self, device: &Device, command: &str) -> Value {
        self.command("POST", &format!("/devices/{}/{command}", device.id()), None)
    }

    /// The shadow of a device: `{state, metadata, timestamp, version}`.
    pub fn shadow(&self, device: &Device) -> Value {
        self.command("GET", &format!("/shadow/{}", device.id()), None)["shadow"].take()
    }

    /// Sets what is desired of a device, in place of what was; the hub pushes the difference. Returns
    /// `{version, delta, delivered}`.
    pub fn shadow_set_desired(&self, device: &Device, desired: Value) -> Value {
        self.desire(device, json!({"desired": desired}))
    }

    /// The same, member by member; null deletes.
    pub fn shadow_merge_desired(&self, device: &Device, desired: Value) -> Value {
        self.desire(device, json!({"desired": desired, "merge": true}))
    }

    fn desire(&self, device: &Device, wish: Value) -> Value {
        self.command("POST", &format!("/shadow/{}/desired", device.id()), Some(wish))
    }

    pub fn shadow_clear_desired(&self, device: &Device) -> Value {
        self.command("DELETE", &format!("/shadow/{}/desired", device.id()), None)
    }

    /// Forgets the document; the next one begins with version 0.
    pub fn shadow_delete(&self, device: &Device) -> bool {
        self.command("DELETE", &format!("/shadow/{}", device.id()), None)["deleted"] == true
    }

    /// Sub-devices of a gateway and what it acknowledged: `{devices: [{device, online}], acks: [{ts_ms, ack}]}`.
    pub fn gateway(&self, gateway: &Device) -> Value {
        self.command("GET", &format!("/gateway/{}", gateway.id()), None)
    }

    /// Binds sub-devices and pushes `change`; returns how many got it. The gateway's product needs
    /// `type = "gateway"` and `subproducts`, theirs `type = "subdevice"`: see `with_lines`.
    pub fn gateway_bind(&self, gateway: &Device, subs: &[&Device]) -> u64 {
        self.command_gateway(gateway, "bind", json!({"devices": ids(subs)}))
    }

    /// Unbinds sub-devices and pushes `change`.
    pub fn gateway_unbind(&self, gateway: &Device, subs: &[&Device]) -> u64 {
        self.command_gateway(gateway, "unbind", json!({"devices": ids(subs)}))
    }

    /// Pushes `search_devices`.
    pub fn gateway_search(&self, gateway: &Device, on: bool) -> u64 {
        self.command_gateway(gateway, "search", json!({"on": on}))
    }

    /// Unbinds all sub-devices and pushes `unbind_all`.
    pub fn gateway_unbind_all(&self, gateway: &Device) -> u64 {
        self.command_gateway(gateway, "unbind-all", json!({}))
    }

    fn command_gateway(&self, gateway: &Device, command: &str, body: Value) -> u64 {
        let answer = self.command("POST", &format!("/gateway/{}/{command}", gateway.id()), Some(body));
        answer["delivered"].as_u64().unwrap_or_default()
    }

    /// Sends a message to every device of a product that is online and has subscribed; returns how many got it.
    pub fn broadcast(&self, product: &str, payload: &str, qos: u8) -> u64 {
        let body = json!({"product": product, "payload": payload, "qos": qos});
        self.command("POST", "/broadcast", Some(body))["delivered"].as_u64().unwrap_or_default()
    }

    /// Calls a device and waits for its reply (4 s, or what the option `rrpc_timeout_ms` says): the payload, or the hub's
    /// reason. Several threads may call at once.
    pub fn rrpc(&self, device: &Device, payload: &str) -> Result<String, String> {
        self.rrpc_within(device, payload, None)
    }

    pub fn rrpc_within(
        &self,
        device: &Device,
        payload: &str,
        limit_ms: Option<u64>,
    ) -> Result<String, String> {
        let body = json!({"device": device.id(), "payload": payload, "timeout_ms": limit_ms});
        let answer = self.request("POST", "/rrpc", &body.to_string());
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|e| panic!("rrpc: {e}: {answer}"));
        let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
        if answer["ok"] == true { Ok(text("payload")) } else { Err(text("error")) }
    }

    /// Sets a product's remote configuration: an object, or text that need not be one (then devices get 1003).
    pub fn config_set(&self, product: &str, content: Value) {
        self.command("POST", &format!("/config/{product}"), Some(json!({"content": content})));
    }

    /// Until it is enabled devices get 1001; 1002 without content.
    pub fn config_enable(&self, product: &str) {
        self.command("POST", &format!("/config/{product}/enable"), Some(json!({})));
    }

    pub fn config_disable(&self, product: &str) {
        self.command("POST", &format!("/config/{product}/disable"), Some(json!({})));
    }

    /// Pushes it to all devices of the product that are online and have subscribed; returns how many got it.
    pub fn config_push(&self, product: &str) -> u64 {
        self.push_config(product, json!({}))
    }

    /// Pushes it to one device.
    pub fn config_push_to(&self, device: &Device) -> u64 {
        self.push_config(&device.product, json!({"device": device.name}))
    }

    fn push_config(&self, product: &str, body: Value) -> u64 {
        let answer = self.command("POST", &format!("/config/{product}/push"), Some(body));
        answer["delivered"].as_u64().unwrap_or_default()
    }

    /// A service (`time`, `shadow`, `gateway`, `config`) does not answer a device's requests; with `count` 0 from now on.
    pub fn drop_replies(&self, service: &str, device: &Device, count: u64) -> u64 {
        self.fault(json!({"action": "drop", "service": service, "device": device.id(), "count": count}))
    }

    /// It answers late, without holding back other messages.
    pub fn delay_replies(&self, service: &str, device: &Device, ms: u64, count: u64) -> u64 {
        self.fault(
            json!({"action": "delay", "service": service, "device": device.id(), "ms": ms, "count": count}),
        )
    }

    /// It refuses requests with this result and changes nothing.
    pub fn force_result(&self, service: &str, device: &Device, result: i64, count: u64) -> u64 {
        self.fault(
            json!({"action": "force_result", "service": service, "device": device.id(), "result": result,
                          "count": count}),
        )
    }

    /// State of a device: online, transport, subscriptions …
    pub fn show(&self, device: &Device) -> Value {
        self.command("GET", &format!("/devices/{}", device.id()), None)["device"].take()
    }

    /// Number of the newest event.
    pub fn newest(&self) -> u64 {
        self.command("GET", "/status", None)["seq"].as_u64().unwrap_or_default()
    }

    /// Events so far.
    pub fn events(&self, query: &Query) -> Vec<Event> {
        self.ask(query, 0)
    }

    /// Waits for the events and returns those there are then; panics if they do not come.
    pub fn wait(&self, query: &Query) -> Vec<Event> {
        let events = self.ask(query, LIMIT.as_millis());
        let wanted = query.wanted();
        assert!(events.len() >= wanted, "{} of {wanted} events for {}", events.len(), query.text());
        events
    }

    fn ask(&self, query: &Query, wait_ms: u128) -> Vec<Event> {
        let path = format!("/events?{}wait_ms={wait_ms}", query.text());
        let events: Vec<Event> = self
            .request("GET", &path, "")
            .lines()
            .map(|line| Event(serde_json::from_str(line).unwrap_or_else(|e| panic!("event {line}: {e}"))))
            .collect();
        assert!(events.iter().all(|event| event.text("type") != "gap"), "the hub has forgotten events");
        events
    }

    /// Any command of the console; panics with the hub's reason if it is refused.
    pub fn command(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let answer = self.request(method, path, &body);
        let answer: Value =
            serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{method} {path}: {e}: {answer}"));
        assert!(answer["ok"] == true, "{method} {path} {body}: {answer}");
        answer
    }

    fn request(&self, method: &str, path: &str, body: &str) -> String {
        let limit = LIMIT + Duration::from_secs(10);
        match http::request(self.address("admin"), method, path, body, limit) {
            Ok((_, answer)) => answer,
            Err(e) => panic!("hub: {e}"),
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if std::thread::panicking() && self.process.is_some() {
            let limit = Duration::from_secs(5);
            match http::request(self.address("admin"), "GET", "/events?", "", limit) {
                Ok((_, events)) => eprintln!("== events of the hub\n{events}"),
                Err(e) => eprintln!("== no events of the hub: {e}"),
            }
        }
    }
}

fn ids(devices: &[&Device]) -> Vec<String> {
    devices.iter().map(|device| device.id()).collect()
}

fn port_of(address: &str) -> u16 {
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| panic!("no port in {address}"))
}

fn registry(devices: &[&Device], options: &[&str], lines: &[(&str, &str)]) -> String {
    let further = |name: &str| -> String {
        lines.iter().filter(|(of, _)| *of == name).map(|(_, text)| format!("{text}\n")).collect()
    };
    let ports = LISTENERS.map(|name| format!("{name} = 0")).join(", ");
    let mut text = format!("[server]\nstate_dir = \"state\"\nports = {{ {ports} }}\n\n[options]\n");
    options.iter().for_each(|option| text += &format!("{option}\n"));
    let mut products = BTreeSet::new();
    for device in devices {
        let (auth, credential) = match &device.secret {
            Some(secret) => ("key", format!("secret = \"{secret}\"")),
            None => ("cert", "issue = true".into()),
        };
        if products.insert(&device.product) {
            text += &format!("\n[[product]]\nid = \"{}\"\nauth = \"{auth}\"\n", device.product);
            text += &further(&device.product);
        }
        text += &format!(
            "\n[[device]]\nproduct = \"{}\"\nname = \"{}\"\n{credential}\n",
            device.product, device.name
        );
        text += &further(&device.id());
    }
    text
}

/// The hub's program: `IOT_HUB_EMULATOR`, or built once.
pub fn binary() -> PathBuf {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    if let Some(path) = std::env::var_os("IOT_HUB_EMULATOR") {
        return PathBuf::from(path);
    }
    match BUILT.get_or_init(build) {
        Ok(path) => path.clone(),
        Err(e) => panic!("{e}"),
    }
}

fn build() -> Result<PathBuf, String> {
    let target = target_dir();
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--locked", "--package", "iot-hub-emulator", "--profile", "tool", "--target-dir"]);
    let done = command.arg(&target).current_dir(root()).output().map_err(|e| format!("cargo: {e}"))?;
    if !done.status.success() {
        return Err(format!("the hub does not build\n{}", String::from_utf8_lossy(&done.stderr)));
    }
    Ok(target.join("tool/iot-hub-emulator"))
}
