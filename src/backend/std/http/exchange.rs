//! Exchanges of a hyper server's, for whoever serves a guest with one.

use super::body::{Outgoing, Received, fields, map};
use crate::cap::http::{ErrorCode, Method, Request, Response, Scheme};
use alloc::{boxed::Box, string::ToString};
use http::{StatusCode, header};
use hyper::body::Incoming;

/// A request that a hyper server received, as a guest is given it. Its contents are read when the guest reads them.
///
/// `scheme` is how the server was reached. Of the authority the request line counts before the `Host` field
/// (RFC 9112, section 3.2.2).
#[must_use]
pub fn request_from_hyper(request: http::Request<Incoming>, scheme: Scheme) -> Request {
    let (head, body) = request.into_parts();
    let host = || head.headers.get(header::HOST)?.to_str().ok();
    let authority = head.uri.authority().map(http::uri::Authority::as_str).or_else(host);
    Request {
        method: Method::from(head.method.as_str()),
        scheme: Some(scheme),
        authority: authority.map(ToString::to_string),
        path_with_query: head.uri.path_and_query().map(ToString::to_string),
        headers: fields(&head.headers),
        body: Box::new(Received::new(body)),
    }
}

/// A guest's response, as a hyper server sends it. `method` is the request's: an answer to `HEAD` has no contents,
/// whatever it says about them.
///
/// # Errors
///
/// When the response can go on no wire: its status is none that ends an exchange, a field is none, or there are two
/// lengths.
pub fn response_to_hyper(
    response: Response,
    method: &http::Method,
) -> Result<http::Response<Outgoing>, ErrorCode> {
    let status = StatusCode::from_u16(response.status).map_err(|_| ErrorCode::HttpProtocolError)?;
    if status.is_informational() || status.as_u16() > 599 {
        return Err(ErrorCode::HttpProtocolError);
    }
    let length = super::content_length(&response.headers)?;
    let mut headers = map(&response.headers)?;
    super::OF_CONNECTION.iter().for_each(|name| _ = headers.remove(*name));
    let has_none = method == http::Method::HEAD
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    let body = if has_none {
        Outgoing::none()
    } else {
        Outgoing::new(response.body, length, ErrorCode::HttpResponseBodySize(None))
    };
    let mut out = http::Response::new(body);
    *out.status_mut() = status;
    *out.headers_mut() = headers;
    Ok(out)
}
