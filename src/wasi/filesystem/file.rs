//! A file that a guest holds open: reading and writing at an offset, and the arithmetic of positions.

use super::{Access, directory::check_times};
use crate::{
    cap::{
        self, Code,
        filesystem::{Advice, Metadata, Times},
    },
    wasi::price::{self, Tab},
};
use alloc::sync::Arc;
use core::task::{Context, Poll, ready};

/// A file, with what was granted of it and what it was opened for.
#[derive(Clone)]
pub struct File {
    handle: Arc<dyn cap::filesystem::File>,
    access: Access,
    read: bool,
    write: bool,
    flags: FileFlags,
    tab: Tab,
}

/// How an open file behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFlags {
    /// What is written goes to the end.
    pub append: bool,
    /// Nothing waits.
    pub nonblocking: bool,
    /// Data reaches the medium before a write is done.
    pub data_sync: bool,
    /// Data and metadata reach the medium before a write is done.
    pub file_sync: bool,
    /// A read waits for writes to reach the medium.
    pub read_sync: bool,
}

/// What a position is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The start of the file.
    Start,
    /// Where the position is.
    Current,
    /// The end of the file.
    End,
}

impl File {
    /// An open `handle`.
    #[must_use]
    pub fn new(
        handle: Arc<dyn cap::filesystem::File>,
        access: Access,
        read: bool,
        write: bool,
        flags: FileFlags,
    ) -> Self {
        Self { handle, access, read, write, flags, tab: Tab::default() }
    }

    /// The same, where what is done with it is owed on `tab`.
    #[must_use]
    pub fn on(self, tab: &Tab) -> Self {
        Self { tab: tab.clone(), ..self }
    }

