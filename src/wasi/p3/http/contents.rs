//! Contents of messages: from streams of guests, and into them.

use super::types;
use crate::{
    cap::http::{Body, ErrorCode},
    component::{Access, ChannelAny, FutureReader, Resource, StoreContextMut, StreamReader},
    engine::Fault,
    wasi::{
        http::{BodyWriter, Fields, IncomingBody, Message, PipedBody, Receipt, pipe},
        p3::State,
    },
};
use alloc::boxed::Box;
use core::{
    fmt,
    task::{Context, Poll, ready},
};

/// What a message contains.
pub(super) enum Contents {
    /// What a guest writes.
    Made(PipedBody),
    /// What came in.
    Came(IncomingBody),
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Made(body) => body.fmt(f),
            Self::Came(body) => body.fmt(f),
        }
    }
}

/// What trailers are, in a future.
pub(super) type Trailers = Result<Option<Resource<Fields>>, types::ErrorCode>;
/// How something went, in a future.
pub(super) type Outcome = Result<(), types::ErrorCode>;

/// After so many steps in a row others go on.
const STEPS_MAX: u32 = 16;

impl Contents {
    /// What a guest writes into `stream`, and then `trailers`; and the future that says how sending it went.
    pub(super) fn made<T: Send + 'static>(
        access: &mut Access<'_, T, State>,
        message: Message,
        headers: &Fields,
        stream: Option<StreamReader<u8>>,
        trailers: FutureReader<Trailers>,
    ) -> (Self, FutureReader<Outcome>) {
        let (stream, trailers) = (stream.map(ChannelAny::from), ChannelAny::from(trailers));
        // Two lengths are refused when it is sent.
        let said = headers.content_length().ok().flatten();
        let length = if stream.is_some() { said } else { Some(0) };
        let (writer, body) = pipe(access.get().bounds(), message, length);
        let sent = access.store().future_new();
        let mut pump = Pump { stream, trailers: Some(trailers), end: None, writer, sent: Some(sent) };
        access.spawn(move |access, cx| pump.poll(access, cx));
        (Self::Made(body), FutureReader::of(sent))
    }

    /// What goes on the wire.
    pub(super) fn into_wire(self) -> Box<dyn Body> {
        match self {
            Self::Made(body) => Box::new(body),
            Self::Came(body) => Box::new(body),
        }
    }

    /// What goes on the wire of a request, and who is to say how that went.
    pub(super) fn into_request(self) -> (Box<dyn Body>, Option<Receipt>) {
        match self {
            Self::Made(body) => {
                let receipt = body.receipt();
                (Box::new(body), Some(receipt))
            }
            Self::Came(body) => (Box::new(body), None),
        }
    }

    /// A stream of the contents, and the future of the trailers. `res` is who may say that they are not wanted any more.
    pub(super) fn consume<T: Send + 'static>(
        self,
        access: &mut Access<'_, T, State>,
        message: Message,
        res: FutureReader<Outcome>,
    ) -> (StreamReader<u8>, FutureReader<Trailers>) {
        let body = match self {
            Self::Made(body) => IncomingBody::new(access.get().bounds(), message, None, Box::new(body)),
            Self::Came(body) => body,
        };
        let (stream, trailers) = (access.store().stream_new(), access.store().future_new());
        let mut drain = Drain { body: Some(body), stream: Some(stream), trailers, res: Some(res.into()) };
        access.spawn(move |access, cx| drain.poll(access, cx));
        (StreamReader::of(stream), FutureReader::of(trailers))
    }
}

/// From a guest to whoever reads.
struct Pump {
    /// None once it has ended.
    stream: Option<ChannelAny>,
    /// None once they were read: whenever they come, for a guest may say them before it ends the contents.
    trailers: Option<ChannelAny>,
    /// What they were, until the contents end.
    end: Option<Result<Option<Fields>, ErrorCode>>,
    writer: BodyWriter,
    /// None once it was said how sending went.
    sent: Option<ChannelAny>,
}

