//! The cipher that build.rs compiles anew: its known answers, and whether it uses the processor's AES instructions.
#![cfg(not(feature = "auth_with_notls"))]

mod support;

use mbedtls_rs_sys as mbed;
use std::ffi::c_int;
use support::has_aes;

unsafe extern "C" {
    fn iot_port_has_aes() -> c_int;
}

#[test]
fn known_answers() {
    // SAFETY: no precondition; 0 keeps them silent.
    let (aes, gcm) = unsafe { (mbed::mbedtls_aes_self_test(0), mbed::mbedtls_gcm_self_test(0)) };
    assert_eq!((aes, gcm), (0, 0));
}

#[test]
fn aes_instructions_are_used_where_they_exist() {
    // SAFETY: no precondition.
    let used = unsafe { iot_port_has_aes() } != 0;
    assert_eq!(used, has_aes());
}
