//! Byte order (hal.md §11).

/// Host to network order.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_htons(value: u16) -> u16 {
    value.to_be()
}

/// Network to host order.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_ntohs(value: u16) -> u16 {
    u16::from_be(value)
}

/// Host to network order.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_htonl(value: u32) -> u32 {
    value.to_be()
}

/// Network to host order.
#[unsafe(no_mangle)]
pub extern "C" fn HAL_ntohl(value: u32) -> u32 {
    u32::from_be(value)
}
