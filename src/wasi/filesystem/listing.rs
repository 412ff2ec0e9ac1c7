//! What is in a directory, read once and kept, so that a position in it means something.
//!
//! A guest reads a directory in pieces, and changes it in between: `rm -r` removes what it has just been
//! told. Counting entries again for every piece would then skip some. So a guest that starts over gets a
//! new listing, and one that goes on reads on in the one it has.

use crate::{
    cap::{
        Code,
        filesystem::{Directory, Kind},
    },
    wasi::price::{self, Tab},
};
use alloc::{string::String, vec::Vec};

/// The entries of a directory, as they were at one moment. `.` and `..` are not among them.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Which entry of the directory is the first one here.
    first: u64,
    /// All names, one behind the other.
    names: String,
    entries: Vec<Slot>,
    reaches_end: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    name_end: usize,
    kind: Kind,
    inode: u64,
}

/// One entry of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingEntry<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it was.
    pub kind: Kind,
    /// Its serial number.
    pub inode: u64,
}

impl Listing {
    /// Reads `directory` from its entry `first` on, counted from 0, until nothing is left or another entry
    /// would need more than `bytes_max` bytes. Where there is an entry, at least one is kept. All that were looked at
    /// are owed on `tab`.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub(super) fn read(
        directory: &dyn Directory,
        first: u64,
        bytes_max: usize,
        tab: &Tab,
    ) -> Result<Self, Code> {
        let mut listing = Self { first, reaches_end: true, ..Self::default() };
        let mut bytes = 0;
        let mut skip = first;
        let mut looked_at = 0;
        let read = directory.read(&mut |entry| {
            looked_at += 1;
            if skip > 0 {
                skip -= 1;
                return true;
            }
            let name = entry.name.as_str();
            bytes += size_of::<Slot>() + name.len();
            if bytes > bytes_max && !listing.entries.is_empty() {
                listing.reaches_end = false;
                return false;
            }
            listing.names.push_str(name);
            let name_end = listing.names.len();
            listing.entries.push(Slot { name_end, kind: entry.kind, inode: entry.inode });
            true
        });
        tab.owe_each(price::ENTRY, looked_at + read.as_ref().unwrap_or(&0));
        read.map(|_| listing)
    }

    /// The directory's entry at `index`, counted from 0.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<ListingEntry<'_>> {
        let index = usize::try_from(index.checked_sub(self.first)?).ok()?;
        let Slot { name_end, kind, inode } = *self.entries.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.entries.get(before)?.name_end,
            None => 0,
        };
        Some(ListingEntry { name: self.names.get(start..name_end)?, kind, inode })
    }

    /// Whether the entry at `index` is here, or known not to exist.
    #[must_use]
    pub fn covers(&self, index: u64) -> bool {
        let end = self.first.saturating_add(self.entries.len() as u64);
        index >= self.first && (index < end || self.reaches_end)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes of memory it holds.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.names.capacity() + self.entries.capacity() * size_of::<Slot>()
    }
}
