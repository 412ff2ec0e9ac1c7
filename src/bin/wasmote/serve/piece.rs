//! Pieces of a response on their way out.

use crate::serve::{
    connection::Sending,
    streamed::{Permit, Place},
};
use hyper::body::{Body, Buf, Bytes, Frame, SizeHint};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A piece of a response. Whoever sends it says by it how much of it is gone.
pub struct Piece {
    data: Bytes,
    sending: Option<Sending>,
    _place: Option<Permit>,
}

impl Piece {
    /// One that keeps its place until it is gone: HTTP/2 takes all of an answer in as soon as the client has a window of
    /// one byte, and lets the answer go.
    pub fn new(data: Bytes, place: Option<Permit>) -> Self {
        Self { data, sending: None, _place: place }
    }

    /// Has it counted as what the client is waited for.
    pub fn count(&mut self, sending: impl FnOnce(usize) -> Sending) {
        self.sending = (!self.data.is_empty()).then(|| sending(self.data.len()));
    }

    pub fn len(&self) -> usize {
        self.data.len()
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.data.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.data.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.data.advance(count);
        if let Some(sending) = &mut self.sending {
            sending.took(count);
        }
    }
}

/// The contents of a response in pieces, as long as they were: who adapts a body frame by frame (`map_frame`) forgets that,
/// and each answer is chunked.
pub struct Pieces<B> {
    body: B,
    place: Place,
}

impl<B> Pieces<B> {
    /// These, the first of which keep `place`.
    pub fn new(body: B, place: Place) -> Self {
        Self { body, place }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Pieces<B> {
    type Data = Piece;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, B::Error>>> {
        let Self { body, place } = &mut *self;
        let piece = |data: Bytes| {
            let permit = place.of(data.len());
            Piece::new(data, permit)
        };
        Pin::new(body).poll_frame(cx).map_ok(|frame| frame.map_data(piece))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
