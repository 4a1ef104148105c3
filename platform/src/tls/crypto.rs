//! What Mbed TLS needs from the system: random numbers, memory, and one lock around its shared state.

use crate::heap::{allocate, release};
use crate::log::errno;
use crate::sync::Lock;
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr;
use mbedtls_rs_sys as mbed;

/// The PSA part of Mbed TLS, which TLS 1.3 uses, keeps keys in one table for the whole process and is built without
/// locks of its own. Held during set-up, handshake steps, reads and clean-up; never during a wait.
static SHARED: Shared = Shared { lock: Lock::new(), ready: Cell::new(false) };

struct Shared {
    lock: Lock,
    ready: Cell<bool>,
}

// SAFETY: `ready` is touched under `lock` only.
unsafe impl Sync for Shared {}

/// Runs `f` while no other thread uses the shared state.
pub fn exclusive<R>(f: impl FnOnce() -> R) -> R {
    SHARED.lock.with(f)
}

/// Prepares the library once per process; false if it cannot be used.
pub fn prepare() -> bool {
    exclusive(|| {
        if !SHARED.ready.get() {
            // SAFETY: under the lock, before any other use of the library.
            let ready = unsafe {
                mbed::mbedtls_platform_set_calloc_free(Some(zeroed), Some(give_back)) == 0
                    && mbed::psa_crypto_init() == 0
            };
            SHARED.ready.set(ready);
        }
        SHARED.ready.get()
    })
}

unsafe extern "C" fn zeroed(count: usize, size: usize) -> *mut c_void {
    let Some(block) = count.checked_mul(size).and_then(allocate) else {
        return ptr::null_mut();
    };
    // SAFETY: the block has `count * size` bytes.
    unsafe { block.write_bytes(0, count * size) };
    block.as_ptr().cast()
}

/// Frees what the library allocated.
pub unsafe extern "C" fn give_back(block: *mut c_void) {
    // SAFETY: the library frees only what `zeroed` gave it.
    unsafe { release(block) };
}

/// `PSA_ERROR_INSUFFICIENT_ENTROPY`, which the bindings leave out.
pub const NO_ENTROPY: c_int = -148;

/// Fills `out` from the system's random source; false if that fails.
fn fill(mut out: *mut u8, mut len: usize) -> bool {
    while len > 0 {
        // SAFETY: the callers hand over `len` writable bytes.
        let count = unsafe { libc::getrandom(out.cast(), len, 0) };
        match usize::try_from(count) {
            Ok(count) => {
                // SAFETY: at most `len` bytes were written.
                out = unsafe { out.add(count) };
                len -= count;
            }
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return false,
        }
    }
    true
}

/// The random source in the form Mbed TLS takes.
pub unsafe extern "C" fn random(_: *mut c_void, out: *mut u8, len: usize) -> c_int {
    if fill(out, len) { 0 } else { NO_ENTROPY }
}

/// The random source of the PSA part.
#[unsafe(no_mangle)]
unsafe extern "C" fn mbedtls_psa_external_get_random(
    _: *mut mbed::mbedtls_psa_external_random_context_t,
    out: *mut u8,
    size: usize,
    len: *mut usize,
) -> mbed::psa_status_t {
    if !fill(out, size) {
        return NO_ENTROPY;
    }
    // SAFETY: the library hands over a writable length.
    unsafe { len.write(size) };
    0
}
