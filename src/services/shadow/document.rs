//! Documents that a device sends, byte for byte as the platform has known them since the original (`shadow.md` §§4.5, 5.1).

use crate::error::Error;
use crate::json;
use crate::memory;
use std::fmt;

/// What an update says about itself; inserted behind its opening brace when it is sent.
const TYPE_MEMBER: &[u8] = br#""type":"update", "#;

/// A member of a document: its name, and what a variable of the application holds.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// Name.
    pub key: &'a [u8],
    /// Value.
    pub value: Value<'a>,
}

/// A value to report.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// Nothing: the platform deletes the member.
    Null,
    /// An integer of any width.
    Integer(i64),
    /// A fraction, written with six decimals.
    Fraction(f64),
    /// A truth value.
    Bool(bool),
    /// Text, which becomes a string.
    Text(&'a [u8]),
    /// JSON text.
    Raw(&'a [u8]),
}

/// What a document is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Reports members.
    Report,
    /// Reports members; what was reported before is dropped.
    Overwrite,
    /// Reports members; all that is desired is dropped.
    ReportAndClearDesired,
    /// Drops all that is desired.
    ClearDesired,
    /// Names desired members, to drop those that are null.
    Desire,
}

impl Purpose {
    /// What stands before the members, and behind them.
    fn frame(self) -> [&'static str; 2] {
        match self {
            Purpose::Report => [r#"{"state":{"reported":{"#, r#"}}, "#],
            Purpose::Overwrite => [r#"{"overwriteUpdate":true, "state":{"reported":{"#, r#"}}, "#],
            Purpose::ReportAndClearDesired => [r#"{"state":{"reported":{"#, r#"},"desired": null}, "#],
            Purpose::ClearDesired => [r#"{"state":{"desired": null"#, r#"}, "#],
            Purpose::Desire => [r#"{"state":{"desired":{"#, r#"}}, "#],
        }
    }
}

/// Writes a document and a NUL byte into `out`, at most `size` bytes.
///
/// `JsonBufferTruncated`: a piece of it had to be cut; `JsonBufferTooSmall`: there was no room for its next piece at all.
/// `out` then has what fitted, and the NUL byte. `Malloc`: `out` is not to be used.
pub fn write(
    out: &mut Vec<u8>,
    size: usize,
    purpose: Purpose,
    members: &[Member],
    token: &str,
) -> Result<(), Error> {
    let room = size.checked_sub(1).ok_or(Error::JsonBufferTooSmall)?;
    let mut pieces = Pieces { out, room, fitted: 0, result: Ok(()) };
    let written = write_pieces(&mut pieces, purpose, members, token);
    // What the pieces are cut to leaves room for this.
    memory::append(out, &[0])?;
    written
}

fn write_pieces(pieces: &mut Pieces, purpose: Purpose, members: &[Member], token: &str) -> Result<(), Error> {
    let [before, behind] = purpose.frame();
    pieces.put(before.as_bytes());
    pieces.end()?;
    for (i, member) in members.iter().enumerate() {
        pieces.put(if i == 0 { b"\"" } else { b",\"" });
        content(member.key, pieces);
        pieces.put(b"\":");
        pieces.end()?;
        text(&member.value, pieces);
        pieces.end()?;
    }
    pieces.put(behind.as_bytes());
    pieces.end()?;
    pieces.format(format_args!(r#""clientToken":"{token}"}}"#));
    pieces.end()
}

/// Takes a document piece by piece, as far as there is room for it.
struct Pieces<'a> {
    out: &'a mut Vec<u8>,
    /// Bytes that still fit.
    room: usize,
    /// Bytes of the piece under way that did.
    fitted: usize,
    /// Whether all of that piece did.
    result: Result<(), Error>,
}

impl Pieces<'_> {
    /// Appends to the piece under way.
    fn put(&mut self, bytes: &[u8]) {
        if self.result.is_err() {
            return;
        }
        let fitting = bytes.get(..self.room).unwrap_or(bytes);
        self.result = memory::append(self.out, fitting);
        if self.result.is_err() {
            return;
        }
        self.room -= fitting.len();
        self.fitted += fitting.len();
        if fitting.len() < bytes.len() {
            let is_begun = self.fitted > 0;
            self.result = Err(if is_begun { Error::JsonBufferTruncated } else { Error::JsonBufferTooSmall });
        }
    }

    fn format(&mut self, arguments: fmt::Arguments) {
        let _ = fmt::write(self, arguments); // whether it fits is known at the end of the piece
    }

    /// Ends the piece under way.
    fn end(&mut self) -> Result<(), Error> {
        self.fitted = 0;
        self.result
    }
}

impl fmt::Write for Pieces<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// The request for the whole shadow.
pub fn get(token: &str) -> String {
    format!(r#"{{"type":"get", "clientToken":"{token}"}}"#)
}

/// The update as it is sent: `document` with its type inserted. `room` are the bytes of the buffer that it has to fit
/// into, which the original asks to be one larger than is needed.
pub fn update(document: &[u8], room: usize) -> Result<Vec<u8>, Error> {
    let brace = document.iter().position(|&byte| byte == b'{').ok_or(Error::Inval)?;
    if room.saturating_sub(document.len()) <= TYPE_MEMBER.len() + 1 {
        return Err(Error::Inval);
    }
    let (head, tail) = document.split_at(brace + 1);
    memory::joined(&[head, TYPE_MEMBER, tail])
}

/// The token that a document carries; compare it or take it with its escapes resolved.
pub fn token(document: &[u8]) -> Option<json::Value<'_>> {
    json::find(b"clientToken", document).filter(|token| token.kind == json::Kind::String && !token.is(b""))
}

fn text(value: &Value, pieces: &mut Pieces) {
    match value {
        Value::Null => pieces.put(b"null"),
        Value::Integer(integer) => pieces.format(format_args!("{integer}")),
        Value::Fraction(fraction) if fraction.is_finite() => pieces.format(format_args!("{fraction:.6}")),
        Value::Fraction(_) => pieces.put(b"null"),
        Value::Bool(value) => pieces.format(format_args!("{value}")),
        Value::Text(text) => {
            pieces.put(b"\"");
            content(text, pieces);
            pieces.put(b"\"");
        }
        Value::Raw(text) => pieces.put(text),
    }
}

/// Text for a place between quotes. Applications that escape by themselves must not get it twice: what may stand there
/// already stays as it is.
fn content(text: &[u8], pieces: &mut Pieces) {
    if json::is_string_content(text) {
        return pieces.put(text);
    }
    let put = |piece: &[u8]| {
        pieces.put(piece);
        pieces.result
    };
    let _ = json::escape(text, put); // whether it fits is known at the end of the piece
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: [Member; 2] =
        [Member { key: b"t", value: Value::Integer(21) }, Member { key: b"on", value: Value::Bool(true) }];
    const TOKEN: &str = "A1B2C3D4E5-4";

    fn written(purpose: Purpose, members: &[Member]) -> String {
        let mut text = Vec::new();
        write(&mut text, 4096, purpose, members, TOKEN).unwrap();
        assert_eq!(text.pop(), Some(0));
        String::from_utf8(text).unwrap()
    }

    /// What is written of a value.
    fn alone(value: Value) -> String {
        let document = written(Purpose::Report, &[Member { key: b"k", value }]);
        let value = document.strip_prefix(r#"{"state":{"reported":{"k":"#).unwrap();
        value.strip_suffix(r#"}}, "clientToken":"A1B2C3D4E5-4"}"#).unwrap().into()
    }

    #[test]
    fn every_document_byte_for_byte() {
        for (purpose, members, text) in [
            (
                Purpose::Report,
                &TWO[..],
                r#"{"state":{"reported":{"t":21,"on":true}}, "clientToken":"A1B2C3D4E5-4"}"#,
            ),
            (
                Purpose::Overwrite,
                &TWO,
                r#"{"overwriteUpdate":true, "state":{"reported":{"t":21,"on":true}}, "clientToken":"A1B2C3D4E5-4"}"#,
            ),
            (
                Purpose::ReportAndClearDesired,
                &TWO,
                r#"{"state":{"reported":{"t":21,"on":true},"desired": null}, "clientToken":"A1B2C3D4E5-4"}"#,
            ),
            (Purpose::ClearDesired, &[], r#"{"state":{"desired": null}, "clientToken":"A1B2C3D4E5-4"}"#),
            (
                Purpose::Desire,
                &TWO,
                r#"{"state":{"desired":{"t":21,"on":true}}, "clientToken":"A1B2C3D4E5-4"}"#,
            ),
            (Purpose::Report, &[], r#"{"state":{"reported":{}}, "clientToken":"A1B2C3D4E5-4"}"#),
        ] {
            assert_eq!(written(purpose, members), text);
        }
        assert_eq!(get("A1B2C3D4E5-0"), r#"{"type":"get", "clientToken":"A1B2C3D4E5-0"}"#);
    }

    #[test]
    fn values_as_c_prints_them() {
        for (value, expected) in [
            (Value::Null, "null"),
            (Value::Integer(i64::MIN), "-9223372036854775808"),
            (Value::Fraction(21.5), "21.500000"),
            (Value::Fraction(-0.0), "-0.000000"),
            (Value::Fraction(f64::from(0.1f32)), "0.100000"),
            // Exactly half of the last place: to the even digit.
            (Value::Fraction(0.0078125), "0.007812"),
            (Value::Fraction(0.0234375), "0.023438"),
            (Value::Fraction(1e15), "1000000000000000.000000"),
            (Value::Fraction(f64::NAN), "null"),
            (Value::Fraction(f64::INFINITY), "null"),
            (Value::Bool(false), "false"),
            (Value::Text(b""), r#""""#),
            (Value::Text(br#"pre\"escaped"#), r#""pre\"escaped""#),
            (Value::Text(b"say \"hi\"\n"), r#""say \"hi\"\n""#),
            (Value::Text("\u{4e2d}".as_bytes()), "\"\u{4e2d}\""),
            (Value::Raw(br#"{"a":[1]}"#), r#"{"a":[1]}"#),
        ] {
            assert_eq!(alone(value), expected, "{value:?}");
        }
        let greatest = alone(Value::Fraction(f64::MAX));
        assert!(
            greatest.len() == 309 + 7 && greatest.ends_with("124858368.000000"),
            "all digits: {greatest}"
        );
    }

    #[test]
    fn every_size_of_the_buffer() {
        let whole = written(Purpose::Report, &TWO);
        // Where one piece ends and the next begins.
        let seams: Vec<usize> = [r#"{"state":{"reported":{"#, r#""t":"#, "21", r#","on":"#, "true", "}}, "]
            .iter()
            .scan(0, |len, piece| {
                *len += piece.len();
                Some(*len)
            })
            .chain([0])
            .collect();
        for size in 0..=whole.len() {
            let mut text = Vec::new();
            let expected = if size == 0 || seams.contains(&(size - 1)) {
                Error::JsonBufferTooSmall
            } else {
                Error::JsonBufferTruncated
            };
            assert_eq!(write(&mut text, size, Purpose::Report, &TWO, TOKEN), Err(expected), "{size}");
            let fitting = whole.bytes().take(size.saturating_sub(1)).chain((size > 0).then_some(0));
            assert_eq!(text, fitting.collect::<Vec<u8>>());
        }
        assert_eq!(write(&mut Vec::new(), whole.len() + 1, Purpose::Report, &TWO, TOKEN), Ok(()));
    }

    #[test]
    fn updates_are_given_their_type() {
        let document = br#"{"state":{"desired": null}, "clientToken":"t"}"#;
        let sent = br#"{"type":"update", "state":{"desired": null}, "clientToken":"t"}"#;
        let len = document.len();
        assert_eq!(update(document, len + 17), Err(Error::Inval));
        assert_eq!(update(document, len + 18), Err(Error::Inval));
        assert_eq!(update(document, len + 19).as_deref(), Ok(&sent[..]));
        assert_eq!(update(document, 0), Err(Error::Inval));
        assert_eq!(update(b"no object", 100), Err(Error::Inval));
        assert_eq!(update(b" {}", 100).as_deref(), Ok(&br#" {"type":"update", }"#[..]));
    }

    #[test]
    fn tokens_of_updates() {
        assert!(token(br#"{"clientToken":"a-1"}"#).unwrap().is(b"a-1"));
        assert!(token(br#"{"clientToken":"a\/1"}"#).unwrap().is(b"a/1"));
        for text in [r#"{"clientToken":1}"#, r#"{"clientToken":""}"#, r#"{"state":{}}"#, "", "clientToken"] {
            assert_eq!(token(text.as_bytes()), None, "{text}");
        }
    }
}
