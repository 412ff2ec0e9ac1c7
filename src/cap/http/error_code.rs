//! Why an exchange failed.

use alloc::string::String;
use core::fmt;

/// Why an exchange failed, as a guest may learn it: the cases of `wasi:http/types#error-code`, which are the same in
/// WASI 0.2 and 0.3 (and follow the IANA registry of proxy error types, RFC 9209).
///
/// A backend maps its platform's errors to the nearest of these and keeps no host detail in the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// Looking up the name took too long.
    DnsTimeout,
    /// Looking up the name failed.
    DnsError(DnsError),
    /// There is no such destination.
    DestinationNotFound,
    /// The destination cannot be used now.
    DestinationUnavailable,
    /// The destination may not be reached from here: what was granted does not cover it.
    DestinationIpProhibited,
    /// There is no way to the destination.
    DestinationIpUnroutable,
    /// The destination refused the connection.
    ConnectionRefused,
    /// The connection broke off.
    ConnectionTerminated,
    /// Connecting took too long.
    ConnectionTimeout,
    /// The response, or the next piece of it, took too long.
    ConnectionReadTimeout,
    /// Sending took too long.
    ConnectionWriteTimeout,
    /// Too many connections are open.
    ConnectionLimitReached,
    /// TLS failed.
    TlsProtocolError,
    /// The certificate is not trusted.
    TlsCertificateError,
    /// The peer ended TLS with an alert.
    TlsAlertReceived(TlsAlert),
    /// The request may not be sent: what was granted does not cover it.
    HttpRequestDenied,
    /// The request must say its length.
    HttpRequestLengthRequired,
    /// The request's contents are not as long as they were said to be, or too long: so many bytes.
    HttpRequestBodySize(Option<u64>),
    /// The method is no method, or not one for this.
    HttpRequestMethodInvalid,
    /// The target is no target.
    HttpRequestUriInvalid,
    /// The target is too long.
    HttpRequestUriTooLong,
    /// The request's header section is too large: so many bytes.
    HttpRequestHeaderSectionSize(Option<u32>),
    /// A header of the request is too large.
    HttpRequestHeaderSize(Option<FieldSize>),
    /// The request's trailer section is too large: so many bytes.
    HttpRequestTrailerSectionSize(Option<u32>),
    /// A trailer of the request is too large.
    HttpRequestTrailerSize(FieldSize),
    /// The response broke off.
    HttpResponseIncomplete,
    /// The response's header section is too large: so many bytes.
    HttpResponseHeaderSectionSize(Option<u32>),
    /// A header of the response is too large.
    HttpResponseHeaderSize(FieldSize),
    /// The response's contents are not as long as they were said to be, or too long: so many bytes.
    HttpResponseBodySize(Option<u64>),
    /// The response's trailer section is too large: so many bytes.
    HttpResponseTrailerSectionSize(Option<u32>),
    /// A trailer of the response is too large.
    HttpResponseTrailerSize(FieldSize),
    /// The response has a transfer coding that is not understood.
    HttpResponseTransferCoding(Option<String>),
    /// The response has a content coding that is not understood.
    HttpResponseContentCoding(Option<String>),
    /// The response took too long.
    HttpResponseTimeout,
    /// The protocol was not switched.
    HttpUpgradeFailed,
    /// What was said is no HTTP.
    HttpProtocolError,
    /// The request came by here before.
    LoopDetected,
    /// The host is not set up for this.
    ConfigurationError,
    /// Anything else.
    InternalError(Option<String>),
}

/// What a name server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsError {
    /// The response code's name.
    pub rcode: Option<String>,
    /// The extended error's number (RFC 8914).
    pub info_code: Option<u16>,
}

/// The alert that ended TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsAlert {
    /// Its number.
    pub alert_id: Option<u8>,
    /// Its name.
    pub alert_message: Option<String>,
}

/// A field that is too large.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSize {
    /// Its name.
    pub field_name: Option<String>,
    /// Its size in bytes.
    pub field_size: Option<u32>,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DnsTimeout => "looking up the name took too long",
            Self::DnsError(DnsError { rcode: Some(rcode), .. }) => {
                return write!(f, "looking up the name failed: {rcode}");
            }
            Self::DnsError(_) => "looking up the name failed",
            Self::DestinationNotFound => "no such destination",
            Self::DestinationUnavailable => "destination unavailable",
            Self::DestinationIpProhibited => "destination address not permitted",
            Self::DestinationIpUnroutable => "destination address not routable",
            Self::ConnectionRefused => "connection refused",
            Self::ConnectionTerminated => "connection terminated",
            Self::ConnectionTimeout => "connecting took too long",
            Self::ConnectionReadTimeout => "reading took too long",
            Self::ConnectionWriteTimeout => "writing took too long",
            Self::ConnectionLimitReached => "too many connections",
            Self::TlsProtocolError => "TLS failed",
            Self::TlsCertificateError => "certificate not trusted",
            Self::TlsAlertReceived(TlsAlert { alert_message: Some(alert), .. }) => {
                return write!(f, "TLS ended by the peer: {alert}");
            }
            Self::TlsAlertReceived(_) => "TLS ended by the peer",
            Self::HttpRequestDenied => "request denied",
            Self::HttpRequestLengthRequired => "request of unknown length",
            Self::HttpRequestBodySize(_) => "wrong size of request body",
            Self::HttpRequestMethodInvalid => "invalid method",
            Self::HttpRequestUriInvalid => "invalid request target",
            Self::HttpRequestUriTooLong => "request target too long",
            Self::HttpRequestHeaderSectionSize(_) => "request header section too large",
            Self::HttpRequestHeaderSize(_) => "request header too large",
            Self::HttpRequestTrailerSectionSize(_) => "request trailer section too large",
            Self::HttpRequestTrailerSize(_) => "request trailer too large",
            Self::HttpResponseIncomplete => "response incomplete",
            Self::HttpResponseHeaderSectionSize(_) => "response header section too large",
            Self::HttpResponseHeaderSize(_) => "response header too large",
            Self::HttpResponseBodySize(_) => "wrong size of response body",
            Self::HttpResponseTrailerSectionSize(_) => "response trailer section too large",
            Self::HttpResponseTrailerSize(_) => "response trailer too large",
            Self::HttpResponseTransferCoding(_) => "unknown transfer coding",
            Self::HttpResponseContentCoding(_) => "unknown content coding",
            Self::HttpResponseTimeout => "response took too long",
            Self::HttpUpgradeFailed => "protocol not switched",
            Self::HttpProtocolError => "HTTP protocol error",
            Self::LoopDetected => "loop detected",
            Self::ConfigurationError => "configuration error",
            Self::InternalError(Some(what)) => return write!(f, "internal error: {what}"),
            Self::InternalError(None) => "internal error",
        })
    }
}

impl core::error::Error for ErrorCode {}
