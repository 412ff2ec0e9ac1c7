//! Writing a stream: permits, a backlog that is bounded by them, and flushing.

use super::{
    Error, InputStream, Sink, StreamError,
    input::{CHUNK_BYTES_MAX, chunk},
};
use crate::cap::Code;
use alloc::{boxed::Box, vec, vec::Vec};
use core::{
    fmt,
    task::{Context, Poll, ready},
};

/// A stream that a guest writes.
///
/// A guest asks how much it may write ([`check_write`](Self::check_write)), and what it then writes is accepted, all of
/// it. A sink that takes less than it said leaves a backlog here, never more than one permit, and no new permit is given
/// before that is gone. After a failure was told, everything is [`StreamError::Closed`].
pub struct OutputStream {
    sink: Box<dyn Sink>,
    /// How much may be written before the next permit.
    permit: u64,
    /// The largest permit.
    permit_max: u64,
    /// What was accepted and not yet written.
    backlog: Vec<u8>,
    flushing: bool,
    state: State,
}

enum State {
    Open,
    /// It failed while nobody asked: told to whoever asks next.
    Failed(Error),
    Closed,
}

impl OutputStream {
    /// How much a guest may write at once where nothing else is said: what a sink says it would take may be without
    /// bound.
    pub const PERMIT_BYTES_MAX: u64 = 64 << 10;

