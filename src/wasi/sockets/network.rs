//! A guest's share of a network: what it was granted, what it has open, which names it looked up.

use super::{
    TcpSocket, UdpSocket,
    policy::{Denied, Known, Operation, Policy},
};
use crate::cap::{
    Code,
    sockets::{self as cap, AddressFamily, LookupError, Network, name},
};
use crate::wasi::price::{self, Tab};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll, Waker},
};
use spin::Mutex;

/// One guest's share of a network, or none.
pub type GuestNetwork = Option<Arc<Sockets>>;

/// A network with what may be done on it, as a host grants it; by default there is none.
#[derive(Clone, Default)]
pub struct NetworkGrant(Option<(Arc<dyn Network>, Policy)>);

impl NetworkGrant {
    /// This network, as far as `policy` goes.
    #[must_use]
    pub fn new(network: Arc<dyn Network>, policy: Policy) -> Self {
        Self(Some((network, policy)))
    }

    /// One guest's share. Without a grant, one of `nothing`: a network on which nobody is reached.
    #[must_use]
    pub fn sockets(&self, nothing: impl FnOnce() -> Arc<dyn Network>) -> Arc<Sockets> {
        let (network, policy) = self.0.clone().unwrap_or_else(|| (nothing(), Policy::new()));
        Arc::new(Sockets {
            network,
            policy,
            known: Mutex::default(),
            quota: Arc::new(Quota { tab: Tab::new(), ..Quota::default() }),
        })
    }
}

impl fmt::Debug for NetworkGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NetworkGrant").field(&self.0.as_ref().map(|(_, policy)| policy)).finish()
    }
}

/// Why an operation on a socket failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketError {
    /// The socket's state does not allow it.
    State,
    /// What is to be finished was not begun.
    NotInProgress,
    /// Anything else.
    Code(Code),
}

impl From<Code> for SocketError {
    fn from(code: Code) -> Self {
        Self::Code(code)
    }
}

/// What one guest has of a network.
pub struct Sockets {
    network: Arc<dyn Network>,
    policy: Policy,
    known: Mutex<Known>,
    quota: Arc<Quota>,
}

/// How many sockets are open.
#[derive(Default)]
struct Quota {
    open: AtomicU32,
    tab: Tab,
    /// Who waits for one to be closed.
    waiting: Mutex<Vec<Waker>>,
}

impl Sockets {
    /// A new TCP socket.
    ///
    /// # Errors
    ///
    /// [`Code::NotPermitted`] where TCP is ruled out, [`Code::TooManyOpen`] at the end of the quota, and what the
    /// network answers.
    pub fn tcp_socket(self: &Arc<Self>, family: AddressFamily) -> Result<TcpSocket, SocketError> {
        if !self.policy.tcp {
            return Err(self.denied(&Denied::Socket { tcp: true }).into());
        }
        let ticket = self.ticket()?;
        self.tab().owe(price::SOCKET);
        Ok(TcpSocket::new(self.clone(), self.network.tcp_socket(family)?, family, ticket))
    }

    /// A new UDP socket.
    ///
    /// # Errors
    ///
    /// As [`tcp_socket`](Self::tcp_socket).
    pub fn udp_socket(self: &Arc<Self>, family: AddressFamily) -> Result<UdpSocket, SocketError> {
        if !self.policy.udp {
            return Err(self.denied(&Denied::Socket { tcp: false }).into());
        }
        let ticket = self.ticket()?;
        self.tab().owe(price::SOCKET);
        Ok(UdpSocket::new(self.clone(), self.network.udp_socket(family)?, family, ticket))
    }

    /// Begins to look up a name. An address is its own answer, and this machine's names need no network.
    ///
    /// # Errors
    ///
    /// [`LookupError::Invalid`] for what is neither name nor address, [`LookupError::NotPermitted`] for names that
    /// no grant covers, and what the network answers.
    pub fn look_up(self: &Arc<Self>, text: &str) -> Result<Lookup, LookupError> {
        let bracketed = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bracketed.unwrap_or(text).parse::<IpAddr>() {
            let fits = bracketed.is_none() || address.is_ipv6();
            return if fits { Ok(Lookup::Address(address)) } else { Err(LookupError::Invalid) };
        }
        let name = name::to_ascii(text).ok_or(LookupError::Invalid)?;
        if !self.policy.allows_name(&name) {
            self.policy.deny(&Denied::Name(name));
            return Err(LookupError::NotPermitted);
        }
        let asked = if name::is_localhost(&name) {
            None
        } else {
            self.tab().owe(price::LOOKUP);
            Some(self.network.look_up(&name)?)
        };
        Ok(Lookup::Name { sockets: self.clone(), name, asked })
    }

