//! The one table from the network's errors to what a guest may learn.

use super::connect::ConnectError;
use crate::cap::http::ErrorCode;
use core::error::Error;
use std::io::{self, ErrorKind};

/// Of an operation on a socket.
pub(super) fn from_io(error: &io::Error) -> ErrorCode {
    match error.kind() {
        _ if is_tls(error) => ErrorCode::TlsProtocolError,
        ErrorKind::ConnectionRefused => ErrorCode::ConnectionRefused,
        ErrorKind::TimedOut => ErrorCode::ConnectionTimeout,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => {
            ErrorCode::DestinationIpUnroutable
        }
        ErrorKind::PermissionDenied => ErrorCode::DestinationIpProhibited,
        ErrorKind::BrokenPipe
        | ErrorKind::ConnectionAborted
        | ErrorKind::ConnectionReset
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof => ErrorCode::ConnectionTerminated,
        _ => ErrorCode::InternalError(None),
    }
}

fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

/// Of sending a request: its own body's error, if that is why.
pub(super) fn from_client(error: &hyper_util::client::legacy::Error) -> ErrorCode {
    find(error).unwrap_or(ErrorCode::ConnectionTerminated)
}

/// Of receiving a body.
pub(super) fn from_hyper(error: &hyper::Error) -> ErrorCode {
    find(error).unwrap_or(ErrorCode::ConnectionTerminated)
}

fn find(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    let mut next = Some(error);
    let mut found = None;
    // The innermost that says something says most.
    for _ in 0..SOURCES_MAX {
        let Some(error) = next else { break };
        found = one(error).or(found);
        next = error.source();
    }
    found
}

/// How deep errors within errors are looked at.
const SOURCES_MAX: usize = 16;

fn one(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    if let Some(ConnectError(code)) = error.downcast_ref() {
        return Some(code.clone());
    }
    if let Some(code) = error.downcast_ref::<ErrorCode>() {
        return Some(code.clone());
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // What is inside one is not its source.
        if let Some(ConnectError(code)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
            return Some(code.clone());
        }
        return match error.kind() {
            ErrorKind::Other => None,
            // A chunk that is none; or a record of TLS, which is told apart.
            ErrorKind::InvalidData | ErrorKind::InvalidInput if !is_tls(error) => {
                Some(ErrorCode::HttpProtocolError)
            }
            _ => Some(from_io(error)),
        };
    }
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_parse_too_large() {
        Some(ErrorCode::HttpResponseHeaderSectionSize(None))
    } else if error.is_parse() {
        Some(ErrorCode::HttpProtocolError)
    } else if error.is_incomplete_message() {
        Some(ErrorCode::HttpResponseIncomplete)
    } else if error.is_timeout() {
        Some(ErrorCode::ConnectionReadTimeout)
    } else {
        None
    }
}
