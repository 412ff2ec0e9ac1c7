//! Sockets for TCP that a guest makes: connections that are not there yet, and listeners.

use super::{TcpStream, network::address};
use crate::{
    backend::std::error::errno_code,
    cap::{
        Code,
        sockets::{self as cap, SocketOption},
    },
};
use alloc::sync::Arc;
use core::{
    net::SocketAddr,
    task::{Context, Poll},
};
use rustix::{event::PollFlags, io::Errno, net::sockopt};

impl cap::TcpSocket for TcpStream {
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
        let accepted = self.0.poll_reading(cx, || self.0.accept());
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
