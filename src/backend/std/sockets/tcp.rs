//! TCP sockets of the platform's.

use super::network::{Socket, address};
use crate::{
    backend::std::error::errno_code,
    cap::{
        Code,
        sockets::{self as cap, Shutdown, SocketOption, TcpStream},
    },
};
use alloc::sync::Arc;
use core::{
    net::SocketAddr,
    task::{Context, Poll},
};
use rustix::{
    event::PollFlags,
    io::Errno,
    net::{RecvFlags, SendFlags, SocketFlags, accept_with, recv, send, sockopt},
};

pub(super) struct TcpSocket(Socket);

impl TcpSocket {
    pub(super) fn new(socket: Socket) -> Self {
        Self(socket)
    }

    /// Takes a connection, past those that ended before they were taken (accept(2), "Error handling").
    fn accept(&self) -> Result<Socket, Errno> {
        loop {
            match accept_with(&self.0, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => return Ok(Socket::from_fd(fd, self.0.family)),
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
}

impl cap::TcpSocket for TcpSocket {
    fn bind(&self, local: SocketAddr) -> Result<(), Code> {
        sockopt::set_socket_reuseaddr(&self.0, true).map_err(errno_code)?;
        rustix::net::bind(&self.0, &local).map_err(errno_code)
    }

    fn connect(&self, remote: SocketAddr) -> Result<(), Code> {
        match rustix::net::connect(&self.0, &remote) {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => self.0.watch().map(drop),
            // No port is left for this end.
            Err(Errno::ADDRNOTAVAIL | Errno::AGAIN) => Err(Code::AddressInUse),
            Err(errno) => Err(errno_code(errno)),
        }
    }

    fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>> {
        let connected = || {
            self.0.check(PollFlags::OUT)?;
            sockopt::socket_error(&self.0)??;
            // A failure is told once; afterwards there is just no peer.
            rustix::net::getpeername(&self.0).map(drop)
        };
        self.0.poll_writing(cx, connected)
    }

    fn listen(&self, backlog: u32) -> Result<(), Code> {
        rustix::net::listen(&self.0, i32::try_from(backlog).unwrap_or(i32::MAX)).map_err(errno_code)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<dyn cap::TcpSocket>, Code>> {
        let accepted = self.0.poll_reading(cx, || self.accept());
        accepted.map_ok(|socket| Arc::new(Self(socket)) as Arc<dyn cap::TcpSocket>)
    }

    fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_reading(cx, || self.0.check(PollFlags::IN)).map(drop)
    }

    fn local_address(&self) -> Result<SocketAddr, Code> {
        self.0.local_address()
    }

    fn remote_address(&self) -> Result<SocketAddr, Code> {
        address(rustix::net::getpeername(&self.0).map_err(errno_code)?)
    }

    fn option(&self, option: SocketOption) -> Result<u64, Code> {
        self.0.option(option)
    }

    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Code> {
        self.0.set_option(option, value)
    }
}

impl TcpStream for TcpSocket {
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
