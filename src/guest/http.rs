//! Guests that handle requests.
//!
//! There is no task in the background: whoever waits for the response, and then whoever reads its contents, runs the
//! guest by that. So a guest goes on exactly as far as somebody wants what it has to say, whatever executor there is.

use super::Guest;
use crate::{
    Error,
    cap::http::{Body, ErrorCode, Fields, Frame, Request, Response},
    wasi::http::Answer,
};
use alloc::{boxed::Box, sync::Arc};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use spin::Mutex;

/// Why a guest gave no response.
#[derive(Debug)]
pub enum HandleError {
    /// It said so, and why.
    Code(ErrorCode),
    /// It failed before it said anything.
    Error(Error),
}

impl fmt::Display for HandleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "the guest answered with an error: {code}"),
            Self::Error(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for HandleError {}

/// A guest's life from being given a request to having nothing more to do for it.
type Work = Pin<Box<dyn Future<Output = Ended> + Send>>;

/// The guest, and how it ended. None where it was taken.
type Ended = Option<(Guest, Result<(), Error>)>;

/// A guest inside its [`Work`]. When that is dropped before its end, the guest is in `stopped`.
struct Working {
    guest: Option<Guest>,
    stopped: Arc<Mutex<Option<Guest>>>,
}

impl Drop for Working {
    fn drop(&mut self) {
        *self.stopped.lock() = self.guest.take();
    }
}

/// Who is told when an exchange is over.
type OnEnd = Box<dyn FnOnce(Rest) + Send>;

/// A guest handling a request: a future of the response, whose contents go on running the guest when they are read.
#[must_use = "a request is handled by polling"]
pub struct Handling {
    /// None once the response is there.
    exchange: Option<Exchange>,
    answer: Answer,
}

/// What is left of an exchange when its response is: a future of the guest, and how it ended.
///
/// A guest may have something to do when all of its response is gone. Polling this lets it; dropping it ends it.
#[must_use = "a guest ends when this is dropped"]
pub struct Rest(Progress);

#[allow(clippy::large_enum_variant, reason = "it holds a guest, and is moved once for a request")]
enum Progress {
    Running(Work, Arc<Mutex<Option<Guest>>>),
    Ended(Ended),
}

/// The guest, wherever the exchange is.
struct Exchange {
    progress: Progress,
    on_end: Option<OnEnd>,
}

impl Guest {
    /// Hands the guest `request`: the future of its response. What components export for it is called, in the newest
    /// version there is: `wasi:http/handler`, `wasi:http/incoming-handler`.
    ///
    /// The guest is inside the future, then in the contents of the response, and in the end handed to
    /// [`Handling::on_end`]; without that, it ends with the response.
    pub fn handle(self, request: Request) -> Handling {
        let answer = Answer::default();
        let told = answer.clone();
        let stopped = Arc::default();
        let mut working = Working { guest: Some(self), stopped: Arc::clone(&stopped) };
        let work: Work = Box::pin(async move {
            let handled = match working.guest.as_mut()?.component() {
                Ok(component) => component.handle(request, &told).await,
                Err(error) => Err(error),
            };
            Some((working.guest.take()?, handled))
        });
        let progress = Progress::Running(work, stopped);
        Handling { exchange: Some(Exchange { progress, on_end: None }), answer }
    }

    /// Whether it exports what requests are handled by.
    #[must_use]
    pub fn handles(&mut self) -> bool {
        self.component().is_ok_and(|component| component.handles())
    }
}

impl Handling {
    /// Has `on_end` called when the response, or what reads it, is done: once, from wherever that is dropped or ends.
    pub fn on_end(mut self, on_end: impl FnOnce(Rest) + Send + 'static) -> Self {
        if let Some(exchange) = &mut self.exchange {
            exchange.on_end = Some(Box::new(on_end));
        }
        self
    }
}

impl Future for Handling {
    type Output = Result<Response, HandleError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(exchange) = &mut this.exchange else {
            return Poll::Ready(Err(HandleError::Error(Error::misuse("a response was asked for twice"))));
        };
        let is_over = exchange.progress.poll(cx).is_ready();
        match this.answer.take() {
            Some(Ok(Response { status, headers, body })) => {
                let exchange = this.exchange.take();
                let body = Box::new(GuestBody { body, exchange });
                return Poll::Ready(Ok(Response { status, headers, body }));
            }
            Some(Err(code)) => return Poll::Ready(Err(HandleError::Code(code))),
            None if !is_over => return Poll::Pending,
            None => {}
        }
        let error = match &mut exchange.progress {
            // The rest is told that it failed too, though not again how.
            Progress::Ended(Some((_, result @ Err(_)))) => {
                core::mem::replace(result, Err(Error::misuse("the guest has ended"))).err()
            }
            _ => None,
        };
        let silent = || crate::Trap::Host("it gave no response to a request").into();
        Poll::Ready(Err(HandleError::Error(error.unwrap_or_else(silent))))
    }
}

