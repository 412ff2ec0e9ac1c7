//! Starting components that are linked with each other.

use super::Host;
use crate::{
    Guest,
    program::{LinkError, Linked},
};

impl Host {
    /// Starts a guest of components that are linked with each other: one world for all of them, in which each may use
    /// everything that was granted. The start functions of their core modules run.
    ///
    /// # Errors
    ///
    /// When what they import is offered neither by this host nor by another of them ([`LinkError::Unmet`] lists all of
    /// it), when two export the same, and as [`start`](Self::start).
    pub fn start_linked(&self, linked: &Linked) -> Result<Guest, LinkError> {
        Guest::start_linked(linked, &self.grants(true), &self.limits, self.fuel)
    }
}
