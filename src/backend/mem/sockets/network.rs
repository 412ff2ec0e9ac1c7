//! A network in memory: machines with addresses, a link between them that may be slow and lossy, and names.

use super::{tcp::TcpSocket, udp::UdpSocket};
use crate::{
    backend::mem::{Clocks, Random},
    cap::{
        Code,
        clocks::{self, Clocks as _, Datetime},
        random::Random as _,
        sockets::{self as cap, AddressFamily, Lookup, LookupError, SocketOption},
    },
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::atomic::AtomicUsize,
    task::{Context, Poll},
};
use spin::Mutex;

/// How packets travel between two machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Nanoseconds from one machine to another.
    pub latency_ns: u64,
    /// How many packets of a million are lost. A lost datagram is gone; TCP sends again, which takes time.
    pub loss_per_million: u32,
}

/// A network that machines are on. A cheap handle; everything on it repeats exactly, run for run.
///
/// Each machine reaches itself at the loopback addresses at once, and the others at theirs over the [`Link`]. Names
/// stand for the same everywhere.
///
/// A guest that only waits for what is on its way makes the clock jump there, as a virtual clock does for those who
/// wait for a time. Give guests that wait for both the network's own [`clocks`](Self::clocks): they let what arrives
/// first come first.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

struct Shared {
    link: Link,
    clocks: Clocks,
    random: Random,
    state: Mutex<State>,
    /// Times waited for since the clock moved last.
    asked: Mutex<(u64, BTreeSet<u64>)>,
}

#[derive(Default)]
struct State {
    machines: Vec<Vec<IpAddr>>,
    names: BTreeMap<String, Vec<IpAddr>>,
    bound: BTreeMap<(usize, Protocol, u16), Vec<(IpAddr, Endpoint)>>,
    next_port: u16,
}

/// Which of the two kinds of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// What is found at an address.
#[derive(Clone)]
pub(super) enum Endpoint {
    Tcp(Arc<Mutex<super::tcp::Backlog>>),
    Udp(Arc<Mutex<super::udp::Inbox>>),
}

/// The ports that are given to those who ask for any (RFC 6335, 6).
const FREE_PORTS: core::ops::RangeInclusive<u16> = 49_152..=u16::MAX;
/// How many times are remembered that somebody waits for.
const ASKED_MAX: usize = 4_096;

impl Network {
    /// A network without machines, over which everything arrives at once.
    #[must_use]
    pub fn new() -> Self {
        Self::linked(Link::default(), Clocks::new(), 0)
    }

    /// A network with this link, on these clocks; `seed` decides what is lost.
    #[must_use]
    pub fn linked(link: Link, clocks: Clocks, seed: u64) -> Self {
        let state = Mutex::new(State { next_port: *FREE_PORTS.start(), ..State::default() });
        let (random, asked) = (Random::seeded(seed), Mutex::default());
        Self(Arc::new(Shared { link, clocks, random, state, asked }))
    }

