//! A TCP socket: the order of its life, and who it may meet.
//!
//! The states are those of `TcpSocketOperationalSemantics`. WASI 0.2 begins and finishes what 0.3 does in one step,
//! so the states that lie in between are met by 0.2 alone; binding and listening never take time here.

use super::{
    Connection, Outgoing, SocketError, Sockets,
    address::{check_local, check_remote, is_unicast},
    network::Ticket,
    option,
    policy::Operation,
};
use crate::{
    cap::{
        Code,
        sockets::{self as cap, AddressFamily, Shutdown, SocketOption},
    },
    wasi::price,
};
use alloc::sync::Arc;
use core::{
    fmt,
    net::SocketAddr,
    task::{Context, Poll},
};
use spin::Mutex;

/// Where a socket is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unbound,
    /// Bound, and nobody has heard of it yet.
    Binding,
    Bound,
    /// Listening, and nobody has heard of it yet.
    Starting,
    Listening,
    Connecting,
    Connected,
    /// Connecting failed.
    Closed,
}

struct Life {
    state: State,
    backlog: u32,
    /// Whether the connection's bytes were asked for: each direction is given away once.
    sending: bool,
    receiving: bool,
    /// What holds back bytes that are still to be sent, if anything does.
    outgoing: Option<Arc<Outgoing>>,
}

/// A TCP socket.
pub struct TcpSocket {
    sockets: Arc<Sockets>,
    socket: Arc<dyn cap::TcpSocket>,
    family: AddressFamily,
    life: Mutex<Life>,
    connection: Connection,
}

impl TcpSocket {
    /// How many connections wait to be accepted, unless told otherwise.
    const BACKLOG: u32 = 128;
    /// And at most: what a guest asks for is host memory.
    const BACKLOG_MAX: u32 = 4_096;

    pub(super) fn new(
        sockets: Arc<Sockets>,
        socket: Arc<dyn cap::TcpSocket>,
        family: AddressFamily,
        ticket: Ticket,
    ) -> Self {
        let (backlog, outgoing) = (Self::BACKLOG, None);
        let life = Life { state: State::Unbound, backlog, sending: false, receiving: false, outgoing };
        let connection = Connection::new(socket.clone(), ticket);
        Self { sockets, socket, family, life: Mutex::new(life), connection }
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
        match life.state {
            State::Unbound => {}
            State::Binding | State::Starting | State::Connecting => return Err(Code::Already.into()),
            _ => return Err(SocketError::State),
        }
        check_local(self.family, local)?;
        self.sockets.check(Operation::TcpBind, local)?;
        self.sockets.tab().owe(price::BIND);
        self.socket.bind(local)?;
        life.state = State::Binding;
        Ok(())
    }

    /// Finishes to.
    ///
    /// # Errors
    ///
    /// [`SocketError::NotInProgress`].
    pub fn finish_bind(&self) -> Result<(), SocketError> {
        self.finish(State::Binding, State::Bound)
    }

    fn finish(&self, from: State, to: State) -> Result<(), SocketError> {
        let mut life = self.life.lock();
        if life.state != from {
            return Err(SocketError::NotInProgress);
        }
        life.state = to;
        Ok(())
    }

    /// Begins to connect. When the network refuses, the socket is closed for good.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is connected or listens, [`Code::Already`] when something is under way,
    /// [`Code::Invalid`] for what can be no peer, [`Code::NotPermitted`] for what is not granted, and what the
    /// network answers.
    pub fn start_connect(&self, remote: SocketAddr) -> Result<(), SocketError> {
        let mut life = self.life.lock();
        match life.state {
            State::Unbound | State::Bound => {}
            State::Binding | State::Starting | State::Connecting => return Err(Code::Already.into()),
            _ => return Err(SocketError::State),
        }
        check_remote(self.family, remote)?;
        if !is_unicast(remote.ip()) {
            return Err(Code::Invalid.into());
        }
        self.sockets.check(Operation::TcpConnect, remote)?;
        self.sockets.tab().owe(price::CONNECT);
        let started = self.socket.connect(remote);
        life.state = if started.is_ok() { State::Connecting } else { State::Closed };
        Ok(started?)
    }

