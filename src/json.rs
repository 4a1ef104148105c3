//! A JSON scanner over raw text: finds members without building a document.
//!
//! RFC 8259 with the tolerances of the original's helpers (lite.md §2): upper-case literals, a leading `+`, numbers of
//! digits and dots in any order (`010`, `1.2.3`), bytes of any encoding in strings, and anything behind the object. Only
//! what stands before and in the wanted value is looked at, so a document that is cut off later still yields it.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use crate::error::Error;
use crate::memory;

/// Objects and arrays inside each other, the outermost counted.
const MAX_DEPTH: usize = 64;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text in quotes.
    String,
    /// Number.
    Number,
    /// `true` or `TRUE`.
    True,
    /// `false` or `FALSE`.
    False,
    /// `null` or `NULL`.
    Null,
    /// `{…}`
    Object,
    /// `[…]`
    Array,
}

/// A value as it stands in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its text: of a string what is between the quotes, escapes untouched; of a number without a leading `+`.
    pub text: &'a [u8],
}

impl<'a> Value<'a> {
    /// The bytes of a string with its escapes resolved; `None` for other values. Half of a surrogate pair becomes U+FFFD.
    /// `Malloc` without memory.
    pub fn unescaped(&self) -> Result<Option<Vec<u8>>, Error> {
        if self.kind != Kind::String {
            return Ok(None);
        }
        let mut out = Vec::new();
        out.try_reserve_exact(self.text.len()).map_err(|_| Error::Malloc)?;
        unescape(self.text, |piece| memory::append(&mut out, piece))?;
        Ok(Some(out))
    }

    /// The first bytes of a string with its escapes resolved, as many as there is room for; `None` for other values.
    pub fn unescaped_into<'b>(&self, room: &'b mut [u8]) -> Option<&'b [u8]> {
        let mut len = 0;
        let mut put = |piece: &[u8]| {
            for (slot, &byte) in room.iter_mut().skip(len).zip(piece) {
                *slot = byte;
                len += 1;
            }
            Ok::<(), Error>(())
        };
        (self.kind == Kind::String).then(|| unescape(self.text, &mut put))?.ok()?;
        room.get(..len)
    }

    /// Whether this is a string, and `text` with its escapes resolved.
    pub fn is(&self, text: &[u8]) -> bool {
        let mut rest = text;
        let compared = unescape(self.text, |piece| {
            rest = rest.strip_prefix(piece).ok_or(())?;
            Ok::<(), ()>(())
        });
        self.kind == Kind::String && compared.is_ok() && rest.is_empty()
    }

    /// An integer, given as a number or as decimal digits in a string.
    pub fn integer(&self) -> Option<i64> {
        let is_candidate = matches!(self.kind, Kind::Number | Kind::String);
        std::str::from_utf8(self.text).ok().filter(|_| is_candidate)?.parse().ok()
    }

    /// The elements of an array, in order; none of another value. Malformed text ends them.
    pub fn elements(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let mut scan = Scanner { text: self.text, at: 0 };
        let mut opening = if self.kind == Kind::Array { b'[' } else { 0 };
        std::iter::from_fn(move || {
            scan.take(opening)?;
            opening = b',';
            scan.value(1)
        })
    }
}

/// Whether `text` may stand between the quotes of a string as it is.
pub fn is_string_content(text: &[u8]) -> bool {
    let mut scan = Scanner { text, at: 0 };
    while let Some(byte) = scan.next() {
        let is_good = match byte {
            b'"' => false,
            b'\\' => scan.escape().is_some(),
            0x20.. => true,
            _ => false,
        };
        if !is_good {
            return false;
        }
    }
    true
}

/// Hands `text`, as it has to stand between the quotes of a string, to `put` in pieces; its first error ends that.
pub fn escape<E>(text: &[u8], mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let hex = |digit: u8| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
    for &byte in text {
        match byte {
            b'"' | b'\\' => put(&[b'\\', byte])?,
            b'\n' => put(br"\n")?,
            b'\r' => put(br"\r")?,
            b'\t' => put(br"\t")?,
            0x20.. => put(&[byte])?,
            _ => put(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)])?,
        }
    }
    Ok(())
}

