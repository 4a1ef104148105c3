//! Topic filters and names, valid and not: validity, matching, and the choice among subscriptions.
//!
//! Input: lines. The first is a topic name, the others are filters. Everything is compared with oracles that follow the
//! words of MQTT 3.1.1 §4.7 character by character, without thought of speed.
#![no_main]

use fuzz_support as _;
use iot_sdk::mqtt::table::{Entry, Subscriber, Table};
use iot_sdk::mqtt::topic;
use libfuzzer_sys::fuzz_target;

#[derive(Clone, Debug, PartialEq)]
struct Number(usize);

impl Subscriber for Number {
    fn takes_messages(&self) -> bool {
        !self.0.is_multiple_of(3)
    }
    fn is_same_handler(&self, other: &Number) -> bool {
        self == other
    }
    fn is_same_data(&self, _other: &Number) -> bool {
        true
    }
}

/// UTF-8 of at least one character, U+0000 not among them.
fn is_text(bytes: &[u8]) -> bool {
    String::from_utf8(bytes.to_vec()).is_ok_and(|text| !text.is_empty() && text.chars().all(|c| c != '\0'))
}

/// A wildcard has level separators, or the ends of the filter, on both sides; behind `#` there is the end.
fn is_filter(bytes: &[u8]) -> bool {
    let is_edge = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_none_or(|b| *b == b'/');
    let is_good = |at: usize| match bytes[at] {
        b'+' => is_edge(at.checked_sub(1)) && is_edge(Some(at + 1)),
        b'#' => is_edge(at.checked_sub(1)) && at + 1 == bytes.len(),
        _ => true,
    };
    is_text(bytes) && (0..bytes.len()).all(is_good)
}

/// Both by their first characters; `filter` is valid.
fn matches(filter: &[u8], name: &[u8]) -> bool {
    match (filter, name) {
        (b"#", _) | (b"/#", []) => true,
        ([b'+', rest @ ..], _) => {
            let end = name.iter().position(|b| *b == b'/').unwrap_or(name.len());
            matches(rest, &name[end..])
        }
        ([a, filter @ ..], [b, name @ ..]) => a == b && matches(filter, name),
        ([], []) => true,
        _ => false,
    }
}

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|b| *b == b'\n');
    let name = lines.next().unwrap_or_default();
    let is_name = is_text(name) && !name.contains(&b'+') && !name.contains(&b'#');
    assert_eq!(topic::is_valid_name(name), is_name);
    assert_eq!(topic::is_valid_text(name), is_text(name));
    let mut table = Table::new();
    let mut expected = None;
    for (number, filter) in lines.take(70).enumerate() {
        assert_eq!(topic::is_valid_filter(filter), is_filter(filter));
        if !is_filter(filter) || !is_name {
            // Never asked for, but it must come to an end.
            topic::matches(filter, name);
            continue;
        }
        assert_eq!(topic::matches(filter, name), matches(filter, name));
        let entry =
            Entry { filter: String::from_utf8(filter.to_vec()).unwrap(), qos: 0, subscriber: Number(number) };
        let is_stored = table.len() < iot_sdk::mqtt::table::CAPACITY;
        table.store(entry);
        if is_stored && expected.is_none() && matches(filter, name) && Number(number).takes_messages() {
            expected = Some(Number(number));
        }
    }
    if is_name {
        assert_eq!(table.route(name), expected.as_ref());
    }
});
