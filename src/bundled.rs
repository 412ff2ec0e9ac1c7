//! Programs out of bundles.

#[cfg(feature = "component")]
mod component;
#[cfg(not(feature = "component"))]
#[path = "bundled/component_absent.rs"]
mod component;
#[cfg(feature = "validate")]
mod make;

use crate::{
    Error, Limits, Program,
    engine::{Engine, Metering, Module, bundle::VerifiedBundle},
    program::{Code, Core},
};

impl Program {
    /// Loads what was validated and signed elsewhere: see [`bundle`](crate::engine::bundle). Its guests count fuel.
    ///
    /// # Errors
    ///
    /// When it passes a limit.
    pub fn from_bundle(bundle: &VerifiedBundle<'_>, limits: Limits) -> Result<Self, Error> {
        if bundle.description().is_some() {
            return Ok(Self { code: Code::Component(component::load(bundle, &limits)?) });
        }
        let engine = Engine::new(Metering::On, &limits);
        let module = Module::from_bundle(&engine, bundle)?;
        Ok(Self { code: Code::Module(Core { engine, module }) })
    }
}
