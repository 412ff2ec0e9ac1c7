//! The contents of a request, on their way to a program: that they break off is their client's doing.

use crate::serve::record::Record;
use std::{
    sync::Arc,
    task::{Context, Poll},
};
use wasmote::cap::http::{Body, ErrorCode, Fields, Frame};

/// Contents whose end is told.
pub struct Contents {
    body: Box<dyn Body>,
    record: Arc<Record>,
}

impl Contents {
    pub fn new(body: Box<dyn Body>, record: Arc<Record>) -> Self {
        Self { body, record }
    }
}

impl Body for Contents {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, ErrorCode>>> {
        let polled = self.body.poll_frame(cx);
        if let Poll::Ready(Some(Err(code))) = &polled {
            self.record.request_broke_off(code.to_string());
        }
        polled
    }

    fn length(&self) -> Option<u64> {
        self.body.length()
    }

    fn trailers(&self) -> Option<Fields> {
        self.body.trailers()
    }

    fn ends_with_guest(&self) -> bool {
        self.body.ends_with_guest()
    }
}