    /// Waits until it is connected, or is not going to be.
    ///
    /// # Errors
    ///
    /// [`SocketError::NotInProgress`], and what the network answers: then the socket is closed for good.
    pub fn poll_connect(&self, cx: &mut Context<'_>) -> Poll<Result<(), SocketError>> {
        let mut life = self.life.lock();
        if life.state != State::Connecting {
            return Poll::Ready(Err(SocketError::NotInProgress));
        }
        self.socket.poll_connected(cx).map(|connected| {
            life.state = if connected.is_ok() { State::Connected } else { State::Closed };
            connected.map_err(SocketError::from)
        })
    }

    /// Begins to listen, in one step, bound or not.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it listens, connects or is connected, [`Code::NotPermitted`] when it is not bound
    /// and nothing granted covers letting the network choose, and what the network answers.
    pub fn listen(&self) -> Result<(), SocketError> {
        let state = self.life.lock().state;
        if state == State::Unbound {
            self.bind(SocketAddr::new(self.family.unspecified(), 0))?;
        } else if state != State::Bound {
            return Err(SocketError::State);
        }
        self.start_listen()?;
        self.finish_listen()
    }

    /// Begins to begin to listen, bound.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is not bound, listens or is connected, [`Code::Already`] when something is
    /// under way, and what the network answers.
    pub fn start_listen(&self) -> Result<(), SocketError> {
        let mut life = self.life.lock();
        match life.state {
            State::Bound => {}
            State::Binding | State::Starting | State::Connecting => return Err(Code::Already.into()),
            _ => return Err(SocketError::State),
        }
        self.sockets.tab().owe(price::BIND);
        self.socket.listen(life.backlog)?;
        life.state = State::Starting;
        Ok(())
    }

    /// Finishes to.
    ///
    /// # Errors
    ///
    /// [`SocketError::NotInProgress`].
    pub fn finish_listen(&self) -> Result<(), SocketError> {
        self.finish(State::Starting, State::Listening)
    }

