//! A guest's linear memory, as a host function sees it: every access is checked, every write is known.

use crate::{Trap, engine::Fault};
use alloc::vec::Vec;
use core::fmt;

/// The memory of the guest that called, for the length of one host call.
///
/// Addresses and lengths are the guest's own numbers; nothing is read or written unless the whole range
/// lies inside. All multi-byte values are little-endian, as the WebAssembly core specification has them.
#[derive(Debug)]
pub struct Memory<'a> {
    bytes: &'a mut [u8],
    /// Where the host wrote, kept only while someone watches.
    written: Option<&'a mut Vec<Range>>,
}

/// A range of guest memory that the host wrote: address and length.
pub(crate) type Range = (u32, u32);

/// A guest's pointer that does not point into its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PointerError;

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pointer out of bounds")
    }
}

impl core::error::Error for PointerError {}

impl From<PointerError> for Fault {
    fn from(_: PointerError) -> Self {
        Self::Trap(Trap::MemoryOutOfBounds)
    }
}

impl<'a> Memory<'a> {
    pub(super) fn new(bytes: &'a mut [u8], written: Option<&'a mut Vec<Range>>) -> Self {
        Self { bytes, written }
    }

    /// A memory of its own, over bytes that no guest has: for tests of what reads and writes one.
    #[must_use]
    pub fn over(bytes: &'a mut [u8]) -> Self {
        Self { bytes, written: None }
    }

    /// Its size in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    /// Whether it has no bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Checks that `length` bytes at `address` lie inside. A length of 0 still needs an address inside
    /// or at the end.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when they do not.
    #[inline]
    pub fn check(&self, address: u32, length: u32) -> Result<(), PointerError> {
        self.bytes(address, length).map(|_| ())
    }

    /// The `length` bytes at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when they do not lie inside.
    #[inline]
    pub fn bytes(&self, address: u32, length: u32) -> Result<&[u8], PointerError> {
        let (start, end) = range(address, length)?;
        self.bytes.get(start..end).ok_or(PointerError)
    }

    /// The `count` records of `N` bytes each at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when they do not all lie inside.
    #[inline]
    pub fn records<const N: usize>(&self, address: u32, count: u32) -> Result<&[[u8; N]], PointerError> {
        let length = u32::try_from(N).ok().and_then(|size| count.checked_mul(size)).ok_or(PointerError)?;
        Ok(self.bytes(address, length)?.as_chunks().0)
    }

    /// The `N` bytes at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when they do not lie inside.
    #[inline]
    pub fn array<const N: usize>(&self, address: u32) -> Result<[u8; N], PointerError> {
        let start = usize::try_from(address).map_err(|_| PointerError)?;
        let bytes = self.bytes.get(start..).and_then(|bytes| bytes.first_chunk());
        bytes.copied().ok_or(PointerError)
    }

    /// The byte at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when it does not lie inside.
    pub fn read_u8(&self, address: u32) -> Result<u8, PointerError> {
        self.array(address).map(u8::from_le_bytes)
    }

    /// The 16-bit number at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when it does not lie inside.
    pub fn read_u16(&self, address: u32) -> Result<u16, PointerError> {
        self.array(address).map(u16::from_le_bytes)
    }

    /// The 32-bit number at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when it does not lie inside.
    pub fn read_u32(&self, address: u32) -> Result<u32, PointerError> {
        self.array(address).map(u32::from_le_bytes)
    }

    /// The 64-bit number at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when it does not lie inside.
    pub fn read_u64(&self, address: u32) -> Result<u64, PointerError> {
        self.array(address).map(u64::from_le_bytes)
    }

    /// Writes `bytes` at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`], with nothing written, when they would not lie inside.
    #[inline]
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> Result<(), PointerError> {
        let length = u32::try_from(bytes.len()).map_err(|_| PointerError)?;
        self.slice_mut(address, length)?.copy_from_slice(bytes);
        self.note(address, length);
        Ok(())
    }

    /// Writes one byte at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when it does not lie inside.
    pub fn write_u8(&mut self, address: u32, value: u8) -> Result<(), PointerError> {
        self.put(address, [value])
    }

    /// Writes a 16-bit number at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when it does not lie inside.
    pub fn write_u16(&mut self, address: u32, value: u16) -> Result<(), PointerError> {
        self.put(address, value.to_le_bytes())
    }

    /// Writes a 32-bit number at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when it does not lie inside.
    #[inline]
    pub fn write_u32(&mut self, address: u32, value: u32) -> Result<(), PointerError> {
        self.put(address, value.to_le_bytes())
    }

