//! Exchanges: requests that leave a guest, and those it answers.

use super::{
    Message,
    fields::{Fields, check_received},
    incoming::IncomingBody,
    policy::Policy,
    quota::Bounds,
    target::{Target, Wire},
    timeout::Timeout,
};
use crate::{
    HttpLimits, Limits,
    cap::{
        clocks::Clocks,
        http::{Body, Client, ErrorCode, Method, Options, Request, Response, ResponseFuture},
    },
    wasi::Grants,
};
use alloc::{boxed::Box, string::String, sync::Arc};
use core::{
    fmt,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, ready},
};

/// Whom a guest may send requests to, and who sends them. Nobody and nobody, unless granted.
#[derive(Clone, Default)]
pub struct Granted {
    /// Who sends them.
    pub client: Option<Arc<dyn Client>>,
    /// To whom.
    pub policy: Policy,
    /// Who handles what a middleware hands on. Needs no policy: it is one destination.
    pub handler: Option<Arc<dyn Client>>,
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Granted")
            .field("client", &self.client.is_some())
            .field("policy", &self.policy)
            .finish()
    }
}

/// What is kept of HTTP for one guest. A cheap handle: clones count together.
#[derive(Clone)]
pub struct State {
    pub(in crate::wasi) granted: Granted,
    pub(in crate::wasi) clocks: Arc<dyn Clocks>,
    pub(in crate::wasi) bounds: Bounds,
    pub(in crate::wasi) slots: Slots,
}

impl State {
    /// Nothing under way yet.
    #[must_use]
    pub fn new(grants: &Grants, limits: &Limits) -> Self {
        Self {
            granted: grants.http.clone(),
            clocks: grants.clocks.clone(),
            bounds: Bounds::new(&limits.http),
            slots: Slots::default(),
        }
    }

    /// Sends a request: see [`Sending::new`].
    pub(in crate::wasi) fn send(&self, to: To, request: Outgoing<'_>) -> Result<Sending, ErrorCode> {
        Sending::new(&self.granted, &self.slots, &self.bounds, &self.clocks, to, request)
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("granted", &self.granted)
            .field("bounds", &self.bounds)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

/// How many requests of a guest are under way. A cheap handle: clones count together.
#[derive(Clone, Debug, Default)]
pub struct Slots(Arc<AtomicU32>);

/// One of them. Free again when it is dropped.
#[derive(Debug)]
pub(super) struct Slot(Arc<AtomicU32>);

impl Slots {
    fn take(&self, max: u32) -> Option<Slot> {
        let add = |used: u32| used.checked_add(1).filter(|used| *used <= max);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Slot(self.0.clone()))
    }

    /// How many are under way.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// To where its target says.
    Network,
    /// To the handler behind a middleware.
    Handler,
}

/// A request that a guest made.
pub struct Outgoing<'a> {
    /// What it is for.
    pub target: &'a Target,
    /// Its header section.
    pub headers: &'a Fields,
    /// Its contents.
    pub body: Box<dyn Body>,
    /// How long to wait.
    pub options: Options,
}

/// A request that came in, as a guest sees it.
#[derive(Debug)]
pub struct Asked {
    /// What it is for.
    pub target: Target,
    /// Its header section, not to be changed.
    pub headers: Fields,
    /// Its contents.
    pub body: IncomingBody,
}

/// A response that came in, as a guest sees it.
#[derive(Debug)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// Its header section, not to be changed.
    pub headers: Fields,
    /// Its contents.
    pub body: IncomingBody,
}

/// A request on its way.
pub struct Sending {
    future: Box<dyn ResponseFuture>,
    bounds: Bounds,
    /// For the head of the response.
    first_byte: Option<Timeout>,
    /// For what comes behind it.
    between_bytes: Option<Timeout>,
    is_head: bool,
    slot: Option<Slot>,
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("target", self.target)
            .field("headers", self.headers)
            .finish_non_exhaustive()
    }
}

impl Sending {
    /// Sends a request, if all of it may go on the wire, its destination is granted, and not too many are under way.
    ///
    /// # Errors
    ///
    /// Which of these it is.
    pub fn new(
        granted: &Granted,
        slots: &Slots,
        bounds: &Bounds,
        clocks: &Arc<dyn Clocks>,
        to: To,
        request: Outgoing<'_>,
    ) -> Result<Self, ErrorCode> {
        let Outgoing { target, headers, body, options } = request;
        let Wire { method, scheme, authority, path_with_query } = target.to_wire()?;
        check_length(headers, &*body).map_err(|bytes| match bytes {
            Some(bytes) => ErrorCode::HttpRequestBodySize(Some(bytes)),
            None => ErrorCode::HttpProtocolError,
        })?;
        let client = match to {
            To::Network => {
                let allowed = granted.policy.check(&scheme, &authority);
                granted.client.as_ref().filter(|_| allowed).ok_or(ErrorCode::HttpRequestDenied)?
            }
            To::Handler => granted.handler.as_ref().ok_or(ErrorCode::ConfigurationError)?,
        };
        let slot = slots.take(bounds.limits().requests).ok_or(ErrorCode::ConnectionLimitReached)?;
        let timeout = |timeout_ns: Option<u64>| timeout_ns.map(|ns| Timeout::new(clocks, ns));
        let between_bytes = timeout(options.between_bytes_timeout_ns);
        let mut first_byte = timeout(options.first_byte_timeout_ns);
        first_byte.iter_mut().for_each(|timeout| _ = timeout.begin());
        let is_head = method == Method::Head;
        let request = Request {
            method,
            scheme: Some(scheme),
            authority: Some(authority),
            path_with_query: Some(path_with_query),
            headers: headers.to_wire(),
            body,
        };
        let future = client.send(request, options);
        Ok(Self { future, bounds: bounds.clone(), first_byte, between_bytes, is_head, slot: Some(slot) })
    }

