//! The one log implementation.
//!
//! A line is `<LVL>|<time>|<file>|<func>(<line>): <text>\r\n` (log.md §1), at most 1022 bytes on Linux. It is built on
//! the stack and handed over whole: to the message handler, else with one `HAL_Printf`, so lines never interleave.
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

use crate::hal;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString};
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{PoisonError, RwLock};

pub use ::log::Level;

/// Largest line plus its terminator (`MAX_LOG_MSG_LEN` of the public headers).
pub const MAX_LOG_MSG_LEN: usize = if cfg!(target_os = "linux") { 1023 } else { 511 };
/// Header and text are cut here; CR, LF and the terminator follow.
const MAX_CONTENT: usize = MAX_LOG_MSG_LEN - 3;

/// Most verbose level that is printed: 0 disable, 1 error, 2 warn, 3 info, 4 debug. C programs assign it directly.
#[allow(unsafe_code, non_upper_case_globals)] // the export attribute counts as unsafe
#[unsafe(no_mangle)]
pub static g_log_print_level: AtomicI32 = AtomicI32::new(3);

/// Most verbose level that is uploaded; without log upload it is stored and has no effect.
#[allow(unsafe_code, non_upper_case_globals)] // the export attribute counts as unsafe
#[unsafe(no_mangle)]
pub static g_log_upload_level: AtomicI32 = AtomicI32::new(if cfg!(feature = "log_upload") { 1 } else { 0 });

/// Takes a finished line, CR LF included; true: it needs no printing.
pub type Handler = fn(line: &CStr) -> bool;

static HANDLER: RwLock<Option<Handler>> = RwLock::new(None);

/// Held by a test that sets the handler or the level: both belong to the process.
#[cfg(test)]
pub static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

thread_local! {
    /// This thread is inside [`emit`]: messages that a handler or the port produces there are dropped (log.md §3).
    static EMITTING: Cell<bool> = const { Cell::new(false) };
    static HOLDING: Cell<Holding> = const { Cell::new(Holding::No) };
    /// Lines that wait for the end of a [`Hold`].
    static HELD: RefCell<Vec<CString>> = const { RefCell::new(Vec::new()) };
}

/// What a [`Hold`] has to do with the lines of this thread. Every message passes through a Hold and hardly one finds a line
/// to keep, so this is told apart from the lines.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holding {
    No,
    Nothing,
    Lines,
}

/// Keeps the lines of this thread back until it is dropped. Made before a lock is taken under which the port may log: the
/// message handler is application code and may call anything, so it runs when the lock is free again.
pub struct Hold {
    is_outermost: bool,
}

impl Hold {
    /// Starts to keep lines back, unless that is so already.
    pub fn start() -> Hold {
        let is_outermost = HOLDING.get() == Holding::No;
        if is_outermost {
            HOLDING.set(Holding::Nothing);
        }
        Hold { is_outermost }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.is_outermost && HOLDING.replace(Holding::No) == Holding::Lines {
            deliver_held();
        }
    }
}

#[cold]
fn deliver_held() {
    for line in HELD.try_with(RefCell::take).unwrap_or_default() {
        if let Some(_emitting) = Emitting::enter() {
            deliver(&line);
        }
    }
}

/// Writes one line if `level` is enabled; the arguments are not evaluated otherwise.
///
/// `log!(Level::Info, "mqtt_client.c", "IOT_MQTT_Construct", "mqtt connect with id: {id} success")`: file and function
/// are the labels that people search for in reference logs, the line number is that of the macro.
macro_rules! log {
    ($level:expr, $file:expr, $func:expr, $($text:tt)+) => {
        if $crate::log::enabled($level) {
            $crate::log::write($level, $file, $func, line!(), format_args!($($text)+))
        }
    };
}
pub(crate) use log;

/// Whether a message of `level` leads to a line.
pub fn enabled(level: Level) -> bool {
    enabled_number(number(level))
}

/// As [`enabled`], for the numbers of `LOG_LEVEL`.
pub fn enabled_number(level: i32) -> bool {
    level <= g_log_print_level.load(Ordering::Relaxed)
}

/// Sets or removes the message handler of the process; it runs in the thread that logs.
pub fn set_handler(handler: Option<Handler>) {
    *HANDLER.write().unwrap_or_else(PoisonError::into_inner) = handler;
}

/// What [`log!`] calls once the level is known to be enabled.
pub fn write(level: Level, file: &str, func: &str, line: u32, text: fmt::Arguments<'_>) {
    emit(number(level), file.as_bytes(), func.as_bytes(), i64::from(line), |out| {
        // The text itself never fails to be written, only a value's own Display can: what it wrote until then stays.
        let _ = out.write_fmt(text);
    });
}

/// As [`write`], for text that is already formatted and need not be UTF-8. `level` is a number of `LOG_LEVEL`.
pub fn write_bytes(level: i32, file: &[u8], func: &[u8], line: i64, text: &[u8]) {
    emit(level, file, func, line, |out| out.push(text));
}

fn number(level: Level) -> i32 {
    match level {
        Level::Error => 1,
        Level::Warn => 2,
        Level::Info => 3,
        Level::Debug | Level::Trace => 4,
    }
}

