//! Lines of the port in the SDK's log.

use core::ffi::{CStr, c_char, c_int};
use core::fmt::{self, Write};

unsafe extern "C" {
    fn IOT_Log_Gen(
        file: *const c_char,
        func: *const c_char,
        line: c_int,
        level: c_int,
        fmt: *const c_char,
        ...
    );
}

/// Level of a line, numbered as `LOG_LEVEL`.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "not every build has lines of every level")]
pub enum Level {
    Err = 1,
    Wrn = 2,
    Inf = 3,
    Dbg = 4,
}

/// File and function under which a line appears; people search the log for these labels (log.md §4).
#[derive(Clone, Copy)]
pub struct Label {
    pub file: &'static CStr,
    pub func: &'static CStr,
}

/// Writes one line: `log!(Err, LABEL, "text {}", value)`. The text is cut at 511 bytes.
macro_rules! log {
    ($level:ident, $label:expr, $($arg:tt)+) => {
        $crate::log::write($crate::log::Level::$level, $label, line!(), format_args!($($arg)+))
    };
}

pub fn write(level: Level, label: Label, line: u32, args: fmt::Arguments<'_>) {
    let mut text = Text::<512>::new();
    text.set(args);
    let line = c_int::try_from(line).unwrap_or(1);
    // SAFETY: five NUL-terminated texts and two numbers, as IOT_Log_Gen declares; "%s" takes exactly one text.
    unsafe {
        IOT_Log_Gen(
            label.file.as_ptr(),
            label.func.as_ptr(),
            line,
            level as c_int,
            c"%s".as_ptr(),
            text.as_ptr(),
        )
    }
}

/// A NUL-terminated text of at most `N - 1` bytes; what does not fit is cut.
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    pub const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }

    /// Replaces the content.
    pub fn set(&mut self, args: fmt::Arguments<'_>) {
        self.bytes = [0; N];
        self.len = 0;
        // Writing into a Text cannot fail, and a value whose Display fails leaves what it wrote so far.
        let _ = self.write_fmt(args);
    }

    pub fn as_ptr(&self) -> *const c_char {
        self.bytes.as_ptr().cast()
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for byte in s.bytes() {
            // The last byte stays NUL.
            if self.len + 1 < N
                && let Some(slot) = self.bytes.get_mut(self.len)
            {
                *slot = byte;
                self.len += 1;
            }
        }
        Ok(())
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Bytes(self.as_bytes()).fmt(f)
    }
}

/// Text of unknown encoding: everything that is not printable ASCII or UTF-8 appears as `?`.
pub struct Bytes<'a>(pub &'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                f.write_char(if c.is_control() { '?' } else { c })?;
            }
            if !chunk.invalid().is_empty() {
                f.write_char('?')?;
            }
        }
        Ok(())
    }
}

/// A C text from a caller, shown by [`Bytes`]; NULL shows as `null`.
///
/// # Safety
/// `text` is NULL or NUL-terminated and outlives the value.
pub unsafe fn c_text<'a>(text: *const c_char) -> Bytes<'a> {
    if text.is_null() {
        return Bytes(b"null");
    }
    // SAFETY: not NULL, and NUL-terminated as the caller promised.
    Bytes(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Text of a system error.
pub struct Errno(pub c_int);

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; 96];
        // SAFETY: the buffer is writable for the length given; strerror_r terminates it.
        let result = unsafe { libc::strerror_r(self.0, text.as_mut_ptr().cast(), text.len()) };
        match CStr::from_bytes_until_nul(&text) {
            Ok(text) if result == 0 => Bytes(text.to_bytes()).fmt(f),
            _ => write!(f, "error {}", self.0),
        }
    }
}

/// Error number of the last system call of this thread.
pub fn errno() -> c_int {
    // SAFETY: points to this thread's errno.
    unsafe { *libc::__errno_location() }
}
