//! What the client offers (auth.md §3.3, websocket.md §6).

use core::ffi::c_int;

/// Pre-shared key only: AES-GCM first, then the two the platform is known to take.
pub static PSK: [c_int; 5] = [0x00A8, 0x00A9, 0x008C, 0x008D, 0];

/// TLS 1.3, then ECDHE with AES-GCM or ChaCha20-Poly1305.
pub static MODERN: [c_int; 10] = [0x1301, 0x1303, 0x1302, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC02C, 0xC030, 0];

/// The same, then RSA key exchange: 0x009C, and 0x002F, the only one the reference log proves, as the last resort.
pub static COMPATIBLE: [c_int; 12] =
    [0x1301, 0x1303, 0x1302, 0xC02B, 0xC02F, 0xCCA9, 0xCCA8, 0xC02C, 0xC030, 0x009C, 0x002F, 0];