    /// Waits for the response, and no longer than was said. Whoever waits for several things waits for
    /// [`deadline_ns`](Self::deadline_ns) too.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answered, ErrorCode>> {
        let polled = match &mut self.first_byte {
            Some(timeout) => timeout.ask(cx, |cx| self.future.poll_response(cx)),
            None => self.future.poll_response(cx).map(Some),
        };
        let response = ready!(polled).unwrap_or(Err(ErrorCode::ConnectionReadTimeout));
        Poll::Ready(response.and_then(|response| self.answered(response)))
    }

    /// When [`poll_response`](Self::poll_response) gives up, on the monotonic clock: to be asked again then.
    #[must_use]
    pub fn deadline_ns(&self) -> Option<u64> {
        self.first_byte.as_ref().and_then(Timeout::deadline_ns)
    }

    fn answered(&mut self, response: Response) -> Result<Answered, ErrorCode> {
        let Response { status, headers, body } = response;
        if !is_final(status) {
            return Err(ErrorCode::HttpProtocolError);
        }
        let headers = Fields::received(&self.bounds, headers)
            .map_err(|error| error.received(ErrorCode::HttpResponseHeaderSectionSize(None)))?;
        let length = headers.content_length()?;
        // These say how long the contents would be, and have none (RFC 9110, section 8.6).
        let length = length.filter(|_| !self.is_head && status != 204 && status != 304);
        let body = IncomingBody::new(&self.bounds, Message::Response, length, body)
            .with_timeout(self.between_bytes.take());
        let body = match self.slot.take() {
            Some(slot) => body.with_slot(slot),
            None => body,
        };
        Ok(Answered { status, headers, body })
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("deadline_ns", &self.deadline_ns()).finish_non_exhaustive()
    }
}

/// Whether a guest of these limits can be given `request`, for who would rather know before there is one.
///
/// # Errors
///
/// When it is too large or says two lengths, as [`asked`] would say.
pub fn check(limits: &HttpLimits, request: &Request) -> Result<(), ErrorCode> {
    check_target(limits, request)?;
    check_received(limits, &request.headers)
}

fn check_target(limits: &HttpLimits, request: &Request) -> Result<(), ErrorCode> {
    let fits =
        |text: &Option<String>| text.as_ref().is_none_or(|text| text.len() <= limits.target_bytes as usize);
    if fits(&request.path_with_query) && fits(&request.authority) {
        Ok(())
    } else {
        Err(ErrorCode::HttpRequestUriTooLong)
    }
}

/// A request that came in, as a guest sees it.
///
/// # Errors
///
/// When it is too large or says two lengths.
pub fn asked(bounds: &Bounds, request: Request) -> Result<Asked, ErrorCode> {
    check_target(bounds.limits(), &request)?;
    let Request { method, scheme, authority, path_with_query, headers, body } = request;
    let headers = Fields::received(bounds, headers)
        .map_err(|error| error.received(ErrorCode::HttpRequestHeaderSectionSize(None)))?;
    let length = headers.content_length()?;
    let body = IncomingBody::new(bounds, Message::Request, length, body);
    Ok(Asked { target: Target::received(method, scheme, authority, path_with_query), headers, body })
}

/// A guest's response, as it goes on the wire.
///
/// # Errors
///
/// [`ErrorCode::HttpProtocolError`] when it is no final response or says two lengths,
/// [`ErrorCode::HttpResponseBodySize`] when it says another length than its contents have: what answers a `HEAD` may.
pub fn answer(
    status: u16,
    headers: &Fields,
    body: Box<dyn Body>,
    is_head: bool,
) -> Result<Response, ErrorCode> {
    if !is_final(status) {
        return Err(ErrorCode::HttpProtocolError);
    }
    match check_length(headers, &*body) {
        Ok(()) => {}
        Err(Some(_)) if is_head || status == 304 => {}
        Err(Some(bytes)) => return Err(ErrorCode::HttpResponseBodySize(Some(bytes))),
        Err(None) => return Err(ErrorCode::HttpProtocolError),
    }
    Ok(Response { status, headers: headers.to_wire(), body })
}

/// Checks the length that contents are said to have against the one they have, if both are known; fails with the latter,
/// or with none when there is no telling which is said.
fn check_length(headers: &Fields, body: &dyn Body) -> Result<(), Option<u64>> {
    match (headers.content_length(), body.length()) {
        (Err(_), _) => Err(None),
        (Ok(Some(said)), Some(known)) if said != known => Err(Some(known)),
        _ => Ok(()),
    }
}

/// Whether this is a status code (RFC 9110, section 15).
#[must_use]
pub const fn is_status(status: u16) -> bool {
    matches!(status, 100..=599)
}

/// Whether it is one that ends an exchange.
const fn is_final(status: u16) -> bool {
    matches!(status, 200..=599)
}
