//! HTTP, where there is none.

use super::Grants;
use crate::Limits;

/// Nothing to grant: built without `http`.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Granted {}

/// Nothing to keep.
#[derive(Clone, Debug)]
pub struct State;

impl State {
    /// Nothing kept for one guest.
    #[must_use]
    pub const fn new(_: &Grants, _: &Limits) -> Self {
        Self
    }
}
