//! Loading a core module on a host that validates.

use crate::{
    Error,
    engine::{
        Engine, Module, Outline,
        fault::load_error,
        module::Resolved,
        rewrite,
        scan::{self, Format},
    },
};

impl Engine {
    /// Whether a module is valid as it is.
    pub(super) fn validate(&self, bytes: &[u8]) -> Result<(), Error> {
        wasmi::Module::validate(&self.inner, bytes).map_err(|error| load_error(&error))
    }
}

impl Module {
    /// Loads a core module.
    ///
    /// # Errors
    ///
    /// When the bytes are malformed or invalid, pass a limit, or need what the interpreter does not
    /// implement.
    pub fn load(engine: &Engine, bytes: &[u8]) -> Result<Self, Error> {
        Self::look_and_load(engine, bytes, false)
    }

    /// Loads a core module, which may be linked with others or not.
    pub(super) fn look_and_load(engine: &Engine, bytes: &[u8], is_linked: bool) -> Result<Self, Error> {
        if scan::format(bytes)? != Format::Module {
            return Err(Error::malformed("it is a component where a core module is expected", Some(4)));
        }
        let outline = Outline::of(bytes, &engine.limits)?;
        Self::load_as(engine, bytes, outline, is_linked)
    }

    /// Loads a core module that was looked through, with the outline that came of it. It may be linked with others.
    pub(super) fn load_as(
        engine: &Engine,
        bytes: &[u8],
        mut outline: Outline,
        is_linked: bool,
    ) -> Result<Self, Error> {
        let bytes = rewrite::rewrite(bytes, &mut outline, engine, is_linked)?;
        let inner = wasmi::Module::new(&engine.inner, &bytes).map_err(|error| load_error(&error))?;
        Ok(Self { resolved: Resolved::none(&inner), inner, outline })
    }
}
