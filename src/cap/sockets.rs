//! Sockets that a host hands to a guest: listeners and byte streams; and a network to open them on.
//!
//! WASI 0.1 cannot create sockets, it can only use those it was given; the two traits in this file are that much.
//! Later versions are given a [`Network`].

mod address;
pub mod name;
mod network;
mod pattern;

pub use address::{AddressRange, canonical, is_global};
pub use network::{AddressFamily, Lookup, LookupError, Network, SocketOption, TcpSocket, UdpSocket};
pub use pattern::{Hosts, Pattern, RuleError};

use super::Code;
use alloc::sync::Arc;
use core::task::{Context, Poll};

/// Which directions of a connection to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// No more will be received.
    pub receive: bool,
    /// No more will be sent.
    pub send: bool,
}

/// A socket that accepts connections.
pub trait TcpListener: Send + Sync {
    /// Takes the next connection.
    ///
    /// # Errors
    ///
    /// What the network answers.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Arc<dyn TcpStream>, Code>>;

    /// Waits until [`poll_accept`](Self::poll_accept) would not be pending.
    fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// One connection.
pub trait TcpStream: Send + Sync {
    /// Receives at most `bytes.len()` bytes; `Ok(0)`, for a buffer that is not empty, is the end.
    /// With `peek` they stay to be received again.
    ///
    /// # Errors
    ///
    /// What the network answers.
    fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8], peek: bool) -> Poll<Result<usize, Code>>;

    /// Sends some of `bytes`, and answers how many.
    ///
    /// # Errors
    ///
    /// [`Code::Pipe`] or [`Code::ConnectionReset`] when the peer is gone.
    fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>>;

    /// Waits until [`poll_receive`](Self::poll_receive) would not be pending; answers how many bytes
    /// are known to be there, 0 where that is not known.
    fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<u64>;

    /// Waits until [`poll_send`](Self::poll_send) would not be pending.
    fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Ends one or both directions.
    ///
    /// # Errors
    ///
    /// [`Code::NotConnected`] when it is over already.
    fn shutdown(&self, how: Shutdown) -> Result<(), Code>;
}
