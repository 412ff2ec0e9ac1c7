//! Bodies as streams of WASI.

use super::{BodyWriter, IncomingBody};
use crate::{
    cap::{Code, http::ErrorCode},
    wasi::io,
};
use alloc::sync::Arc;
use core::task::{Context, Poll};
use spin::Mutex;

/// The contents of a message that came in, while a stream of them and who wants the trailers share them.
pub type SharedBody = Arc<Mutex<IncomingBody>>;

/// A failure of HTTP, as one of a stream.
fn error(code: ErrorCode) -> io::Error {
    io::Error::with_detail(Code::Io, code)
}

impl io::Source for SharedBody {
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<Result<usize, io::Error>> {
        self.lock().poll_read(cx, bytes).map_err(error)
    }

    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.lock().poll_readable(cx)
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.lock().deadline_ns()
    }
}

impl io::Sink for BodyWriter {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, io::Error>> {
        Self::poll_write(self, cx, bytes).map_err(|code| match code {
            ErrorCode::ConnectionTerminated => Code::Pipe.into(),
            code => error(code),
        })
    }

    // What was written waits for its reader, who may not even be there yet: a guest that flushes before it
    // sends would wait for itself.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&mut self, cx: &mut Context<'_>) -> Poll<u64> {
        Self::poll_writable(self, cx)
    }
}
