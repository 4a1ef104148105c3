//! How fast the SDK masks: one WebSocket frame per call, against the same loop without a frame and against a copy.
//!
//! The encoder is compiled in by path, so that neither the port nor a TLS library is built.

#[allow(dead_code)]
#[path = "../../../src/error.rs"]
mod error;
#[allow(dead_code, unused_imports)]
#[path = "../../../src/transport"]
mod transport {
    pub mod websocket;
}

use std::hint::black_box;
use std::time::Instant;

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Payload bytes: a small message, a page, the longest that the SDK sends.
const SIZES: [usize; 3] = [64, 4096, 16 * 1024];
/// Bytes that one measurement handles.
const VOLUME: usize = 128 * 1024 * 1024;
const ROUNDS: usize = 5;

/// Handles one payload into the buffer, which is as long as the payload at first.
type Step = fn(&mut Vec<u8>, &[u8]);

fn frame(out: &mut Vec<u8>, payload: &[u8]) {
    out.clear();
    transport::websocket::binary(out, &[payload], MASK).expect("room");
}

/// What the compiler makes vector instructions of: eight bytes at a time, into memory that is there.
fn masked_loop(out: &mut Vec<u8>, payload: &[u8]) {
    let key = u32::from_ne_bytes(MASK);
    let key = u64::from(key) << 32 | u64::from(key);
    for (to, from) in out.as_chunks_mut::<8>().0.iter_mut().zip(payload.as_chunks::<8>().0) {
        *to = (u64::from_ne_bytes(*from) ^ key).to_ne_bytes();
    }
}

fn copy(out: &mut Vec<u8>, payload: &[u8]) {
    out.copy_from_slice(payload);
}

/// Gigabytes of payload per second.
fn speed(step: Step, size: usize) -> f64 {
    let payload = vec![0x5a; size];
    let mut out = Vec::with_capacity(size + 64);
    out.resize(size, 0);
    let steps = VOLUME / size;
    let start = Instant::now();
    for _ in 0..steps {
        step(&mut out, black_box(&payload));
        black_box(&out);
    }
    (steps * size) as f64 / start.elapsed().as_secs_f64() / 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let kinds: [(&str, Step); 3] = [("frame", frame), ("loop", masked_loop), ("copy", copy)];
    for size in SIZES {
        let mut speeds = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for ((_, step), speeds) in kinds.iter().zip(&mut speeds) {
                speeds.push(speed(*step, size));
            }
        }
        for ((name, _), speeds) in kinds.iter().zip(speeds) {
            println!("{name}_{size} {:.3}", median(speeds));
        }
    }
}
