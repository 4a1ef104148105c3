//! What serde_json leaves to its users: equality by value, and compact text in the order it was written.

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// Equal as JSON, numbers by value: a device reports 21.000000 where 21 is desired.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        // Two integers are compared as such: as floating point, large ones would be equal to their neighbours.
        (Value::Number(x), Value::Number(y)) if x.is_f64() || y.is_f64() => x.as_f64() == y.as_f64(),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// A JSON object without insignificant white space, members in their order; None for anything else.
pub fn compact_object(text: &str) -> Option<String> {
    serde_json::from_str::<Map<String, Value>>(text).ok()?;
    let (mut inside, mut escaped) = (false, false);
    let keep = |c: &char| {
        let quote = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        inside ^= quote;
        inside || !c.is_ascii_whitespace()
    };
    Some(text.chars().filter(keep).collect())
}

/// Is it JSON of any kind?
pub fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Text as it stands between the quotes of a JSON string.
pub fn escaped(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_equal_by_value_wherever_they_are() {
        assert!(same(&json!([1, {"a": 2.0}]), &json!([1.0, {"a": 2}])));
        assert!(!same(&json!([1]), &json!([1, 1])));
        assert!(!same(&json!({"a": 1}), &json!({"b": 1})));
        assert!(!same(&json!("1"), &json!(1)));
        // Beyond the exact range of floating point only equal integers are equal to each other.
        assert!(same(&json!(u64::MAX), &json!(u64::MAX)));
        assert!(!same(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992_u64)));
    }

    #[test]
    fn white_space_goes_and_the_order_stays() {
        let text = "{ \"unit\" : \"C \\\" x\\\\\",\n\t\"list\": [1, 2.50],\r\n\"a b\": { } }\n";
        assert_eq!(compact_object(text).unwrap(), r#"{"unit":"C \" x\\","list":[1,2.50],"a b":{}}"#);
        for bad in ["", "[]", "5", "{", "{} {}", "null", "\"x\"", "{'a':1}"] {
            assert_eq!(compact_object(bad), None, "{bad}");
        }
    }

    #[test]
    fn text_inside_quotes() {
        assert_eq!(escaped("a\"b\\c\n"), r#"a\"b\\c\n"#);
        assert_eq!(escaped(""), "");
    }
}
