//! Contents that go out: from a guest that writes to a reader that pulls, counted against the length they are said to
//! have, and bounded in between.

use super::{
    Message,
    quota::{Bounds, Charge},
};
use crate::cap::http::{Body, ErrorCode, Fields, Frame};
use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt, mem,
    task::{Context, Poll, Waker},
};
use spin::Mutex;

/// How much waits to be read, at most.
const BYTES_MAX: usize = 64 << 10;

/// The two ends of contents on their way out. With `length` they are so many bytes or fail.
#[must_use]
pub fn pipe(bounds: &Bounds, message: Message, length: Option<u64>) -> (BodyWriter, PipedBody) {
    let state = State {
        buffer: Vec::new(),
        charge: bounds.charge(),
        bytes_max: BYTES_MAX.min(bounds.limits().bytes as usize).max(1),
        message,
        length,
        written: 0,
        end: None,
        sent: None,
        is_asked: false,
        is_dropped: false,
        awaits_receipt: false,
        reader: None,
        writer: None,
    };
    let shared = Arc::new(Mutex::new(state));
    (BodyWriter(Arc::new(WriterEnd(shared.clone()))), PipedBody(shared))
}

/// The end that is written. A cheap handle; when the last is dropped without an end having been said, the contents
/// break off.
#[derive(Clone)]
pub struct BodyWriter(Arc<WriterEnd>);

struct WriterEnd(Arc<Mutex<State>>);

/// The end that is read.
pub struct PipedBody(Arc<Mutex<State>>);

/// Who knows how sending went where the contents cannot tell: without any, a request that was sent and one that was not
/// look alike to them. Dropped without having said so, it was not.
pub struct Receipt(Arc<Mutex<State>>);

