//! Interrupts a thread that waits for the network (optional port functions `HAL_Waiter_*`).

use super::{clock, symbols};
use core::ffi::c_void;

/// How long a port without waiters may sleep before it looks around, in ms.
pub const SLICE_MS: u32 = 100;

/// Lets one thread wake another one out of a wait; without port support waits are cut in slices.
pub struct Waiter(*mut c_void);

// SAFETY: the port's waiter may be woken from any thread, and only the yielding thread waits on it.
unsafe impl Send for Waiter {}
// SAFETY: as above.
unsafe impl Sync for Waiter {}

impl Waiter {
    /// A waiter of the port, or the substitute where the port has none.
    pub fn new() -> Waiter {
        // SAFETY: called only if the port has the function.
        Waiter(unsafe {
            if symbols::iot_hal_has_waiter() {
                symbols::iot_hal_waiter_create()
            } else {
                std::ptr::null_mut()
            }
        })
    }

    /// The substitute.
    #[cfg(test)]
    pub(super) fn none() -> Waiter {
        Waiter(std::ptr::null_mut())
    }

    /// Ends the current or the next wait early.
    pub fn wake(&self) {
        if !self.0.is_null() {
            // SAFETY: a live waiter of the port.
            unsafe { symbols::iot_hal_waiter_wake(self.0) }
        }
    }

    /// Waits `ms`, less if woken or if the port can only sleep in slices.
    pub fn sleep(&self, ms: u32) {
        if self.0.is_null() {
            clock::sleep(ms.min(SLICE_MS));
        } else {
            // SAFETY: a live waiter of the port; an early return is fine.
            unsafe { symbols::iot_hal_waiter_sleep(self.0, ms) };
        }
    }

    /// Whether waits can be interrupted at once.
    pub fn is_real(&self) -> bool {
        !self.0.is_null()
    }

    pub(super) fn as_ptr(&self) -> *mut c_void {
        self.0
    }
}

impl Default for Waiter {
    fn default() -> Waiter {
        Waiter::new()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: created by the port, and nobody waits any more: the owner is going away.
            unsafe { symbols::iot_hal_waiter_destroy(self.0) }
        }
    }
}
