//! The registry file: what products, devices and listeners the hub has. TOML, or JSON by file extension.
//!
//! An unknown key is an error with its line, so that a typing slip never silently changes a test.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The whole file, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub server: Server,
    pub options: Options,
    pub product: Vec<Product>,
    pub device: Vec<Device>,
    pub rule: Vec<Rule>,
    pub ota: Vec<Ota>,
}

/// Where the hub listens and keeps its state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    pub bind: std::net::IpAddr,
    pub state_dir: PathBuf,
    /// Base of the addresses in OTA and resource messages; used by services of later versions.
    pub public_http: Option<String>,
    pub ports: Ports,
    /// PEM files of further authorities whose client certificates are accepted.
    pub client_ca: Vec<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            bind: std::net::Ipv4Addr::LOCALHOST.into(),
            state_dir: PathBuf::from("./emulator-state"),
            public_http: None,
            ports: Ports::default(),
            client_ca: Vec::new(),
        }
    }
}

/// One port per listener.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    pub mqtt: Port,
    pub mqtts: Port,
    pub ws: Port,
    pub wss: Port,
    pub coaps: Port,
    pub coap: Port,
    pub http: Port,
    pub admin: Port,
}

impl Default for Ports {
    fn default() -> Self {
        Ports {
            mqtt: Port::on(1883),
            mqtts: Port::on(8883),
            ws: Port::on(80),
            wss: Port::on(443),
            coaps: Port::OFF,
            coap: Port::OFF,
            http: Port::OFF,
            admin: Port::on(8088),
        }
    }
}

/// A listener's port: a number (0 = any free port), `"off"`/`false`, or `{ port = n, optional = true }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// None: the listener is off.
    pub number: Option<u16>,
    /// True: the hub runs without this listener when the port cannot be bound.
    pub optional: bool,
}

impl Port {
    pub const OFF: Port = Port { number: None, optional: false };

    pub fn on(number: u16) -> Port {
        Port { number: Some(number), optional: false }
    }

    /// Reads `off` or a number, as the command line gives it.
    pub fn parse(text: &str) -> Result<Port, String> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Port::OFF);
        }
        text.parse()
            .map(Port::on)
            .map_err(|_| format!("\"{text}\" is neither \"off\" nor a port number (0 to 65535)"))
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Port, D::Error> {
        deserializer.deserialize_any(PortVisitor)
    }
}

struct PortVisitor;

impl<'de> Visitor<'de> for PortVisitor {
    type Value = Port;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a port number, \"off\", or a table { port, optional }")
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Port, E> {
        u16::try_from(n).map(Port::on).map_err(|_| E::custom(format!("port {n} is not in 0 to 65535")))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Port, E> {
        u16::try_from(n).map(Port::on).map_err(|_| E::custom(format!("port {n} is not in 0 to 65535")))
    }

    fn visit_bool<E: de::Error>(self, on: bool) -> Result<Port, E> {
        if on { Err(E::custom("give a port number instead of true")) } else { Ok(Port::OFF) }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Port, E> {
        Port::parse(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Port, A::Error> {
        let mut port = Port::OFF;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "port" => port.number = map.next_value::<Port>()?.number,
                "optional" => port.optional = map.next_value()?,
                other => return Err(de::Error::unknown_field(other, &["port", "optional"])),
            }
        }
        Ok(port)
    }
}

/// What to do with a publish the device has no right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishDenied {
    /// No PUBACK; the connection stays.
    #[default]
    Drop,
    /// PUBACK, but nobody gets the message.
    Ack,
    /// The connection is closed.
    Close,
}

/// When the sub-devices of a gateway are unbound by the console's `unbind-all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnbindAll {
    #[default]
    AtOnce,
    /// When the gateway has acknowledged.
    OnAck,
}

/// How strictly topics are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AclMode {
    #[default]
    Strict,
    /// A device may do everything below its own `P/D/#`.
    Permissive,
}

