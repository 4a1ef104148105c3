//! Default Linux port of the SDK: every `HAL_*` function.
//!
//! The functions are C symbols; their contracts are in `hal.md`. A firmware may replace each of them, so the port
//! reaches its own allocator through the public symbols as well (`c/port.c`). There is no std here: the archive shall
//! not carry a second copy of it beside the SDK's.
#![no_std]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../../src/hal/device_info.rs"]
#[allow(dead_code, reason = "the SDK uses the constants that the port does not")]
mod device_info;
#[allow(dead_code, reason = "the SDK uses the constants that the port does not")]
#[path = "../../src/hal/import.rs"]
mod import;

#[macro_use]
mod log;

mod clock;
mod codes;
mod device;
mod heap;
mod net;
mod os;
mod sync;
mod thread;
mod timer;
#[cfg(not(feature = "auth_with_notls"))]
#[allow(
    clippy::result_large_err,
    reason = "an error ends a connection attempt; boxing it would need memory just then"
)]
mod tls;
mod waiter;

/// Without std nothing can unwind: a panic here is a bug of the port and ends the process.
#[cfg(feature = "staticlib")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: abort has no precondition.
    unsafe { libc::abort() }
}

/// The compiler's support library refers to a personality function, which std would define; nothing ever calls it.
#[cfg(feature = "staticlib")]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    // SAFETY: abort has no precondition.
    unsafe { libc::abort() }
}
