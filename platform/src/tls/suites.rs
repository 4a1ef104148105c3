//! What the client offers (auth.md §3.3, websocket.md §6).

use crate::import::*;
use core::ffi::c_int;

unsafe extern "C" {
    /// Whether this processor has AES instructions that Mbed TLS uses (c/cipher_hardware.c).
    fn iot_port_has_aes() -> c_int;
}

/// Pre-shared key only: AES-GCM first, then the two the platform is known to take.
static PSK: [c_int; 5] = [0x00A8, 0x00A9, 0x008C, 0x008D, 0];

/// The lists without pre-shared key; each ends with 0.
struct Lists {
    /// TLS 1.3, then ECDHE with AES-GCM or ChaCha20-Poly1305.
    modern: [c_int; 10],
    /// The same, then RSA key exchange: 0x009C, and 0x002F, the only one the reference log proves, as the last resort.
    compatible: [c_int; 12],
}

static AES_FIRST: Lists = Lists {
    modern: [0x1301, 0x1303, 0x1302, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC02C, 0xC030, 0],
    compatible: [0x1301, 0x1303, 0x1302, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC02C, 0xC030, 0x009C, 0x002F, 0],
};

/// Without AES instructions ChaCha20-Poly1305 takes two thirds of the time.
static CHACHA_FIRST: Lists = Lists {
    modern: [0x1303, 0x1301, 0x1302, 0xCCA9, 0xCCA8, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0],
    compatible: [0x1303, 0x1301, 0x1302, 0xCCA9, 0xCCA8, 0xC02B, 0xC02F, 0xC02C, 0xC030, 0x009C, 0x002F, 0],
};

/// The list for one of the `HAL_TLS_SUITES_*`, best first.
pub fn list(suites: c_int) -> &'static [c_int] {
    // SAFETY: no precondition.
    let lists = if unsafe { iot_port_has_aes() } != 0 { &AES_FIRST } else { &CHACHA_FIRST };
    match suites {
        HAL_TLS_SUITES_PSK => &PSK,
        HAL_TLS_SUITES_MODERN => &lists.modern,
        _ => &lists.compatible,
    }
}
