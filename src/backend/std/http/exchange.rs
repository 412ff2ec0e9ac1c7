//! Exchanges of a hyper server's, for whoever serves a guest with one.

use super::{
    body::{Outgoing, Received, announce, fields, map},
    policy::Destination,
};
use crate::cap::http::{ErrorCode, Fields, Method, Request, Response, Scheme};
use alloc::{
    boxed::Box,
    string::{String, ToString},
};
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;

/// A request that a hyper server received, as a guest is given it. Its contents are read when the guest reads them.
///
/// `scheme` is how the server was reached. Of the authority the request line counts before the `Host` field
/// (RFC 9112, section 3.2.2).
///
/// # Errors
///
/// When nobody can say for which host it is, which is to be answered with 400 (RFC 9112, section 3.2): in HTTP/1.1
/// there is not one `Host` field, or what is said is no host and port. A guest could not tell, since it never sees
/// the field; and whoever stands before this server may have believed another one.
///
/// When the contents have a transfer coding besides `chunked`, in which the guest would read them; a server that looks
/// for it before may answer 501 (RFC 9112, section 6.1).
pub fn request_from_hyper(request: http::Request<Incoming>, scheme: Scheme) -> Result<Request, ErrorCode> {
    let (head, body) = request.into_parts();
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).into_iter();
    let is_other = |coding: &HeaderValue| !coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_some_and(is_other) || codings.next().is_some() {
        return Err(ErrorCode::HttpProtocolError);
    }
    Ok(Request {
        method: Method::from(head.method.as_str()),
        scheme: Some(scheme),
        authority: authority(&head)?,
        path_with_query: head.uri.path_and_query().map(ToString::to_string),
        headers: fields(&head.headers),
        body: Box::new(Received::new(body)),
    })
}

fn authority(head: &http::request::Parts) -> Result<Option<String>, ErrorCode> {
    let mut hosts = head.headers.get_all(header::HOST).into_iter();
    let host = hosts.next();
    if hosts.next().is_some() || host.is_none() && head.version == http::Version::HTTP_11 {
        return Err(ErrorCode::HttpProtocolError);
    }
    let host = host.map(HeaderValue::to_str).transpose().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let named = head.uri.authority().map(http::uri::Authority::as_str);
    for text in [named, host].into_iter().flatten().filter(|text| !text.is_empty()) {
        Destination::parse(Scheme::Http, text).ok_or(ErrorCode::HttpRequestUriInvalid)?;
    }
    Ok(named.or(host).map(ToString::to_string))
}

/// A guest's response, as a hyper server sends it. `method` is the request's: an answer to `HEAD` has no contents,
/// whatever it says about them.
///
/// Over HTTP/1.1 hyper sends the trailers alone that a `Trailer` field names, to a client that said `TE: trailers`, and
/// only behind contents without a `Content-Length`. Those that [`cap::http::Body::trailers`](crate::cap::http::Body::trailers)
/// knows by now are named here; what a guest says later it has to name itself.
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
    let length = response.headers.content_length()?;
    let mut headers = map(&response.headers)?;
    Fields::OF_CONNECTION.iter().chain(&["te"]).for_each(|name| _ = headers.remove(*name));
    let has_none = method == http::Method::HEAD
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    let body = if has_none {
        Outgoing::none()
    } else {
        announce(&mut headers, &response.headers, &*response.body);
        Outgoing::new(response.body, length, ErrorCode::HttpResponseBodySize(None))
    };
    let mut out = http::Response::new(body);
    *out.status_mut() = status;
    *out.headers_mut() = headers;
    Ok(out)
}