    /// A new machine with these addresses, besides the loopback ones.
    #[must_use]
    pub fn machine(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Machine {
        let mut state = self.0.state.lock();
        state.machines.push(addresses.into_iter().collect());
        Machine { network: self.clone(), number: state.machines.len() - 1, held: Arc::default() }
    }

    /// Has a name stand for these addresses, instead of what it stood for.
    pub fn name(&self, name: impl ToString, addresses: impl IntoIterator<Item = IpAddr>) {
        self.0.state.lock().names.insert(name.to_string(), addresses.into_iter().collect());
    }

    /// The network's clocks, on which whoever waits is not sent past what arrives before.
    #[must_use]
    pub fn clocks(&self) -> NetworkClocks {
        NetworkClocks(self.clone())
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.0.clocks.peek_ns()
    }

    /// When something that is sent now arrives, if it does. Between a machine and itself, at once.
    pub(super) fn arrival_ns(&self, far: bool) -> Option<u64> {
        if !far {
            return Some(self.now_ns());
        }
        let lost = self.lost();
        (!lost).then(|| self.now_ns().saturating_add(self.0.link.latency_ns))
    }

    /// As [`arrival_ns`](Self::arrival_ns), sent again until it arrives.
    pub(super) fn sure_arrival_ns(&self, far: bool) -> u64 {
        let mut again_ns = 0_u64;
        // A link that loses everything is broken after a while, as if it had got through at last.
        for _ in 0..16 {
            if let Some(arrival_ns) = self.arrival_ns(far) {
                return arrival_ns.saturating_add(again_ns);
            }
            again_ns = again_ns.saturating_add(self.0.link.latency_ns.saturating_mul(3));
        }
        self.now_ns().saturating_add(again_ns)
    }

    fn lost(&self) -> bool {
        if self.0.link.loss_per_million == 0 {
            return false;
        }
        let mut bytes = [0; 4];
        let drawn = self.0.random.fill(&mut bytes).is_ok();
        drawn && u32::from_le_bytes(bytes) % 1_000_000 < self.0.link.loss_per_million
    }

    /// Waits for a time. Asked the first time it only wakes, so that whoever else is polled together with this one
    /// says what it waits for; asked again at the same time, nothing else came and the clock may jump.
    pub(super) fn poll_until(&self, cx: &mut Context<'_>, at_ns: u64) -> Poll<()> {
        let now_ns = self.now_ns();
        if at_ns <= now_ns {
            return Poll::Ready(());
        }
        let mut asked = self.0.asked.lock();
        if asked.0 != now_ns || asked.1.len() > ASKED_MAX {
            *asked = (now_ns, BTreeSet::new());
        }
        if asked.1.insert(at_ns) {
            drop(asked);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let first_ns = asked.1.first().copied().unwrap_or(at_ns);
        drop(asked);
        let jumped = self.0.clocks.poll_until(cx, first_ns);
        if jumped.is_ready() && first_ns < at_ns {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        jumped
    }

    /// The first time that somebody waits for, if that is before `deadline_ns`.
    fn asked_before(&self, deadline_ns: u64) -> Option<u64> {
        let now_ns = self.now_ns();
        let asked = self.0.asked.lock();
        let first_ns = asked.1.first().copied().filter(|_| asked.0 == now_ns);
        first_ns.filter(|&first_ns| first_ns < deadline_ns)
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("link", &self.0.link)
            .field("machines", &self.0.state.lock().machines)
            .finish_non_exhaustive()
    }
}

/// A network's clocks: see [`Network::clocks`].
#[derive(Clone, Debug)]
pub struct NetworkClocks(Network);

impl clocks::Clocks for NetworkClocks {
    fn monotonic_now_ns(&self) -> u64 {
        self.0.0.clocks.monotonic_now_ns()
    }

    fn monotonic_resolution_ns(&self) -> u64 {
        self.0.0.clocks.monotonic_resolution_ns()
    }

    fn wall_now(&self) -> Datetime {
        self.0.0.clocks.wall_now()
    }

    fn wall_resolution_ns(&self) -> u64 {
        self.0.0.clocks.wall_resolution_ns()
    }

    fn poll_until(&self, cx: &mut Context<'_>, deadline_ns: u64) -> Poll<()> {
        let Some(first_ns) = self.0.asked_before(deadline_ns) else {
            return self.0.0.clocks.poll_until(cx, deadline_ns);
        };
        if self.0.0.clocks.poll_until(cx, first_ns).is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// A machine on a [`Network`]. A cheap handle; guests that are given clones of one share its ports.
///
/// What its guests send over TCP and nobody has read is at most 32 MiB, and 64 KiB on a connection that nobody has accepted;
/// past the first, sending fails with [`Code::NoMemory`].
#[derive(Clone, Debug)]
pub struct Machine {
    network: Network,
    number: usize,
    /// Bytes that its TCP sockets have sent and nobody has read.
    held: Arc<AtomicUsize>,
}

impl Machine {
    /// A machine on a network of its own: it reaches nobody but itself.
    #[must_use]
    pub fn new() -> Self {
        Network::new().machine([])
    }

    /// The network it is on.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// What its TCP sockets hold all together.
    pub(super) fn held(&self) -> &Arc<AtomicUsize> {
        &self.held
    }

    /// Whether this is the address of this machine that others, or it itself, reach it at.
    fn owns(&self, ip: IpAddr) -> bool {
        let state = self.network.0.state.lock();
        state.owner(self.number, ip) == Some(self.number)
    }

    /// The address that packets to `remote` come from.
    pub(super) fn address_towards(&self, remote: IpAddr) -> IpAddr {
        let state = self.network.0.state.lock();
        let own = state.machines.get(self.number).into_iter().flatten();
        let same = own.copied().find(|ip| ip.is_ipv4() == remote.is_ipv4());
        match same {
            Some(own) if !remote.is_loopback() => own,
            _ if remote.is_ipv4() => IpAddr::V4(core::net::Ipv4Addr::LOCALHOST),
            _ => IpAddr::V6(Ipv6Addr::LOCALHOST),
        }
    }

    /// Takes an address, with a free port for port 0.
    pub(super) fn bind(
        &self,
        protocol: Protocol,
        local: SocketAddr,
        endpoint: Endpoint,
    ) -> Result<Bound, Code> {
        if !local.ip().is_unspecified() && !self.owns(local.ip()) {
            return Err(Code::AddressNotAvailable);
        }
        let mut state = self.network.0.state.lock();
        let port = match local.port() {
            0 => state.free_port(self.number, protocol, local.ip()).ok_or(Code::AddressInUse)?,
            port if state.is_free(self.number, protocol, local.ip(), port) => port,
            _ => return Err(Code::AddressInUse),
        };
        state.bound.entry((self.number, protocol, port)).or_default().push((local.ip(), endpoint));
        let address = SocketAddr::new(local.ip(), port);
        Ok(Bound { machine: self.clone(), protocol, address })
    }

    /// What is at an address, and whether that is on another machine; `None` when no machine has the address.
    pub(super) fn find(&self, protocol: Protocol, at: SocketAddr) -> Option<(Option<Endpoint>, bool)> {
        let state = self.network.0.state.lock();
        let owner = state.owner(self.number, at.ip())?;
        let bound = state.bound.get(&(owner, protocol, at.port())).into_iter().flatten();
        let unspecified = AddressFamily::of(&at.ip()).unspecified();
        let endpoint = bound.clone().find(|(ip, _)| *ip == at.ip());
        let endpoint = endpoint.or_else(|| bound.clone().find(|(ip, _)| *ip == unspecified));
        Some((endpoint.map(|(_, endpoint)| endpoint.clone()), owner != self.number))
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// Whose address this is, seen from a machine.
    fn owner(&self, from: usize, ip: IpAddr) -> Option<usize> {
        if ip.is_loopback() {
            return Some(from);
        }
        self.machines.iter().position(|addresses| addresses.contains(&ip))
    }

    fn is_free(&self, machine: usize, protocol: Protocol, ip: IpAddr, port: u16) -> bool {
        let bound = self.bound.get(&(machine, protocol, port));
        !bound.into_iter().flatten().any(|(taken, _)| {
            taken.is_ipv4() == ip.is_ipv4() && (*taken == ip || taken.is_unspecified() || ip.is_unspecified())
        })
    }

    fn free_port(&mut self, machine: usize, protocol: Protocol, ip: IpAddr) -> Option<u16> {
        for _ in FREE_PORTS {
            let port = self.next_port;
            self.next_port = port.checked_add(1).unwrap_or(*FREE_PORTS.start());
            if self.is_free(machine, protocol, ip, port) {
                return Some(port);
            }
        }
        None
    }
}

/// An address that is taken until this is dropped.
pub(super) struct Bound {
    machine: Machine,
    protocol: Protocol,
    pub(super) address: SocketAddr,
}

impl Drop for Bound {
    fn drop(&mut self) {
        let key = (self.machine.number, self.protocol, self.address.port());
        let mut state = self.machine.network.0.state.lock();
        let Some(bound) = state.bound.get_mut(&key) else { return };
        // Taken out, and dropped after the lock: what it held may drop other addresses.
        let at = bound.iter().position(|(ip, _)| *ip == self.address.ip());
        let dropped = at.map(|at| bound.swap_remove(at));
        if bound.is_empty() {
            state.bound.remove(&key);
        }
        drop(state);
        drop(dropped);
    }
}

impl cap::Network for Machine {
    fn tcp_socket(&self, _: AddressFamily) -> Result<Arc<dyn cap::TcpSocket>, Code> {
        Ok(Arc::new(TcpSocket::new(self.clone())))
    }

    fn udp_socket(&self, family: AddressFamily) -> Result<Arc<dyn cap::UdpSocket>, Code> {
        Ok(Arc::new(UdpSocket::new(self.clone(), family)))
    }

    fn look_up(&self, name: &str) -> Result<Arc<dyn Lookup>, LookupError> {
        let network = &self.network;
        let addresses = network.0.state.lock().names.get(name).cloned();
        // There and back.
        let answered_ns = network.now_ns().saturating_add(network.0.link.latency_ns.saturating_mul(2));
        Ok(Arc::new(Asked { network: network.clone(), answered_ns, addresses }))
    }
}

struct Asked {
    network: Network,
    answered_ns: u64,
    addresses: Option<Vec<IpAddr>>,
}

impl Lookup for Asked {
    fn poll_addresses(&self, cx: &mut Context<'_>) -> Poll<Result<Vec<IpAddr>, LookupError>> {
        self.network
            .poll_until(cx, self.answered_ns)
            .map(|()| self.addresses.clone().ok_or(LookupError::Unresolvable))
    }
}

/// A socket's options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options([u64; 7]);

const SECOND_NS: u64 = 1_000_000_000;

impl Options {
    const BUFFER_BYTES: u64 = 64 << 10;
    const BUFFER_BYTES_MAX: u64 = 1 << 20;

    pub(super) const fn new() -> Self {
        let (idle, interval) = (7_200 * SECOND_NS, 75 * SECOND_NS);
        Self([0, idle, interval, 9, 64, Self::BUFFER_BYTES, Self::BUFFER_BYTES])
    }

    pub(super) fn get(&self, option: SocketOption) -> u64 {
        self.0[option as usize]
    }

    pub(super) fn set(&mut self, option: SocketOption, value: u64) {
        self.0[option as usize] = match option {
            SocketOption::KeepAlive => value.min(1),
            SocketOption::KeepAliveIdleNs | SocketOption::KeepAliveIntervalNs => {
                value.clamp(1, 32_767 * SECOND_NS)
            }
            SocketOption::KeepAliveCount => value.clamp(1, 127),
            SocketOption::HopLimit => value.clamp(1, 255),
            SocketOption::ReceiveBufferBytes | SocketOption::SendBufferBytes => {
                value.clamp(1, Self::BUFFER_BYTES_MAX)
            }
        };
    }
}
