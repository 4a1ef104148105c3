//! Counts heap allocations per WebSocket frame: none in steady state, in either direction.
//!
//! The modules are compiled into this program, apart from the library, because the library brings its own allocator.
//! As a yardstick it prints the same count for tungstenite's `WebSocket` (`docs/decisions.md`).

#[allow(dead_code, unused_imports)]
#[path = "../src/error.rs"]
mod error;
#[allow(dead_code, non_camel_case_types)]
#[path = "../src/ffi"]
mod ffi {
    pub mod types {
        pub mod error;
    }
}
#[allow(dead_code, unused_imports)]
#[path = "../src/transport"]
mod transport {
    pub mod websocket;
}

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, Cursor, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use transport::websocket::{Decoder, Incoming, MaskSource, binary, pong};
use tungstenite::protocol::{Message, Role, WebSocket, WebSocketConfig};

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);
static BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        BYTES.fetch_add(size, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Calls of the allocator and bytes asked of it during `work`.
fn allocations(work: impl FnOnce()) -> (usize, usize) {
    let before = (CALLS.load(Relaxed), BYTES.load(Relaxed));
    work();
    (CALLS.load(Relaxed) - before.0, BYTES.load(Relaxed) - before.1)
}

/// One binary frame of a server.
fn frame(length: usize) -> Vec<u8> {
    let mut out = vec![0x82];
    match length {
        0..=125 => out.push(length as u8),
        126..=65535 => {
            out.push(126);
            out.extend((length as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.resize(out.len() + length, 0x5a);
    out
}

/// Reads all of `stream` as a socket would deliver it, `burst` bytes at most per read; returns the messages.
fn receive(decoder: &mut Decoder, mut stream: &[u8], burst: usize) -> usize {
    let mut messages = 0;
    while !stream.is_empty() {
        let need = decoder.need();
        let space = decoder.space(need).expect("room");
        let count = stream.read(&mut space[..burst.max(need)]).expect("a slice can be read");
        decoder.filled(count);
        while let Some(found) = decoder.next().expect("a sound stream") {
            messages += usize::from(matches!(found, Incoming::Data { end_of_message: true, .. }));
        }
    }
    messages
}

fn received_frames_cost_no_allocation() {
    for (length, count, burst) in [(4, 1000, 6), (63, 1000, 2000), (1000, 1000, 1004), (60_000, 50, 2048)] {
        let stream = frame(length).repeat(count);
        let mut decoder = Decoder::default();
        receive(&mut decoder, &stream, burst);
        let mut messages = 0;
        let (calls, _) = allocations(|| messages = receive(&mut decoder, &stream, burst));
        assert_eq!((messages, calls), (count, 0), "messages of {length} bytes");
    }
}

fn sent_frames_cost_no_allocation() {
    let mut masks = MaskSource::new();
    let mut out = Vec::with_capacity(17 * 1024);
    let payload = vec![0x5a; 16 * 1024];
    let random = |block: &mut [u8]| {
        block.fill(0x11);
        Ok(())
    };
    // The first mask makes the block of randomness.
    masks.next(random).expect("randomness");
    let (calls, _) = allocations(|| {
        for round in 0..1000 {
            let mask = masks.next(random).expect("randomness");
            out.clear();
            binary(&mut out, &[b"header", &payload[..round * 16]], mask).expect("room");
            out.clear();
            pong(&mut out, b"ping", mask).expect("room");
        }
    });
    assert_eq!(calls, 0);
}

fn an_announced_gigabyte_costs_nothing() {
    for header in [
        &b"\x82\x7f\x00\x00\x00\x00\x40\x00\x00\x00"[..],
        b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x89\x7f\x00\x00\x00\x00\x40\x00\x00\x00",
    ] {
        let (_, bytes) = allocations(|| {
            let mut decoder = Decoder::default();
            decoder.feed(header).expect("room");
            decoder.next().expect_err("the limit");
        });
        assert!(bytes <= 2048, "{bytes} bytes for {header:02x?}");
    }
}

/// A socket that delivers at most `burst` bytes per read and takes everything.
struct Socket {
    stream: Cursor<Vec<u8>>,
    burst: usize,
}

impl Read for Socket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = out.len().min(self.burst);
        self.stream.read(&mut out[..count])
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// tungstenite's `WebSocket`, set up as sparingly as it can be.
fn peer(stream: Vec<u8>, burst: usize) -> WebSocket<Socket> {
    let config = WebSocketConfig::default().read_buffer_size(4096).write_buffer_size(0);
    WebSocket::from_raw_socket(Socket { stream: Cursor::new(stream), burst }, Role::Client, Some(config))
}

const ROUNDS: usize = 1000;

/// Prints what `round` costs once it has been warmed up.
fn print_cost(what: &str, mut round: impl FnMut()) {
    (0..ROUNDS).for_each(|_| round());
    let (calls, bytes) = allocations(|| (0..ROUNDS).for_each(|_| round()));
    let each = |total: usize| total as f64 / ROUNDS as f64;
    println!("tungstenite, {what}: {:.2} allocations, {:.0} bytes", each(calls), each(bytes));
}

fn yardstick() {
    for length in [63, 1000, 16_000] {
        let one = frame(length);
        let mut websocket = peer(one.repeat(2 * ROUNDS), one.len());
        print_cost(&format!("a message of {length} bytes received and dropped"), || {
            assert_eq!(websocket.read().map(|message| message.len()).ok(), Some(length));
        });

        let mut websocket = peer(one.repeat(2 * ROUNDS), one.len());
        let mut last = None;
        print_cost(&format!("a message of {length} bytes received, the one before still alive"), || {
            last = websocket.read().ok();
        });
        assert_eq!(last.map(|message| message.len()), Some(length));

        let mut fragments = frame(length);
        fragments[0] = 0x02;
        fragments.extend_from_slice(b"\x80\x04last");
        let mut websocket = peer(fragments.repeat(2 * ROUNDS), fragments.len());
        print_cost(&format!("a message of {length} bytes in two fragments received"), || {
            assert_eq!(websocket.read().map(|message| message.len()).ok(), Some(length + 4));
        });

        let mut websocket = peer(Vec::new(), 0);
        let payload = vec![0x5a; length];
        print_cost(&format!("a message of {length} bytes sent"), || {
            websocket.send(Message::binary(payload.clone())).expect("a socket that takes everything");
        });
    }
}

fn main() {
    received_frames_cost_no_allocation();
    sent_frames_cost_no_allocation();
    an_announced_gigabyte_costs_nothing();
    println!("no allocation per frame in either direction");
    yardstick();
}
