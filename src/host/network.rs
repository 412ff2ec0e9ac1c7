//! Granting a network.

use super::Host;
use crate::{
    backend::mem,
    cap::sockets::Network,
    wasi::sockets::{GuestNetwork, NetworkGrant, policy::Policy},
};
use alloc::sync::Arc;

impl Host {
    /// A network that components may use as far as `policy` goes. Without one they can make sockets, and reach nobody.
    ///
    /// ```
    /// use wasmote::{Host, backend::mem, wasi::sockets::policy::{Operation, Policy}};
    /// let network = mem::Network::new();
    /// network.name("db.example", ["10.0.0.7".parse()?]);
    /// let policy = Policy::new().allow(Operation::OUT, &"10.0.0.0/8:5432".parse()?).allow_names();
    /// let host = Host::new().network(network.machine(["10.0.0.1".parse()?]), policy);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn network(mut self, network: impl Network + 'static, policy: Policy) -> Self {
        self.network = NetworkGrant::new(Arc::new(network), policy);
        self
    }
}

/// One guest's share of what was granted, if it is a component.
pub(super) fn share(grant: &NetworkGrant, is_component: bool) -> GuestNetwork {
    is_component.then(|| grant.sockets(|| Arc::new(mem::Machine::new())))
}