impl Pump {
    fn poll<T: Send + 'static>(
        &mut self,
        mut access: Access<'_, T, State>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Fault>> {
        for _ in 0..STEPS_MAX {
            if let Some(channel) = self.sent
                && let Poll::Ready(sent) = self.writer.poll_sent(cx)
            {
                self.sent = None;
                self.done(&mut access.store(), channel, sent)?;
            }
            let mut polled = Poll::Pending;
            if let Some(stream) = self.stream {
                polled = self.poll_stream(&mut access.store(), cx, stream)?;
            }
            if let Some(trailers) = self.trailers
                && self.poll_trailers(&mut access, trailers)?.is_ready()
            {
                polled = Poll::Ready(());
            }
            if self.stream.is_none()
                && let Some(end) = self.end.take()
            {
                self.finish(end);
                polled = Poll::Ready(());
            }
            if self.stream.is_none() && self.trailers.is_none() && self.sent.is_none() {
                return Poll::Ready(Ok(()));
            }
            ready!(polled);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Moves what it can.
    fn poll_stream<T: Send + 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        cx: &mut Context<'_>,
        stream: ChannelAny,
    ) -> Poll<Result<(), Fault>> {
        let writer = &self.writer;
        let written = store.poll_take_bytes(stream, |bytes| {
            writer.poll_write(cx, bytes).map(|written| (*written.as_ref().unwrap_or(&0), written.is_ok()))
        });
        if ready!(written)? != Some(true) {
            self.stream = None;
            store.close_readable(stream)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_trailers<T: Send + 'static>(
        &mut self,
        access: &mut Access<'_, T, State>,
        trailers: ChannelAny,
    ) -> Poll<Result<(), Fault>> {
        let read = ready!(access.store().poll_read::<Trailers>(trailers, 1))?;
        self.end = Some(match read.and_then(|read| read.into_iter().next()) {
            Some(Ok(Some(trailers))) => Ok(Some(access.get().table.delete(trailers)?)),
            Some(Ok(None)) | None => Ok(None),
            Some(Err(code)) => Err(code.into()),
        });
        self.trailers = None;
        access.store().close_readable(trailers)?;
        Poll::Ready(Ok(()))
    }

    /// What is wrong with the length, the reader and `sent` are told.
    fn finish(&self, end: Result<Option<Fields>, ErrorCode>) {
        match end {
            Ok(trailers) => drop(self.writer.finish(trailers.map(|trailers| trailers.to_wire()))),
            Err(code) => self.writer.fail(code),
        }
    }

    /// The reader is done. Where the length was said, it is so before there are trailers, and a guest that had still
    /// to say that there are none may do so.
    fn done<T: Send + 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        channel: ChannelAny,
        sent: Result<(), ErrorCode>,
    ) -> Result<(), Fault> {
        let trailers = if sent.is_err() { self.trailers.take() } else { None };
        for channel in self.stream.take().into_iter().chain(trailers) {
            store.close_readable(channel)?;
        }
        store.resolve::<Outcome>(channel, sent.map_err(types::ErrorCode::from));
        Ok(())
    }
}

/// From whoever writes to a guest.
struct Drain {
    /// None once nobody wants it.
    body: Option<IncomingBody>,
    /// None once it has ended.
    stream: Option<ChannelAny>,
    trailers: ChannelAny,
    /// None once it was heard.
    res: Option<ChannelAny>,
}

impl Drain {
    fn poll<T: Send + 'static>(
        &mut self,
        mut access: Access<'_, T, State>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Fault>> {
        for _ in 0..STEPS_MAX {
            self.hear(&mut access.store())?;
            if let Some(stream) = self.stream {
                ready!(self.poll_stream(&mut access.store(), cx, stream))?;
            } else {
                return self.poll_trailers(&mut access, cx);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Hears whether the guest still wants it.
    fn hear<T: Send + 'static>(&mut self, store: &mut StoreContextMut<'_, T>) -> Result<(), Fault> {
        let Some(res) = self.res else { return Ok(()) };
        let Poll::Ready(heard) = store.poll_read::<Outcome>(res, 1)? else { return Ok(()) };
        self.res = None;
        store.close_readable(res)?;
        if let Some(Err(_)) = heard.and_then(|heard| heard.into_iter().next()) {
            self.body = None;
        }
        Ok(())
    }

    fn poll_stream<T: Send + 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        cx: &mut Context<'_>,
        stream: ChannelAny,
    ) -> Poll<Result<(), Fault>> {
        let (body, mut is_asked) = (&mut self.body, false);
        let read = store.poll_fill_bytes(stream, |room| {
            let Some(body) = body else { return Poll::Ready((0, false)) };
            is_asked = true;
            if room.is_empty() {
                return body.poll_readable(cx).map(|()| (0, true));
            }
            // A failure is told by the future of the trailers, which comes to it next.
            body.poll_read(cx, room).map(|read| read.unwrap_or(0)).map(|count| (count, count > 0))
        });
        if read.is_pending() && is_asked {
            // Asked again by the next step, once there was nothing for too long.
            return self.poll_deadline(store).map(Ok);
        }
        if ready!(read)? != Some(true) {
            self.stream = None;
            store.close_writable(stream)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until the body is to be asked again.
    fn poll_deadline<T: Send + 'static>(&self, store: &mut StoreContextMut<'_, T>) -> Poll<()> {
        let deadline_ns = self.body.as_ref().and_then(IncomingBody::deadline_ns);
        deadline_ns.map_or(Poll::Pending, |deadline_ns| store.poll_deadline(deadline_ns))
    }

    fn poll_trailers<T: Send + 'static>(
        &mut self,
        access: &mut Access<'_, T, State>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Fault>> {
        // Not before somebody wants them: what nobody reads is not fetched only to be thrown away.
        if !ready!(access.store().poll_writable::<Trailers>(self.trailers))? {
            self.close(&mut access.store())?;
            return Poll::Ready(access.store().close_writable(self.trailers));
        }
        let trailers = match &mut self.body {
            None => Err(ErrorCode::ConnectionTerminated),
            Some(body) => {
                let mut polled = body.poll_trailers(cx);
                if polled.is_pending()
                    && let Some(deadline_ns) = body.deadline_ns()
                    && access.store().poll_deadline(deadline_ns).is_ready()
                {
                    polled = body.poll_trailers(cx);
                }
                ready!(polled)
            }
        };
        let trailers: Trailers = match trailers {
            Ok(None) => Ok(None),
            Ok(Some(trailers)) => Ok(Some(access.get().table.push(trailers)?)),
            Err(code) => Err(code.into()),
        };
        self.close(&mut access.store())?;
        access.store().resolve(self.trailers, trailers);
        Poll::Ready(Ok(()))
    }

    fn close<T: Send + 'static>(&mut self, store: &mut StoreContextMut<'_, T>) -> Result<(), Fault> {
        self.body = None;
        self.res.take().map_or(Ok(()), |res| store.close_readable(res))
    }
}
