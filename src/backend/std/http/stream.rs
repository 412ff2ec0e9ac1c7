//! One connection to a server: plain or under TLS, counted, and broken off where the server floods it.

use super::{connect::ConnectError, frames::Frames};
use crate::{backend::std::descriptors::Ticket, cap::http::ErrorCode};
use alloc::{boxed::Box, sync::Arc};
use core::{
    pin::Pin,
    sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    task::{Context, Poll},
};
use http::Extensions;
use hyper_util::client::legacy::connect::{CaptureConnection, Connected, Connection, capture_connection};
use std::io;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::coop,
};
use tokio_rustls::client::TlsStream;

/// Interim responses (1xx) to one request. They say that something is still to come, and nobody needs to hear that more
/// often; each costs the thread that all connections share.
pub(super) const INTERIM_MAX: u32 = 100;

/// So many bytes that were read count as much as an operation on a socket does: after 128 of those, others have their turn.
const READ_BYTES: usize = 8 << 10;

/// A connection.
pub(super) struct Stream {
    io: Io,
    fuse: Fuse,
    /// Where HTTP/2 is spoken.
    frames: Option<Frames>,
    _slot: Slot,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Breaks a connection off. Clones are of the same one.
#[derive(Clone, Default)]
pub(super) struct Fuse(Arc<AtomicBool>);

/// How many connections may be open. Clones count together.
#[derive(Clone)]
pub(super) struct Slots {
    open: Arc<AtomicUsize>,
    max: usize,
}

/// One of them. Free again when it is dropped.
pub(super) struct Slot {
    open: Arc<AtomicUsize>,
    _ticket: Ticket,
}

impl Slots {
    pub(super) fn new(max: usize) -> Self {
        Self { open: Arc::default(), max }
    }

    pub(super) fn take(&self) -> Option<Slot> {
        let ticket = Ticket::take().ok()?;
        let more = |open: usize| (open < self.max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Slot { open: self.open.clone(), _ticket: ticket })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stream {
    pub(super) fn plain(stream: TcpStream, slot: Slot) -> Self {
        Self { io: Io::Plain(stream), fuse: Fuse::default(), frames: None, _slot: slot }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, slot: Slot) -> Self {
        let frames = (stream.get_ref().1.alpn_protocol() == Some(b"h2")).then(Frames::default);
        Self { io: Io::Tls(Box::new(stream)), fuse: Fuse::default(), frames, _slot: slot }
    }
}

/// Has the connection that `request` goes over break off when it is answered too often without an answer. (In HTTP/1.1: of
/// HTTP/2, hyper does not tell.)
pub(super) fn bound_interim<B>(request: &mut http::Request<B>) -> Interim {
    let connection = capture_connection(request);
    let interim = Interim::default();
    let count = interim.clone();
    hyper::ext::on_informational(request, move |_| {
        if count.0.fetch_add(1, Ordering::Relaxed) >= INTERIM_MAX {
            blow(&connection);
        }
    });
    interim
}

/// How many interim responses came to one request.
#[derive(Clone, Default)]
pub(super) struct Interim(Arc<AtomicU32>);

impl Interim {
    /// # Errors
    ///
    /// When there were too many, though all of them were there before the connection could break off.
    pub(super) fn check(&self) -> Result<(), ErrorCode> {
        match self.0.load(Ordering::Relaxed) {
            0..=INTERIM_MAX => Ok(()),
            _ => Err(ErrorCode::HttpProtocolError),
        }
    }
}

fn blow(connection: &CaptureConnection) {
    let mut extras = Extensions::new();
    if let Some(connected) = &*connection.connection_metadata() {
        connected.get_extras(&mut extras);
    }
    if let Some(Fuse(is_blown)) = extras.get() {
        is_blown.store(true, Ordering::Relaxed);
    }
}

/// Of a kind that means the same: all that is left of an error when HTTP/2 has handed it to its streams.
fn flooded() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, ConnectError(ErrorCode::HttpProtocolError))
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.fuse.clone());
        if self.frames.is_some() { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { io, fuse, frames, .. } = self.get_mut();
        if fuse.0.load(Ordering::Relaxed) {
            return Poll::Ready(Err(flooded()));
        }
        let before = buffer.filled().len();
        let polled = match io {
            Io::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        };
        let new = &buffer.filled()[before..];
        if let Some(frames) = frames
            && !frames.read(new)
        {
            return Poll::Ready(Err(flooded()));
        }
        for _ in 0..new.len() / READ_BYTES {
            let Poll::Ready(turn) = coop::poll_proceed(cx) else { break };
            turn.made_progress();
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Io::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
