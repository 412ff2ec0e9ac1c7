//! A loopback network in memory: connections between a guest and its embedder, or between two guests.

#[cfg(feature = "component")]
mod network;
#[cfg(feature = "component")]
mod tcp;
#[cfg(feature = "component")]
mod udp;

#[cfg(feature = "component")]
pub use network::{Link, Machine, Network, NetworkClocks};

use super::channel::Channel;
use crate::{
    backend::wakers::{Wakers, wake},
    cap::{
        Code,
        sockets::{self, Shutdown},
    },
};
use alloc::{collections::VecDeque, sync::Arc};
use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll},
};
use spin::Mutex;

/// A listener that [`connect`](Self::connect) reaches. A cheap handle: grant one clone to the guest that
/// accepts, and keep the other to connect.
#[derive(Clone)]
pub struct TcpListener(Arc<Mutex<Backlog>>);

struct Backlog {
    waiting: VecDeque<TcpStream>,
    waiting_max: usize,
    acceptors: Wakers,
}

impl TcpListener {
    /// How many connections wait to be accepted, unless told otherwise.
    pub const BACKLOG_MAX: usize = 128;

    /// A listener with a backlog of [`BACKLOG_MAX`](Self::BACKLOG_MAX).
    #[must_use]
    pub fn new() -> Self {
        Self::with_backlog(Self::BACKLOG_MAX)
    }

    /// A listener at which at most `waiting_max` connections wait to be accepted.
    #[must_use]
    pub fn with_backlog(waiting_max: usize) -> Self {
        let (waiting, acceptors) = (VecDeque::new(), Wakers::default());
        Self(Arc::new(Mutex::new(Backlog { waiting, waiting_max, acceptors })))
    }

    /// Connects: the other end waits to be accepted.
    ///
    /// # Errors
    ///
    /// [`Code::ConnectionRefused`] when as many wait as may.
    pub fn connect(&self) -> Result<TcpStream, Code> {
        let (ours, theirs) = TcpStream::pair();
        let mut backlog = self.0.lock();
        if backlog.waiting.len() >= backlog.waiting_max {
            // Neither end may be dropped under the lock: that wakes.
            drop(backlog);
            return Err(Code::ConnectionRefused);
        }
        backlog.waiting.push_back(theirs);
        let woken = backlog.acceptors.take();
        drop(backlog);
        wake(woken);
        Ok(ours)
    }
}

impl sockets::TcpListener for TcpListener {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<dyn sockets::TcpStream>, Code>> {
        let mut backlog = self.0.lock();
        if let Some(stream) = backlog.waiting.pop_front() {
            return Poll::Ready(Ok(Arc::new(stream)));
        }
        let evicted = backlog.acceptors.register(cx.waker());
        drop(backlog);
        wake(evicted);
        Poll::Pending
    }

    fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut backlog = self.0.lock();
        if !backlog.waiting.is_empty() {
            return Poll::Ready(());
        }
        let evicted = backlog.acceptors.register(cx.waker());
        drop(backlog);
        wake(evicted);
        Poll::Pending
    }
}

impl Default for TcpListener {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").field("waiting", &self.0.lock().waiting.len()).finish_non_exhaustive()
    }
}

/// One end of a connection. A cheap handle; when the last clone of an end is dropped, the end closes.
#[derive(Clone)]
pub struct TcpStream(Arc<End>);

struct End {
    receive: Arc<Channel>,
    send: Arc<Channel>,
    received_out: AtomicBool,
    sent_out: AtomicBool,
}

impl TcpStream {
    /// How many bytes are on the way, in each direction.
    pub const BYTES_MAX: usize = 64 << 10;

    /// Both ends of a new connection.
    #[must_use]
    pub fn pair() -> (Self, Self) {
        let channel = || Arc::new(Channel::new(Self::BYTES_MAX));
        let (there, back) = (channel(), channel());
        (Self::end(back.clone(), there.clone()), Self::end(there, back))
    }

    fn end(receive: Arc<Channel>, send: Arc<Channel>) -> Self {
        let (received_out, sent_out) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(End { receive, send, received_out, sent_out }))
    }
}

impl sockets::TcpStream for TcpStream {
    fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8], peek: bool) -> Poll<Result<usize, Code>> {
        self.0.receive.poll_read(cx, bytes, peek).map(Ok)
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        self.0.send.poll_write(cx, bytes)
    }

    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        self.0.receive.poll_readable(cx)
    }

    fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.send.poll_writable(cx).map(drop)
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Code> {
        let end = &*self.0;
        if end.received_out.load(Ordering::Relaxed) && end.sent_out.load(Ordering::Relaxed) {
            return Err(Code::NotConnected);
        }
        if how.receive {
            end.received_out.store(true, Ordering::Relaxed);
            end.receive.end_reading();
        }
        if how.send {
            end.sent_out.store(true, Ordering::Relaxed);
            end.send.end_writing();
        }
        Ok(())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.receive.end_reading();
        self.send.end_writing();
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream").field("receivable", &self.0.receive.len()).finish_non_exhaustive()
    }
}
