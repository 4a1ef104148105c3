//! The `void *` that stands for a client in C.

use crate::client::Client;
use core::ffi::c_void;
use std::mem::ManuallyDrop;
use std::sync::Arc;

/// Gives a client to C, which returns it through [`release`].
pub fn give(client: Arc<Client>) -> *mut c_void {
    Arc::into_raw(client).cast_mut().cast()
}

/// The handle that C knows `client` by.
pub fn of(client: &Client) -> *mut c_void {
    std::ptr::from_ref(client).cast_mut().cast()
}

/// The client behind a handle; `None` for NULL. It lives as long as the result, even if another call releases the
/// handle meanwhile.
///
/// # Safety
/// `handle` is NULL or was made by [`give`] and is not released.
pub unsafe fn client(handle: *mut c_void) -> Option<Arc<Client>> {
    if handle.is_null() {
        return None;
    }
    // SAFETY: the handle owns one reference, which stays: only the copy goes out.
    let owner = ManuallyDrop::new(unsafe { Arc::from_raw(handle.cast::<Client>().cast_const()) });
    Some(Arc::clone(&owner))
}

/// As [`give`], for what a service keeps with its client.
#[cfg(feature = "gateway_enabled")]
pub fn give_service<T: Send + Sync>(service: Arc<T>) -> *mut c_void {
    Arc::into_raw(service).cast_mut().cast()
}

/// As [`client`], for a handle of a service.
///
/// # Safety
/// `handle` is NULL or was made by [`give_service`] for a `T` and is not released.
#[cfg(feature = "gateway_enabled")]
pub unsafe fn service<T>(handle: *mut c_void) -> Option<Arc<T>> {
    if handle.is_null() {
        return None;
    }
    // SAFETY: the handle owns one reference, which stays: only the copy goes out.
    let owner = ManuallyDrop::new(unsafe { Arc::from_raw(handle.cast::<T>().cast_const()) });
    Some(Arc::clone(&owner))
}

/// Takes the reference of a handle back.
///
/// # Safety
/// `handle` was made by [`give`] and is not used any more.
pub unsafe fn release(handle: *mut c_void) {
    // SAFETY: as promised by the caller.
    drop(unsafe { Arc::from_raw(handle.cast::<Client>().cast_const()) });
}

/// As [`release`], for a handle of a service.
///
/// # Safety
/// `handle` was made by [`give_service`] for a `T` and is not used any more.
#[cfg(feature = "gateway_enabled")]
pub unsafe fn release_service<T>(handle: *mut c_void) {
    // SAFETY: as promised by the caller.
    drop(unsafe { Arc::from_raw(handle.cast::<T>().cast_const()) });
}
