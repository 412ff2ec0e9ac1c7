//! What a client gets wrong before its request is anybody's, and what hyper says of it when its connection has ended.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::error::Error;

/// What a connection ended with that is its client's doing.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// What came was no request; hyper has said so to the client.
    Refused(StatusCode),
    /// No request came, or not all of its head.
    Silent,
    /// A rule of HTTP/2 was broken.
    Broken,
}

/// Bytes of a request's head, and of what HTTP/2 puts in its place; how many fields it may have.
pub const HEAD_BYTES_MAX: usize = 64 << 10;
pub const HEADERS_MAX: usize = 128;
/// What each field counts besides its name and value (RFC 9113, section 6.5.2).
const FIELD_BYTES: usize = 32;

/// Whether a header section is larger than is read. In HTTP/2 it comes in a few bytes, however large it is, and nobody
/// counts its fields before.
pub fn is_large(headers: &HeaderMap) -> bool {
    let bytes = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + FIELD_BYTES;
    headers.len() > HEADERS_MAX || headers.iter().map(bytes).sum::<usize>() > HEAD_BYTES_MAX
}

/// What is wrong with the transfer codings of a request, if anything is: contents that had others than `chunked` would
/// be handed on in them (RFC 9112, sections 6.1 and 7).
pub fn refusal(headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let values = headers.get_all(header::TRANSFER_ENCODING).into_iter();
    let codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    let (mut all, mut chunked) = (0, 0);
    codings.by_ref().for_each(|coding| {
        all += 1;
        chunked += usize::from(coding.eq_ignore_ascii_case(b"chunked"));
    });
    if all > chunked {
        Some((StatusCode::NOT_IMPLEMENTED, "no transfer coding is understood but `chunked`\n"))
    } else if chunked > 1 {
        Some((StatusCode::BAD_REQUEST, "a request is chunked once\n"))
    } else {
        None
    }
}

/// What `error` is, with which a connection ended, where that is the client's doing; that it left is nothing.
pub fn fault(error: &(dyn Error + 'static)) -> Option<Fault> {
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_parse_too_large() {
        // Of the two that this may be, hyper says which in words only.
        let is_target = error.to_string().contains("URI");
        return Some(Fault::Refused(match is_target {
            true => StatusCode::URI_TOO_LONG,
            false => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        }));
    }
    if error.is_parse() {
        return Some(Fault::Refused(StatusCode::BAD_REQUEST));
    }
    if error.is_timeout() {
        return Some(Fault::Silent);
    }
    // An error that the library found, and not one that the client said.
    let is_broken = error.source().is_some_and(|source| source.to_string().contains("error detected"));
    is_broken.then_some(Fault::Broken)
}

/// An error with what is behind it.
pub fn text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unfolds_to_many_fields_or_bytes_is_large() {
        let of = |count: usize, bytes: usize| {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::try_from("x".repeat(bytes)).unwrap();
            (0..count).for_each(|_| _ = headers.append("x", value.clone()));
            is_large(&headers)
        };
        assert!(!of(128, 400) && of(129, 0) && of(128, 500));
        assert!(!of(1, (64 << 10) - 33) && of(1, (64 << 10) - 32));
    }

    #[test]
    fn a_request_is_chunked_once_and_nothing_else() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::TRANSFER_ENCODING, HeaderValue::from_static(value));
            }
            refusal(&headers).map(|(status, _)| status.as_u16())
        };
        for fine in [&[][..], &["chunked"], &["Chunked"], &[" , chunked,"]] {
            assert_eq!(of(fine), None, "{fine:?}");
        }
        for other in [&["gzip, chunked"][..], &["gzip", "chunked"], &["chunked, gzip"], &["identity"], &["x"]]
        {
            assert_eq!(of(other), Some(501), "{other:?}");
        }
        assert_eq!(of(&["chunked, chunked"]), Some(400));
        assert_eq!(of(&["chunked", "chunked"]), Some(400));
    }
}
