//! HTTP over the network: HTTP/1.1 and HTTP/2, TLS, and connections that are kept and used again.
//!
//! Where a request goes is checked against a [`Policy`]: its authority before anything is looked up, and the address
//! when the connection stands. Redirects are answers like any other: nobody follows them. Bodies are never
//! decompressed, and never held back beyond what is on its way.

mod body;
mod connect;
mod error;
mod exchange;
mod frames;
mod policy;
mod stream;

pub use body::Outgoing;
pub use exchange::{request_from_hyper, response_to_hyper};
pub use policy::Policy;

use super::{reactor::reactor, resolver::Resolver};
use crate::cap::http::{self as cap, ErrorCode, Fields, Options, Request, Response, ResponseFuture, Scheme};
use alloc::{boxed::Box, format, string::String, sync::Arc, vec};
use body::{Received, announce, fields, map};
use connect::{CONNECT_TIMEOUT, Connector};
use core::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use http::{HeaderValue, Uri, header, uri::PathAndQuery};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use policy::Destination;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{io, sync::OnceLock};
use stream::{Slots, bound_interim};
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_rustls::TlsConnector;

/// Sends requests over the network, as far as its [`Policy`] allows. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    policy: Arc<Policy>,
    connector: Connector,
    idle: Duration,
    idle_max: usize,
    /// Made when the first request is sent.
    pool: OnceLock<Pool>,
}

/// Who is told of what was asked for and not allowed.
type Denied = Arc<dyn Fn(&str) + Send + Sync>;
type Pool = (Handle, legacy::Client<Connector, Outgoing>);

/// How a [`Client`] is to be made.
pub struct Builder {
    policy: Policy,
    roots: RootCertStore,
    denied: Option<Denied>,
    connect_timeout: Duration,
    idle: Duration,
    idle_max: usize,
    connections_max: usize,
}

/// Bytes of a response's header section, and how many fields it may have.
const HEADER_BYTES_MAX: u32 = 64 << 10;
const HEADERS_MAX: usize = 128;

/// Of HTTP/2, bytes that one exchange, and that one connection, may have on their way in that nobody has read; and bytes of
/// a request's contents that lie ready while the server takes none. The library's own are up to 5 MiB, which no
/// guest has been charged for.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
const SEND_BYTES_MAX: usize = 64 << 10;

impl Client {
    /// A client for these destinations, with the root certificates of Mozilla's list.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::builder(policy).build()
    }

    /// A client for these destinations, to be set up further.
    #[must_use]
    pub fn builder(policy: Policy) -> Builder {
        Builder {
            policy,
            roots: webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
            denied: None,
            connect_timeout: Duration::from_secs(60),
            idle: Duration::from_secs(30),
            idle_max: 16,
            connections_max: 1_024,
        }
    }
}

impl Builder {
    /// Trusts one more root certificate, or several, in PEM.
    ///
    /// # Errors
    ///
    /// When there is no certificate in it, or one that is none.
    pub fn root_certificates(mut self, pem: &[u8]) -> Result<Self, InvalidCertificate> {
        let mut any = false;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|_| InvalidCertificate)?;
            self.roots.add(certificate).map_err(|_| InvalidCertificate)?;
            any = true;
        }
        if any { Ok(self) } else { Err(InvalidCertificate) }
    }

    /// Calls `denied` with each destination (`https://example.com:443`) that was asked for and not allowed, and with
    /// each address (`10.0.0.1:443`) that an allowed name led to and that is not public.
    #[must_use]
    pub fn on_denied(mut self, denied: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.denied = Some(Arc::new(denied));
        self
    }

    /// How long a connection may take at most, whatever a request is ready to wait. Default: a minute.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// How long a connection is kept that nobody uses. Default: 30 seconds.
    #[must_use]
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// How many of those there are for one destination. Default: 16.
    #[must_use]
    pub fn idle_max(mut self, count: usize) -> Self {
        self.idle_max = count;
        self
    }

    /// How many connections are open at once, those included that are kept and not used: one more is
    /// [`ErrorCode::ConnectionLimitReached`]. Default: 1,024.
    #[must_use]
    pub fn connections_max(mut self, count: usize) -> Self {
        self.connections_max = count;
        self
    }

    /// The client. It connects nowhere yet.
    #[must_use]
    pub fn build(self) -> Client {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("invariant: the provider has ciphers for the default versions of TLS")
            .with_root_certificates(self.roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let policy = Arc::new(self.policy);
        let connector = Connector {
            policy: policy.clone(),
            denied: self.denied,
            resolver: Resolver::default(),
            tls: TlsConnector::from(Arc::new(tls)),
            slots: Slots::new(self.connections_max),
            timeout: self.connect_timeout,
        };
        let Self { idle, idle_max, .. } = self;
        Client { shared: Arc::new(Shared { policy, connector, idle, idle_max, pool: OnceLock::new() }) }
    }
}