    /// Where what is done on the network is owed.
    #[must_use]
    pub fn tab(&self) -> &Tab {
        &self.quota.tab
    }

    /// Refuses what no grant covers.
    pub(super) fn check(&self, operation: Operation, address: SocketAddr) -> Result<(), Code> {
        if self.allows(operation, address) {
            return Ok(());
        }
        Err(self.denied(&Denied::Address(operation, address)))
    }

    pub(super) fn allows(&self, operation: Operation, address: SocketAddr) -> bool {
        self.policy.allows(operation, address, &self.known.lock())
    }

    fn denied(&self, denied: &Denied) -> Code {
        self.policy.deny(denied);
        Code::NotPermitted
    }

    /// Room for one more socket.
    pub(super) fn ticket(&self) -> Result<Ticket, Code> {
        let max = self.policy.sockets_max;
        let open = |open: u32| (open < max).then_some(open + 1);
        if self.quota.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, open).is_err() {
            self.policy.deny(&Denied::TooMany(max));
            return Err(Code::TooManyOpen);
        }
        Ok(Ticket(self.quota.clone()))
    }

    pub(super) fn is_quota_spent(&self) -> bool {
        self.open() >= self.policy.sockets_max
    }

    /// Has the task woken when a socket is closed.
    pub(super) fn wake_when_closed(&self, cx: &Context<'_>) {
        let mut waiting = self.quota.waiting.lock();
        // A guest has few tasks; what is past that is woken for nothing and asks again.
        let full =
            if waiting.len() >= Self::WAITING_MAX { core::mem::take(&mut *waiting) } else { Vec::new() };
        if !waiting.iter().any(|known| known.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        drop(waiting);
        full.into_iter().for_each(Waker::wake);
    }

    const WAITING_MAX: usize = 1_024;

    /// How many sockets are open.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.quota.open.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets")
            .field("open", &self.open())
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// One socket of the quota.
pub(super) struct Ticket(Arc<Quota>);

impl Ticket {
    /// As [`Sockets::tab`].
    pub(super) fn tab(&self) -> &Tab {
        &self.0.tab
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
        let waiting = core::mem::take(&mut *self.0.waiting.lock());
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// A name that is being looked up.
pub enum Lookup {
    /// It was an address already.
    Address(IpAddr),
    /// It is a name.
    Name {
        /// Who asked.
        sockets: Arc<Sockets>,
        /// For what, in ASCII.
        name: String,
        /// The network's answer to come; none for this machine.
        asked: Option<Arc<dyn cap::Lookup>>,
    },
}

impl Lookup {
    /// Waits for the addresses: at least one, none of them IPv4-mapped, the one to try first in front. Once ready it
    /// stays so.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub fn poll_addresses(&self, cx: &mut Context<'_>) -> Poll<Result<Vec<IpAddr>, LookupError>> {
        let (sockets, name, asked) = match self {
            Self::Address(address) => return Poll::Ready(Ok([unmapped(*address)].into())),
            Self::Name { sockets, name, asked } => (sockets, name, asked),
        };
        let Some(asked) = asked else {
            let localhost = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            return Poll::Ready(Ok(sockets.answer(name, localhost)));
        };
        asked.poll_addresses(cx).map(|answered| match sockets.answer(name, answered?) {
            addresses if addresses.is_empty() => Err(LookupError::Unresolvable),
            addresses => Ok(addresses),
        })
    }
}

impl Sockets {
    fn answer(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
        let mut answer = Vec::new();
        for address in addresses.into_iter().take(Known::ADDRESSES_MAX).map(unmapped) {
            if !answer.contains(&address) {
                answer.push(address);
            }
        }
        if self.policy.is_named(name) {
            self.known.lock().remember(name, &answer);
        }
        answer
    }
}

fn unmapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.debug_tuple("Address").field(address).finish(),
            Self::Name { name, .. } => f.debug_tuple("Name").field(name).finish(),
        }
    }
}
