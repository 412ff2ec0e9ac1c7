//! What stands in for `load` in a build without validators.

use crate::{
    Error, Limits,
    engine::{Engine, Metering, Module, Outline},
};

impl Engine {
    pub(super) fn validate(&self, _: &[u8]) -> Result<(), Error> {
        Err(Error::unsupported("loading", "this build has no validator: it loads bundles"))
    }
}

impl Module {
    /// Loads nothing, as [`load`](Self::load).
    ///
    /// # Errors
    ///
    /// Always.
    pub fn load_alone(metering: Metering, limits: &Limits, bytes: &[u8]) -> Result<(Engine, Self), Error> {
        let engine = Engine::new(metering, limits);
        let module = Self::load(&engine, bytes)?;
        Ok((engine, module))
    }

    /// Loads nothing: what a build without validators runs comes out of a verified bundle.
    ///
    /// # Errors
    ///
    /// Always.
    pub fn load(engine: &Engine, bytes: &[u8]) -> Result<Self, Error> {
        Self::load_as(engine, bytes, Outline::default(), false)
    }

    pub(super) fn look_and_load(engine: &Engine, bytes: &[u8], _: bool) -> Result<Self, Error> {
        Self::load(engine, bytes)
    }

    pub(super) fn load_as(_: &Engine, _: &[u8], _: Outline, _: bool) -> Result<Self, Error> {
        Err(Error::unsupported("loading", "this build has no validator: it loads bundles"))
    }
}
