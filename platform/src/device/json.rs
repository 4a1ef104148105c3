//! The JSON the device file needs (RFC 8259): a checked object, its members as slices of the text.

use core::fmt;

/// Deepest nesting that is read.
const DEPTH: usize = 16;

/// The text of an object, braces included, known to be well-formed.
#[derive(Clone, Copy)]
pub struct Object<'a>(&'a [u8]);

/// One member of an object.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// Without quotes, escapes as written.
    pub key: &'a [u8],
    /// The value as it stands in the text.
    pub value: &'a [u8],
}

/// Where a text stops being JSON, and what was expected there.
pub struct Defect {
    /// Line, counted from 1.
    pub line: usize,
    /// What was expected.
    pub expected: &'static str,
}

/// Why a value is no text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    /// An object, array, literal or broken escape.
    NotText,
    /// Does not fit.
    TooLong,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} expected", self.line, self.expected)
    }
}

impl<'a> Object<'a> {
    /// Checks a whole file: one object; byte-order mark and white space around it are allowed.
    pub fn parse(file: &'a [u8]) -> Result<Self, Defect> {
        let text = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file);
        let mut scan = Scan { text, at: 0 };
        let object = scan.document().map_err(|expected| {
            let read = text.get(..scan.at).unwrap_or(text);
            Defect { line: 1 + read.iter().filter(|b| **b == b'\n').count(), expected }
        })?;
        Ok(Self(object))
    }

    /// The members in the order of the text.
    pub fn members(self) -> impl Iterator<Item = Member<'a>> {
        let mut scan = Scan { text: self.0, at: 1 };
        core::iter::from_fn(move || {
            scan.blank();
            if scan.peek() == Some(b',') {
                scan.at += 1;
            }
            // The text was checked, so the only failure is the closing brace.
            scan.member(DEPTH).ok()
        })
    }

    /// The first member of that name.
    pub fn get(self, key: &str) -> Option<Member<'a>> {
        self.members().find(|member| member.key == key.as_bytes())
    }
}

impl<'a> Member<'a> {
    /// The value if it is an object.
    pub fn object(self) -> Option<Object<'a>> {
        self.value.starts_with(b"{").then_some(Object(self.value))
    }

    /// Writes the value without quotes and escapes to `out`; a number counts as text, as the reference reads it.
    /// Returns the length.
    pub fn text(self, out: &mut [u8]) -> Result<usize, TextError> {
        let Some(quoted) = self.value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")) else {
            return match self.value.first() {
                Some(b'-' | b'0'..=b'9') => copy(self.value, out),
                _ => Err(TextError::NotText),
            };
        };
        unescape(quoted, out)
    }
}

fn copy(text: &[u8], out: &mut [u8]) -> Result<usize, TextError> {
    let place = out.get_mut(..text.len()).ok_or(TextError::TooLong)?;
    place.copy_from_slice(text);
    Ok(text.len())
}

fn unescape(quoted: &[u8], out: &mut [u8]) -> Result<usize, TextError> {
    let mut rest = quoted;
    let mut len = 0;
    while let Some((&first, tail)) = rest.split_first() {
        let mut utf8 = [first, 0, 0, 0];
        let mut bytes: &[u8] = utf8.get(..1).unwrap_or_default();
        rest = tail;
        if first == b'\\' {
            let (c, tail) = escape(rest).ok_or(TextError::NotText)?;
            bytes = c.encode_utf8(&mut utf8).as_bytes();
            rest = tail;
        }
        len += copy(bytes, out.get_mut(len..).unwrap_or_default())?;
    }
    Ok(len)
}

/// The character of an escape, `rest` starting behind the backslash, and what follows it. NUL cannot be part of a C
/// text and is refused.
fn escape(rest: &[u8]) -> Option<(char, &[u8])> {
    let (&kind, rest) = rest.split_first()?;
    let c = match kind {
        b'"' | b'\\' | b'/' => kind as char,
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return code_point(rest).filter(|(c, _)| *c != '\0'),
        _ => return None,
    };
    Some((c, rest))
}

fn code_point(rest: &[u8]) -> Option<(char, &[u8])> {
    let (high, rest) = hex4(rest)?;
    if !(0xD800..0xDC00).contains(&high) {
        return Some((char::from_u32(high)?, rest));
    }
    let (low, rest) = hex4(rest.strip_prefix(b"\\u")?)?;
    let low = low.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((high - 0xD800) << 10) + low)?, rest))
}

fn hex4(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(4)?;
    let mut value = 0;
    for digit in digits {
        value = value * 16 + (*digit as char).to_digit(16)?;
    }
    Some((value, rest))
}

/// Walks over a text; errors name what was expected.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, name: &'static str) -> Result<(), &'static str> {
        self.blank();
        if self.peek() != Some(byte) {
            return Err(name);
        }
        self.at += 1;
        Ok(())
    }

    fn document(&mut self) -> Result<&'a [u8], &'static str> {
        self.blank();
        let start = self.at;
        if self.peek() != Some(b'{') {
            return Err("an object");
        }
        self.value(DEPTH)?;
        let object = self.since(start);
        self.blank();
        if self.peek().is_some() { Err("the end of the file") } else { Ok(object) }
    }

    fn member(&mut self, depth: usize) -> Result<Member<'a>, &'static str> {
        self.blank();
        let start = self.at;
        self.string("a key in quotes")?;
        let key = self.since(start);
        self.expect(b':', "a colon")?;
        self.blank();
        let start = self.at;
        self.value(depth)?;
        let key = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
        Ok(Member { key, value: self.since(start) })
    }

    fn value(&mut self, depth: usize) -> Result<(), &'static str> {
        self.blank();
        match self.peek() {
            Some(b'{') => self.list(depth, b'}', "a comma or }"),
            Some(b'[') => self.list(depth, b']', "a comma or ]"),
            Some(b'"') => self.string("a closing quote"),
            _ => self.word(),
        }
    }

    fn list(&mut self, depth: usize, close: u8, separator: &'static str) -> Result<(), &'static str> {
        let depth = depth.checked_sub(1).ok_or("less nesting")?;
        self.at += 1;
        self.blank();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            if close == b'}' {
                self.member(depth)?;
            } else {
                self.value(depth)?;
            }
            self.blank();
            if self.peek() == Some(close) {
                self.at += 1;
                return Ok(());
            }
            self.expect(b',', separator)?;
        }
    }

    fn string(&mut self, expected: &'static str) -> Result<(), &'static str> {
        if self.peek() != Some(b'"') {
            return Err(expected);
        }
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                None | Some(0..=0x1F) => return Err("a closing quote"),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        Ok(())
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<(), &'static str> {
        let start = self.at;
        while matches!(self.peek(), Some(b'+' | b'-' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E')) {
            self.at += 1;
        }
        let word = self.since(start);
        let digits = word.strip_prefix(b"-").unwrap_or(word);
        let number = digits.first().is_some_and(u8::is_ascii_digit)
            && digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
        if number || matches!(word, b"true" | b"false" | b"null") {
            return Ok(());
        }
        self.at = start;
        Err("a value")
    }
}
