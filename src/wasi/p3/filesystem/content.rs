//! What is in a file or directory, as streams.

use super::{
    super::{
        errors::FileError,
        streams::{Items, Sink, Source},
    },
    types::DirectoryEntry,
};
use crate::wasi::filesystem::{Directory, File, Listing};
use alloc::{string::ToString, sync::Arc, vec::Vec};
use core::{
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll, ready},
};

/// A file that is read from a position on.
pub(super) struct Reading {
    pub(super) file: File,
    pub(super) position: u64,
}

impl Source for Reading {
    type Error = FileError;

    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, FileError>> {
        let count = ready!(self.file.poll_read_at(cx, bytes, self.position))?;
        self.position = self.position.saturating_add(count as u64);
        Poll::Ready(Ok(count))
    }
}

/// A file that is written from a position on, or at its end.
pub(super) struct Writing {
    pub(super) file: File,
    pub(super) position: Option<u64>,
}

impl Sink for Writing {
    type Error = FileError;

    fn is_slow(&self) -> bool {
        self.file.is_synced()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, FileError>> {
        let Some(position) = &mut self.position else {
            return self.file.poll_append(cx, bytes).map_ok(|(count, _)| count).map_err(FileError::from);
        };
        let count = ready!(self.file.poll_write_at(cx, bytes, *position))?;
        *position = position.saturating_add(count as u64);
        Poll::Ready(Ok(count))
    }
}

/// A directory that is being read, as it was when reading began: as much of it as there was room for.
pub(super) struct Entries {
    directory: Directory,
    listing: Listing,
    /// Whether `listing` is one: reading begins when somebody wants entries.
    begun: bool,
    next: u64,
    room: ListingRoom,
}

impl Entries {
    /// All entries of `directory`, with memory of `room`.
    pub(super) fn new(directory: Directory, room: &ListingBytes) -> Self {
        let room = ListingRoom { all: room.clone(), own: 0 };
        Self { directory, listing: Listing::default(), begun: false, next: 0, room }
    }

    /// Sees to it that the entry to come is in the listing, if there is one.
    fn cover(&mut self) -> Result<(), FileError> {
        if self.begun && self.listing.covers(self.next) {
            return Ok(());
        }
        self.listing = Listing::default();
        self.room.take(0);
        self.listing = self.directory.list(self.next, self.room.left())?;
        self.begun = true;
        self.room.take(self.listing.bytes());
        Ok(())
    }
}

impl Items for Entries {
    type Item = DirectoryEntry;
    type Error = FileError;

    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Vec<DirectoryEntry>>, FileError>> {
        self.cover()?;
        let entries = (self.next..).map_while(|index| self.listing.entry(index)).take(ENTRIES_AT_ONCE);
        let entries =
            entries.map(|entry| DirectoryEntry { kind: entry.kind.into(), name: entry.name.to_string() });
        let entries: Vec<_> = entries.collect();
        self.next = self.next.saturating_add(entries.len() as u64);
        Poll::Ready(Ok((!entries.is_empty()).then_some(entries)))
    }
}

/// Bytes that the listings of all directories being read may hold together: what is left of them.
#[derive(Clone)]
pub(in crate::wasi::p3) struct ListingBytes(Arc<AtomicUsize>);

impl ListingBytes {
    pub(in crate::wasi::p3) fn new(bytes_max: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(bytes_max)))
    }
}

/// What one listing holds of that; given back with it.
struct ListingRoom {
    all: ListingBytes,
    own: usize,
}

impl ListingRoom {
    /// How many bytes another listing may take.
    fn left(&self) -> usize {
        self.all.0.load(Ordering::Relaxed)
    }

    /// Holds `bytes` and no more. A listing keeps one entry at least, and may so take more than there is.
    fn take(&mut self, bytes: usize) {
        let (own, left) = (core::mem::replace(&mut self.own, bytes), self.left());
        self.own = bytes.min(left.saturating_add(own));
        self.all.0.store(left.saturating_add(own) - self.own, Ordering::Relaxed);
    }
}

impl Drop for ListingRoom {
    fn drop(&mut self) {
        self.take(0);
    }
}

/// How many entries are made values of at once.
const ENTRIES_AT_ONCE: usize = 256;