    /// Writes a 64-bit number at `address`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when it does not lie inside.
    pub fn write_u64(&mut self, address: u32, value: u64) -> Result<(), PointerError> {
        self.put(address, value.to_le_bytes())
    }

    /// Hands `length` bytes at `address` to `fill`, which answers how many it wrote from their start
    /// and something of its own. What it did not write it leaves as it was.
    ///
    /// # Errors
    ///
    /// [`PointerError`], without calling `fill`, when they do not lie inside.
    pub fn fill_with<R>(
        &mut self,
        address: u32,
        length: u32,
        fill: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> Result<R, PointerError> {
        let (count, result) = fill(self.slice_mut(address, length)?);
        self.note(address, u32::try_from(count).unwrap_or(length).min(length));
        Ok(result)
    }

    /// Writes `bytes` at `address` where nobody watches, in a call that is over at once.
    #[inline(always)]
    pub(crate) fn put_unwatched<const N: usize>(
        &mut self,
        address: u32,
        bytes: [u8; N],
    ) -> Result<(), PointerError> {
        *self.place_unwatched(address)? = bytes;
        Ok(())
    }

    /// The `N` bytes at `address`, to be written where nobody watches, in a call that is over at once.
    #[inline(always)]
    pub(crate) fn place_unwatched<const N: usize>(
        &mut self,
        address: u32,
    ) -> Result<&mut [u8; N], PointerError> {
        debug_assert!(self.written.is_none(), "somebody watches");
        let start = usize::try_from(address).map_err(|_| PointerError)?;
        let place = self.bytes.get_mut(start..).and_then(|bytes| bytes.first_chunk_mut());
        place.ok_or(PointerError)
    }

    #[inline]
    fn put<const N: usize>(&mut self, address: u32, bytes: [u8; N]) -> Result<(), PointerError> {
        let start = usize::try_from(address).map_err(|_| PointerError)?;
        let place = self.bytes.get_mut(start..).and_then(|bytes| bytes.first_chunk_mut());
        *place.ok_or(PointerError)? = bytes;
        self.note(address, u32::try_from(N).unwrap_or(u32::MAX));
        Ok(())
    }

    #[inline]
    fn slice_mut(&mut self, address: u32, length: u32) -> Result<&mut [u8], PointerError> {
        let (start, end) = range(address, length)?;
        self.bytes.get_mut(start..end).ok_or(PointerError)
    }

    #[inline]
    fn note(&mut self, address: u32, length: u32) {
        if let Some(written) = &mut self.written {
            keep(written, address, length);
        }
    }
}

/// Hardly anybody watches, so this stays out of what writes.
#[cold]
fn keep(written: &mut Vec<Range>, address: u32, length: u32) {
    if length > 0 {
        written.push((address, length));
    }
}

#[inline]
fn range(address: u32, length: u32) -> Result<(usize, usize), PointerError> {
    let start = usize::try_from(address).map_err(|_| PointerError)?;
    let length = usize::try_from(length).map_err(|_| PointerError)?;
    let end = start.checked_add(length).ok_or(PointerError)?;
    Ok((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_lies_wholly_inside_or_does_not_happen() {
        let mut bytes = [7; 16];
        let mut memory = Memory::over(&mut bytes);
        assert_eq!(memory.bytes(16, 0), Ok(&[][..]));
        for (address, length) in
            [(17, 0), (16, 1), (15, 2), (u32::MAX, 0), (u32::MAX, u32::MAX), (1, u32::MAX)]
        {
            assert_eq!(memory.bytes(address, length), Err(PointerError), "{address}+{length}");
            let untouched = memory.fill_with(address, length, |_| panic!("called with a bad range"));
            assert_eq!(untouched.map(|(): ()| ()), Err(PointerError));
        }
        assert_eq!(memory.write(13, &[1, 2, 3, 4]), Err(PointerError));
        assert_eq!(memory.read_u32(13), Err(PointerError));
        assert_eq!(bytes, [7; 16]);
    }

    #[test]
    fn what_is_written_is_noted_and_nothing_else() {
        let mut bytes = [0; 16];
        let mut written = Vec::new();
        let mut memory = Memory::new(&mut bytes, Some(&mut written));
        memory.write_u32(4, 0x0102_0304).unwrap();
        memory.write(9, &[]).unwrap();
        memory.fill_with(10, 6, |slice| (slice.len() - 4, ())).unwrap();
        assert_eq!(written, [(4, 4), (10, 2)]);
        assert_eq!(bytes[4..8], [4, 3, 2, 1]);
    }
}