impl Progress {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Running(work, _) = self {
            let Poll::Ready(ended) = work.as_mut().poll(cx) else { return Poll::Pending };
            *self = Self::Ended(ended);
        }
        Poll::Ready(())
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(on_end) = self.on_end.take() {
            on_end(Rest(core::mem::replace(&mut self.progress, Progress::Ended(None))));
        }
    }
}

impl Rest {
    /// Ends the guest where it is. It cannot be called any more, and still tells what it used
    /// ([`Guest::fuel_spent`], [`Guest::memory_bytes`]). None where it was taken before.
    #[must_use = "dropping the rest ends the guest too"]
    pub fn stop(self) -> Option<Guest> {
        match self.0 {
            Progress::Running(work, stopped) => {
                drop(work);
                stopped.lock().take()
            }
            Progress::Ended(ended) => ended.map(|(guest, _)| guest),
        }
    }
}

impl Future for Rest {
    /// None where it was taken before.
    type Output = Option<(Guest, Result<(), Error>)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.0.poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(match &mut this.0 {
            Progress::Ended(ended) => ended.take(),
            Progress::Running(..) => None,
        })
    }
}

/// The contents of a guest's response.
struct GuestBody {
    body: Box<dyn Body>,
    /// None once they have ended.
    exchange: Option<Exchange>,
}

impl Body for GuestBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        let mut polled = self.body.poll_frame(cx);
        if polled.is_pending()
            && let Some(exchange) = &mut self.exchange
        {
            let is_over = exchange.progress.poll(cx).is_ready();
            polled = self.body.poll_frame(cx);
            if polled.is_pending() && is_over && self.body.ends_with_guest() {
                // Nobody is left who could go on writing.
                polled = Poll::Ready(Some(Err(ErrorCode::HttpResponseIncomplete)));
            }
        }
        if let Poll::Ready(None | Some(Err(_) | Ok(Frame::Trailers(_)))) = &polled {
            self.exchange = None;
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }

    fn trailers(&self) -> Option<Fields> {
        self.body.trailers()
    }
}

impl fmt::Debug for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handling").finish_non_exhaustive()
    }
}

impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = matches!(self.0, Progress::Running(..));
        f.debug_struct("Rest").field("running", &running).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::task::Waker;

    /// Contents that have nothing yet.
    struct Nothing {
        is_guests: bool,
    }

    impl Body for Nothing {
        fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
            Poll::Pending
        }

        fn ends_with_guest(&self) -> bool {
            self.is_guests
        }
    }

    fn polled(is_guests: bool) -> Poll<Option<Result<Frame, ErrorCode>>> {
        let exchange = Exchange { progress: Progress::Ended(None), on_end: None };
        let mut body = GuestBody { body: Box::new(Nothing { is_guests }), exchange: Some(exchange) };
        body.poll_frame(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_a_guest_hands_on_outlives_it() {
        assert!(polled(false).is_pending());
        assert_eq!(polled(true), Poll::Ready(Some(Err(ErrorCode::HttpResponseIncomplete))));
    }
}
