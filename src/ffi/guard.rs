//! The one rule for panics: none leaves the library.

use crate::log::{Level, log};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs the body of an exported function; if it panics, logs one error line and returns `failure`.
///
/// With `panic = "abort"` there is nothing to catch. State that a panic may leave half-changed lies behind locks whose
/// users cope with it, hence the assertion of unwind safety.
pub fn guard<T>(failure: T, body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        let cause = payload.downcast_ref::<&str>().copied();
        let cause =
            cause.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown");
        log!(Level::Error, "guard.rs", "guard", "internal error, the call fails: {cause}");
        failure
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_value_of_the_body() {
        assert_eq!(guard(-1, || 7), 7);
    }

    #[test]
    fn a_panic_becomes_the_failure_value() {
        assert_eq!(guard(-1, || panic!("on purpose")), -1);
        assert_eq!(guard(-1, || panic!("on purpose, {}", 2)), -1);
    }
}
