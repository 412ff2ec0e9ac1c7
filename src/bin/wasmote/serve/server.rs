//! The HTTP server: takes connections and requests, finds the app, bounds what an answer may take, and says what
//! happened. Knows no WebAssembly: a [`Handler`] answers.

use crate::serve::{
    connection::{Activity, BYTES_PER_SECOND_MIN, Cause, End, Patience, Stream, Watched, drive},
    log::Log,
    metrics::{AppMetrics, Closed, Metrics, Reason},
    piece::Piece,
    protocol::{self, Fault, HEAD_BYTES_MAX, HEADERS_MAX},
    record::{Failure, Id, Record},
    route::Routes,
    turns::{NoTurn, Turn, Turns},
};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body as HyperBody, Bytes, Frame, Incoming, SizeHint};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use std::{
    convert::Infallible,
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{timeout, timeout_at},
};

/// Why a body breaks off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What is sent back.
pub type Body = UnsyncBoxBody<Piece, BodyError>;

/// Whoever answers the requests for one app.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. Dropped when nobody waits for the answer any more or the time is over.
    fn handle(&self, exchange: Exchange) -> Answer;
}

/// An answer to come.
pub type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Failure>> + Send>>;

/// A request, and what belongs to it.
pub struct Exchange {
    pub request: Request<Incoming>,
    pub peer: SocketAddr,
    /// What becomes of it is to be written there.
    pub record: Arc<Record>,
    pub deadline: Instant,
    /// How long contents of it are waited for.
    pub body_timeout: Duration,
    /// The route that led here, and what of the path is behind it.
    pub route: String,
    pub rest: String,
    /// To be kept as long as anything runs for this request.
    pub turn: Turn,
}

/// An app, ready to answer.
pub struct Served {
    pub name: String,
    pub handler: Box<dyn Handler>,
    pub deadline: Duration,
    pub metrics: Arc<AppMetrics>,
    pub turns: Arc<Turns>,
}

/// All apps by their routes.
pub type Table = Routes<Arc<Served>>;

/// Bounds of the server itself.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub requests: usize,
    pub connections: usize,
    /// For a request's head to arrive, and for the next request on a connection that is kept; and for some of a response
    /// to be taken.
    pub patience: Patience,
}

/// What all connections share.
pub struct Server {
    pub log: Log,
    pub metrics: Arc<Metrics>,
    table: RwLock<Arc<Table>>,
    turns: Turns,
    connections: Arc<Semaphore>,
    patience: Patience,
    next_id: AtomicU64,
}

/// Requests at once on one connection of HTTP/2.
const STREAMS_MAX: u32 = 128;
/// Bytes of each of them that lie ready before the client takes any.
const SEND_BYTES_MAX: usize = 64 << 10;
/// How long a connection of HTTP/2 may be silent before it is asked, and then before it is closed.
const PING: Duration = Duration::from_secs(20);

impl Server {
    pub fn new(table: Table, bounds: Bounds, log: Log, metrics: Arc<Metrics>) -> Arc<Self> {
        // Not to be guessed by who sees another's, and told apart from those of the process before.
        let first = RandomState::new().hash_one(std::process::id());
        Arc::new(Self {
            log,
            metrics,
            table: RwLock::new(Arc::new(table)),
            turns: Turns::new(bounds.requests),
            connections: Arc::new(Semaphore::new(bounds.connections)),
            patience: bounds.patience,
            next_id: AtomicU64::new(first),
        })
    }

