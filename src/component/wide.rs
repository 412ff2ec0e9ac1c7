//! Representations of 64 bits, of resources whose components ask for them (`Binary.md`, `(resource (rep i64))`).
//!
//! Wherever a resource goes, 32 bits go with it. Of these resources they are not the representation but where that is
//! here: only the functions that their components make and ask about them with, and their destructors, see the number.

use crate::{
    Rule, Trap,
    component::{
        store::{ResourceTypeId, State},
        table::Table,
    },
};
use alloc::collections::BTreeSet;

/// The representations of 64 bits in a store.
#[derive(Debug, Default)]
pub(crate) struct Wide {
    types: BTreeSet<ResourceTypeId>,
    numbers: Table<u64>,
    count: u32,
}

impl<T: 'static> State<T> {
    /// Notes that resources of a type have representations of 64 bits.
    pub(crate) fn widen(&mut self, ty: ResourceTypeId) {
        self.wide.types.insert(ty);
    }

    fn is_wide(&self, ty: ResourceTypeId) -> bool {
        self.wide.types.contains(&ty)
    }

    /// What goes with a new resource of this representation. There are as many as there may be handles: each resource has
    /// one somewhere.
    pub(crate) fn keep_rep(&mut self, ty: ResourceTypeId, number: u64) -> Result<u32, Trap> {
        if !self.is_wide(ty) {
            return Ok(number as u32);
        }
        if self.wide.count >= self.handles_max {
            return Err(Trap::Handles);
        }
        self.wide.count += 1;
        self.wide.numbers.add(number)
    }

    /// The representation of a resource that this goes with.
    pub(crate) fn rep(&self, ty: ResourceTypeId, rep: u32) -> Result<u64, Trap> {
        if self.is_wide(ty) { self.wide.numbers.get(rep).copied() } else { Ok(rep.into()) }
    }

    /// The same where it is lent to the component that made it: that takes the representation itself, and 32 bits, as all
    /// handles do (`lower_borrow`, `flatten_type`).
    pub(crate) fn lent_rep(&self, ty: ResourceTypeId, rep: u32) -> Result<u32, Trap> {
        u32::try_from(self.rep(ty, rep)?).map_err(|_| Rule::WideBorrow.into())
    }

    /// The same where the resource is destroyed, and whether it is of 64 bits.
    pub(crate) fn take_rep(&mut self, ty: ResourceTypeId, rep: u32) -> Result<(u64, bool), Trap> {
        if !self.is_wide(ty) {
            return Ok((rep.into(), false));
        }
        self.wide.count = self.wide.count.saturating_sub(1);
        Ok((self.wide.numbers.remove(rep)?, true))
    }
}
