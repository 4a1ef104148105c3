//! The document behind a shadow: merging, time stamps, difference. It knows neither topics nor files. [shadow.md §§5.1, 7, 8]

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::json::same;

/// Largest document: both halves as compact JSON, in bytes.
const MAX_SIZE: usize = 16 * 1024;
/// Objects and arrays inside each other, a half itself included.
const MAX_DEPTH: usize = 5;

type Object = Map<String, Value>;

/// What the platform knows about a device.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub version: u32,
    /// Time of the last change in ms since 1970; 0 before the first.
    timestamp: i64,
    reported: Half,
    desired: Half,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Half {
    state: Object,
    /// The same tree with `{"timestamp": ms}` in place of each value.
    metadata: Object,
}

/// What a request wants of one half.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Keep,
    Clear,
    /// Member by member; null deletes.
    Merge(Object),
    /// In place of what was there; null is left out.
    Replace(Object),
}

impl Document {
    /// The document after a change of its halves, or why it may not come to be. A change of either half counts as one version.
    pub fn changed(&self, reported: &Change, desired: &Change, now_ms: i64) -> Result<Document, String> {
        let mut next = self.clone();
        next.reported.apply(reported, now_ms);
        next.desired.apply(desired, now_ms);
        next.check()?;
        if *reported != Change::Keep || *desired != Change::Keep {
            next.version = self.version.wrapping_add(1);
            next.timestamp = now_ms;
        }
        Ok(next)
    }

    fn check(&self) -> Result<(), String> {
        let (reported, desired) = (&self.reported.state, &self.desired.state);
        let depth = object_depth(reported).max(object_depth(desired));
        if depth > MAX_DEPTH {
            return Err(format!("{depth} levels; at most {MAX_DEPTH}"));
        }
        let size = json!({"desired": desired, "reported": reported}).to_string().len();
        if size > MAX_SIZE {
            return Err(format!("{size} bytes; at most {MAX_SIZE}"));
        }
        Ok(())
    }

    /// What is desired and not reported; computed, never stored.
    pub fn delta(&self) -> Object {
        difference(&self.desired.state, &self.reported.state)
    }

    /// Time of the last change; of a document that never changed it is now.
    pub fn timestamp(&self, now_ms: i64) -> i64 {
        if self.timestamp == 0 { now_ms } else { self.timestamp }
    }

    /// The whole document as a `get` shows it.
    pub fn payload(&self, metadata: bool, now_ms: i64) -> Object {
        let mut state = Object::new();
        let mut stamps = Object::new();
        state.insert("reported".into(), self.reported.state.clone().into());
        stamps.insert("reported".into(), self.reported.metadata.clone().into());
        if !self.desired.state.is_empty() {
            state.insert("desired".into(), self.desired.state.clone().into());
            stamps.insert("desired".into(), self.desired.metadata.clone().into());
        }
        let delta = self.delta();
        if !delta.is_empty() {
            state.insert("delta".into(), delta.into());
        }
        let mut payload = self.envelope(state.into(), now_ms);
        if metadata {
            payload.insert("metadata".into(), stamps.into());
        }
        payload
    }

    /// A state with version and time around it.
    pub fn envelope(&self, state: Value, now_ms: i64) -> Object {
        let mut payload = Object::new();
        payload.insert("state".into(), state);
        payload.insert("timestamp".into(), self.timestamp(now_ms).into());
        payload.insert("version".into(), self.version.into());
        payload
    }
}

impl Half {
    fn apply(&mut self, change: &Change, now_ms: i64) {
        if matches!(change, Change::Clear | Change::Replace(_)) {
            *self = Half::default();
        }
        if let Change::Merge(patch) | Change::Replace(patch) = change {
            merge(&mut self.state, &mut self.metadata, patch, now_ms);
        }
    }
}

/// Objects member by member, arrays whole; null deletes, and an object that loses its last member goes too.
fn merge(state: &mut Object, metadata: &mut Object, patch: &Object, now_ms: i64) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                state.remove(key);
                metadata.remove(key);
            }
            Value::Object(patch) => {
                let (mut inner, mut stamps) = match (state.remove(key), metadata.remove(key)) {
                    (Some(Value::Object(inner)), Some(Value::Object(stamps))) => (inner, stamps),
                    _ => Default::default(),
                };
                merge(&mut inner, &mut stamps, patch, now_ms);
                if !inner.is_empty() || patch.is_empty() {
                    state.insert(key.clone(), inner.into());
                    metadata.insert(key.clone(), stamps.into());
                }
            }
            leaf => {
                state.insert(key.clone(), leaf.clone());
                metadata.insert(key.clone(), json!({"timestamp": now_ms}));
            }
        }
    }
}

/// Members of `desired` that are absent from `reported` or different there.
fn difference(desired: &Object, reported: &Object) -> Object {
    let mut delta = Object::new();
    for (key, wanted) in desired {
        match (wanted, reported.get(key)) {
            (Value::Object(wanted), Some(Value::Object(there))) => {
                let inner = difference(wanted, there);
                if !inner.is_empty() {
                    delta.insert(key.clone(), inner.into());
                }
            }
            (wanted, Some(there)) if same(wanted, there) => {}
            _ => {
                delta.insert(key.clone(), wanted.clone());
            }
        }
    }
    delta
}

