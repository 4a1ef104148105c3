//! A second Rust library of a firmware, for `neighbours.c`: with a standard library of its own, whose panics it catches.

use std::panic::catch_unwind;
use std::thread;

/// The sum of 0 to `count` - 1, made in another thread.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_sums_in_a_thread(count: i32) -> i32 {
    thread::spawn(move || (0..count).collect::<Vec<_>>().iter().sum()).join().unwrap_or(-1)
}

/// `number` again when the panic was caught with its message, which names it; else -1.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_panics_and_catches(number: i32) -> i32 {
    std::panic::set_hook(Box::new(|_| {}));
    let caught = catch_unwind(|| panic!("{number}")).err();
    caught.and_then(|cause| cause.downcast::<String>().ok()?.parse().ok()).unwrap_or(-1)
}
