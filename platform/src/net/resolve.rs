//! Name look-up with a time limit: `getaddrinfo` has none, so it runs in a thread that may be left behind.

use super::wait::{Ended, wait};
use crate::clock::Deadline;
use crate::heap::Owned;
use crate::log::{Bytes, Errno, Text, errno};
use crate::thread::spawn_helper;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::fmt;
use core::mem;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};

/// Enough for the resolver libraries in use.
const STACK: usize = 256 * 1024;

/// Longest host name of the DNS (RFC 1035 §2.3.4) with terminator.
const HOST: usize = 256;

/// Addresses of a host in the resolver's order.
pub struct Addresses(*mut libc::addrinfo);

impl Addresses {
    /// The addresses, first choice first.
    pub fn iter(&self) -> impl Iterator<Item = &libc::addrinfo> {
        // SAFETY: the list is live as long as `self`; each entry is NULL or live as well.
        let mut next = unsafe { self.0.as_ref() };
        core::iter::from_fn(move || {
            let current = next?;
            // SAFETY: as above.
            next = unsafe { current.ai_next.as_ref() };
            Some(current)
        })
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the list came from getaddrinfo and is not used afterwards.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

/// Why there are no addresses.
pub enum Failed {
    /// The resolver's own code (`EAI_*`), with errno for `EAI_SYSTEM`.
    Resolver(c_int, c_int),
    /// The host is NULL, empty or longer than a name can be.
    BadName,
    /// The time was over.
    Late,
    /// The waiter was woken.
    Woken,
    /// No thread, descriptor or memory for the look-up.
    System(c_int),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Resolver(libc::EAI_SYSTEM, error) | Self::System(error) => Errno(error).fmt(f),
            Self::Resolver(code, _) => {
                // SAFETY: gai_strerror returns a constant text for every code.
                let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) };
                Bytes(text.to_bytes()).fmt(f)
            }
            Self::BadName => f.write_str("not a host name"),
            Self::Late => f.write_str("name look-up timed out"),
            Self::Woken => f.write_str("name look-up was interrupted"),
        }
    }
}

/// Looks `host` up until `deadline`, or until the waiter is woken. A numeric address needs no look-up.
pub fn resolve(
    host: &CStr,
    port: u16,
    deadline: Deadline,
    waiter: Option<c_int>,
) -> Result<Addresses, Failed> {
    if host.is_empty() || host.count_bytes() >= HOST {
        return Err(Failed::BadName);
    }
    match query(host, port, libc::AI_NUMERICHOST) {
        Err(Failed::Resolver(libc::EAI_NONAME, _)) => look_up(host, port, deadline, waiter),
        numeric => numeric,
    }
}

fn query(host: &CStr, port: u16, flags: c_int) -> Result<Addresses, Failed> {
    let mut service = Text::<8>::new();
    service.set(format_args!("{port}"));
    // SAFETY: addrinfo is a C structure for which zeroes mean "no wish".
    let mut hints = unsafe { mem::zeroed::<libc::addrinfo>() };
    hints.ai_family = libc::AF_UNSPEC;
    hints.ai_socktype = libc::SOCK_STREAM;
    hints.ai_flags = flags | libc::AI_NUMERICSERV;
    let mut list = ptr::null_mut();
    // SAFETY: two terminated texts, initialised hints, and a place for the result.
    let code = unsafe { libc::getaddrinfo(host.as_ptr(), service.as_ptr(), &hints, &mut list) };
    if code == 0 { Ok(Addresses(list)) } else { Err(Failed::Resolver(code, errno())) }
}

/// A look-up shared by the caller and the helper thread. Whoever lets go last frees it.
struct LookUp {
    holders: AtomicU32,
    /// Becomes readable when the result is there.
    done: c_int,
    list: AtomicPtr<libc::addrinfo>,
    code: AtomicI32,
    error: AtomicI32,
    port: u16,
    host: [c_char; HOST],
}

