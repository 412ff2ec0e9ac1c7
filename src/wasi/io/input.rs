//! Reading a stream.

use super::{Error, Source, StreamError};
use alloc::{boxed::Box, vec};
use core::{
    fmt,
    task::{Context, Poll, ready},
};

/// A stream that a guest reads.
///
/// What is called `poll_…` waits for at least one byte, or the end; what is not, never does, and its context is only
/// asked of what is read. At the end, and after a failure was told, everything is [`StreamError::Closed`].
#[derive(Default)]
pub struct InputStream {
    /// None: closed.
    source: Option<Box<dyn Source>>,
}

impl InputStream {
    /// A stream of what comes from `source`.
    #[must_use]
    pub fn new(source: impl Source + 'static) -> Self {
        Self { source: Some(Box::new(source)) }
    }

    /// A stream that has ended.
    #[must_use]
    pub const fn closed() -> Self {
        Self { source: None }
    }

    /// Whether it is known to be closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.source.is_none()
    }

    /// Reads what is there, at most `bytes.len()` bytes, which may be none.
    ///
    /// # Errors
    ///
    /// [`StreamError::Failed`], [`StreamError::Closed`].
    pub fn read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Result<usize, StreamError> {
        match self.poll_some(cx, bytes) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(0),
        }
    }

    /// Waits until there is something, and reads it. With an empty buffer it only waits.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, StreamError>> {
        if bytes.is_empty() {
            ready!(self.poll_ready(cx));
        }
        self.poll_some(cx, bytes)
    }

    /// Reads at most `count` bytes of what is there and forgets them: how many.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn skip(&mut self, cx: &mut Context<'_>, count: u64) -> Result<u64, StreamError> {
        let mut bytes = vec![0; chunk(count)];
        self.read(cx, &mut bytes).map(|count| count as u64)
    }

    /// Waits until there is something, reads at most `count` bytes of it and forgets them: how many.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn poll_skip(&mut self, cx: &mut Context<'_>, count: u64) -> Poll<Result<u64, StreamError>> {
        let mut bytes = vec![0; chunk(count)];
        self.poll_read(cx, &mut bytes).map_ok(|count| count as u64)
    }

    /// Waits until there is something to read, an end or a failure to hear of.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.source.as_mut().map_or(Poll::Ready(()), |source| source.poll_readable(cx))
    }

    /// When to ask again at the latest, on the monotonic clock, where something that waits was pending.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.source.as_ref().and_then(|source| source.deadline_ns())
    }

    fn poll_some(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, StreamError>> {
        let Some(source) = &mut self.source else { return Poll::Ready(Err(StreamError::Closed)) };
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        Poll::Ready(match ready!(source.poll_read(cx, bytes)) {
            Ok(0) => Err(self.close(None)),
            Ok(count) => Ok(count),
            Err(error) => Err(self.close(Some(error))),
        })
    }

    fn close(&mut self, error: Option<Error>) -> StreamError {
        self.source = None;
        error.map_or(StreamError::Closed, StreamError::Failed)
    }
}

impl fmt::Debug for InputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputStream").field("closed", &self.is_closed()).finish()
    }
}

/// What skipping and splicing move at once: a guest chooses how much, and pays for a call.
pub(super) const CHUNK_BYTES_MAX: usize = 4_096;

pub(super) fn chunk(count: u64) -> usize {
    usize::try_from(count).map_or(CHUNK_BYTES_MAX, |count| count.min(CHUNK_BYTES_MAX))
}
