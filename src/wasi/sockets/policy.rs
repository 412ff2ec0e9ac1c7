//! What a guest may do with a network: nothing, and what rules allow.
//!
//! A rule speaks of addresses or of a name. Addresses are judged when a socket is about to use one, and as what they
//! are in the end ([`canonical`]). A rule with a name allows to look it up, and then the addresses the
//! answer had, and of those only the ones that are everybody's ([`is_global`]): whoever runs a name server outside
//! may choose what a name stands for, but reaches nothing inside with it (DNS rebinding). A name of the inside is
//! granted by its address.

pub use crate::cap::sockets::RuleError;

use crate::cap::sockets::{AddressRange, Hosts, Pattern, canonical, is_global, name};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
};

/// What a guest may want with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Connecting by TCP.
    TcpConnect,
    /// Binding a TCP socket, to listen there or to connect from there.
    TcpBind,
    /// Sending datagrams to it, and receiving from it.
    UdpSend,
    /// Binding a UDP socket, and receiving there from anybody.
    UdpBind,
}

impl Operation {
    /// Going out: connecting, and exchanging datagrams with a peer.
    pub const OUT: [Self; 2] = [Self::TcpConnect, Self::UdpSend];
    /// Letting others in.
    pub const IN: [Self; 2] = [Self::TcpBind, Self::UdpBind];
    /// All there is.
    pub const ALL: [Self; 4] = [Self::TcpConnect, Self::TcpBind, Self::UdpSend, Self::UdpBind];
}

/// Addresses or a name, and ports: `10.0.0.0/8:*`, `[::1]:8000-8010`, `api.example.com:443`, `*.example.com:443`,
/// `*:53`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    hosts: Hosts,
    ports: RangeInclusive<u16>,
}

impl Rule {
    /// Every address and port.
    #[must_use]
    pub fn any() -> Self {
        Self { hosts: Hosts::Any, ports: 0..=u16::MAX }
    }

    /// These addresses and ports.
    #[must_use]
    pub fn addresses(range: AddressRange, ports: RangeInclusive<u16>) -> Self {
        Self { hosts: Hosts::Range(range), ports }
    }

    fn allows(&self, address: SocketAddr, known: &Known) -> bool {
        self.ports.contains(&address.port())
            && match &self.hosts {
                Hosts::Any => true,
                Hosts::Range(range) => range.contains(address.ip()),
                names @ (Hosts::Name(_) | Hosts::NamesBelow(_)) => known.allows(names, address.ip()),
            }
    }
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let Pattern { hosts, ports } = text.parse()?;
        Ok(Self { hosts, ports: ports.ok_or(RuleError::NoPorts)? })
    }
}

/// What was refused, and what would have allowed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Denied {
    /// No rule allows this with this address.
    Address(Operation, SocketAddr),
    /// No rule allows to look up this name.
    Name(String),
    /// Sockets of this kind were ruled out: TCP, or else UDP.
    Socket {
        /// Whether it would have been one for TCP.
        tcp: bool,
    },
    /// This many sockets are open, and no more may be.
    TooMany(u32),
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(Operation::TcpConnect, at) => write!(f, "connecting by TCP to {at} is not granted"),
            Self::Address(Operation::TcpBind, at) => write!(f, "binding TCP to {at} is not granted"),
            Self::Address(Operation::UdpSend, at) => write!(f, "exchanging UDP with {at} is not granted"),
            Self::Address(Operation::UdpBind, at) => write!(f, "binding UDP to {at} is not granted"),
            Self::Name(name) => write!(f, "looking up `{name}` is not granted"),
            Self::Socket { tcp: true } => f.write_str("TCP is ruled out"),
            Self::Socket { tcp: false } => f.write_str("UDP is ruled out"),
            Self::TooMany(open) => write!(f, "{open} sockets are open and no more are granted"),
        }
    }
}

/// Who hears of what was refused.
type Watch = Arc<dyn Fn(&Denied) + Send + Sync>;

/// What a guest may do with a network.
#[derive(Clone)]
pub struct Policy {
    rules: Vec<(Operation, Rule)>,
    pub(super) tcp: bool,
    pub(super) udp: bool,
    any_name: bool,
    pub(super) sockets_max: u32,
    watch: Option<Watch>,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new()
    }
}

