//! What the pure parts of the client have to say to the log, and why they refuse something.
//!
//! They write no log lines themselves: the caller knows the file and function label of the line (`log.md` §5).

use crate::error::Error;
use std::fmt;

/// Level of a [`Notice`] in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// INF: something worth knowing that is meant to be so.
    Info,
    /// WRN: the work goes on, but somebody should look at it.
    Warning,
}

/// One line for the log. Never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Level of the line.
    pub severity: Severity,
    /// The line without level, time and label.
    pub text: String,
}

impl Notice {
    pub(super) fn info(text: String) -> Notice {
        Notice { severity: Severity::Info, text }
    }

    pub(super) fn warning(text: String) -> Notice {
        Notice { severity: Severity::Warning, text }
    }
}

/// Why an input was refused: the code for the C interface and the cause for the log. Never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What the C interface returns.
    pub error: Error,
    /// One sentence for the log, for the person who wrote the input.
    pub text: String,
}

impl Refusal {
    pub(super) fn new(error: Error, text: impl Into<String>) -> Refusal {
        Refusal { error, text: text.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        refusal.error
    }
}
