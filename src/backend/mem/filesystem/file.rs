//! An open file in memory.

use super::Handle;
use crate::cap::{
    Code,
    filesystem::{self, Advice, Metadata, Open, Times},
};
use core::{
    fmt,
    task::{Context, Poll},
};

/// An open file of a [`Directory`](super::Directory). It stays usable, and charged, when its last name is
/// removed.
///
/// Reading does not change the time of last access: that would make every read a write.
pub struct File {
    handle: Handle,
    read: bool,
    write: bool,
}

impl File {
    pub(super) fn new(handle: Handle, open: Open) -> Self {
        Self { handle, read: open.read, write: open.write }
    }

    fn writable(&self) -> Result<(), Code> {
        if self.write { Ok(()) } else { Err(Code::BadDescriptor) }
    }

    fn write(&self, bytes: &[u8], offset: Option<u64>) -> Result<(usize, u64), Code> {
        self.writable()?;
        let now = self.handle.shared.now();
        let mut tree = self.handle.shared.tree.lock();
        if bytes.is_empty() {
            return Ok((0, tree.content(self.handle.id)?.size()));
        }
        tree.change(self.handle.id, now, |content, budget| {
            let count = content.write(offset.unwrap_or(content.size()), bytes, budget)?;
            Ok((count, content.size()))
        })
    }
}

impl filesystem::File for File {
    fn poll_read_at(&self, _: &mut Context<'_>, bytes: &mut [u8], offset: u64) -> Poll<Result<usize, Code>> {
        if !self.read {
            return Poll::Ready(Err(Code::BadDescriptor));
        }
        let tree = self.handle.shared.tree.lock();
        Poll::Ready(tree.content(self.handle.id).map(|content| content.read(offset, bytes)))
    }

    fn poll_write_at(&self, _: &mut Context<'_>, bytes: &[u8], offset: u64) -> Poll<Result<usize, Code>> {
        Poll::Ready(self.write(bytes, Some(offset)).map(|(count, _)| count))
    }

    fn poll_append(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<(usize, u64), Code>> {
        Poll::Ready(self.write(bytes, None))
    }

    fn metadata(&self) -> Result<Metadata, Code> {
        Ok(self.handle.metadata())
    }

    fn set_size(&self, size: u64) -> Result<(), Code> {
        self.writable()?;
        let now = self.handle.shared.now();
        let mut tree = self.handle.shared.tree.lock();
        tree.change(self.handle.id, now, |content, budget| content.set_size(size, budget))
    }

    fn set_times(&self, times: Times) -> Result<(), Code> {
        self.handle.set_times(times)
    }

    fn advise(&self, _: u64, _: u64, _: Advice) -> Result<(), Code> {
        Ok(())
    }

    fn sync(&self, _: bool) -> Result<(), Code> {
        Ok(())
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("inode", &self.handle.metadata().inode).finish_non_exhaustive()
    }
}
