//! Which topics a device may publish and subscribe: emulator.md §5 as a table.

use crate::config::{AclMode, CustomTopic, Options, ProductType, TopicRight};
use crate::registry::{DeviceId, Record};
use crate::topic::covers;

/// What takes a publish on a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handler {
    /// Nobody but rules and subscribers.
    User,
    Time,
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

use Handler::{Absent, Time, User};
use Who::{All, ByOption, Gateways, Nobody};
use Whose::{Family, Own};

#[rustfmt::skip]
const TABLE: [Row; 34] = [
    ("{P}/{D}/data",                          All,      All,      Family, User),
    ("{P}/{D}/event",                         All,      Nobody,   Family, User),
    ("{P}/{D}/control",                       Nobody,   All,      Family, User),
    ("$sys/operation/{P}/{D}",                All,      Nobody,   Own,    Time),
    ("$sys/operation/result/{P}/{D}",         Nobody,   All,      Own,    User),
    ("$shadow/operation/{P}/{D}",             All,      Nobody,   Family, Absent("shadow")),
    ("$shadow/operation/result/{P}/{D}",      Nobody,   All,      Family, User),
    ("$template/operation/{P}/{D}",           All,      Nobody,   Family, Absent("template")),
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
    ("$gateway/operation/{P}/{D}",            Gateways, Nobody,   Own,    Absent("gateway")),
    ("$gateway/operation/result/{P}/{D}",     Nobody,   Gateways, Own,    User),
    ("$log/operation/{P}/{D}",                All,      Nobody,   Own,    Absent("log")),
    ("$log/operation/result/{P}/{D}",         Nobody,   All,      Own,    User),
    ("$config/operation/{P}/{D}",             All,      Nobody,   Family, Absent("config")),
    ("$config/operation/result/{P}/{D}",      Nobody,   All,      Family, User),
    ("$config/report/{P}/{D}",                ByOption, ByOption, Family, Absent("config")),
    ("$config/update/{P}/{D}",                ByOption, ByOption, Family, User),
    ("$broadcast/rxd/{P}/{D}",                Nobody,   All,      Family, User),
    ("$rrpc/rxd/{P}/{D}/+",                   Nobody,   All,      Family, User),
    ("$rrpc/txd/{P}/{D}/+",                   All,      Nobody,   Family, Absent("rrpc")),
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
    pub sub_devices: &'a [Record],
    pub options: &'a Options,
}

impl Rights<'_> {
    /// The handler of a topic the device may use this way, or None if it may not.
    pub fn check(&self, access: Access, topic: &str) -> Option<Handler> {
        let own = self.check_for(self.device, true, access, topic);
        own.or_else(|| self.sub_devices.iter().find_map(|sub| self.check_for(sub, false, access, topic)))
    }

    fn check_for(&self, subject: &Record, own: bool, access: Access, topic: &str) -> Option<Handler> {
        let table =
            TABLE.iter().find(|row| (own || row.3 == Family) && self.row_allows(row, subject, access, topic));
        if let Some(row) = table {
            return Some(row.4);
        }
        let prefix = format!("{}/", subject.id);
        let below = topic.strip_prefix(&prefix)?;
        let custom = subject.topics.iter().any(|t| custom_allows(t, access, below));
        let permissive = own && self.options.acl_mode == AclMode::Permissive;
        (custom || permissive).then_some(User)
    }

    fn row_allows(&self, row: &Row, subject: &Record, access: Access, topic: &str) -> bool {
        let who = if access == Access::Publish { row.1 } else { row.2 };
        let allowed = match who {
            Nobody => false,
            All => true,
            Gateways => self.device.kind == ProductType::Gateway,
            ByOption => self.options.acl_config_report,
        };
        allowed && row_covers(row.0, &subject.id, topic)
    }
}

fn custom_allows(custom: &CustomTopic, access: Access, below: &str) -> bool {
    let right = match access {
        Access::Publish => matches!(custom.perm, TopicRight::Pub | TopicRight::PubSub),
        Access::Subscribe => matches!(custom.perm, TopicRight::Sub | TopicRight::PubSub),
    };
    right && covers(&custom.name, below)
}

/// `covers` with `{P}` and `{D}` filled in, level by level: this runs for every message, so nothing is allocated.
fn row_covers(pattern: &str, id: &DeviceId, asked: &str) -> bool {
    let mut levels = asked.split('/');
    let same = pattern.split('/').all(|level| match (level, levels.next()) {
        (_, None) => false,
        ("{P}", Some(part)) => part == id.product,
        ("{D}", Some(part)) => part == id.name,
        ("+", Some(part)) => part != "#",
        (literal, Some(part)) => part == literal,
    });
    same && levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AuthKind;

    fn record(id: &str, kind: ProductType) -> Record {
        let custom = |name: &str, perm| CustomTopic { name: name.into(), perm };
        Record {
            id: DeviceId::parse(id).unwrap(),
            enabled: true,
            auth: AuthKind::Key,
            kind,
            key: None,
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
                let own = Rights { device: &device, sub_devices: &[], options: &options };
                let family = Rights {
                    device: &gateway,
                    sub_devices: std::slice::from_ref(&device),
                    options: &options,
                };
                let stranger = Rights { device: &gateway, sub_devices: &[], options: &options };
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
        let rights = Rights { device: &device, sub_devices: &[], options: &options };
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
        let rights = Rights { device: &device, sub_devices: &[], options: &options };
        assert!(rights.check(Access::Subscribe, "PRODUCT001/dev/#").is_some());
        assert!(rights.check(Access::Publish, "PRODUCT001/dev/any/thing").is_some());
        assert!(rights.check(Access::Publish, "PRODUCT001/dev2/any").is_none());
        assert!(rights.check(Access::Subscribe, "#").is_none());
    }

    #[test]
    fn handlers() {
        let device = record("PRODUCT001/dev", ProductType::Direct);
        let options = Options::default();
        let rights = Rights { device: &device, sub_devices: &[], options: &options };
        let publish = |topic: &str| rights.check(Access::Publish, topic);
        assert_eq!(publish("$sys/operation/PRODUCT001/dev"), Some(Handler::Time));
        assert_eq!(publish("$shadow/operation/PRODUCT001/dev"), Some(Handler::Absent("shadow")));
        assert_eq!(publish("PRODUCT001/dev/data"), Some(Handler::User));
    }
}
