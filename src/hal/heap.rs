//! The port's heap is the heap of the whole SDK, so that a port controls and measures all memory
//! (`decisions.md` §8).

use super::{clock, reserve, symbols};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;

/// What every heap of a port aligns to.
const PORT_ALIGN: usize = 8;

/// How long a thread waits, in ms, until others give back what they have of a reserve that is used up. Then Rust's
/// standard library ends the process.
const PATIENCE_MS: u32 = 5000;

struct PortHeap;

#[global_allocator]
static HEAP: PortHeap = PortHeap;

// SAFETY: blocks come from HAL_Malloc, are at least as large and as aligned as the layout asks, and go back to
// HAL_Free by the address that HAL_Malloc gave.
unsafe impl GlobalAlloc for PortHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= PORT_ALIGN {
            return obtain(layout.size());
        }
        // The port's address is kept in front of an aligned block.
        let Some(size) = padded(layout) else {
            return core::ptr::null_mut();
        };
        let block = obtain(size);
        if block.is_null() {
            return block;
        }
        // SAFETY: the block has room for the address, the padding and the layout.
        unsafe {
            let first = block.add(size_of::<usize>());
            let aligned = first.add(first.align_offset(layout.align()));
            aligned.cast::<usize>().sub(1).write_unaligned(block.addr());
            aligned
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `alloc` with the same layout. It is the owner's pointer that is given back, moved to the
        // start: another one to the same place would not be its heir.
        unsafe {
            let (block, size) = if layout.align() <= PORT_ALIGN {
                (block, layout.size())
            } else {
                let start = block.cast::<usize>().sub(1).read_unaligned();
                (block.with_addr(start), padded(layout).unwrap_or_default())
            };
            if !reserve::give(block, size) {
                symbols::HAL_Free(block.cast::<c_void>());
            }
        }
    }
}

/// Size of a block with room for the port's address and for moving the start.
fn padded(layout: Layout) -> Option<usize> {
    layout.size().checked_add(layout.align() + size_of::<usize>())
}

/// A block of the port, or a small one of the reserve.
fn obtain(size: usize) -> *mut u8 {
    let mut waited_ms = 0;
    loop {
        let block = malloc(size);
        if !block.is_null() {
            return block;
        }
        let block = reserve::take(size);
        if !block.is_null() || size > reserve::LARGEST || waited_ms >= PATIENCE_MS {
            return block;
        }
        clock::sleep(1);
        waited_ms += 1;
    }
}

fn malloc(size: usize) -> *mut u8 {
    match u32::try_from(size) {
        // SAFETY: any size is allowed, failure is NULL.
        Ok(size) => unsafe { symbols::HAL_Malloc(size).cast() },
        Err(_) => core::ptr::null_mut(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alignment_is_kept_and_returned() {
        for align_bits in 0..13 {
            for size in [1, 7, 8, 100, 5000] {
                let layout = Layout::from_size_align(size, 1 << align_bits).unwrap();
                // SAFETY: a block is written within its layout and returned with the same one.
                unsafe {
                    let block = HEAP.alloc(layout);
                    assert!(!block.is_null() && block.align_offset(layout.align()) == 0);
                    block.write_bytes(0xA5, size);
                    HEAP.dealloc(block, layout);
                }
            }
        }
    }
}