    /// Whether each write waits for the medium.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.flags.data_sync || self.flags.file_sync
    }

    /// What was granted.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Whether it was opened to be read.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        self.read
    }

    /// Whether it was opened to be written.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.write
    }

    /// How it behaves.
    #[must_use]
    pub const fn flags(&self) -> FileFlags {
        self.flags
    }

    /// Makes it behave otherwise.
    pub const fn set_flags(&mut self, flags: FileFlags) {
        self.flags = flags;
    }

    /// Gives up reading, writing or both: what is gone does not come back.
    pub const fn narrow(&mut self, read: bool, write: bool) {
        self.read = self.read && read;
        self.write = self.write && write;
    }

    /// Reads at `offset`; `Ok(0)`, for a buffer that is not empty, is the end.
    ///
    /// # Errors
    ///
    /// [`Code::BadDescriptor`] when it was not opened to be read; [`Code::Invalid`] for an offset past
    /// 2⁶³; [`Code::Io`].
    pub fn poll_read_at(
        &self,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
        offset: u64,
    ) -> Poll<Result<usize, Code>> {
        if !self.read {
            return Poll::Ready(Err(Code::BadDescriptor));
        }
        if offset > OFFSET_MAX {
            return Poll::Ready(Err(Code::Invalid));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let read = ready!(self.handle.poll_read_at(cx, bytes, offset));
        self.tab.owe(price::TRANSFER);
        Poll::Ready(read)
    }

    /// Writes at `offset`, whether or not the file appends.
    ///
    /// # Errors
    ///
    /// [`Code::BadDescriptor`] when it was not opened to be written; [`Code::FileTooLarge`] past 2⁶³;
    /// [`Code::NoSpace`], [`Code::Io`].
    pub fn poll_write_at(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        offset: u64,
    ) -> Poll<Result<usize, Code>> {
        if !self.write {
            return Poll::Ready(Err(Code::BadDescriptor));
        }
        let end = offset.checked_add(bytes.len() as u64);
        if end.is_none_or(|end| end > OFFSET_MAX) {
            return Poll::Ready(Err(Code::FileTooLarge));
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let written = ready!(self.handle.poll_write_at(cx, bytes, offset));
        self.tab.owe(price::TRANSFER);
        Poll::Ready(written.and_then(|count| self.written().map(|()| count)))
    }

    /// Writes at the end; answers how many bytes, and the end after them.
    ///
    /// # Errors
    ///
    /// As [`poll_write_at`](Self::poll_write_at).
    pub fn poll_append(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<(usize, u64), Code>> {
        if !self.write {
            return Poll::Ready(Err(Code::BadDescriptor));
        }
        if bytes.is_empty() {
            return Poll::Ready(self.metadata().map(|metadata| (0, metadata.size)));
        }
        let written = ready!(self.handle.poll_append(cx, bytes));
        self.tab.owe(price::TRANSFER);
        Poll::Ready(written.and_then(|done| self.written().map(|()| done)))
    }

    /// Writes at `position`, or at the end where the file appends; answers how many bytes, and the
    /// position after them.
    ///
    /// # Errors
    ///
    /// As [`poll_write_at`](Self::poll_write_at).
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        position: u64,
    ) -> Poll<Result<(usize, u64), Code>> {
        if self.flags.append {
            return self.poll_append(cx, bytes);
        }
        self.poll_write_at(cx, bytes, position).map_ok(|count| (count, position.saturating_add(count as u64)))
    }

    /// What a write is not done without.
    fn written(&self) -> Result<(), Code> {
        match self.flags {
            FileFlags { file_sync: true, .. } => self.sync(false),
            FileFlags { data_sync: true, .. } => self.sync(true),
            _ => Ok(()),
        }
    }

    /// The file's metadata.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn metadata(&self) -> Result<Metadata, Code> {
        self.tab.owe(price::METADATA);
        self.handle.metadata()
    }

    /// Cuts the file or extends it with zeroes.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when it was not opened to be written, as of POSIX's `ftruncate`;
    /// [`Code::FileTooLarge`] past 2⁶³; [`Code::NoSpace`].
    pub fn set_size(&self, size: u64) -> Result<(), Code> {
        if !self.write {
            return Err(Code::Invalid);
        }
        if size > OFFSET_MAX {
            return Err(Code::FileTooLarge);
        }
        self.tab.owe(price::CHANGE);
        self.handle.set_size(size)
    }

    /// Sets the file's times. Asks for a grant to change things, not for the file to be open for writing:
    /// so does POSIX's `futimens`.
    ///
    /// # Errors
    ///
    /// [`Code::NotPermitted`] on a read-only grant, [`Code::Invalid`] for a time that is none.
    pub fn set_times(&self, times: Times) -> Result<(), Code> {
        self.access.mutate()?;
        check_times(times)?;
        self.tab.owe(price::METADATA);
        self.handle.set_times(times)
    }

    /// Says what will be read soon, or no more.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for a range past 2⁶³.
    pub fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<(), Code> {
        if offset > OFFSET_MAX || length > OFFSET_MAX {
            return Err(Code::Invalid);
        }
        self.tab.owe(price::METADATA);
        self.handle.advise(offset, length, advice)
    }

    /// Brings data, and unless `data_only` metadata, to the medium.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn sync(&self, data_only: bool) -> Result<(), Code> {
        self.tab.owe(price::SYNC);
        self.handle.sync(data_only)
    }
}

/// The position `delta` bytes from `whence`, in a file of `size` bytes. Past the end is a position.
///
/// # Errors
///
/// [`Code::Invalid`] before the start, or past 2⁶³.
pub fn seek(whence: Whence, delta: i64, position: u64, size: u64) -> Result<u64, Code> {
    let from = match whence {
        Whence::Start => 0,
        Whence::Current => position,
        Whence::End => size,
    };
    from.checked_add_signed(delta).filter(|&to| to <= OFFSET_MAX).ok_or(Code::Invalid)
}

/// The last offset: platforms count them in signed 64 bits.
const OFFSET_MAX: u64 = i64::MAX.cast_unsigned();
