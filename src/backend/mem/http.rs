//! A web in memory: routes with scripted replies, and a record of who asked for what.

use crate::cap::{
    clocks::Clocks,
    http::{
        Body, Client, ErrorCode, Fields, Frame, Method, Options, Request, Response, ResponseFuture, Scheme,
    },
};
use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};
use core::{
    fmt,
    task::{Context, Poll, ready},
};
use spin::Mutex;

/// Servers that answer as they are told. A cheap handle: clones are the same web.
///
/// A request is read to its end, recorded, and then answered by the first route that it fits, by nothing but what the
/// route says: the same in every run. Time passes on the clocks that were handed in.
#[derive(Clone)]
pub struct Web(Arc<Shared>);

struct Shared {
    clocks: Arc<dyn Clocks>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    routes: Vec<Route>,
    requests: Vec<Recorded>,
    /// How many there were before those.
    forgotten: u64,
}

#[derive(Clone)]
struct Route {
    uri: String,
    reply: Arc<dyn Fn(&Recorded) -> Reply + Send + Sync>,
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// Scheme, authority and path with query: `http://example.com/a?b`.
    pub uri: String,
    /// The header section.
    pub headers: Fields,
    /// The contents, as far as they were read and kept.
    pub body: Vec<u8>,
    /// The trailers, if there were any.
    pub trailers: Option<Fields>,
}

/// What a route answers.
#[derive(Clone, Debug)]
pub struct Reply {
    status: u16,
    headers: Fields,
    connect_ns: u64,
    head_ns: u64,
    failure: Option<ErrorCode>,
    echo: bool,
    reads: bool,
    steps: VecDeque<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Piece(Vec<u8>),
    Trailers(Fields),
    Fail(ErrorCode),
    Hang,
}

impl Web {
    /// How many requests are remembered: of more, the last ones.
    pub const REQUESTS_MAX: usize = 1_024;

    /// How much of the contents of each is kept.
    pub const BODY_BYTES_MAX: usize = 1 << 20;

    /// A web without servers, in which time passes on `clocks`.
    #[must_use]
    pub fn new(clocks: impl Clocks + 'static) -> Self {
        Self(Arc::new(Shared { clocks: Arc::new(clocks), state: Mutex::default() }))
    }

    /// The same web with `reply` for `uri`, which is compared as a whole; one that ends in `*` is for all that begin so.
    #[must_use]
    pub fn route(self, uri: &str, reply: Reply) -> Self {
        self.route_with(uri, move |_| reply.clone())
    }

    /// The same web, with a reply for `uri` that depends on the request.
    #[must_use]
    pub fn route_with(self, uri: &str, reply: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        self.0.state.lock().routes.push(Route { uri: uri.into(), reply: Arc::new(reply) });
        self
    }

    /// The requests that were read so far, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.0.state.lock().requests.clone()
    }

    /// How many requests were read so far.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        let state = self.0.state.lock();
        state.forgotten + state.requests.len() as u64
    }

    fn find(&self, uri: &str) -> Option<Route> {
        let fits = |route: &&Route| match route.uri.strip_suffix('*') {
            Some(start) => uri.starts_with(start),
            None => uri == route.uri,
        };
        self.0.state.lock().routes.iter().find(fits).cloned()
    }

    fn record(&self, request: Recorded) {
        let mut state = self.0.state.lock();
        if state.requests.len() == Self::REQUESTS_MAX {
            state.requests.remove(0);
            state.forgotten += 1;
        }
        state.requests.push(request);
    }
}

