//! Memory of the port: blocks of `HAL_Malloc`, also when a firmware supplies its own.

use core::ffi::c_void;
use core::mem::{ManuallyDrop, size_of};
use core::ops::{Deref, DerefMut};
use core::ptr::{NonNull, copy_nonoverlapping};
use core::slice;

unsafe extern "C" {
    fn iot_port_malloc(size: u32) -> *mut c_void;
    fn iot_port_free(ptr: *mut c_void);
}

/// `size` bytes, uninitialised, aligned for every type; `None` when there is no memory.
pub fn allocate(size: usize) -> Option<NonNull<u8>> {
    let size = u32::try_from(size).ok()?;
    // SAFETY: HAL_Malloc takes any size.
    NonNull::new(unsafe { iot_port_malloc(size) }.cast())
}

/// Gives a block back.
///
/// # Safety
/// `block` is NULL or came from [`allocate`] and is not used afterwards.
pub unsafe fn release(block: *mut c_void) {
    // SAFETY: as the caller promised.
    unsafe { iot_port_free(block) }
}

/// One value in a block of its own; its address does not change.
pub struct Owned<T>(NonNull<T>);

impl<T> Owned<T> {
    pub fn new(value: T) -> Option<Self> {
        let block = allocate(size_of::<T>().max(1))?.cast::<T>();
        // SAFETY: the block is large enough and aligned as malloc aligns, which suffices for every T used here.
        unsafe { block.write(value) };
        Some(Self(block))
    }

    /// Hands the value to C; [`Owned::from_raw`] takes it back.
    pub fn into_raw(self) -> *mut T {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// Address of the value, for C.
    #[cfg(not(feature = "auth_with_notls"))]
    pub fn as_ptr(&self) -> *mut T {
        self.0.as_ptr()
    }

    /// Takes back what [`Owned::into_raw`] gave; `None` for NULL.
    ///
    /// # Safety
    /// `raw` is NULL or came from `into_raw` and is not used afterwards.
    pub unsafe fn from_raw(raw: *mut T) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }
}

impl<T> Deref for Owned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the block holds a value as long as `self` lives.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for Owned<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`, and `self` is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the value is live and nobody else frees the block.
        unsafe {
            self.0.drop_in_place();
            release(self.0.as_ptr().cast());
        }
    }
}

/// Bytes that grow on demand; wiped before the memory is given back, since they may hold secrets.
pub struct Buffer {
    block: Option<NonNull<u8>>,
    len: usize,
    capacity: usize,
}

#[allow(dead_code, reason = "builds without TLS and device file only read into buffers")]
impl Buffer {
    pub const fn new() -> Self {
        Self { block: None, len: 0, capacity: 0 }
    }

    /// Appends all of `bytes`, or nothing and false when there is no memory.
    #[must_use]
    pub fn extend(&mut self, bytes: &[u8]) -> bool {
        if !self.reserve(bytes.len()) {
            return false;
        }
        if let Some(block) = self.block {
            // SAFETY: `reserve` made room for the bytes behind `len`, and the two cannot overlap.
            unsafe { copy_nonoverlapping(bytes.as_ptr(), block.as_ptr().add(self.len), bytes.len()) };
            self.len += bytes.len();
        }
        true
    }

    /// `len` zeroes; `None` when there is no memory.
    pub fn zeroed(len: usize) -> Option<Self> {
        let block = allocate(len.max(1))?;
        // SAFETY: the block has `len` bytes.
        unsafe { block.write_bytes(0, len) };
        Some(Self { block: Some(block), len, capacity: len })
    }

    /// Forgets everything behind the first `len` bytes and keeps the memory.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn reserve(&mut self, extra: usize) -> bool {
        let Some(needed) = self.len.checked_add(extra) else {
            return false;
        };
        if needed <= self.capacity {
            return true;
        }
        let capacity = needed.max(self.capacity.saturating_mul(2)).max(64);
        let Some(block) = allocate(capacity) else {
            return false;
        };
        // SAFETY: the new block is larger than the old content.
        unsafe { copy_nonoverlapping(self.as_ptr(), block.as_ptr(), self.len) };
        let len = self.len;
        self.give_back();
        (self.block, self.len, self.capacity) = (Some(block), len, capacity);
        true
    }

    fn give_back(&mut self) {
        if let Some(block) = self.block.take() {
            wipe(block, self.capacity);
            // SAFETY: the block came from `allocate` and is forgotten here.
            unsafe { release(block.as_ptr().cast()) };
        }
        (self.len, self.capacity) = (0, 0);
    }
}

impl Deref for Buffer {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self.block {
            // SAFETY: `len` bytes of the block are initialised.
            Some(block) => unsafe { slice::from_raw_parts(block.as_ptr(), self.len) },
            None => &[],
        }
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self.block {
            // SAFETY: `len` bytes of the block are initialised, and `self` is borrowed exclusively.
            Some(block) => unsafe { slice::from_raw_parts_mut(block.as_ptr(), self.len) },
            None => &mut [],
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Zeroes memory in a way the compiler keeps.
fn wipe(block: NonNull<u8>, size: usize) {
    for i in 0..size {
        // SAFETY: `i` lies in the block.
        unsafe { block.add(i).write_volatile(0) };
    }
}
