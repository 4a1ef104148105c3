//! Vectors and texts that grow as far as there is memory (docs/architecture.md, "Out of memory").
//!
//! What a server or the application decides the size of is made here. Rust's own ways to grow end the process where
//! `HAL_Malloc` has nothing left.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use crate::error::Error;
use std::ffi::CString;
use std::fmt;

/// Appends an item; the list is as it was if there is no memory.
pub fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), Error> {
    list.try_reserve(1).map_err(|_| Error::Malloc)?;
    list.push(item);
    Ok(())
}

/// Appends bytes; what is there stays as it was if there is no memory.
pub fn append(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    out.try_reserve(bytes.len()).map_err(|_| Error::Malloc)?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// The parts behind each other.
pub fn joined(parts: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    out.try_reserve_exact(parts.iter().map(|part| part.len()).sum()).map_err(|_| Error::Malloc)?;
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(out)
}

/// A copy of a text.
pub fn text(text: &str) -> Result<String, Error> {
    let mut out = String::new();
    out.try_reserve_exact(text.len()).map_err(|_| Error::Malloc)?;
    out.push_str(text);
    Ok(out)
}

/// A copy with a NUL byte behind it, for C; `Inval` for bytes with a NUL among them.
pub fn terminated(bytes: &[u8]) -> Result<CString, Error> {
    CString::from_vec_with_nul(joined(&[bytes, &[0]])?).map_err(|_| Error::Inval)
}

/// As `format!`.
pub fn format(arguments: fmt::Arguments) -> Result<String, Error> {
    let mut out = Text::default();
    out.format(arguments)?;
    String::from_utf8(out.0).map_err(|_| Error::Inval)
}

/// A text that is put together bit by bit.
#[derive(Debug, Default)]
pub struct Text(Vec<u8>);

impl Text {
    /// Appends bytes.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        append(&mut self.0, bytes)
    }

    /// Appends what `format!` would give.
    pub fn format(&mut self, arguments: fmt::Arguments) -> Result<(), Error> {
        // Nothing else than want of memory makes the writing of our own values fail.
        fmt::write(self, arguments).map_err(|_| Error::Malloc)
    }

    /// The whole.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_memory_for_is_made() {
        let mut list = vec![1];
        assert_eq!(push(&mut list, 2), Ok(()));
        assert_eq!(list, [1, 2]);
        assert_eq!(joined(&[b"a", b"", b"bc"]).as_deref(), Ok(&b"abc"[..]));
        assert_eq!(text("abc").as_deref(), Ok("abc"));
        assert_eq!(terminated(b"ab").as_deref(), Ok(c"ab"));
        assert_eq!(terminated(b"a\0b"), Err(Error::Inval));
        assert_eq!(format(format_args!("{}-{:>3}", "a", 7)).as_deref(), Ok("a-  7"));
        let mut out = Text::default();
        out.put(b"\xff").unwrap();
        out.format(format_args!("{:.2}", 0.5)).unwrap();
        assert_eq!(out.into_bytes(), b"\xff0.50");
    }
}
