//! What stands in for `load` in a build without validators.

use crate::{
    Error,
    engine::{Engine, Module},
};

impl Module {
    /// Loads nothing: what a build without validators runs comes out of a verified bundle.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn load(_: &Engine, _: &[u8]) -> Result<Self, Error> {
        Err(Error::unsupported("loading", "this build has no validator: it loads bundles"))
    }
}
