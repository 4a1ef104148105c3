//! Which topics a device may publish and subscribe: emulator.md §5 as a table.

use std::collections::BTreeMap;

use crate::config::{AclMode, CustomTopic, Options, ProductType, TopicRight};
use crate::registry::{DeviceId, Record};
use crate::topic::covers;

/// What takes a publish on a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// Nobody but rules and subscribers.
    User,
    Time,
    Shadow,
    Gateway,
    Config,
    Rrpc,
    /// A service of the platform this version does not have: the message is accepted and noted.
    Absent(&'static str),
}

/// Who has a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    All,
    Gateways,
    /// Everybody, if `acl_config_report` is set.
    ByOption,
}

/// Whose topic it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The connected device's own (rows marked † in the contract).
    Own,
    /// Also those of a gateway's bound sub-devices that are online.
    Family,
}

/// A row: topic with `{P}` and `{D}`, right to publish, right to subscribe, whose, handler.
type Row = (&'static str, Who, Who, Whose, Handler);

use Handler::{Absent, Config, Gateway, Rrpc, Shadow, Time, User};
use Who::{All, ByOption, Gateways, Nobody};
use Whose::{Family, Own};

#[rustfmt::skip]
const TABLE: [Row; 34] = [
    ("{P}/{D}/data",                          All,      All,      Family, User),
    ("{P}/{D}/event",                         All,      Nobody,   Family, User),
    ("{P}/{D}/control",                       Nobody,   All,      Family, User),
    ("$sys/operation/{P}/{D}",                All,      Nobody,   Own,    Time),
    ("$sys/operation/result/{P}/{D}",         Nobody,   All,      Own,    User),
    ("$shadow/operation/{P}/{D}",             All,      Nobody,   Family, Shadow),
    ("$shadow/operation/result/{P}/{D}",      Nobody,   All,      Family, User),
    ("$template/operation/{P}/{D}",           All,      Nobody,   Family, Shadow),
    ("$template/operation/result/{P}/{D}",    Nobody,   All,      Family, User),
    ("$thing/up/property/{P}/{D}",            All,      Nobody,   Family, User),
    ("$thing/up/event/{P}/{D}",               All,      Nobody,   Family, User),
    ("$thing/up/action/{P}/{D}",              All,      Nobody,   Family, User),
    ("$thing/up/service/{P}/{D}",             All,      Nobody,   Family, User),
    ("$thing/up/raw/{P}/{D}",                 All,      Nobody,   Family, User),
    ("$thing/down/property/{P}/{D}",          Nobody,   All,      Family, User),
    ("$thing/down/event/{P}/{D}",             Nobody,   All,      Family, User),
    ("$thing/down/action/{P}/{D}",            Nobody,   All,      Family, User),
    ("$thing/down/service/{P}/{D}",           Nobody,   All,      Family, User),
    ("$thing/down/raw/{P}/{D}",               Nobody,   All,      Family, User),
    ("$ota/report/{P}/{D}",                   All,      Nobody,   Family, Absent("ota")),
    ("$ota/update/{P}/{D}",                   Nobody,   All,      Family, User),
    ("$gateway/operation/{P}/{D}",            Gateways, Nobody,   Own,    Gateway),
    ("$gateway/operation/result/{P}/{D}",     Nobody,   Gateways, Own,    User),
    ("$log/operation/{P}/{D}",                All,      Nobody,   Own,    Absent("log")),
    ("$log/operation/result/{P}/{D}",         Nobody,   All,      Own,    User),
    ("$config/operation/{P}/{D}",             All,      Nobody,   Family, Config),
    ("$config/operation/result/{P}/{D}",      Nobody,   All,      Family, User),
    ("$config/report/{P}/{D}",                ByOption, ByOption, Family, Config),
    ("$config/update/{P}/{D}",                ByOption, ByOption, Family, User),
    ("$broadcast/rxd/{P}/{D}",                Nobody,   All,      Family, User),
    ("$rrpc/rxd/{P}/{D}/+",                   Nobody,   All,      Family, User),
    ("$rrpc/txd/{P}/{D}/+",                   All,      Nobody,   Family, Rrpc),
    ("$resource/up/service/{P}/{D}",          All,      Nobody,   Family, Absent("resource")),
    ("$resource/down/service/{P}/{D}",        Nobody,   All,      Family, User),
];

/// Direction of a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Publish,
    Subscribe,
}

