//! Connections: the name looked up, the address checked, TLS where it is asked for.

use super::{
    Denied,
    error::from_io,
    policy::{Destination, Policy},
    stream::{Slots, Stream},
};
use crate::{
    backend::std::resolver::Resolver,
    cap::{
        http::{DnsError, ErrorCode, Scheme},
        sockets::{Lookup, LookupError},
    },
};
use alloc::{boxed::Box, string::ToString, sync::Arc};
use core::{
    fmt,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

tokio::task_local! {
    /// How long the request that asks for a connection is ready to wait for it.
    pub(super) static CONNECT_TIMEOUT: Option<Duration>;
}

/// What makes connections for the pool.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) policy: Arc<Policy>,
    pub(super) denied: Option<Denied>,
    pub(super) resolver: Resolver,
    pub(super) tls: TlsConnector,
    /// For those that are open.
    pub(super) slots: Slots,
    /// The longest that any connection may take.
    pub(super) timeout: Duration,
}

/// Why there is no connection. The pool's client hands it through as a source.
#[derive(Debug)]
pub(super) struct ConnectError(pub(super) ErrorCode);

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl core::error::Error for ConnectError {}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let asked = CONNECT_TIMEOUT.try_with(|timeout| *timeout).ok().flatten();
        let time = asked.unwrap_or(self.timeout).min(self.timeout);
        let connector = self.clone();
        Box::pin(async move {
            let connected = timeout(time, connector.connect(&uri)).await;
            let stream = connected.unwrap_or(Err(ErrorCode::ConnectionTimeout));
            stream.map(TokioIo::new).map_err(ConnectError)
        })
    }
}

impl Connector {
    async fn connect(&self, uri: &Uri) -> Result<Stream, ErrorCode> {
        let https = uri.scheme_str() == Some("https");
        let authority = uri.authority().ok_or(ErrorCode::HttpRequestUriInvalid)?;
        let scheme = if https { Scheme::Https } else { Scheme::Http };
        let destination = Destination::parse(scheme, authority.as_str());
        let destination = destination.ok_or(ErrorCode::HttpRequestUriInvalid)?;
        // Asked before the request was queued; once more, where the connection is made.
        if !self.policy.names(&destination) {
            return Err(ErrorCode::HttpRequestDenied);
        }
        let slot = self.slots.take().ok_or(ErrorCode::ConnectionLimitReached)?;
        let tcp = self.tcp(&destination).await?;
        if !https {
            return Ok(Stream::plain(tcp, slot));
        }
        let name = ServerName::try_from(destination.host).map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
        let tls = self.tls.connect(name, tcp).await.map_err(|error| tls_error(&error))?;
        Ok(Stream::tls(tls, slot))
    }

    /// Connects to the first address that answers, of those that the policy lets be reached.
    async fn tcp(&self, destination: &Destination) -> Result<TcpStream, ErrorCode> {
        let asked = self.resolver.look_up(&destination.host).map_err(dns_error)?;
        let found = poll_fn(|cx| asked.poll_addresses(cx)).await.map_err(dns_error)?;
        let mut failed = ErrorCode::DestinationNotFound;
        let mut denied = None;
        for address in found.into_iter().take(ADDRESSES_MAX) {
            let address = SocketAddr::new(address, destination.port);
            if !self.policy.reaches(destination, address.ip()) {
                denied.get_or_insert(address);
                failed = ErrorCode::DestinationIpProhibited;
                continue;
            }
            match self.tcp_to(address, destination).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error,
            }
        }
        if let Some(address) = denied {
            self.deny(&address.to_string());
        }
        Err(failed)
    }

    /// Says what was asked for and is not allowed.
    pub(super) fn deny(&self, destination: &str) {
        if let Some(denied) = &self.denied {
            denied(destination);
        }
    }

    async fn tcp_to(&self, address: SocketAddr, destination: &Destination) -> Result<TcpStream, ErrorCode> {
        let stream = TcpStream::connect(address).await.map_err(|error| from_io(&error))?;
        // What counts is where the connection leads, whatever it was meant to.
        let peer = stream.peer_addr().map_err(|error| from_io(&error))?;
        if !self.policy.reaches(destination, peer.ip()) {
            return Err(ErrorCode::DestinationIpProhibited);
        }
        // Without it, requests go out late and not at all wrong.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;

/// What WASI says of a lookup: the resolver's own codes are not known here.
fn dns_error(error: LookupError) -> ErrorCode {
    let rcode = match error {
        LookupError::Temporary => "SERVFAIL",
        _ => "NXDOMAIN",
    };
    ErrorCode::DnsError(DnsError { rcode: Some(rcode.into()), info_code: None })
}

fn tls_error(error: &io::Error) -> ErrorCode {
    use crate::cap::http::TlsAlert;
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            ErrorCode::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => ErrorCode::TlsAlertReceived(TlsAlert {
            alert_id: Some(u8::from(*alert)),
            alert_message: alert.as_str().map(ToString::to_string),
        }),
        Some(_) => ErrorCode::TlsProtocolError,
        None => from_io(error),
    }
}
