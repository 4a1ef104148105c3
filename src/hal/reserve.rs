//! A little memory for the moment when the port's heap has none (docs/architecture.md, "Out of memory").
//!
//! Rust's collections end the process when a small block cannot be had. So small blocks that `HAL_Malloc` refuses come
//! from here: the operation under way gets through, and none begins before the reserve is whole again ([`admit`]).

use super::symbols;
use crate::error::Error;
use core::cell::UnsafeCell;
use core::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Size of the reserve in bytes.
const SIZE: usize = SLOT * SLOTS;
/// Blocks are made of slots, one bit of [`Chunk::used`] each.
const SLOT: usize = 32;
const SLOTS: usize = 96;
/// Larger blocks are asked for with `try_reserve` only, whose failure is an ordinary error.
pub const LARGEST: usize = 1536;
/// The first one is static memory. A further one takes its place while blocks that last are in it.
const CHUNKS: usize = 4;

#[repr(align(16))]
struct Static(UnsafeCell<[u8; SIZE]>);

// SAFETY: its bytes are only handed out, each slot to one owner, under the lock of `RESERVE`.
unsafe impl Sync for Static {}

static STATIC: Static = Static(UnsafeCell::new([0; SIZE]));

static RESERVE: Mutex<Reserve> = Mutex::new(Reserve {
    chunks: [Chunk { start: STATIC.0.get().cast(), used: 0 }, Chunk::NONE, Chunk::NONE, Chunk::NONE],
    current: 0,
});

/// Blocks taken and not yet given back: while there are none, nothing here costs more than reading this.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

struct Reserve {
    chunks: [Chunk; CHUNKS],
    current: usize,
}

/// `SIZE` bytes; the address is NULL where there is none.
struct Chunk {
    start: *mut u8,
    used: u128,
}

// SAFETY: the memory belongs to the chunk, whichever thread looks at it.
unsafe impl Send for Chunk {}

impl Chunk {
    const NONE: Chunk = Chunk { start: core::ptr::null_mut(), used: 0 };

    /// The first free slots that suffice.
    fn take(&mut self, size: usize) -> Option<*mut u8> {
        let count = slots(size);
        let wanted = mask(count);
        let first = (0..=SLOTS - count).find(|&first| self.used & (wanted << first) == 0)?;
        self.used |= wanted << first;
        Some(self.start.wrapping_add(first * SLOT))
    }

    fn give(&mut self, offset: usize, size: usize) {
        self.used &= !(mask(slots(size)) << (offset / SLOT));
    }

    /// Where in the chunk a block lies.
    fn offset_of(&self, block: *mut u8) -> Option<usize> {
        let offset = block.addr().checked_sub(self.start.addr())?;
        (!self.start.is_null() && offset < SIZE).then_some(offset)
    }

    fn is_whole(&self) -> bool {
        self.used == 0
    }
}

fn slots(size: usize) -> usize {
    size.div_ceil(SLOT).max(1)
}

/// So many bits; never all of them, as [`LARGEST`] is less than the whole.
fn mask(count: usize) -> u128 {
    (1 << count) - 1
}

fn reserve() -> MutexGuard<'static, Reserve> {
    RESERVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether an operation may begin: the reserve is whole, or `HAL_Malloc` has memory for another one.
pub fn admit() -> Result<(), Error> {
    if TAKEN.load(Ordering::Acquire) == 0 {
        return Ok(());
    }
    let mut reserve = reserve();
    let current = reserve.current;
    if reserve.chunks[current].is_whole() {
        return Ok(());
    }
    let free = reserve.chunks.iter().position(|chunk| chunk.start.is_null()).ok_or(Error::Malloc)?;
    // SAFETY: any size is allowed, failure is NULL.
    let start: *mut u8 = unsafe { symbols::HAL_Malloc(SIZE as u32) }.cast();
    if start.is_null() {
        return Err(Error::Malloc);
    }
    reserve.chunks[free] = Chunk { start, used: 0 };
    reserve.current = free;
    Ok(())
}

/// A block out of the reserve, aligned to 16 bytes; NULL if it is too large or there is no room.
pub fn take(size: usize) -> *mut u8 {
    if size > LARGEST {
        return core::ptr::null_mut();
    }
    let mut reserve = reserve();
    let current = reserve.current;
    let block = reserve.chunks[current].take(size);
    TAKEN.fetch_add(usize::from(block.is_some()), Ordering::AcqRel);
    block.unwrap_or(core::ptr::null_mut())
}

/// Takes a block back if it came from here.
pub fn give(block: *mut u8, size: usize) -> bool {
    if TAKEN.load(Ordering::Acquire) == 0 {
        return false;
    }
    let mut reserve = reserve();
    let found = reserve.chunks.iter_mut().find_map(|chunk| chunk.offset_of(block).map(|at| (chunk, at)));
    let Some((chunk, offset)) = found else { return false };
    chunk.give(offset, size);
    TAKEN.fetch_sub(1, Ordering::AcqRel);
    reserve.release();
    true
}

impl Reserve {
    /// Returns the chunks that are not needed any more; the static one is the reserve again as soon as it is whole.
    fn release(&mut self) {
        if self.chunks[0].is_whole() && self.chunks[self.current].is_whole() {
            self.current = 0;
        }
        for number in 1..CHUNKS {
            let chunk = &mut self.chunks[number];
            if number != self.current && chunk.is_whole() && !chunk.start.is_null() {
                // SAFETY: the chunk came from HAL_Malloc, and no block of it is in use.
                unsafe { symbols::HAL_Free(chunk.start.cast::<c_void>()) };
                *chunk = Chunk::NONE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        // Only addresses are computed.
        Chunk { start: core::ptr::without_provenance_mut(0x1_0000), used: 0 }
    }

    #[test]
    fn blocks_do_not_overlap_and_their_place_is_used_again() {
        let mut chunk = chunk();
        let sizes = [1, 32, 33, LARGEST, 500, 700, 64];
        let blocks: Vec<*mut u8> = sizes.iter().map(|&size| chunk.take(size).unwrap()).collect();
        for (pair, size) in blocks.windows(2).zip(sizes) {
            assert!(pair[1].addr() >= pair[0].addr() + size);
        }
        assert_eq!(chunk.used.count_ones(), 1 + 1 + 2 + 48 + 16 + 22 + 2);
        chunk.give(chunk.offset_of(blocks[3]).unwrap(), LARGEST);
        assert_eq!(chunk.take(LARGEST), Some(blocks[3]));
        for (block, size) in blocks.iter().zip(sizes) {
            chunk.give(chunk.offset_of(*block).unwrap(), size);
        }
        assert!(chunk.is_whole());
    }

    #[test]
    fn a_full_chunk_gives_nothing() {
        let mut chunk = chunk();
        for _ in 0..SIZE / LARGEST {
            assert!(chunk.take(LARGEST).is_some());
        }
        assert_eq!(chunk.take(1), None);
        assert_eq!(chunk.offset_of(chunk.start.wrapping_add(SIZE)), None);
        assert_eq!(chunk.offset_of(core::ptr::without_provenance_mut(1)), None);
    }
}
