//! Directories as streams of entries.

use crate::{
    cap::Code,
    wasi::{
        filesystem::{Directory, Listing},
        p2::{State, bindings::filesystem::types::DirectoryEntry},
    },
};
use alloc::string::ToString;

/// A directory that is being read, as it was when reading began: as much of it as there was room for.
pub struct DirectoryEntryStream {
    directory: Directory,
    listing: Listing,
    next: u64,
}

impl State {
    /// How many bytes another listing may take: all of a guest's together stay within what one call may move.
    pub(super) fn listing_room(&self) -> usize {
        (self.limits.host_call_bytes as usize).saturating_sub(self.listing_bytes)
    }
}

impl DirectoryEntryStream {
    /// Reads `directory` from its first entry on.
    pub(super) fn new(directory: Directory, room: usize) -> Result<Self, Code> {
        let listing = directory.list(0, room)?;
        Ok(Self { directory, listing, next: 0 })
    }

    /// The next entry, if there is one.
    pub(super) fn next(&mut self, room: usize) -> Result<Option<DirectoryEntry>, Code> {
        if !self.listing.covers(self.next) {
            self.listing = self.directory.list(self.next, room.saturating_add(self.listing.bytes()))?;
        }
        let entry = self
            .listing
            .entry(self.next)
            .map(|entry| DirectoryEntry { type_: super::kind(entry.kind), name: entry.name.to_string() });
        self.next += u64::from(entry.is_some());
        Ok(entry)
    }

    pub(super) fn bytes(&self) -> usize {
        self.listing.bytes()
    }
}

impl core::fmt::Debug for DirectoryEntryStream {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DirectoryEntryStream").field("next", &self.next).finish_non_exhaustive()
    }
}
