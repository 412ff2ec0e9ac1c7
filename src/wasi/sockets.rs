//! What sockets mean: those that a host handed to a guest (accept, receive, send, shut down), and those that
//! a guest opens by itself on a network it was granted.

#[cfg(feature = "component")]
pub mod address;
#[cfg(feature = "component")]
mod connection;
#[cfg(any(feature = "p2", feature = "p3"))]
pub(in crate::wasi) mod convert;
#[cfg(feature = "component")]
mod network;
#[cfg(not(feature = "component"))]
#[path = "sockets/network_absent.rs"]
mod network;
#[cfg(feature = "component")]
mod option;
#[cfg(feature = "component")]
pub mod policy;
#[cfg(feature = "component")]
mod tcp;
#[cfg(feature = "component")]
mod udp;

#[cfg(feature = "component")]
pub use connection::{Connection, Outgoing};
pub use network::{GuestNetwork, NetworkGrant};
#[cfg(feature = "component")]
pub use network::{Lookup, SocketError, Sockets};
#[cfg(feature = "component")]
pub use tcp::TcpSocket;
#[cfg(feature = "component")]
pub use udp::{Datagram, UdpSocket};

use crate::cap::{
    Code,
    sockets::{Shutdown, TcpListener, TcpStream},
};
use alloc::sync::Arc;
use core::task::{Context, Poll};

/// A socket as it was granted, or accepted from one that was.
#[derive(Clone)]
pub enum Socket {
    /// One that accepts connections.
    Listener(Arc<dyn TcpListener>),
    /// One connection.
    Stream(Arc<dyn TcpStream>),
}

impl Socket {
    /// Takes the next connection.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] when this is a connection, and what the network answers.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Self, Code>> {
        match self {
            Self::Listener(listener) => listener.poll_accept(cx).map_ok(Self::Stream),
            Self::Stream(_) => Poll::Ready(Err(Code::Invalid)),
        }
    }

    /// Receives; `Ok(0)`, for a buffer that is not empty, is the end. With `peek` the bytes stay.
    ///
    /// # Errors
    ///
    /// [`Code::NotConnected`] when this is a listener, and what the network answers.
    pub fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        bytes: &mut [u8],
        peek: bool,
    ) -> Poll<Result<usize, Code>> {
        match self.stream() {
            Ok(_) if bytes.is_empty() => Poll::Ready(Ok(0)),
            Ok(stream) => stream.poll_receive(cx, bytes, peek),
            Err(code) => Poll::Ready(Err(code)),
        }
    }

    /// Sends some of `bytes`.
    ///
    /// # Errors
    ///
    /// [`Code::NotConnected`] when this is a listener, and what the network answers.
    pub fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        match self.stream() {
            Ok(_) if bytes.is_empty() => Poll::Ready(Ok(0)),
            Ok(stream) => stream.poll_send(cx, bytes),
            Err(code) => Poll::Ready(Err(code)),
        }
    }

    /// Waits until there is a connection to accept, or something to receive.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<u64> {
        match self {
            Self::Listener(listener) => listener.poll_acceptable(cx).map(|()| 1),
            Self::Stream(stream) => stream.poll_receivable(cx),
        }
    }

    /// Waits until something can be sent. A listener is ready: to say that it cannot send.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Listener(_) => Poll::Ready(()),
            Self::Stream(stream) => stream.poll_sendable(cx),
        }
    }

    /// Ends one or both directions.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for neither, [`Code::NotConnected`] when this is a listener or it is over.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), Code> {
        if !how.receive && !how.send {
            return Err(Code::Invalid);
        }
        self.stream()?.shutdown(how)
    }

    fn stream(&self) -> Result<&Arc<dyn TcpStream>, Code> {
        match self {
            Self::Listener(_) => Err(Code::NotConnected),
            Self::Stream(stream) => Ok(stream),
        }
    }
}