impl LookUp {
    fn new(host: &CStr, port: u16) -> Result<Owned<Self>, Failed> {
        let mut copy = [0; HOST];
        for (to, from) in copy.iter_mut().zip(host.to_bytes()) {
            *to = *from as c_char;
        }
        // SAFETY: no precondition.
        let done = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if done < 0 {
            return Err(Failed::System(errno()));
        }
        let look_up = Self {
            holders: AtomicU32::new(2),
            done,
            list: AtomicPtr::new(ptr::null_mut()),
            code: AtomicI32::new(0),
            error: AtomicI32::new(0),
            port,
            host: copy,
        };
        // Dropping the value on failure closes the descriptor.
        Owned::new(look_up).ok_or(Failed::System(libc::ENOMEM))
    }

    fn run(&self) {
        // SAFETY: the last byte of `host` is never written, so it is terminated.
        let host = unsafe { CStr::from_ptr(self.host.as_ptr()) };
        match query(host, self.port, 0) {
            Ok(mut addresses) => {
                self.list.store(mem::replace(&mut addresses.0, ptr::null_mut()), Ordering::Release)
            }
            Err(Failed::Resolver(code, error)) => {
                self.code.store(code, Ordering::Relaxed);
                self.error.store(error, Ordering::Relaxed);
            }
            Err(_) => self.code.store(libc::EAI_FAIL, Ordering::Relaxed),
        }
        let one = 1u64;
        // SAFETY: eight readable bytes; the descriptor is open as long as this holder has not let go.
        while unsafe { libc::write(self.done, (&raw const one).cast(), 8) } < 0 && errno() == libc::EINTR {}
    }

    fn take(&self) -> Result<Addresses, Failed> {
        let list = self.list.swap(ptr::null_mut(), Ordering::Acquire);
        if list.is_null() {
            return Err(Failed::Resolver(
                self.code.load(Ordering::Relaxed),
                self.error.load(Ordering::Relaxed),
            ));
        }
        Ok(Addresses(list))
    }
}

impl Drop for LookUp {
    fn drop(&mut self) {
        drop(Addresses(*self.list.get_mut()));
        // SAFETY: the descriptor belongs to this value.
        unsafe { libc::close(self.done) };
    }
}

/// Lets one holder go.
///
/// # Safety
/// The caller is one of the two holders and does not use the look-up afterwards.
unsafe fn let_go(look_up: NonNull<LookUp>) {
    // SAFETY: live until both have let go.
    let last = unsafe { look_up.as_ref() }.holders.fetch_sub(1, Ordering::AcqRel) == 1;
    if last {
        // SAFETY: the other holder is gone.
        drop(unsafe { Owned::from_raw(look_up.as_ptr()) });
    }
}

extern "C" fn run(look_up: *mut c_void) -> *mut c_void {
    if let Some(look_up) = NonNull::new(look_up.cast::<LookUp>()) {
        // SAFETY: this thread is one of the two holders until it lets go.
        unsafe {
            look_up.as_ref().run();
            let_go(look_up);
        }
    }
    ptr::null_mut()
}

fn look_up(host: &CStr, port: u16, deadline: Deadline, waiter: Option<c_int>) -> Result<Addresses, Failed> {
    let raw = LookUp::new(host, port)?.into_raw();
    if let Err(error) = spawn_helper(run, raw.cast(), STACK) {
        // SAFETY: no thread took its share.
        drop(unsafe { Owned::from_raw(raw) });
        return Err(Failed::System(error));
    }
    let Some(shared) = NonNull::new(raw) else {
        return Err(Failed::System(libc::ENOMEM));
    };
    // SAFETY: this thread is one of the two holders until it lets go below.
    let state = unsafe { shared.as_ref() };
    let result = match wait(state.done, libc::POLLIN, waiter, deadline) {
        Ended::Ready => state.take(),
        Ended::Woken => Err(Failed::Woken),
        Ended::Late => Err(Failed::Late),
        Ended::Failed(error) => Err(Failed::System(error)),
    };
    // SAFETY: not used afterwards.
    unsafe { let_go(shared) };
    result
}