    /// A stream of what goes to `sink`.
    #[must_use]
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self::with_permit_max(sink, Self::PERMIT_BYTES_MAX)
    }

    /// A stream that permits at most `permit_max` bytes at once.
    #[must_use]
    pub fn with_permit_max(sink: impl Sink + 'static, permit_max: u64) -> Self {
        Self {
            sink: Box::new(sink),
            permit: 0,
            permit_max: permit_max.max(1),
            backlog: Vec::new(),
            flushing: false,
            state: State::Open,
        }
    }

    /// How much may be written now; 0 while a flush is under way or nothing would be taken.
    ///
    /// # Errors
    ///
    /// [`StreamError::Failed`] for an earlier write or flush, [`StreamError::Closed`].
    pub fn check_write(&mut self, cx: &mut Context<'_>) -> Result<u64, StreamError> {
        self.permit = match self.poll_permit(cx) {
            Poll::Ready(permit) => permit?,
            Poll::Pending => 0,
        };
        Ok(self.permit)
    }

    /// Accepts `bytes`, which must have been permitted.
    ///
    /// # Errors
    ///
    /// [`StreamError::NotPermitted`]; as [`check_write`](Self::check_write).
    pub fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<(), StreamError> {
        self.alive()?;
        let Some(permit) = self.permit.checked_sub(bytes.len() as u64) else {
            return Err(StreamError::NotPermitted);
        };
        self.permit = permit;
        let mut rest = bytes;
        // In order: nothing overtakes what is in the backlog.
        while !rest.is_empty() && self.backlog.is_empty() {
            match self.poll_some(cx, rest) {
                Poll::Ready(count) => rest = rest.get(count?..).unwrap_or(&[]),
                Poll::Pending => break,
            }
        }
        self.backlog.extend_from_slice(rest);
        Ok(())
    }

    /// Accepts so many zeroes, which must have been permitted.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_zeroes(&mut self, cx: &mut Context<'_>, count: u64) -> Result<(), StreamError> {
        self.alive()?;
        if count > self.permit {
            return Err(StreamError::NotPermitted);
        }
        // All at once, and no more than a permit: a file may wait for its medium with each write.
        let (mut zeroes, count) = (Vec::new(), usize::try_from(count).unwrap_or(usize::MAX));
        if zeroes.try_reserve_exact(count).is_err() {
            return Err(self.fail(Code::NoMemory.into()));
        }
        zeroes.resize(count, 0);
        self.write(cx, &zeroes)
    }

    /// Begins to flush: no more is permitted until that is done.
    ///
    /// # Errors
    ///
    /// As [`check_write`](Self::check_write).
    pub fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), StreamError> {
        self.alive()?;
        self.flushing = true;
        self.permit = 0;
        match self.poll_settled(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    /// Flushes, and waits until that is done. Polled again it goes on with the same flush.
    ///
    /// # Errors
    ///
    /// As [`check_write`](Self::check_write).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.alive()?;
        self.flushing = true;
        self.permit = 0;
        self.poll_settled(cx)
    }

    /// Waits until all of `bytes` was written and has left this process. `written` is how many were written before;
    /// polled again, it goes on from there.
    ///
    /// # Errors
    ///
    /// As [`check_write`](Self::check_write); a stream that closes after the last byte was taken is no error.
    pub fn poll_write_and_flush(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        written: &mut usize,
    ) -> Poll<Result<(), StreamError>> {
        self.permit = 0;
        while let Some(rest) = bytes.get(*written..).filter(|rest| !rest.is_empty()) {
            ready!(self.poll_settled(cx))?;
            *written += ready!(self.poll_some(cx, rest))?;
        }
        // Polled again for the flush alone, there may be nothing left to write.
        let had_any = !bytes.is_empty() || self.flushing;
        match ready!(self.poll_flush(cx)) {
            Err(StreamError::Closed) if had_any => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }

    /// As [`poll_write_and_flush`](Self::poll_write_and_flush), of so many zeroes.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn poll_write_zeroes_and_flush(
        &mut self,
        cx: &mut Context<'_>,
        count: u64,
        written: &mut u64,
    ) -> Poll<Result<(), StreamError>> {
        self.permit = 0;
        while *written < count {
            ready!(self.poll_settled(cx))?;
            let zeroes = &[0; CHUNK_BYTES_MAX][..chunk(count - *written)];
            *written += ready!(self.poll_some(cx, zeroes))? as u64;
        }
        let had_any = count > 0 || self.flushing;
        match ready!(self.poll_flush(cx)) {
            Err(StreamError::Closed) if had_any => Poll::Ready(Ok(())),
            result => Poll::Ready(result),
        }
    }

    /// Moves what is there, and would be taken, from `source` to here: at most `count` bytes, and how many those were.
    ///
    /// # Errors
    ///
    /// Those of either stream.
    pub fn splice(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut InputStream,
        count: u64,
    ) -> Result<u64, StreamError> {
        let permit = self.check_write(cx)?;
        let mut bytes = vec![0; chunk(count.min(permit))];
        let count = source.read(cx, &mut bytes)?;
        self.write(cx, &bytes[..count])?;
        Ok(count as u64)
    }

    /// Waits until something is there and would be taken, and moves it.
    ///
    /// # Errors
    ///
    /// Those of either stream.
    pub fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut InputStream,
        count: u64,
    ) -> Poll<Result<u64, StreamError>> {
        ready!(self.poll_ready(cx));
        ready!(source.poll_ready(cx));
        Poll::Ready(self.splice(cx, source, count))
    }

    /// Waits until more is permitted, or there is a failure or an end to hear of.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.poll_permit(cx)) {
            Ok(_) | Err(StreamError::Closed | StreamError::NotPermitted) => {}
            // For who asks next: waiting tells nobody anything.
            Err(StreamError::Failed(error)) => self.state = State::Failed(error),
        }
        Poll::Ready(())
    }

    /// Gives what was accepted one more chance to leave: all that can be done for a stream that is dropped.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_settled(cx).map(drop)
    }

    fn poll_permit(&mut self, cx: &mut Context<'_>) -> Poll<Result<u64, StreamError>> {
        ready!(self.poll_settled(cx))?;
        self.sink.poll_writable(cx).map(|bytes| Ok(bytes.clamp(1, self.permit_max)))
    }

    /// Waits until the backlog and a flush are done.
    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.alive()?;
        while !self.backlog.is_empty() {
            let backlog = core::mem::take(&mut self.backlog);
            let polled = self.poll_some(cx, &backlog);
            self.backlog = backlog;
            let count = ready!(polled)?;
            self.backlog.drain(..count);
        }
        if self.flushing {
            if let Err(error) = ready!(self.sink.poll_flush(cx)) {
                return Poll::Ready(Err(self.fail(error)));
            }
            self.flushing = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes some of `bytes`, which are at least one.
    fn poll_some(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, StreamError>> {
        Poll::Ready(match ready!(self.sink.poll_write(cx, bytes)) {
            // A sink that takes nothing and does not say when to come again never will.
            Ok(0) => Err(self.fail(Code::Io.into())),
            Ok(count) => Ok(count.min(bytes.len())),
            Err(error) => Err(self.fail(error)),
        })
    }

    fn alive(&mut self) -> Result<(), StreamError> {
        match core::mem::replace(&mut self.state, State::Closed) {
            State::Open => {
                self.state = State::Open;
                Ok(())
            }
            State::Failed(error) => Err(self.fail(error)),
            State::Closed => Err(StreamError::Closed),
        }
    }

    fn fail(&mut self, error: Error) -> StreamError {
        self.state = State::Closed;
        self.backlog = Vec::new();
        self.flushing = false;
        self.permit = 0;
        StreamError::of(error)
    }
}

impl fmt::Debug for OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutputStream")
            .field("permit", &self.permit)
            .field("backlog", &self.backlog.len())
            .field("flushing", &self.flushing)
            .finish_non_exhaustive()
    }
}
