//! Streams in memory: what a guest's standard input, output and error can be connected to.

use super::channel::Channel;
use crate::cap::{
    Code,
    cli::{InputStream, OutputStream},
};
use alloc::{borrow::Cow, sync::Arc, vec, vec::Vec};
use core::{
    fmt,
    task::{Context, Poll},
};
use spin::Mutex;

/// A pipe: bytes that go in at one end come out at the other. A cheap handle: clones are the same pipe,
/// and each can be used as either end.
///
/// Holds back a bounded number of bytes. A guest that writes into a full one waits until somebody
/// reads; a guest that reads from an empty one waits until somebody writes or [`close`](Self::close)s.
#[derive(Clone)]
pub struct Pipe(Arc<Channel>);

impl Pipe {
    /// As much as a pipe holds back unless told otherwise: 64 KiB.
    pub const BYTES_MAX: usize = 64 << 10;

    /// A pipe of [`BYTES_MAX`](Self::BYTES_MAX).
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(Self::BYTES_MAX)
    }

    /// A pipe that holds back at most `bytes_max` bytes, at least one. It allocates as it fills.
    #[must_use]
    pub fn with_capacity(bytes_max: usize) -> Self {
        Self(Arc::new(Channel::new(bytes_max)))
    }

    /// Writes, without waiting, as much as there is room for, and answers how much that was: 0 also when
    /// the pipe is closed.
    pub fn write(&self, bytes: &[u8]) -> usize {
        self.0.write(bytes).and_then(Result::ok).unwrap_or(0)
    }

    /// Reads, without waiting, what is there.
    pub fn read(&self, bytes: &mut [u8]) -> usize {
        self.0.read(bytes, false).unwrap_or(0)
    }

    /// Takes everything that is there.
    #[must_use]
    pub fn take(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.0.len()];
        let count = self.read(&mut bytes);
        bytes.truncate(count);
        bytes
    }

    /// How many bytes wait to be read.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing waits to be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Says that no more will be written: a reader gets what is there, and then the end.
    pub fn close(&self) {
        self.0.end_writing();
    }

    /// Says that nobody will read: what is there is dropped, and a writer gets [`Code::Pipe`].
    pub fn close_reading(&self) {
        self.0.end_reading();
    }
}

impl InputStream for Pipe {
    fn poll_read(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Code>> {
        self.0.poll_read(cx, bytes, false).map(Ok)
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        self.0.poll_readable(cx)
    }
}

impl OutputStream for Pipe {
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        self.0.poll_write(cx, bytes)
    }

    /// At once: what is in the pipe has left the writer.
    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        self.0.poll_writable(cx)
    }
}

impl Default for Pipe {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// A fixed text to read, and then the end. Never waits. Clones share the position.
#[derive(Clone)]
pub struct Input(Arc<Mutex<Remaining>>);

struct Remaining {
    bytes: Cow<'static, [u8]>,
    position: usize,
}

impl Input {
    /// These bytes, and then the end.
    #[must_use]
    pub fn bytes(bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        Self(Arc::new(Mutex::new(Remaining { bytes: bytes.into(), position: 0 })))
    }

    /// How many bytes nobody has read yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        let state = self.0.lock();
        state.bytes.len() - state.position
    }
}

impl InputStream for Input {
    fn poll_read(&self, _: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, Code>> {
        let mut state = self.0.lock();
        let rest = &state.bytes[state.position..];
        let count = bytes.len().min(rest.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        state.position += count;
        Poll::Ready(Ok(count))
    }

    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(self.remaining() as u64)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

/// Keeps what is written, up to a bound, for the embedder to look at. Never waits. A cheap handle.
///
/// Past its bound it is full like a disk: [`Code::NoSpace`]. What it has kept by then stays.
#[derive(Clone)]
pub struct Output(Arc<Mutex<Kept>>);

struct Kept {
    bytes: Vec<u8>,
    bytes_max: usize,
    overflowed: bool,
}

impl Output {
    /// As much as is kept unless told otherwise: 1 MiB.
    pub const BYTES_MAX: usize = 1 << 20;

    /// Keeps up to [`BYTES_MAX`](Self::BYTES_MAX).
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(Self::BYTES_MAX)
    }

    /// Keeps up to `bytes_max` bytes. It allocates as it fills.
    #[must_use]
    pub fn with_capacity(bytes_max: usize) -> Self {
        Self(Arc::new(Mutex::new(Kept { bytes: Vec::new(), bytes_max, overflowed: false })))
    }

    /// What was written so far.
    #[must_use]
    pub fn contents(&self) -> Vec<u8> {
        self.0.lock().bytes.clone()
    }

    /// Whether more was written than is kept.
    #[must_use]
    pub fn overflowed(&self) -> bool {
        self.0.lock().overflowed
    }
}

impl Kept {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Code> {
        let room = self.bytes_max - self.bytes.len();
        let count = bytes.len().min(room);
        if count < bytes.len() {
            self.overflowed = true;
        }
        if count == 0 && !bytes.is_empty() {
            return Err(Code::NoSpace);
        }
        let needed = self.bytes.len() + count;
        if needed > self.bytes.capacity() {
            let capacity = needed.max(self.bytes.capacity().saturating_mul(2)).min(self.bytes_max);
            let more = capacity - self.bytes.len();
            self.bytes.try_reserve_exact(more).map_err(|_| Code::NoMemory)?;
        }
        self.bytes.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
}

impl OutputStream for Output {
    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        Poll::Ready(self.0.lock().write(bytes))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<u64> {
        let state = self.0.lock();
        Poll::Ready((state.bytes_max - state.bytes.len()).max(1) as u64)
    }
}

impl Default for Output {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("len", &self.0.lock().bytes.len()).finish_non_exhaustive()
    }
}

/// Nothing to read: at its end from the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl InputStream for Empty {
    fn poll_read(&self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Code>> {
        Poll::Ready(Ok(0))
    }

    fn poll_readable(&self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(0)
    }
}

/// Takes everything and keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sink;

impl OutputStream for Sink {
    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(u64::MAX)
    }
}

/// Takes nothing: whoever was to read is gone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Closed;

impl OutputStream for Closed {
    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        Poll::Ready(if bytes.is_empty() { Ok(0) } else { Err(Code::Pipe) })
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(1)
    }
}
