//! What the hub saw.

use serde_json::Value;

use super::device::Device;
use super::http::escaped;

/// One event of the hub: an object with `seq`, `type`, `ts_ms` and more.
#[derive(Clone, Debug)]
pub struct Event(pub Value);

impl Event {
    /// A text; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    /// A number; panics if there is none.
    pub fn number(&self, name: &str) -> u64 {
        self.0[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {}", self.0))
    }

    /// A truth; panics if there is none.
    pub fn is(&self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or_else(|| panic!("no bool {name} in {}", self.0))
    }

    pub fn seq(&self) -> u64 {
        self.number("seq")
    }

    /// Number of the connection it is about.
    pub fn connection(&self) -> u64 {
        self.number("conn")
    }
}

/// Which events are asked for; all of it restricts.
#[derive(Clone, Default)]
pub struct Query {
    members: Vec<(&'static str, String)>,
}

impl Query {
    /// Everything.
    pub fn all() -> Query {
        Query::default()
    }

    /// Event types or packet names, separated by commas.
    pub fn kind(kind: &str) -> Query {
        Query::all().and("type", kind)
    }

    /// Packets of this name, e.g. `publish`.
    pub fn packet(name: &str) -> Query {
        Query::kind(name)
    }

    pub fn device(self, device: &Device) -> Query {
        self.and("device", &device.id())
    }

    /// Of one connection.
    pub fn connection(self, number: u64) -> Query {
        self.and("conn", &number.to_string())
    }

    pub fn topic(self, topic: &str) -> Query {
        self.and("topic", topic)
    }

    /// Events behind that one.
    pub fn since(self, seq: u64) -> Query {
        self.and("since", &seq.to_string())
    }

    /// From the device.
    pub fn by_device(self) -> Query {
        self.and("dir", "in")
    }

    /// To the device.
    pub fn by_hub(self) -> Query {
        self.and("dir", "out")
    }

    /// `Hub::wait` waits for so many.
    pub fn count(self, count: usize) -> Query {
        self.and("count", &count.to_string())
    }

    fn and(mut self, name: &'static str, value: &str) -> Query {
        self.members.push((name, value.into()));
        self
    }

    /// How many `Hub::wait` waits for.
    pub fn wanted(&self) -> usize {
        let count = self.members.iter().find(|(name, _)| *name == "count");
        count.and_then(|(_, n)| n.parse().ok()).unwrap_or(1)
    }

    /// As the query of a URL.
    pub fn text(&self) -> String {
        self.members.iter().map(|(name, value)| format!("{name}={}&", escaped(value))).collect()
    }
}
