//! Numbers at the start of a text, as C's scanning functions read them: white space before, anything behind (lite.md §3).
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

/// An integer: decimal, `0x` hexadecimal or leading-`0` octal, with or without sign.
///
/// The magnitude wraps around at 2^64.
pub fn integer(text: &[u8]) -> Option<i128> {
    let (negative, digits) = sign(text);
    let (radix, digits) = match digits {
        [b'0', b'x' | b'X', rest @ ..] if rest.first().is_some_and(u8::is_ascii_hexdigit) => (16, rest),
        [b'0', ..] => (8, digits),
        _ => (10, digits),
    };
    signed(negative, magnitude(digits, radix)?)
}

/// As [`integer`], decimal only.
pub fn decimal(text: &[u8]) -> Option<i128> {
    let (negative, digits) = sign(text);
    signed(negative, magnitude(digits, 10)?)
}

/// What [`float`] reads.
pub trait Float: Sized {
    /// A decimal number; too large ones are infinite.
    fn decimal(text: &str) -> Option<Self>;
    /// Nearest value.
    fn nearest(value: f64) -> Self;
}

impl Float for f64 {
    fn decimal(text: &str) -> Option<f64> {
        text.parse().ok()
    }

    fn nearest(value: f64) -> f64 {
        value
    }
}

impl Float for f32 {
    fn decimal(text: &str) -> Option<f32> {
        text.parse().ok()
    }

    fn nearest(value: f64) -> f32 {
        value as f32
    }
}

/// A fraction: decimal or `0x` hexadecimal, with or without sign and exponent.
pub fn float<T: Float + std::ops::Neg<Output = T>>(text: &[u8]) -> Option<T> {
    let (negative, digits) = sign(text);
    let value = match digits {
        [b'0', b'x' | b'X', rest @ ..] if mantissa(rest, u8::is_ascii_hexdigit).is_some() => {
            T::nearest(hexadecimal(rest)?)
        }
        _ => {
            let len = mantissa(digits, u8::is_ascii_digit)?;
            let len = len + exponent(digits.get(len..)?, *b"eE").map_or(0, |(len, _)| len);
            T::decimal(std::str::from_utf8(digits.get(..len)?).ok()?)?
        }
    };
    Some(if negative { -value } else { value })
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    // isspace of C, which knows the vertical tab, unlike is_ascii_whitespace.
    let blank = |b: &&u8| matches!(**b, b' ' | b'\t'..=b'\r');
    let text = text.get(text.iter().take_while(blank).count()..).unwrap_or_default();
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn magnitude(digits: &[u8], radix: u32) -> Option<u64> {
    let mut digits = digits.iter().map_while(|&b| char::from(b).to_digit(radix)).peekable();
    digits.peek()?;
    Some(digits.fold(0u64, |n, digit| n.wrapping_mul(radix.into()).wrapping_add(digit.into())))
}

fn signed(negative: bool, magnitude: u64) -> Option<i128> {
    Some(if negative { -i128::from(magnitude) } else { magnitude.into() })
}

/// Length of digits with at most one dot among them; `None` without a digit.
fn mantissa(text: &[u8], is_digit: impl Fn(&u8) -> bool) -> Option<usize> {
    let mut dots = 0;
    let part = |b: &&u8| {
        dots += usize::from(**b == b'.');
        is_digit(b) || (**b == b'.' && dots == 1)
    };
    let len = text.iter().take_while(part).count();
    text.iter().take(len).any(is_digit).then_some(len)
}

/// Length and value of an exponent with its letter.
fn exponent(text: &[u8], letters: [u8; 2]) -> Option<(usize, i32)> {
    let (letter, rest) = text.split_first()?;
    letters.contains(letter).then_some(())?;
    let (negative, digits) = match rest {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, rest),
    };
    let digits = digits.get(..digits.iter().take_while(|b| b.is_ascii_digit()).count())?;
    let value = digits.iter().fold(0i32, |n, b| n.saturating_mul(10).saturating_add(i32::from(b - b'0')));
    let signs = usize::from(matches!(rest, [b'+' | b'-', ..]));
    (!digits.is_empty()).then_some((1 + signs + digits.len(), if negative { -value } else { value }))
}

fn hexadecimal(text: &[u8]) -> Option<f64> {
    let len = mantissa(text, u8::is_ascii_hexdigit)?;
    let mut value = 0.0f64;
    let mut scale = 0i32;
    let mut fraction = false;
    for &byte in text.get(..len)? {
        match char::from(byte).to_digit(16) {
            Some(digit) => {
                value = value * 16.0 + f64::from(digit);
                scale -= if fraction { 4 } else { 0 };
            }
            None => fraction = true,
        }
    }
    let (_, power) = exponent(text.get(len..)?, *b"pP").unwrap_or_default();
    Some(scaled(value, scale.saturating_add(power)))
}

/// `value * 2^power` without losing what an intermediate power could not hold.
fn scaled(mut value: f64, mut power: i32) -> f64 {
    while power != 0 && value != 0.0 && value.is_finite() {
        let step = power.clamp(-1000, 1000);
        // A power of two is its exponent and nothing else; what `powi` gives may be off by a bit.
        value *= f64::from_bits(u64::from((1023 + step).unsigned_abs()) << 52);
        power -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers() {
        for (text, number) in [
            ("7x", Some(7)),
            ("1.9", Some(1)),
            (" \t\n\x0b\x0c\r-12", Some(-12)),
            ("+5", Some(5)),
            ("010", Some(8)),
            ("08", Some(0)),
            ("0x1F", Some(31)),
            ("0X1fg", Some(31)),
            ("0x", Some(0)),
            ("4294967296", Some(4294967296)),
            ("18446744073709551616", Some(0)),
            ("", None),
            (" ", None),
            ("-", None),
            ("abc", None),
        ] {
            assert_eq!(integer(text.as_bytes()), number, "{text:?}");
        }
        assert_eq!(decimal(b"0x1F"), Some(0));
        assert_eq!(decimal(b"010"), Some(10));
        assert_eq!(decimal(b"-3"), Some(-3));
        assert_eq!(decimal(b"x"), None);
    }

    #[test]
    fn fractions() {
        for (text, number) in [
            ("1.5", Some(1.5)),
            (" -1.5e3rest", Some(-1500.0)),
            (".5", Some(0.5)),
            ("5.", Some(5.0)),
            ("1.2.3", Some(1.2)),
            ("1e", Some(1.0)),
            ("1e+", Some(1.0)),
            ("2E-2", Some(0.02)),
            ("0x1.8p1", Some(3.0)),
            ("-0x.4P+2", Some(-1.0)),
            ("0x", Some(0.0)),
            ("0x1p-1074", Some(f64::from_bits(1))),
            ("0x1p99999999999", Some(f64::INFINITY)),
            ("1e999", Some(f64::INFINITY)),
            ("-1e999", Some(f64::NEG_INFINITY)),
            ("1e-99999999999999999999", Some(0.0)),
            ("", None),
            (".", None),
            ("e5", None),
            ("nan", None),
        ] {
            assert_eq!(float::<f64>(text.as_bytes()), number, "{text:?}");
        }
        assert_eq!(float::<f32>(b"0.1"), Some(0.1f32));
        assert_eq!(float::<f32>(b"1e39"), Some(f32::INFINITY));
    }
}
