//! Texts with placeholders.

use std::collections::BTreeMap;

/// What the placeholders with a label stood for.
pub type Bindings = BTreeMap<String, String>;

/// A text with placeholders: `‹kind›`, or `‹kind:label›`; the same label stands for the same text everywhere.
///
/// Kinds: `num` decimal digits, `hex` `0x` and hex digits, `id` five letters or digits, `key` 24 characters of base64,
/// `version` digits and dots, `any` anything.
#[derive(Clone, Debug)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Place { kind: Kind, label: Option<String> },
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Num,
    Hex,
    Id,
    Key,
    Version,
    Any,
}

impl Pattern {
    pub fn new(text: &str) -> Pattern {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('‹') {
            let (place, after) = behind.split_once('›').unwrap_or_else(|| panic!("no › in {text}"));
            parts.push(Part::Text(before.into()));
            parts.push(place_of(place));
            rest = after;
        }
        parts.push(Part::Text(rest.into()));
        Pattern(parts)
    }

    /// The bindings with what this text adds; None if it does not match.
    pub fn matches(&self, text: &str, bound: &Bindings) -> Option<Bindings> {
        matches(&self.0, text, bound)
    }
}

fn place_of(place: &str) -> Part {
    let (kind, label) = place.split_once(':').map_or((place, None), |(kind, label)| (kind, Some(label)));
    let kind = match kind {
        "num" => Kind::Num,
        "hex" => Kind::Hex,
        "id" => Kind::Id,
        "key" => Kind::Key,
        "version" => Kind::Version,
        "any" => Kind::Any,
        other => panic!("unknown placeholder {other}"),
    };
    Part::Place { kind, label: label.map(String::from) }
}

impl Kind {
    fn accepts(self, text: &str) -> bool {
        let all = |good: fn(u8) -> bool| !text.is_empty() && text.bytes().all(good);
        match self {
            Kind::Num => all(|b| b.is_ascii_digit()),
            Kind::Hex => text
                .strip_prefix("0x")
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())),
            Kind::Id => text.len() == 5 && all(|b| b.is_ascii_alphanumeric()),
            Kind::Key => text.len() == 24 && all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b)),
            Kind::Version => all(|b| b.is_ascii_digit() || b == b'.'),
            Kind::Any => true,
        }
    }
}

fn matches(parts: &[Part], text: &str, bound: &Bindings) -> Option<Bindings> {
    let Some((first, rest)) = parts.split_first() else {
        return text.is_empty().then(|| bound.clone());
    };
    match first {
        Part::Text(literal) => matches(rest, text.strip_prefix(literal.as_str())?, bound),
        Part::Place { kind, label } => ends(text).find_map(|end| {
            let (place, behind) = text.split_at(end);
            if !kind.accepts(place) {
                return None;
            }
            matches(rest, behind, &bind(bound, label.as_deref(), place)?)
        }),
    }
}

/// Where a placeholder can end, longest first.
fn ends(text: &str) -> impl Iterator<Item = usize> {
    (0..=text.len()).rev().filter(|at| text.is_char_boundary(*at))
}

fn bind(bound: &Bindings, label: Option<&str>, place: &str) -> Option<Bindings> {
    let mut bound = bound.clone();
    if let Some(label) = label {
        let known = bound.entry(label.to_owned()).or_insert_with(|| place.to_owned());
        if known != place {
            return None;
        }
    }
    Some(bound)
}

#[test]
fn labels_stand_for_one_text() {
    let pattern = Pattern::new("id ‹num:n› of ‹id:who›, again ‹num:n›");
    let bound = pattern.matches("id 17 of aB3xY, again 17", &Bindings::new()).expect("match");
    assert_eq!((bound["n"].as_str(), bound["who"].as_str()), ("17", "aB3xY"));
    assert!(pattern.matches("id 17 of aB3xY, again 18", &Bindings::new()).is_none());
    assert!(pattern.matches("id 17 of aB3xYz, again 17", &Bindings::new()).is_none());
    assert!(Pattern::new("a‹num:n›").matches("a18", &bound).is_none());
    assert!(Pattern::new("handle:‹hex›").matches("handle:0x5e2f", &Bindings::new()).is_some());
    assert!(Pattern::new("x‹any›").matches("x", &Bindings::new()).is_some());
}
