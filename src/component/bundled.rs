//! Components out of bundles: what reading them gave was written down by who validated them.

#[cfg(feature = "validate")]
mod make;

use super::{
    codec::{Code, Reader},
    definition::Definition,
    features::Features,
    load::{Census, Component, Engine, Loaded},
    types::Types,
};
use crate::{
    Error,
    engine::{Module, bundle::VerifiedBundle},
};
use alloc::{sync::Arc, vec::Vec};

/// Each proposal by its name, in the order of the bits that bundles have for them.
fn gates(features: &mut Features) -> [(&'static str, &mut bool); 9] {
    // Taken apart, so that none is forgotten.
    let Features {
        concurrency,
        map,
        implements,
        stackful,
        more_async_builtins,
        threading,
        error_context,
        fixed_length_lists,
        memory64,
    } = features;
    [
        ("concurrency", concurrency),
        ("map", map),
        ("implements", implements),
        ("stackful", stackful),
        ("more_async_builtins", more_async_builtins),
        ("threading", threading),
        ("error_context", error_context),
        ("fixed_length_lists", fixed_length_lists),
        ("memory64", memory64),
    ]
}

/// Refuses a component that uses what is off here.
fn check_used(used: u32, mut on: Features) -> Result<(), Error> {
    let gates = gates(&mut on);
    if used >> gates.len() != 0 {
        return Err(Error::malformed("a number in the bundle is out of range", None));
    }
    match gates.into_iter().enumerate().find(|(bit, (_, on))| used >> bit & 1 != 0 && !**on) {
        Some((_, (name, _))) => Err(Error::unsupported(name, "this proposal of the Component Model is off")),
        None => Ok(()),
    }
}

impl Component {
    /// Loads what was validated and signed elsewhere: see [`bundle`](crate::engine::bundle).
    ///
    /// # Errors
    ///
    /// When it is a core module, when it passes a limit of the engine, when the engine counts no fuel, and when it uses a
    /// proposal that the engine has off: [`Error::unsupported_feature`] then tells which field of [`Features`].
    pub fn from_bundle(engine: &Engine, bundle: &VerifiedBundle<'_>) -> Result<Self, Error> {
        let Some(description) = bundle.description() else {
            return Err(Error::malformed("a core module where a component is expected", None));
        };
        let mut from = Reader::new(description);
        check_used(u32::read(&mut from)?, engine.features)?;
        Census::read(&mut from)?.check(engine.limits())?;
        let mut types = Types::read(&mut from)?;
        if engine.features.memory64 {
            types.widen();
        }
        types.check_depth(engine.limits())?;
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