impl Reply {
    /// A response of this status, without fields and contents.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Fields::new(),
            connect_ns: 0,
            head_ns: 0,
            failure: None,
            echo: false,
            reads: true,
            steps: VecDeque::new(),
        }
    }

    /// No response: `code`.
    #[must_use]
    pub fn failure(code: ErrorCode) -> Self {
        Self { failure: Some(code), ..Self::new(200) }
    }

    /// A response with the contents and trailers of the request, passed on as they come.
    #[must_use]
    pub fn echo() -> Self {
        Self { echo: true, reads: false, ..Self::new(200) }
    }

    /// One more field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(name, value);
        self
    }

    /// One more piece of the contents.
    #[must_use]
    pub fn piece(self, piece: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Piece(piece.into()))
    }

    /// A wait before the next piece.
    #[must_use]
    pub fn wait_ns(self, ns: u64) -> Self {
        self.step(Step::Wait(ns))
    }

    /// Trailers, and the end.
    #[must_use]
    pub fn trailers(self, trailers: Fields) -> Self {
        self.step(Step::Trailers(trailers))
    }

    /// The contents break off.
    #[must_use]
    pub fn break_off(self, code: ErrorCode) -> Self {
        self.step(Step::Fail(code))
    }

    /// Nothing more ever comes.
    #[must_use]
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Connecting takes so long.
    #[must_use]
    pub fn connect_ns(self, ns: u64) -> Self {
        Self { connect_ns: ns, ..self }
    }

    /// From the request to the head of the response it takes so long; without end with [`u64::MAX`].
    #[must_use]
    pub fn head_ns(self, ns: u64) -> Self {
        Self { head_ns: ns, ..self }
    }

    /// The contents of the request are not read: they stay with the guest.
    #[must_use]
    pub fn without_reading(self) -> Self {
        Self { reads: false, ..self }
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }
}

impl Client for Web {
    fn send(&self, request: Request, options: Options) -> Box<dyn ResponseFuture> {
        let Request { method, scheme, authority, path_with_query, headers, body } = request;
        let scheme = scheme.unwrap_or(Scheme::Https);
        let authority = authority.unwrap_or_default();
        let path = path_with_query.unwrap_or_else(|| "/".into());
        let uri = [scheme.as_str(), "://", &authority, &path].concat();
        let request = Recorded { method, uri, headers, body: Vec::new(), trailers: None };
        Box::new(Exchange { web: self.clone(), options, request, body, stage: Stage::New })
    }
}

/// A request on its way to a route.
struct Exchange {
    web: Web,
    options: Options,
    request: Recorded,
    body: Box<dyn Body>,
    stage: Stage,
}

enum Stage {
    New,
    /// Until the connection stands, or will not.
    Connecting(Reply, u64, bool),
    Reading(Reply),
    /// Until the head comes.
    Waiting(Reply, u64),
    Over,
}

impl ResponseFuture for Exchange {
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, ErrorCode>> {
        loop {
            let next = match core::mem::replace(&mut self.stage, Stage::Over) {
                Stage::New => self.connect()?,
                Stage::Connecting(reply, at_ns, stands) => {
                    if self.web.0.clocks.poll_until(cx, at_ns).is_pending() {
                        self.stage = Stage::Connecting(reply, at_ns, stands);
                        return Poll::Pending;
                    }
                    if !stands {
                        return Poll::Ready(Err(ErrorCode::ConnectionTimeout));
                    }
                    Stage::Reading(reply)
                }
                Stage::Reading(reply) => {
                    if reply.reads && self.poll_read(cx)?.is_pending() {
                        self.stage = Stage::Reading(reply);
                        return Poll::Pending;
                    }
                    self.answer(reply)
                }
                Stage::Waiting(reply, at_ns) => {
                    if at_ns == u64::MAX || self.web.0.clocks.poll_until(cx, at_ns).is_pending() {
                        self.stage = Stage::Waiting(reply, at_ns);
                        return Poll::Pending;
                    }
                    return Poll::Ready(self.respond(reply));
                }
                Stage::Over => return Poll::Ready(Err(ErrorCode::InternalError(None))),
            };
            self.stage = next;
        }
    }
}

