//! Lists of buffers in guest memory, and moving bytes through them.

use super::errno::Failure;
use crate::{
    cap::Code,
    engine::{Memory, PointerError},
};
use core::task::Poll;

/// A guest's list of buffers, all of which lie in its memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Buffers {
    address: u32,
    count: u32,
}

impl Buffers {
    /// Checks the list at `address`, and every buffer in it, before a byte is moved.
    #[inline]
    pub(super) fn new(memory: &Memory<'_>, address: u32, count: u32) -> Result<Self, Failure> {
        if count > COUNT_MAX {
            return Err(Code::Invalid.into());
        }
        let mut total = 0u32;
        let buffers = Self { address, count };
        for (buffer, length) in buffers.list(memory)? {
            memory.check(buffer, length)?;
            // The number of bytes moved is told in 32 bits.
            total = total.checked_add(length).ok_or(Code::Invalid)?;
        }
        Ok(buffers)
    }

    /// The address and length of each, as long as nobody writes to the memory.
    #[inline]
    pub(super) fn list(self, memory: &Memory<'_>) -> Result<impl Iterator<Item = (u32, u32)>, PointerError> {
        Ok(memory.records(self.address, self.count)?.iter().map(|record| buffer(*record)))
    }

    /// How many buffers there are.
    pub(super) const fn count(self) -> u32 {
        self.count
    }

    /// The address and length of one buffer. What a read writes may lie over the list itself, so the
    /// memory checks both again when they are used.
    fn buffer(self, memory: &Memory<'_>, index: u32) -> Result<(u32, u32), Failure> {
        let at = self.address.wrapping_add(index.wrapping_mul(BUFFER_BYTES));
        Ok(buffer(memory.array(at)?))
    }
}

/// The address and length that a record says.
#[inline]
pub(super) fn buffer(record: [u8; BUFFER_BYTES as usize]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = record;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

/// How a list is filled or emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// One call of the source for the first buffer that is not empty: where asking again could wait, or
    /// swallow an end that is told once.
    First,
    /// Until a call moves less than a whole buffer.
    Short,
}

/// What buffers are filled from, one at a time. By reference: one loop serves all sources.
type Read<'f> = &'f mut dyn FnMut(&mut [u8]) -> Poll<Result<usize, Code>>;

/// Fills `buffers` from `read`, with at most `bytes_max` bytes, and answers how many it got.
///
/// What came before an error, or before it would have to wait, is an answer: the guest sees the rest when it
/// asks again.
pub(super) fn poll_fill(
    memory: &mut Memory<'_>,
    buffers: Buffers,
    until: Until,
    bytes_max: u32,
    read: Read<'_>,
) -> Poll<Result<u32, Failure>> {
    let mut total = 0;
    let mut asked = false;
    for index in 0..buffers.count {
        let (address, length) = buffers.buffer(memory, index)?;
        let length = length.min(bytes_max - total);
        if length == 0 {
            continue;
        }
        asked = true;
        let moved = memory.fill_with(address, length, |bytes| match read(bytes) {
            Poll::Ready(Ok(count)) => (count, Poll::Ready(Ok(count))),
            other => (0, other),
        })?;
        match moved {
            Poll::Ready(Ok(count)) => {
                let count = u32::try_from(count).unwrap_or(length).min(length);
                total += count;
                if count < length || until == Until::First {
                    break;
                }
            }
            _ if total > 0 => break,
            Poll::Ready(Err(code)) => return Poll::Ready(Err(code.into())),
            Poll::Pending => return Poll::Pending,
        }
    }
    if !asked {
        // For its errors: a read of nothing still needs something to read.
        return read(&mut []).map(|read| read.map(|_| 0).map_err(Failure::from));
    }
    Poll::Ready(Ok(total))
}

/// Fills `buffers` from `read` to their last byte, or to the end of what there is, over as many waits as it
/// takes: `total` is how many bytes came so far, and is kept in between.
pub(super) fn poll_fill_on(
    memory: &mut Memory<'_>,
    buffers: Buffers,
    bytes_max: u32,
    total: &mut u32,
    read: Read<'_>,
) -> Poll<Result<u32, Failure>> {
    let mut start = 0u32;
    for index in 0..buffers.count {
        let (address, length) = buffers.buffer(memory, index)?;
        let end = start.saturating_add(length).min(bytes_max);
        while *total < end {
            let (skip, rest) = (*total - start, end - *total);
            let moved = memory.fill_with(address.wrapping_add(skip), rest, |bytes| match read(bytes) {
                Poll::Ready(Ok(count)) => (count, Poll::Ready(Ok(count))),
                other => (0, other),
            })?;
            match moved {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(*total)),
                Poll::Ready(Ok(count)) => *total += u32::try_from(count).unwrap_or(rest).min(rest),
                Poll::Ready(Err(_)) if *total > 0 => return Poll::Ready(Ok(*total)),
                Poll::Ready(Err(code)) => return Poll::Ready(Err(code.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
        start = end;
    }
    Poll::Ready(Ok(*total))
}

/// How long one `iovec` is.
const BUFFER_BYTES: u32 = 8;

/// How many buffers one list may have, as on Linux (`IOV_MAX`).
pub(super) const COUNT_MAX: u32 = 1_024;
