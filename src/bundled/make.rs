//! Bundling whatever a program is.

#[cfg(feature = "component")]
mod component;
#[cfg(not(feature = "component"))]
#[path = "make/component_absent.rs"]
mod component;

use crate::{
    Error,
    engine::{
        bundle::{Bundler, SecretKey},
        scan::{self, Format},
    },
};
use alloc::vec::Vec;

impl Bundler {
    /// Checks a core module or a component as loading would, and signs what came of it.
    ///
    /// # Errors
    ///
    /// Whatever refuses loading: see [`Program::load`](crate::Program::load).
    pub fn bundle(&self, bytes: &[u8], key: &SecretKey) -> Result<Vec<u8>, Error> {
        match scan::format(bytes)? {
            Format::Module => self.bundle_module(bytes, key),
            Format::Component => component::bundle(self, bytes, key),
        }
    }
}
