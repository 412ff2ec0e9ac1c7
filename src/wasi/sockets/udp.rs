//! A UDP socket: whom it may talk with.

use super::{
    SocketError, Sockets,
    address::{check_family, check_remote},
    network::Ticket,
    option,
    policy::Operation,
};
use crate::{
    cap::{
        Code,
        sockets::{self as cap, AddressFamily, SocketOption, canonical},
    },
    wasi::price,
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt,
    net::SocketAddr,
    task::{Context, Poll},
};
use spin::Mutex;

#[derive(Clone, Copy, Debug, Default)]
struct Life {
    /// [`bind`](UdpSocket::start_bind) began, and nobody has heard of it yet.
    binding: bool,
    /// It has an address that was granted: anybody may send to it.
    granted: bool,
    /// It has an address.
    bound: bool,
    remote: Option<SocketAddr>,
    /// Counts the changes of the peer.
    association: u64,
}

/// A UDP socket.
pub struct UdpSocket {
    sockets: Arc<Sockets>,
    socket: Arc<dyn cap::UdpSocket>,
    family: AddressFamily,
    life: Mutex<Life>,
    _ticket: Ticket,
}

/// A datagram that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// What it says.
    pub bytes: Vec<u8>,
    /// Who sent it.
    pub remote: SocketAddr,
}

impl UdpSocket {
    /// The longest datagram, in bytes.
    pub const DATAGRAM_BYTES_MAX: usize = 65_535;

    pub(super) fn new(
        sockets: Arc<Sockets>,
        socket: Arc<dyn cap::UdpSocket>,
        family: AddressFamily,
        ticket: Ticket,
    ) -> Self {
        Self { sockets, socket, family, life: Mutex::default(), _ticket: ticket }
    }

    /// Which addresses it uses.
    #[must_use]
    pub fn family(&self) -> AddressFamily {
        self.family
    }

    /// Takes a local address, in one step.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it has one, [`Code::Invalid`] for what can be none, [`Code::NotPermitted`] for
    /// what is not granted, and what the network answers.
    pub fn bind(&self, local: SocketAddr) -> Result<(), SocketError> {
        self.start_bind(local)?;
        self.finish_bind()
    }

    /// Begins to take a local address.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind); [`Code::Already`] when it began before.
    pub fn start_bind(&self, local: SocketAddr) -> Result<(), SocketError> {
        let mut life = self.life.lock();
        if life.binding {
            return Err(Code::Already.into());
        }
        if life.bound {
            return Err(SocketError::State);
        }
        check_family(self.family, local)?;
        self.sockets.check(Operation::UdpBind, local)?;
        self.sockets.tab().owe(price::BIND);
        self.socket.bind(local)?;
        life.binding = true;
        Ok(())
    }

    /// Finishes to.
    ///
    /// # Errors
    ///
    /// [`SocketError::NotInProgress`].
    pub fn finish_bind(&self) -> Result<(), SocketError> {
        let mut life = self.life.lock();
        if !life.binding {
            return Err(SocketError::NotInProgress);
        }
        (life.binding, life.granted, life.bound) = (false, true, true);
        Ok(())
    }

    /// Says who the peer is. A socket without an address gets one.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for what can be no peer, [`Code::NotPermitted`] for what is not granted, and what the
    /// network answers.
    pub fn connect(&self, remote: SocketAddr) -> Result<(), SocketError> {
        let mut life = self.life.lock();
        check_remote(self.family, remote)?;
        self.sockets.check(Operation::UdpSend, remote)?;
        self.sockets.tab().owe(price::BIND);
        if let Err(code) = self.socket.connect(Some(remote)) {
            // It may have left the peer it had, and must not take the failed one for it.
            (life.remote, life.association) = (None, life.association + 1);
            return Err(code.into());
        }
        (life.bound, life.remote, life.association) = (true, Some(remote), life.association + 1);
        Ok(())
    }

    /// Says that there is no single peer.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when there was none, and what the network answers.
    pub fn disconnect(&self) -> Result<(), SocketError> {
        let mut life = self.life.lock();
        if life.remote.is_none() {
            return Err(SocketError::State);
        }
        self.sockets.tab().owe(price::BIND);
        self.socket.connect(None)?;
        (life.remote, life.association) = (None, life.association + 1);
        Ok(())
    }

    /// As WASI 0.2 has it: a bound socket changes its peer, or has none from here on. Answers which of its
    /// associations this is.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is not bound, and as [`connect`](Self::connect).
    pub fn associate(&self, remote: Option<SocketAddr>) -> Result<u64, SocketError> {
        if !self.life.lock().bound {
            return Err(SocketError::State);
        }
        match remote {
            Some(remote) => self.connect(remote)?,
            None if self.life.lock().remote.is_some() => self.disconnect()?,
            None => self.life.lock().association += 1,
        }
        Ok(self.association())
    }