/// The rights of one connected device.
pub struct Rights<'a> {
    pub device: &'a Record,
    /// Bound sub-devices that are online, for gateways.
    pub sub_devices: &'a BTreeMap<DeviceId, Record>,
    pub options: &'a Options,
}

/// A right that was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Granted<'a> {
    /// What takes a publish on the topic.
    pub handler: Handler,
    /// Whose topic it is: the connected device's or a sub-device's.
    pub subject: &'a DeviceId,
}

impl<'a> Rights<'a> {
    /// The right to use a topic this way, or None if there is none.
    pub fn check(&self, access: Access, topic: &str) -> Option<Granted<'a>> {
        let place = TABLE.iter().find_map(|row| Some((row, owner(row.0, topic)?)));
        let (product, name) = match place {
            Some((_, owner)) => owner,
            None => own_tree(topic)?,
        };
        let (subject, own) = self.subject(product, name)?;
        let row = place.filter(|(row, _)| (own || row.3 == Family) && self.has(row, access));
        let handler = match row {
            Some((row, _)) => row.4,
            None => self.check_custom(subject, own, access, topic)?,
        };
        Some(Granted { handler, subject: &subject.id })
    }

    /// The device with this name among those the connection speaks for, and whether it is the connected one.
    fn subject(&self, product: &str, name: &str) -> Option<(&'a Record, bool)> {
        if self.device.id.product == product && self.device.id.name == name {
            return Some((self.device, true));
        }
        if self.sub_devices.is_empty() {
            return None;
        }
        let sub = self.sub_devices.get(&DeviceId { product: product.into(), name: name.into() });
        sub.map(|record| (record, false))
    }

    fn has(&self, row: &Row, access: Access) -> bool {
        match if access == Access::Publish { row.1 } else { row.2 } {
            Nobody => false,
            All => true,
            Gateways => self.device.kind == ProductType::Gateway,
            ByOption => self.options.acl_config_report,
        }
    }

    fn check_custom(&self, subject: &Record, own: bool, access: Access, topic: &str) -> Option<Handler> {
        let (product, name) = own_tree(topic)?;
        let below = topic.get(product.len() + name.len() + 2..)?;
        let custom = subject.topics.iter().any(|t| custom_allows(t, access, below));
        let permissive = own && self.options.acl_mode == AclMode::Permissive;
        (custom || permissive).then_some(User)
    }
}

fn custom_allows(custom: &CustomTopic, access: Access, below: &str) -> bool {
    let right = match access {
        Access::Publish => matches!(custom.perm, TopicRight::Pub | TopicRight::PubSub),
        Access::Subscribe => matches!(custom.perm, TopicRight::Sub | TopicRight::PubSub),
    };
    right && covers(&custom.name, below)
}

/// Product and device of a topic below `P/D/`.
fn own_tree(topic: &str) -> Option<(&str, &str)> {
    let (product, rest) = topic.split_once('/')?;
    let (name, _) = rest.split_once('/')?;
    Some((product, name))
}