    /// The apps as they are now.
    pub fn table(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts others in their place. Requests under way end with those they began with.
    pub fn set_table(&self, table: Table) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// Takes connections until `stop`, then lets requests under way end, for `drain` at most. Whether all programs did.
    pub async fn run(
        self: &Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        drain: Duration,
    ) -> bool {
        let (stopping, stopped) = watch::channel(());
        let builder = Arc::new(self.builder());
        let mut stop = std::pin::pin!(stop);
        loop {
            let mut accepting = std::pin::pin!(self.accept(&listener));
            let accepted = std::future::poll_fn(|cx| match stop.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accepting.as_mut().poll(cx).map(Some),
            });
            let Some((stream, peer, slot)) = accepted.await else { break };
            let activity = Activity::new();
            let (server, of_service) = (self.clone(), activity.clone());
            let service = hyper::service::service_fn(move |request| {
                let (server, stream) = (server.clone(), of_service.begin());
                async move { Ok::<_, Infallible>(server.answer(request, peer, stream).await) }
            });
            let io = TokioIo::new(Watched::new(stream, activity.clone()));
            let connection = builder.serve_connection(io, service).into_owned();
            let (server, stopped) = (self.clone(), stopped.clone());
            tokio::spawn(async move {
                server.metrics.connections.fetch_add(1, Ordering::Relaxed);
                let leave = auto::Connection::graceful_shutdown;
                server.over(peer, drive(connection, leave, activity, server.patience, stopped).await);
                server.metrics.connections.fetch_sub(1, Ordering::Relaxed);
                drop(slot);
            });
        }
        drop(listener);
        drop(stopped);
        _ = stopping.send(());
        let over = async {
            stopping.closed().await;
            // What a program does after its response is under way too.
            while self.metrics.under_way() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // A client that does not leave, or takes nothing, is not what was to be waited for.
        timeout(drain, over).await.is_ok() || self.metrics.under_way() == 0
    }

    /// A connection has ended. A peer that breaks off or speaks no HTTP harms nobody else; what it was refused, nobody else
    /// has told.
    fn over(&self, peer: SocketAddr, end: End<BodyError>) {
        let Self { log, metrics, .. } = self;
        match end {
            End::Here(Cause::Stuck) => {
                metrics.closed(Closed::Stuck);
                let Patience { write, .. } = self.patience;
                log.request(|| {
                    format!("{peer} was left: it took less than {BYTES_PER_SECOND_MIN} bytes a second for {write:?}")
                });
            }
            End::Here(Cause::Silent) => metrics.closed(Closed::Silent),
            End::Itself(Err(error)) => match protocol::fault(&*error) {
                Some(Fault::Refused(status)) => {
                    metrics.refused(status);
                    let text = protocol::text(&*error);
                    log.request(|| format!("{peer} - - {} 0 - - ({text})", status.as_u16()));
                }
                Some(Fault::Silent) => metrics.closed(Closed::Silent),
                Some(Fault::Broken) => {
                    metrics.closed(Closed::Broken);
                    let text = protocol::text(&*error);
                    log.request(|| format!("{peer} was left: {text}"));
                }
                None => {}
            },
            End::Here(Cause::Left) | End::Itself(Ok(())) => {}
        }
    }

    async fn accept(&self, listener: &TcpListener) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            let Ok(slot) = self.connections.clone().acquire_owned().await else {
                std::future::pending::<()>().await;
                continue;
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    // Small answers wait for nothing.
                    let _ = stream.set_nodelay(true);
                    return (stream, peer, slot);
                }
                // Out of descriptors, most likely: that passes.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.head)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .half_close(false);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_send_buf_size(SEND_BYTES_MAX)
            .max_header_list_size(HEAD_BYTES_MAX as u32)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        builder
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, stream: Stream) -> Response<Body> {
        let table = self.table();
        let path = request.uri().path();
        let found = table.find(path).map(|(route, app)| {
            let rest = route.rest(path).unwrap_or("").to_owned();
            (route.text().to_owned(), rest, app.clone())
        });
        let id = Id(self.next_id.fetch_add(1, Ordering::Relaxed));
        let request_line = format!("{} {path}", request.method());
        let refused = |status, text| {
            self.metrics.refused(status);
            plain(status, text)
        };
        if let Some((status, text)) = protocol::refusal(request.headers()) {
            let mut response = refused(status, text);
            // Where it ends, and with it where the next one begins, is not to be known for sure.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            let record = Record::new(id, self.log.clone(), peer, request_line, None);
            return finished(response, record, stream);
        }
        // Before it waits for anything: those that wait are in memory.
        if protocol::is_large(request.headers()) {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            let response = refused(status, "the header section is too large\n");
            let record = Record::new(id, self.log.clone(), peer, request_line, None);
            return finished(response, record, stream);
        }
        let of_app = found.as_ref().map(|(_, _, app)| (app.name.clone(), app.metrics.clone()));
        let record = Record::new(id, self.log.clone(), peer, request_line, of_app);
        let Some((route, rest, app)) = found else {
            let response = refused(StatusCode::NOT_FOUND, "nothing answers this path\n");
            return finished(response, record, stream);
        };
        let deadline = record.began + app.deadline;
        let waiting = app.metrics.waits();
        let busy = |text: &str| Failure { reason: Reason::Busy, text: text.into() };
        let failure = match self.turns.take(&app.turns, waiting, deadline).await {
            Ok(turn) => {
                let (of_app, body_timeout) = (record.clone(), self.patience.body);
                let exchange =
                    Exchange { request, peer, record: of_app, deadline, body_timeout, route, rest, turn };
                match timeout_at(deadline.into(), app.handler.handle(exchange)).await {
                    Ok(Ok(response)) => return finished(response, record, stream),
                    Ok(Err(failure)) => failure,
                    Err(_) => Failure::late(app.deadline),
                }
            }
            Err(NoTurn::Full) => busy("as many requests as may be were waiting for their turn"),
            Err(NoTurn::Late) => busy("too many requests were under way all the time"),
        };
        let is_clients = record.is_broken() && failure.reason.may_follow_a_broken_request();
        let answer = match is_clients {
            true if record.is_late() => {
                let text = "the contents of the request come too slowly\n";
                let mut answer = plain(StatusCode::REQUEST_TIMEOUT, text);
                // As RFC 9110, section 15.5.9, has it.
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                answer
            }
            true => plain(StatusCode::BAD_REQUEST, "the contents of the request break off\n"),
            false => answer_to(failure.reason, id),
        };
        record.failed(failure);
        finished(answer, record, stream)
    }
}

