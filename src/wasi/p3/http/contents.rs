//! Contents of messages: from streams of guests, and into them.

use super::types;
use crate::{
    cap::http::{Body, ErrorCode},
    component::{Access, ChannelAny, Resource, StoreContextMut},
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
type Trailers = Result<Option<Resource<Fields>>, types::ErrorCode>;
/// How something went, in a future.
type Outcome = Result<(), types::ErrorCode>;

/// After so many steps in a row others go on.
const STEPS_MAX: u32 = 16;

impl Contents {
    /// What a guest writes into `stream`, and then `trailers`; and the future that says how sending it went.
    pub(super) fn made<T: Send + 'static>(
        access: &mut Access<'_, T, State>,
        message: Message,
        headers: &Fields,
        stream: Option<ChannelAny>,
        trailers: ChannelAny,
    ) -> (Self, ChannelAny) {
        // Two lengths are refused when it is sent.
        let said = headers.content_length().ok().flatten();
        let length = if stream.is_some() { said } else { Some(0) };
        let (writer, body) = pipe(access.get().bounds(), message, length);
        let sent = access.store().future_new();
        let mut pump = Pump { stream, trailers: Some(trailers), writer, sent };
        access.spawn(move |access, cx| pump.poll(access, cx));
        (Self::Made(body), sent)
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
        res: ChannelAny,
    ) -> (ChannelAny, ChannelAny) {
        let body = match self {
            Self::Made(body) => IncomingBody::new(access.get().bounds(), message, None, Box::new(body)),
            Self::Came(body) => body,
        };
        let (stream, trailers) = (access.store().stream_new(), access.store().future_new());
        let mut drain = Drain { body: Some(body), stream: Some(stream), trailers, res: Some(res) };
        access.spawn(move |access, cx| drain.poll(access, cx));
        (stream, trailers)
    }
}

/// From a guest to whoever reads.
struct Pump {
    /// None once it has ended.
    stream: Option<ChannelAny>,
    trailers: Option<ChannelAny>,
    writer: BodyWriter,
    sent: ChannelAny,
}

impl Pump {
    fn poll<T: Send + 'static>(
        &mut self,
        mut access: Access<'_, T, State>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Fault>> {
        for _ in 0..STEPS_MAX {
            if let Poll::Ready(sent) = self.writer.poll_sent(cx) {
                return Poll::Ready(self.end(&mut access.store(), sent));
            }
            if let Some(stream) = self.stream {
                ready!(self.poll_stream(&mut access.store(), cx, stream))?;
            } else if let Some(trailers) = self.trailers {
                ready!(self.poll_trailers(&mut access, trailers))?;
            } else {
                return Poll::Pending;
            }
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
            store.close(stream)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_trailers<T: Send + 'static>(
        &mut self,
        access: &mut Access<'_, T, State>,
        trailers: ChannelAny,
    ) -> Poll<Result<(), Fault>> {
        let read = ready!(access.store().poll_read::<Trailers>(trailers, 1))?;
        let read = read.and_then(|read| read.into_iter().next());
        match read {
            Some(Ok(Some(trailers))) => {
                let trailers = access.get().table.delete(trailers)?;
                // What is wrong with the length, the reader and `sent` are told.
                let _ = self.writer.finish(Some(trailers.to_wire()));
            }
            Some(Ok(None)) | None => {
                let _ = self.writer.finish(None);
            }
            Some(Err(code)) => self.writer.fail(code.into()),
        }
        self.trailers = None;
        access.store().close(trailers)?;
        Poll::Ready(Ok(()))
    }

    fn end<T: Send + 'static>(
        &mut self,
        store: &mut StoreContextMut<'_, T>,
        sent: Result<(), ErrorCode>,
    ) -> Result<(), Fault> {
        for channel in self.stream.take().into_iter().chain(self.trailers.take()) {
            store.close(channel)?;
        }
        store.resolve::<Outcome>(self.sent, sent.map_err(types::ErrorCode::from));
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
        store.close(res)?;
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
        let body = &mut self.body;
        let read = store.poll_fill_bytes(stream, |room| {
            let Some(body) = body else { return Poll::Ready((0, false)) };
            if room.is_empty() {
                return body.poll_readable(cx).map(|()| (0, true));
            }
            // A failure is told by the future of the trailers, which comes to it next.
            body.poll_read(cx, room).map(|read| read.unwrap_or(0)).map(|count| (count, count > 0))
        });
        if ready!(read)? != Some(true) {
            self.stream = None;
            store.close(stream)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_trailers<T: Send + 'static>(
        &mut self,
        access: &mut Access<'_, T, State>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Fault>> {
        // Not before somebody wants them: what nobody reads is not fetched only to be thrown away.
        if !ready!(access.store().poll_writable::<Trailers>(self.trailers))? {
            self.close(&mut access.store())?;
            return Poll::Ready(access.store().close(self.trailers));
        }
        let trailers = match &mut self.body {
            None => Err(ErrorCode::ConnectionTerminated),
            Some(body) => ready!(body.poll_trailers(cx)),
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
        self.res.take().map_or(Ok(()), |res| store.close(res))
    }
}
