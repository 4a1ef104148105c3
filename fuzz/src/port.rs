//! A model of a system: time is a number, and the server is whoever a target makes of it. `ffi/hal.rs` is the port above it.
//!
//! Time passes only where the SDK waits, so a run takes microseconds and comes out the same each time. One thread, one
//! connection at a time.

use std::cell::RefCell;
use std::collections::VecDeque;

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

/// Time passes.
pub(crate) fn pass(ms: u32) {
    world(|world| world.now_ms += u64::from(ms));
}

pub(crate) fn is_minimal() -> bool {
    world(|world| world.is_minimal)
}

/// A new connection: nothing is coming yet.
pub(crate) fn connect() {
    world(|world| {
        world.coming.clear();
        world.closes = false;
    });
}

/// What the client writes, and what the server says to it.
pub(crate) fn write(data: &[u8]) {
    // The server is out of the world while it works.
    if let Some(mut server) = world(|world| world.server.take()) {
        let answer = server(data);
        world(|world| {
            world.server = Some(server);
            world.coming.extend(answer);
        });
    }
}

/// The next piece, as far as there is room for it; how much that is.
pub(crate) fn take(room: &mut [u8]) -> usize {
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

/// Waits so long for nothing; false if the server has closed the connection.
pub(crate) fn wait_in_vain(ms: u32) -> bool {
    let closes = world(|world| world.closes);
    if !closes {
        pass(ms);
    }
    !closes
}