/// What the peer learns of a failure: that there was one, and which.
fn answer_to(reason: Reason, id: Id) -> Response<Body> {
    let (status, text) = match reason {
        Reason::Deadline => (StatusCode::GATEWAY_TIMEOUT, "the program took too long"),
        Reason::Busy => (StatusCode::SERVICE_UNAVAILABLE, "too many requests are under way"),
        Reason::TargetTooLong => (StatusCode::URI_TOO_LONG, "the target of the request is too long"),
        Reason::FieldsTooLarge => {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the header section of the request is too large")
        }
        Reason::NoResponse => (StatusCode::BAD_GATEWAY, "the program gave no response"),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "the program failed"),
    };
    let mut response = plain(status, &format!("{text} (request {id})\n"));
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        headers.insert("x-request-id", id);
    }
    if reason == Reason::Busy {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

/// A short answer of the server's own.
pub fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let body = Full::new(Piece::new(Bytes::copy_from_slice(text.as_bytes()), None));
    let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Has the record know what is sent.
fn finished(response: Response<Body>, record: Arc<Record>, mut stream: Stream) -> Response<Body> {
    record.answered(response.status());
    stream.got_on(false);
    response.map(|body| Logged { body, record, stream }.boxed_unsync())
}

struct Logged {
    body: Body,
    record: Arc<Record>,
    stream: Stream,
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.record.ended();
    }
}

impl HyperBody for Logged {
    type Data = Piece;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BodyError>>> {
        let mut frame = Pin::new(&mut self.body).poll_frame(cx);
        self.stream.got_on(frame.is_pending());
        if let Poll::Ready(Some(Ok(frame))) = &mut frame
            && let Some(piece) = frame.data_mut()
        {
            self.record.sent(piece.len() as u64);
            piece.count(|bytes| self.stream.sends(bytes));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Connections to `/metrics` at once, and how long one may take for anything.
const METRICS_CONNECTIONS_MAX: usize = 64;
const METRICS_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers `/metrics` until the process ends.
pub async fn metrics(listener: TcpListener, metrics: Arc<Metrics>) {
    let slots = Arc::new(Semaphore::new(METRICS_CONNECTIONS_MAX));
    let patience = Patience { head: METRICS_TIMEOUT, body: METRICS_TIMEOUT, write: METRICS_TIMEOUT };
    let (_stopping, stopped) = watch::channel(());
    while let Ok(slot) = slots.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let metrics = metrics.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let response = match request.uri().path() {
                "/metrics" => plain(StatusCode::OK, &metrics.text()),
                _ => plain(StatusCode::NOT_FOUND, "see /metrics\n"),
            };
            async move { Ok::<_, Infallible>(response) }
        });
        let (activity, stopped) = (Activity::new(), stopped.clone());
        tokio::spawn(async move {
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(METRICS_TIMEOUT);
            let io = TokioIo::new(Watched::new(stream, activity.clone()));
            let connection = builder.serve_connection(io, service);
            drive(connection, |connection| connection.graceful_shutdown(), activity, patience, stopped).await;
            drop(slot);
        });
    }
}
