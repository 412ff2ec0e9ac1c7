//! Components out of bundles: what reading them gave was written down by who validated them.

#[cfg(feature = "validate")]
mod make;

use super::{
    codec::{Code, Reader},
    definition::Definition,
    load::{Census, Component, Engine, Loaded},
    types::Types,
};
use crate::{
    Error,
    engine::{Module, bundle::VerifiedBundle},
};
use alloc::{sync::Arc, vec::Vec};

impl Component {
    /// Loads what was validated and signed elsewhere: see [`bundle`](crate::engine::bundle).
    ///
    /// # Errors
    ///
    /// When it is a core module, and when it passes a limit of the engine.
    pub fn from_bundle(engine: &Engine, bundle: &VerifiedBundle<'_>) -> Result<Self, Error> {
        let Some(description) = bundle.description() else {
            return Err(Error::malformed("a core module where a component is expected", None));
        };
        let mut from = Reader::new(description);
        Census::read(&mut from)?.check(engine.limits())?;
        let mut types = Types::read(&mut from)?;
        if engine.features.memory64 {
            types.widen();
        }
        let (deep, deep_max) = (types.depth_max(), engine.limits().type_depth);
        if deep > deep_max {
            return Err(Error::limit("type_depth", deep.into(), deep_max.into()));
        }
        let definitions: Vec<Definition> = Vec::read(&mut from)?;
        from.end()?;
        if definitions.is_empty() {
            return Err(Error::malformed("the bundle describes no component", None));
        }
        let modules = Module::all_from_bundle(engine.core(), bundle)?;
        let loaded = Loaded::new(types, definitions, modules);
        Ok(Self { loaded: Arc::new(loaded), engine: engine.clone() })
    }
}
