//! What this dialect keeps for one guest.

use super::{filesystem::ListingBytes, sockets::Lookups};
use crate::{
    Limits,
    cap::{Code, clocks::Clocks, random::Random},
    component::{ChannelAny, ResourceTable},
    wasi::{
        Grants, Preopen,
        cli::{Input, Output},
        http,
        path::Walks,
        price::Tab,
        sockets::{GuestNetwork, TcpSocket},
    },
};
use alloc::{string::String, sync::Arc, vec::Vec};

/// What a guest of WASI 0.3 was granted, and the resources it holds.
pub struct State {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) directories: Vec<Preopen>,
    pub(super) network: GuestNetwork,
    pub(super) lookups: Lookups,
    /// Sockets that listen, as long as their guest takes connections from these streams.
    pub(super) listeners: Vec<(ChannelAny, Arc<TcpSocket>)>,
    pub(super) clocks: Arc<dyn Clocks>,
    pub(super) random: Arc<dyn Random>,
    /// What `get-insecure-seed` answers, once it was asked: the same ever after.
    pub(super) seed: Option<(u64, u64)>,
    pub(super) walks: Walks,
    /// What is owed for work in directories and files, and for requests.
    pub(super) tab: Tab,
    /// What listings of directories may hold: all of a guest's together stay within what one call may move.
    pub(super) listing_bytes: ListingBytes,
    /// Random bytes of one call.
    pub(super) random_bytes_max: usize,
    pub(super) http: http::State,
    /// What resources stand for.
    pub(super) table: ResourceTable,
}

impl State {
    /// What a guest starts with. `http` is what it is kept of HTTP, whichever dialect it speaks.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for an argument, variable or directory name that cannot be one.
    pub fn new(grants: Grants, limits: &Limits, http: http::State) -> Result<Self, Code> {
        grants.check_names()?;
        let tab = Tab::new();
        let Grants { args, env, stdin, stdout, stderr, directories, network, clocks, mut random, .. } =
            grants;
        Ok(Self {
            args: args.to_vec(),
            env,
            stdin,
            stdout,
            stderr,
            directories,
            network,
            lookups: Lookups::new(),
            listeners: Vec::new(),
            clocks,
            random: random.get(),
            seed: None,
            walks: Walks::within(limits, &tab),
            tab,
            listing_bytes: ListingBytes::new(limits.host_call_bytes as usize),
            random_bytes_max: limits.random_bytes.min(limits.host_call_bytes) as usize,
            http,
            table: ResourceTable::new(),
        })
    }

    /// What fuel host work since it was last asked took besides what was charged.
    #[must_use]
    pub fn take_owed(&mut self) -> u64 {
        self.tab.take() + self.network.as_ref().map_or(0, |network| network.tab().take())
    }
}

impl core::fmt::Debug for State {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}