    /// Takes the next connection.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it does not listen, [`Code::TooManyOpen`] at the end of the quota (the connection
    /// goes on waiting, and the task is woken when another socket is closed), and what the network answers.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<Self, SocketError>> {
        if !self.is_listening() {
            return Poll::Ready(Err(SocketError::State));
        }
        let ticket = match self.sockets.ticket() {
            Ok(ticket) => ticket,
            Err(code) => {
                self.sockets.wake_when_closed(cx);
                return Poll::Ready(Err(code.into()));
            }
        };
        self.socket.poll_accept(cx).map(|accepted| {
            self.sockets.tab().owe(price::ACCEPT);
            let accepted = Self::new(self.sockets.clone(), accepted?, self.family, ticket);
            accepted.life.lock().state = State::Connected;
            Ok(accepted)
        })
    }

    /// Whether the guest has all sockets open that it may: accepting waits for one to be closed.
    #[must_use]
    pub fn is_quota_spent(&self) -> bool {
        self.sockets.is_quota_spent()
    }

    /// Waits until what is under way can be finished, or a connection accepted. Ready when there is nothing to wait
    /// for.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<()> {
        let state = self.life.lock().state;
        match state {
            // Does not consume: `poll_connected` says the same again.
            State::Connecting => self.socket.poll_sendable(cx),
            State::Listening => self.socket.poll_acceptable(cx),
            _ => Poll::Ready(()),
        }
    }

    /// The connection to send on, once.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is not connected, and the second time.
    pub fn sender(&self) -> Result<Connection, SocketError> {
        self.give(|life| &mut life.sending)
    }

    /// The connection to receive on, once.
    ///
    /// # Errors
    ///
    /// As [`sender`](Self::sender).
    pub fn receiver(&self) -> Result<Connection, SocketError> {
        self.give(|life| &mut life.receiving)
    }

    fn give(&self, given: impl FnOnce(&mut Life) -> &mut bool) -> Result<Connection, SocketError> {
        let mut life = self.life.lock();
        if life.state != State::Connected || core::mem::replace(given(&mut life), true) {
            return Err(SocketError::State);
        }
        Ok(self.connection.clone())
    }

    /// Both directions, with bytes to send held back while the network takes none: as WASI 0.2 has it.
    ///
    /// # Errors
    ///
    /// As [`sender`](Self::sender).
    pub fn streams(&self) -> Result<(Connection, Arc<Outgoing>), SocketError> {
        let (receiver, sender) = (self.receiver()?, self.sender()?);
        let outgoing = Arc::new(Outgoing::new(sender));
        self.life.lock().outgoing = Some(outgoing.clone());
        Ok((receiver, outgoing))
    }

    /// Ends one or both directions, sending not before everything held back was sent; again is no error.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is not connected.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), SocketError> {
        let life = self.life.lock();
        if life.state != State::Connected {
            return Err(SocketError::State);
        }
        let outgoing = life.outgoing.clone().filter(|_| how.send);
        drop(life);
        let send = how.send && outgoing.is_none();
        if let Some(outgoing) = outgoing {
            outgoing.end();
        }
        Ok(self.connection.shutdown(Shutdown { send, ..how })?)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is not.
    pub fn local_address(&self) -> Result<SocketAddr, SocketError> {
        match self.life.lock().state {
            State::Unbound | State::Binding | State::Closed => Err(SocketError::State),
            _ => Ok(self.socket.local_address()?),
        }
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when it is not connected.
    pub fn remote_address(&self) -> Result<SocketAddr, SocketError> {
        match self.life.lock().state {
            State::Connected => Ok(self.socket.remote_address()?),
            _ => Err(SocketError::State),
        }
    }

    /// Whether it listens.
    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.life.lock().state == State::Listening
    }

    /// How many connections are to wait to be accepted, about.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for none, [`SocketError::State`] when it connects or is connected, and what the network
    /// answers.
    pub fn set_backlog(&self, backlog: u64) -> Result<(), SocketError> {
        let mut life = self.life.lock();
        if backlog == 0 {
            return Err(Code::Invalid.into());
        }
        let backlog = u32::try_from(backlog).unwrap_or(u32::MAX).min(Self::BACKLOG_MAX);
        match life.state {
            State::Unbound | State::Binding | State::Bound => {}
            State::Starting | State::Listening => {
                self.sockets.tab().owe(price::BIND);
                self.socket.listen(backlog)?;
            }
            State::Connecting | State::Connected | State::Closed => return Err(SocketError::State),
        }
        life.backlog = backlog;
        Ok(())
    }

    /// An option's value.
    ///
    /// # Errors
    ///
    /// [`SocketError::State`] when the socket is closed, and what the network answers.
    pub fn option(&self, option: SocketOption) -> Result<u64, SocketError> {
        self.open()?;
        self.sockets.tab().owe(price::OPTION);
        Ok(self.socket.option(option)?)
    }

    /// Sets an option, to the nearest value there is.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for zero where something is counted, and as [`option`](Self::option).
    pub fn set_option(&self, option: SocketOption, value: u64) -> Result<(), SocketError> {
        self.open()?;
        option::check(option, value)?;
        self.sockets.tab().owe(price::OPTION);
        Ok(self.socket.set_option(option, value)?)
    }

    fn open(&self) -> Result<(), SocketError> {
        if self.life.lock().state == State::Closed { Err(SocketError::State) } else { Ok(()) }
    }
}

impl fmt::Debug for TcpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpSocket")
            .field("family", &self.family)
            .field("state", &self.life.lock().state)
            .finish_non_exhaustive()
    }
}
