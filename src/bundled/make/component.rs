//! Bundling components.

use crate::{
    Error,
    component::Features,
    engine::bundle::{Bundler, SecretKey},
};
use alloc::vec::Vec;

pub(super) fn bundle(bundler: &Bundler, bytes: &[u8], key: &SecretKey) -> Result<Vec<u8>, Error> {
    bundler.bundle_component(bytes, Features::default(), key)
}
