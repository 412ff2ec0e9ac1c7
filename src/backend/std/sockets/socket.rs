//! One socket of the platform's: watched by the reactor, and whoever waits for it woken.

use crate::{
    backend::{
        std::{
            descriptors::Ticket,
            error::{errno_code, from_io},
            reactor::reactor,
        },
        wakers::{Wakers, wake},
    },
    cap::{Code, sockets::AddressFamily},
};
use alloc::{sync::Arc, task::Wake};
use core::task::{Context, Poll, Waker};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{SocketFlags, accept_with},
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{Mutex, OnceLock, PoisonError},
};
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};

/// A socket, watched by the reactor from when there is something to watch for.
pub(super) struct Socket {
    fd: Arc<OwnedFd>,
    pub(super) family: AddressFamily,
    watched: OnceLock<AsyncFd<Arc<OwnedFd>>>,
    readers: Arc<Everyone>,
    writers: Arc<Everyone>,
    /// Where a guest opened it.
    _ticket: Option<Ticket>,
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Socket {
    pub(super) fn from_fd(fd: OwnedFd, family: AddressFamily, ticket: Option<Ticket>) -> Self {
        let (readers, writers) = (Arc::default(), Arc::default());
        Self { fd: Arc::new(fd), family, watched: OnceLock::new(), readers, writers, _ticket: ticket }
    }

    /// Takes a connection, past those that ended before they were taken (accept(2), "Error handling").
    pub(super) fn accept(&self) -> Result<Socket, Errno> {
        let Ok(ticket) = Ticket::take() else {
            // Where nobody came there is nothing to refuse.
            return Err(self.check(PollFlags::IN).err().unwrap_or(Errno::NFILE));
        };
        loop {
            match accept_with(self, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => return Ok(Self::from_fd(fd, self.family, Some(ticket))),
                Err(
                    Errno::CONNABORTED
                    | Errno::NETDOWN
                    | Errno::PROTO
                    | Errno::NOPROTOOPT
                    | Errno::HOSTDOWN
                    | Errno::HOSTUNREACH
                    | Errno::OPNOTSUPP
                    | Errno::NETUNREACH,
                ) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Has the reactor watch it. Not before it connects or listens: a TCP socket that does neither counts as hung
    /// up, and the reactor would remember that for good.
    pub(super) fn watch(&self) -> Result<&AsyncFd<Arc<OwnedFd>>, Code> {
        if let Some(watched) = self.watched.get() {
            return Ok(watched);
        }
        let reactor = reactor().map_err(from_io)?;
        let _entered = reactor.enter();
        #[expect(
            deprecated,
            reason = "what took its place is unsafe, because not all say the truth about what they own"
        )]
        let watched = AsyncFd::new(self.fd.clone()).map_err(from_io)?;
        Ok(self.watched.get_or_init(|| watched))
    }

    /// Tries until it is done or would block, and then waits.
    pub(super) fn poll_reading<T>(
        &self,
        cx: &Context<'_>,
        attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Poll<Result<T, Code>> {
        self.poll(&self.readers, AsyncFd::poll_read_ready, cx, attempt)
    }

    /// Tries until it is done or would block, and then waits.
    pub(super) fn poll_writing<T>(
        &self,
        cx: &Context<'_>,
        attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Poll<Result<T, Code>> {
        self.poll(&self.writers, AsyncFd::poll_write_ready, cx, attempt)
    }

    fn poll<T>(
        &self,
        everyone: &Arc<Everyone>,
        poll_ready: PollReady,
        cx: &Context<'_>,
        mut attempt: impl FnMut() -> Result<T, Errno>,
    ) -> Poll<Result<T, Code>> {
        let watched = match self.watch() {
            Ok(watched) => watched,
            Err(code) => return Poll::Ready(Err(code)),
        };
        everyone.poll(cx, |cx| {
            poll_attempt(&mut attempt, || {
                poll_ready(watched, cx).map(|ready| ready.map(|mut guard| guard.clear_ready()))
            })
        })
    }

    /// Asks the socket itself whether an operation would block: then this fails so.
    pub(super) fn check(&self, events: PollFlags) -> Result<(), Errno> {
        let mut sockets = [PollFd::new(self, events)];
        match poll(&mut sockets, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
            0 => Err(Errno::AGAIN),
            _ => Ok(()),
        }
    }
}

/// Asks the reactor for one direction.
type PollReady = for<'w> fn(
    &'w AsyncFd<Arc<OwnedFd>>,
    &mut Context<'_>,
) -> Poll<io::Result<AsyncFdReadyGuard<'w, Arc<OwnedFd>>>>;

fn poll_attempt<T>(
    attempt: &mut impl FnMut() -> Result<T, Errno>,
    mut poll_ready: impl FnMut() -> Poll<io::Result<()>>,
) -> Poll<Result<T, Code>> {
    loop {
        match attempt() {
            Err(Errno::AGAIN) => match poll_ready() {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(from_io(error))),
                Poll::Pending => return Poll::Pending,
            },
            Err(Errno::INTR) => {}
            done => return Poll::Ready(done.map_err(errno_code)),
        }
    }
}

/// All tasks that wait for one thing. The reactor remembers one waker for each: this one, and it wakes
/// everyone.
#[derive(Default)]
pub(in crate::backend::std) struct Everyone(Mutex<Wakers>);

impl Everyone {
    pub(in crate::backend::std) fn poll<T>(
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
