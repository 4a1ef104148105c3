//! Messages from the platform to a gateway. [gateway.md §7]

use serde::Serialize;

use crate::registry::DeviceId;

/// A message to a gateway, members in the documented order.
#[derive(Serialize)]
pub struct Message<'a> {
    #[serde(rename = "type")]
    pub kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Payload>,
}

impl Message<'_> {
    pub fn text(&self) -> String {
        // Text, numbers and lists of them always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[derive(Default, Serialize)]
pub struct Payload {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<Entry>>,
}

#[derive(Serialize)]
pub struct Entry {
    pub product_id: String,
    pub device_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<i64>,
}

impl Entry {
    pub fn of(id: &DeviceId) -> Entry {
        Entry { product_id: id.product.clone(), device_name: id.name.clone(), result: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_documented_form() {
        let id = DeviceId::parse("Z9Y8X7W6V5/probe-7").unwrap();
        let devices = |result| Some(vec![Entry { result, ..Entry::of(&id) }]);
        let say = |kind, payload| Message { kind, payload }.text();
        assert_eq!(
            say("online", Some(Payload { status: None, devices: devices(Some(0)) })),
            r#"{"type":"online","payload":{"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7","result":0}]}}"#
        );
        assert_eq!(
            say("describe_sub_devices", Some(Payload { status: None, devices: Some(vec![]) })),
            r#"{"type":"describe_sub_devices","payload":{"devices":[]}}"#
        );
        assert_eq!(
            say("search_devices", Some(Payload { status: Some(1), devices: None })),
            r#"{"type":"search_devices","payload":{"status":1}}"#
        );
        assert_eq!(say("unbind_all", None), r#"{"type":"unbind_all"}"#);
        assert_eq!(
            say("change", Some(Payload { status: Some(0), devices: devices(None) })),
            r#"{"type":"change","payload":{"status":0,"devices":[{"product_id":"Z9Y8X7W6V5","device_name":"probe-7"}]}}"#
        );
    }
}