impl Exchange {
    fn after(&self, ns: u64) -> u64 {
        self.web.0.clocks.monotonic_now_ns().saturating_add(ns)
    }

    /// Finds who answers. What a route makes of the contents, it says when they are there.
    fn connect(&self) -> Result<Stage, ErrorCode> {
        let route = self.web.find(&self.request.uri).ok_or(ErrorCode::DestinationNotFound)?;
        let reply = (route.reply)(&self.request);
        let timeout_ns = self.options.connect_timeout_ns.unwrap_or(u64::MAX);
        let stands = reply.connect_ns <= timeout_ns;
        if stands && reply.connect_ns == 0 {
            return Ok(Stage::Reading(reply));
        }
        let at_ns = self.after(reply.connect_ns.min(timeout_ns));
        Ok(Stage::Connecting(reply, at_ns, stands))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, ErrorCode> {
        while let Poll::Ready(frame) = self.body.poll_frame(cx) {
            match frame.transpose()? {
                None => return Ok(Poll::Ready(())),
                Some(Frame::Trailers(trailers)) => {
                    self.request.trailers = Some(trailers);
                    return Ok(Poll::Ready(()));
                }
                Some(Frame::Data(piece)) => {
                    let room = Web::BODY_BYTES_MAX - self.request.body.len();
                    self.request.body.extend_from_slice(&piece[..piece.len().min(room)]);
                }
            }
        }
        Ok(Poll::Pending)
    }

    fn answer(&mut self, early: Reply) -> Stage {
        self.web.record(self.request.clone());
        let reply = match self.web.find(&self.request.uri) {
            Some(route) if early.reads => (route.reply)(&self.request),
            _ => early,
        };
        let at_ns = if reply.head_ns == u64::MAX { u64::MAX } else { self.after(reply.head_ns) };
        Stage::Waiting(reply, at_ns)
    }

    fn respond(&mut self, reply: Reply) -> Result<Response, ErrorCode> {
        let Reply { status, headers, failure, echo, steps, .. } = reply;
        if let Some(code) = failure {
            return Err(code);
        }
        let body: Box<dyn Body> = match echo {
            true => core::mem::replace(&mut self.body, crate::cap::http::Whole::empty()),
            false => Box::new(Script { web: self.web.clone(), steps, waiting: None }),
        };
        Ok(Response { status, headers, body })
    }
}

/// Contents as a route says.
struct Script {
    web: Web,
    steps: VecDeque<Step>,
    /// Until when, while something is waited for.
    waiting: Option<u64>,
}

impl Body for Script {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        loop {
            let clocks = &self.web.0.clocks;
            let frame = match self.steps.front() {
                None => return Poll::Ready(None),
                Some(Step::Hang) => return Poll::Pending,
                Some(Step::Wait(ns)) => {
                    let until =
                        *self.waiting.get_or_insert_with(|| clocks.monotonic_now_ns().saturating_add(*ns));
                    ready!(clocks.poll_until(cx, until));
                    self.waiting = None;
                    None
                }
                Some(Step::Piece(piece)) => (!piece.is_empty()).then(|| Ok(Frame::Data(piece.clone()))),
                Some(Step::Trailers(trailers)) => Some(Ok(Frame::Trailers(trailers.clone()))),
                Some(Step::Fail(code)) => Some(Err(code.clone())),
            };
            self.steps.pop_front();
            if frame.is_some() {
                return Poll::Ready(frame);
            }
        }
    }

    fn length(&self) -> Option<u64> {
        self.steps.iter().try_fold(0_u64, |sum, step| match step {
            Step::Piece(piece) => Some(sum + piece.len() as u64),
            Step::Wait(_) | Step::Trailers(_) => Some(sum),
            Step::Fail(_) | Step::Hang => None,
        })
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.lock();
        f.debug_struct("Web")
            .field("routes", &state.routes.len())
            .field("requests", &state.requests.len())
            .finish_non_exhaustive()
    }
}