fn level_name(level: i32) -> &'static [u8] {
    match level {
        ..=0 => b"DIS",
        1 => b"ERR",
        2 => b"WRN",
        3 => b"INF",
        _ => b"DBG",
    }
}

fn emit(level: i32, file: &[u8], func: &[u8], line: i64, text: impl FnOnce(&mut Line)) {
    let Some(_emitting) = Emitting::enter() else { return };
    let mut out = Line::new();
    out.header(level, file, func, line);
    text(&mut out);
    let out = out.finish();
    if !keep(out) {
        deliver(out);
    }
}

/// Keeps a line back for the [`Hold`] of this thread; false if there is none.
fn keep(line: &CStr) -> bool {
    if HOLDING.get() == Holding::No {
        return false;
    }
    // Without memory the line is lost, and the work goes on.
    let kept = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        if held.try_reserve(1).is_ok()
            && let Some(line) = copy(line)
        {
            held.push(line);
        }
    });
    if kept.is_ok() {
        HOLDING.set(Holding::Lines);
    }
    kept.is_ok()
}

fn copy(line: &CStr) -> Option<CString> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(line.count_bytes() + 1).ok()?;
    bytes.extend_from_slice(line.to_bytes_with_nul());
    CString::from_vec_with_nul(bytes).ok()
}

fn deliver(line: &CStr) {
    let handler = *HANDLER.read().unwrap_or_else(PoisonError::into_inner);
    if !handler.is_some_and(|taken| taken(line)) {
        hal::print(line);
    }
}

/// Marks the thread for as long as it lives, also when a value's `Display` panics.
struct Emitting;

impl Emitting {
    fn enter() -> Option<Emitting> {
        match EMITTING.try_with(|busy| busy.replace(true)) {
            Ok(false) => Some(Emitting),
            // Inside a handler, or in a thread that is already taken down.
            Ok(true) | Err(_) => None,
        }
    }
}

impl Drop for Emitting {
    fn drop(&mut self) {
        let _ = EMITTING.try_with(|busy| busy.set(false));
    }
}

/// A line under construction: never longer than its buffer.
struct Line {
    buf: [u8; MAX_LOG_MSG_LEN],
    len: usize,
    full: bool,
}

impl Line {
    fn new() -> Line {
        Line { buf: [0; MAX_LOG_MSG_LEN], len: 0, full: false }
    }

    fn header(&mut self, level: i32, file: &[u8], func: &[u8], line: i64) {
        self.push(level_name(level));
        self.push(b"|");
        self.push(hal::timer_current(&mut [0; hal::TIME_TEXT_SIZE]));
        self.push(b"|");
        self.push(file.rsplit(|&b| b == b'/').next().unwrap_or(file));
        self.push(b"|");
        self.push(func);
        let _ = write!(self, "({line}): "); // writing to a Line cannot fail
    }

    /// Appends what fits; a character that does not fit as a whole is left out, and so is all that follows.
    fn push(&mut self, bytes: &[u8]) {
        if self.full {
            return;
        }
        let room = MAX_CONTENT.saturating_sub(self.len);
        self.full = bytes.len() > room;
        let part = if self.full { cut(bytes, room) } else { bytes };
        if let Some(space) = self.buf.get_mut(self.len..self.len + part.len()) {
            space.copy_from_slice(part);
            // A NUL would end the line early for the C reader.
            space.iter_mut().filter(|b| **b == 0).for_each(|b| *b = b'?');
            self.len += part.len();
        }
    }

    fn finish(&mut self) -> &CStr {
        if let Some(end) = self.buf.get_mut(self.len..self.len + 3) {
            end.copy_from_slice(b"\r\n\0");
        }
        CStr::from_bytes_until_nul(&self.buf).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push(s.as_bytes());
        Ok(())
    }
}

/// The first `limit` bytes, or up to 3 fewer so that no UTF-8 sequence is broken; other encodings are cut by bytes.
fn cut(bytes: &[u8], limit: usize) -> &[u8] {
    let Some(head) = bytes.get(..limit) else { return bytes };
    if head.len() == bytes.len() {
        return bytes;
    }
    let tail = head.iter().rev().take(3).take_while(|&&b| b & 0xC0 == 0x80).count();
    let Some(lead) = head.len().checked_sub(tail + 1).and_then(|at| head.get(at)) else { return head };
    let expected = match lead {
        0xC2..=0xDF => 1,
        0xE0..=0xEF => 2,
        0xF0..=0xF4 => 3,
        _ => 0,
    };
    if tail < expected { head.get(..head.len() - tail - 1).unwrap_or(head) } else { head }
}

/// Message payload as log text: printable ASCII and well-formed UTF-8 as they are, all else as `\n`, `\xNN` and so on.
pub struct Payload<'a>(pub &'a [u8]);

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No line shows more than this, and a payload may have 64 KiB.
        let shown = cut(self.0, MAX_LOG_MSG_LEN);
        for chunk in shown.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\r' => f.write_str("\\r")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    c if c.is_control() => write!(f, "\\x{:02x}", u32::from(c))?,
                    c => f.write_char(c)?,
                }
            }
            for b in chunk.invalid() {
                write!(f, "\\x{b:02x}")?;
            }
        }
        Ok(())
    }
}
