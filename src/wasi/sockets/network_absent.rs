//! What stands in for `network` in a build without components: nothing that could be granted.

/// A network that a host grants. There is none in a build without components.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NetworkGrant {}

/// One guest's share of a network.
pub type GuestNetwork = ();