fn object_depth(object: &Object) -> usize {
    1 + object.values().map(depth).max().unwrap_or(0)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(object) => object_depth(object),
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Object {
        match value {
            Value::Object(object) => object,
            other => panic!("{other}"),
        }
    }

    fn merged(document: &Document, reported: Value, now_ms: i64) -> Document {
        document.changed(&Change::Merge(object(reported)), &Change::Keep, now_ms).unwrap()
    }

    fn desired(document: &Document, change: Change) -> Document {
        document.changed(&Change::Keep, &change, 9).unwrap()
    }

    fn reported(document: &Document) -> Value {
        document.reported.state.clone().into()
    }

    #[test]
    fn objects_merge_arrays_are_replaced_null_deletes() {
        let one = merged(&Document::default(), json!({"a": {"b": 1, "c": 2}, "list": [1, 2], "x": true}), 10);
        let two = merged(&one, json!({"a": {"b": 5}, "list": [3], "x": null}), 20);
        assert_eq!(reported(&two), json!({"a": {"b": 5, "c": 2}, "list": [3]}));
        let stamps =
            json!({"a": {"b": {"timestamp": 20}, "c": {"timestamp": 10}}, "list": {"timestamp": 20}});
        assert_eq!(Value::Object(two.reported.metadata.clone()), stamps);
        assert_eq!((one.version, two.version, two.timestamp(99)), (1, 2, 20));
    }

    #[test]
    fn an_object_and_a_value_replace_each_other() {
        let one = merged(&Document::default(), json!({"a": 1, "b": {"c": 1}}), 1);
        let two = merged(&one, json!({"a": {"x": 2}, "b": 3}), 2);
        assert_eq!(reported(&two), json!({"a": {"x": 2}, "b": 3}));
        let stamps = json!({"a": {"x": {"timestamp": 2}}, "b": {"timestamp": 2}});
        assert_eq!(Value::Object(two.reported.metadata), stamps);
    }

    #[test]
    fn objects_left_empty_by_deletes_go_but_one_that_was_sent_stays() {
        let one = merged(&Document::default(), json!({"a": {"b": {"c": 1}}, "e": {}}), 1);
        let two = merged(&one, json!({"a": {"b": {"c": null}}, "new": {"x": {"y": null}}}), 2);
        assert_eq!(reported(&two), json!({"e": {}}));
        assert_eq!(Value::Object(two.reported.metadata), json!({"e": {}}));
    }

    #[test]
    fn clear_and_replace() {
        let one = merged(&Document::default(), json!({"a": 1, "b": 2}), 1);
        let replaced = Change::Replace(object(json!({"c": 3, "d": null})));
        let two = one.changed(&replaced, &Change::Keep, 2).unwrap();
        assert_eq!(reported(&two), json!({"c": 3}));
        let three = two.changed(&Change::Clear, &Change::Clear, 3).unwrap();
        assert_eq!((reported(&three), three.version), (json!({}), 3));
        assert_eq!(three.changed(&Change::Keep, &Change::Keep, 4).unwrap(), three);
    }

    #[test]
    fn the_delta_is_what_is_absent_or_different() {
        let document =
            merged(&Document::default(), json!({"t": 21.0, "on": true, "o": {"x": 1, "y": [1, 2]}}), 1);
        let wanted = json!({"t": 21, "on": false, "new": "n", "o": {"x": 1, "y": [1, 3], "z": {}}});
        let document = desired(&document, Change::Merge(object(wanted)));
        let delta = json!({"on": false, "new": "n", "o": {"y": [1, 3], "z": {}}});
        assert_eq!(Value::Object(document.delta()), delta);
        let shown = document.payload(false, 5);
        assert_eq!(shown["state"]["delta"], delta);
        let document = desired(&document, Change::Clear);
        assert!(document.delta().is_empty());
        assert_eq!(
            document.payload(false, 5)["state"],
            json!({"reported": {"t": 21.0, "on": true, "o": {"x": 1, "y": [1, 2]}}})
        );
    }

    #[test]
    fn limits() {
        let keep = Change::Keep;
        let document = Document::default();
        let with = |value: Value| document.changed(&Change::Merge(object(value)), &keep, 1);
        assert!(with(json!({"a": {"b": {"c": {"d": {"e": 1}}}}})).is_ok());
        assert!(with(json!({"a": {"b": {"c": {"d": {"e": {}}}}}})).unwrap_err().contains("levels"));
        assert!(with(json!({"a": {"b": {"c": {"d": [[]]}}}})).unwrap_err().contains("levels"));
        let around = json!({"desired": {}, "reported": {"x": ""}}).to_string().len();
        assert!(with(json!({"x": "y".repeat(MAX_SIZE - around)})).is_ok());
        assert!(with(json!({"x": "y".repeat(MAX_SIZE - around + 1)})).unwrap_err().contains("16385"));
        // Many small updates may not grow it further either.
        let full = with(json!({"x": "y".repeat(MAX_SIZE - around)})).unwrap();
        assert!(full.changed(&keep, &Change::Merge(object(json!({"z": 1}))), 2).is_err());
        assert!(full.changed(&Change::Clear, &keep, 2).is_ok());
    }
}
