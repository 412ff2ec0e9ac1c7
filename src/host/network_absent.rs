//! What stands in for `network` in a build without components.

use crate::wasi::sockets::{GuestNetwork, NetworkGrant};

/// One guest's share of a network: there is none.
pub(super) fn share(_: &NetworkGrant, _: bool) -> GuestNetwork {}
