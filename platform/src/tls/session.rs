//! Sessions to resume. A session belongs to the caller, who keeps it over reconnects, and to the connection, which
//! stores the tickets that arrive; whoever lets go last frees it.

use super::crypto::exclusive;
use crate::heap::Owned;
use core::cell::UnsafeCell;
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering};
use mbedtls_rs_sys as mbed;

const HOST: usize = 256;

struct Shared {
    holders: AtomicU32,
    /// Touched under [`exclusive`] only.
    state: UnsafeCell<State>,
}

struct State {
    saved: Option<Saved>,
    host: [u8; HOST],
    port: u16,
}

/// A session as Mbed TLS keeps it.
struct Saved {
    session: mbed::mbedtls_ssl_session,
    /// The server verified when the session was made.
    verified: bool,
}

impl Drop for Saved {
    fn drop(&mut self) {
        // SAFETY: initialised when it was made.
        unsafe { mbed::mbedtls_ssl_session_free(&mut self.session) };
    }
}

/// One holder's share of a session.
pub struct Session(NonNull<Shared>);

impl Session {
    /// An empty session for a server; `None` when there is no memory.
    pub fn new(host: &CStr, port: u16) -> Option<Self> {
        let mut state = State { saved: None, host: [0; HOST], port };
        state.host.get_mut(..host.count_bytes())?.copy_from_slice(host.to_bytes());
        let shared = Owned::new(Shared { holders: AtomicU32::new(1), state: UnsafeCell::new(state) })?;
        NonNull::new(shared.into_raw()).map(Self)
    }

    /// The share a caller keeps in C; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL or came from [`Session::into_raw`] and is used by this value only from now on.
    pub unsafe fn from_raw(raw: *mut core::ffi::c_void) -> Option<Self> {
        NonNull::new(raw.cast()).map(Self)
    }

    pub fn into_raw(self) -> *mut core::ffi::c_void {
        core::mem::ManuallyDrop::new(self).0.as_ptr().cast()
    }

    /// Another share.
    pub fn share(&self) -> Self {
        self.shared().holders.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }

    fn shared(&self) -> &Shared {
        // SAFETY: live as long as a share exists.
        unsafe { self.0.as_ref() }
    }

    /// True if the session was made with that server.
    pub fn is_for(&self, host: &CStr, port: u16) -> bool {
        exclusive(|| {
            // SAFETY: under the lock.
            let state = unsafe { &*self.shared().state.get() };
            let name = CStr::from_bytes_until_nul(&state.host).unwrap_or_default();
            name == host && state.port == port
        })
    }

    /// Offers the saved session in the next handshake of `ssl`; true if there was one. With `must_be_verified` only one
    /// whose server verified then, since a resumed handshake shows no certificate. The caller holds [`exclusive`].
    ///
    /// # Safety
    /// `ssl` is set up and its handshake has not begun.
    pub unsafe fn offer(&self, ssl: *mut mbed::mbedtls_ssl_context, must_be_verified: bool) -> bool {
        // SAFETY: under the lock.
        let state = unsafe { &mut *self.shared().state.get() };
        match &state.saved {
            // SAFETY: as the caller promised; the session is copied.
            Some(saved) if saved.verified || !must_be_verified => unsafe {
                mbed::mbedtls_ssl_set_session(ssl, &saved.session) == 0
            },
            _ => false,
        }
    }

    /// Saves the session of `ssl`; without one the old is forgotten. The caller holds [`exclusive`].
    ///
    /// # Safety
    /// `ssl` has finished its handshake.
    pub unsafe fn save(&self, ssl: *const mbed::mbedtls_ssl_context, verified: bool) {
        // SAFETY: under the lock.
        let state = unsafe { &mut *self.shared().state.get() };
        let mut session = MaybeUninit::uninit();
        // SAFETY: initialised before use; the library fills it with a copy.
        let saved = unsafe {
            mbed::mbedtls_ssl_session_init(session.as_mut_ptr());
            let code = mbed::mbedtls_ssl_get_session(ssl, session.as_mut_ptr());
            (code, Saved { session: session.assume_init(), verified })
        };
        match saved {
            (0, saved) => state.saved = Some(saved),
            (_, unusable) => drop(unusable),
        }
    }

    /// Forgets the saved session: the server did not take it well. The caller holds [`exclusive`].
    pub fn forget(&self) {
        // SAFETY: under the lock.
        unsafe { (*self.shared().state.get()).saved = None };
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.shared().holders.fetch_sub(1, Ordering::AcqRel) == 1 {
            // SAFETY: the last share is gone. Freeing a session touches no shared state of the library.
            drop(unsafe { Owned::from_raw(self.0.as_ptr()) });
        }
    }
}
