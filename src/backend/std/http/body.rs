//! Bodies on their way between a guest and the network, pulled from both sides.

use super::error::from_hyper;
use crate::cap::http::{self as cap, ErrorCode, Fields, Frame};
use alloc::{boxed::Box, collections::BTreeSet, vec::Vec};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, TRAILER, TRANSFER_ENCODING},
};
use hyper::body::{Body as _, Bytes, Frame as HyperFrame, Incoming, SizeHint};

/// A body as hyper sends it: it has as many bytes as was said, or it fails.
pub struct Outgoing {
    /// `None` when it has ended.
    body: Option<Box<dyn cap::Body>>,
    /// How many bytes are still to come, where that was said.
    left: Option<u64>,
    /// What it is when they are more or fewer.
    wrong: ErrorCode,
}

impl Outgoing {
    /// `length` is what the header section says, if it does.
    pub(super) fn new(body: Box<dyn cap::Body>, length: Option<u64>, wrong: ErrorCode) -> Self {
        let left = length.or(body.length());
        Self { body: Some(body), left, wrong }
    }

    /// Nothing, whatever was said.
    pub(super) fn none() -> Self {
        Self { body: None, left: None, wrong: ErrorCode::InternalError(None) }
    }

    fn frame(
        &mut self,
        frame: Option<Result<Frame, ErrorCode>>,
    ) -> Option<Result<HyperFrame<Bytes>, ErrorCode>> {
        match frame {
            Some(Ok(Frame::Data(bytes))) => {
                if let Some(left) = &mut self.left {
                    let Some(rest) = left.checked_sub(bytes.len() as u64) else {
                        return Some(Err(self.wrong.clone()));
                    };
                    *left = rest;
                }
                Some(Ok(HyperFrame::data(bytes.into())))
            }
            Some(Err(error)) => Some(Err(error)),
            _ if self.left.is_some_and(|left| left > 0) => Some(Err(self.wrong.clone())),
            Some(Ok(Frame::Trailers(trailers))) => Some(map(&trailers).map(HyperFrame::trailers)),
            None => None,
        }
    }
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = ErrorCode;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<HyperFrame<Bytes>, ErrorCode>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let Poll::Ready(frame) = body.poll_frame(cx) else { return Poll::Pending };
        let is_data = matches!(frame, Some(Ok(Frame::Data(_))));
        let frame = self.frame(frame);
        if !is_data || !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.body, self.left) {
            (Some(_), Some(left)) => SizeHint::with_exact(left),
            (Some(_), None) => SizeHint::default(),
            (None, _) => SizeHint::with_exact(0),
        }
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("left", &self.left).finish_non_exhaustive()
    }
}

/// What the network answers, as a guest reads it.
pub(super) struct Received {
    body: Incoming,
    /// What came and did not fit into one piece.
    rest: Bytes,
}

/// The largest piece that is handed on.
const PIECE_BYTES_MAX: usize = 64 << 10;

impl Received {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, rest: Bytes::new() }
    }

    fn piece(&mut self) -> Frame {
        let count = self.rest.len().min(PIECE_BYTES_MAX);
        Frame::Data(self.rest.split_to(count).into())
    }
}

impl cap::Body for Received {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        loop {
            if !self.rest.is_empty() {
                return Poll::Ready(Some(Ok(self.piece())));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(from_hyper(&error)))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => self.rest = bytes,
                    Err(frame) => {
                        if let Ok(trailers) = frame.into_trailers() {
                            return Poll::Ready(Some(Ok(Frame::Trailers(fields(&trailers)))));
                        }
                    }
                },
            }
        }
    }

    fn length(&self) -> Option<u64> {
        self.body.size_hint().exact().map(|length| length + self.rest.len() as u64)
    }
}

/// Fields as the network library has them.
///
/// # Errors
///
/// When one is no field, or there are more than it takes.
pub(super) fn map(fields: &Fields) -> Result<HeaderMap, ErrorCode> {
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| ErrorCode::HttpProtocolError)?;
        let value = HeaderValue::from_bytes(value).map_err(|_| ErrorCode::HttpProtocolError)?;
        map.try_append(name, value).map_err(|_| ErrorCode::HttpRequestHeaderSectionSize(None))?;
    }
    Ok(map)
}

/// Names the trailers that are known by now: HTTP/1.1 is given no others (RFC 9110, section 6.6.2).
pub(super) fn announce(headers: &mut HeaderMap, said: &Fields, body: &dyn cap::Body) {
    let Some(trailers) = body.trailers() else { return };
    let mut names: Vec<_> = said.announced().map(str::to_ascii_lowercase).collect();
    let known = names.len();
    for (name, _) in trailers.iter().filter(|(name, _)| Fields::may_trail(name)) {
        let name = name.to_ascii_lowercase();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    // Names of fields that may not be sent are no names.
    if let Ok(value) = HeaderValue::try_from(names[known..].join(", "))
        && !value.is_empty()
    {
        // A header section that is full as it is goes out without.
        let _ = headers.try_append(TRAILER, value);
    }
}

/// Fields as they came, without `Connection` and what that names: they were for this connection (RFC 9110, section
/// 7.6.1). Taken out here, where the connection ends, so that no peer has a say in what a host adds later. A coding of
/// the transfer stays, for it says whether a length is to be believed.
pub(super) fn fields(map: &HeaderMap) -> Fields {
    let options = map.get_all(CONNECTION).into_iter();
    let options = options.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut named: BTreeSet<Vec<u8>> = options.map(|name| name.trim_ascii().to_ascii_lowercase()).collect();
    named.remove(TRANSFER_ENCODING.as_str().as_bytes());
    map.iter()
        .filter(|(name, _)| **name != CONNECTION && !named.contains(name.as_str().as_bytes()))
        .map(|(name, value)| (name.as_str(), Vec::from(value.as_bytes())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_for_the_connection_ends_with_it() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("connection", "X-Hop, close"),
            ("connection", "transfer-encoding"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("x-end", "2"),
        ] {
            map.append(name, HeaderValue::from_static(value));
        }
        let fields = fields(&map);
        let names: Vec<_> = fields.into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["transfer-encoding", "x-end"]);
    }
}