/// Hands what is between the quotes of a string, with its escapes resolved, to `put` in pieces.
fn unescape<E>(text: &[u8], mut put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
    let mut rest = text;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'\\' {
            put(&[byte])?;
            continue;
        }
        let (escaped, behind) =
            rest.split_first().map_or((b'\\', rest), |(&escaped, behind)| (escaped, behind));
        rest = behind;
        match escaped {
            b'n' => put(b"\n")?,
            b'r' => put(b"\r")?,
            b't' => put(b"\t")?,
            b'b' => put(&[8])?,
            b'f' => put(&[12])?,
            b'u' => {
                let (character, behind) = unicode(rest);
                rest = behind;
                put(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            }
            other => put(&[other])?,
        }
    }
    Ok(())
}

/// The character whose hexadecimal digits `text` begins with, those of a second half included, and what is behind.
fn unicode(text: &[u8]) -> (char, &[u8]) {
    let Some((high, behind)) = hex4(text) else {
        return (char::REPLACEMENT_CHARACTER, text);
    };
    let low = behind.strip_prefix(br"\u").and_then(hex4).filter(|(low, _)| (0xdc00..0xe000).contains(low));
    match (high, low) {
        (0xd800..0xdc00, Some((low, behind))) => {
            let code = 0x10000 + (u32::from(high - 0xd800) << 10) + u32::from(low - 0xdc00);
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), behind)
        }
        _ => (char::from_u32(high.into()).unwrap_or(char::REPLACEMENT_CHARACTER), behind),
    }
}

fn hex4(text: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, behind) = text.split_first_chunk::<4>()?;
    let digits =
        std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    Some((u16::from_str_radix(digits, 16).ok()?, behind))
}

/// Whether `text` is one complete object.
pub fn is_object(text: &[u8]) -> bool {
    let is_complete = |mut scan: Scanner| scan.members(1).is_some() && scan.ahead().is_none();
    Scanner::object(text).is_some_and(is_complete)
}

/// The value of `path` in the object `text`: a name, or names joined by dots for nested objects.
///
/// Names are compared with the text between the quotes, byte for byte; the first of equal names counts; a name with a
/// dot in it cannot be reached. `None`: no such member, or malformed text before or in it.
pub fn find<'a>(path: &[u8], text: &'a [u8]) -> Option<Value<'a>> {
    let mut scan = Scanner::object(text)?;
    let mut names = path.split(|&b| b == b'.').peekable();
    let mut depth = 1;
    loop {
        let name = names.next().filter(|name| !name.is_empty())?;
        scan.seek(name, depth)?;
        if names.peek().is_none() {
            return scan.value(depth);
        }
        scan.take(b'{')?;
        depth += 1;
        if depth > MAX_DEPTH {
            return None;
        }
    }
}

/// As [`find`], in the form the helpers of the C interface give it: the text alone, and an empty string is as good as
/// a missing member.
pub fn value_of<'a>(path: &[u8], text: &'a [u8]) -> Option<&'a [u8]> {
    find(path, text).map(|value| value.text).filter(|text| !text.is_empty())
}

/// Calls `found` with the path of every member of the object `text` in document order, a nested object's members right
/// after the object itself. Members that are empty strings are left out; arrays are not entered.
///
/// Malformed text ends the walk. What is no object has no members. `Malloc` without memory; an error of `found` ends the
/// walk too.
pub fn keys(text: &[u8], found: &mut dyn FnMut(&[u8]) -> Result<(), Error>) -> Result<(), Error> {
    let Some(mut scan) = Scanner::object(text) else { return Ok(()) };
    match scan.walk(&mut Vec::new(), 1, found) {
        Err(End::Error(error)) => Err(error),
        Ok(()) | Err(End::Malformed) => Ok(()),
    }
}

/// What ends a walk over the members of an object.
enum End {
    Malformed,
    Error(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        End::Error(error)
    }
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Behind the opening brace of the document.
    fn object(text: &'a [u8]) -> Option<Scanner<'a>> {
        let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
        let mut scan = Scanner { text, at: 0 };
        scan.take(b'{')?;
        Some(scan)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Skips white space and looks at the byte behind it.
    fn ahead(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.peek()
    }

    /// Skips white space and one `byte`.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.ahead().filter(|&b| b == byte)?;
        self.at += 1;
        Some(())
    }

    /// From behind the opening brace of an object to the value of its member `name`.
    fn seek(&mut self, name: &[u8], depth: usize) -> Option<()> {
        let mut first = true;
        while let Some(key) = self.member(first)? {
            if key == name {
                return Some(());
            }
            self.value(depth)?;
            first = false;
        }
        None
    }

    /// The next name of an object, and the colon; `Some(None)` at its end.
    fn member(&mut self, first: bool) -> Option<Option<&'a [u8]>> {
        match self.ahead()? {
            b'}' => return self.take(b'}').map(|()| None),
            b',' if !first => self.take(b',')?,
            _ if first => {}
            _ => return None,
        }
        let key = self.string()?;
        self.take(b':')?;
        Some(Some(key))
    }

