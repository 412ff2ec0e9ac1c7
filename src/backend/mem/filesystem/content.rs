//! The bytes of a file, in chunks; what was never written reads as zero and costs nothing.

use super::quota::Budget;
use crate::cap::Code;
use alloc::{collections::BTreeMap, vec::Vec};

/// The bytes of a file.
///
/// In chunks, so that growing never copies what is there (which would need the space twice), and a gap
/// is as cheap as a guest can make it large.
#[derive(Default)]
pub(super) struct Content {
    /// By position. A chunk may be shorter than [`CHUNK_BYTES`]: the rest of it is zero.
    chunks: BTreeMap<u64, Vec<u8>>,
    size: u64,
}

const CHUNK_BYTES: u64 = 4_096;
/// What a chunk is charged beyond its bytes: its entry in the map.
const CHUNK_COST: u64 = 48;

/// What a chunk of this length is charged, and how much is allocated for it: a power of two, so that
/// appending byte by byte copies little, and a file of ten bytes does not cost four thousand.
fn block(length: usize) -> usize {
    if length == 0 { 0 } else { length.next_power_of_two().max(16) }
}

fn chunk_cost(chunk: &[u8]) -> u64 {
    CHUNK_COST + block(chunk.len()) as u64
}

/// Where a position is: its chunk, and the offset there.
fn locate(position: u64) -> (u64, usize) {
    (position / CHUNK_BYTES, (position % CHUNK_BYTES) as usize)
}

impl Content {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What all of it is charged.
    pub(super) fn cost(&self) -> u64 {
        self.chunks.values().map(|chunk| chunk_cost(chunk)).sum()
    }

    /// Copies what is there at `offset`; 0 at and past the end.
    pub(super) fn read(&self, offset: u64, bytes: &mut [u8]) -> usize {
        let there = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = bytes.len().min(there);
        let bytes = &mut bytes[..count];
        bytes.fill(0);
        if count == 0 {
            return 0;
        }
        let (first, _) = locate(offset);
        let (last, _) = locate(offset + (count as u64 - 1));
        for (&index, chunk) in self.chunks.range(first..=last) {
            // Of this chunk, what lies in the range that is asked for.
            let chunk_start = index * CHUNK_BYTES;
            let skip = offset.saturating_sub(chunk_start) as usize;
            let to = chunk_start.saturating_sub(offset) as usize;
            let Some(source) = chunk.get(skip..) else { continue };
            let length = source.len().min(count - to);
            bytes[to..to + length].copy_from_slice(&source[..length]);
        }
        count
    }

    /// Writes at `offset`, as much as there is space for.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8], budget: &mut Budget) -> Result<usize, Code> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let room = budget.quota.bytes.checked_sub(offset).filter(|&room| room > 0);
        let room = usize::try_from(room.ok_or(Code::FileTooLarge)?).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        let mut written = 0;
        while written < bytes.len() {
            let (index, start) = locate(offset + written as u64);
            let length = (bytes.len() - written).min(CHUNK_BYTES as usize - start);
            match self.chunk(index, start + length, budget) {
                Ok(chunk) => {
                    chunk[start..start + length].copy_from_slice(&bytes[written..written + length]);
                }
                Err(code) if written == 0 => return Err(code),
                Err(_) => break,
            }
            written += length;
            self.size = self.size.max(offset + written as u64);
        }
        Ok(written)
    }

    /// The chunk, at least `length` long; charged first.
    fn chunk(&mut self, index: u64, length: usize, budget: &mut Budget) -> Result<&mut Vec<u8>, Code> {
        let known = self.chunks.get(&index).map(Vec::len);
        let old_length = known.unwrap_or(0);
        if known.is_none() || length > old_length {
            let new_chunk = if known.is_none() { CHUNK_COST } else { 0 };
            let more = (block(length.max(old_length)) - block(old_length)) as u64 + new_chunk;
            budget.check(more, 0)?;
            let mut chunk = self.chunks.remove(&index).unwrap_or_default();
            let grown = chunk.try_reserve_exact(block(length) - old_length);
            if grown.is_ok() {
                chunk.resize(length.max(old_length), 0);
                budget.charge(more, 0)?;
            }
            if grown.is_ok() || known.is_some() {
                self.chunks.insert(index, chunk);
            }
            grown.map_err(|_| Code::NoMemory)?;
        }
        self.chunks.get_mut(&index).ok_or(Code::Io)
    }

    /// Cuts it, or extends it by a gap.
    pub(super) fn set_size(&mut self, size: u64, budget: &mut Budget) -> Result<(), Code> {
        if size > budget.quota.bytes {
            return Err(Code::FileTooLarge);
        }
        if size < self.size {
            let released = self.cut(size);
            budget.release(released, 0);
        }
        self.size = size;
        Ok(())
    }

    /// Drops what is past `size`, and answers what that was charged. As long as what it drops is.
    fn cut(&mut self, size: u64) -> u64 {
        let (last, length) = locate(size);
        let past = self.chunks.split_off(&(last + u64::from(length > 0)));
        let mut released = past.values().map(|chunk| chunk_cost(chunk)).sum();
        // Whatever is extended again later must read as zero, so the rest of the last chunk goes.
        if let Some(chunk) = self.chunks.get_mut(&last).filter(|chunk| chunk.len() > length) {
            released += chunk_cost(chunk);
            chunk.truncate(length);
            chunk.shrink_to(block(length));
            released -= chunk_cost(chunk);
        }
        released
    }
}
