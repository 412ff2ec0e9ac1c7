//! HTTP: requests, responses, bodies that stream, and who answers them.
//!
//! Values here are not checked: a header may hold a line break, an authority may hold a path. What a guest may
//! say is decided in [`wasi::http`](crate::wasi::http), what a network may say by the backend that reads it.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    fmt,
    future::poll_fn,
    task::{Context, Poll},
};

mod error_code;
mod fields;
mod rule;

pub use error_code::{DnsError, ErrorCode, FieldSize, TlsAlert};
pub use fields::Fields;
pub use rule::Rule;

/// Whoever answers requests: the network, a scripted route, or another guest.
pub trait Client: Send + Sync {
    /// Sends `request`, under `options`. Answers at once; what is to come is waited for on the answer, and
    /// dropping that gives the request up.
    fn send(&self, request: Request, options: Options) -> Box<dyn ResponseFuture>;
}

/// An answer that is still to come.
pub trait ResponseFuture: Send {
    /// Waits for the head of the response. Not polled again after it was ready.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response, ErrorCode>>;
}

/// The contents of a request or a response, and the trailers behind them.
///
/// Belongs to one reader, which pulls: nothing is produced that was not asked for, so a reader that stops holds
/// the writer back, and one that drops the body tells the writer that nobody listens.
pub trait Body: Send {
    /// The next piece. `None` is the end; nothing is asked for after it, after trailers, or after an error.
    ///
    /// Whoever implements this bounds the pieces: 64 KiB is usual, and empty ones are left out.
    ///
    /// # Errors
    ///
    /// Why the contents break off. What came before is not the whole.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>>;

    /// How many bytes of contents are still to come, where that is known.
    fn length(&self) -> Option<u64> {
        None
    }

    /// The trailers behind the contents, where they are known before they are reached. HTTP/1.1 names them in the header
    /// section, if it is to send them at all.
    fn trailers(&self) -> Option<Fields> {
        None
    }

    /// Whether its writer is the guest that gave it away, so that nothing more comes when that has ended.
    fn ends_with_guest(&self) -> bool {
        false
    }
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Some of the contents.
    Data(Vec<u8>),
    /// The trailers: the last piece of all.
    Trailers(Fields),
}

/// A request: to a client, or to a guest.
pub struct Request {
    /// What to do.
    pub method: Method,
    /// How; a client that is told nothing takes [`Scheme::Https`].
    pub scheme: Option<Scheme>,
    /// Where: `host`, `host:port`.
    pub authority: Option<String>,
    /// With what there: `/a/b?c=d`. Nothing is `/`.
    pub path_with_query: Option<String>,
    /// The header section, without what the fields above say.
    pub headers: Fields,
    /// The contents.
    pub body: Box<dyn Body>,
}

impl Request {
    /// A request for `uri` (`http://example.com/a?b`) without fields and contents. What is missing in it, the request
    /// does not say.
    #[must_use]
    pub fn new(method: Method, uri: &str) -> Self {
        let (scheme, rest) = match uri.split_once("://") {
            Some((scheme, rest)) => (Some(Scheme::from(scheme)), rest),
            None => (None, uri),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let some = |text: &str| (!text.is_empty()).then(|| String::from(text));
        Self {
            method,
            scheme,
            authority: some(authority),
            path_with_query: some(path),
            headers: Fields::new(),
            body: Whole::empty(),
        }
    }

    /// The same, with one more field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The same, with these contents.
    #[must_use]
    pub fn body(self, body: impl Body + 'static) -> Self {
        Self { body: Box::new(body), ..self }
    }
}

/// A response: from a client, or from a guest.
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header section.
    pub headers: Fields,
    /// The contents.
    pub body: Box<dyn Body>,
}

/// How long to wait for whom, in nanoseconds. Nothing said is no bound of this kind.
///
/// Only whoever connects can tell how long that takes: `connect_timeout_ns` is the client's to keep. The other two are
/// its caller's, which counts them on the guest's own clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// For the connection to stand: [`ErrorCode::ConnectionTimeout`].
    pub connect_timeout_ns: Option<u64>,
    /// From sending to the head of the response: [`ErrorCode::ConnectionReadTimeout`].
    pub first_byte_timeout_ns: Option<u64>,
    /// From one piece of the response's contents to the next: [`ErrorCode::ConnectionReadTimeout`].
    pub between_bytes_timeout_ns: Option<u64>,
}