    /// The members of an object from behind its opening brace; `path` is that of the object with a dot, or empty.
    fn walk(
        &mut self,
        path: &mut Vec<u8>,
        depth: usize,
        found: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), End> {
        let outer = path.len();
        let mut first = true;
        while let Some(key) = self.member(first).ok_or(End::Malformed)? {
            memory::append(path, key)?;
            if self.ahead().ok_or(End::Malformed)? == b'{' && depth < MAX_DEPTH {
                found(path)?;
                memory::append(path, b".")?;
                self.take(b'{').ok_or(End::Malformed)?;
                self.walk(path, depth + 1, found)?;
            } else if !self.value(depth).ok_or(End::Malformed)?.text.is_empty() {
                found(path)?;
            }
            path.truncate(outer);
            first = false;
        }
        Ok(())
    }

    /// Any value inside a container that is `depth` deep.
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        let first = self.ahead()?;
        let start = self.at;
        let (kind, text) = match first {
            b'"' => (Kind::String, self.string()?),
            b'{' => (Kind::Object, self.container(depth, Scanner::members).map(|()| self.since(start))?),
            b'[' => (Kind::Array, self.container(depth, Scanner::elements).map(|()| self.since(start))?),
            b'+' | b'-' | b'.' | b'0'..=b'9' => (Kind::Number, self.number()?),
            _ => self.literal()?,
        };
        Some(Value { kind, text })
    }

    fn container(&mut self, depth: usize, content: fn(&mut Self, usize) -> Option<()>) -> Option<()> {
        self.at += 1;
        if depth < MAX_DEPTH { content(self, depth + 1) } else { None }
    }

    fn members(&mut self, depth: usize) -> Option<()> {
        let mut first = true;
        while self.member(first)?.is_some() {
            self.value(depth)?;
            first = false;
        }
        Some(())
    }

    fn elements(&mut self, depth: usize) -> Option<()> {
        if self.ahead()? == b']' {
            return self.take(b']');
        }
        loop {
            self.value(depth)?;
            match self.ahead()? {
                b',' => self.take(b',')?,
                _ => return self.take(b']'),
            }
        }
    }

    /// A string; gives what is between its quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            match self.next()? {
                b'"' => return self.text.get(start..self.at - 1),
                b'\\' => self.escape()?,
                0x20.. => {}
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => (0..4).all(|_| self.next().is_some_and(|b| b.is_ascii_hexdigit())).then_some(()),
            _ => None,
        }
    }

    /// A number, which needs something behind it: at the end of the text its last digits may be missing.
    fn number(&mut self) -> Option<&'a [u8]> {
        if self.peek() == Some(b'+') {
            self.at += 1;
        }
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let mantissa = self.at;
        self.skip(|b| b.is_ascii_digit() || b == b'.');
        self.since(mantissa).iter().any(u8::is_ascii_digit).then_some(())?;
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            let exponent = self.at;
            self.skip(|b| b.is_ascii_digit());
            (self.at > exponent).then_some(())?;
        }
        matches!(self.peek()?, b' ' | b'\t' | b'\r' | b'\n' | b',' | b'}' | b']').then(|| self.since(start))
    }

    fn literal(&mut self) -> Option<(Kind, &'a [u8])> {
        let start = self.at;
        self.skip(|b| b.is_ascii_alphanumeric());
        let text = self.since(start);
        let kind = match text {
            b"true" | b"TRUE" => Kind::True,
            b"false" | b"FALSE" => Kind::False,
            b"null" | b"NULL" => Kind::Null,
            _ => return None,
        };
        Some((kind, text))
    }

    fn skip(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
#[path = "json/tests.rs"]
mod tests;
