//! The receive buffer: grows while bursts fill it, until its owner gives the memory back.

use crate::error::Error;
use std::ops::Range;

/// Bytes between the transport and the decoder. The memory behind `end` is always initialised.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    memory: Vec<u8>,
    start: usize,
    end: usize,
    /// The size to have at the next read.
    wanted: usize,
}

impl Buffer {
    /// The size of an ordinary buffer, in bytes.
    pub(super) const MIN: usize = 2048;
    /// The size a burst may let it grow to, in bytes: one TLS record.
    pub(super) const MAX: usize = 16 * 1024;

    /// At least `min` writable bytes behind those not yet taken.
    pub(super) fn space(&mut self, min: usize) -> Result<&mut [u8], Error> {
        self.make_room(min)?;
        Ok(self.memory.get_mut(self.end..).unwrap_or_default())
    }

    /// `count` bytes of the last space were written; more than it had counts as all of it.
    pub(super) fn filled(&mut self, count: usize) {
        let room = self.memory.len() - self.end;
        let count = count.min(room);
        self.end += count;
        if count == room {
            self.wanted = self.memory.len().saturating_mul(2).min(Self::MAX);
        }
    }

    /// The bytes not yet taken.
    pub(super) fn pending(&self) -> &[u8] {
        self.get(self.start..self.end)
    }

    /// Takes up to `count` bytes; their place is valid until the next [`Buffer::space`].
    pub(super) fn take(&mut self, count: usize) -> Range<usize> {
        let from = self.start;
        self.start = from.saturating_add(count).min(self.end);
        from..self.start
    }

    pub(super) fn get(&self, range: Range<usize>) -> &[u8] {
        self.memory.get(range).unwrap_or_default()
    }

    /// Forgets what was not taken.
    pub(super) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Gives the memory of a grown buffer back if nothing is pending.
    pub(super) fn shrink(&mut self) {
        if self.start == self.end && self.memory.len() > Self::MIN {
            *self = Buffer::default();
        }
    }

    /// Moves what is pending (in practice part of one header or control frame) to the front, then grows.
    fn make_room(&mut self, min: usize) -> Result<(), Error> {
        let pending = self.end - self.start;
        let size = pending.checked_add(min.max(1)).ok_or(Error::Malloc)?.max(self.wanted).max(Self::MIN);
        self.memory.copy_within(self.start..self.end, 0);
        self.start = 0;
        self.end = pending;
        if self.memory.len() < size {
            self.memory.try_reserve_exact(size - self.memory.len()).map_err(|_| Error::Malloc)?;
            self.memory.resize(size, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffer: &mut Buffer, bytes: usize) -> usize {
        let room = buffer.space(1).unwrap().len();
        buffer.filled(bytes);
        buffer.take(bytes);
        room
    }

    #[test]
    fn a_burst_makes_the_buffer_grow_to_its_limit_until_its_memory_is_given_back() {
        let mut buffer = Buffer::default();
        let rooms: Vec<usize> = (0..6).map(|_| read(&mut buffer, usize::MAX)).collect();
        assert_eq!(rooms, [2048, 4096, 8192, 16384, 16384, 16384]);
        assert_eq!(read(&mut buffer, 100), 16384);
        buffer.shrink();
        assert_eq!(buffer.memory.capacity(), 0);
        assert_eq!(read(&mut buffer, 100), 2048);
    }

    #[test]
    fn shrinking_loses_nothing() {
        let mut buffer = Buffer::default();
        read(&mut buffer, usize::MAX);
        buffer.space(1).unwrap()[..3].copy_from_slice(b"abc");
        buffer.filled(3);
        buffer.shrink();
        assert_eq!(buffer.pending(), b"abc");
        let small = &mut Buffer::default();
        read(small, 1);
        small.shrink();
        assert_eq!(small.memory.len(), Buffer::MIN);
    }

    #[test]
    fn bytes_not_taken_move_to_the_front() {
        let mut buffer = Buffer::default();
        buffer.space(1).unwrap()[1998..2001].copy_from_slice(b"abc");
        buffer.filled(2000);
        buffer.take(1998);
        assert_eq!(buffer.pending(), b"ab");
        assert_eq!(buffer.space(1).unwrap().len(), 2046);
        assert_eq!(buffer.pending(), b"ab");
    }

    #[test]
    fn the_room_is_as_large_as_asked() {
        let mut buffer = Buffer::default();
        assert_eq!(buffer.space(0).unwrap().len(), 2048);
        assert_eq!(buffer.space(40_000).unwrap().len(), 40_000);
        buffer.filled(10);
        assert_eq!(buffer.space(40_000).unwrap().len(), 40_000);
        assert_eq!(buffer.space(usize::MAX), Err(Error::Malloc));
        assert_eq!(buffer.space(isize::MAX as usize), Err(Error::Malloc));
        assert_eq!(buffer.pending().len(), 10);
    }
}
