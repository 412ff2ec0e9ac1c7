//! Bodies, in and out.

use super::types::{ErrorCode, HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use crate::{
    cap::http::{Body, Whole},
    component::Resource,
    engine::Fault,
    wasi::{
        http::{self, BodyWriter, Bounds, Fields, Message, PipedBody, SharedBody, pipe},
        io::{InputStream, OutputStream},
        p2::{Pollable, State, Subscribe, subscribe},
    },
};
use alloc::{boxed::Box, sync::Arc};
use core::task::{Context, Poll};
use spin::Mutex;

/// The contents of a message that came in: a stream of them once, and then the trailers.
#[derive(Debug)]
pub struct IncomingBody {
    body: SharedBody,
    has_stream: bool,
}

impl IncomingBody {
    pub(super) fn new(body: http::IncomingBody) -> Self {
        Self { body: Arc::new(Mutex::new(body)), has_stream: false }
    }
}

/// The trailers behind contents that are not read any more.
#[derive(Debug)]
pub struct FutureTrailers {
    /// None once they were taken.
    state: Option<Trailers>,
}

#[derive(Debug)]
enum Trailers {
    Coming(SharedBody),
    Come(Result<Option<Fields>, crate::cap::http::ErrorCode>),
}

impl Subscribe for FutureTrailers {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(Trailers::Coming(body)) = &self.state {
            let Poll::Ready(trailers) = body.lock().poll_trailers(cx) else { return Poll::Pending };
            self.state = Some(Trailers::Come(trailers));
        }
        Poll::Ready(())
    }

    fn deadline_ns(&self) -> Option<u64> {
        match &self.state {
            Some(Trailers::Coming(body)) => body.lock().deadline_ns(),
            _ => None,
        }
    }
}

/// The contents of a message that goes out: a stream of them once.
#[derive(Debug)]
pub struct OutgoingBody {
    writer: BodyWriter,
    has_stream: bool,
}

/// What a message that goes out has of its contents.
#[derive(Debug, Default)]
pub(super) enum Contents {
    /// Nobody asked for them.
    #[default]
    None,
    /// Somebody writes them.
    Written(PipedBody),
}

impl Contents {
    /// Contents to write; none when they were asked for before, or have two lengths.
    pub(super) fn open(
        &mut self,
        bounds: &Bounds,
        message: Message,
        headers: &Fields,
    ) -> Option<OutgoingBody> {
        let Self::None = self else { return None };
        let length = headers.content_length().ok()?;
        let (writer, body) = pipe(bounds, message, length);
        *self = Self::Written(body);
        Some(OutgoingBody { writer, has_stream: false })
    }

    /// What goes on the wire.
    pub(super) fn into_wire(self) -> Box<dyn Body> {
        match self {
            Self::Written(body) => Box::new(body),
            Self::None => Whole::empty(),
        }
    }
}

impl HostIncomingBody for State {
    fn stream(&mut self, this: Resource<IncomingBody>) -> Result<Result<Resource<InputStream>, ()>, Fault> {
        let body = self.table.get_mut(&this)?;
        if core::mem::replace(&mut body.has_stream, true) {
            return Ok(Err(()));
        }
        let stream = InputStream::new(body.body.clone());
        Ok(Ok(self.table.push_child(stream, &this)?))
    }

    /// Ends the guest when its stream is still there: it is a child.
    fn finish(&mut self, this: Resource<IncomingBody>) -> Result<Resource<FutureTrailers>, Fault> {
        let IncomingBody { body, .. } = self.table.delete(this)?;
        Ok(self.table.push(FutureTrailers { state: Some(Trailers::Coming(body)) })?)
    }

    fn drop(&mut self, this: Resource<IncomingBody>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostFutureTrailers for State {
    fn subscribe(&mut self, this: Resource<FutureTrailers>) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe(&mut self.table, &this)?)
    }

    fn get(
        &mut self,
        cx: &mut Context<'_>,
        this: &mut Resource<FutureTrailers>,
    ) -> Poll<Result<Option<Result<Result<Option<Resource<Fields>>, ErrorCode>, ()>>, Fault>> {
        let future = self.table.get_mut(this)?;
        if future.poll_ready(cx).is_pending() {
            return Poll::Ready(Ok(None));
        }
        let Some(Trailers::Come(trailers)) = future.state.take() else {
            return Poll::Ready(Ok(Some(Err(()))));
        };
        Poll::Ready(Ok(Some(Ok(match trailers {
            Ok(None) => Ok(None),
            Ok(Some(trailers)) => Ok(Some(self.table.push(trailers)?)),
            Err(code) => Err(code.into()),
        }))))
    }

    fn drop(&mut self, this: Resource<FutureTrailers>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl HostOutgoingBody for State {
    fn write(&mut self, this: Resource<OutgoingBody>) -> Result<Result<Resource<OutputStream>, ()>, Fault> {
        let body = self.table.get_mut(&this)?;
        if core::mem::replace(&mut body.has_stream, true) {
            return Ok(Err(()));
        }
        let stream = OutputStream::new(body.writer.clone());
        Ok(Ok(self.table.push_child(stream, &this)?))
    }

    /// Ends the guest when its stream is still there: it is a child.
    fn finish(
        &mut self,
        this: Resource<OutgoingBody>,
        trailers: Option<Resource<Fields>>,
    ) -> Result<Result<(), ErrorCode>, Fault> {
        let OutgoingBody { writer, .. } = self.table.delete(this)?;
        let trailers = trailers.map(|trailers| self.table.delete(trailers)).transpose()?;
        Ok(writer.finish(trailers.map(|trailers| trailers.to_wire())).map_err(ErrorCode::from))
    }

    /// Contents that are not finished break off.
    fn drop(&mut self, this: Resource<OutgoingBody>) -> Result<(), Fault> {
        self.table.delete(this)?;
        Ok(())
    }
}
