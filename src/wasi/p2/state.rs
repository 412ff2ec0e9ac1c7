//! What this dialect keeps for one guest.

use crate::{
    Limits,
    cap::Code,
    component::ResourceTable,
    wasi::{Grants, http, path::Walks, price::Tab},
};
use alloc::vec::Vec;
use core::fmt;

/// What was granted to a guest of WASI 0.2, and what it holds of it.
pub struct State {
    pub(super) grants: Grants,
    pub(super) table: ResourceTable,
    pub(super) walks: Walks,
    /// What is owed for work in directories and files, for looking at what is polled, and for requests.
    pub(super) tab: Tab,
    pub(super) limits: Limits,
    /// Bytes that the listings of all directories being read hold.
    pub(super) listing_bytes: usize,
    /// Where reads go on their way to the guest. Kept, so that what a guest asks for is zeroed once, and not again for
    /// each read that brings less.
    pub(super) buffer: Vec<u8>,
    /// What `insecure-seed` answers, once it was asked.
    pub(super) seed: Option<(u64, u64)>,
    pub(super) http: http::State,
}

impl State {
    /// What a guest starts with: grants, and no resource of any of them yet.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for an argument, variable or directory name that cannot be one.
    pub fn new(grants: Grants, limits: &Limits, http: http::State) -> Result<Self, Code> {
        grants.check_names()?;
        let tab = Tab::new();
        let walks = Walks::within(limits, &tab);
        Ok(Self {
            http,
            grants,
            table: ResourceTable::new(),
            walks,
            tab,
            limits: *limits,
            listing_bytes: 0,
            buffer: Vec::new(),
            seed: None,
        })
    }

    /// What was granted.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// What fuel host work since it was last asked took besides what was charged.
    #[must_use]
    pub fn take_owed(&mut self) -> u64 {
        self.tab.take() + self.grants.network.as_ref().map_or(0, |network| network.tab().take())
    }

    /// Every resource that the guest holds.
    pub fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("grants", &self.grants)
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
