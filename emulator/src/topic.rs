//! Topic names and filters: validity and matching. [MQTT-4.7]

/// Longest topic in bytes, and most slashes, the platform allows.
pub const MAX_TOPIC: usize = 255;
const MAX_SLASHES: usize = 10;

/// Checks a name to publish on: not empty, no wildcard, within the platform's limits. The error says what is wrong.
pub fn check_name(topic: &str) -> Result<(), &'static str> {
    check_size(topic)?;
    if topic.contains(['+', '#']) {
        return Err("wildcard in a topic name");
    }
    Ok(())
}

/// Checks a filter to subscribe to: `+` and `#` stand for whole levels, `#` comes last. [MQTT-4.7.1-2, -3]
pub fn check_filter(filter: &str) -> Result<(), &'static str> {
    check_size(filter)?;
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        if level == "#" && levels.peek().is_some() {
            return Err("# is not the last level");
        }
        if level.len() > 1 && level.contains(['+', '#']) {
            return Err("a wildcard must be a whole level");
        }
    }
    Ok(())
}

fn check_size(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("empty topic");
    }
    if text.len() > MAX_TOPIC {
        return Err("topic longer than 255 bytes");
    }
    if text.matches('/').count() > MAX_SLASHES {
        return Err("topic with more than 10 slashes");
    }
    if text.contains('\0') {
        return Err("NUL in a topic"); // [MQTT-4.7.3-2]
    }
    Ok(())
}

/// Does a filter match a name? A leading wildcard never matches a `$` name. [MQTT-4.7.2-1]
pub fn matches(filter: &str, name: &str) -> bool {
    if name.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut name_levels = name.split('/');
    for level in filter.split('/') {
        if level == "#" {
            return true;
        }
        match name_levels.next() {
            Some(part) if level == "+" || level == part => {}
            _ => return false,
        }
    }
    name_levels.next().is_none()
}

/// Is `asked` no more general than `allowed`? Both may hold wildcards; then everything `asked` matches, `allowed` does.
pub fn covers(allowed: &str, asked: &str) -> bool {
    let mut asked_levels = asked.split('/');
    for level in allowed.split('/') {
        if level == "#" {
            return true;
        }
        match asked_levels.next() {
            Some("#") | None => return false,
            Some(part) if level == "+" || level == part => {}
            Some(_) => return false,
        }
    }
    asked_levels.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(check_name("A/b/data"), Ok(()));
        assert!(check_name("").is_err());
        assert!(check_name("a/+/b").is_err());
        assert!(check_name("a\0b").is_err());
        assert_eq!(check_name(&"x".repeat(255)), Ok(()));
        assert!(check_name(&"x".repeat(256)).is_err());
        assert_eq!(check_name("0/1/2/3/4/5/6/7/8/9/a"), Ok(()));
        assert!(check_name("0/1/2/3/4/5/6/7/8/9/a/b").is_err());
    }

    #[test]
    fn filters() {
        for good in ["a", "+", "#", "a/+/b", "a/#", "/+", "$sys/#"] {
            assert_eq!(check_filter(good), Ok(()), "{good}");
        }
        for bad in ["", "a+/b", "a/#/b", "a#", "a/b#"] {
            assert!(check_filter(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn matching() {
        assert!(matches("a/+/c", "a/b/c"));
        assert!(matches("a/#", "a"));
        assert!(matches("a/#", "a/b/c"));
        assert!(matches("é/+", "é/ü"));
        assert!(!matches("a/+", "a"));
        assert!(!matches("a/+", "a/b/c"));
        assert!(!matches("#", "$sys/x"));
        assert!(!matches("+/x", "$sys/x"));
        assert!(matches("$sys/+", "$sys/x"));
    }

    #[test]
    fn coverage() {
        assert!(covers("P/D/room/+/set", "P/D/room/kitchen/set"));
        assert!(covers("P/D/room/+/set", "P/D/room/+/set"));
        assert!(!covers("P/D/room/+/set", "P/D/room/#"));
        assert!(!covers("P/D/room/+/set", "P/D/+/+/set"));
        assert!(!covers("P/D/data", "P/D/+"));
        assert!(covers("P/D/#", "P/D/#"));
        assert!(covers("P/D/#", "P/D/a/+"));
        assert!(!covers("P/D/#", "P/#"));
    }
}
