//! HTTP, where there is none.

use super::Grants;
use crate::Limits;

/// Nothing to grant: built without `http`.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Granted {}

/// Nothing to keep.
pub(super) struct State;

impl State {
    pub(super) const fn new(_: &Grants, _: &Limits) -> Self {
        Self
    }
}
