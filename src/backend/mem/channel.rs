//! Bytes that go one way: a bounded buffer with somebody waiting at either end.

use crate::{
    backend::wakers::{Wakers, wake},
    cap::Code,
};
use alloc::{collections::VecDeque, vec::Vec};
use core::task::{Context, Poll, Waker};
use spin::Mutex;

/// One direction of a pipe or a connection.
pub(super) struct Channel(Mutex<State>);

struct State {
    bytes: VecDeque<u8>,
    bytes_max: usize,
    /// No more will be written; what is buffered can still be read.
    written_out: bool,
    /// Nobody will read.
    unread: bool,
    readers: Wakers,
    writers: Wakers,
}

impl Channel {
    /// An empty channel that holds back at most `bytes_max` bytes, at least one.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self(Mutex::new(State {
            bytes: VecDeque::new(),
            bytes_max: bytes_max.max(1),
            written_out: false,
            unread: false,
            readers: Wakers::default(),
            writers: Wakers::default(),
        }))
    }

    /// How many bytes wait to be read.
    pub(super) fn len(&self) -> usize {
        self.0.lock().bytes.len()
    }

    /// Reads what is there. `None`: nothing yet. With `peek` it stays.
    pub(super) fn read(&self, bytes: &mut [u8], peek: bool) -> Option<usize> {
        let mut state = self.0.lock();
        let (count, woken) = (state.read(bytes, peek)?, state.writers_if_room(peek));
        drop(state);
        wake(woken);
        Some(count)
    }

    /// As [`read`](Self::read), and waits.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, bytes: &mut [u8], peek: bool) -> Poll<usize> {
        let mut state = self.0.lock();
        let Some(count) = state.read(bytes, peek) else {
            let evicted = state.readers.register(cx.waker());
            drop(state);
            wake(evicted);
            return Poll::Pending;
        };
        let woken = state.writers_if_room(peek);
        drop(state);
        wake(woken);
        Poll::Ready(count)
    }

    /// Waits until a read would not be pending; answers how many bytes are there.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        let mut state = self.0.lock();
        if !state.bytes.is_empty() || state.is_over() {
            return Poll::Ready(state.bytes.len() as u64);
        }
        let evicted = state.readers.register(cx.waker());
        drop(state);
        wake(evicted);
        Poll::Pending
    }

    /// Writes what there is room for. `None`: no room.
    pub(super) fn write(&self, bytes: &[u8]) -> Option<Result<usize, Code>> {
        let mut state = self.0.lock();
        let written = state.write(bytes)?;
        let woken = state.readers.take();
        drop(state);
        wake(woken);
        Some(written)
    }

    /// As [`write`](Self::write), and waits for room.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        let mut state = self.0.lock();
        let Some(written) = state.write(bytes) else {
            let evicted = state.writers.register(cx.waker());
            drop(state);
            wake(evicted);
            return Poll::Pending;
        };
        let woken = if matches!(written, Ok(1..)) { state.readers.take() } else { Vec::new() };
        drop(state);
        wake(woken);
        Poll::Ready(written)
    }

    /// Waits until a write would not be pending; answers how many bytes it would take.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        let mut state = self.0.lock();
        if state.is_over() {
            return Poll::Ready(1);
        }
        match state.bytes_max - state.bytes.len() {
            0 => {
                let evicted = state.writers.register(cx.waker());
                drop(state);
                wake(evicted);
                Poll::Pending
            }
            room => Poll::Ready(room as u64),
        }
    }

    /// Says that no more will be written: the reader gets what is there, then the end.
    pub(super) fn end_writing(&self) {
        self.end(|state| state.written_out = true);
    }

    /// Says that nobody will read: what is there is dropped, and a writer gets [`Code::Pipe`].
    pub(super) fn end_reading(&self) {
        self.end(|state| {
            state.unread = true;
            state.bytes = VecDeque::new();
        });
    }

    fn end(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.lock();
        change(&mut state);
        let (readers, writers) = (state.readers.take(), state.writers.take());
        drop(state);
        wake(readers.into_iter().chain(writers));
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.written_out || self.unread
    }

    fn read(&mut self, bytes: &mut [u8], peek: bool) -> Option<usize> {
        if self.bytes.is_empty() && !self.is_over() && !bytes.is_empty() {
            return None;
        }
        let count = bytes.len().min(self.bytes.len());
        let (first, second) = self.bytes.as_slices();
        let from_first = count.min(first.len());
        bytes[..from_first].copy_from_slice(&first[..from_first]);
        bytes[from_first..count].copy_from_slice(&second[..count - from_first]);
        if !peek {
            self.bytes.drain(..count);
        }
        Some(count)
    }

    fn writers_if_room(&mut self, peek: bool) -> Vec<Waker> {
        if peek || self.bytes.len() >= self.bytes_max { Vec::new() } else { self.writers.take() }
    }

    fn write(&mut self, bytes: &[u8]) -> Option<Result<usize, Code>> {
        if bytes.is_empty() {
            return Some(Ok(0));
        }
        if self.is_over() {
            return Some(Err(Code::Pipe));
        }
        let count = bytes.len().min(self.bytes_max - self.bytes.len());
        if count == 0 {
            return None;
        }
        if self.make_room(count).is_err() {
            return Some(Err(Code::NoMemory));
        }
        self.bytes.extend(&bytes[..count]);
        Some(Ok(count))
    }

    /// Doubles, yet not past the bound as `VecDeque` by itself would.
    fn make_room(&mut self, count: usize) -> Result<(), ()> {
        let needed = self.bytes.len() + count;
        if needed <= self.bytes.capacity() {
            return Ok(());
        }
        let capacity = needed.max(self.bytes.capacity().saturating_mul(2)).min(self.bytes_max);
        self.bytes.try_reserve_exact(capacity - self.bytes.len()).map_err(drop)
    }
}
