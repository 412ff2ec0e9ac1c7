//! Pieces of a response on their way out.

use crate::serve::{connection::Sending, streamed::Permit};
use hyper::body::{Buf, Bytes};

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
