//! Byte streams in and out: what standard input, output and error are connected to.
//!
//! Arguments and environment are plain values of the host and need no trait.

use super::Code;
use core::task::{Context, Poll};

/// Bytes that arrive.
pub trait InputStream: Send + Sync {
    /// Reads at most `bytes.len()` bytes. `Ok(0)`, for a buffer that is not empty, is the end.
    ///
    /// # Errors
    ///
    /// [`Code::Io`] when the source fails.
    fn poll_read(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Code>>;

    /// Waits until [`poll_read`](Self::poll_read) would not be pending. Consumes nothing. Answers
    /// how many bytes are known to be there; 0 where that is not known, or at the end.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<u64>;

    /// Whether a person sits at the other end.
    fn is_terminal(&self) -> bool {
        false
    }
}

/// Bytes that leave.
pub trait OutputStream: Send + Sync {
    /// Writes some of `bytes`, at least one where there is one, and answers how many.
    ///
    /// An implementation bounds what it holds back: where it cannot take a byte without growing
    /// past its bound it is pending.
    ///
    /// # Errors
    ///
    /// [`Code::Pipe`] when nobody will ever read them, [`Code::NoSpace`] when what keeps them is full,
    /// [`Code::Io`] when the sink fails.
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>>;

    /// Waits until everything written has left this process.
    ///
    /// # Errors
    ///
    /// As [`poll_write`](Self::poll_write).
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>>;

    /// Waits until [`poll_write`](Self::poll_write) would not be pending, and answers how many bytes
    /// it would take at once, at least one.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<u64>;

    /// Whether a person sits at the other end.
    fn is_terminal(&self) -> bool {
        false
    }
}
