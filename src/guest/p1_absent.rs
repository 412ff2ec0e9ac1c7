//! What stands in for WASI 0.1 in a build without it: a core module's guest imports nothing.

use crate::{
    Limits,
    cap::Code,
    engine::{HostFunction, Resolver},
    wasi::Grants,
};

/// Nothing to keep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State;

impl State {
    /// Refuses what WASI 0.1 would refuse, and keeps none of it.
    pub(crate) fn new(grants: Grants, _: &Limits) -> Result<Self, Code> {
        grants.check_names()?;
        Ok(Self)
    }

    /// Nothing is ever owed.
    pub(crate) fn take_owed(&mut self) -> u64 {
        0
    }
}

/// No import is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Imports;

impl Resolver<State> for Imports {
    fn find(&self, _: &str, _: &str) -> Option<u16> {
        None
    }

    fn function(&self, _: u16) -> Option<&'static HostFunction<State>> {
        None
    }
}
