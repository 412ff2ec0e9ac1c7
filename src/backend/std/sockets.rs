//! Sockets of the platform's that an embedder opened and hands to a guest.
//!
//! Readiness comes from a tokio reactor on one thread of this backend's own, so a guest that waits for
//! a socket runs under any executor.

#[cfg(feature = "component")]
mod network;
#[cfg(feature = "component")]
mod tcp;
#[cfg(feature = "component")]
mod udp;

#[cfg(feature = "component")]
pub use network::Network;

use super::{
    error::{errno_code, from_io},
    reactor::reactor,
};
use crate::{
    backend::wakers::{Wakers, wake},
    cap::{
        Code,
        sockets::{self, Shutdown},
    },
};
use alloc::{collections::VecDeque, sync::Arc, task::Wake};
use core::{
    fmt,
    task::{Context, Poll, Waker},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};
use std::{
    io,
    sync::{Mutex, PoisonError},
};
use tokio::{io::Interest, net, runtime::Handle};

/// A listening socket.
pub struct TcpListener {
    listener: net::TcpListener,
    reactor: Handle,
    /// A connection that was taken to see whether there is one: listeners cannot be asked.
    accepted: Mutex<VecDeque<TcpStream>>,
    acceptors: Arc<Everyone>,
}

/// A connected socket.
pub struct TcpStream {
    stream: net::TcpStream,
    readers: Arc<Everyone>,
    writers: Arc<Everyone>,
}

impl TcpListener {
    /// Hands over a listening socket.
    ///
    /// # Errors
    ///
    /// What the platform answers when it is made non-blocking and watched.
    pub fn from_std(listener: std::net::TcpListener) -> Result<Self, Code> {
        listener.set_nonblocking(true).map_err(from_io)?;
        let reactor = reactor().map_err(from_io)?;
        let entered = reactor.enter();
        let listener = net::TcpListener::from_std(listener).map_err(from_io)?;
        drop(entered);
        Ok(Self { listener, reactor, accepted: Mutex::default(), acceptors: Arc::default() })
    }

    fn poll_take(&self, cx: &Context<'_>) -> Poll<Result<TcpStream, Code>> {
        let taken = self.accepted.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        if let Some(stream) = taken {
            return Poll::Ready(Ok(stream));
        }
        // What is accepted goes into the reactor, whatever executor this runs under.
        let _entered = self.reactor.enter();
        let accept = |cx: &mut Context<'_>| self.listener.poll_accept(cx);
        self.acceptors.poll(cx, accept).map(|accepted| Ok(TcpStream::new(accepted.map_err(from_io)?.0)))
    }
}

impl TcpStream {
    /// Hands over a connected socket.
    ///
    /// # Errors
    ///
    /// What the platform answers when it is made non-blocking and watched.
    pub fn from_std(stream: std::net::TcpStream) -> Result<Self, Code> {
        stream.set_nonblocking(true).map_err(from_io)?;
        let reactor = reactor().map_err(from_io)?;
        let _entered = reactor.enter();
        Ok(Self::new(net::TcpStream::from_std(stream).map_err(from_io)?))
    }

    fn new(stream: net::TcpStream) -> Self {
        Self { stream, readers: Arc::default(), writers: Arc::default() }
    }

    /// Tries until it is done or would block, and then waits. The socket itself is asked first: what the
    /// reactor knows is old.
    fn poll_receiving<T>(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Poll<Result<T, Code>> {
        self.readers.poll(cx, |cx| {
            poll_attempt(&mut attempt, || self.stream.poll_read_ready(cx), || self.forget(Interest::READABLE))
        })
    }

    fn poll_sending<T>(
        &self,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Poll<Result<T, Code>> {
        self.writers.poll(cx, |cx| {
            poll_attempt(
                &mut attempt,
                || self.stream.poll_write_ready(cx),
                || self.forget(Interest::WRITABLE),
            )
        })
    }

    /// Tells the reactor that the socket is not ready after all.
    fn forget(&self, interest: Interest) {
        let _ = self.stream.try_io(interest, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    }

    /// Asks the socket itself whether an operation would block: then this fails so.
    fn check(&self, events: PollFlags) -> Result<(), Errno> {
        let mut sockets = [PollFd::new(&self.stream, events)];
        match poll(&mut sockets, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
            0 => Err(Errno::AGAIN),
            _ => Ok(()),
        }
    }
}

fn poll_attempt<T>(
    attempt: &mut impl FnMut() -> Result<T, Errno>,
    mut poll_ready: impl FnMut() -> Poll<io::Result<()>>,
    forget: impl Fn(),
) -> Poll<Result<T, Code>> {
    loop {
        match attempt() {
            Err(Errno::AGAIN) => match poll_ready() {
                Poll::Ready(Ok(())) => forget(),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(from_io(error))),
                Poll::Pending => return Poll::Pending,
            },
            Err(Errno::INTR) => {}
            done => return Poll::Ready(done.map_err(errno_code)),
        }
    }
}

impl sockets::TcpListener for TcpListener {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<dyn sockets::TcpStream>, Code>> {
        self.poll_take(cx).map_ok(|stream| Arc::new(stream) as Arc<dyn sockets::TcpStream>)
    }

    fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_take(cx).map(|taken| {
            // A failure is not kept: accepting says so again, or has a connection by then.
            if let Ok(stream) = taken {
                self.accepted.lock().unwrap_or_else(PoisonError::into_inner).push_front(stream);
            }
        })
    }
}

impl sockets::TcpStream for TcpStream {
    fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8], peek: bool) -> Poll<Result<usize, Code>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let flags = if peek { RecvFlags::PEEK } else { RecvFlags::empty() };
        self.poll_receiving(cx, || recv(&self.stream, &mut *bytes, flags).map(|(count, _)| count))
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.poll_sending(cx, || send(&self.stream, bytes, SendFlags::NOSIGNAL))
    }

    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        let count = || rustix::io::ioctl_fionread(&self.stream).unwrap_or(0);
        self.poll_receiving(cx, || self.check(PollFlags::IN)).map(|_| count())
    }

    fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_sending(cx, || self.check(PollFlags::OUT)).map(drop)
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Code> {
        let how = match (how.receive, how.send) {
            (true, true) => rustix::net::Shutdown::Both,
            (true, false) => rustix::net::Shutdown::Read,
            (false, true) => rustix::net::Shutdown::Write,
            (false, false) => return Ok(()),
        };
        rustix::net::shutdown(&self.stream, how).map_err(errno_code)
    }
}

/// All tasks that wait for one thing. The reactor remembers one waker for each: this one, and it wakes
/// everyone.
#[derive(Default)]
pub(super) struct Everyone(Mutex<Wakers>);

impl Everyone {
    pub(super) fn poll<T>(
        self: &Arc<Self>,
        cx: &Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let waker = Waker::from(self.clone());
        if let Poll::Ready(done) = poll(&mut Context::from_waker(&waker)) {
            return Poll::Ready(done);
        }
        let evicted = self.0.lock().unwrap_or_else(PoisonError::into_inner).register(cx.waker());
        wake(evicted);
        // Once more, for what came before this task was remembered.
        poll(&mut Context::from_waker(&waker))
    }
}

impl Wake for Everyone {
    fn wake(self: Arc<Self>) {
        let wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        wake(wakers);
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").finish_non_exhaustive()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream").finish_non_exhaustive()
    }
}
