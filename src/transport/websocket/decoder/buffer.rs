//! The receive buffer: grows while bursts fill it, shrinks when reads stay small.

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
    /// Reads in a row that would have fitted in the smallest buffer.
    small_reads: u32,
}

impl Buffer {
    /// The size of an ordinary buffer, in bytes.
    pub(super) const MIN: usize = 2048;
    /// The size a burst may let it grow to, in bytes: one TLS record.
    pub(super) const MAX: usize = 16 * 1024;
    /// After so many small reads a grown buffer returns to the smallest size, so that a burst now and then does not
    /// cost an allocation each time.
    const PATIENCE: u32 = 64;

    /// At least `min` writable bytes behind those not yet taken.
    pub(super) fn space(&mut self, min: usize) -> Result<&mut [u8], Error> {
        if self.start == self.end {
            self.shrink();
        }
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
        if count >= Self::MIN {
            self.small_reads = 0;
        } else {
            self.small_reads = self.small_reads.saturating_add(1);
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

    fn shrink(&mut self) {
        if self.small_reads >= Self::PATIENCE && self.memory.len() > Self::MIN {
            self.clear();
            self.memory.truncate(Self::MIN);
            self.memory.shrink_to_fit();
            self.wanted = Self::MIN;
        }
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
    fn a_burst_makes_the_buffer_grow_to_its_limit_and_quiet_makes_it_shrink() {
        let mut buffer = Buffer::default();
        let rooms: Vec<usize> = (0..6).map(|_| read(&mut buffer, usize::MAX)).collect();
        assert_eq!(rooms, [2048, 4096, 8192, 16384, 16384, 16384]);
        for _ in 0..Buffer::PATIENCE {
            assert_eq!(read(&mut buffer, 100), 16384);
        }
        assert_eq!(read(&mut buffer, 100), 2048);
        assert_eq!(buffer.memory.capacity(), 2048);
    }

    #[test]
    fn one_larger_read_renews_the_patience() {
        let mut buffer = Buffer::default();
        for _ in 0..3 {
            read(&mut buffer, usize::MAX);
        }
        for _ in 0..5 {
            for _ in 1..Buffer::PATIENCE {
                assert_eq!(read(&mut buffer, 100), 16384);
            }
            assert_eq!(read(&mut buffer, 4000), 16384);
        }
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