    /// Which of its associations this is.
    #[must_use]
    pub fn association(&self) -> u64 {
        self.life.lock().association
    }

    /// Sends one datagram: to `remote`, or to the peer. A socket without an address gets one.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] without a peer, for what can be none, and for another than this socket's; then
    /// [`Code::NotPermitted`], checked anew for each datagram; [`Code::MessageSize`]; and what the network answers.
    pub fn poll_send(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        remote: Option<SocketAddr>,
    ) -> Poll<Result<(), SocketError>> {
        let mut life = self.life.lock();
        let to = match self.destination(life.remote, remote) {
            Ok(to) => to,
            Err(code) => return Poll::Ready(Err(code.into())),
        };
        if bytes.len() > Self::DATAGRAM_BYTES_MAX {
            return Poll::Ready(Err(Code::MessageSize.into()));
        }
        let to = life.remote.is_none().then_some(to);
        self.socket.poll_send(cx, bytes, to).map(|sent| {
            self.sockets.tab().owe(price::DATAGRAM);
            life.bound |= sent.is_ok();
            sent.map_err(SocketError::from)
        })
    }

    fn destination(&self, peer: Option<SocketAddr>, remote: Option<SocketAddr>) -> Result<SocketAddr, Code> {
        let to = match (peer, remote) {
            (Some(peer), Some(remote)) if peer != remote => return Err(Code::Invalid),
            (peer, remote) => remote.or(peer).ok_or(Code::Invalid)?,
        };
        check_remote(self.family, to)?;
        self.sockets.check(Operation::UdpSend, to)?;
        Ok(to)
    }

    /// Receives one datagram: from the peer, if there is one; from anybody, if the address was granted; and else
    /// from those it may send to.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is not bound, and what the network answers.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Result<Datagram, SocketError>> {
        let life = *self.life.lock();
        if !life.bound {
            return Poll::Ready(Err(SocketError::State));
        }
        // Not a byte before there is something to put there.
        core::task::ready!(self.socket.poll_receivable(cx));
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(Self::DATAGRAM_BYTES_MAX).is_err() {
            return Poll::Ready(Err(Code::NoMemory.into()));
        }
        bytes.resize(Self::DATAGRAM_BYTES_MAX, 0);
        // Those of others are thrown away, but not for ever in one go.
        for _ in 0..Self::STRANGERS_MAX {
            let received = core::task::ready!(self.socket.poll_receive(cx, &mut bytes));
            self.sockets.tab().owe(price::DATAGRAM);
            let (length, remote) = match received {
                Ok(received) => received,
                Err(code) => return Poll::Ready(Err(code.into())),
            };
            if self.hears(&life, remote) {
                bytes.truncate(length);
                bytes.shrink_to_fit();
                return Poll::Ready(Ok(Datagram { bytes, remote }));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// How many datagrams that are not for the guest one call throws away.
    const STRANGERS_MAX: u32 = 64;

    fn hears(&self, life: &Life, remote: SocketAddr) -> bool {
        match life.remote {
            Some(peer) => canonical(peer.ip()) == canonical(remote.ip()) && peer.port() == remote.port(),
            None => life.granted || self.sockets.allows(Operation::UdpSend, remote),
        }
    }

    /// Waits until something came in, though it may be from somebody it does not listen to.
    pub fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_receivable(cx)
    }

    /// Waits until something can be sent.
    pub fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_sendable(cx)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is not.
    pub fn local_address(&self) -> Result<SocketAddr, SocketError> {
        if !self.life.lock().bound {
            return Err(SocketError::State);
        }
        Ok(self.socket.local_address()?)
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when there is no peer.
    pub fn remote_address(&self) -> Result<SocketAddr, SocketError> {
        self.life.lock().remote.ok_or(SocketError::State)
    }

    /// An option's value.
    ///
    /// # Errors
    ///
    /// What the network answers.
    pub fn option(&self, option: SocketOption) -> Result<u64, SocketError> {
        self.sockets.tab().owe(price::OPTION);
        Ok(self.socket.option(option)?)
    }

    /// Sets an option, to the nearest value there is.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for zero where something is counted, and what the network answers.
    pub fn set_option(&self, option: SocketOption, value: u64) -> Result<(), SocketError> {
        option::check(option, value)?;
        self.sockets.tab().owe(price::OPTION);
        Ok(self.socket.set_option(option, value)?)
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket")
            .field("family", &self.family)
            .field("life", &*self.life.lock())
            .finish_non_exhaustive()
    }
}
