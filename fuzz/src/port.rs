//! A port (`HAL_*`) without a system below it: time is a number, and the server is whoever a target makes of it.
//!
//! Time passes only where the SDK waits, so a run takes microseconds and comes out the same each time. One thread, one
//! connection at a time.

use iot_sdk::error::Error;
use iot_sdk::hal::import::{ThreadParams, Timer};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{c_char, c_int, c_long, c_uint, c_void};

/// The handle of the connection.
const HANDLE: usize = 1;

/// Takes what the client wrote, whole writes in order, and answers with pieces that the client reads one by one.
pub type Server = Box<dyn FnMut(&[u8]) -> Vec<Vec<u8>>>;

/// What the client finds around it.
#[derive(Default)]
pub struct World {
    now_ms: u64,
    server: Option<Server>,
    coming: VecDeque<Vec<u8>>,
    /// The server closes behind what is coming.
    closes: bool,
    /// The port has only the functions that the original needs.
    is_minimal: bool,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

fn world<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(f)
}

/// A new world with this server. `is_minimal`: none of the optional functions of a port.
pub fn start(server: Server, is_minimal: bool) {
    let server = Some(server);
    world(|world| *world = World { server, is_minimal, now_ms: 1_000_000, ..World::default() });
    iot_sdk::log::g_log_print_level.store(0, std::sync::atomic::Ordering::Relaxed);
}

/// The server sends these pieces.
pub fn send(pieces: impl IntoIterator<Item = Vec<u8>>) {
    world(|world| world.coming.extend(pieces));
}

/// The server closes the connection behind what it has sent.
pub fn close() {
    world(|world| world.closes = true);
}

/// Whether the client has read everything.
pub fn is_read() -> bool {
    world(|world| world.coming.is_empty())
}

