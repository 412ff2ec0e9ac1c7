//! Bundling components.

use crate::{
    Error,
    engine::bundle::{Bundler, SecretKey},
};
use alloc::vec::Vec;

pub(super) fn bundle(bundler: &Bundler, bytes: &[u8], key: &SecretKey) -> Result<Vec<u8>, Error> {
    bundler.bundle_component(bytes, key)
}