/// Switches of the platform's behaviour.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// A device that subscribed to the topic it publishes on gets its own message back.
    pub echo_to_publisher: bool,
    pub acl_publish_denied: PublishDenied,
    pub acl_mode: AclMode,
    /// `$config/report` and `$config/update`, the spelling of the documents.
    pub acl_config_report: bool,
    pub dynreg_check_timestamp: bool,
    /// More than one filter in a SUBSCRIBE: every filter is refused.
    pub strict_single_filter: bool,
    /// Devices of products of type `subdevice` may connect by themselves.
    pub subdevice_login: bool,
    /// At most one CONNECT per device in 5 s.
    pub connect_rate_limit: bool,
    /// At most 30 messages up and 50 down per device and second.
    pub message_rate_limit: bool,
    /// Session times (24 h, 500 ms between stored messages) are multiplied by this.
    pub session_time_scale: f64,
    /// False: packets and frames leave no events (for measuring speed).
    pub event_packets: bool,
    /// Answers of the shadow carry the time stamp of each value.
    pub shadow_metadata: bool,
    /// A gateway's `bind` must have been signed within so many seconds of now; 0: at any time.
    pub gateway_bind_window_s: u32,
    pub gateway_unbind_all: UnbindAll,
    /// How long a call of a device waits for its reply, unless the console says otherwise.
    pub rrpc_timeout_ms: u64,
    pub auth_codes: AuthCodes,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            echo_to_publisher: false,
            acl_publish_denied: PublishDenied::Drop,
            acl_mode: AclMode::Strict,
            acl_config_report: false,
            dynreg_check_timestamp: false,
            strict_single_filter: false,
            subdevice_login: false,
            connect_rate_limit: false,
            message_rate_limit: false,
            session_time_scale: 1.0,
            event_packets: true,
            shadow_metadata: false,
            gateway_bind_window_s: 0,
            gateway_unbind_all: UnbindAll::AtOnce,
            rrpc_timeout_ms: 4000,
            auth_codes: AuthCodes::default(),
        }
    }
}

/// CONNACK codes by cause; the evidence leaves the split open, so it can be set.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthCodes {
    pub protocol: u8,
    pub client_id: u8,
    pub keep_alive: u8,
    pub user_name: u8,
    pub unregistered: u8,
    /// The TLS identity (PSK or certificate) is not the client id.
    pub identity: u8,
    pub password: u8,
    pub expired: u8,
    pub disabled: u8,
    pub rate: u8,
}

impl Default for AuthCodes {
    fn default() -> Self {
        AuthCodes {
            protocol: 1,
            client_id: 2,
            keep_alive: 2,
            user_name: 4,
            unregistered: 4,
            identity: 5,
            password: 4,
            expired: 4,
            disabled: 5,
            rate: 3,
        }
    }
}

/// Role of a product's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductType {
    #[default]
    Direct,
    Gateway,
    Subdevice,
}

/// How a product's devices prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthKind {
    #[default]
    Key,
    Cert,
}

/// Right on a custom topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TopicRight {
    Pub,
    Sub,
    PubSub,
}

/// One `[[product]]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "name, secret and dynreg are for services of later versions")]
pub struct Product {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(rename = "type", default)]
    pub kind: ProductType,
    #[serde(default)]
    pub auth: AuthKind,
    /// Product secret, for dynamic registration.
    #[serde(default)]
    pub secret: Option<String>,
    #[serde(default)]
    pub dynreg: Option<Dynreg>,
    #[serde(default)]
    pub topics: Vec<CustomTopic>,
    #[serde(default)]
    pub subproducts: Vec<String>,
    #[serde(default)]
    pub config: Option<RemoteConfig>,
    /// False: requests to the shadow are refused.
    #[serde(default = "yes")]
    pub shadow: bool,
}

impl fmt::Debug for Product {
    // The product secret must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Product").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A topic below `P/D/` of the product's own making.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomTopic {
    pub name: String,
    pub perm: TopicRight,
}

/// Dynamic registration of a product; read here so that the file stays valid, used by the service of a later version.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the registration service of a later version reads these")]
pub struct Dynreg {
    #[serde(default)]
    pub enabled: bool,
    #[serde(default)]
    pub auto_create: bool,
}

/// Remote configuration of a product.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    #[serde(default)]
    pub enabled: bool,
    #[serde(default)]
    pub file: Option<PathBuf>,
}

/// One `[[device]]`; also the form in which devices added by the console are kept.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub product: String,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// PEM file of the registered certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// The hub issues certificate and key into its state directory.
    #[serde(default)]
    pub issue: bool,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub log_level: u8,
    #[serde(default)]
    pub bind: Vec<String>,
}

impl fmt::Debug for Device {
    // The device secret must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Device({}/{})", self.product, self.name)
    }
}

fn yes() -> bool {
    true
}

/// One `[[rule]]`: messages of one device passed on to another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Source topic, exact or with `+`.
    pub from: String,
    /// Members the payload must have with these values.
    #[serde(default)]
    pub when: BTreeMap<String, serde_json::Value>,
    /// Target topic; `{x}` is member x of the payload, `{pid}` and `{dev}` the source.
    pub to: String,
    /// `original`, or a template.
    #[serde(default = "original")]
    pub payload: String,
}

fn original() -> String {
    "original".into()
}

/// One `[[ota]]`; read here so that the file stays valid, used by the firmware service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the firmware service of a later version reads these")]
pub struct Ota {
    pub product: String,
    pub version: String,
    pub file: PathBuf,
    #[serde(default)]
    pub from: Vec<String>,
    #[serde(default)]
    pub devices: Vec<String>,
}

