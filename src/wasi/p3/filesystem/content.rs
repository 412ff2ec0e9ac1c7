//! What is in a file or directory, as streams.

use super::{
    super::{
        errors::FileError,
        streams::{Items, Sink, Source},
    },
    types::DirectoryEntry,
};
use crate::wasi::filesystem::{Directory, File};
use alloc::{string::ToString, vec::Vec};
use core::task::{Context, Poll, ready};

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

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, FileError>> {
        let Some(position) = &mut self.position else {
            return self.file.poll_append(cx, bytes).map_ok(|(count, _)| count).map_err(FileError::from);
        };
        let count = ready!(self.file.poll_write_at(cx, bytes, *position))?;
        *position = position.saturating_add(count as u64);
        Poll::Ready(Ok(count))
    }
}

/// A directory that is read from an entry on.
pub(super) struct Entries {
    pub(super) directory: Directory,
    pub(super) next: u64,
}

/// Memory for the entries that are fetched at once.
const LISTING_BYTES: usize = 16 << 10;

impl Items for Entries {
    type Item = DirectoryEntry;
    type Error = FileError;

    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Vec<DirectoryEntry>>, FileError>> {
        let listing = self.directory.list(self.next, LISTING_BYTES)?;
        let end = self.next.saturating_add(listing.len() as u64);
        let entries = (self.next..end).filter_map(|index| listing.entry(index));
        let entries =
            entries.map(|entry| DirectoryEntry { kind: entry.kind.into(), name: entry.name.to_string() });
        let entries: Vec<_> = entries.collect();
        self.next = end;
        Poll::Ready(Ok((!entries.is_empty()).then_some(entries)))
    }
}
