//! UDP sockets of the platform's.

use super::{network::address, socket::Socket};
use crate::{
    backend::std::error::errno_code,
    cap::{
        Code,
        sockets::{self as cap, SocketOption},
    },
};
use core::{
    net::{IpAddr, SocketAddr},
    task::{Context, Poll},
};
use rustix::{
    event::PollFlags,
    io::Errno,
    net::{RecvFlags, SendFlags, connect_unspec, recvfrom, send, sendto},
};
use std::sync::{Mutex, PoisonError};

pub(super) struct UdpSocket {
    socket: Socket,
    life: Mutex<Life>,
}

#[derive(Default)]
struct Life {
    /// What it was bound to, as far as it was told.
    bound: Option<IpAddr>,
    connected: bool,
}

impl UdpSocket {
    pub(super) fn new(socket: Socket) -> Self {
        Self { socket, life: Mutex::default() }
    }

    /// Leaves the peer. Linux gives the port away with it, when it was chosen for the socket.
    fn disconnect(&self, life: &mut Life) -> Result<(), Errno> {
        if !core::mem::replace(&mut life.connected, false) {
            return Ok(());
        }
        let before = self.socket.local_address();
        match connect_unspec(&self.socket) {
            // Some platforms say so, and do it.
            Ok(()) | Err(Errno::AFNOSUPPORT) => {}
            Err(errno) => return Err(errno),
        }
        if let (Ok(before), Ok(after)) = (before, self.socket.local_address())
            && after.port() == 0
        {
            let ip = life.bound.unwrap_or(self.socket.family.unspecified());
            rustix::net::bind(&self.socket, &SocketAddr::new(ip, before.port()))?;
        }
        Ok(())
    }
}

impl cap::UdpSocket for UdpSocket {
    fn bind(&self, local: SocketAddr) -> Result<(), Code> {
        rustix::net::bind(&self.socket, &local).map_err(errno_code)?;
        self.life.lock().unwrap_or_else(PoisonError::into_inner).bound = Some(local.ip());
        Ok(())
    }

    fn connect(&self, remote: Option<SocketAddr>) -> Result<(), Code> {
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        self.disconnect(&mut life).map_err(errno_code)?;
        if let Some(remote) = remote {
            rustix::net::connect(&self.socket, &remote).map_err(|errno| match errno {
                Errno::ADDRNOTAVAIL | Errno::AGAIN => Code::AddressInUse,
                errno => errno_code(errno),
            })?;
            life.connected = true;
        }
        Ok(())
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        remote: Option<SocketAddr>,
    ) -> Poll<Result<(), Code>> {
        let flags = SendFlags::NOSIGNAL;
        self.socket.poll_writing(cx, || match remote {
            Some(remote) => sendto(&self.socket, bytes, flags, &remote).map(drop),
            None => send(&self.socket, bytes, flags).map(drop),
        })
    }

    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
    ) -> Poll<Result<(usize, SocketAddr), Code>> {
        let received =
            self.socket.poll_reading(cx, || recvfrom(&self.socket, &mut *bytes, RecvFlags::empty()));
        received.map(|received| {
            let (count, _, from) = received?;
            Ok((count, address(from)?))
        })
    }

    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_reading(cx, || self.socket.check(PollFlags::IN)).map(drop)
    }

    fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_writing(cx, || self.socket.check(PollFlags::OUT)).map(drop)
    }

    fn local_address(&self) -> Result<SocketAddr, Code> {
        self.socket.local_address()
    }

    fn option(&self, option: SocketOption) -> Result<u64, Code> {
        self.socket.option(option)
    }

    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Code> {
        self.socket.set_option(option, value)
    }
}
