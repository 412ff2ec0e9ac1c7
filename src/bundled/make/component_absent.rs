//! No components in this build.

use crate::{
    Error,
    engine::bundle::{Bundler, SecretKey},
};
use alloc::vec::Vec;

pub(super) fn bundle(_: &Bundler, _: &[u8], _: &SecretKey) -> Result<Vec<u8>, Error> {
    Err(Error::unsupported("the Component Model", "this build runs core modules only"))
}
