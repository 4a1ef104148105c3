//! Variables of the environment.

use crate::error::Error;
use crate::memory;
use core::ffi::CStr;

/// A copy of a variable; `None` where it is not set. `Malloc` without memory, which `std::env` would end the process for.
///
/// As with all of C the application must not change the environment meanwhile.
pub fn variable(name: &CStr) -> Result<Option<Vec<u8>>, Error> {
    // SAFETY: the name is NUL-terminated, and so is the result, which is copied at once.
    let value = unsafe {
        let value = libc::getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
    };
    value.map(|value| memory::joined(&[value])).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_copied() {
        let path = std::env::var("PATH").unwrap();
        assert_eq!(variable(c"PATH"), Ok(Some(path.into_bytes())));
        assert_eq!(variable(c"NOBODY_HAS_SET_THIS"), Ok(None));
    }
}
