//! Topic names, topic filters and how they match [MQTT 3.1.1 §4.7].

/// Longest topic or filter that the C interface takes, in bytes (48 + 10 + 64 + 6).
pub const MAX_TOPIC_LENGTH: usize = 128;

/// Whether a message may be published to `topic`: UTF-8, not empty, no wildcard, no U+0000 [MQTT-3.3.2-2].
pub fn is_valid_name(topic: &[u8]) -> bool {
    is_plain_ascii(topic, b"+#") || is_valid_text(topic) && !topic.iter().any(|b| b"+#".contains(b))
}

/// Whether `filter` may be subscribed to: `#` only as the whole last level, `+` only as a whole level
/// [MQTT-4.7.1-2, MQTT-4.7.1-3].
pub fn is_valid_filter(filter: &[u8]) -> bool {
    let mut levels = filter.split(|&b| b == b'/').peekable();
    let mut wildcards_stand_alone = true;
    while let Some(level) = levels.next() {
        wildcards_stand_alone &= match level {
            b"#" => levels.peek().is_none(),
            b"+" => true,
            _ => !level.contains(&b'+') && !level.contains(&b'#'),
        };
    }
    is_valid_text(filter) && wildcards_stand_alone
}

/// Whether a message on `topic` belongs to `filter`.
///
/// Differs from the standard in one point that firmware relies on: a first-level wildcard matches topics
/// that start with `$` too. The broker decides what it sends (`mqtt.md` §10).
pub fn matches(filter: &[u8], topic: &[u8]) -> bool {
    // Most subscriptions name one topic, and one comparison is cheaper than a walk through its levels.
    if filter == topic {
        return true;
    }
    let mut topic_levels = topic.split(|&b| b == b'/');
    for level in filter.split(|&b| b == b'/') {
        if level == b"#" {
            return true;
        }
        match topic_levels.next() {
            Some(name) if level == b"+" || level == name => {}
            _ => return false,
        }
    }
    topic_levels.next().is_none()
}

/// Whether `text` may be a topic or a filter: UTF-8, not empty, no U+0000 [MQTT-1.5.3-1, MQTT-1.5.3-2].
pub fn is_valid_text(text: &[u8]) -> bool {
    is_plain_ascii(text, b"") || !text.is_empty() && !text.contains(&0) && std::str::from_utf8(text).is_ok()
}

/// Whether `text` is not empty and of ASCII characters only, without NUL and those `excluded`: what nearly every topic
/// is, told in one pass that the compiler turns into vector instructions.
#[inline]
fn is_plain_ascii(text: &[u8], excluded: &[u8]) -> bool {
    let is_bad = |b: u8| b == 0 || !b.is_ascii() || excluded.contains(&b);
    !text.is_empty() && !text.iter().fold(false, |bad, &b| bad | is_bad(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_match_as_the_standard_says() {
        // The examples of MQTT 3.1.1 §4.7.1, and the wrong matches of the original (`mqtt.md` §10).
        let cases: &[(&str, &str, bool)] = &[
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("a/b", "a", false),
            ("a", "a/b", false),
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sport", true),
            ("#", "a/b/c", true),
            ("sport/tennis/+", "sport/tennis/player1", true),
            ("sport/tennis/+", "sport/tennis/player1/ranking", false),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("+/+", "/finance", true),
            ("/+", "/finance", true),
            ("+", "/finance", false),
            ("P/dev1/#", "P/dev12/data", false),
            ("P/dev1/#", "P/dev1/data", true),
            ("+/a", "x/a", true),
            ("+/a/", "x/a", false),
            ("a//b", "a//b", true),
            ("a/+/b", "a//b", true),
            ("+/+/+", "a/b/", true),
            ("#", "$sys/x", true),
            ("+/x", "$sys/x", true),
            ("é/+", "é/ü", true),
        ];
        for &(filter, topic, expected) in cases {
            assert_eq!(matches(filter.as_bytes(), topic.as_bytes()), expected, "{filter} on {topic}");
        }
    }

    #[test]
    fn filters_are_checked() {
        for good in ["a", "a/b", "#", "+", "a/#", "+/a/+", "/", "$sys/#", "é/#"] {
            assert!(is_valid_filter(good.as_bytes()), "{good}");
        }
        for bad in ["", "a#", "#/a", "a/#/b", "a+", "a/b+", "+a", "a\0b"] {
            assert!(!is_valid_filter(bad.as_bytes()), "{bad}");
        }
        assert!(!is_valid_filter(&[0xff, 0xfe]));
    }

    #[test]
    fn names_are_checked() {
        for good in ["a", "a/b", "$sys/operation/p/d", "é"] {
            assert!(is_valid_name(good.as_bytes()), "{good}");
        }
        for bad in ["", "a/+", "#", "a\0"] {
            assert!(!is_valid_name(bad.as_bytes()), "{bad}");
        }
        assert!(!is_valid_name(&[0x61, 0xc3]));
    }

    /// An independent, slower matcher: filters become lists of levels and are compared by recursion.
    fn reference(filter: &[&str], topic: &[&str]) -> bool {
        match (filter.split_first(), topic.split_first()) {
            (Some((&"#", _)), _) => true,
            (Some((&"+", rest)), Some((_, topic))) => reference(rest, topic),
            (Some((level, rest)), Some((name, topic))) => level == name && reference(rest, topic),
            (None, None) => true,
            _ => false,
        }
    }

    #[test]
    fn all_short_filters_agree_with_the_reference_matcher() {
        let levels = ["", "a", "ab", "+", "#"];
        let names = ["", "a", "ab"];
        let mut compared = 0;
        for filter in paths(&levels) {
            let filter_text = filter.join("/");
            if !is_valid_filter(filter_text.as_bytes()) {
                continue;
            }
            for topic in paths(&names) {
                let topic_text = topic.join("/");
                compared += 1;
                assert_eq!(
                    matches(filter_text.as_bytes(), topic_text.as_bytes()),
                    reference(&filter, &topic),
                    "{filter_text} on {topic_text}"
                );
            }
        }
        assert!(compared > 10_000, "{compared} pairs");
    }

    fn paths<'a>(levels: &[&'a str]) -> Vec<Vec<&'a str>> {
        let mut all: Vec<Vec<&str>> = vec![vec![]];
        let mut result = vec![];
        for _ in 0..4 {
            all = all
                .iter()
                .flat_map(|path| levels.iter().map(move |level| [path.clone(), vec![*level]].concat()))
                .collect();
            result.extend(all.clone());
        }
        result
    }
}
