//! `utils_getopt.h`.

use super::guard::guard;
use super::ptr;
use core::ffi::{c_char, c_int};
use core::ptr::null_mut;
use std::ffi::CStr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

/// Argument of the option returned last; declared by hand in the header.
///
/// cbindgen:ignore
#[unsafe(no_mangle)]
pub static utils_optarg: AtomicPtr<c_char> = AtomicPtr::new(null_mut());

/// Where the scan stands; one for the process, as the interface has no handle.
struct Scan {
    /// Word to look at.
    word: usize,
    /// Character of the word, 0: the word is new.
    letter: usize,
    /// `--` was met.
    ended: bool,
}

const START: Scan = Scan { word: 1, letter: 0, ended: false };

static SCAN: Mutex<Scan> = Mutex::new(START);

/// Next option of a command line.
///
/// Options are single letters behind a dash and may be joined; an argument follows in the same word or in the next one
/// and is left in utils_optarg. The scan ends at the first word that is no option, at "--", or at the end of the words;
/// the next call then starts over at the first word, except after "--". One scan per process; not for several threads.
///
/// @param nargc    count of nargv
/// @param nargv    the words, the first of which is not looked at
/// @param options  the letters, each followed by a colon if it takes an argument; a leading colon silences messages
/// @return the letter; '?' for an unknown one; '?' for a missing argument, or ':' if options has a leading colon;
///         -1 at the end
///
/// # Safety
/// `nargv` is NULL or has `nargc` NUL-terminated words that outlive the use of `utils_optarg`; `options` is NULL or
/// NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utils_getopt(
    nargc: c_int,
    nargv: *const *mut c_char,
    options: *const c_char,
) -> c_int {
    guard(-1, || {
        // SAFETY: as promised by the caller.
        let Some(options) = (unsafe { ptr::text(options) }) else { return -1 };
        // SAFETY: as promised by the caller.
        let Some(words) = (unsafe { ptr::array(nargv, usize::try_from(nargc).unwrap_or(0)) }) else {
            return -1;
        };
        let mut scan = SCAN.lock().unwrap_or_else(PoisonError::into_inner);
        utils_optarg.store(null_mut(), Ordering::Relaxed);
        scan.next(words, options)
    })
}

impl Scan {
    fn next(&mut self, words: &[*mut c_char], options: &[u8]) -> c_int {
        let Some(letter) = self.letter(words) else {
            let ended = self.ended;
            *self = Scan { ended, ..START };
            return -1;
        };
        let quiet = options.first() == Some(&b':');
        let known = options.iter().position(|&o| o == letter && o != b':');
        let result = match known.map(|at| options.get(at + 1) == Some(&b':')) {
            None => {
                complain(quiet, "illegal option", letter);
                b'?'
            }
            Some(false) => letter,
            Some(true) => match self.argument(words) {
                Some(argument) => {
                    utils_optarg.store(argument, Ordering::Relaxed);
                    letter
                }
                None => {
                    complain(quiet, "option requires an argument", letter);
                    if quiet { b':' } else { b'?' }
                }
            },
        };
        c_int::from(result)
    }

    /// The next option letter; `None` where the scan ends.
    fn letter(&mut self, words: &[*mut c_char]) -> Option<u8> {
        if self.ended {
            return None;
        }
        if self.letter > 0 {
            if let Some(&letter) = self.text(words).and_then(|text| text.get(self.letter)) {
                self.letter += 1;
                return Some(letter);
            }
            self.word += 1;
            self.letter = 0;
        }
        match self.text(words)? {
            b"--" => {
                self.ended = true;
                None
            }
            [b'-', letter, ..] => {
                self.letter = 2;
                Some(*letter)
            }
            _ => None,
        }
    }

    /// The rest of the word, else the next word; the scan goes on behind it.
    fn argument(&mut self, words: &[*mut c_char]) -> Option<*mut c_char> {
        let rest = self.letter;
        let attached = self.text(words).is_some_and(|text| text.len() > rest);
        let word = if attached { self.word } else { self.word + 1 };
        self.word = word + 1;
        self.letter = 0;
        let argument = words.get(word).copied().filter(|word| !word.is_null())?;
        Some(if attached { argument.wrapping_add(rest) } else { argument })
    }

    fn text<'a>(&self, words: &[*mut c_char]) -> Option<&'a [u8]> {
        // SAFETY: the words are NULL or terminated, as the caller of utils_getopt promises.
        unsafe { ptr::text(*words.get(self.word)?) }
    }
}

fn complain(quiet: bool, what: &str, letter: u8) {
    let text = format!("{what} - {}\n\0", char::from(letter));
    if let (false, Ok(text)) = (quiet, CStr::from_bytes_until_nul(text.as_bytes())) {
        crate::hal::print(text);
    }
}

#[cfg(test)]
#[path = "getopt/tests.rs"]
mod tests;
