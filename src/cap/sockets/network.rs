//! A network that a guest may open sockets on.
//!
//! What is here does as it is told: which addresses a guest may use, in which order a socket's life goes and how
//! many sockets there may be is decided above, in `wasi::sockets`. A socket that is asked for something its state
//! does not allow answers an error and goes on.

use super::{Code, TcpStream};
use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    task::{Context, Poll},
};

/// Which addresses a socket uses. One of version 6 uses those alone: it never takes connections of version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressFamily {
    /// Version 4.
    Ipv4,
    /// Version 6.
    Ipv6,
}

impl AddressFamily {
    /// The family of an address.
    #[must_use]
    pub fn of(address: &IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// The address that stands for all of this machine's.
    #[must_use]
    pub fn unspecified(self) -> IpAddr {
        match self {
            Self::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// Something about a socket that can be asked and set. Every value is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SocketOption {
    /// Whether an idle connection is probed: 0 or 1.
    KeepAlive,
    /// After how many nanoseconds a connection counts as idle, at least 1.
    KeepAliveIdleNs,
    /// Nanoseconds between probes, at least 1.
    KeepAliveIntervalNs,
    /// Probes without an answer before the connection is given up, at least 1.
    KeepAliveCount,
    /// Hops a packet may take, 1 to 255.
    HopLimit,
    /// Bytes kept that were received and not read yet, at least 1.
    ReceiveBufferBytes,
    /// Bytes kept that were written and not sent yet, at least 1.
    SendBufferBytes,
}

/// A network: makes sockets, and looks up names.
pub trait Network: Send + Sync {
    /// A new TCP socket, not bound to any address.
    ///
    /// # Errors
    ///
    /// [`Code::NotSupported`] for a family this network does not have, [`Code::TooManyOpen`] when it can hold no
    /// more sockets.
    fn tcp_socket(&self, family: AddressFamily) -> Result<Arc<dyn TcpSocket>, Code>;

    /// A new UDP socket, not bound to any address.
    ///
    /// # Errors
    ///
    /// As [`tcp_socket`](Self::tcp_socket).
    fn udp_socket(&self, family: AddressFamily) -> Result<Arc<dyn UdpSocket>, Code>;

    /// Begins to look up a name: ASCII, in lower case, a syntactically valid host name and no address.
    ///
    /// # Errors
    ///
    /// When looking it up cannot even begin.
    fn look_up(&self, name: &str) -> Result<Arc<dyn Lookup>, LookupError>;
}

/// A name that is being looked up. Dropping it gives up.
pub trait Lookup: Send + Sync {
    /// Waits for the addresses, the one to try first in front. Once ready it stays so: asked again, it answers the
    /// same.
    ///
    /// # Errors
    ///
    /// Why there are none.
    fn poll_addresses(&self, cx: &mut Context<'_>) -> Poll<Result<Vec<IpAddr>, LookupError>>;
}

/// Why a name has no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LookupError {
    /// Nothing granted covers looking up this name.
    NotPermitted,
    /// The name is no name.
    Invalid,
    /// There is no such name, or it has no addresses.
    Unresolvable,
    /// The resolver cannot tell now.
    Temporary,
    /// The resolver cannot tell.
    Permanent,
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotPermitted => "not permitted",
            Self::Invalid => "not a name",
            Self::Unresolvable => "no such name",
            Self::Temporary => "the resolver does not answer now",
            Self::Permanent => "the resolver failed",
        })
    }
}

impl core::error::Error for LookupError {}

/// A TCP socket in any state. As a [`TcpStream`] it works once it is connected. The last handle that is dropped
/// closes it.
pub trait TcpSocket: TcpStream {
    /// Takes a local address; port 0 stands for any that is free. Not kept from it by a connection that was closed a
    /// short while ago.
    ///
    /// # Errors
    ///
    /// [`Code::AddressInUse`], [`Code::AddressNotAvailable`] for one that is not this machine's, and what else the
    /// network answers.
    fn bind(&self, local: SocketAddr) -> Result<(), Code>;

    /// Begins to connect.
    ///
    /// # Errors
    ///
    /// When it fails at once.
    fn connect(&self, remote: SocketAddr) -> Result<(), Code>;

    /// Waits for the end of connecting. Asked again after an error, what it answers says nothing.
    ///
    /// # Errors
    ///
    /// What the network or the peer answers.
    fn poll_connected(&self, cx: &mut Context<'_>) -> Poll<Result<(), Code>>;

    /// Begins to listen; at most about `backlog` connections wait to be accepted. On a socket that listens already,
    /// changes that number.
    ///
    /// # Errors
    ///
    /// What the network answers.
    fn listen(&self, backlog: u32) -> Result<(), Code>;

    /// Takes the next connection, as a socket that has this one's options.
    ///
    /// # Errors
    ///
    /// What the network answers.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<dyn TcpSocket>, Code>>;

    /// Waits until [`poll_accept`](Self::poll_accept) would not be pending.
    fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// [`Code::NotConnected`] when it is not bound.
    fn local_address(&self) -> Result<SocketAddr, Code>;

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// [`Code::NotConnected`].
    fn remote_address(&self) -> Result<SocketAddr, Code>;

    /// An option's value.
    ///
    /// # Errors
    ///
    /// [`Code::NotSupported`].
    fn option(&self, option: SocketOption) -> Result<u64, Code>;

    /// Sets an option to the value nearest to `value` that there is.
    ///
    /// # Errors
    ///
    /// [`Code::NotSupported`].
    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Code>;
}

/// A UDP socket. The last handle that is dropped closes it.
pub trait UdpSocket: Send + Sync {
    /// Takes a local address; port 0 stands for any that is free.
    ///
    /// # Errors
    ///
    /// As [`TcpSocket::bind`].
    fn bind(&self, local: SocketAddr) -> Result<(), Code>;

    /// Says who the peer is, or that there is no single one. Binds the socket if need be.
    ///
    /// # Errors
    ///
    /// What the network answers.
    fn connect(&self, remote: Option<SocketAddr>) -> Result<(), Code>;

    /// Sends one datagram: to `remote`, or to the peer. Binds the socket if need be.
    ///
    /// # Errors
    ///
    /// [`Code::MessageSize`] for one that is too large, and what the network answers.
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        remote: Option<SocketAddr>,
    ) -> Poll<Result<(), Code>>;

    /// Receives one datagram: how long it is and who sent it. What does not fit into `bytes` is lost.
    ///
    /// # Errors
    ///
    /// What the network answers, [`Code::ConnectionRefused`] for something sent earlier that nobody received.
    fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8])
    -> Poll<Result<(usize, SocketAddr), Code>>;

    /// Waits until [`poll_receive`](Self::poll_receive) would not be pending.
    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Waits until [`poll_send`](Self::poll_send) would not be pending.
    fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// [`Code::NotConnected`] when it is not bound.
    fn local_address(&self) -> Result<SocketAddr, Code>;

    /// An option's value.
    ///
    /// # Errors
    ///
    /// [`Code::NotSupported`] for one that UDP does not have.
    fn option(&self, option: SocketOption) -> Result<u64, Code>;

    /// Sets an option to the value nearest to `value` that there is.
    ///
    /// # Errors
    ///
    /// As [`option`](Self::option).
    fn set_option(&self, option: SocketOption, value: u64) -> Result<(), Code>;
}
