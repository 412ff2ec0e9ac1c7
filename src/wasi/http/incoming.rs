//! Contents that come in: read piece by piece, counted against the length they were said to have, with trailers behind.

use super::{
    Message,
    fields::{Fields, HeaderError},
    quota::Bounds,
    send::Slot,
    timeout::Timeout,
};
use crate::cap::http::{self, Body, ErrorCode, Frame};
use alloc::{boxed::Box, vec::Vec};
use core::{
    fmt, mem,
    task::{Context, Poll, ready},
};

/// The contents of a message that came in.
///
/// Of what arrives one piece is kept, until it is read.
pub struct IncomingBody {
    state: State,
    message: Message,
    bounds: Bounds,
    /// What arrived and was not yet read.
    piece: Vec<u8>,
    read: usize,
    /// How much is still to come, if that was said.
    remaining: Option<u64>,
    /// For each piece.
    timeout: Option<Timeout>,
    /// Held as long as the exchange is under way.
    _slot: Option<Slot>,
}

enum State {
    Coming(Box<dyn Body>),
    Over(Result<Option<Fields>, ErrorCode>),
    /// It is over, and the trailers were taken.
    Taken,
}

/// How many pieces are thrown away in one go, by who wants only the trailers.
const SKIPPED_MAX: usize = 16;

impl IncomingBody {
    /// The contents of `message`, which are `length` bytes if that was said.
    #[must_use]
    pub fn new(bounds: &Bounds, message: Message, length: Option<u64>, body: Box<dyn Body>) -> Self {
        Self {
            state: State::Coming(body),
            message,
            bounds: bounds.clone(),
            piece: Vec::new(),
            read: 0,
            remaining: length,
            timeout: None,
            _slot: None,
        }
    }

    pub(super) fn with_slot(self, slot: Slot) -> Self {
        Self { _slot: Some(slot), ..self }
    }

    /// The same, waiting no longer than this for each piece.
    pub(super) fn with_timeout(self, timeout: Option<Timeout>) -> Self {
        Self { timeout, ..self }
    }

    /// Reads at most `bytes.len()` bytes. `Ok(0)`, for a buffer that is not empty, is the end.
    ///
    /// # Errors
    ///
    /// Why the contents break off; asked again, the same.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, ErrorCode>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_readable(cx));
        let rest = &self.piece[self.read..];
        if rest.is_empty() {
            return Poll::Ready(match &self.state {
                State::Over(Err(code)) => Err(code.clone()),
                _ => Ok(0),
            });
        }
        let count = rest.len().min(bytes.len());
        bytes[..count].copy_from_slice(&rest[..count]);
        self.read += count;
        Poll::Ready(Ok(count))
    }

    /// When what is waited for has taken too long, on the monotonic clock: to be asked for again then. This does not
    /// wait for it by itself, since a virtual clock takes that as leave to jump there.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.timeout.as_ref().and_then(Timeout::deadline_ns)
    }

    /// Waits until [`poll_read`](Self::poll_read) would not be pending.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.read == self.piece.len() {
            let State::Coming(body) = &mut self.state else { break };
            let polled = match &mut self.timeout {
                Some(timeout) => timeout.ask(cx, |cx| body.poll_frame(cx)),
                None => body.poll_frame(cx).map(Some),
            };
            let Some(frame) = ready!(polled) else {
                self.end(Err(ErrorCode::ConnectionReadTimeout));
                break;
            };
            match frame {
                Some(Ok(Frame::Data(piece))) => self.arrived(piece),
                Some(Ok(Frame::Trailers(trailers))) => {
                    let trailers = Fields::received(&self.bounds, trailers);
                    self.end(trailers.map(Some).map_err(|error| self.trailers_error(error)));
                }
                Some(Err(code)) => self.end(Err(code)),
                None => self.end(Ok(None)),
            }
        }
        Poll::Ready(())
    }

    /// Waits for the end, throwing away what was not read, and takes the trailers. Taken once, there are none.
    ///
    /// # Errors
    ///
    /// Why the contents break off.
    pub fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Fields>, ErrorCode>> {
        for _ in 0..SKIPPED_MAX {
            self.read = self.piece.len();
            if !matches!(self.state, State::Coming(_)) {
                return Poll::Ready(match mem::replace(&mut self.state, State::Taken) {
                    State::Over(result) => result,
                    _ => Ok(None),
                });
            }
            ready!(self.poll_readable(cx));
        }
        // A body without an end must not keep the host.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether all of it was read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !matches!(self.state, State::Coming(_)) && self.read == self.piece.len()
    }

    fn arrived(&mut self, piece: Vec<u8>) {
        if let Some(remaining) = &mut self.remaining {
            let Some(rest) = remaining.checked_sub(piece.len() as u64) else {
                // Where the first message ends is where the next begins: what is beyond is not for this one.
                return self.end(Err(self.length_error()));
            };
            *remaining = rest;
        }
        (self.piece, self.read) = (piece, 0);
    }

    fn end(&mut self, result: Result<Option<Fields>, ErrorCode>) {
        let result = match (result, self.remaining) {
            (Ok(_), Some(1..)) => Err(self.length_error()),
            (result, _) => result,
        };
        self.state = State::Over(result);
        (self.piece, self.read) = (Vec::new(), 0);
    }

    fn length_error(&self) -> ErrorCode {
        match self.message {
            Message::Request => ErrorCode::HttpRequestBodySize(None),
            Message::Response => ErrorCode::HttpResponseBodySize(None),
        }
    }

    fn trailers_error(&self, error: HeaderError) -> ErrorCode {
        error.received(match self.message {
            Message::Request => ErrorCode::HttpRequestTrailerSectionSize(None),
            Message::Response => ErrorCode::HttpResponseTrailerSectionSize(None),
        })
    }
}

/// Handed on as it is. Whoever reads a body does not know of deadlines, and waits for nothing else.
impl Body for IncomingBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        let mut polled = self.poll_readable(cx);
        if polled.is_pending()
            && let Some(timeout) = &self.timeout
            && timeout.poll_deadline(cx).is_ready()
        {
            polled = self.poll_readable(cx);
        }
        ready!(polled);
        if self.read < self.piece.len() {
            let mut piece = mem::take(&mut self.piece);
            drop(piece.drain(..mem::take(&mut self.read)));
            return Poll::Ready(Some(Ok(Frame::Data(piece))));
        }
        Poll::Ready(match mem::replace(&mut self.state, State::Taken) {
            State::Over(Ok(Some(trailers))) => Some(Ok(Frame::Trailers(trailers.to_wire()))),
            State::Over(Err(code)) => Some(Err(code)),
            _ => None,
        })
    }

    fn length(&self) -> Option<u64> {
        let unread = (self.piece.len() - self.read) as u64;
        match &self.state {
            State::Coming(body) => self.remaining.or_else(|| body.length()).map(|rest| rest + unread),
            // Behind a length that was not said they would be lost in HTTP/1.1 (RFC 9112, section 7.1.2).
            State::Over(Ok(Some(_))) if self.remaining.is_none() => None,
            _ => Some(unread),
        }
    }

    fn trailers(&self) -> Option<http::Fields> {
        match &self.state {
            State::Coming(body) => body.trailers(),
            State::Over(Ok(Some(trailers))) => Some(trailers.to_wire()),
            State::Over(_) | State::Taken => None,
        }
    }
}

impl fmt::Debug for IncomingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingBody")
            .field("message", &self.message)
            .field("remaining", &self.remaining)
            .field("over", &self.is_over())
            .finish_non_exhaustive()
    }
}
