//! Sockets of the platform's: those that an embedder opened and hands to a guest, and a network to open them on.
//!
//! Readiness comes from a tokio reactor on one thread of this backend's own, so a guest that waits for
//! a socket runs under any executor.

#[cfg(feature = "component")]
mod network;
pub(super) mod socket;
#[cfg(feature = "component")]
mod tcp;
#[cfg(feature = "component")]
mod udp;

#[cfg(feature = "component")]
pub use network::Network;

use super::error::{errno_code, from_io};
use crate::cap::{
    Code,
    sockets::{self, AddressFamily, Shutdown},
};
use alloc::sync::Arc;
use core::{
    fmt,
    net::SocketAddr,
    task::{Context, Poll},
};
use rustix::{
    event::PollFlags,
    net::{RecvFlags, SendFlags, recv, send},
};
use socket::Socket;
use std::{io, os::fd::OwnedFd};

/// A listening socket.
pub struct TcpListener(Socket);

/// A connected socket.
pub struct TcpStream(Socket);

impl TcpListener {
    /// Hands over a listening socket.
    ///
    /// # Errors
    ///
    /// What the platform answers when it is made non-blocking and watched.
    pub fn from_std(listener: std::net::TcpListener) -> Result<Self, Code> {
        listener.set_nonblocking(true).map_err(from_io)?;
        let family = family(listener.local_addr())?;
        watched(listener.into(), family).map(Self)
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
        let family = family(stream.local_addr())?;
        watched(stream.into(), family).map(Self)
    }
}

fn family(local: io::Result<SocketAddr>) -> Result<AddressFamily, Code> {
    Ok(AddressFamily::of(&local.map_err(from_io)?.ip()))
}

/// What is handed over connects or listens already.
fn watched(fd: OwnedFd, family: AddressFamily) -> Result<Socket, Code> {
    let socket = Socket::from_fd(fd, family, None);
    socket.watch()?;
    Ok(socket)
}

impl sockets::TcpListener for TcpListener {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<dyn sockets::TcpStream>, Code>> {
        let accepted = self.0.poll_reading(cx, || self.0.accept());
        accepted.map_ok(|socket| Arc::new(TcpStream(socket)) as Arc<dyn sockets::TcpStream>)
    }

    fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_reading(cx, || self.0.check(PollFlags::IN)).map(drop)
    }
}

impl sockets::TcpStream for TcpStream {
    fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8], peek: bool) -> Poll<Result<usize, Code>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let flags = if peek { RecvFlags::PEEK } else { RecvFlags::empty() };
        self.0.poll_reading(cx, || recv(&self.0, &mut *bytes, flags).map(|(count, _)| count))
    }

    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.0.poll_writing(cx, || send(&self.0, bytes, SendFlags::NOSIGNAL))
    }

    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        let count = || rustix::io::ioctl_fionread(&self.0).unwrap_or(0);
        self.0.poll_reading(cx, || self.0.check(PollFlags::IN)).map(|_| count())
    }

    fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_writing(cx, || self.0.check(PollFlags::OUT)).map(drop)
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), Code> {
        let how = match (how.receive, how.send) {
            (true, true) => rustix::net::Shutdown::Both,
            (true, false) => rustix::net::Shutdown::Read,
            (false, true) => rustix::net::Shutdown::Write,
            (false, false) => return Ok(()),
        };
        rustix::net::shutdown(&self.0, how).map_err(errno_code)
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