/// Milliseconds of the model clock.
pub fn now_ms() -> u64 {
    world(|world| world.now_ms)
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Malloc(size: u32) -> *mut c_void {
    // SAFETY: any size is allowed.
    unsafe { libc::malloc(size as usize) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Free(block: *mut c_void) {
    // SAFETY: NULL or a block of HAL_Malloc.
    unsafe { libc::free(block) }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_SleepMs(ms: u32) {
    world(|world| world.now_ms += u64::from(ms));
}

#[unsafe(no_mangle)]
extern "C" fn HAL_GetTimeMs() -> u32 {
    now_ms() as u32
}

/// Targets start no threads.
#[unsafe(no_mangle)]
extern "C" fn HAL_ThreadCreate(_params: *mut ThreadParams) -> c_int {
    -1
}

/// The end of a timer is a number of milliseconds, in the seconds of its `timeval`.
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Timer_init(timer: *mut Timer) {
    // SAFETY: a timer of the caller.
    unsafe { (*timer).end_time = libc::timeval { tv_sec: 0, tv_usec: 0 } };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Timer_countdown_ms(timer: *mut Timer, timeout_ms: c_uint) {
    // SAFETY: a timer of the caller.
    unsafe { (*timer).end_time.tv_sec = now_ms() as i64 + i64::from(timeout_ms) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Timer_remain(timer: *mut Timer) -> c_int {
    // SAFETY: a timer of the caller.
    let left = unsafe { (*timer).end_time.tv_sec } - now_ms() as i64;
    left.clamp(0, i64::from(c_int::MAX)) as c_int
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_Timer_current(text: *mut c_char) -> *mut c_char {
    let time = c"2026-01-01 00:00:00";
    // SAFETY: the caller has room for a time, which is this long.
    unsafe { text.copy_from_nonoverlapping(time.as_ptr(), time.count_bytes() + 1) };
    text
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Timer_current_sec() -> c_long {
    1_767_225_600 + (now_ms() / 1000) as c_long
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Timer_set_systime_ms(_timestamp_ms: usize) -> c_int {
    0
}

/// With a waiter the SDK waits as long as it has to at once, without one in slices.
#[unsafe(no_mangle)]
extern "C" fn HAL_Waiter_Create() -> *mut c_void {
    let is_minimal = world(|world| world.is_minimal);
    if is_minimal { std::ptr::null_mut() } else { std::ptr::dangling_mut::<u8>().cast() }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_Waiter_Destroy(_waiter: *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn HAL_Waiter_Wake(_waiter: *mut c_void) {}

#[unsafe(no_mangle)]
extern "C" fn HAL_Waiter_Sleep(_waiter: *mut c_void, ms: u32) -> c_int {
    HAL_SleepMs(ms);
    0
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TCP_Connect(_host: *const c_char, _port: u16) -> usize {
    world(|world| {
        world.coming.clear();
        world.closes = false;
    });
    HANDLE
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TCP_Disconnect(_fd: usize) -> c_int {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Write(
    _fd: usize,
    data: *const u8,
    len: u32,
    _timeout_ms: u32,
    written: *mut usize,
) -> c_int {
    // SAFETY: `len` readable bytes of the caller.
    let data = unsafe { std::slice::from_raw_parts(data, len as usize) };
    // The server is out of the world while it works.
    if let Some(mut server) = world(|world| world.server.take()) {
        let answer = server(data);
        world(|world| {
            world.server = Some(server);
            world.coming.extend(answer);
        });
    }
    // SAFETY: an out parameter of the caller.
    unsafe { *written = data.len() };
    0
}

/// Waits for an exact count, as the original's port does.
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Read(
    _fd: usize,
    data: *mut u8,
    len: u32,
    timeout_ms: u32,
    read: *mut usize,
) -> c_int {
    let mut count = 0;
    while count < len as usize {
        // SAFETY: `len` writable bytes of the caller.
        let room = unsafe { std::slice::from_raw_parts_mut(data.add(count), len as usize - count) };
        match take(room) {
            0 => break,
            some => count += some,
        }
    }
    // SAFETY: an out parameter of the caller.
    unsafe { *read = count };
    match count {
        _ if count == len as usize => 0,
        0 => nothing(timeout_ms),
        _ => {
            nothing(timeout_ms);
            Error::TcpReadTimeout.code()
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TCP_Serves(
    _connect: *const c_void,
    _disconnect: *const c_void,
    _write: *const c_void,
    _read: *const c_void,
) -> bool {
    world(|world| !world.is_minimal)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_Open(
    host: *const c_char,
    port: u16,
    _timeout_ms: u32,
    _waiter: *mut c_void,
    fd: *mut usize,
) -> c_int {
    // SAFETY: an out parameter of the caller.
    unsafe { *fd = HAL_TCP_Connect(host, port) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_TCP_ReadAvailable(
    _fd: usize,
    data: *mut u8,
    len: u32,
    timeout_ms: u32,
    _waiter: *mut c_void,
    read: *mut usize,
) -> c_int {
    // SAFETY: `len` writable bytes and an out parameter of the caller.
    let count = unsafe {
        *read = take(std::slice::from_raw_parts_mut(data, len as usize));
        *read
    };
    if count > 0 { 0 } else { nothing(timeout_ms) }
}

/// The next piece, as far as there is room for it.
fn take(room: &mut [u8]) -> usize {
    world(|world| {
        let Some(mut piece) = world.coming.pop_front() else { return 0 };
        let count = piece.len().min(room.len());
        room[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            world.coming.push_front(piece.split_off(count));
        }
        count
    })
}

fn nothing(timeout_ms: u32) -> c_int {
    world(|world| {
        if world.closes {
            return Error::TcpPeerShutdown.code();
        }
        world.now_ms += u64::from(timeout_ms);
        Error::TcpNothingToRead.code()
    })
}

/// Targets speak without TLS.
#[unsafe(no_mangle)]
extern "C" fn HAL_TLS_Connect(_params: *mut c_void, _host: *const c_char, _port: c_int) -> usize {
    0
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TLS_Disconnect(_handle: usize) {}

#[unsafe(no_mangle)]
extern "C" fn HAL_TLS_Write(
    _handle: usize,
    _data: *mut u8,
    _len: usize,
    _timeout_ms: u32,
    _written: *mut usize,
) -> c_int {
    Error::SslWrite.code()
}

#[unsafe(no_mangle)]
extern "C" fn HAL_TLS_Read(
    _handle: usize,
    _data: *mut u8,
    _len: usize,
    _timeout_ms: u32,
    _read: *mut usize,
) -> c_int {
    Error::SslRead.code()
}
