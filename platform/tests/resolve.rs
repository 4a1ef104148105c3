//! A name look-up that takes too long: the caller goes on in time, and what was left behind is freed. The resolver of
//! this process is the test's own, which answers `slow.test` only when it is told to.

mod support;

use std::ffi::{CStr, c_char, c_int};
use std::fs;
use std::net::TcpListener;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::{Waiter, assert_took, take_log, timed};

type Query = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const libc::addrinfo,
    *mut *mut libc::addrinfo,
) -> c_int;
type Free = unsafe extern "C" fn(*mut libc::addrinfo);

/// Whether slow names are answered now, and how many look-ups wait for that.
static GATE: Mutex<(bool, usize)> = Mutex::new((true, 0));
static CHANGED: Condvar = Condvar::new();
static LISTS: AtomicUsize = AtomicUsize::new(0);

/// The function of that name in the C library.
fn real(name: &CStr) -> *mut libc::c_void {
    // SAFETY: a terminated name; the library is loaded.
    let address = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) };
    assert!(!address.is_null());
    address
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const libc::addrinfo,
    result: *mut *mut libc::addrinfo,
) -> c_int {
    // SAFETY: the arguments of the C library's function, which this one hands on.
    unsafe {
        let query = std::mem::transmute::<*mut libc::c_void, Query>(real(c"getaddrinfo"));
        let numeric = (*hints).ai_flags & libc::AI_NUMERICHOST != 0;
        let code = if !numeric && CStr::from_ptr(host) == c"slow.test" {
            wait_for_gate();
            query(c"127.0.0.1".as_ptr(), service, hints, result)
        } else {
            query(host, service, hints, result)
        };
        LISTS.fetch_add(usize::from(code == 0), Ordering::SeqCst);
        code
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn freeaddrinfo(list: *mut libc::addrinfo) {
    LISTS.fetch_sub(1, Ordering::SeqCst);
    // SAFETY: the list came from the function above.
    unsafe { std::mem::transmute::<*mut libc::c_void, Free>(real(c"freeaddrinfo"))(list) };
}

fn wait_for_gate() {
    let mut gate = GATE.lock().unwrap();
    gate.1 += 1;
    CHANGED.notify_all();
    while !gate.0 {
        gate = CHANGED.wait(gate).unwrap();
    }
    gate.1 -= 1;
    CHANGED.notify_all();
}

fn set_gate(open: bool) {
    GATE.lock().unwrap().0 = open;
    CHANGED.notify_all();
}

fn open(port: u16, timeout_ms: u32, waiter: *mut libc::c_void) -> (c_int, usize) {
    let mut fd = usize::MAX;
    // SAFETY: a terminated host.
    let code = unsafe { support::HAL_TCP_Open(c"slow.test".as_ptr(), port, timeout_ms, waiter, &mut fd) };
    (code, fd)
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// One test, because all share the resolver and count the descriptors of the process.
// covers: Connecting / name look-up that does not answer | - | 1
#[test]
fn slow_look_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let waiter = Waiter::new();
    let before = descriptors();

    // Answered in time.
    let (code, fd) = open(port, 2000, ptr::null_mut());
    assert_eq!(code, 0);
    // SAFETY: the handle just made.
    assert_eq!(unsafe { support::HAL_TCP_Disconnect(fd) }, 0);

    // Not answered: the limit holds.
    set_gate(false);
    take_log();
    let (result, took) = timed(|| open(port, 150, ptr::null_mut()));
    assert_eq!(result, (-602, 0));
    assert_took(took, 150);
    assert!(take_log()[0].ends_with("failed: host not resolved: name look-up timed out"));

    // Not answered, and the caller is woken.
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(60));
            waiter.wake();
        });
        let (result, took) = timed(|| open(port, 20_000, waiter.0));
        assert_eq!(result, (-603, 0));
        assert!(took < Duration::from_millis(260), "{took:?}");
    });
    assert_eq!(waiter.sleep(0), 1, "the wake is still there for the caller");
    assert!(take_log().is_empty(), "the caller knows why");

    // Both look-ups still run. Once they end, they free what they found.
    let gate = GATE.lock().unwrap();
    let limit = Duration::from_secs(10);
    let (gate, late) = CHANGED.wait_timeout_while(gate, limit, |gate| gate.1 != 2).unwrap();
    assert!(!late.timed_out());
    drop(gate);
    set_gate(true);
    let limit = Instant::now() + Duration::from_secs(10);
    while (LISTS.load(Ordering::SeqCst), descriptors()) != (0, before) {
        assert!(Instant::now() < limit, "{LISTS:?} lists, {} descriptors, {before} before", descriptors());
        thread::sleep(Duration::from_millis(5));
    }
}
