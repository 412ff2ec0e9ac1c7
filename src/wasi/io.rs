//! What WASI's streams mean: bytes read and written without waiting where there is nothing to wait for, and the one
//! way to wait for several things.
//!
//! Knows no dialect: a dialect keeps an [`InputStream`] or an [`OutputStream`] for each handle it gives out. Whatever
//! bytes come from or go to (standard streams, files, sockets, bodies of messages) is a [`Source`] or a [`Sink`].

mod input;
mod output;
mod poll;

pub use input::InputStream;
pub use output::OutputStream;
pub use poll::{Asked, poll_any};

use super::{
    cli::{Input, Output},
    filesystem::File,
};
use crate::cap::Code;
use alloc::sync::Arc;
use core::{
    any::Any,
    fmt,
    task::{Context, Poll, ready},
};

/// Where the bytes of an [`InputStream`] come from.
pub trait Source: Send {
    /// Reads at most `bytes.len()` bytes. `Ok(0)`, for a buffer that is not empty, is the end.
    ///
    /// # Errors
    ///
    /// Why nothing more will come.
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Error>>;

    /// Waits until [`poll_read`](Self::poll_read) would not be pending. Consumes nothing.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// When to ask again at the latest, on the monotonic clock, where either was pending.
    fn deadline_ns(&self) -> Option<u64> {
        None
    }
}

/// Where the bytes of an [`OutputStream`] go to.
pub trait Sink: Send {
    /// Writes some of `bytes`, at least one where there is one, and answers how many.
    ///
    /// # Errors
    ///
    /// Why nothing more will be taken.
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>>;

    /// Waits until everything written has left this process.
    ///
    /// # Errors
    ///
    /// Why it will not.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>>;

    /// Waits until [`poll_write`](Self::poll_write) would not be pending, and answers how many bytes it would take at
    /// once, at least one.
    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<u64>;
}

/// Why an operation on a stream failed (`wasi:io/error`).
#[derive(Clone)]
pub struct Error {
    code: Code,
    detail: Option<Arc<dyn Any + Send + Sync>>,
}

/// What an operation on a stream answers instead of its result (`wasi:io/streams`, `stream-error`).
#[derive(Clone, Debug)]
pub enum StreamError {
    /// This operation, or an earlier one that had already been accepted, failed. The stream is closed from here on.
    Failed(Error),
    /// The stream is closed.
    Closed,
    /// More was written than was permitted. The guest broke the contract: a dialect ends it.
    NotPermitted,
}

impl Error {
    /// A failure with more to say than its code: what `detail` is, only those know who made it.
    #[must_use]
    pub fn with_detail(code: Code, detail: impl Any + Send + Sync) -> Self {
        Self { code, detail: Some(Arc::new(detail)) }
    }

    /// What went wrong.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What else its maker had to say, if it is a `D`.
    #[must_use]
    pub fn detail<D: 'static>(&self) -> Option<&D> {
        self.detail.as_ref()?.downcast_ref()
    }

    /// Whether its code is all there is to say.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.detail.is_none()
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Self {
        Self { code, detail: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.code).finish()
    }
}

impl StreamError {
    /// What becomes of a failure: where the other end is gone, nothing failed, the stream has ended.
    fn of(error: Error) -> Self {
        if error.code == Code::Pipe && error.is_plain() { Self::Closed } else { Self::Failed(error) }
    }
}

impl Source for Input {
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Error>> {
        Self::poll_read(self, cx, bytes).map_err(Error::from)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Self::poll_readable(self, cx).map(drop)
    }
}

impl Sink for Output {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        Self::poll_write(self, cx, bytes).map_err(Error::from)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Self::poll_flush(self, cx).map_err(Error::from)
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<u64> {
        Self::poll_writable(self, cx)
    }
}

/// A file read from a position on.
pub struct FileSource {
    file: File,
    position: u64,
}

impl FileSource {
    /// Reads `file` from `position` on.
    #[must_use]
    pub const fn new(file: File, position: u64) -> Self {
        Self { file, position }
    }
}

impl Source for FileSource {
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Error>> {
        let count = ready!(self.file.poll_read_at(cx, bytes, self.position))?;
        self.position = self.position.saturating_add(count as u64);
        Poll::Ready(Ok(count))
    }

    // Files are always ready, at their end too (POSIX `poll`).
    fn poll_readable(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

/// A file written from a position on, or at its end.
pub struct FileSink {
    file: File,
    /// None: at the end, wherever that is.
    position: Option<u64>,
}

impl FileSink {
    /// Writes `file` from `position` on, also where it was opened to append.
    #[must_use]
    pub const fn at(file: File, position: u64) -> Self {
        Self { file, position: Some(position) }
    }

    /// Writes at the end of `file`.
    #[must_use]
    pub const fn append(file: File) -> Self {
        Self { file, position: None }
    }
}

impl Sink for FileSink {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let Some(position) = &mut self.position else {
            return self.file.poll_append(cx, bytes).map_ok(|(count, _)| count).map_err(Error::from);
        };
        let count = ready!(self.file.poll_write_at(cx, bytes, *position))?;
        *position = position.saturating_add(count as u64);
        Poll::Ready(Ok(count))
    }

    // What was written is in the file; bringing it to the medium is what `sync` is for.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&mut self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
