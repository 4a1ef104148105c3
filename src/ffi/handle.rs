//! The `void *` that stands for an object in C: a client, or a service with a client of its own.

use crate::client::Client;
use core::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// Gives an object to C, which returns it through [`release`].
pub fn give<T>(object: Arc<T>) -> *mut c_void {
    Arc::into_raw(object).cast_mut().cast()
}

/// The handle that C knows `client` by. Not generic: a reference to an `Arc` would pass for an object.
pub fn of(client: &Client) -> *mut c_void {
    std::ptr::from_ref(client).cast_mut().cast()
}

/// The object behind a handle; `None` for NULL. It lives as long as the result, even if another call releases the
/// handle meanwhile.
///
/// # Safety
/// `handle` is NULL or was made by [`give`] of a `T` and is not released.
pub unsafe fn get<T>(handle: *mut c_void) -> Option<Arc<T>> {
    if handle.is_null() {
        return None;
    }
    // SAFETY: the handle owns one reference, which stays: only the copy goes out.
    let owner = ManuallyDrop::new(unsafe { Arc::from_raw(handle.cast::<T>().cast_const()) });
    Some(Arc::clone(&owner))
}

/// The client behind a handle; `None` for NULL.
///
/// # Safety
/// As [`get`].
pub unsafe fn client(handle: *mut c_void) -> Option<Arc<Client>> {
    // SAFETY: as promised by the caller.
    unsafe { get(handle) }
}

/// Takes the reference of a handle back.
///
/// # Safety
/// `handle` was made by [`give`] of a `T` and is not used any more.
pub unsafe fn release<T>(handle: *mut c_void) {
    // SAFETY: as promised by the caller.
    drop(unsafe { Arc::from_raw(handle.cast::<T>().cast_const()) });
}