impl Policy {
    /// How many sockets a guest may have open, unless told otherwise.
    pub const SOCKETS_MAX: u32 = 256;

    /// Nothing but making sockets that reach nobody.
    #[must_use]
    pub fn new() -> Self {
        let (rules, watch) = (Vec::new(), None);
        Self { rules, tcp: true, udp: true, any_name: false, sockets_max: Self::SOCKETS_MAX, watch }
    }

    /// Everything but looking up names, which [`allow_names`](Self::allow_names) adds.
    #[must_use]
    pub fn allow_all(self) -> Self {
        self.allow(Operation::ALL, &Rule::any())
    }

    /// These operations also with the addresses of `rule`.
    #[must_use]
    pub fn allow(mut self, operations: impl IntoIterator<Item = Operation>, rule: &Rule) -> Self {
        self.rules.extend(operations.into_iter().map(|operation| (operation, rule.clone())));
        self
    }

    /// Any name may be looked up. That alone allows no address.
    #[must_use]
    pub fn allow_names(mut self) -> Self {
        self.any_name = true;
        self
    }

    /// No TCP sockets, whatever else is allowed.
    #[must_use]
    pub fn without_tcp(mut self) -> Self {
        self.tcp = false;
        self
    }

    /// No UDP sockets, whatever else is allowed.
    #[must_use]
    pub fn without_udp(mut self) -> Self {
        self.udp = false;
        self
    }

    /// At most so many sockets open at once.
    #[must_use]
    pub fn sockets_max(mut self, sockets: u32) -> Self {
        self.sockets_max = sockets;
        self
    }

    /// Has `watch` told of everything that is refused.
    #[must_use]
    pub fn on_denied(mut self, watch: impl Fn(&Denied) + Send + Sync + 'static) -> Self {
        self.watch = Some(Arc::new(watch));
        self
    }

    /// Whether nobody can be reached by it, nor anybody reach the guest: then a network of its own does
    /// ([`backend::mem`](crate::backend::mem)), whose sockets take nothing of the platform's.
    #[must_use]
    pub fn grants_nothing(&self) -> bool {
        self.rules.is_empty() && !self.any_name
    }

    pub(super) fn deny(&self, denied: &Denied) {
        if let Some(watch) = &self.watch {
            watch(denied);
        }
    }

    pub(super) fn allows(&self, operation: Operation, address: SocketAddr, known: &Known) -> bool {
        self.rules.iter().any(|(allowed, rule)| *allowed == operation && rule.allows(address, known))
    }

    pub(super) fn allows_name(&self, name: &str) -> bool {
        self.any_name || self.is_named(name)
    }

    /// Whether a rule speaks of this name, so that its addresses matter.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.rules.iter().any(|(_, rule)| rule.hosts.has_name(name))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("rules", &self.rules)
            .field("tcp", &self.tcp)
            .field("udp", &self.udp)
            .field("any_name", &self.any_name)
            .field("sockets_max", &self.sockets_max)
            .finish_non_exhaustive()
    }
}

/// The addresses that names were found to stand for: of each name the last answer, the oldest name first.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<(String, Vec<IpAddr>)>);

impl Known {
    const NAMES_MAX: usize = 64;
    pub(super) const ADDRESSES_MAX: usize = 32;

    /// Remembers what was answered for a name, instead of what was answered before.
    pub(super) fn remember(&mut self, name: &str, addresses: &[IpAddr]) {
        self.0.retain(|(known, _)| known != name);
        if self.0.len() >= Self::NAMES_MAX {
            self.0.remove(0);
        }
        let addresses = addresses.iter().take(Self::ADDRESSES_MAX).map(|ip| canonical(*ip)).collect();
        self.0.push((name.into(), addresses));
    }

    fn allows(&self, names: &Hosts, address: IpAddr) -> bool {
        let address = canonical(address);
        self.0.iter().any(|(name, addresses)| {
            let reachable = is_global(address) || (name::is_localhost(name) && address.is_loopback());
            reachable && addresses.contains(&address) && names.has_name(name)
        })
    }
}

#[cfg(test)]
mod tests;
