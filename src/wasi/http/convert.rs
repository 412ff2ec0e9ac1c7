//! The types of `wasi:http/types` that both versions have alike, to and from ours.

/// Implements the conversions for the bindings at a path.
macro_rules! convert {
    ($types:path) => {
        const _: () = {
            use $crate::cap::http as cap;
            use $types as wit;

            impl From<wit::Method> for cap::Method {
                fn from(method: wit::Method) -> Self {
                    match method {
                        wit::Method::Get => Self::Get,
                        wit::Method::Head => Self::Head,
                        wit::Method::Post => Self::Post,
                        wit::Method::Put => Self::Put,
                        wit::Method::Delete => Self::Delete,
                        wit::Method::Connect => Self::Connect,
                        wit::Method::Options => Self::Options,
                        wit::Method::Trace => Self::Trace,
                        wit::Method::Patch => Self::Patch,
                        wit::Method::Other(method) => Self::Other(method),
                    }
                }
            }

            impl From<cap::Method> for wit::Method {
                fn from(method: cap::Method) -> Self {
                    match method {
                        cap::Method::Get => Self::Get,
                        cap::Method::Head => Self::Head,
                        cap::Method::Post => Self::Post,
                        cap::Method::Put => Self::Put,
                        cap::Method::Delete => Self::Delete,
                        cap::Method::Connect => Self::Connect,
                        cap::Method::Options => Self::Options,
                        cap::Method::Trace => Self::Trace,
                        cap::Method::Patch => Self::Patch,
                        cap::Method::Other(method) => Self::Other(method),
                    }
                }
            }

            impl From<wit::Scheme> for cap::Scheme {
                fn from(scheme: wit::Scheme) -> Self {
                    match scheme {
                        wit::Scheme::Http => Self::Http,
                        wit::Scheme::Https => Self::Https,
                        wit::Scheme::Other(scheme) => Self::Other(scheme),
                    }
                }
            }

            impl From<cap::Scheme> for wit::Scheme {
                fn from(scheme: cap::Scheme) -> Self {
                    match scheme {
                        cap::Scheme::Http => Self::Http,
                        cap::Scheme::Https => Self::Https,
                        cap::Scheme::Other(scheme) => Self::Other(scheme),
                    }
                }
            }

            $crate::wasi::http::convert::error_codes! {
                plain: DnsTimeout, DestinationNotFound, DestinationUnavailable, DestinationIpProhibited,
                    DestinationIpUnroutable, ConnectionRefused, ConnectionTerminated, ConnectionTimeout,
                    ConnectionReadTimeout, ConnectionWriteTimeout, ConnectionLimitReached, TlsProtocolError,
                    TlsCertificateError, HttpRequestDenied, HttpRequestLengthRequired, HttpRequestMethodInvalid,
                    HttpRequestUriInvalid, HttpRequestUriTooLong, HttpResponseIncomplete, HttpResponseTimeout,
                    HttpUpgradeFailed, HttpProtocolError, LoopDetected, ConfigurationError;
                same: HttpRequestBodySize, HttpRequestHeaderSectionSize, HttpRequestTrailerSectionSize,
                    HttpResponseHeaderSectionSize, HttpResponseBodySize, HttpResponseTrailerSectionSize,
                    HttpResponseTransferCoding, HttpResponseContentCoding, InternalError;
                field: HttpRequestTrailerSize, HttpResponseHeaderSize, HttpResponseTrailerSize
            }
        };
    };
}

/// Both directions of the error codes: those without a payload, those with the same payload, and those with a field.
macro_rules! error_codes {
    (plain: $($plain:ident),*; same: $($same:ident),*; field: $($field:ident),*) => {
        impl From<wit::ErrorCode> for cap::ErrorCode {
            fn from(code: wit::ErrorCode) -> Self {
                let field = |wit::FieldSizePayload { field_name, field_size }| cap::FieldSize { field_name, field_size };
                match code {
                    $(wit::ErrorCode::$plain => Self::$plain,)*
                    $(wit::ErrorCode::$same(payload) => Self::$same(payload),)*
                    $(wit::ErrorCode::$field(payload) => Self::$field(field(payload)),)*
                    wit::ErrorCode::HttpRequestHeaderSize(payload) => Self::HttpRequestHeaderSize(payload.map(field)),
                    wit::ErrorCode::DnsError(wit::DnsErrorPayload { rcode, info_code }) => {
                        Self::DnsError(cap::DnsError { rcode, info_code })
                    }
                    wit::ErrorCode::TlsAlertReceived(wit::TlsAlertReceivedPayload { alert_id, alert_message }) => {
                        Self::TlsAlertReceived(cap::TlsAlert { alert_id, alert_message })
                    }
                }
            }
        }

        impl From<cap::ErrorCode> for wit::ErrorCode {
            fn from(code: cap::ErrorCode) -> Self {
                let field = |cap::FieldSize { field_name, field_size }| wit::FieldSizePayload { field_name, field_size };
                match code {
                    $(cap::ErrorCode::$plain => Self::$plain,)*
                    $(cap::ErrorCode::$same(payload) => Self::$same(payload),)*
                    $(cap::ErrorCode::$field(payload) => Self::$field(field(payload)),)*
                    cap::ErrorCode::HttpRequestHeaderSize(payload) => Self::HttpRequestHeaderSize(payload.map(field)),
                    cap::ErrorCode::DnsError(cap::DnsError { rcode, info_code }) => {
                        Self::DnsError(wit::DnsErrorPayload { rcode, info_code })
                    }
                    cap::ErrorCode::TlsAlertReceived(cap::TlsAlert { alert_id, alert_message }) => {
                        Self::TlsAlertReceived(wit::TlsAlertReceivedPayload { alert_id, alert_message })
                    }
                }
            }
        }
    };
}

pub(in crate::wasi) use {convert, error_codes};