/// Reads the file; the error names file, line and cause.
///
/// Relative paths inside the file are taken from the directory the file is in, so that a hub can be started from anywhere.
pub fn load(path: &Path) -> Result<Config, String> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let is_json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let mut config = parse(&text, is_json).map_err(|e| format!("{}: {e}", path.display()))?;
    let base = path.parent().unwrap_or(Path::new(""));
    config.server.state_dir = base.join(&config.server.state_dir);
    for file in &mut config.server.client_ca {
        *file = base.join(&*file);
    }
    for device in &mut config.device {
        device.cert = device.cert.take().map(|file| base.join(file));
    }
    for config in config.product.iter_mut().filter_map(|p| p.config.as_mut()) {
        config.file = config.file.take().map(|file| base.join(file));
    }
    Ok(config)
}

fn parse(text: &str, is_json: bool) -> Result<Config, String> {
    if is_json {
        return serde_json::from_str(text).map_err(|e| e.to_string());
    }
    toml::from_str(text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The registry file of the contract, emulator.md §6; CoAP is off because this version does not serve it.
    const SAMPLE: &str = r#"
[server]
bind = "127.0.0.1"
state_dir = "./emulator-state"
public_http = "http://127.0.0.1"
ports = { mqtt = 1883, mqtts = 8883, ws = 80, wss = 443, coap = "off", admin = 8088 }

[options]
echo_to_publisher = false
acl_publish_denied = "drop"
dynreg_check_timestamp = false

[[product]]
id = "A1B2C3D4E5"
name = "lamp"
type = "gateway"
auth = "key"
secret = "pQ8rT2vX5zB7nM4kL9jH3gF6"
dynreg = { enabled = true, auto_create = true }
topics = [ { name = "alarm", perm = "pub" }, { name = "room/+/set", perm = "sub" } ]
subproducts = ["Z9Y8X7W6V5"]
config = { enabled = true, file = "lamp-config.json" }

[[product]]
id = "Z9Y8X7W6V5"
type = "subdevice"
auth = "key"

[[device]]
product = "A1B2C3D4E5"
name = "lamp-01"
secret = "EBESExQVFhcYGRobHB0eHw=="
enabled = true
log_level = 0
bind = ["Z9Y8X7W6V5/probe-7"]

[[rule]]
from = "DOORPROD01/front/event"
when = { action = "come_home" }
to   = "AIRCON0001/{targetDevice}/control"
payload = "original"

[[ota]]
product = "A1B2C3D4E5"
version = "1.3.0"
file = "fw-1.3.0.bin"
from = ["1.0.0", "1.2.*"]
devices = ["lamp-01"]
"#;

    #[test]
    fn the_documented_file_is_read() {
        let config = parse(SAMPLE, false).unwrap();
        assert_eq!(config.product[0].kind, ProductType::Gateway);
        assert_eq!(config.product[0].topics[1].perm, TopicRight::Sub);
        assert_eq!(config.server.ports.wss, Port::on(443));
        assert_eq!(config.server.ports.coap, Port::OFF);
        assert_eq!(config.rule[0].when["action"], "come_home");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = parse("[server]\nbind = \"127.0.0.1\"\nprots = { mqtt = 0 }\n", false).unwrap_err();
        assert!(error.contains("line 3") && error.contains("prots"), "{error}");
        let error = parse("{\n \"options\": {\n  \"echo\": true }\n}", true).unwrap_err();
        assert!(error.contains("line 3") && error.contains("echo"), "{error}");
        let error =
            parse("[[device]]\nproduct = \"A1B2C3D4E5\"\nname = \"x\"\nsecert = \"\"\n", false).unwrap_err();
        assert!(error.contains("line 4") && error.contains("secert"), "{error}");
    }

    #[test]
    fn ports_have_three_spellings() {
        let config = parse(
            "[server.ports]\nws = { port = 80, optional = true }\nwss = \"off\"\nmqtt = 0\nmqtts = false\n",
            false,
        )
        .unwrap();
        let ports = config.server.ports;
        assert_eq!(ports.ws, Port { number: Some(80), optional: true });
        assert_eq!((ports.wss, ports.mqtt, ports.mqtts), (Port::OFF, Port::on(0), Port::OFF));
        assert!(parse("[server.ports]\nws = 70000\n", false).unwrap_err().contains("70000"));
        assert!(parse("[server.ports]\nws = { prot = 1 }\n", false).unwrap_err().contains("prot"));
    }

    #[test]
    fn json_has_the_same_structure() {
        let config =
            parse(r#"{"server":{"ports":{"mqtt":0}},"product":[{"id":"A1B2C3D4E5"}]}"#, true).unwrap();
        assert_eq!(config.server.ports.mqtt, Port::on(0));
        assert_eq!(config.product[0].auth, AuthKind::Key);
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = parse(SAMPLE, false).unwrap();
        assert!(!format!("{config:?}").contains("EBESExQV"));
        assert!(!format!("{config:?}").contains("pQ8rT2vX"));
    }
}
