//! What WASI's command line means: arguments, environment, three streams.
//!
//! Knows no dialect: arguments and environment are the plain texts of
//! [`Grants`](super::Grants), streams are what is here.

use crate::cap::{
    Code,
    cli::{InputStream, OutputStream},
};
use alloc::{string::String, sync::Arc};
use core::task::{Context, Poll};

/// A stream that a guest reads, as it was granted; none where it was not.
#[derive(Clone)]
pub struct Input(Option<Arc<dyn InputStream>>);

/// A stream that a guest writes, as it was granted; none where it was not.
#[derive(Clone)]
pub struct Output(Option<Arc<dyn OutputStream>>);

impl Input {
    /// A grant of `stream`.
    #[must_use]
    pub fn new(stream: Arc<dyn InputStream>) -> Self {
        Self(Some(stream))
    }

    /// No grant: a stream that has ended.
    #[must_use]
    pub const fn empty() -> Self {
        Self(None)
    }

    /// Reads at most `bytes.len()` bytes; `Ok(0)`, for a buffer that is not empty, is the end.
    ///
    /// # Errors
    ///
    /// [`Code::Io`].
    pub fn poll_read(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Code>> {
        match &self.0 {
            Some(stream) if !bytes.is_empty() => stream.poll_read(cx, bytes),
            _ => Poll::Ready(Ok(0)),
        }
    }

    /// Waits until [`poll_read`](Self::poll_read) would not be pending; answers how many bytes are known
    /// to be there.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        self.0.as_ref().map_or(Poll::Ready(0), |stream| stream.poll_readable(cx))
    }

    /// Whether a person sits at the other end.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.0.as_ref().is_some_and(|stream| stream.is_terminal())
    }
}

impl Output {
    /// A grant of `stream`.
    #[must_use]
    pub fn new(stream: Arc<dyn OutputStream>) -> Self {
        Self(Some(stream))
    }

    /// No grant: a stream that takes everything, keeps none of it, and allocates nothing.
    #[must_use]
    pub const fn sink() -> Self {
        Self(None)
    }

    /// Writes some of `bytes`, at least one where there is one, and answers how many.
    ///
    /// # Errors
    ///
    /// [`Code::Pipe`], [`Code::Io`].
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        match &self.0 {
            // A write of nothing never waits, and never reaches a buffer.
            Some(stream) if !bytes.is_empty() => stream.poll_write(cx, bytes),
            _ => Poll::Ready(Ok(bytes.len())),
        }
    }

    /// Waits until everything written has left this process.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    pub fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>> {
        self.0.as_ref().map_or(Poll::Ready(Ok(())), |stream| stream.poll_flush(cx))
    }

    /// Waits until [`poll_write`](Self::poll_write) would not be pending; answers how many bytes it would
    /// take.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        self.0.as_ref().map_or(Poll::Ready(u64::MAX), |stream| stream.poll_writable(cx))
    }

    /// Whether a person sits at the other end.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.0.as_ref().is_some_and(|stream| stream.is_terminal())
    }
}

/// Whether `arg` can be an argument: C programs see it as a text that ends at a NUL.
#[must_use]
pub fn is_argument(arg: &str) -> bool {
    !arg.contains('\0')
}

/// Whether `name` and `value` can be an environment variable.
#[must_use]
pub fn is_variable(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

/// An environment variable as `name=value`.
#[must_use]
pub fn variable_text(name: &str, value: &str) -> String {
    [name, "=", value].concat()
}