struct State {
    buffer: Vec<u8>,
    charge: Charge,
    bytes_max: usize,
    message: Message,
    length: Option<u64>,
    written: u64,
    /// What comes behind the buffer.
    end: Option<Result<Option<Fields>, ErrorCode>>,
    /// How it went, once the reader is done.
    sent: Option<Result<(), ErrorCode>>,
    /// Whether the reader ever asked for anything.
    is_asked: bool,
    /// Whether the reader is gone.
    is_dropped: bool,
    /// Whether there is a [`Receipt`] that has not said anything.
    awaits_receipt: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl BodyWriter {
    /// Writes some of `bytes`, at least one where there is one, and answers how many.
    ///
    /// # Errors
    ///
    /// When there would be more than was said, when the contents have ended, and [`ErrorCode::ConnectionTerminated`]
    /// when nobody reads them.
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, ErrorCode>> {
        let mut state = self.0.0.lock();
        state.check_open()?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let total = state.written.saturating_add(bytes.len() as u64);
        if state.length.is_some_and(|length| total > length) {
            let code = state.length_error(total);
            let woken = state.finish(Err(code.clone()));
            drop(state);
            wake(woken);
            return Poll::Ready(Err(code));
        }
        let count = bytes.len().min(state.bytes_max - state.buffer.len());
        if count == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let kept = state.buffer.len() + count;
        if state.charge.resize(kept).is_err() || state.buffer.try_reserve(count).is_err() {
            // What others hold may come free, what this one holds when it is read: but nobody promises to wake.
            let code = ErrorCode::InternalError(Some("too much is waiting to be sent".into()));
            let woken = state.finish(Err(code.clone()));
            drop(state);
            wake(woken);
            return Poll::Ready(Err(code));
        }
        state.buffer.extend_from_slice(&bytes[..count]);
        state.written += count as u64;
        let woken = state.reader.take();
        drop(state);
        wake(woken);
        Poll::Ready(Ok(count))
    }

    /// Waits until [`poll_write`](Self::poll_write) would not be pending, and answers how many bytes it would take, at
    /// least one.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        let mut state = self.0.0.lock();
        match state.bytes_max - state.buffer.len() {
            0 if state.check_open().is_ok() => {
                state.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            room => Poll::Ready(room.max(1) as u64),
        }
    }

    /// Says that this was all, and what trailers come behind it.
    ///
    /// # Errors
    ///
    /// When it was less than was said. The contents break off then.
    pub fn finish(&self, trailers: Option<Fields>) -> Result<(), ErrorCode> {
        let mut state = self.0.0.lock();
        if matches!(state.end, Some(Err(_))) {
            return state.end.clone().map_or(Ok(()), |end| end.map(drop));
        }
        let result = match state.length {
            Some(length) if length != state.written => Err(state.length_error(state.written)),
            _ => Ok(()),
        };
        let woken = state.finish(result.clone().map(|()| trailers));
        drop(state);
        wake(woken);
        result
    }

    /// Says that the contents break off.
    pub fn fail(&self, code: ErrorCode) {
        let woken = self.0.0.lock().finish(Err(code));
        wake(woken);
    }

    /// Waits until the reader is done: well, when it had all of it.
    ///
    /// # Errors
    ///
    /// Why it had not.
    pub fn poll_sent(&self, cx: &mut Context<'_>) -> Poll<Result<(), ErrorCode>> {
        let mut state = self.0.0.lock();
        if let Some(sent) = &state.sent {
            return Poll::Ready(sent.clone());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for WriterEnd {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if state.end.is_none() {
            let code = match state.message {
                Message::Request => ErrorCode::ConnectionTerminated,
                Message::Response => ErrorCode::HttpResponseIncomplete,
            };
            let woken = state.finish(Err(code));
            drop(state);
            wake(woken);
        }
    }
}

impl State {
    fn check_open(&self) -> Result<(), ErrorCode> {
        match (&self.end, &self.sent) {
            (Some(Err(code)), _) => Err(code.clone()),
            (Some(Ok(_)), _) | (_, Some(_)) => Err(ErrorCode::ConnectionTerminated),
            (None, None) => Ok(()),
        }
    }

    /// The first end that is said counts. Broken off, what waits is not read either.
    #[must_use]
    fn finish(&mut self, end: Result<Option<Fields>, ErrorCode>) -> Option<Waker> {
        if self.end.is_none() {
            if end.is_err() {
                self.clear();
            }
            self.end = Some(end);
        }
        self.reader.take()
    }

    fn clear(&mut self) {
        self.buffer = Vec::new();
        // Less is always granted.
        let _ = self.charge.resize(0);
    }

    fn length_error(&self, bytes: u64) -> ErrorCode {
        match self.message {
            Message::Request => ErrorCode::HttpRequestBodySize(Some(bytes)),
            Message::Response => ErrorCode::HttpResponseBodySize(Some(bytes)),
        }
    }

    /// Whether the reader has all there will ever be, though it may not have heard so.
    fn is_read(&self) -> bool {
        let ended = match &self.end {
            Some(Ok(trailers)) => trailers.is_none(),
            Some(Err(_)) => false,
            None => self.length == Some(self.written),
        };
        ended && self.buffer.is_empty()
    }

    #[must_use]
    fn done(&mut self, result: Result<(), ErrorCode>) -> Option<Waker> {
        self.sent.get_or_insert(result);
        self.writer.take()
    }
}

impl PipedBody {
    /// Has somebody else say how sending went.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        self.0.lock().awaits_receipt = true;
        Receipt(self.0.clone())
    }
}

impl Receipt {
    /// Says how sending went. Contents that are still being read go on, unless it failed.
    pub fn settle(&self, result: Result<(), ErrorCode>) {
        let mut state = self.0.lock();
        state.awaits_receipt = false;
        let woken = if result.is_err() || state.is_dropped { state.done(result) } else { None };
        drop(state);
        wake(woken);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let awaited = self.0.lock().awaits_receipt;
        if awaited {
            self.settle(Err(ErrorCode::ConnectionTerminated));
        }
    }
}

impl Body for PipedBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        let mut state = self.0.lock();
        state.is_asked = true;
        let (frame, woken) = if !state.buffer.is_empty() {
            let piece = mem::take(&mut state.buffer);
            state.clear();
            (Some(Ok(Frame::Data(piece))), state.writer.take())
        } else {
            match &mut state.end {
                None => {
                    state.reader = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                Some(Ok(trailers)) => {
                    let trailers = trailers.take();
                    (trailers.map(|trailers| Ok(Frame::Trailers(trailers))), state.done(Ok(())))
                }
                Some(Err(code)) => {
                    let code = code.clone();
                    (Some(Err(code.clone())), state.done(Err(code)))
                }
            }
        };
        drop(state);
        wake(woken);
        Poll::Ready(frame)
    }

    fn length(&self) -> Option<u64> {
        let state = self.0.lock();
        match (&state.end, state.length) {
            // Those behind a length that was not said would be lost in HTTP/1.1 (RFC 9112, section 7.1.2).
            (Some(Ok(Some(_))), None) => None,
            (Some(Ok(_)), _) => Some(state.buffer.len() as u64),
            (_, Some(length)) => Some(length - state.written + state.buffer.len() as u64),
            (_, None) => None,
        }
    }

    fn trailers(&self) -> Option<Fields> {
        match &self.0.lock().end {
            Some(Ok(trailers)) => trailers.clone(),
            Some(Err(_)) | None => None,
        }
    }

    fn ends_with_guest(&self) -> bool {
        true
    }
}

impl Drop for PipedBody {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_dropped = true;
        let is_read = state.is_read();
        if is_read && !state.is_asked && state.awaits_receipt {
            return;
        }
        let result = if is_read { Ok(()) } else { Err(ErrorCode::ConnectionTerminated) };
        state.clear();
        let woken = state.done(result);
        drop(state);
        wake(woken);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.0.lock();
        f.debug_struct("BodyWriter").field("written", &state.written).field("length", &state.length).finish()
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("sent", &self.0.lock().sent).finish()
    }
}

impl fmt::Debug for PipedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipedBody").field("length", &self.length()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    /// HTTP/1.1 sends trailers only behind contents whose length was not said.
    #[test]
    fn contents_with_trailers_have_no_length_of_their_own() {
        let bounds = Bounds::new(&Limits::server().http);
        let written = |length, trailers| {
            let (writer, body) = pipe(&bounds, Message::Response, length);
            let cx = &mut Context::from_waker(Waker::noop());
            assert_eq!(writer.poll_write(cx, b"abc"), Poll::Ready(Ok(3)));
            writer.finish(trailers).unwrap();
            body.length()
        };
        assert_eq!(written(None, None), Some(3));
        assert_eq!(written(None, Some(Fields::new())), None);
        assert_eq!(written(Some(3), Some(Fields::new())), Some(3));
    }
}
