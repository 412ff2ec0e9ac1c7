//! The HTTP server: takes connections and requests, finds the app, bounds what an answer may take, and says what
//! happened. Knows no WebAssembly: a [`Handler`] answers.

use crate::serve::{
    connection::{Activity, Patience, Stream, Watched, drive},
    log::Log,
    metrics::{AppMetrics, InFlight, Metrics, Reason},
    record::{Failure, Id, Record},
    route::Routes,
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
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

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
    /// The route that led here, and what of the path is behind it.
    pub route: String,
    pub rest: String,
    /// To be kept as long as anything runs for this request.
    pub turn: Turn,
}

/// What bounds how many requests are under way. Dropped when one is over, whatever the connection still does.
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _in_flight: InFlight,
}

/// An app, ready to answer.
pub struct Served {
    pub name: String,
    pub handler: Box<dyn Handler>,
    pub deadline: Duration,
    pub metrics: Arc<AppMetrics>,
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
    turns: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    patience: Patience,
    next_id: AtomicU64,
}

/// Bytes of a request's head, and of what HTTP/2 puts in its place.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 128;
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
            turns: Arc::new(Semaphore::new(bounds.requests)),
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
            let (metrics, patience, stopped) = (self.metrics.clone(), self.patience, stopped.clone());
            tokio::spawn(async move {
                metrics.connections.fetch_add(1, Ordering::Relaxed);
                // A peer that breaks off or speaks no HTTP harms nobody else.
                drive(connection, auto::Connection::graceful_shutdown, activity, patience, stopped).await;
                metrics.connections.fetch_sub(1, Ordering::Relaxed);
                drop(slot);
            });
        }
        drop(listener);
        drop(stopped);
        _ = stopping.send(());
        let over = async {
            stopping.closed().await;
            // What a program does after its response is under way too.
            while self.metrics.in_flight() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // A client that does not leave, or takes nothing, is not what was to be waited for.
        timeout(drain, over).await.is_ok() || self.metrics.in_flight() == 0
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
        let of_app = found.as_ref().map(|(_, _, app)| (app.name.clone(), app.metrics.clone()));
        let request_line = format!("{} {path}", request.method());
        let record = Record::new(id, self.log.clone(), peer, request_line, of_app);
        let Some((route, rest, app)) = found else {
            return finished(plain(StatusCode::NOT_FOUND, "nothing answers this path\n"), record, stream);
        };
        let deadline = record.began + app.deadline;
        let in_flight = app.metrics.begin();
        let turn = timeout_at(deadline.into(), self.turns.clone().acquire_owned()).await;
        let failure = if let Ok(Ok(permit)) = turn {
            let turn = Turn { _permit: permit, _in_flight: in_flight };
            let exchange = Exchange { request, peer, record: record.clone(), deadline, route, rest, turn };
            match timeout_at(deadline.into(), app.handler.handle(exchange)).await {
                Ok(Ok(response)) => return finished(response, record, stream),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::late(app.deadline),
            }
        } else {
            Failure { reason: Reason::Busy, text: "too many requests were under way all the time".into() }
        };
        let answer = answer_to(failure.reason, id);
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
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes()));
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
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        self.stream.got_on(frame.is_pending());
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.record.sent(frame.data_ref().map_or(0, |data| data.len() as u64));
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
    let patience = Patience { head: METRICS_TIMEOUT, write: METRICS_TIMEOUT };
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