/// What a request asks for (RFC 9110, section 9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    #[default]
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `CONNECT`
    Connect,
    /// `OPTIONS`
    Options,
    /// `TRACE`
    Trace,
    /// `PATCH`
    Patch,
    /// Any other: a token, in its own case.
    Other(String),
}

/// How the target of a request is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
    /// Any other.
    Other(String),
}

impl Method {
    /// As it stands in a request line.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Other(method) => method,
        }
    }
}

impl From<&str> for Method {
    /// The method of this name, which is told by its case too.
    fn from(method: &str) -> Self {
        match method {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "CONNECT" => Self::Connect,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "PATCH" => Self::Patch,
            other => Self::Other(other.into()),
        }
    }
}

impl Scheme {
    /// The port of an authority that names none.
    #[must_use]
    pub fn default_port(&self) -> u16 {
        if *self == Self::Http { 80 } else { 443 }
    }

    /// As it stands in a URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Other(scheme) => scheme,
        }
    }
}

impl From<&str> for Scheme {
    /// The scheme of this name, in any case (RFC 3986, section 3.1).
    fn from(scheme: &str) -> Self {
        if scheme.eq_ignore_ascii_case("http") {
            Self::Http
        } else if scheme.eq_ignore_ascii_case("https") {
            Self::Https
        } else {
            Self::Other(scheme.into())
        }
    }
}

/// A body that is there as a whole. The default is an empty one.
#[derive(Clone, Debug, Default)]
pub struct Whole {
    contents: Vec<u8>,
    trailers: Option<Fields>,
}

impl Whole {
    /// These contents.
    #[must_use]
    pub fn new(contents: impl Into<Vec<u8>>) -> Self {
        Self { contents: contents.into(), trailers: None }
    }

    /// The same, with trailers behind.
    #[must_use]
    pub fn with_trailers(self, trailers: Fields) -> Self {
        Self { trailers: Some(trailers), ..self }
    }

    /// Reads `body` to its end, if that comes within `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// Why the body breaks off; [`ErrorCode::HttpResponseBodySize`] when it is larger.
    pub async fn read(body: &mut dyn Body, bytes_max: usize) -> Result<Self, ErrorCode> {
        let mut whole = Self::default();
        while let Some(frame) = poll_fn(|cx| body.poll_frame(cx)).await {
            match frame? {
                Frame::Data(piece) if piece.len() > bytes_max - whole.contents.len() => {
                    return Err(ErrorCode::HttpResponseBodySize(None));
                }
                Frame::Data(piece) => whole.contents.extend_from_slice(&piece),
                Frame::Trailers(trailers) => {
                    whole.trailers = Some(trailers);
                    break;
                }
            }
        }
        Ok(whole)
    }

    /// The contents.
    #[must_use]
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// The trailers, if there are any.
    #[must_use]
    pub const fn trailers(&self) -> Option<&Fields> {
        self.trailers.as_ref()
    }

    /// An empty body, boxed.
    #[must_use]
    pub fn empty() -> Box<dyn Body> {
        Box::new(Self::default())
    }
}

impl Body for Whole {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        let contents = core::mem::take(&mut self.contents);
        if !contents.is_empty() {
            return Poll::Ready(Some(Ok(Frame::Data(contents))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::Trailers(trailers))))
    }

    fn length(&self) -> Option<u64> {
        // Behind a length there are no trailers in HTTP/1.1 (RFC 9112, section 7.1.2).
        self.trailers.is_none().then_some(self.contents.len() as u64)
    }

    fn trailers(&self) -> Option<Fields> {
        self.trailers.clone()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("scheme", &self.scheme)
            .field("authority", &self.authority)
            .field("path_with_query", &self.path_with_query)
            .field("headers", &self.headers)
            .field("length", &self.body.length())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("length", &self.body.length())
            .finish_non_exhaustive()
    }
}