/// Product and device in a topic that has the form of the pattern. This runs for every message, so nothing is allocated.
fn owner<'a>(pattern: &str, topic: &'a str) -> Option<(&'a str, &'a str)> {
    let (mut product, mut name) = ("", "");
    let mut levels = topic.split('/');
    for level in pattern.split('/') {
        let part = levels.next()?;
        match level {
            "{P}" => product = part,
            "{D}" => name = part,
            "+" if part != "#" => {}
            literal if literal == part => {}
            _ => return None,
        }
    }
    levels.next().is_none().then_some((product, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AuthKind;

    const NONE: &BTreeMap<DeviceId, Record> = &BTreeMap::new();

    fn record(id: &str, kind: ProductType) -> Record {
        let custom = |name: &str, perm| CustomTopic { name: name.into(), perm };
        Record {
            id: DeviceId::parse(id).unwrap(),
            enabled: true,
            auth: AuthKind::Key,
            kind,
            key: None,
            secret: None,
            certificate: None,
            issued: None,
            topics: vec![
                custom("alarm", TopicRight::Pub),
                custom("room/+/set", TopicRight::Sub),
                custom("chat", TopicRight::PubSub),
            ],
        }
    }

    /// Letters: p publish, s subscribe, capital for gateways only, o by option.
    const EXPECTED: [(&str, &str, bool); 37] = [
        ("PRODUCT001/dev/data", "ps", true),
        ("PRODUCT001/dev/event", "p", true),
        ("PRODUCT001/dev/control", "s", true),
        ("PRODUCT001/dev/alarm", "p", true),
        ("PRODUCT001/dev/room/kitchen/set", "s", true),
        ("PRODUCT001/dev/chat", "ps", true),
        ("$sys/operation/PRODUCT001/dev", "p", false),
        ("$sys/operation/result/PRODUCT001/dev", "s", false),
        ("$shadow/operation/PRODUCT001/dev", "p", true),
        ("$shadow/operation/result/PRODUCT001/dev", "s", true),
        ("$template/operation/PRODUCT001/dev", "p", true),
        ("$template/operation/result/PRODUCT001/dev", "s", true),
        ("$thing/up/property/PRODUCT001/dev", "p", true),
        ("$thing/up/event/PRODUCT001/dev", "p", true),
        ("$thing/up/action/PRODUCT001/dev", "p", true),
        ("$thing/up/service/PRODUCT001/dev", "p", true),
        ("$thing/up/raw/PRODUCT001/dev", "p", true),
        ("$thing/down/property/PRODUCT001/dev", "s", true),
        ("$thing/down/event/PRODUCT001/dev", "s", true),
        ("$thing/down/action/PRODUCT001/dev", "s", true),
        ("$thing/down/service/PRODUCT001/dev", "s", true),
        ("$thing/down/raw/PRODUCT001/dev", "s", true),
        ("$ota/report/PRODUCT001/dev", "p", true),
        ("$ota/update/PRODUCT001/dev", "s", true),
        ("$gateway/operation/PRODUCT001/dev", "P", false),
        ("$gateway/operation/result/PRODUCT001/dev", "S", false),
        ("$log/operation/PRODUCT001/dev", "p", false),
        ("$log/operation/result/PRODUCT001/dev", "s", false),
        ("$config/operation/PRODUCT001/dev", "p", true),
        ("$config/operation/result/PRODUCT001/dev", "s", true),
        ("$config/report/PRODUCT001/dev", "o", true),
        ("$config/update/PRODUCT001/dev", "o", true),
        ("$broadcast/rxd/PRODUCT001/dev", "s", true),
        ("$rrpc/rxd/PRODUCT001/dev/17", "s", true),
        ("$rrpc/txd/PRODUCT001/dev/17", "p", true),
        ("$resource/up/service/PRODUCT001/dev", "p", true),
        ("$resource/down/service/PRODUCT001/dev", "s", true),
    ];

    #[test]
    fn every_row_of_the_contract() {
        for kind in [ProductType::Direct, ProductType::Gateway] {
            for option in [false, true] {
                let device = record("PRODUCT001/dev", kind);
                let gateway = record("GATEWAY001/gw", kind);
                let options = Options { acl_config_report: option, ..Options::default() };
                let own = Rights { device: &device, sub_devices: NONE, options: &options };
                let online = BTreeMap::from([(device.id.clone(), device.clone())]);
                let family = Rights { device: &gateway, sub_devices: &online, options: &options };
                let stranger = Rights { device: &gateway, sub_devices: NONE, options: &options };
                for (topic, rights, for_family) in EXPECTED {
                    let gateways = kind == ProductType::Gateway;
                    let publish =
                        rights.contains('p') || rights.contains('P') && gateways || rights == "o" && option;
                    let subscribe =
                        rights.contains('s') || rights.contains('S') && gateways || rights == "o" && option;
                    let check = |r: &Rights, a| r.check(a, topic).is_some();
                    assert_eq!(check(&own, Access::Publish), publish, "{topic} {kind:?} {option}");
                    assert_eq!(check(&own, Access::Subscribe), subscribe, "{topic} {kind:?} {option}");
                    assert_eq!(
                        check(&family, Access::Publish),
                        publish && for_family,
                        "{topic} of a sub-device"
                    );
                    assert_eq!(
                        check(&family, Access::Subscribe),
                        subscribe && for_family,
                        "{topic} of a sub-device"
                    );
                    assert!(
                        !check(&stranger, Access::Publish) && !check(&stranger, Access::Subscribe),
                        "{topic}"
                    );
                }
            }
        }
    }

    #[test]
    fn wildcards() {
        let device = record("PRODUCT001/dev", ProductType::Direct);
        let options = Options::default();
        let rights = Rights { device: &device, sub_devices: NONE, options: &options };
        let subscribe = |filter: &str| rights.check(Access::Subscribe, filter).is_some();
        assert!(subscribe("$rrpc/rxd/PRODUCT001/dev/+"));
        assert!(subscribe("PRODUCT001/dev/room/+/set"));
        for no in [
            "#",
            "+/dev/data",
            "PRODUCT001/+/data",
            "PRODUCT001/dev/#",
            "PRODUCT001/dev/+",
            "PRODUCT001/dev/room/#",
            "PRODUCT001/dev/+/+/set",
            "$rrpc/rxd/PRODUCT001/dev/#",
            "$rrpc/rxd/PRODUCT001/dev",
            "$rrpc/rxd/+/dev/+",
            "$sys/operation/result/PRODUCT001/+",
            "$thing/down/+/PRODUCT001/dev",
            "$thing/down/unknown/PRODUCT001/dev",
            "$sys/other/PRODUCT001/dev",
            "PRODUCT001/dev",
            "PRODUCT001/dev/data/more",
            "PRODUCT001/dev2/data",
        ] {
            assert!(!subscribe(no), "{no}");
        }
    }

    #[test]
    fn permissive_opens_the_own_tree_only() {
        let device = record("PRODUCT001/dev", ProductType::Direct);
        let options = Options { acl_mode: AclMode::Permissive, ..Options::default() };
        let rights = Rights { device: &device, sub_devices: NONE, options: &options };
        assert!(rights.check(Access::Subscribe, "PRODUCT001/dev/#").is_some());
        assert!(rights.check(Access::Publish, "PRODUCT001/dev/any/thing").is_some());
        assert!(rights.check(Access::Publish, "PRODUCT001/dev2/any").is_none());
        assert!(rights.check(Access::Subscribe, "#").is_none());
    }

    #[test]
    fn handlers() {
        let device = record("PRODUCT001/dev", ProductType::Direct);
        let options = Options::default();
        let rights = Rights { device: &device, sub_devices: NONE, options: &options };
        let publish = |topic: &str| rights.check(Access::Publish, topic).map(|g| g.handler);
        assert_eq!(publish("$sys/operation/PRODUCT001/dev"), Some(Handler::Time));
        assert_eq!(publish("$shadow/operation/PRODUCT001/dev"), Some(Handler::Shadow));
        assert_eq!(publish("$template/operation/PRODUCT001/dev"), Some(Handler::Shadow));
        assert_eq!(publish("PRODUCT001/dev/data"), Some(Handler::User));
    }

    #[test]
    fn the_subject_is_whose_topic_it_is() {
        let gateway = record("GATEWAY001/gw", ProductType::Gateway);
        let probe = record("PRODUCT001/dev", ProductType::Subdevice);
        let online = BTreeMap::from([(probe.id.clone(), probe.clone())]);
        let options = Options { acl_mode: AclMode::Permissive, ..Options::default() };
        let rights = Rights { device: &gateway, sub_devices: &online, options: &options };
        let subject = |topic: &str| rights.check(Access::Publish, topic).map(|g| g.subject.to_string());
        assert_eq!(subject("$shadow/operation/GATEWAY001/gw").as_deref(), Some("GATEWAY001/gw"));
        assert_eq!(subject("$shadow/operation/PRODUCT001/dev").as_deref(), Some("PRODUCT001/dev"));
        assert_eq!(subject("PRODUCT001/dev/alarm").as_deref(), Some("PRODUCT001/dev"));
        // The open tree is the connected device's alone.
        assert_eq!(subject("GATEWAY001/gw/any").as_deref(), Some("GATEWAY001/gw"));
        assert_eq!(subject("PRODUCT001/dev/any"), None);
        assert_eq!(subject("PRODUCT001/dev7/data"), None);
        assert_eq!(subject("PRODUCT001/dev"), None);
    }
}
