//! Programs out of bundles.

#[cfg(feature = "component")]
mod component;
#[cfg(not(feature = "component"))]
#[path = "bundled/component_absent.rs"]
mod component;
#[cfg(feature = "validate")]
mod make;

use crate::{
    Error, Limits, Loader, Program,
    engine::{Engine, Module, bundle::VerifiedBundle},
    program::{Code, Core},
};

impl Loader {
    /// Loads what was validated and signed elsewhere: see [`bundle`](crate::engine::bundle).
    ///
    /// # Errors
    ///
    /// When it passes a limit, when it is a component that uses a proposal that is off, and when its guests are to count
    /// no fuel.
    pub fn load_bundle(self, bundle: &VerifiedBundle<'_>) -> Result<Program, Error> {
        if bundle.is_component() {
            return Ok(Program { code: Code::Component(component::load(bundle, &self)?) });
        }
        let engine = Engine::new(self.metering, &self.limits);
        let module = Module::from_bundle(&engine, bundle)?;
        Ok(Program { code: Code::Module(Core::new(engine, module)) })
    }
}

impl Program {
    /// Loads what was validated and signed elsewhere: see [`bundle`](crate::engine::bundle). Its guests count fuel, and
    /// of the Component Model it may use what has shipped; where that is not meant, there is [`Loader::load_bundle`].
    ///
    /// # Errors
    ///
    /// As [`Loader::load_bundle`].
    pub fn from_bundle(bundle: &VerifiedBundle<'_>, limits: Limits) -> Result<Self, Error> {
        Loader::new().limits(limits).load_bundle(bundle)
    }
}