impl Shared {
    fn pool(&self) -> io::Result<&Pool> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let reactor = reactor()?;
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(self.idle)
            .pool_max_idle_per_host(self.idle_max)
            .pool_timer(TokioTimer::new())
            .timer(TokioTimer::new())
            .http1_max_headers(HEADERS_MAX)
            .http1_max_buf_size(HEADER_BYTES_MAX as usize)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .http2_max_send_buf_size(SEND_BYTES_MAX)
            .build(self.connector.clone());
        Ok(self.pool.get_or_init(|| (reactor, client)))
    }

    /// The request as the library has it, if it may be sent.
    fn request(&self, request: Request) -> Result<http::Request<Outgoing>, ErrorCode> {
        let scheme = match request.scheme.unwrap_or(Scheme::Https) {
            Scheme::Other(_) => return Err(ErrorCode::HttpRequestUriInvalid),
            known => known,
        };
        let authority = request.authority.ok_or(ErrorCode::HttpRequestUriInvalid)?;
        let destination = Destination::parse(scheme, &authority).ok_or(ErrorCode::HttpRequestUriInvalid)?;
        if !self.policy.names(&destination) {
            self.connector.deny(&format!("{destination}"));
            return Err(ErrorCode::HttpRequestDenied);
        }
        let path = request.path_with_query.unwrap_or_default();
        let uri = uri(&destination.scheme, &authority, path)?;
        let method = http::Method::from_bytes(request.method.as_str().as_bytes());
        let method = method.map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
        if method == http::Method::CONNECT {
            // It would turn the connection into one to elsewhere.
            return Err(ErrorCode::HttpRequestMethodInvalid);
        }
        let length = request.headers.content_length()?;
        if length.zip(request.body.length()).is_some_and(|(said, is)| said != is) {
            return Err(ErrorCode::HttpRequestBodySize(request.body.length()));
        }
        let mut headers = map(&request.headers)?;
        Fields::OF_CONNECTION.iter().for_each(|name| _ = headers.remove(*name));
        announce(&mut headers, &request.headers, &*request.body);
        // Or servers leave trailers out (RFC 9110, section 6.5.1).
        let te = HeaderValue::from_static("trailers");
        let full = |_| ErrorCode::HttpRequestHeaderSectionSize(None);
        headers.try_insert(header::TE, te).map_err(full)?;
        // In HTTP/1.1 it is this connection's, and has to say so (RFC 9110, section 10.1.4); in HTTP/2 there is no such field
        // (RFC 9113, section 8.2.2). Which of them is spoken, the library knows only when the request is on its way: for
        // HTTP/2 it takes all `Connection` fields out, and besides what the first one names. So that one names nothing.
        for option in ["keep-alive", "te"] {
            headers.try_append(header::CONNECTION, HeaderValue::from_static(option)).map_err(full)?;
        }
        let mut out =
            http::Request::new(Outgoing::new(request.body, length, ErrorCode::HttpRequestBodySize(None)));
        *out.method_mut() = method;
        *out.uri_mut() = uri;
        *out.headers_mut() = headers;
        Ok(out)
    }
}

fn uri(scheme: &Scheme, authority: &str, path: String) -> Result<Uri, ErrorCode> {
    let path = if path.is_empty() { "/".into() } else { path };
    // Anything else names another target than the authority that was checked.
    if !path.starts_with('/') {
        return Err(ErrorCode::HttpRequestUriInvalid);
    }
    let path = PathAndQuery::try_from(path).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let uri = Uri::builder().scheme(scheme.as_str()).authority(authority);
    uri.path_and_query(path).build().map_err(|_| ErrorCode::HttpRequestUriInvalid)
}

impl cap::Client for Client {
    fn send(&self, request: Request, options: Options) -> Box<dyn ResponseFuture> {
        let mut request = match self.shared.request(request) {
            Ok(request) => request,
            Err(error) => return Box::new(Sent::Failed(Some(error))),
        };
        let Ok((reactor, client)) = self.shared.pool() else {
            return Box::new(Sent::Failed(Some(ErrorCode::InternalError(None))));
        };
        let connect = options.connect_timeout_ns.map(Duration::from_nanos);
        let client = client.clone();
        let interim = bound_interim(&mut request);
        let task = reactor.spawn(CONNECT_TIMEOUT.scope(connect, async move {
            let response = client.request(request).await.map_err(|error| error::from_client(&error))?;
            interim.check()?;
            let (head, body) = response.into_parts();
            Ok(Response {
                status: head.status.as_u16(),
                headers: fields(&head.headers),
                body: Box::new(Received::new(body)),
            })
        }));
        Box::new(Sent::Sending(task))
    }
}

/// A request under way.
enum Sent {
    Failed(Option<ErrorCode>),
    Sending(JoinHandle<Result<Response, ErrorCode>>),
}

impl ResponseFuture for Sent {
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, ErrorCode>> {
        match self {
            Self::Failed(error) => Poll::Ready(Err(error.take().unwrap_or(ErrorCode::InternalError(None)))),
            Self::Sending(task) => {
                Pin::new(task).poll(cx).map(|ended| ended.unwrap_or(Err(ErrorCode::InternalError(None))))
            }
        }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if let Self::Sending(task) = self {
            task.abort();
        }
    }
}

/// Why a text is no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCertificate;

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no root certificates in PEM")
    }
}

impl core::error::Error for InvalidCertificate {}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("policy", &self.shared.policy).finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("policy", &self.policy).finish_non_exhaustive()
    }
}
